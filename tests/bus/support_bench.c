#include "tests/bus/support_bench.h"

#include "proto/run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node_id bench_id(const char *text)
{
    struct node_id id;
    MUST(node_id_parse(slice_text(text), &id));
    return id;
}

struct stream bench_stream(const char *node, uint64_t epoch)
{
    return (struct stream){.node = bench_id(node), .epoch = epoch};
}

/* ---- outputs ---- */

void bench_clear(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++) {
        if (bench->outputs[i].what.kind == REPLICA_SEND) {
            message_free(&bench->outputs[i].message);
        }
        buffer_free(&bench->outputs[i].bytes);
    }
    bench->count = 0;
}

void bench_take(struct bench *bench)
{
    struct replica_output output;

    while (replica_next(bench->replica, &output)) {
        MUST(bench->count < BENCH_OUTPUTS);
        struct bench_output *kept = &bench->outputs[bench->count++];
        memset(kept, 0, sizeof *kept);
        kept->what = output;
        MUST(buffer_append(&kept->bytes, output.bytes.data, output.bytes.len) == 0);
        if (output.kind == REPLICA_ALARM) {
            (void)snprintf(kept->text, sizeof kept->text, "%s", output.text);          /* fits */
            (void)snprintf(kept->address, sizeof kept->address, "%s", output.address); /* fits */
        }
        if (output.kind == REPLICA_SEND) {
            MUST(message_unpack(&kept->message, buffer_slice(&kept->bytes)) == 0);
        }
    }
}

const struct bench_output *bench_kind(const struct bench *bench, enum replica_output_kind kind,
                                      size_t n)
{
    for (size_t i = 0; i < bench->count; i++) {
        if (bench->outputs[i].what.kind == kind && n-- == 0) {
            return &bench->outputs[i];
        }
    }
    return NULL;
}

const struct bench_output *bench_sent(const struct bench *bench, enum message_type type, size_t n)
{
    for (size_t i = 0; i < bench->count; i++) {
        if (bench->outputs[i].what.kind == REPLICA_SEND && bench->outputs[i].message.type == type &&
            n-- == 0) {
            return &bench->outputs[i];
        }
    }
    return NULL;
}

size_t bench_count_sent(const struct bench *bench, enum message_type type)
{
    size_t count = 0;
    while (bench_sent(bench, type, count)) {
        count++;
    }
    return count;
}

const struct bench_output *bench_alarm(const struct bench *bench, enum problem_code code, size_t n)
{
    for (size_t i = 0; i < bench->count; i++) {
        if (bench->outputs[i].what.kind == REPLICA_ALARM && bench->outputs[i].what.code == code &&
            n-- == 0) {
            return &bench->outputs[i];
        }
    }
    return NULL;
}

const struct bench_output *bench_news(const struct bench *bench, const char *id, size_t n)
{
    for (size_t i = 0; i < bench->count; i++) {
        if (bench->outputs[i].what.kind == REPLICA_ALARM &&
            strcmp(bench->outputs[i].what.id, id) == 0 && n-- == 0) {
            return &bench->outputs[i];
        }
    }
    return NULL;
}

/* ---- life ---- */

void bench_peers(struct bench *bench, const char *list)
{
    struct replica_peer peers[LIMIT_PEERS];
    size_t count = 0;
    char *copy = bytes_allocate(strlen(list) + 1, 1);
    char *rest = copy;

    memcpy(copy, list, strlen(list) + 1);
    for (char *id = strtok_r(copy, " ", &rest); id; id = strtok_r(NULL, " ", &rest)) {
        peers[count] = (struct replica_peer){.p2p_port = 9000, .api_port = 8000};
        peers[count].id = bench_id(id);
        (void)snprintf(peers[count].ip, sizeof peers[count].ip, "10.0.0.%zu", count + 1);
        count++;
    }
    replica_set_peers(bench->replica, peers, count, bench->now);
    free(copy);
    bench_take(bench);
}

struct bench *bench_new(const char *id, const char *peers)
{
    struct bench *bench = bytes_allocate(1, sizeof *bench);
    struct digest zero = {{0}};
    struct replica_options options = {
        .node = bench_id(id),
        .mesh_id = {{7}},
        .boot = 77,
        .heartbeat_ms = 1000,
        .api_port = 8000,
        .software = "parkmesh 0.1.0",
        .fold = 1,
        .seed = 1,
    };

    bench->now = (struct replica_now){.mono_ms = 100000, .wall_ms = 1700000000000};
    bench->mesh_id = options.mesh_id;
    bench->replica = replica_new(&options);
    replica_set_address(bench->replica, "10.0.0.99:9000");
    bench_peers(bench, peers);
    replica_set_vector(bench->replica, NULL, 0, 0, 0, &zero, bench->now);
    bench_take(bench);
    return bench;
}

void bench_destroy(struct bench **bench_p)
{
    struct bench *bench = *bench_p;
    bench_clear(bench);
    replica_destroy(&bench->replica);
    memlog_free(&bench->log);
    free(bench);
    *bench_p = NULL;
}

void bench_pass(struct bench *bench, int64_t ms)
{
    int64_t until = bench->now.mono_ms + ms;

    for (;;) {
        int64_t at = replica_deadline(bench->replica);
        if (at > until) {
            at = until;
        }
        if (at < bench->now.mono_ms) {
            at = bench->now.mono_ms;
        }
        bench->now.wall_ms += at - bench->now.mono_ms;
        bench->now.mono_ms = at;
        replica_tick(bench->replica, bench->now);
        bench_take(bench);
        if (at == until) {
            return;
        }
        MUST(replica_deadline(bench->replica) > at);
    }
}

/* ---- links and messages ---- */

void bench_up(struct bench *bench, uint64_t link, const char *expected)
{
    char address[64];
    struct node_id id;

    if (expected) {
        id = bench_id(expected);
    }
    (void)snprintf(address, sizeof address, "10.0.9.%u:9000", (unsigned)(link % 250)); /* fits */
    replica_link_up(bench->replica, link, expected ? &id : NULL, address, bench->now);
    bench_take(bench);
}

void bench_down(struct bench *bench, uint64_t link)
{
    replica_link_down(bench->replica, link, bench->now);
    bench_take(bench);
}

struct message_hello bench_hello(const struct bench *bench, const char *id, uint64_t boot)
{
    struct message_hello hello = {
        .version_min = MESSAGE_VERSION_MIN,
        .version_max = MESSAGE_VERSION,
        .mesh_id = bench->mesh_id,
        .node = bench_id(id),
        .boot = boot,
        .wall_ms = bench->now.wall_ms,
        .fold = 1,
        .software = "parkmesh other",
        .api_port = 8123,
    };
    return hello;
}

void bench_feed(struct bench *bench, uint64_t link, struct buffer *message)
{
    replica_message(bench->replica, link, buffer_slice(message), bench->now);
    buffer_free(message);
    bench_take(bench);
}

void bench_send_hello(struct bench *bench, uint64_t link, const struct message_hello *hello)
{
    struct buffer message = {.limit = 0};
    MUST(message_pack_hello(&message, hello) == 0);
    bench_feed(bench, link, &message);
}

void bench_accept(struct bench *bench, uint64_t link)
{
    struct buffer message = {.limit = 0};
    MUST(message_pack_ack(&message, NULL, 0) == 0); /* of nothing */
    bench_feed(bench, link, &message);
}

void bench_join(struct bench *bench, uint64_t link, const char *id)
{
    struct message_hello hello = bench_hello(bench, id, 1000 + link);
    bench_up(bench, link, NULL);
    bench_send_hello(bench, link, &hello);
    bench_accept(bench, link);
}

void bench_beat(struct bench *bench, uint64_t link, const struct memlog *log,
                const struct head *heads, size_t count)
{
    struct buffer message = {.limit = 0};
    struct head copy[LIMIT_HEADS_CHANGED];
    struct message_heartbeat heartbeat = {
        .wall_ms = bench->now.wall_ms,
        .log_digest = memlog_digest(log),
        .state_digest = memlog_digest(log),
        .events = memlog_count(log),
        .sent_ms = bench->now.mono_ms,
        .heads = copy,
        .count = count,
    };
    if (count) {
        memcpy(copy, heads, count * sizeof *heads);
    }
    MUST(message_pack_heartbeat(&message, &heartbeat) == 0);
    bench_feed(bench, link, &message);
}

void bench_push(struct bench *bench, uint64_t link, const struct memlog *log,
                const struct stream *stream, uint64_t from, size_t count)
{
    struct buffer run = {.limit = 0};
    struct buffer message = {.limit = 0};
    MUST(memlog_read(log, stream, from, LIMIT_RUN_BYTES, count, &run) == count);
    MUST(message_pack_event(&message, buffer_slice(&run)) == 0);
    buffer_free(&run);
    bench_feed(bench, link, &message);
}

void bench_respond(struct bench *bench, uint64_t link, const struct memlog *log,
                   const struct bench_output *request, size_t max)
{
    const struct message_sync_request *asked = &request->message.as.sync_request;
    struct buffer runs = {.limit = 0};
    struct buffer message = {.limit = 0};
    size_t count = 0;
    size_t left = LIMIT_RUN_EVENTS;

    for (size_t i = 0; i < asked->count && left; i++) {
        size_t read = memlog_read(log, &asked->wants[i].stream, asked->wants[i].from,
                                  LIMIT_RUN_BYTES, max < left ? max : left, &runs);
        count += read > 0;
        left -= read;
    }
    MUST(message_pack_sync_response(&message, asked->request, buffer_slice(&runs), count,
                                    left == 0) == 0);
    buffer_free(&runs);
    bench_feed(bench, link, &message);
}

/* ---- the node beside it ---- */

static void publish(struct bench *bench, const struct stream *stream, size_t count,
                    enum fact_origin origin)
{
    struct buffer bytes = {.limit = 0};
    struct fact fact;

    memlog_fact(&bench->log, stream, count, origin, &bench->own, &bytes);
    MUST(fact_unpack(&fact, buffer_slice(&bytes)) == 0);
    replica_committed(bench->replica, &fact, bench->now);
    fact_free(&fact);
    buffer_free(&bytes);
    bench_take(bench);
}

void bench_write(struct bench *bench, size_t count, size_t size)
{
    struct stream stream = bench_stream("central-1", 77);
    memlog_write(&bench->log, &stream, count, size, 5);
    bench->own = memlog_head(&bench->log, &stream);
    publish(bench, &stream, count, FACT_LOCAL);
}

void bench_answer(struct bench *bench, const struct bench_output *apply, enum apply_outcome outcome)
{
    replica_applied(bench->replica, apply->what.token, outcome, bench->now);
    bench_take(bench);
}

enum apply_outcome bench_apply(struct bench *bench, const struct bench_output *apply)
{
    struct replica_output what = apply->what;
    uint64_t before = memlog_head(&bench->log, &what.stream).seq;
    enum apply_outcome outcome = memlog_apply(&bench->log, buffer_slice(&apply->bytes));
    uint64_t after = memlog_head(&bench->log, &what.stream).seq;

    if (after > before) {
        publish(bench, &what.stream, after - before, what.origin);
    }
    replica_applied(bench->replica, what.token, outcome, bench->now);
    bench_take(bench);
    return outcome;
}

struct peer_report bench_report(const struct bench *bench, const char *id)
{
    struct mesh_report report = {.running = true};
    struct peer_report found = {.state = PEER_UNKNOWN};

    replica_report(bench->replica, &report, bench->now);
    for (size_t i = 0; i < report.count; i++) {
        if (strcmp(report.peers[i].id.text, id) == 0) {
            found = report.peers[i];
        }
    }
    mesh_report_free(&report);
    return found;
}

/* ---- checks ---- */

void bench_check_retry(const struct bench_output *close, enum problem_code code)
{
    int64_t usual_ms = code == PROBLEM_UNKNOWN_PEER ? 5000 : 30000;

    ck_assert_ptr_nonnull(close);
    ck_assert_int_ge(close->what.retry_ms, usual_ms * 5 / 6);
    ck_assert_int_le(close->what.retry_ms, usual_ms * 7 / 6);
}

void bench_check_reject(const struct bench *bench, enum problem_code code, const char *part)
{
    const struct bench_output *reject = bench_sent(bench, MESSAGE_REJECT, 0);
    const struct bench_output *close = bench_kind(bench, REPLICA_CLOSE, 0);

    ck_assert_ptr_nonnull(reject);
    ck_assert_str_eq(reject->message.as.reject.code, problem_name(code));
    ck_assert_msg(strstr(reject->message.as.reject.text, part) != NULL, "%s",
                  reject->message.as.reject.text);
    ck_assert_uint_eq(reject->message.as.reject.retry_ms,
                      code == PROBLEM_UNKNOWN_PEER ? 5000 : 30000);
    bench_check_retry(close, code);
}

uint64_t bench_used_link(struct bench *bench)
{
    bench_clear(bench);
    bench_pass(bench, 1100);
    const struct bench_output *beat = bench_sent(bench, MESSAGE_HEARTBEAT, 0);
    return beat ? beat->what.link : 0;
}
