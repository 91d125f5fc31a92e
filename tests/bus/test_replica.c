/*
 * Greeting, links, heartbeats, clocks and configuration of the replication.
 */
#include "tests/bus/support_bench.h"
#include "tests/support_main.h"

#include <stdio.h>
#include <string.h>

START_TEST(test_hello_is_first_and_repeated_until_answered)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct memlog empty = {.count = 0};

    bench_up(bench, 1, NULL);
    ck_assert_uint_eq(bench->count, 1);
    ck_assert_ptr_nonnull(bench_sent(bench, MESSAGE_HELLO, 0));
    bench_clear(bench);
    bench_beat(bench, 1, &empty, NULL, 0); /* before HELLO: dropped */
    ck_assert_uint_eq(bench->count, 0);
    bench_pass(bench, 1500);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_HELLO), 1);
    bench_pass(bench, 1600);
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_CLOSE, 0)); /* nobody answers */
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_nothing_is_said_before_the_vector)
{
    struct replica_options options = {.node = bench_id("central-1"), .boot = 1};
    struct replica *replica = replica_new(&options);
    struct replica_now now = {1000, 1000};
    struct replica_output output;
    struct digest zero = {{0}};

    replica_link_up(replica, 1, NULL, "10.0.0.2:1", now);
    replica_tick(replica, now);
    ck_assert(!replica_next(replica, &output));
    ck_assert_int_eq(replica_deadline(replica), INT64_MAX);
    replica_set_vector(replica, NULL, 0, 0, 0, &zero, now);
    ck_assert(replica_next(replica, &output));
    ck_assert_int_eq(output.kind, REPLICA_SEND);
    replica_destroy(&replica);
}
END_TEST

/* A HELLO that came before the vector counts as soon as it is there: who said it goes on at once,
 * and would otherwise wait a heartbeat. */
START_TEST(test_an_early_hello_is_kept)
{
    struct replica_options options = {.node = bench_id("central-1"), .boot = 1};
    struct replica_peer config = {.id = bench_id("central-2")};
    struct message_hello hello = {.version_min = MESSAGE_VERSION_MIN,
                                  .version_max = MESSAGE_VERSION,
                                  .node = config.id,
                                  .boot = 2,
                                  .software = "early"};
    struct replica *replica = replica_new(&options);
    struct replica_now now = {1000, 1000};
    struct replica_output output;
    struct digest zero = {{0}};
    struct buffer bytes = {.limit = 0};
    size_t sent = 0;

    ck_assert_int_eq(message_pack_hello(&bytes, &hello), 0);
    replica_set_peers(replica, &config, 1, now);
    replica_link_up(replica, 1, NULL, "10.0.0.2:1", now);
    replica_message(replica, 1, buffer_slice(&bytes), now);
    replica_message(replica, 1, (struct slice){"?", 1}, now); /* and rubbish still says nothing */
    ck_assert(!replica_next(replica, &output));
    replica_set_vector(replica, NULL, 0, 0, 0, &zero, now);
    while (replica_next(replica, &output)) {
        struct message message;
        ck_assert_int_eq(output.kind, REPLICA_SEND);
        ck_assert_int_eq(message_unpack(&message, output.bytes), 0);
        ck_assert_int_eq(message.type, sent == 0 ? MESSAGE_HELLO : MESSAGE_HEARTBEAT);
        message_free(&message);
        sent++;
    }
    ck_assert_uint_eq(sent, 2);
    buffer_free(&bytes);
    replica_destroy(&replica);
}
END_TEST

START_TEST(test_strangers_are_refused)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct message_hello hello = bench_hello(bench, "central-2", 5);

    hello.mesh_id.bytes[0] ^= 1;
    bench_up(bench, 1, NULL);
    bench_send_hello(bench, 1, &hello);
    bench_check_reject(bench, PROBLEM_MESH_MISMATCH, "mesh_secret");
    ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_REJECTED);
    bench_clear(bench);

    hello = bench_hello(bench, "central-2", 5);
    hello.version_min = hello.version_max = 9;
    bench_up(bench, 2, NULL);
    bench_send_hello(bench, 2, &hello);
    bench_check_reject(bench, PROBLEM_MESH_VERSION, "update");
    bench_clear(bench);

    hello = bench_hello(bench, "central-1", 5);
    bench_up(bench, 3, NULL);
    bench_send_hello(bench, 3, &hello);
    bench_check_reject(bench, PROBLEM_DUPLICATE_ID, "10.0.9.3");
    ck_assert_ptr_nonnull(bench_alarm(bench, PROBLEM_DUPLICATE_ID, 0));
    bench_clear(bench);

    hello = bench_hello(bench, "central-1", 77);
    bench_up(bench, 4, "central-2");
    bench_send_hello(bench, 4, &hello);
    bench_check_reject(bench, PROBLEM_DUPLICATE_ID, "itself");
    bench_clear(bench);

    hello = bench_hello(bench, "central-3", 5);
    bench_up(bench, 5, "central-2");
    bench_send_hello(bench, 5, &hello);
    bench_check_reject(bench, PROBLEM_UNKNOWN_PEER, "central-3 answers there");
    ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_REJECTED);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_unknown_peers_are_pending_and_bounded)
{
    struct bench *bench = bench_new("central-1", "central-2");

    for (unsigned i = 0; i < 40; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "new-%u", i);
        struct message_hello hello = bench_hello(bench, id, 5);
        bench_clear(bench);
        bench_up(bench, 100 + i, NULL);
        bench_send_hello(bench, 100 + i, &hello);
        bench_check_reject(bench, PROBLEM_UNKNOWN_PEER, "accept it there");
        const struct bench_output *news = bench_news(bench, "PEER_PENDING", 0);
        ck_assert_ptr_nonnull(news);
        ck_assert_str_eq(news->what.peer.text, id);
        ck_assert_ptr_nonnull(strstr(news->address, "10.0.9."));
        /* It comes again every few seconds: that is no news. */
        bench_clear(bench);
        bench_up(bench, 200 + i, NULL);
        bench_send_hello(bench, 200 + i, &hello);
        ck_assert_ptr_null(bench_kind(bench, REPLICA_ALARM, 0));
    }
    struct mesh_report report = {.running = true};
    replica_report(bench->replica, &report, bench->now);
    ck_assert_uint_eq(report.count, 1 + LIMIT_PENDING_PEERS);
    mesh_report_free(&report);
    struct peer_report pending = bench_report(bench, "new-39");
    ck_assert_int_eq(pending.state, PEER_PENDING);
    ck_assert_str_eq(pending.ip, "10.0.9.239");
    ck_assert_uint_eq(pending.api_port, 8123);
    ck_assert_int_eq(pending.sync, SYNC_UNKNOWN);

    bench_peers(bench, "central-2 new-39");
    bench_join(bench, 300, "new-39");
    ck_assert_int_eq(bench_report(bench, "new-39").state, PEER_CONNECTED);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_a_reject_is_shown_and_waits)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct buffer message = {.limit = 0};
    struct message_reject reject = {.code = "DUPLICATE_ID", .text = "two of you", .retry_ms = 1};

    bench_up(bench, 1, "central-2");
    ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_CONNECTING);
    bench_clear(bench);
    ck_assert_int_eq(message_pack_reject(&message, &reject), 0);
    bench_feed(bench, 1, &message);
    bench_check_retry(bench_kind(bench, REPLICA_CLOSE, 0), PROBLEM_DUPLICATE_ID);
    ck_assert_ptr_nonnull(bench_alarm(bench, PROBLEM_DUPLICATE_ID, 0));
    struct peer_report report = bench_report(bench, "central-2");
    ck_assert_int_eq(report.state, PEER_REJECTED);
    ck_assert_int_eq(report.problem, PROBLEM_DUPLICATE_ID);
    ck_assert_ptr_nonnull(strstr(report.last_error, "two of you"));
    bench_destroy(&bench);
}
END_TEST

/* A person may accept us any moment. */
START_TEST(test_an_unknown_one_comes_back_soon)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct message_hello hello = bench_hello(bench, "central-2", 5);
    struct message_reject reject = {.code = "UNKNOWN_PEER", .text = "who", .retry_ms = 5000};

    for (uint64_t round = 1; round <= 3; round++) {
        struct buffer message = {.limit = 0};
        bench_clear(bench);
        bench_up(bench, round, "central-2");
        bench_send_hello(bench, round, &hello);
        ck_assert_int_eq(message_pack_reject(&message, &reject), 0);
        bench_feed(bench, round, &message);
        bench_check_retry(bench_kind(bench, REPLICA_CLOSE, 0), PROBLEM_UNKNOWN_PEER);
        /* Said once, and it was never up. */
        const struct bench_output *alarm = bench_news(bench, "UNKNOWN_PEER", 0);
        ck_assert_int_eq(alarm != NULL, round == 1);
        ck_assert_ptr_null(bench_news(bench, "PEER_UP", 0));
        ck_assert_ptr_null(bench_news(bench, "PEER_DOWN", 0));
        ck_assert_ptr_null(bench_news(bench, "PEER_IN_SYNC", 0));
        ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_REJECTED);
    }
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_news_have_names_and_fields)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct message_hello hello = bench_hello(bench, "central-2", 5);
    struct memlog empty = {.count = 0};
    struct node_id id = bench_id("central-2");

    replica_link_error(bench->replica, &id, "10.0.0.1:9000", PROBLEM_PEER_UNREACHABLE,
                       "10.0.0.1:9000 does not answer", bench->now);
    bench_take(bench);
    const struct bench_output *news = bench_news(bench, "PEER_UNREACHABLE", 0);
    ck_assert_ptr_nonnull(news);
    ck_assert(news->what.is_warning);
    ck_assert_str_eq(news->what.peer.text, "central-2");
    ck_assert_str_eq(news->address, "10.0.0.1:9000");
    ck_assert_str_eq(news->text, "10.0.0.1:9000 does not answer");
    bench_clear(bench);

    /* Up when it says something that it would not say to somebody whom it refuses. */
    bench_up(bench, 1, "central-2");
    bench_send_hello(bench, 1, &hello);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_ALARM, 0));
    ck_assert_ptr_null(bench_kind(bench, REPLICA_SYNCED, 0));
    ck_assert_int_ne(bench_report(bench, "central-2").state, PEER_CONNECTED);
    bench_beat(bench, 1, &empty, NULL, 0);
    news = bench_news(bench, "PEER_UP", 0);
    ck_assert_ptr_nonnull(news);
    ck_assert(!news->what.is_warning);
    ck_assert_str_eq(news->what.peer.text, "central-2");
    ck_assert_str_eq(news->address, "10.0.9.1:9000");
    news = bench_news(bench, "PEER_IN_SYNC", 0);
    ck_assert_ptr_nonnull(news);
    ck_assert_str_eq(news->what.peer.text, "central-2");
    ck_assert(news->what.has_events);
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_SYNCED, 0));
    ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_CONNECTED);
    bench_clear(bench);
    bench_down(bench, 1);
    news = bench_news(bench, "PEER_DOWN", 0);
    ck_assert_ptr_nonnull(news);
    ck_assert_str_eq(news->what.peer.text, "central-2");
    ck_assert(!news->what.is_warning);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_of_two_links_the_smaller_id_s_is_used)
{
    struct bench *bench = bench_new("central-1", "central-0 central-2");
    struct message_hello hello = bench_hello(bench, "central-2", 5);
    struct memlog empty = {.count = 0};

    bench_up(bench, 1, NULL);
    bench_send_hello(bench, 1, &hello);
    bench_accept(bench, 1);
    ck_assert_uint_eq(bench_used_link(bench), 1);
    bench_up(bench, 2, "central-2"); /* we are the smaller one */
    bench_send_hello(bench, 2, &hello);
    ck_assert_uint_eq(bench_used_link(bench), 2);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_CLOSE, 0));
    bench_clear(bench);
    bench_down(bench, 2);
    const struct bench_output *beat = bench_sent(bench, MESSAGE_HEARTBEAT, 0);
    ck_assert_ptr_nonnull(beat); /* the other one, at once */
    ck_assert_uint_eq(beat->what.link, 1);
    ck_assert_int_eq(bench_report(bench, "central-2").state, PEER_CONNECTED);

    /* The other side uses the spare one because it lost ours: so do we. */
    bench_up(bench, 3, "central-2");
    bench_send_hello(bench, 3, &hello);
    bench_pass(bench, 1800);
    bench_beat(bench, 1, &empty, NULL, 0);
    ck_assert_uint_eq(bench_used_link(bench), 1);

    hello = bench_hello(bench, "central-0", 6);
    bench_down(bench, 1);
    bench_down(bench, 3);
    bench_up(bench, 4, "central-0");
    bench_send_hello(bench, 4, &hello);
    bench_up(bench, 5, NULL); /* it is the smaller one */
    bench_send_hello(bench, 5, &hello);
    ck_assert_uint_eq(bench_used_link(bench), 5);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_three_missed_heartbeats_are_down)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct memlog empty = {.count = 0};

    bench_join(bench, 1, "central-2");
    bench_pass(bench, 2000);
    bench_beat(bench, 1, &empty, NULL, 0);
    ck_assert_int_eq(bench_report(bench, "central-2").sync, SYNC_EQUAL);
    bench_clear(bench);
    bench_pass(bench, 2900);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_CLOSE, 0));
    ck_assert_uint_ge(bench_count_sent(bench, MESSAGE_HEARTBEAT), 2);
    bench_pass(bench, 100);
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_CLOSE, 0));
    struct peer_report report = bench_report(bench, "central-2");
    ck_assert_int_eq(report.state, PEER_DISCONNECTED);
    ck_assert_int_eq(report.sync, SYNC_UNKNOWN); /* was equal; who knows now */
    ck_assert_int_eq(report.lag_s, 3);
    bench_clear(bench);
    bench_pass(bench, 5000);
    ck_assert_uint_eq(bench->count, 0);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_relayed_heads_are_announced_soon)
{
    struct bench *bench = bench_new("central-1", "central-2 central-3");
    struct memlog other = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);

    bench_join(bench, 1, "central-2");
    bench_join(bench, 2, "central-3");
    memlog_write(&other, &stream, 3, 20, 9);
    bench_pass(bench, 200);
    bench_push(bench, 1, &other, &stream, 1, 1);
    bench_clear(bench);
    const int64_t start = bench->now.mono_ms;
    bench_push(bench, 1, &other, &stream, 2, 1);
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_APPLY, 0));
    struct bench_output run = *bench_kind(bench, REPLICA_APPLY, 0);
    run.bytes = (struct buffer){.limit = 0};
    ck_assert_uint_eq(memlog_read(&other, &stream, 1, 100000, 2, &run.bytes), 2);
    bench_apply(bench, &run);
    buffer_free(&run.bytes);
    bench_clear(bench);
    bench_pass(bench, 60);
    ck_assert_int_le(bench->now.mono_ms - start, 60);
    /* To the other one; the origin knows. */
    size_t told = 0;
    const struct bench_output *beat = NULL;
    for (size_t i = 0; (beat = bench_sent(bench, MESSAGE_HEARTBEAT, i)) != NULL; i++) {
        told += beat->message.as.heartbeat.count;
        if (beat->message.as.heartbeat.count) {
            ck_assert_uint_eq(beat->what.link, 2);
            ck_assert_uint_eq(beat->message.as.heartbeat.heads[0].seq, 2);
        }
    }
    ck_assert_uint_eq(told, 1);
    bench_pass(bench, 200);
    const struct bench_output *ack = bench_sent(bench, MESSAGE_ACK, 0);
    ck_assert_ptr_nonnull(ack); /* to the origin */
    ck_assert_uint_eq(ack->what.link, 1);
    memlog_free(&other);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_clocks_are_compared)
{
    struct bench *bench = bench_new("central-1", "central-2");

    bench_join(bench, 1, "central-2");
    bench_pass(bench, 1000);
    for (int round = 0; round < 3; round++) {
        struct buffer message = {.limit = 0};
        int64_t echo = bench_sent(bench, MESSAGE_HEARTBEAT, 0)->message.as.heartbeat.sent_ms;
        bench_clear(bench);
        bench_pass(bench, 40);
        struct message_heartbeat beat = {
            .wall_ms = bench->now.wall_ms + 5000 - 20,
            .sent_ms = 5 + round,
            .echo_ms = echo,
            .hold_ms = bench->now.mono_ms - 40 - echo,
        };
        ck_assert_int_eq(message_pack_heartbeat(&message, &beat), 0);
        bench_feed(bench, 1, &message);
        ck_assert_int_eq(bench_report(bench, "central-2").rtt_ms, 40);
        ck_assert_int_eq(bench_report(bench, "central-2").clock_offset_ms, 5000);
        /* Once, naming both. */
        const struct bench_output *alarm = bench_alarm(bench, PROBLEM_CLOCK_SKEW, 0);
        ck_assert_int_eq(alarm != NULL, round == 0);
        if (alarm) {
            ck_assert_ptr_nonnull(strstr(alarm->text, "central-1"));
            ck_assert_ptr_nonnull(strstr(alarm->text, "central-2"));
            ck_assert_ptr_nonnull(strstr(alarm->text, "5.0 s ahead"));
        }
        bench_pass(bench, 1000);
    }
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_peers_are_configured_while_running)
{
    struct bench *bench = bench_new("central-1", "central-2 central-3");

    bench_join(bench, 1, "central-2");
    bench_join(bench, 2, "central-3");
    bench_clear(bench);
    bench_peers(bench, "central-4 central-3"); /* central-3 keeps its link, in a new place */
    bench_check_reject(bench, PROBLEM_UNKNOWN_PEER, "no longer");
    ck_assert_uint_eq(bench_kind(bench, REPLICA_CLOSE, 0)->what.link, 1);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_CLOSE, 1));
    ck_assert_int_eq(bench_report(bench, "central-4").state, PEER_UNKNOWN);
    ck_assert_str_eq(bench_report(bench, "central-2").id.text, "");
    bench_peers(bench, "");
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_CLOSE, 1));
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_bye_ends_links)
{
    struct bench *bench = bench_new("central-1", "central-2 central-3");
    struct buffer message = {.limit = 0};

    bench_join(bench, 1, "central-2");
    bench_join(bench, 2, "central-3");
    bench_clear(bench);
    ck_assert_int_eq(message_pack_bye(&message, "stopping"), 0);
    bench_feed(bench, 1, &message);
    struct peer_report report = bench_report(bench, "central-2");
    ck_assert_int_eq(report.state, PEER_DISCONNECTED);
    ck_assert_ptr_nonnull(strstr(report.last_error, "stopping"));
    bench_clear(bench);
    replica_bye(bench->replica, "power off", bench->now);
    bench_take(bench);
    ck_assert_ptr_nonnull(bench_sent(bench, MESSAGE_BYE, 0));
    ck_assert_ptr_null(bench_sent(bench, MESSAGE_BYE, 1));
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_CLOSE, 0));
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_links_are_bounded)
{
    struct bench *bench = bench_new("central-1", "central-2");

    for (uint64_t i = 1; i <= LIMIT_LINKS; i++) {
        bench_up(bench, i, NULL);
    }
    ck_assert_ptr_null(bench_kind(bench, REPLICA_CLOSE, 0));
    bench_up(bench, 9999, NULL);
    ck_assert_uint_eq(bench_kind(bench, REPLICA_CLOSE, 0)->what.link, 9999);
    bench_destroy(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica");
    TCase *tests = tcase_create("links");
    tcase_add_test(tests, test_hello_is_first_and_repeated_until_answered);
    tcase_add_test(tests, test_nothing_is_said_before_the_vector);
    tcase_add_test(tests, test_an_early_hello_is_kept);
    tcase_add_test(tests, test_strangers_are_refused);
    tcase_add_test(tests, test_unknown_peers_are_pending_and_bounded);
    tcase_add_test(tests, test_a_reject_is_shown_and_waits);
    tcase_add_test(tests, test_an_unknown_one_comes_back_soon);
    tcase_add_test(tests, test_news_have_names_and_fields);
    tcase_add_test(tests, test_of_two_links_the_smaller_id_s_is_used);
    tcase_add_test(tests, test_three_missed_heartbeats_are_down);
    tcase_add_test(tests, test_relayed_heads_are_announced_soon);
    tcase_add_test(tests, test_clocks_are_compared);
    tcase_add_test(tests, test_peers_are_configured_while_running);
    tcase_add_test(tests, test_bye_ends_links);
    tcase_add_test(tests, test_links_are_bounded);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
