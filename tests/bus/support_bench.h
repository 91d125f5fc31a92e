/*
 * One replica on a bench: a test feeds it messages by hand and looks at what it puts out. Times
 * are what the test says.
 */
#ifndef TESTS_BUS_SUPPORT_BENCH_H
#define TESTS_BUS_SUPPORT_BENCH_H

#include "bus/replica.h"

#include "tests/bus/support_memlog.h"

#define BENCH_OUTPUTS 4096

struct bench_output {
    struct replica_output what; /* `bytes` and `text` are copies */
    struct buffer bytes;
    char text[600], address[100];
    struct message message; /* of a SEND */
};

struct bench {
    struct replica *replica;
    struct replica_now now;
    struct bench_output outputs[BENCH_OUTPUTS];
    size_t count; /* since the last bench_clear */
    struct memlog log;
    struct head own;
    struct digest mesh_id;
};

/* A replica of central `id` with an empty vector; heartbeat 1000 ms. `peers`: ids separated by
 * spaces. */
struct bench *bench_new(const char *id, const char *peers);
void bench_destroy(struct bench **bench);
void bench_peers(struct bench *bench, const char *peers);

/* Takes the outputs; every bench_* call that feeds does so at its end. */
void bench_take(struct bench *bench);
void bench_clear(struct bench *bench);

/* Lets time pass, waking the replica whenever it wants. */
void bench_pass(struct bench *bench, int64_t ms);

void bench_up(struct bench *bench, uint64_t link, const char *expected);
void bench_down(struct bench *bench, uint64_t link);
struct message_hello bench_hello(const struct bench *bench, const char *id, uint64_t boot);
void bench_send_hello(struct bench *bench, uint64_t link, const struct message_hello *hello);
/* The peer says something that it would not say to somebody whom it refuses. */
void bench_accept(struct bench *bench, uint64_t link);
/* An accepted link with a connected peer; its boot is 1000 + link. */
void bench_join(struct bench *bench, uint64_t link, const char *id);
/* Feeds what a packer has packed, and frees it. */
void bench_feed(struct bench *bench, uint64_t link, struct buffer *message);
/* A HEARTBEAT of a peer whose whole log is `log`; `heads` are named. */
void bench_beat(struct bench *bench, uint64_t link, const struct memlog *log,
                const struct head *heads, size_t count);
/* A pushed EVENT, or a whole answer, read from `log`. */
void bench_push(struct bench *bench, uint64_t link, const struct memlog *log,
                const struct stream *stream, uint64_t from, size_t count);
/* Answers the SYNC_REQUEST in this output from `log`, at most `max` events a run. */
void bench_respond(struct bench *bench, uint64_t link, const struct memlog *log,
                   const struct bench_output *request, size_t max);
/* Commits to the bench's own log: written here, or a run of an APPLY, which is answered. */
void bench_write(struct bench *bench, size_t count, size_t size);
enum apply_outcome bench_apply(struct bench *bench, const struct bench_output *apply);
void bench_answer(struct bench *bench, const struct bench_output *apply,
                  enum apply_outcome outcome);

/* The n-th (from 0) output of a kind, SEND of a type, or ALARM of a code or id; NULL when there are
 * not that many. */
const struct bench_output *bench_kind(const struct bench *bench, enum replica_output_kind kind,
                                      size_t n);
const struct bench_output *bench_sent(const struct bench *bench, enum message_type type, size_t n);
const struct bench_output *bench_alarm(const struct bench *bench, enum problem_code code, size_t n);
const struct bench_output *bench_news(const struct bench *bench, const char *id, size_t n);
size_t bench_count_sent(const struct bench *bench, enum message_type type);

/* The report on one peer; state PEER_UNKNOWN and an empty id when it is not in it. */
struct peer_report bench_report(const struct bench *bench, const char *id);

/* A refusal was sent with words that contain `part`, and its link closed for the usual time. */
void bench_check_reject(const struct bench *bench, enum problem_code code, const char *part);
void bench_check_retry(const struct bench_output *close, enum problem_code code);
/* Over which link a heartbeat goes within the next period; 0 = none. Clears. */
uint64_t bench_used_link(struct bench *bench);

struct node_id bench_id(const char *text);
struct stream bench_stream(const char *node, uint64_t epoch);

#endif
