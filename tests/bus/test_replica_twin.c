/*
 * One id, two processes: a reboot whose old link has not died, or a copied central.
 */
#include "tests/bus/support_bench.h"
#include "tests/support_main.h"

#include <check.h>
#include <string.h>

START_TEST(test_a_reboot_replaces_the_silent_link)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct message_hello hello = bench_hello(bench, "central-2", 6);

    bench_join(bench, 1, "central-2");
    bench_up(bench, 2, NULL);
    bench_clear(bench);
    bench_send_hello(bench, 2, &hello);
    ck_assert_uint_eq(bench_sent(bench, MESSAGE_HELLO, 0)->what.link, 1); /* do you live? */
    ck_assert_ptr_nonnull(bench_sent(bench, MESSAGE_HEARTBEAT, 0));
    bench_pass(bench, 1900);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_CLOSE, 0));
    bench_pass(bench, 200);
    const struct bench_output *close = bench_kind(bench, REPLICA_CLOSE, 0);
    ck_assert_ptr_nonnull(close);
    ck_assert_uint_eq(close->what.link, 1);
    ck_assert_ptr_null(bench_sent(bench, MESSAGE_REJECT, 0));
    ck_assert_uint_eq(bench_used_link(bench), 2);

    /* The transport knows at once. */
    hello = bench_hello(bench, "central-2", 7);
    bench_up(bench, 3, NULL);
    bench_send_hello(bench, 3, &hello);
    bench_down(bench, 2);
    bench_accept(bench, 3);
    ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_CONNECTED);
    ck_assert_uint_eq(bench_used_link(bench), 3);

    /* The same link, another process. */
    hello = bench_hello(bench, "central-2", 8);
    bench_clear(bench);
    bench_send_hello(bench, 3, &hello);
    ck_assert_ptr_nonnull(bench_sent(bench, MESSAGE_HELLO, 0));
    ck_assert_uint_eq(bench_used_link(bench), 3);
    bench_destroy(&bench);
}
END_TEST

/* A HEARTBEAT of a process that has heard ours of `echo_ms`. */
static void answer_beat(struct bench *bench, uint64_t link, int64_t echo_ms)
{
    struct buffer message = {.limit = 0};
    struct message_heartbeat beat = {.sent_ms = 5, .echo_ms = echo_ms};
    ck_assert_int_eq(message_pack_heartbeat(&message, &beat), 0);
    bench_feed(bench, link, &message);
}

START_TEST(test_a_copied_central_is_refused)
{
    for (int with_heartbeat = 0; with_heartbeat < 2; with_heartbeat++) {
        struct bench *bench = bench_new("central-1", "central-2");
        struct message_hello copy = bench_hello(bench, "central-2", 6);
        struct message_hello old = bench_hello(bench, "central-2", 1001);
        bench_join(bench, 1, "central-2");
        bench_up(bench, 2, NULL);
        bench_send_hello(bench, 2, &copy);
        bench_clear(bench);
        bench_pass(bench, 20);
        if (with_heartbeat) {
            answer_beat(bench, 1, bench->now.mono_ms - 20);
        } else {
            bench_send_hello(bench, 1, &old);
        }
        bench_check_reject(bench, PROBLEM_DUPLICATE_ID, "10.0.9.1");
        ck_assert_uint_eq(bench_sent(bench, MESSAGE_REJECT, 0)->what.link, 2);
        const struct bench_output *alarm = bench_alarm(bench, PROBLEM_DUPLICATE_ID, 0);
        ck_assert_ptr_nonnull(alarm);
        ck_assert_ptr_nonnull(strstr(alarm->text, "10.0.9.1"));
        ck_assert_ptr_nonnull(strstr(alarm->text, "10.0.9.2"));
        /* On one machine addresses say nothing: what tells the processes apart. */
        ck_assert_ptr_nonnull(strstr(alarm->text, "api_port 8123"));
        ck_assert_ptr_nonnull(strstr(alarm->text, "boot 00000000"));
        ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_CONNECTED);
        ck_assert_int_eq(bench_report(bench, "central-2").problem, PROBLEM_DUPLICATE_ID);
        ck_assert_uint_eq(bench_used_link(bench), 1);
        bench_destroy(&bench);
    }
}
END_TEST

/* Both have to know at home: the one that stays by a notice, and the newcomer by its REJECT. */
START_TEST(test_both_twins_are_told)
{
    struct bench *third = bench_new("central-1", "central-2");
    struct message_hello copy = bench_hello(third, "central-2", 6);
    struct message_hello old = bench_hello(third, "central-2", 1001);

    bench_join(third, 1, "central-2");
    bench_up(third, 2, NULL);
    bench_send_hello(third, 2, &copy);
    bench_clear(third);
    bench_send_hello(third, 1, &old);
    const struct bench_output *reject = bench_sent(third, MESSAGE_REJECT, 0);
    const struct bench_output *told = NULL;
    for (size_t i = 0; bench_sent(third, MESSAGE_HEARTBEAT, i); i++) {
        const struct bench_output *beat = bench_sent(third, MESSAGE_HEARTBEAT, i);
        told = beat->message.as.heartbeat.notice.code[0] ? beat : told;
    }
    ck_assert_ptr_nonnull(told);
    ck_assert_uint_eq(told->what.link, 1);
    const struct message_notice *notice = &told->message.as.heartbeat.notice;
    ck_assert_str_eq(notice->code, "DUPLICATE_ID");

    /* At each twin: one alarm that names both addresses, and its own report says it. */
    for (int is_refused = 0; is_refused < 2; is_refused++) {
        struct bench *twin = bench_new("central-2", "central-1");
        struct buffer message = {.limit = 0};
        struct message_heartbeat beat = {.sent_ms = 5, .notice = *notice};
        bench_join(twin, 1, "central-1");
        bench_clear(twin);
        for (int again = 0; again < 2; again++) {
            if (is_refused) {
                ck_assert_int_eq(message_pack_reject(&message, &reject->message.as.reject), 0);
            } else {
                ck_assert_int_eq(message_pack_heartbeat(&message, &beat), 0);
            }
            bench_feed(twin, 1, &message);
        }
        const struct bench_output *alarm = bench_alarm(twin, PROBLEM_DUPLICATE_ID, 0);
        ck_assert_ptr_nonnull(alarm);
        ck_assert_ptr_null(bench_alarm(twin, PROBLEM_DUPLICATE_ID, 1));
        struct mesh_report report = {.running = true};
        replica_report(twin->replica, &report, twin->now);
        ck_assert_int_eq(report.problem, PROBLEM_DUPLICATE_ID);
        for (int i = 0; i < 2; i++) {
            const char *where = i ? "10.0.9.1" : "10.0.9.2";
            ck_assert_ptr_nonnull(strstr(alarm->text, where));
            ck_assert_ptr_nonnull(strstr(report.problem_text, where));
        }
        mesh_report_free(&report);
        bench_destroy(&twin);
    }
    bench_destroy(&third);
}
END_TEST

/* Who has our id may also come to us. */
START_TEST(test_a_twin_at_our_own_door)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct message_hello copy = bench_hello(bench, "central-1", 6);
    struct mesh_report report = {.running = true};

    bench_up(bench, 1, NULL);
    bench_send_hello(bench, 1, &copy);
    bench_check_reject(bench, PROBLEM_DUPLICATE_ID, "10.0.9.1");
    const struct bench_output *alarm = bench_alarm(bench, PROBLEM_DUPLICATE_ID, 0);
    ck_assert_ptr_nonnull(alarm);
    ck_assert_ptr_nonnull(strstr(alarm->text, "10.0.9.1"));
    ck_assert_ptr_nonnull(strstr(alarm->text, "10.0.0.99:9000"));
    replica_report(bench->replica, &report, bench->now);
    ck_assert_int_eq(report.problem, PROBLEM_DUPLICATE_ID);
    mesh_report_free(&report);
    bench_destroy(&bench);
}
END_TEST

/* Two minutes after the twin was seen last, it is over; at the third central, too. */
START_TEST(test_a_twin_that_is_gone_is_forgotten)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct memlog log = {.count = 0};
    struct message_hello ours = bench_hello(bench, "central-1", 6);
    struct message_hello copy = bench_hello(bench, "central-2", 6);
    struct message_hello old = bench_hello(bench, "central-2", 1001);

    bench_join(bench, 1, "central-2");
    bench_up(bench, 2, NULL);
    bench_send_hello(bench, 2, &ours);
    bench_up(bench, 3, NULL);
    bench_send_hello(bench, 3, &copy);
    bench_send_hello(bench, 1, &old);
    for (int second = 0; second < 121; second++) {
        struct mesh_report report = {.running = true};
        bool is_over = second == 120;
        bench_beat(bench, 1, &log, NULL, 0);
        bench_clear(bench);
        replica_report(bench->replica, &report, bench->now);
        ck_assert_int_eq(report.problem, is_over ? PROBLEM_OK : PROBLEM_DUPLICATE_ID);
        ck_assert_int_eq(report.peers[0].problem, is_over ? PROBLEM_OK : PROBLEM_DUPLICATE_ID);
        mesh_report_free(&report);
        bench_pass(bench, 1000);
    }
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

/* The first link was only accepted; while the newcomer waits, ours to the living one comes up, and
 * that one answers there. */
START_TEST(test_a_copied_central_is_refused_whatever_link_answers)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct message_hello copy = bench_hello(bench, "central-2", 6);
    struct message_hello old = bench_hello(bench, "central-2", 1001);

    bench_join(bench, 1, "central-2");
    bench_pass(bench, 100);
    bench_up(bench, 2, NULL);
    bench_send_hello(bench, 2, &copy);
    const int64_t asked_ms = bench->now.mono_ms;
    bench_pass(bench, 20);
    bench_up(bench, 3, "central-2");
    bench_send_hello(bench, 3, &old);
    bench_clear(bench);
    answer_beat(bench, 3, asked_ms - 1); /* heard something older: says nothing */
    ck_assert_ptr_null(bench_sent(bench, MESSAGE_REJECT, 0));
    answer_beat(bench, 3, asked_ms);
    bench_check_reject(bench, PROBLEM_DUPLICATE_ID, "10.0.9.3");
    ck_assert_uint_eq(bench_sent(bench, MESSAGE_REJECT, 0)->what.link, 2);
    bench_pass(bench, 2500);
    ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_CONNECTED);
    bench_destroy(&bench);
}
END_TEST

/* The question is lost, or comes before the other side has greeted us: it is asked again. */
START_TEST(test_the_old_process_is_asked_again)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct message_hello copy = bench_hello(bench, "central-2", 6);

    bench_join(bench, 1, "central-2");
    bench_up(bench, 2, NULL);
    bench_clear(bench);
    bench_send_hello(bench, 2, &copy);
    for (size_t round = 1; round <= 4; round++) {
        ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_HELLO), round);
        const struct bench_output *beat = bench_sent(bench, MESSAGE_HEARTBEAT, 0);
        ck_assert_ptr_nonnull(beat);
        ck_assert_uint_eq(beat->what.link, 1);
        ck_assert(beat < bench_sent(bench, MESSAGE_HELLO, 0)); /* its answer has an echo */
        bench_pass(bench, 500);
    }
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_CLOSE, 0));
    bench_destroy(&bench);
}
END_TEST

/* We were stopped for a while (a suspended machine): what came meanwhile is read first. */
START_TEST(test_a_late_tick_displaces_nobody)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct message_hello copy = bench_hello(bench, "central-2", 6);

    bench_join(bench, 1, "central-2");
    bench_pass(bench, 100);
    bench_up(bench, 2, NULL);
    bench_send_hello(bench, 2, &copy);
    const int64_t asked_ms = bench->now.mono_ms;
    bench_clear(bench);
    bench->now.mono_ms += 2500;
    bench->now.wall_ms += 2500;
    replica_tick(bench->replica, bench->now);
    bench_take(bench);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_CLOSE, 0));
    answer_beat(bench, 1, asked_ms);
    bench_check_reject(bench, PROBLEM_DUPLICATE_ID, "10.0.9.1");
    bench_destroy(&bench);
}
END_TEST

/* The living one's side: it answers even when it has greeted a moment ago. */
START_TEST(test_a_repeated_hello_is_answered_at_once)
{
    struct bench *bench = bench_new("central-2", "central-1");
    struct message_hello hello = bench_hello(bench, "central-1", 5);
    struct buffer message = {.limit = 0};
    struct message_heartbeat beat = {.sent_ms = 4711};

    bench_up(bench, 1, "central-1");
    bench_send_hello(bench, 1, &hello);
    bench_pass(bench, 1);
    bench_clear(bench);
    ck_assert_int_eq(message_pack_heartbeat(&message, &beat), 0);
    bench_feed(bench, 1, &message);
    ck_assert_ptr_null(bench_sent(bench, MESSAGE_HEARTBEAT, 0));
    bench_send_hello(bench, 1, &hello);
    const struct bench_output *answer = bench_sent(bench, MESSAGE_HEARTBEAT, 0);
    ck_assert_ptr_nonnull(answer);
    ck_assert_uint_eq(answer->what.link, 1);
    ck_assert_int_eq(answer->message.as.heartbeat.echo_ms, 4711);
    bench_destroy(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_twin");
    TCase *tests = tcase_create("one id twice");
    tcase_add_test(tests, test_a_reboot_replaces_the_silent_link);
    tcase_add_test(tests, test_a_copied_central_is_refused);
    tcase_add_test(tests, test_both_twins_are_told);
    tcase_add_test(tests, test_a_twin_at_our_own_door);
    tcase_add_test(tests, test_a_twin_that_is_gone_is_forgotten);
    tcase_add_test(tests, test_a_copied_central_is_refused_whatever_link_answers);
    tcase_add_test(tests, test_the_old_process_is_asked_again);
    tcase_add_test(tests, test_a_late_tick_displaces_nobody);
    tcase_add_test(tests, test_a_repeated_hello_is_answered_at_once);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
