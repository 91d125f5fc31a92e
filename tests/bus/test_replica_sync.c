/*
 * What the replication asks for, applies, serves and reports.
 */
#include "tests/bus/support_bench.h"
#include "tests/support_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 3000 /* more streams than a page of VECTOR holds */

/* Two greeted peers over links 1 and 2; nothing else on the list of outputs. */
static struct bench *joined(void)
{
    struct bench *bench = bench_new("central-1", "central-2 central-3");
    bench_join(bench, 1, "central-2");
    bench_join(bench, 2, "central-3");
    bench_clear(bench);
    return bench;
}

static void announce(struct bench *bench, uint64_t link, const struct memlog *log,
                     const struct stream *stream)
{
    struct head head = memlog_head(log, stream);
    bench_beat(bench, link, log, &head, 1);
}

START_TEST(test_an_event_is_a_hint)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);

    memlog_write(&log, &stream, 10, 20, 1);
    bench_push(bench, 1, &log, &stream, 1, 2); /* next in line */
    const struct bench_output *apply = bench_kind(bench, REPLICA_APPLY, 0);
    ck_assert_ptr_nonnull(apply);
    ck_assert_int_eq(apply->what.origin, FACT_LIVE);
    ck_assert_int_eq(bench_apply(bench, apply), APPLY_DONE);
    bench_clear(bench);
    bench_push(bench, 1, &log, &stream, 1, 2); /* old */
    ck_assert_uint_eq(bench->count, 0);
    bench_push(bench, 1, &log, &stream, 6, 1); /* a gap */
    ck_assert_ptr_null(bench_kind(bench, REPLICA_APPLY, 0));
    const struct bench_output *request = bench_sent(bench, MESSAGE_SYNC_REQUEST, 0);
    ck_assert_ptr_nonnull(request);
    ck_assert_uint_eq(request->message.as.sync_request.count, 1);
    ck_assert_uint_eq(request->message.as.sync_request.wants[0].from, 3);
    ck_assert_uint_eq(bench_report(bench, "central-2").behind, 4);
    ck_assert_int_eq(bench_report(bench, "central-2").sync, SYNC_BEHIND);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_local_events_are_pushed_in_one_run)
{
    struct bench *bench = joined();

    bench_write(bench, 3, 20);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_EVENT), 2); /* one for each peer */
    ck_assert_uint_eq(bench_sent(bench, MESSAGE_EVENT, 0)->message.as.event.count, 3);
    bench_clear(bench);
    bench_write(bench, 620, 20);
    const struct bench_output *event = bench_sent(bench, MESSAGE_EVENT, 0);
    ck_assert_uint_eq(event->message.as.event.from, 4);
    ck_assert_uint_eq(event->message.as.event.count, LIMIT_RUN_EVENTS);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_EVENT), 2);
    bench_clear(bench);
    bench_write(bench, 30, 20000);
    event = bench_sent(bench, MESSAGE_EVENT, 0);
    ck_assert_uint_lt(event->bytes.len, LIMIT_RUN_BYTES + 100);
    ck_assert_uint_ge(event->message.as.event.count, 12);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_one_chunk_travels_while_another_is_applied)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);
    struct bench_output kept;

    memlog_write(&log, &stream, 2000, 20, 1);
    announce(bench, 1, &log, &stream);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 1); /* one stream */
    bench_respond(bench, 1, &log, bench_sent(bench, MESSAGE_SYNC_REQUEST, 0), 500);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 2);
    ck_assert_uint_eq(
        bench_sent(bench, MESSAGE_SYNC_REQUEST, 1)->message.as.sync_request.wants[0].from, 501);
    bench_respond(bench, 1, &log, bench_sent(bench, MESSAGE_SYNC_REQUEST, 1), 500);
    /* Both places hold what is not applied yet: no more is asked. */
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 2);
    ck_assert_int_eq(bench_kind(bench, REPLICA_APPLY, 1)->what.origin, FACT_SYNC);
    ck_assert_int_eq(bench_apply(bench, bench_kind(bench, REPLICA_APPLY, 0)), APPLY_DONE);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 3);
    kept = *bench_sent(bench, MESSAGE_SYNC_REQUEST, 2);
    ck_assert_uint_eq(kept.message.as.sync_request.wants[0].from, 1001);
    ck_assert_int_eq(bench_apply(bench, bench_kind(bench, REPLICA_APPLY, 1)), APPLY_DONE);
    ck_assert_uint_eq(memlog_count(&bench->log), 1000);
    ck_assert_uint_eq(bench_report(bench, "central-2").behind, 1000);
    ck_assert_int_eq(bench_report(bench, "central-2").sync, SYNC_BEHIND);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_streams_are_spread_over_peers)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct head heads[6];

    for (uint64_t i = 0; i < 6; i++) {
        struct stream stream = bench_stream("central-9", 1 + i);
        memlog_write(&log, &stream, 600 + i, 20, 1);
        heads[i] = memlog_head(&log, &stream);
    }
    bench_beat(bench, 1, &log, heads, 6);
    bench_beat(bench, 2, &log, heads, 6);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct bench_output *request = bench_sent(bench, MESSAGE_SYNC_REQUEST, i);
        ck_assert_uint_eq(request->what.link, i < 2 ? 1 : 2);
        ck_assert_uint_eq(request->message.as.sync_request.count, 1); /* one answer's worth */
        /* Each stream from one peer; the smallest gap first. */
        ck_assert_uint_eq(request->message.as.sync_request.wants[0].stream.epoch, 1 + i);
    }
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_small_streams_share_a_request_our_own_first)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct head heads[LIMIT_HEADS_CHANGED];
    struct stream own = bench_stream("central-1", 3);

    for (uint64_t i = 0; i + 1 < LIMIT_HEADS_CHANGED; i++) {
        struct stream stream = bench_stream("central-9", 1 + i);
        memlog_write(&log, &stream, 2, 20, 1);
        heads[i] = memlog_head(&log, &stream);
    }
    memlog_write(&log, &own, 40, 20, 1);
    heads[LIMIT_HEADS_CHANGED - 1] = memlog_head(&log, &own);
    bench_beat(bench, 1, &log, heads, LIMIT_HEADS_CHANGED);
    const struct bench_output *request = bench_sent(bench, MESSAGE_SYNC_REQUEST, 0);
    ck_assert_uint_eq(request->message.as.sync_request.count, LIMIT_SYNC_WANTS);
    ck_assert_str_eq(request->message.as.sync_request.wants[0].stream.node.text, "central-1");
    bench_respond(bench, 1, &log, request, 500);
    size_t applied = 0;
    while (bench_kind(bench, REPLICA_APPLY, applied)) {
        bench_apply(bench, bench_kind(bench, REPLICA_APPLY, applied++));
    }
    ck_assert_uint_eq(memlog_count(&bench->log), memlog_count(&log));
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_a_missed_deadline_asks_somebody_else)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);

    memlog_write(&log, &stream, 5, 20, 1);
    announce(bench, 1, &log, &stream);
    announce(bench, 2, &log, &stream);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 1);
    ck_assert_uint_eq(bench_sent(bench, MESSAGE_SYNC_REQUEST, 0)->what.link, 1);
    for (int second = 0; second < 15; second++) {
        bench_pass(bench, 1000);
        announce(bench, 1, &log, &stream);
        announce(bench, 2, &log, &stream);
    }
    const struct bench_output *again = bench_sent(bench, MESSAGE_SYNC_REQUEST, 1);
    ck_assert_ptr_nonnull(again);
    ck_assert_uint_eq(again->what.link, 2);
    /* The late answer is not wanted any more. */
    bench_respond(bench, 1, &log, bench_sent(bench, MESSAGE_SYNC_REQUEST, 0), 500);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_APPLY, 0));
    bench_respond(bench, 2, &log, bench_sent(bench, MESSAGE_SYNC_REQUEST, 1), 500);
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_APPLY, 0));
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_a_fork_is_told_and_left_alone)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);

    memlog_write(&log, &stream, 5, 20, 1);
    announce(bench, 1, &log, &stream);
    bench_respond(bench, 1, &log, bench_sent(bench, MESSAGE_SYNC_REQUEST, 0), 500);
    bench_answer(bench, bench_kind(bench, REPLICA_APPLY, 0), APPLY_FORK);
    const struct bench_output *alarm = bench_alarm(bench, PROBLEM_CHAIN_MISMATCH, 0);
    ck_assert_ptr_nonnull(alarm);
    ck_assert_ptr_nonnull(strstr(alarm->text, "event 1 of central-2/0000000000000005"));
    ck_assert_int_eq(bench_report(bench, "central-2").problem, PROBLEM_CHAIN_MISMATCH);
    bench_clear(bench);
    for (int second = 0; second < 58; second++) {
        announce(bench, 1, &log, &stream);
        bench_pass(bench, 1000);
    }
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 0);
    for (int second = 0; second < 4; second++) {
        announce(bench, 1, &log, &stream);
        bench_pass(bench, 1000);
    }
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 1);
    ck_assert_ptr_null(bench_alarm(bench, PROBLEM_CHAIN_MISMATCH, 0));

    /* The same head with another chain. */
    struct head head = memlog_head(&log, &stream);
    bench_respond(bench, 1, &log, bench_sent(bench, MESSAGE_SYNC_REQUEST, 0), 500);
    bench_apply(bench, bench_kind(bench, REPLICA_APPLY, 0));
    bench_clear(bench);
    head.chain.bytes[3] ^= 1;
    bench_beat(bench, 1, &log, &head, 1);
    ck_assert_ptr_nonnull(bench_alarm(bench, PROBLEM_CHAIN_MISMATCH, 0));
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_an_answer_that_does_not_verify_is_isolated)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct head heads[2];

    for (uint64_t i = 0; i < 2; i++) {
        struct stream stream = bench_stream("central-2", 1 + i);
        memlog_write(&log, &stream, 2, 20, 1);
        heads[i] = memlog_head(&log, &stream);
    }
    bench_beat(bench, 1, &log, heads, 2);
    ck_assert_uint_eq(bench_sent(bench, MESSAGE_SYNC_REQUEST, 0)->message.as.sync_request.count, 2);
    struct buffer garbage = {.limit = 0};
    ck_assert_int_eq(buffer_append(&garbage, "garbage", 7), 0);
    bench_feed(bench, 1, &garbage);
    ck_assert_ptr_nonnull(bench_alarm(bench, PROBLEM_MESSAGE_INVALID, 0));
    bench_clear(bench);
    bench_pass(bench, 1100);
    /* Singly now, so that one bad stream does not hold up the others. */
    ck_assert_uint_eq(bench_sent(bench, MESSAGE_SYNC_REQUEST, 0)->message.as.sync_request.count, 1);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 2);
    ck_assert_int_eq(buffer_append(&garbage, "garbage", 7), 0);
    bench_feed(bench, 1, &garbage);
    ck_assert_ptr_nonnull(bench_alarm(bench, PROBLEM_CHAIN_MISMATCH, 0));
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_gap_and_refusal_are_tried_again)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);
    int64_t pauses[] = {1000, 2000, 4000, 8000, 10000, 10000};

    memlog_write(&log, &stream, 5, 20, 1);
    announce(bench, 1, &log, &stream);
    bench_respond(bench, 1, &log, bench_sent(bench, MESSAGE_SYNC_REQUEST, 0), 500);
    bench_answer(bench, bench_kind(bench, REPLICA_APPLY, 0), APPLY_GAP);
    bench_clear(bench);
    bench_pass(bench, 150);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 1);
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        bench_respond(bench, 1, &log, bench_sent(bench, MESSAGE_SYNC_REQUEST, 0), 500);
        bench_answer(bench, bench_kind(bench, REPLICA_APPLY, 0), APPLY_REFUSED);
        bench_clear(bench);
        for (int64_t waited = 0; waited + 500 < pauses[i]; waited += 500) {
            bench_pass(bench, 500);
            announce(bench, 1, &log, &stream);
        }
        ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 0);
        bench_pass(bench, 500);
        ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_REQUEST), 1);
    }
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

static void request(struct bench *bench, uint64_t link, uint64_t id, uint64_t from,
                    uint64_t max_bytes)
{
    struct buffer message = {.limit = 0};
    struct sync_want wants[2] = {{.stream = bench_stream("central-9", 1), .from = 1},
                                 {.stream = bench_stream("central-1", 77), .from = from}};
    struct message_sync_request asked = {
        .request = id, .wants = wants, .count = 2, .max_bytes = max_bytes};
    ck_assert_int_eq(message_pack_sync_request(&message, &asked), 0);
    bench_feed(bench, link, &message);
}

static void answer_read(struct bench *bench, const struct bench_output *read, bool failed)
{
    struct buffer run = {.limit = 0};
    struct slice none = {NULL, 0};
    size_t count = memlog_read(&bench->log, &read->what.stream, read->what.from,
                               read->what.max_bytes, read->what.max_events, &run);
    replica_read(bench->replica, read->what.token, failed,
                 count && !failed ? buffer_slice(&run) : none, 0, bench->now);
    buffer_free(&run);
    bench_take(bench);
}

START_TEST(test_requests_are_served)
{
    struct bench *bench = joined();

    bench_write(bench, 40, 20000);
    bench_clear(bench);
    request(bench, 1, 1, 3, 1000000);
    request(bench, 1, 2, 3, 1000000);
    /* One READ at a time. */
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_READ, 0));
    ck_assert_ptr_null(bench_kind(bench, REPLICA_READ, 1));
    ck_assert_uint_le(bench_kind(bench, REPLICA_READ, 0)->what.max_bytes, LIMIT_RUN_BYTES);
    answer_read(bench, bench_kind(bench, REPLICA_READ, 0), false);
    const struct bench_output *response = bench_sent(bench, MESSAGE_SYNC_RESPONSE, 0);
    ck_assert_uint_eq(response->message.as.sync_response.request, 1);
    ck_assert_uint_eq(response->message.as.sync_response.count, 1); /* central-9 is left out */
    ck_assert_uint_eq(response->message.as.sync_response.runs[0].from, 3);
    ck_assert_uint_le(response->bytes.len, LIMIT_RUN_BYTES + 200);
    answer_read(bench, bench_kind(bench, REPLICA_READ, 1), true); /* the reader could not */
    response = bench_sent(bench, MESSAGE_SYNC_RESPONSE, 1);
    ck_assert_uint_eq(response->message.as.sync_response.count, 0);
    ck_assert(response->message.as.sync_response.more);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_READ, 2));
    bench_clear(bench);
    request(bench, 1, 7, 3, 10); /* one event is always given */
    answer_read(bench, bench_kind(bench, REPLICA_READ, 0), false);
    response = bench_sent(bench, MESSAGE_SYNC_RESPONSE, 0);
    ck_assert_uint_eq(response->message.as.sync_response.runs[0].count, 1);
    request(bench, 1, 8, 3, 10);
    bench_pass(bench, 2900);
    bench_down(bench, 1);
    answer_read(bench, bench_kind(bench, REPLICA_READ, 1), false); /* nobody waits */
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_RESPONSE), 1);
    bench_destroy(&bench);
}
END_TEST

/* What the node has written and not told yet is in the database: no read may reach it. */
START_TEST(test_untold_events_are_not_given)
{
    struct bench *bench = joined();

    bench_write(bench, 5, 10);
    bench_clear(bench);
    uint64_t head = bench->log.streams[0].count;
    request(bench, 1, 1, head - 1, 1000000);
    ck_assert_uint_eq(bench_kind(bench, REPLICA_READ, 0)->what.from, head - 1);
    ck_assert_uint_eq(bench_kind(bench, REPLICA_READ, 0)->what.max_events, 2);
    bench_destroy(&bench);
}
END_TEST

/* Who changes to another link gives up what it asked and asks again before we know: two of its
 * requests are kept, the newest, in whatever order they come, and one READ is under way. */
START_TEST(test_newer_requests_replace_the_oldest)
{
    struct bench *bench = joined();

    bench_write(bench, 40, 20000);
    bench_clear(bench);
    for (uint64_t id = 2; id <= 5; id++) {
        request(bench, 1, id, 3, 1000000);
    }
    request(bench, 1, 1, 3, 1000000); /* the old link's, late */
    request(bench, 1, 5, 3, 1000000); /* twice */
    ck_assert_ptr_null(bench_kind(bench, REPLICA_READ, 1));
    answer_read(bench, bench_kind(bench, REPLICA_READ, 0), false); /* for 2, given up */
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_RESPONSE), 0);
    for (size_t i = 0; i < 2; i++) {
        answer_read(bench, bench_kind(bench, REPLICA_READ, 1 + i), false);
        const struct bench_output *response = bench_sent(bench, MESSAGE_SYNC_RESPONSE, i);
        ck_assert_uint_eq(response->message.as.sync_response.request, 4 + i);
        ck_assert_uint_eq(response->message.as.sync_response.count, 1);
    }
    ck_assert_ptr_null(bench_kind(bench, REPLICA_READ, 3));
    bench_clear(bench);
    /* Nor does a link that comes and goes make more READs than one. */
    request(bench, 1, 6, 3, 1000000);
    bench_down(bench, 1);
    bench_join(bench, 3, "central-2");
    request(bench, 3, 7, 3, 1000000);
    ck_assert_ptr_null(bench_kind(bench, REPLICA_READ, 1));
    answer_read(bench, bench_kind(bench, REPLICA_READ, 0), false);
    ck_assert_uint_eq(bench_count_sent(bench, MESSAGE_SYNC_RESPONSE), 0);
    answer_read(bench, bench_kind(bench, REPLICA_READ, 1), false);
    ck_assert_uint_eq(bench_sent(bench, MESSAGE_SYNC_RESPONSE, 0)->message.as.sync_response.request,
                      7);
    bench_destroy(&bench);
}
END_TEST

/* Two replicas that hold different streams, one of them thousands, talk until they are equal. */
START_TEST(test_vectors_are_paged)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct memlog log = {.count = 0};
    struct digest none = {{0}};
    struct head *heads;
    size_t count = 0;

    for (uint64_t i = 0; i < MANY; i++) {
        struct stream stream = bench_stream(i % 2 ? "central-4" : "central-5", 1 + i);
        memlog_write(&log, &stream, 1, 4, i);
    }
    heads = memlog_heads(&log, &count);
    replica_set_vector(bench->replica, heads, count, count, 0, &none, bench->now);
    free(heads);
    bench_join(bench, 1, "central-2");
    bench_clear(bench);

    struct node_id nodes[2] = {bench_id("central-5"), bench_id("central-4")};
    struct message_vector_request asked = {.count = 0};
    struct buffer message = {.limit = 0};
    ck_assert_int_eq(message_pack_vector_request(&message, &asked), 0);
    bench_feed(bench, 1, &message);
    const struct bench_output *vector = bench_sent(bench, MESSAGE_VECTOR, 0);
    ck_assert_uint_eq(vector->message.as.vector.count, 2);
    ck_assert(!vector->message.as.vector.more);
    size_t seen = 0;
    bool more = true;
    asked = (struct message_vector_request){.nodes = nodes, .count = 2};
    while (more) {
        bench_clear(bench);
        ck_assert_int_eq(message_pack_vector_request(&message, &asked), 0);
        bench_feed(bench, 1, &message);
        vector = bench_sent(bench, MESSAGE_VECTOR, 0);
        ck_assert(vector->message.as.vector.is_heads);
        ck_assert_uint_le(vector->message.as.vector.count, LIMIT_VECTOR_PAGE);
        for (size_t i = 0; i < vector->message.as.vector.count; i++) {
            const struct stream *stream = &vector->message.as.vector.heads[i].stream;
            ck_assert_int_lt(stream_compare(&asked.after, stream), 0);
            asked.after = *stream;
        }
        seen += vector->message.as.vector.count;
        more = vector->message.as.vector.more;
    }
    ck_assert_uint_eq(seen, MANY);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_unexplained_difference_asks_for_vectors)
{
    struct bench *bench = bench_new("central-1", "central-2");
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-8", 5);
    struct message_hello hello = bench_hello(bench, "central-2", 5);

    memlog_write(&log, &stream, 5, 20, 1);
    hello.log_digest = memlog_digest(&log); /* differs, names nothing */
    bench_up(bench, 1, NULL);
    bench_send_hello(bench, 1, &hello);
    bench_accept(bench, 1);
    ck_assert_int_eq(bench_report(bench, "central-2").sync, SYNC_UNKNOWN);
    ck_assert_int_eq(bench_report(bench, "central-2").lag_s, -1);
    bench_pass(bench, 0); /* first contact: at once */
    const struct bench_output *asked = bench_sent(bench, MESSAGE_VECTOR_REQUEST, 0);
    ck_assert_ptr_nonnull(asked);
    ck_assert_uint_eq(asked->message.as.vector_request.count, 0);
    struct memlog *whole = &log;
    struct head head = memlog_head(whole, &stream);
    struct node_digest digest = {.node = stream.node, .digest = memlog_digest(whole)};
    struct message_vector vector = {.digests = &digest, .count = 1};
    struct buffer message = {.limit = 0};
    ck_assert_int_eq(message_pack_vector(&message, &vector), 0);
    bench_feed(bench, 1, &message);
    asked = bench_sent(bench, MESSAGE_VECTOR_REQUEST, 1);
    ck_assert_ptr_nonnull(asked);
    ck_assert_uint_eq(asked->message.as.vector_request.count, 1);
    vector = (struct message_vector){.is_heads = true, .heads = &head, .count = 1};
    ck_assert_int_eq(message_pack_vector(&message, &vector), 0);
    bench_feed(bench, 1, &message);
    ck_assert_ptr_nonnull(bench_sent(bench, MESSAGE_SYNC_REQUEST, 0));
    ck_assert_uint_eq(bench_report(bench, "central-2").behind, 5);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_equality_is_reported)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);

    bench_join(bench, 7, "central-2");
    memlog_write(&log, &stream, 1, 20, 1);
    for (int second = 0; second < 5; second++) { /* away from the equality of empty logs */
        bench_pass(bench, 1000);
        bench_beat(bench, 7, &log, NULL, 0);
    }
    bench_clear(bench);
    bench_push(bench, 7, &log, &stream, 1, 1);
    bench_apply(bench, bench_kind(bench, REPLICA_APPLY, 0));
    /* Its last digest said what ours says now. */
    const struct bench_output *synced = bench_kind(bench, REPLICA_SYNCED, 0);
    ck_assert_ptr_nonnull(synced);
    ck_assert_str_eq(synced->what.peer.text, "central-2");
    ck_assert_int_eq(synced->what.wall_ms, bench->now.wall_ms);
    struct peer_report report = bench_report(bench, "central-2");
    ck_assert_int_eq(report.sync, SYNC_EQUAL);
    ck_assert_int_eq(report.lag_s, 0);
    bench_clear(bench);
    for (int second = 0; second < 59; second++) {
        bench_pass(bench, 1000);
        bench_beat(bench, 7, &log, NULL, 0);
    }
    ck_assert_ptr_null(bench_kind(bench, REPLICA_SYNCED, 0));
    bench_pass(bench, 1000);
    bench_beat(bench, 7, &log, NULL, 0);
    ck_assert_ptr_nonnull(bench_kind(bench, REPLICA_SYNCED, 0));

    bench_write(bench, 4, 20);
    report = bench_report(bench, "central-2");
    ck_assert_int_eq(report.sync, SYNC_AHEAD);
    ck_assert_uint_eq(report.ahead, 4);
    struct head durable = bench->own;
    struct buffer message = {.limit = 0};
    ck_assert_int_eq(message_pack_ack(&message, &durable, 1), 0);
    bench_feed(bench, 7, &message);
    report = bench_report(bench, "central-2");
    ck_assert_uint_eq(report.ahead, 0);
    ck_assert_int_ne(report.sync, SYNC_EQUAL); /* its digest has not said so */
    bench_down(bench, 7);
    bench_pass(bench, 9000);
    ck_assert_int_eq(bench_report(bench, "central-2").lag_s, 9);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

START_TEST(test_a_restarted_peer_is_asked_anew)
{
    struct bench *bench = joined();
    struct memlog log = {.count = 0};
    struct stream stream = bench_stream("central-2", 5);

    memlog_write(&log, &stream, 9, 20, 1);
    announce(bench, 1, &log, &stream);
    ck_assert_uint_eq(bench_report(bench, "central-2").behind, 9);
    bench_down(bench, 1);
    ck_assert_uint_eq(bench_report(bench, "central-2").behind, 9); /* the last figures */
    bench_join(bench, 5, "central-2");                             /* another boot */
    ck_assert_uint_eq(bench_report(bench, "central-2").behind, 0);
    ck_assert_int_eq(bench_report(bench, "central-2").sync, SYNC_EQUAL);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_sync");
    TCase *tests = tcase_create("sync");
    tcase_add_test(tests, test_an_event_is_a_hint);
    tcase_add_test(tests, test_local_events_are_pushed_in_one_run);
    tcase_add_test(tests, test_one_chunk_travels_while_another_is_applied);
    tcase_add_test(tests, test_streams_are_spread_over_peers);
    tcase_add_test(tests, test_small_streams_share_a_request_our_own_first);
    tcase_add_test(tests, test_a_missed_deadline_asks_somebody_else);
    tcase_add_test(tests, test_a_fork_is_told_and_left_alone);
    tcase_add_test(tests, test_an_answer_that_does_not_verify_is_isolated);
    tcase_add_test(tests, test_gap_and_refusal_are_tried_again);
    tcase_add_test(tests, test_requests_are_served);
    tcase_add_test(tests, test_untold_events_are_not_given);
    tcase_add_test(tests, test_newer_requests_replace_the_oldest);
    tcase_add_test(tests, test_vectors_are_paged);
    tcase_add_test(tests, test_unexplained_difference_asks_for_vectors);
    tcase_add_test(tests, test_equality_is_reported);
    tcase_add_test(tests, test_a_restarted_peer_is_asked_anew);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
