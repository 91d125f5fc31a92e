/*
 * The log read back for peers: runs of a stream, and the vector of heads. A read-only handle; one
 * per thread; every call is one short read transaction.
 */
#ifndef STORAGE_RUNS_H
#define STORAGE_RUNS_H

#include "proto/bytes.h"
#include "proto/ids.h"
#include "proto/problem.h"

struct runs;

/* Opens an existing database. NULL with a problem. */
struct runs *runs_open(const char *path, struct problem *problem);
void runs_close(struct runs **runs);

/*
 * Appends one packed run (proto/run.h) of `stream` starting at `from` to `out`: at most max_events
 * events and about max_bytes bytes, at least one event. `*count` events were packed. 1, 0 when the
 * log has nothing there, -1 with a problem. The chain is recomputed: what does not verify, and what
 * is behind it, is not packed.
 */
int runs_read(struct runs *runs, const struct stream *stream, uint64_t from, size_t max_bytes,
              size_t max_events, struct buffer *out, size_t *count, struct problem *problem);

/* Where the last runs_read met bytes that do not verify, a gap, or a head that its row does not
 * have; 0 = nowhere. The damage is there or in the chain of the event before. */
uint64_t runs_damaged(const struct runs *runs);

/* Every head, in stream order; `*heads` is malloc'ed. Also events in the log and the digests as of
 * the same snapshot. 0 or -1. */
struct runs_vector {
    struct head *heads;
    size_t count;
    uint64_t events;
    uint64_t rewinds; /* of heads, see proto/fact.h */
    struct digest log_digest, state_digest;
};
int runs_vector(struct runs *runs, struct runs_vector *out, struct problem *problem);
void runs_vector_free(struct runs_vector *vector);

#endif
