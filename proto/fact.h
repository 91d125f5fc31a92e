/*
 * Facts: what one commit of the node made durable, published once, after the commit, in commit
 * order, on the inproc XPUB/PUB socket FACTS_ENDPOINT. Mesh, push, publisher and metrics listen.
 * A listener that lags more than LIMIT_FACTS_QUEUE commits misses some; `batch` counts up by one
 * each, so it notices and reads the database again.
 *
 *   fact = [batch, lsn, log_digest, state_digest, events, hlc, own head | nil, [head...],
 *           [item...], [visit...], rewinds, rewound]
 *   item = [lsn, origin, packed run of this one event]     origin: enum fact_origin
 *   visit = [event_id, history_id, revision, status, plate_id, plate_view, entry_ms, exit_ms, fee,
 *            source_central]   a row of the folded history as it is now; status "GONE" when
 *            the row no longer exists
 */
#ifndef PROTO_FACT_H
#define PROTO_FACT_H

#include "proto/bytes.h"
#include "proto/ids.h"
#include "proto/wire.h"

#define FACTS_ENDPOINT "inproc://facts"

enum fact_origin {
    FACT_LOCAL = 1, /* logged here */
    FACT_LIVE,      /* pushed by a peer as it happened */
    FACT_SYNC       /* pulled from a peer that had it */
};

struct fact_event {
    uint64_t lsn;
    enum fact_origin origin;
    struct slice run; /* packed, one event */
};

struct fact_visit {
    struct slice event_id;
    int64_t history_id;
    int64_t revision;
    struct slice status; /* IN, OUT, SUPERSEDED, DELETED, GONE */
    struct slice plate_id, plate_view;
    int64_t entry_ms, exit_ms, fee; /* EVENT_NONE = absent */
    struct slice source_central;
};

struct fact {
    uint64_t batch;
    uint64_t lsn; /* highest given: events and changes of visits share the numbers */
    struct digest log_digest, state_digest;
    uint64_t events; /* in the log, all streams */
    uint64_t hlc;
    uint64_t rewinds;   /* how often heads of this log were set back or changed (a mended fork or
                         * head). What one of another count says of heads is not comparable */
    uint64_t rewound;   /* by this commit; then `heads` are as they are, not only higher */
    struct head own;    /* seq 0 = no local write since the start */
    struct head *heads; /* changed by this commit; owned after unpacking */
    size_t head_count;
    struct fact_event *items; /* owned after unpacking */
    size_t item_count;
    struct fact_visit *visits; /* owned after unpacking */
    size_t visit_count;
    struct wire wire;
};

/* Whether there is a visit and it has this status. */
bool fact_visit_is(const struct fact_visit *visit, const char *status);

/* The place in `visits` of the one with this name, or of the one that is inside with this plate:
 * the visit whose place a sighting tells. `visit_count` when there is none. */
size_t fact_find_visit(const struct fact *fact, struct slice event_id);
size_t fact_find_inside(const struct fact *fact, struct slice plate_id);

/* Appends one document. 0, or -1 when `out` is full. */
int fact_pack(const struct fact *fact, struct buffer *out);
/* 0; or -1, and then there is nothing to free. Slices borrow from `bytes`. */
int fact_unpack(struct fact *fact, struct slice bytes);
void fact_free(struct fact *fact);

#endif
