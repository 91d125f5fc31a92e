/*
 * Bytes that nobody should send, and sizes that nobody should need: the replica neither crashes
 * nor loses its own state.
 */
#include "tests/bus/support_bench.h"
#include "tests/bus/support_world.h"
#include "tests/support_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 30000
#define HERD 100      /* peers */
#define STREAMS 10000 /* in the log */

static uint64_t next(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 33;
}

/* A head with anything in it: small numbers, ours, and the largest. */
static struct head any_head(uint64_t *random)
{
    static const char *const names[] = {"central-1", "central-2", "central-3", "other"};
    uint64_t seqs[] = {1, 2, 3, 700, LIMIT_SEQ, LIMIT_SEQ - 1};
    struct head head = {.stream = bench_stream(names[next(random) % 4], 1 + next(random) % 80),
                        .seq = seqs[next(random) % 6]};
    head.chain.bytes[0] = (uint8_t)next(random);
    return head;
}

static void pack_lists(struct buffer *out, uint64_t *random, uint64_t type)
{
    struct head heads[8];
    struct node_digest digests[8] = {{.digest = {{0}}}};
    struct node_id nodes[8];
    size_t count = next(random) % 8;

    for (size_t i = 0; i < 8; i++) {
        heads[i] = any_head(random);
        nodes[i] = digests[i].node = heads[i].stream.node;
        digests[i].digest.bytes[0] = (uint8_t)next(random);
    }
    struct message_vector vector = {.is_heads = type == 0,
                                    .heads = heads,
                                    .digests = digests,
                                    .count = count,
                                    .more = next(random) % 2};
    struct message_vector_request asked = {
        .nodes = nodes, .count = count, .after = heads[0].stream};
    if (type < 2) {
        MUST(message_pack_vector(out, &vector) == 0);
    } else if (type == 2) {
        MUST(message_pack_vector_request(out, &asked) == 0);
    } else {
        MUST(message_pack_ack(out, heads, count) == 0);
    }
}

/* A well-formed message that makes no sense, mostly. */
static void pack_any(struct buffer *out, struct bench *bench, const struct memlog *log,
                     uint64_t *random)
{
    struct head heads[4] = {any_head(random), any_head(random), any_head(random)};
    struct sync_want wants[2] = {{heads[0].stream, heads[1].seq}, {heads[2].stream, 1}};
    struct message_heartbeat beat = {
        .wall_ms = (int64_t)next(random) * 1000000,
        .sent_ms = (int64_t)next(random) - 5,
        .echo_ms = (int64_t)next(random) % 100000,
        .hold_ms = -LIMIT_INTEGER,
        .heads = heads,
        .count = 3,
    };
    struct message_sync_request asked = {
        .request = next(random) % 3, .wants = wants, .count = 2, .max_bytes = next(random)};
    struct message_hello hello = bench_hello(bench, "central-2", 1001 + next(random) % 2);
    struct buffer run = {.limit = 0};
    size_t count = memlog_read(log, &log->streams[next(random) % log->count].id,
                               1 + next(random) % 20, 100000, 1 + next(random) % 5, &run);

    switch (next(random) % 10) {
    case 0:
        MUST(message_pack_heartbeat(out, &beat) == 0);
        break;
    case 1:
        MUST(message_pack_sync_request(out, &asked) == 0);
        break;
    case 2:
        MUST(message_pack_sync_response(out, next(random) % 3, buffer_slice(&run), count > 0,
                                        false) == 0);
        break;
    case 3:
    case 4:
        MUST(!count || message_pack_event(out, buffer_slice(&run)) == 0);
        break;
    case 5:
        MUST(message_pack_hello(out, &hello) == 0);
        break;
    default:
        pack_lists(out, random, next(random) % 4);
        break;
    }
    buffer_free(&run);
}

/* Answers everything the replica asks of its house, mostly right. */
static void house(struct bench *bench, uint64_t *random)
{
    for (size_t i = 0; i < bench->count; i++) {
        const struct bench_output output = bench->outputs[i];
        if (output.what.kind == REPLICA_APPLY && next(random) % 4) {
            bench_apply(bench, &output);
        } else if (output.what.kind == REPLICA_APPLY) {
            bench_answer(bench, &output, (enum apply_outcome)(next(random) % 4));
        } else if (output.what.kind == REPLICA_READ) {
            struct buffer run = {.limit = 0};
            struct slice none = {NULL, 0};
            size_t count = memlog_read(&bench->log, &output.what.stream, output.what.from,
                                       output.what.max_bytes, output.what.max_events, &run);
            replica_read(bench->replica, output.what.token, false,
                         count ? buffer_slice(&run) : none, 0, bench->now);
            buffer_free(&run);
            bench_take(bench);
        }
    }
    bench_clear(bench);
}

START_TEST(test_hostile_bytes)
{
    struct bench *bench = bench_new("central-1", "central-2 central-3");
    struct memlog log = {.count = 0};
    uint64_t random = 4711 + (uint64_t)_i;

    for (uint64_t i = 1; i <= 6; i++) {
        struct stream stream = bench_stream("central-2", i);
        memlog_write(&log, &stream, 20, 10, i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct buffer message = {.limit = 0};
        if (round % 500 == 0) { /* again and again a greeted link */
            bench_join(bench, (uint64_t)round + 1, round % 1000 ? "central-2" : "central-3");
            bench_pass(bench, 2500);
        }
        pack_any(&message, bench, &log, &random);
        for (uint64_t flips = next(&random) % 4; flips > 1 && message.len; flips--) {
            message.data[next(&random) % message.len] = (char)next(&random);
        }
        if (next(&random) % 10 == 0 && message.len) {
            message.len = next(&random) % message.len;
        }
        bench_feed(bench, (uint64_t)(round - round % 500) + 1, &message);
        house(bench, &random);
        if (round % 50 == 0) {
            bench_pass(bench, (int64_t)(next(&random) % 400));
            house(bench, &random);
        }
    }
    /* It still knows exactly what its log holds. */
    bench_up(bench, ROUNDS + 1, NULL);
    struct digest digest = memlog_digest(&bench->log);
    const struct bench_output *hello = bench_sent(bench, MESSAGE_HELLO, 0);
    ck_assert_ptr_nonnull(hello);
    ck_assert(digest_equal(&hello->message.as.hello.log_digest, &digest));
    ck_assert_uint_gt(bench->log.count, 5);
    struct mesh_report report = {.running = true};
    replica_report(bench->replica, &report, bench->now);
    ck_assert_uint_eq(report.events, memlog_count(&bench->log));
    mesh_report_free(&report);
    memlog_free(&log);
    bench_destroy(&bench);
}
END_TEST

/* A hundred peers that all hold ten thousand streams which we lack. No time is measured; what is
 * quadratic does not end within the test's time. */
START_TEST(test_a_large_mesh)
{
    struct bench *bench = bench_new("central-1", "");
    char *peers = bytes_allocate(HERD, 16);
    size_t asked = 0;
    struct message_vector vector = {
        .is_heads = true, .heads = bytes_allocate(LIMIT_VECTOR_PAGE, sizeof(struct head))};

    for (unsigned i = 0; i < HERD; i++) {
        (void)snprintf(peers + strlen(peers), 16, "p%u ", i);
    }
    bench_peers(bench, peers);
    for (unsigned i = 0; i < HERD; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "p%u", i);
        bench_join(bench, 1 + i, id);
        bench_clear(bench);
        for (uint64_t first = 0; first < STREAMS; first += LIMIT_VECTOR_PAGE) {
            struct buffer message = {.limit = 0};
            vector.count = 0;
            for (uint64_t k = first; k < first + LIMIT_VECTOR_PAGE && k < STREAMS; k++) {
                vector.heads[vector.count++] =
                    (struct head){.stream = bench_stream("origin", 1 + k), .seq = 2};
            }
            MUST(message_pack_vector(&message, &vector) == 0);
            bench_feed(bench, 1 + i, &message);
        }
        size_t requests = bench_count_sent(bench, MESSAGE_SYNC_REQUEST);
        ck_assert_uint_le(requests, LIMIT_OUTSTANDING);
        for (size_t k = 0; k < requests; k++) {
            asked += bench_sent(bench, MESSAGE_SYNC_REQUEST, k)->message.as.sync_request.count;
        }
    }
    /* Each stream of one peer, and next to none waits. */
    ck_assert_uint_le(asked, STREAMS);
    ck_assert_uint_ge(asked, STREAMS * 95 / 100);
    struct head *heads = bytes_allocate(STREAMS, sizeof *heads);
    for (uint64_t i = 0; i < STREAMS; i++) {
        heads[i] = (struct head){.stream = bench_stream("origin", 1 + i), .seq = 1};
    }
    struct digest none = {{0}};
    replica_set_vector(bench->replica, heads, STREAMS, STREAMS, 0, &none, bench->now);
    bench_clear(bench);
    free(heads);
    free(vector.heads);
    free(peers);
    bench_destroy(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_hostile");
    TCase *tests = tcase_create("hostile");
    tcase_add_loop_test(tests, test_hostile_bytes, 0, 3);
    tcase_add_test(tests, test_a_large_mesh);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
