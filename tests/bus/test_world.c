/*
 * The replication as a whole: worlds of several centrals with faults, from seeds. Whatever
 * happened, when the network works again all logs become equal within bounded time.
 */
#include "tests/bus/support_world.h"
#include "tests/support_main.h"

#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#define SEEDS 312
#define SHARDS 6
#define SETTLE_MS 90000

enum shape {
    CHAIN,
    STAR,
    RING,
    FULL,
    SHAPES
};

static void join(struct world *world, size_t a, size_t b)
{
    switch (world_random(world, 3)) {
    case 0:
        world_connect(world, a, b);
        break;
    case 1:
        world_connect(world, b, a);
        break;
    default:
        world_connect(world, a, b);
        world_connect(world, b, a);
        break;
    }
}

static void build(struct world *world, enum shape shape, size_t nodes)
{
    for (size_t a = 0; a < nodes; a++) {
        for (size_t b = 0; b < a; b++) {
            bool is_next = a == b + 1;
            if (shape == FULL || (shape == STAR && b == 0) || (shape == CHAIN && is_next) ||
                (shape == RING && (is_next || (b == 0 && a == nodes - 1)))) {
                join(world, a, b);
            }
        }
    }
}

/* Something bad or good happens. */
static void disturb(struct world *world, size_t nodes)
{
    size_t a = world_random(world, nodes);
    size_t b = (a + 1 + world_random(world, nodes - 1)) % nodes;

    switch (world_random(world, 12)) {
    case 0:
        world_cut(world, a, b, true);
        break;
    case 1:
        world_cut(world, a, b, false);
        break;
    case 2:
        world_reset(world, a, b);
        break;
    case 3:
        world_kill(world, a, 0);
        break;
    case 4:
        world_kill(world, a, (unsigned)world_random(world, 100));
        break;
    case 5:
    case 6:
        for (size_t i = 0; i < nodes; i++) {
            world_start(world, i);
        }
        break;
    case 7:
        /* Mostly below one run, sometimes two. */
        world_write(world, a, 1 + world_random(world, world_random(world, 6) ? 60 : 900), 20);
        break;
    case 8:
        world_write(world, a, 1 + world_random(world, world_random(world, 4) ? 2 : 20), 20000);
        break;
    default:
        world_write(world, a, 1 + world_random(world, 4), 40);
        break;
    }
    world_run(world, (int64_t)world_random(world, 1500));
}

static void live(uint64_t seed)
{
    struct world_options options = {.seed = seed, .nodes = 3 + seed % 4, .heartbeat_ms = 1000};
    options.loss = (unsigned)(seed * 7 % 31);
    options.duplicates = (unsigned)(seed * 3 % 11);
    options.delay_ms = 1 + (int64_t)(seed * 13 % 120);
    options.ordered = seed % 3 == 0;
    options.refusals = seed % 5 == 0 ? 20 : 0;
    options.lost_facts = seed % 4 == 0 ? 10 : 0;
    struct world *world = world_new(&options);
    build(world, (enum shape)(seed / 4 % SHAPES), options.nodes);
    for (int step = 0; step < 30; step++) {
        disturb(world, options.nodes);
    }
    world_check(world);
    world_heal(world);
    int64_t took = world_settle(world, SETTLE_MS);
    ck_assert_msg(took >= 0, "seed %llu: not equal", (unsigned long long)seed);
    world_check(world);
    /* At rest only heartbeats travel: two a second for each of at most 30 directed links. */
    world_run(world, 2000);
    uint64_t before = world_sent(world);
    world_run(world, 10000);
    ck_assert_uint_lt(world_sent(world) - before, 30 * 2 * 10);
    ck_assert_uint_lt(world_longest(world), 2000);
    if (getenv("WORLD_SHOW")) {
        printf("seed %llu took %lld ms, sent %llu, longest %zu, duplicates %llu\n",
               (unsigned long long)seed, (long long)took, (unsigned long long)before,
               world_longest(world), (unsigned long long)world_alarms(world, PROBLEM_DUPLICATE_ID));
    }
    world_destroy(&world);
}

START_TEST(test_random_worlds)
{
    const char *only = getenv("WORLD_SEED");
    if (only && _i > 0) {
        return;
    }
    if (only) {
        live(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t i = 0; i < SEEDS / SHARDS; i++) {
        live(i * SHARDS + (uint64_t)_i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("world");
    TCase *seeds = tcase_create("seeds");
    tcase_set_timeout(seeds, 60);
    tcase_add_loop_test(seeds, test_random_worlds, 0, SHARDS);
    suite_add_tcase(suite, seeds);
    return main_run(suite);
}
