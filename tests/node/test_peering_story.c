/*
 * Honest stories told badly: vehicles enter and leave at two centrals of the existing system, and
 * what those say reaches two gateways of ours in any order, late, twice, or only one of them; live,
 * or as rows of a SYNC_RESPONSE, or both. Whatever the order, both gateways end with just these
 * visits, list nothing for a person to look at, and learn nothing from hearing all of it again.
 */
#include "support_house.h"
#include "support_peer.h"
#include "tests/support_main.h"

#include "proto/event.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STORIES 60
#define PLATES 3
#define VISITS 8 /* of one plate */
#define MESSAGES (PLATES * VISITS * 6)
#define NONE EVENT_NONE

struct told_visit {
    char name[80], exit_name[80], seen_name[80];
    char camera[32];              /* exit, as the other central writes it */
    const char *plate, *in, *out; /* centrals */
    int64_t entry_ms, exit_ms, seen_ms;
    int64_t fee;
};

static struct house houses[2];
static struct told_visit visits[PLATES * VISITS];
static size_t visit_count;
static struct command messages[MESSAGES];
static size_t message_count;
static uint64_t state;

static void setup(void)
{
    house_start(&houses[0], "central-1");
    house_start(&houses[1], "central-2");
}

static void teardown(void)
{
    house_stop(&houses[0]);
    house_stop(&houses[1]);
}

static size_t below(size_t bound)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (size_t)((z ^ (z >> 31)) % bound);
}

static int64_t floor_second(int64_t ms)
{
    return ms - ms % 1000;
}

/* Between two things that happen to one plate: from a part of a second to hours. */
static int64_t pause(void)
{
    static const int64_t scale[] = {100, 1000, 60000, 3600000};
    return 50 + (int64_t)below((size_t)scale[below(4)]);
}

static const char *central(void)
{
    return below(2) ? "central-8" : "central-9";
}

static void live(struct told_visit *visit, int64_t *clock, int64_t *left)
{
    visit->in = central();
    visit->out = central();
    visit->entry_ms = *clock += pause();
    visit->seen_ms = NONE;
    /* A place is told without milliseconds: only one in a second of its own lies for certain
     * between entry and exit. */
    if (below(3) == 0) {
        visit->seen_ms = *clock = floor_second(*clock + 1000 + pause());
        *clock += 1000;
    }
    int64_t least_ms = *left + 1000; /* two exits of one second are one, see docs/fold.md */
    *clock += pause();
    visit->exit_ms = *left = *clock = *clock < least_ms ? least_ms : *clock;
    visit->fee = (int64_t)below(3) * 25000;
    (void)snprintf(visit->name, sizeof visit->name, "%s_%" PRId64 "_%s", visit->in, visit->entry_ms,
                   visit->plate);
    (void)snprintf(visit->exit_name, sizeof visit->exit_name, "central-4_%" PRId64 "_%s",
                   visit->exit_ms, visit->plate);
    (void)snprintf(visit->seen_name, sizeof visit->seen_name, "edge-3_%" PRId64 "_%s",
                   visit->seen_ms == NONE ? 0 : visit->seen_ms - 77, visit->plate);
    (void)snprintf(visit->camera, sizeof visit->camera, "%s/4", visit->out);
}

/* The row as `peer` has it; `is_out`: it has heard of the exit. */
static struct command row_at(const struct told_visit *visit, const char *peer, bool is_out)
{
    struct command row = peer_row(
        peer, visit->name, visit->plate, floor_second(visit->entry_ms),
        is_out && visit->exit_ms != NONE ? floor_second(visit->exit_ms) : NONE, visit->fee);
    if (strcmp(peer, visit->in) != 0) {
        row.source_central = slice_text(visit->in);
        row.source = slice_text("p2p_sync");
    }
    if (row.is_out && strcmp(peer, visit->out) != 0) {
        row.exit_camera_name = slice_text(visit->camera);
        row.exit_source = slice_text("p2p_sync");
    }
    if (visit->seen_ms != NONE && below(2)) {
        row.location = slice_text("Deck B");
        row.location_ms = visit->seen_ms;
    }
    return row;
}

static void add(struct command command)
{
    messages[message_count++] = command;
}

/* What is said of a visit: its entry somehow, its exit somehow, and more. */
static void tell_visit(const struct told_visit *visit)
{
    bool has_exit = visit->exit_ms != NONE;
    size_t way = below(3); /* live, as rows, both */

    if (way != 1) {
        add(peer_entry(visit->in, visit->name, visit->plate, floor_second(visit->entry_ms)));
        if (has_exit) {
            add(peer_exit(visit->out, visit->exit_name, visit->plate, floor_second(visit->exit_ms),
                          visit->fee));
        }
    }
    if (way != 0) {
        add(row_at(visit, below(2) ? visit->in : visit->out, true));
    }
    if (below(2)) { /* of before the exit, or of one who never heard of it */
        add(row_at(visit, central(), false));
    }
    if (visit->seen_ms != NONE) {
        add(peer_seen(visit->in, visit->seen_name, visit->plate, "Deck B", visit->seen_ms));
    }
}

static void make_story(uint64_t seed)
{
    static const char *const plates[PLATES] = {"98A00001", "98A00002", "51G12345"};

    state = seed;
    visit_count = message_count = 0;
    for (size_t p = 0; p < PLATES; p++) {
        int64_t clock = peer_at(0, 0, 0), left = 0;
        for (size_t i = 0; i < VISITS; i++) {
            struct told_visit *visit = &visits[visit_count++];
            visit->plate = plates[p];
            live(visit, &clock, &left);
            if (i == VISITS - 1 && below(2)) {
                visit->exit_ms = NONE; /* still inside */
            }
            tell_visit(visit);
        }
    }
    for (size_t i = message_count; i > 1; i--) {
        size_t k = below(i);
        struct command kept = messages[i - 1];
        messages[i - 1] = messages[k];
        messages[k] = kept;
    }
}

static int64_t hear(struct house *house, const struct command *command)
{
    struct answer answer = house_decide_more(house, command);
    ck_assert_msg(answer.code == PROBLEM_OK, "%s", answer.text);
    return answer.changed;
}

/* Every message to one gateway, or to both, or twice. */
static void tell_story(void)
{
    house_begin(&houses[0]);
    house_begin(&houses[1]);
    for (size_t i = 0; i < message_count; i++) {
        size_t first = below(2);
        (void)hear(&houses[first], &messages[i]);
        if (below(2)) {
            (void)hear(&houses[1 - first], &messages[i]);
        }
        if (below(4) == 0) {
            (void)hear(&houses[first], &messages[below(i + 1)]);
        }
    }
    house_commit(&houses[0]);
    house_commit(&houses[1]);
}

static void check_visit(struct house *house, const struct told_visit *told, uint64_t seed)
{
    struct visit row;
    bool has_exit = told->exit_ms != NONE;

    ck_assert_msg(store_find_visit(house->store, slice_text(told->name), &row, &house->problem) ==
                      1,
                  "seed %" PRIu64 ": %s is not there", seed, told->name);
    ck_assert_msg(row.status == (has_exit ? VISIT_OUT : VISIT_IN), "seed %" PRIu64 ": %s is %s",
                  seed, told->name, visit_status_name(row.status));
    ck_assert_int_eq(row.entry_ms / 1000, told->entry_ms / 1000);
    ck_assert(slice_equal(row.source_central, slice_text(told->in)));
    ck_assert(!row.is_anomaly);
    if (has_exit) {
        ck_assert_msg(row.exit_ms / 1000 == told->exit_ms / 1000, "seed %" PRIu64 ": %s", seed,
                      told->name);
        ck_assert_msg(row.fee == told->fee, "seed %" PRIu64 ": %s: fee", seed, told->name);
        ck_assert_msg(slice_equal(row.exit_central, slice_text(told->out)), "seed %" PRIu64 ": %s",
                      seed, told->name);
    }
    if (told->seen_ms != NONE) {
        ck_assert_int_eq(row.last_location_ms, told->seen_ms);
    }
}

static void check_all(struct house *house, uint64_t seed)
{
    for (size_t i = 0; i < visit_count; i++) {
        check_visit(house, &visits[i], seed);
    }
    ck_assert_msg(house_number(house, "SELECT count(*) FROM anomaly") == 0,
                  "seed %" PRIu64 ": something is listed", seed);
    ck_assert_int_eq(
        house_number(house, "SELECT count(*) FROM history WHERE status IN ('IN', 'OUT')"),
        (int64_t)visit_count);
}

START_TEST(a_story_told_badly_is_still_the_same)
{
    for (int i = 0; i < STORIES / 4; i++) {
        uint64_t seed = (uint64_t)_i * 1000 + (uint64_t)i + 1;
        if (i > 0) {
            teardown();
            setup();
        }
        make_story(seed);
        tell_story();
        peer_pull(&houses[0], &houses[1]);
        peer_pull(&houses[1], &houses[0]);
        struct digest a = store_state_digest(houses[0].store);
        struct digest b = store_state_digest(houses[1].store);
        ck_assert_msg(digest_equal(&a, &b), "seed %" PRIu64, seed);
        check_all(&houses[0], seed);

        house_begin(&houses[0]);
        for (size_t m = 0; m < message_count; m++) {
            ck_assert_msg(hear(&houses[0], &messages[m]) == 0, "seed %" PRIu64 ": message %zu",
                          seed, m);
        }
        house_commit(&houses[0]);

        /* What was folded step by step is what all of it at once gives. */
        ck_assert_int_eq(store_rebuild(houses[0].store, &houses[0].problem), 0);
        b = store_state_digest(houses[0].store);
        ck_assert_msg(digest_equal(&a, &b), "seed %" PRIu64 ": rebuilt", seed);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peering_story");
    TCase *tcase = tcase_create("stories");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_story_told_badly_is_still_the_same, 0, 4);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
