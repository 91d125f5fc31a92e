/*
 * What the protocol promises about relaying and flow, measured on the virtual wire: nobody is lost
 * behind others, nobody waits for others, and nothing costs more than it must.
 */
#include "tests/bus/support_world.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define BEAT_MS 1000
#define WIRE_MS 1                          /* on the way */
#define COMMIT_MS (8 + 3)                  /* at most, until the mesh hears of it */
#define HOP_MS (WIRE_MS + COMMIT_MS)       /* a pushed event, written at the next central */
#define ANNOUNCE_MS 50                     /* the promise */
#define PULL_MS (3 * WIRE_MS + 8 + HOP_MS) /* asked, read, answered, written */
#define RELAY_MS (ANNOUNCE_MS + PULL_MS + 1)

static struct world *quiet_world(size_t nodes)
{
    struct world_options options = {
        .seed = 4711, .nodes = nodes, .heartbeat_ms = BEAT_MS, .delay_ms = WIRE_MS};
    options.ordered = true;
    return world_new(&options);
}

/* As much as a busy site writes in a day, in commits of the usual size. */
static void write_many(struct world *world, size_t node, size_t count)
{
    for (size_t i = 0; i < count; i += 100) {
        world_write(world, node, 100, 40);
    }
}

static bool holds(struct world *world, size_t node, uint64_t events)
{
    return memlog_count(world_log(world, node)) >= events;
}

/* How long until a node holds so many events; -1 after `max_ms`. */
static int64_t wait_events(struct world *world, size_t node, uint64_t events, int64_t max_ms)
{
    for (int64_t ms = 0; ms <= max_ms; ms++) {
        if (holds(world, node, events)) {
            return ms;
        }
        world_run(world, 1);
    }
    return -1;
}

/* ---- through others ---- */

/* Whatever the shape and whoever dials: one direction of each pair. */
START_TEST(test_events_travel_through_others)
{
    enum {
        CHAIN,
        STAR,
        RING,
        TREE,
        SHAPES
    };

    for (int shape = CHAIN; shape < SHAPES; shape++) {
        for (int dials_down = 0; dials_down < 2; dials_down++) {
            const size_t nodes = 8;
            struct world *world = quiet_world(nodes);
            for (size_t i = 1; i < nodes; i++) {
                size_t to = shape == STAR ? 0 : shape == TREE ? (i - 1) / 2 : i - 1;
                world_connect(world, dials_down ? i : to, dials_down ? to : i);
            }
            if (shape == RING) {
                world_connect(world, nodes - 1, 0);
            }
            ck_assert_int_ge(world_settle(world, 5000), 0);
            for (size_t i = 0; i < nodes; i++) {
                world_write(world, i, 3, 40);
            }
            int64_t took = world_settle(world, 5000);
            ck_assert_msg(took >= 0, "shape %d", shape);
            ck_assert_uint_eq(memlog_count(world_log(world, nodes - 1)), 3 * nodes);
            world_check(world);
            world_destroy(&world);
        }
    }
}
END_TEST

/* A chain: each central between announces what passes through it within 50 ms. */
START_TEST(test_a_relay_announces_within_50_ms)
{
    const size_t nodes = 6;
    struct world *world = quiet_world(nodes);
    int64_t worst = 0;

    for (size_t i = 1; i < nodes; i++) {
        world_connect(world, i, i - 1);
    }
    ck_assert_int_ge(world_settle(world, 5000), 0);
    for (uint64_t round = 1; round <= 40; round++) {
        world_run(world, (int64_t)world_random(world, 700));
        world_write(world, 0, 1, 40);
        int64_t first = wait_events(world, 1, round, HOP_MS);
        ck_assert_msg(first >= 0, "round %d: the push took too long", (int)round);
        for (size_t i = 2; i < nodes; i++) {
            int64_t took = wait_events(world, i, round, RELAY_MS);
            ck_assert_msg(took >= 0, "round %d: not at %zu after %d ms", (int)round, i, RELAY_MS);
            worst = took > worst ? took : worst;
        }
    }
    printf("a relay took %d ms at worst, announcing, asking and writing\n", (int)worst);
    world_destroy(&world);
}
END_TEST

/* ---- flow ---- */

struct flow {
    int open[WORLD_NODES][WORLD_NODES]; /* requests of the first to the second */
    int most;
    uint64_t requests;
};

static void see_flow(void *context, size_t from, size_t to, struct slice bytes, int64_t now_ms)
{
    struct flow *flow = context;
    struct message message;

    (void)now_ms; /* only the order counts */
    MUST(message_unpack(&message, bytes) == 0);
    if (message.type == MESSAGE_SYNC_REQUEST) {
        flow->requests++;
        flow->open[from][to]++;
        flow->most = flow->open[from][to] > flow->most ? flow->open[from][to] : flow->most;
    } else if (message.type == MESSAGE_SYNC_RESPONSE) {
        flow->open[to][from]--;
    }
    message_free(&message);
}

START_TEST(test_at_most_two_requests_are_outstanding)
{
    struct flow flow = {.most = 0};
    struct world *world = quiet_world(4);

    for (size_t i = 0; i < 3; i++) {
        write_many(world, i, 3000);
    }
    world_watch(world, see_flow, &flow);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < i; k++) {
            world_connect(world, i, k);
        }
    }
    ck_assert_int_ge(world_settle(world, 60000), 0);
    ck_assert_uint_gt(flow.requests, 20);
    ck_assert_int_le(flow.most, LIMIT_OUTSTANDING);
    world_destroy(&world);
}
END_TEST

/* Two are under way where one peer has several long streams, and never more. */
START_TEST(test_two_requests_to_a_peer_and_no_more)
{
    const uint64_t each = 3000, streams = 4;
    struct flow flow = {.most = 0};
    struct world *world = quiet_world(2);

    world_kill(world, 0, 0);
    for (uint64_t i = 0; i < streams; i++) {
        struct stream stream = {.epoch = i + 1};
        (void)snprintf(stream.node.text, sizeof stream.node.text, "site-%d", (int)i);
        world_import(world, 0, &stream, each);
    }
    world_start(world, 0);
    world_watch(world, see_flow, &flow);
    world_connect(world, 1, 0);
    ck_assert_int_ge(wait_events(world, 1, streams * each, 20000), 0);
    ck_assert_int_eq(flow.most, LIMIT_OUTSTANDING);
    world_destroy(&world);
}
END_TEST

/* One commit of more events than a run may have: the first run is pushed, the others are pulled
 * without a pause between them. */
START_TEST(test_a_large_commit_is_pulled_without_a_pause)
{
    const size_t nodes = 4;
    struct world *world = quiet_world(nodes);

    for (size_t i = 0; i < nodes; i++) {
        for (size_t k = 0; k < nodes; k++) {
            if (i != k) {
                world_connect(world, i, k);
            }
        }
    }
    ck_assert_int_ge(world_settle(world, 5000), 0);
    world_write(world, 0, 3000, 40);
    /* The heartbeat that names the head comes after a quarter of the usual time. */
    int64_t took = wait_events(world, nodes - 1, 3000, 20000);
    ck_assert_msg(took >= 0 && took <= BEAT_MS / 4 + 6 * PULL_MS, "took %d ms", (int)took);
    ck_assert_int_ge(world_settle(world, 2 * BEAT_MS), 0);
    world_check(world);
    world_destroy(&world);
}
END_TEST

/* One is stopped with open connections. The others' events pass as if it were not there, and what
 * was asked of it is asked elsewhere after the time that an answer may take. */
START_TEST(test_a_stuck_peer_delays_nobody)
{
    struct world *world = quiet_world(3);

    world_connect(world, 1, 0);
    ck_assert_int_ge(world_settle(world, 5000), 0);
    write_many(world, 0, 3000);
    ck_assert_int_ge(wait_events(world, 1, 3000, 20000), 0);
    world_connect(world, 2, 0);
    world_connect(world, 2, 1);
    while (memlog_count(world_log(world, 2)) == 0) {
        world_run(world, 1); /* it pulls from both */
    }
    world_freeze(world, 1, true);
    int64_t took = wait_events(world, 2, 3000, 20000);
    ck_assert_msg(took >= 0 && took <= 16000, "caught up after %d ms", (int)took);
    for (uint64_t round = 1; round <= 50; round++) {
        world_write(world, 0, 1, 40);
        took = wait_events(world, 2, 3000 + round, HOP_MS);
        ck_assert_msg(took >= 0, "round %d: an event waited for a stuck peer", (int)round);
        world_run(world, 100);
    }
    world_destroy(&world);
}
END_TEST

/* While one central catches up with thousands of events of another, a live event of a third waits
 * for one chunk at most: the one that is being written. */
START_TEST(test_a_live_event_waits_for_one_chunk)
{
    struct world *world = quiet_world(3);
    struct stream live = {.epoch = 0};
    size_t during = 0;

    write_many(world, 0, 30000);
    world_connect(world, 2, 1);
    ck_assert_int_ge(world_settle(world, 0), -1);
    world_run(world, 3000);
    world_connect(world, 2, 0);
    for (uint64_t round = 1; round <= 400 && !holds(world, 2, 30000); round++) {
        world_write(world, 1, 1, 40);
        struct memlog *log = world_log(world, 1);
        for (size_t i = 0; i < log->count; i++) {
            if (strcmp(log->streams[i].id.node.text, "central-2") == 0) {
                live = log->streams[i].id;
            }
        }
        world_run(world, WIRE_MS + 8 + 8); /* a chunk that was there before, then its own turn */
        world_run(world, 3);               /* the fact before the push */
        ck_assert_uint_eq(memlog_head(world_log(world, 2), &live).seq, round);
        during += !holds(world, 2, 30000);
    }
    ck_assert_uint_gt(during, 5);
    world_destroy(&world);
}
END_TEST

/* ---- costs ---- */

struct costs {
    uint64_t messages[WORLD_NODES], bytes[WORLD_NODES], all_bytes;
    uint64_t of_type[MESSAGE_BYE + 1];
};

static void see_costs(void *context, size_t from, size_t to, struct slice bytes, int64_t now_ms)
{
    struct costs *costs = context;

    (void)to;     /* who sends pays */
    (void)now_ms; /* not when */
    costs->messages[from]++;
    costs->bytes[from] += bytes.len;
    costs->all_bytes += bytes.len;
    /* [type, ...]: the array's head is one byte, HELLO's with 15 elements, too. */
    costs->of_type[(unsigned char)bytes.data[1] <= MESSAGE_BYE ? bytes.data[1] : 0]++;
}

/* Two centrals that know 10,000 streams, of a hundred centrals with a hundred starts each, one of
 * them with an event more here than there. */
START_TEST(test_many_streams_cost_a_page)
{
    struct costs costs = {.all_bytes = 0};
    struct world *world = quiet_world(2);

    world_kill(world, 0, 0);
    world_kill(world, 1, 0);
    for (size_t i = 0; i < 10000; i++) {
        struct stream stream = {.epoch = i / 100 + 1};
        (void)snprintf(stream.node.text, sizeof stream.node.text, "site-%zu", i % 100);
        world_import(world, 0, &stream, i == 4242 ? 2 : 1);
        world_import(world, 1, &stream, 1);
    }
    world_start(world, 0);
    world_start(world, 1);
    world_watch(world, see_costs, &costs);
    world_connect(world, 0, 1);
    ck_assert_int_ge(wait_events(world, 1, 10001, 10000), 0);
    ck_assert_uint_le(costs.of_type[MESSAGE_VECTOR], 4); /* each may ask */
    ck_assert_uint_le(costs.of_type[MESSAGE_SYNC_REQUEST], 1);
    ck_assert_msg(costs.all_bytes < 32768, "%d bytes", (int)costs.all_bytes);
    printf("one difference in 10000 streams: %d bytes in all\n", (int)costs.all_bytes);
    world_destroy(&world);
}
END_TEST

/* Fifty centrals lose power and come back at the same moment, with events that the others have not
 * seen. They settle within a few heartbeats, with a bounded number of messages each. */
START_TEST(test_fifty_restart_at_once)
{
    const size_t nodes = 50;
    struct costs costs = {.all_bytes = 0};
    struct world *world = quiet_world(nodes);
    uint64_t most = 0, most_bytes = 0;

    for (size_t i = 0; i < nodes; i++) {
        for (size_t k = 0; k < nodes; k++) {
            if (i != k) {
                world_connect(world, i, k);
            }
        }
    }
    world_run(world, 3000);
    for (size_t i = 0; i < nodes; i++) {
        world_write(world, i, 10, 40);
        world_kill(world, i, 0);
    }
    world_watch(world, see_costs, &costs);
    for (size_t i = 0; i < nodes; i++) {
        world_start(world, i);
    }
    int64_t same = 0;
    while (same < 20000 && !world_is_equal(world)) {
        world_run(world, 50);
        same += 50;
    }
    int64_t took = world_settle(world, 20000);
    ck_assert_msg(took >= 0, "not settled");
    took += same;
    for (size_t i = 0; i < nodes; i++) {
        most = costs.messages[i] > most ? costs.messages[i] : most;
        most_bytes = costs.bytes[i] > most_bytes ? costs.bytes[i] : most_bytes;
    }
    printf("fifty at once: equal after %d ms and all say so after %d, at most %d messages and %d "
           "bytes by one\n",
           (int)same, (int)took, (int)most, (int)most_bytes);
    ck_assert_int_le(same, BEAT_MS);
    ck_assert_int_le(took, 3 * BEAT_MS);
    ck_assert_uint_le(most, 49 * 16);
    ck_assert_uint_le(most_bytes, 300000);
    world_check(world);
    /* And then there is silence: a heartbeat a second to each peer. */
    memset(&costs, 0, sizeof costs);
    world_run(world, 10000);
    for (size_t i = 0; i < nodes; i++) {
        ck_assert_uint_le(costs.messages[i], 49 * 12);
    }
    world_destroy(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("world_promises");
    TCase *tests = tcase_create("promises");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_events_travel_through_others);
    tcase_add_test(tests, test_a_relay_announces_within_50_ms);
    tcase_add_test(tests, test_at_most_two_requests_are_outstanding);
    tcase_add_test(tests, test_two_requests_to_a_peer_and_no_more);
    tcase_add_test(tests, test_a_large_commit_is_pulled_without_a_pause);
    tcase_add_test(tests, test_a_stuck_peer_delays_nobody);
    tcase_add_test(tests, test_a_live_event_waits_for_one_chunk);
    tcase_add_test(tests, test_many_streams_cost_a_page);
    tcase_add_test(tests, test_fifty_restart_at_once);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
