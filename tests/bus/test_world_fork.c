/*
 * Damage and forks in a mesh: whatever branch or byte is wrong at whom, in the end all logs are
 * equal, every event that anybody wrote is in all of them, and somebody said what happened.
 */
#include "tests/bus/support_world_internal.h"
#include "tests/support_main.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#define SETTLE_MS 300000

static struct world *world_of(uint64_t seed, size_t nodes)
{
    struct world_options options = {.seed = seed,
                                    .nodes = nodes,
                                    .heartbeat_ms = 1000,
                                    .delay_ms = 1 + (int64_t)(seed % 40),
                                    .ordered = seed % 2 == 0,
                                    .loss = (unsigned)(seed % 3) * 5,
                                    .refusals = (unsigned)(seed % 4)};
    return world_new(&options);
}

/* WORLD_SEED in the environment runs one round of each test; WORLD_SHOW prints what is said. */
static bool is_left_out(int round)
{
    const char *only = getenv("WORLD_SEED");
    return only && strtol(only, NULL, 10) != round;
}

static struct stream stream_of(const char *node, uint64_t epoch)
{
    struct stream stream = {.epoch = epoch};
    ck_assert(node_id_parse(slice_text(node), &stream.node));
    return stream;
}

/* What is in the log when the process starts. */
static void hold(struct world *world, size_t node, const struct stream *stream, size_t common,
                 size_t own, uint64_t salt)
{
    world_kill(world, node, 0);
    if (common) {
        memlog_write(world_log(world, node), stream, common, 20, 500);
    }
    memlog_write(world_log(world, node), stream, own, 20, salt);
    world_start(world, node);
}

/* The bodies that were written, wherever they are now and whatever was put behind them. */
static bool has_salt(const struct memlog *log, uint64_t salt, size_t index)
{
    for (size_t i = 0; i < log->count; i++) {
        for (size_t k = 0; k < log->streams[i].count; k++) {
            struct event event;
            const struct memlog_event *at = &log->streams[i].events[k];
            ck_assert_int_eq(
                event_unpack(&event, buffer_slice(&at->header), buffer_slice(&at->body)), 0);
            if (event.device_ms == (int64_t)(salt + index)) {
                return true;
            }
        }
    }
    return false;
}

static void settle(struct world *world, uint64_t seed)
{
    int64_t took = world_settle(world, SETTLE_MS);
    ck_assert_msg(took >= 0, "seed %llu did not settle", (unsigned long long)seed);
}

static void check_all_there(struct world *world, uint64_t salt, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(has_salt(world_log(world, 0), salt, from + i), "event %zu of branch %llu",
                      from + i, (unsigned long long)salt);
    }
}

/* A third central's stream, two branches; the origin is not there. */
START_TEST(test_a_fork_of_a_foreign_stream)
{
    if (is_left_out(_i)) {
        return;
    }
    static const size_t commons[] = {0, 1, 7, 40};
    for (size_t c = 0; c < sizeof commons / sizeof *commons; c++) {
        uint64_t seed = (uint64_t)_i * 100 + c;
        struct world *world = world_of(seed, 3);
        struct stream stream = stream_of("central-9", 77);
        size_t common = commons[c], left = 1 + seed % 5, right = 1 + seed % 3;
        hold(world, 0, &stream, common, left, 1000 + seed);
        hold(world, 1, &stream, common, right, 2000 + seed);
        if (_i % 2) {
            hold(world, 2, &stream, common, left, 1000 + seed); /* two hold the same branch */
        }
        world_connect(world, 0, 1);
        world_connect(world, 1, 2);
        if (_i % 3 == 0) {
            world_connect(world, 2, 0);
        }
        settle(world, seed);
        check_all_there(world, 1000 + seed, common, left);
        check_all_there(world, 2000 + seed, common, right);
        ck_assert_uint_gt(world_alarms(world, PROBLEM_CHAIN_MISMATCH), 0);
        ck_assert_uint_gt(world_mended(world), 0);
        ck_assert_uint_eq(world_alarms(world, PROBLEM_CHAIN_BROKEN), 0);
        world_destroy(&world);
    }
}
END_TEST

/* The branches lie far from each other: those between hear of the fork from others. */
START_TEST(test_a_chain_of_centrals_with_a_fork_at_its_ends)
{
    if (is_left_out(_i)) {
        return;
    }
    uint64_t seed = (uint64_t)_i;
    struct world *world = world_of(seed, 4);
    struct stream stream = stream_of("central-9", 77);
    hold(world, 0, &stream, 5, 3, 1000);
    hold(world, 3, &stream, 5, 4, 2000);
    for (size_t i = 0; i < 3; i++) {
        world_connect(world, i, i + 1);
    }
    settle(world, seed);
    check_all_there(world, 1000, 5, 3);
    check_all_there(world, 2000, 5, 4);
    world_destroy(&world);
}
END_TEST

/* The running process goes back to a snapshot and goes on with the same epoch. */
START_TEST(test_a_resumed_snapshot)
{
    if (is_left_out(_i)) {
        return;
    }
    uint64_t seed = (uint64_t)_i;
    struct world *world = world_of(seed, 3);
    world_connect(world, 0, 1);
    world_connect(world, 1, 2);
    world_write(world, 0, 10, 20);
    settle(world, seed);
    struct stream stream = {.node = world->nodes[0].id, .epoch = world->nodes[0].epoch};
    size_t kept = 1 + seed % 9;

    world_kill(world, 0, 0);
    memlog_truncate(world_log(world, 0), 0, kept);
    world_start(world, 0);
    world->nodes[0].epoch = stream.epoch;
    world->nodes[0].own = memlog_head(world_log(world, 0), &stream);
    if (seed % 3) {
        world_write(world, 0, seed % 3 + seed % 12, 25);
    }
    world_run(world, (int64_t)world_random(world, 20000));
    world_write(world, 0, 2, 30);
    settle(world, seed);
    world_write(world, 0, 1, 30);
    settle(world, seed);
    /* Two who held the same branch may both have moved it. */
    ck_assert_uint_ge(memlog_count(world_log(world, 0)),
                      10 + (seed % 3 ? seed % 3 + seed % 12 : 0) + 3);
    world_destroy(&world);
}
END_TEST

START_TEST(test_damage_is_mended)
{
    if (is_left_out(_i)) {
        return;
    }
    uint64_t seed = (uint64_t)_i;
    struct world *world = world_of(seed, 3);
    world_connect(world, 0, 1);
    world_connect(world, 1, 2);
    for (size_t i = 0; i < 3; i++) {
        world_write(world, i, 20 + i * 300, 20);
    }
    settle(world, seed);
    struct memlog *log = world_log(world, (size_t)seed % 3);
    size_t stream = seed / 3 % log->count;
    size_t seq =
        seed % 4 ? 1 + world_random(world, log->streams[stream].count) : log->streams[stream].count;
    memlog_damage(log, &log->streams[stream].id, seq);
    memlog_damage(log, &log->streams[(stream + 1) % 3].id, 1 + seed % 20);
    if (seed != 2) {
        world_kill(world, (size_t)seed % 3, 0);
        world_start(world, (size_t)seed % 3);
    } else {
        world_run(world, LIMIT_SCRUB_PASS_MS); /* found by the walk of the next day */
    }
    for (int i = 0; i < 600 && world_mended(world) < 2; i++) {
        world_run(world, 1000);
    }
    ck_assert_uint_eq(memlog_damaged(log, &log->streams[stream].id, 1, SIZE_MAX), 0);
    ck_assert_uint_eq(memlog_damaged(log, &log->streams[(stream + 1) % 3].id, 1, SIZE_MAX), 0);
    ck_assert_uint_eq(world_alarms(world, PROBLEM_CHAIN_BROKEN), 2);
    ck_assert_uint_eq(world_alarms(world, PROBLEM_CHAIN_MISMATCH), 0);
    world_check(world);
    world_destroy(&world);
}
END_TEST

/* Longer than any run: chains of hundreds of events, with the last ones or without. */
START_TEST(test_long_damage_is_mended)
{
    uint64_t seed = (uint64_t)_i;
    struct world *world = world_of(seed, 3);
    world_connect(world, 0, 1);
    world_connect(world, 1, 2);
    world_write(world, 0, 2000, seed % 2 ? 20 : 2000);
    settle(world, seed);
    struct memlog *log = world_log(world, 1);
    struct stream stream = log->streams[0].id;
    memlog_damage_chains(log, &stream, 1 + seed * 97, 1200 + seed * 13);
    memlog_damage(log, &stream, 900);
    world_kill(world, 1, 0);
    world_start(world, 1);
    for (int i = 0; i < 600 && world_mended(world) < 1; i++) {
        world_run(world, 1000);
    }
    ck_assert_uint_eq(memlog_damaged(log, &stream, 1, SIZE_MAX), 0);
    ck_assert_uint_eq(world_alarms(world, PROBLEM_CHAIN_BROKEN), 1);
    ck_assert_uint_eq(world_alarms(world, PROBLEM_CHAIN_MISMATCH), 0);
    world_check(world);
    world_destroy(&world);
}
END_TEST

/* Nobody has our own events yet: nothing is thrown away, and it is said. */
START_TEST(test_damage_that_nobody_can_mend_stays)
{
    struct world *world = world_of(2, 2);
    world_write(world, 0, 5, 20);
    memlog_damage(world_log(world, 0), &world_log(world, 0)->streams[0].id, 3);
    world_connect(world, 0, 1);
    world_run(world, 60000);
    ck_assert_uint_eq(memlog_count(world_log(world, 0)), 5);
    ck_assert_uint_eq(memlog_count(world_log(world, 1)), 2); /* what verifies was sent */
    ck_assert_uint_eq(world_alarms(world, PROBLEM_CHAIN_BROKEN), 1);
    ck_assert_uint_eq(world_mended(world), 0);
    world_destroy(&world);
}
END_TEST

static struct diff_report diff(struct world *world, size_t node, const char *peer)
{
    struct diff_report report;
    struct node_id id;
    ck_assert(node_id_parse(slice_text(peer), &id));
    for (int i = 0; i < 300; i++) {
        replica_diff(world_replica(world, node), &id, &report, world_now(world));
        passage_drain(world, node);
        if (report.state != DIFF_LOOKING) {
            return report;
        }
        world_run(world, 100);
    }
    return report;
}

START_TEST(test_the_first_difference)
{
    struct world *world = world_of(2, 4);
    struct stream stream = stream_of("central-9", 77);
    world->options.refusals = 0;
    world->options.frozen = true; /* so that it stays different */
    hold(world, 0, &stream, 6, 3, 1000);
    hold(world, 1, &stream, 6, 5, 2000);
    hold(world, 2, &stream, 6, 3, 1000);
    memlog_write(world_log(world, 2), &stream, 2, 20, 1000);
    ck_assert_int_eq(diff(world, 0, "central-2").state, DIFF_UNKNOWN_PEER);
    world_kill(world, 1, 0);
    world_connect(world, 0, 1);
    ck_assert_int_eq(diff(world, 0, "central-2").state, DIFF_NOT_CONNECTED);
    world_start(world, 1);
    world_kill(world, 2, 0);
    world_start(world, 2);
    for (size_t i = 1; i < 4; i++) {
        world_connect(world, 0, i);
        world_connect(world, i, 0);
    }
    world_run(world, 5000);
    struct diff_report report = diff(world, 0, "central-2");
    ck_assert_int_eq(report.state, DIFF_DIFFERS);
    ck_assert_uint_eq(report.position.seq, 7);
    ck_assert_str_eq(report.position.stream.node.text, "central-9");
    ck_assert(!digest_equal(&report.ours, &report.theirs));
    report = diff(world, 0, "central-3");
    ck_assert_int_eq(report.state, DIFF_MISSING_HERE);
    ck_assert_uint_eq(report.position.seq, 10);
    report = diff(world, 2, "central-1");
    ck_assert_int_eq(report.state, DIFF_MISSING_THERE);
    ck_assert_uint_eq(report.position.seq, 10);
    report = diff(world, 0, "central-4");
    ck_assert_int_eq(report.state, DIFF_MISSING_THERE);
    ck_assert_uint_eq(report.position.seq, 1);
    report = diff(world, 3, "central-1");
    ck_assert_int_eq(report.state, DIFF_MISSING_HERE);
    ck_assert_uint_eq(report.position.seq, 1);
    world->options.frozen = false;
    settle(world, 2);
    ck_assert_int_eq(diff(world, 0, "central-2").state, DIFF_EQUAL);
    world_cut(world, 0, 1, true);
    world_run(world, 10000);
    ck_assert_int_eq(diff(world, 0, "central-2").state, DIFF_NOT_CONNECTED);
    world_destroy(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("world_fork");
    TCase *tcase = tcase_create("world_fork");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_a_fork_of_a_foreign_stream, 0, 8);
    tcase_add_loop_test(tcase, test_a_chain_of_centrals_with_a_fork_at_its_ends, 0, 8);
    tcase_add_loop_test(tcase, test_a_resumed_snapshot, 0, 18);
    tcase_add_loop_test(tcase, test_damage_is_mended, 0, 12);
    tcase_add_loop_test(tcase, test_long_damage_is_mended, 0, 4);
    tcase_add_test(tcase, test_damage_that_nobody_can_mend_stays);
    tcase_add_test(tcase, test_the_first_difference);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
