/*
 * What the mesh hands to the node (runs to apply) and to the reader (runs to read), and their
 * answers: packed msgpack arrays over inproc DEALER -> ROUTER, one frame each way. `token` is the
 * mesh's own number, given back in the answer.
 *
 *   HANDOFF_NODE     apply:  [token, origin, run]           answer: [token, outcome]
 *                    repair: [token, origin, run, true]     the same: the run mends damage
 *                    move:   [token, node, epoch, seq, chain]  the same: our events from seq on
 *                            leave that stream, see store_move_branch
 *                    synced: [0, peer, wall_ms]             no answer
 *   HANDOFF_READER   run:    [token, 1, node, epoch, from, max_bytes, max_events]
 *                                                           answer: [token, 1, run | nil, damaged]
 *                    vector: [token, 2]
 *                            answer: [token, 2, events, log_digest, state_digest, [page...],
 *                                     rewinds]
 *
 * A run travels as bin of its packed bytes. page = bin of a packed array of at most
 * LIMIT_VECTOR_PAGE heads. An answer [token, 0] means that the reader could not read; ask again
 * later.
 */
#ifndef PROTO_HANDOFF_H
#define PROTO_HANDOFF_H

#include "proto/bytes.h"
#include "proto/fact.h"
#include "proto/ids.h"
#include "proto/wire.h"

#define HANDOFF_NODE "inproc://node-peers"
#define HANDOFF_READER "inproc://reader"

/* Ceiling of a frame between these threads: a vector of LIMIT_HEADS heads, each below 128 bytes.
 * The buffer given to read_answer_pack must allow that much. */
#define HANDOFF_BYTES ((size_t)LIMIT_HEADS * 128)

/* What became of a run. */
enum apply_outcome {
    APPLY_DONE,   /* durable (new, or known with the same bytes) */
    APPLY_GAP,    /* starts beyond what we hold */
    APPLY_FORK,   /* chain differs; or what was to be mended or moved is not as thought */
    APPLY_PART,   /* what was to be mended is, but what lies before it is damaged, too */
    APPLY_REFUSED /* not stored (disk full, queue full, stopping); worth another try later */
};

struct apply_request {
    uint64_t token;          /* 0 = `synced` */
    enum fact_origin origin; /* 0 = a move */
    struct slice run;        /* packed */
    bool is_repair;          /* the run mends what is damaged, it adds nothing */
    struct position moved;   /* of a move: the first event that leaves */
    struct digest chain;     /* ours there, or before it when it is one beyond our head */
    struct node_id peer;
    int64_t wall_ms;
};
struct apply_answer {
    uint64_t token;
    enum apply_outcome outcome;
};

enum read_verb {
    READ_FAILED = 0,
    READ_RUN = 1,
    READ_VECTOR = 2
};
struct read_request {
    uint64_t token;
    enum read_verb verb;
    struct stream stream;
    uint64_t from;
    size_t max_bytes, max_events;
};
struct read_answer {
    uint64_t token;
    enum read_verb verb;
    struct slice run; /* packed; absent = nothing there */
    uint64_t damaged; /* our log does not verify from there on; 0 = it does */
    uint64_t rewinds; /* of heads, see proto/fact.h */
    uint64_t events;  /* in the log, all streams */
    struct digest log_digest, state_digest;
    struct head *heads; /* owned after unpacking: read_answer_free */
    size_t count;
};

/* Each pack appends one document: 0, or -1 when `out` is full (nothing is appended then). Each
 * unpack: 0 or -1; slices borrow from `bytes`. */
int apply_request_pack(const struct apply_request *request, struct buffer *out);
int apply_request_unpack(struct apply_request *request, struct slice bytes);
int apply_answer_pack(const struct apply_answer *answer, struct buffer *out);
int apply_answer_unpack(struct apply_answer *answer, struct slice bytes);
int read_request_pack(const struct read_request *request, struct buffer *out);
int read_request_unpack(struct read_request *request, struct slice bytes);
int read_answer_pack(const struct read_answer *answer, struct buffer *out);
int read_answer_unpack(struct read_answer *answer, struct slice bytes);
void read_answer_free(struct read_answer *answer);

#endif
