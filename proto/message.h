/*
 * What centrals say to each other. Every message is a msgpack array [type, version, ...]; unknown
 * trailing fields are ignored. docs/protocol.md has the grammar and the rules.
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "proto/bytes.h"
#include "proto/ids.h"
#include "proto/run.h"

#define MESSAGE_VERSION 1     /* spoken */
#define MESSAGE_VERSION_MIN 1 /* understood */

/*  X(NAME, number on the wire)  */
#define MESSAGE_TYPES(X) \
    X(HELLO, 1)          \
    X(REJECT, 2)         \
    X(HEARTBEAT, 3)      \
    X(EVENT, 4)          \
    X(VECTOR_REQUEST, 5) \
    X(VECTOR, 6)         \
    X(SYNC_REQUEST, 7)   \
    X(SYNC_RESPONSE, 8)  \
    X(ACK, 9)            \
    X(BYE, 10)

enum message_type {
#define X(name, number) MESSAGE_##name = number,
    MESSAGE_TYPES(X)
#undef X
};

/* [1, v, min, max, mesh_id bin16, node, epoch (0 = no local write yet), boot, wall_ms, hlc,
 *  log_digest, state_digest, [capability...], software, api_port]
 * A state_digest of zeros is not known at the moment. Capabilities are texts; unknown ones, and
 * those of other types, are ignored. */
struct message_hello {
    uint64_t version_min, version_max;
    struct digest mesh_id;
    struct node_id node;
    uint64_t epoch;
    uint64_t boot; /* random per process start */
    int64_t wall_ms;
    uint64_t hlc;
    struct digest log_digest, state_digest;
    uint64_t fold; /* version of the sender's fold, capability "fold:<n>"; 0 = it does not say */
    char software[64];
    uint64_t api_port;
};

/* [2, v, code, text, retry_ms]. `code` is a name of ERROR_CODES. */
struct message_reject {
    char code[40];
    char text[300];
    uint64_t retry_ms;
};

/* Something that a person at the receiver has to know: what the sender saw of it. */
struct message_notice {
    char code[40]; /* a name of ERROR_CODES, or of a newer version's; "" = no notice */
    char text[300];
};

/* [3, v, wall_ms, hlc, log_digest, state_digest, events, sent_ms, echo_ms, hold_ms, [head...],
 *  notice], where notice = [] | [code, text]; older centrals end before it.
 * sent_ms: the sender's monotonic clock; echo_ms: the newest sent_ms it got from the receiver (0 =
 * none), hold_ms: how long it kept it. `heads`: the sender's own head and those changed since its
 * last heartbeat on this link, at most LIMIT_HEADS_CHANGED. head = [node, epoch, seq, chain]. */
struct message_heartbeat {
    int64_t wall_ms;
    uint64_t hlc;
    struct digest log_digest, state_digest;
    uint64_t events; /* in the sender's log, all streams */
    int64_t sent_ms, echo_ms, hold_ms;
    struct head *heads; /* owned after unpacking */
    size_t count;
    struct message_notice notice;
};

/* [5, v, [node...], after_node, after_epoch]: [] asks for digests per node, names ask for their
 * heads. The answer comes in pages; a next page is asked for by naming the last item seen. */
struct message_vector_request {
    struct node_id *nodes; /* owned after unpacking */
    size_t count;          /* 0..LIMIT_VECTOR_PAGE */
    struct stream after;   /* empty node = from the start */
};

struct node_digest {
    struct node_id node;
    struct digest digest; /* sum of head_digest over its streams */
};

/* [6, v, 0, [[node, digest]...], more] or [6, v, 1, [head...], more], in stream order. */
struct message_vector {
    bool is_heads;
    struct node_digest *digests; /* owned; when !is_heads */
    struct head *heads;          /* owned; when is_heads */
    size_t count;                /* 0..LIMIT_VECTOR_PAGE */
    bool more;
};

struct sync_want {
    struct stream stream;
    uint64_t from;
};

/* [7, v, request, [[node, epoch, from]...], max_bytes] */
struct message_sync_request {
    uint64_t request;
    struct sync_want *wants; /* owned after unpacking */
    size_t count;            /* 1..LIMIT_SYNC_WANTS */
    uint64_t max_bytes;
};

/* [8, v, request, [run...], more]: one answer a request, at most max_bytes and LIMIT_RUN_EVENTS in
 * all; `more`: something wanted was left out for size. What the sender does not have is left out
 * silently: the receiver's own vector tells it what is still missing. */
struct message_sync_response {
    uint64_t request;
    struct run *runs; /* owned */
    size_t count;
    bool more;
};

/* A decoded message; `wire` holds what slices point into. */
struct message {
    enum message_type type;
    uint64_t version;
    struct wire wire;
    union {
        struct message_hello hello;
        struct message_reject reject;
        struct message_heartbeat heartbeat;
        struct run event; /* [4, v, run] */
        struct message_vector_request vector_request;
        struct message_vector vector;
        struct message_sync_request sync_request;
        struct message_sync_response sync_response;
        struct {
            struct head *heads; /* [9, v, [head...]]: durable at the sender; owned */
            size_t count;
        } ack;
        struct {
            char reason[200]; /* [10, v, reason] */
        } bye;
    } as;
};

/* "HELLO"; "UNKNOWN" for what is none. */
const char *message_type_name(enum message_type type);

/* Decodes foreign bytes (which must outlive the message). 0; or, with nothing to free, -1: not a
 * message of ours, or 1: well-formed, of a type that a newer version has. */
int message_unpack(struct message *message, struct slice bytes);
void message_free(struct message *message);

/* Packing, one function a type, each appending a whole message to `out`. 0 or -1 (too large). */
int message_pack_hello(struct buffer *out, const struct message_hello *hello);
int message_pack_reject(struct buffer *out, const struct message_reject *reject);
int message_pack_heartbeat(struct buffer *out, const struct message_heartbeat *heartbeat);
int message_pack_event(struct buffer *out, struct slice packed_run);
int message_pack_vector_request(struct buffer *out, const struct message_vector_request *request);
int message_pack_vector(struct buffer *out, const struct message_vector *vector);
int message_pack_sync_request(struct buffer *out, const struct message_sync_request *request);
/* `runs`: concatenated packed runs, `count` of them. */
int message_pack_sync_response(struct buffer *out, uint64_t request, struct slice runs,
                               size_t count, bool more);
int message_pack_ack(struct buffer *out, const struct head *heads, size_t count);
int message_pack_bye(struct buffer *out, const char *reason);

#endif
