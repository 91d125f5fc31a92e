/*
 * Who equals whom: the matrix of all pairs, and states that differ while logs are equal.
 */
#include "tests/bus/support_bench.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- the matrix ---- */

/* Central 0 is ours, 1.. are the peers as configured. */
static struct sync_cell cell(const struct bench *bench, size_t from, size_t to)
{
    struct mesh_report report = {.running = true};
    struct sync_cell found;

    replica_matrix(bench->replica, &report, bench->now);
    ck_assert_uint_gt(report.centrals, from > to ? from : to);
    found = mesh_report_cell(&report, from, to);
    mesh_report_free(&report);
    return found;
}

static void check_cell(const struct bench *bench, size_t from, size_t to, enum peer_sync sync,
                       uint64_t behind, uint64_t ahead)
{
    struct sync_cell got = cell(bench, from, to);
    struct sync_cell back = cell(bench, to, from);

    ck_assert_msg(
        got.sync == sync && got.last == sync && got.behind == behind && got.ahead == ahead,
        "%zu against %zu: %s, %s, behind %d, ahead %d", from, to, peer_sync_name(got.sync),
        peer_sync_name(got.last), (int)got.behind, (int)got.ahead);
    ck_assert(back.behind == ahead && back.ahead == behind);
}

static void all_heads(struct bench *bench, uint64_t link, const struct memlog *log)
{
    size_t count = 0;
    struct head *heads = memlog_heads(log, &count);

    bench_beat(bench, link, log, heads, count);
    free(heads);
}

START_TEST(test_two_others_are_compared_by_their_words)
{
    struct bench *bench = bench_new("central-1", "central-2 central-3");
    struct memlog two = {.count = 0}, three = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);
    struct stream other = bench_stream("central-3", 6);

    check_cell(bench, 1, 2, SYNC_UNKNOWN, 0, 0);
    ck_assert_int_eq(cell(bench, 1, 2).age_ms, -1);
    bench_join(bench, 1, "central-2");
    bench_join(bench, 2, "central-3");
    check_cell(bench, 0, 1, SYNC_EQUAL, 0, 0); /* three empty logs */
    check_cell(bench, 1, 2, SYNC_EQUAL, 0, 0);
    int64_t equal_ms = bench->now.wall_ms;

    /* Each says how many events it has, but not all of its heads: the difference is sure. */
    bench_pass(bench, 100);
    memlog_write(&two, &stream, 5, 20, 1);
    bench_beat(bench, 1, &two, NULL, 0);
    bench_beat(bench, 2, &three, NULL, 0);
    check_cell(bench, 1, 2, SYNC_AHEAD, 0, 5);
    check_cell(bench, 0, 1, SYNC_BEHIND, 5, 0);
    ck_assert_int_eq(cell(bench, 1, 2).equal_at_ms, equal_ms);
    memlog_write(&three, &other, 3, 20, 1);
    bench_beat(bench, 2, &three, NULL, 0);
    check_cell(bench, 2, 1, SYNC_BEHIND, 2, 0); /* at least */

    /* With all heads it is exact. */
    all_heads(bench, 1, &two);
    all_heads(bench, 2, &three);
    check_cell(bench, 2, 1, SYNC_BOTH, 5, 3);
    check_cell(bench, 0, 2, SYNC_BEHIND, 3, 0);

    memlog_write(&three, &stream, 5, 20, 1);
    memlog_write(&two, &other, 3, 20, 1);
    all_heads(bench, 1, &two);
    all_heads(bench, 2, &three);
    check_cell(bench, 1, 2, SYNC_EQUAL, 0, 0);
    check_cell(bench, 0, 2, SYNC_BEHIND, 8, 0);
    memlog_free(&two);
    memlog_free(&three);
    bench_destroy(&bench);
}
END_TEST

/* Who is away keeps its last relation, which grows old, and equals nobody. */
START_TEST(test_an_absent_one_equals_nobody)
{
    struct bench *bench = bench_new("central-1", "central-2 central-3");
    struct memlog log = {.count = 0};

    bench_join(bench, 1, "central-2");
    bench_join(bench, 2, "central-3");
    bench_beat(bench, 1, &log, NULL, 0);
    bench_beat(bench, 2, &log, NULL, 0);
    int64_t equal_ms = bench->now.wall_ms;
    bench_down(bench, 2);
    for (int second = 1; second < 100; second++) {
        bench_pass(bench, 1000);
        bench_beat(bench, 1, &log, NULL, 0);
        for (size_t from = 0; from < 2; from++) {
            struct sync_cell got = cell(bench, from, 2);
            ck_assert(got.sync == SYNC_UNKNOWN && got.last == SYNC_EQUAL);
            ck_assert_int_eq(got.age_ms, second * 1000);
            ck_assert_int_eq(got.equal_at_ms, equal_ms);
        }
        check_cell(bench, 0, 1, SYNC_EQUAL, 0, 0);
        bench_clear(bench);
    }
    bench_write(bench, 4, 20);
    struct sync_cell got = cell(bench, 0, 2);
    ck_assert(got.sync == SYNC_UNKNOWN && got.last == SYNC_AHEAD && got.ahead == 4);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

/* A link that only carries other messages keeps the peer connected; its digests grow old. */
START_TEST(test_old_words_are_not_equality)
{
    struct bench *bench = bench_new("central-1", "central-2");

    bench_join(bench, 1, "central-2");
    for (int second = 1; second < 10; second++) {
        bench_pass(bench, 1000);
        bench_accept(bench, 1);
        struct sync_cell got = cell(bench, 0, 1);
        ck_assert_int_eq(got.sync, second <= 3 ? SYNC_EQUAL : SYNC_UNKNOWN);
        ck_assert_int_eq(got.last, SYNC_EQUAL);
    }
    bench_destroy(&bench);
}
END_TEST

/* Another process of the same central has said nothing yet. A number belongs to one digest. */
START_TEST(test_words_of_a_former_process_do_not_count)
{
    struct bench *bench = bench_new("central-1", "central-2 central-3");
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);

    bench_join(bench, 1, "central-2");
    bench_join(bench, 2, "central-3");
    memlog_write(&log, &stream, 7, 20, 1);
    all_heads(bench, 1, &log);
    check_cell(bench, 1, 2, SYNC_AHEAD, 0, 7);
    struct message_hello hello = bench_hello(bench, "central-2", 1001);
    hello.log_digest = (struct digest){{1}};
    bench_send_hello(bench, 1, &hello);
    struct sync_cell got = cell(bench, 1, 2);
    ck_assert_int_eq(got.sync, SYNC_AHEAD); /* of the heads heard before it lacks none */
    hello = bench_hello(bench, "central-2", 1002);
    hello.log_digest = (struct digest){{1}};
    bench_send_hello(bench, 1, &hello);
    got = cell(bench, 1, 2);
    ck_assert(got.last == SYNC_UNKNOWN && got.behind == 0 && got.ahead == 0);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

/* A hundred centrals that all differ: the work is bounded, every cell is filled. */
START_TEST(test_a_large_matrix)
{
    char ids[LIMIT_PEERS * 16] = "";
    for (int i = 0; i < 99; i++) {
        (void)snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "p%d ", i);
    }
    struct bench *bench = bench_new("central-1", ids);
    struct mesh_report report = {.running = true};
    struct buffer packed = {.limit = 0};

    for (size_t i = 0; i < 99; i++) {
        char id[16];
        struct memlog log = {.count = 0};
        (void)snprintf(id, sizeof id, "p%zu", i);
        bench_join(bench, i + 1, id);
        for (uint64_t epoch = 1; epoch <= 20; epoch++) {
            struct stream stream = bench_stream(id, epoch);
            memlog_write(&log, &stream, i % 3 + 1, 20, 1);
        }
        all_heads(bench, i + 1, &log);
        memlog_free(&log);
        bench_clear(bench);
    }
    replica_matrix(bench->replica, &report, bench->now);
    ck_assert_uint_eq(report.centrals, 100);
    for (size_t i = 1; i < 100; i++) {
        for (size_t j = i + 1; j < 100; j++) {
            struct sync_cell got = mesh_report_cell(&report, i, j);
            /* Figures are exact while the work lasts, then lower bounds. */
            ck_assert_uint_le(got.behind, ((j - 1) % 3 + 1) * 20);
            ck_assert_uint_le(got.ahead, ((i - 1) % 3 + 1) * 20);
            ck_assert(got.last != SYNC_EQUAL);
        }
    }
    ck_assert_int_eq(mesh_report_cell(&report, 1, 2).last, SYNC_BOTH);
    ck_assert_int_eq(mesh_report_pack(&report, &packed), 0);
    buffer_free(&packed);
    mesh_report_free(&report);
    bench_destroy(&bench);
}
END_TEST

/* ---- states ---- */

/* A HEARTBEAT of an empty log with this state. */
static void say_state(struct bench *bench, uint8_t state)
{
    struct buffer message = {.limit = 0};
    struct message_heartbeat beat = {.sent_ms = 5, .state_digest = {{state}}};
    ck_assert_int_eq(message_pack_heartbeat(&message, &beat), 0);
    bench_feed(bench, 1, &message);
}

/* An empty log here, of which we made the state `state`; a peer with a fold of version `fold`. */
static struct bench *stated(uint8_t state, uint64_t fold)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct digest digest = {{state}};
    struct message_hello hello = bench_hello(bench, "central-2", 6);

    replica_set_vector(bench->replica, NULL, 0, 0, 0, &digest, bench->now);
    bench_take(bench);
    hello.fold = fold;
    hello.state_digest = digest;
    bench_up(bench, 1, NULL);
    bench_send_hello(bench, 1, &hello);
    bench_accept(bench, 1);
    bench_clear(bench);
    return bench;
}

START_TEST(test_unequal_states_of_equal_logs_are_an_alarm)
{
    struct bench *bench = stated(1, 1);

    for (int second = 0; second < 20; second++) {
        say_state(bench, 2);
        bool is_told = second >= 2;
        ck_assert_int_eq(bench_report(bench, "central-2").problem,
                         is_told ? PROBLEM_STATE_DIVERGED : PROBLEM_OK);
        bench_pass(bench, 1000);
    }
    const struct bench_output *alarm = bench_alarm(bench, PROBLEM_STATE_DIVERGED, 0);
    ck_assert_ptr_nonnull(alarm);
    ck_assert_ptr_null(bench_alarm(bench, PROBLEM_STATE_DIVERGED, 1));
    ck_assert_ptr_nonnull(strstr(alarm->text, "central-1 and central-2"));
    ck_assert_ptr_nonnull(strstr(alarm->text, "/api/v1/sync"));
    ck_assert_int_eq(bench_report(bench, "central-2").sync, SYNC_EQUAL); /* the logs */
    ck_assert_ptr_nonnull(strstr(bench_report(bench, "central-2").last_error, "central-1"));

    /* It is shown again after the link was lost, without another alarm. */
    bench_down(bench, 1);
    bench_up(bench, 2, NULL);
    struct message_hello hello = bench_hello(bench, "central-2", 6);
    hello.state_digest = (struct digest){{2}};
    bench_send_hello(bench, 2, &hello);
    bench_accept(bench, 2);
    bench_send_hello(bench, 2, &hello);
    ck_assert_int_eq(bench_report(bench, "central-2").problem, PROBLEM_STATE_DIVERGED);
    ck_assert_ptr_null(bench_alarm(bench, PROBLEM_STATE_DIVERGED, 1));

    hello.state_digest = (struct digest){{1}};
    bench_send_hello(bench, 2, &hello);
    ck_assert_int_eq(bench_report(bench, "central-2").problem, PROBLEM_OK);
    const struct bench_output *news = bench_news(bench, "STATE_EQUAL", 0);
    ck_assert_ptr_nonnull(news);
    ck_assert(!news->what.is_warning);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_a_state_that_is_being_made_is_no_alarm)
{
    struct bench *bench = stated(1, 1);

    for (int second = 0; second < 20; second++) { /* odd twice in a row, never three times */
        say_state(bench, second % 3 ? 2 : 1);
        bench_pass(bench, 1000);
    }
    for (int i = 0; i < 10; i++) { /* many words at once span no time */
        say_state(bench, 2);
    }
    ck_assert_ptr_null(bench_alarm(bench, PROBLEM_STATE_DIVERGED, 0));
    ck_assert_ptr_null(bench_news(bench, "STATE_EQUAL", 0));
    bench_destroy(&bench);

    bench = stated(1, 1);
    for (int second = 0; second < 20; second++) { /* not known at the moment */
        say_state(bench, 0);
        bench_pass(bench, 1000);
    }
    ck_assert_ptr_null(bench_alarm(bench, PROBLEM_STATE_DIVERGED, 0));
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_states_of_other_rules_are_not_compared)
{
    for (uint64_t fold = 0; fold <= 2; fold += 2) { /* an older central does not say */
        struct bench *bench = stated(1, fold);
        for (int second = 0; second < 20; second++) {
            say_state(bench, 2);
            bench_pass(bench, 1000);
        }
        ck_assert_ptr_null(bench_alarm(bench, PROBLEM_STATE_DIVERGED, 0));
        ck_assert_uint_eq(bench_report(bench, "central-2").fold, fold);
        bench_destroy(&bench);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_equal");
    TCase *tests = tcase_create("who equals whom");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, test_two_others_are_compared_by_their_words);
    tcase_add_test(tests, test_an_absent_one_equals_nobody);
    tcase_add_test(tests, test_old_words_are_not_equality);
    tcase_add_test(tests, test_words_of_a_former_process_do_not_count);
    tcase_add_test(tests, test_a_large_matrix);
    tcase_add_test(tests, test_unequal_states_of_equal_logs_are_an_alarm);
    tcase_add_test(tests, test_a_state_that_is_being_made_is_no_alarm);
    tcase_add_test(tests, test_states_of_other_rules_are_not_compared);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
