/*
 * A run: consecutive events of one stream, as it travels between centrals and between threads.
 *
 *   run = [node, epoch, from, chain_before, chain_after, [item...]]
 *   item = [header, body] | [header, nil, body_hash]      (the second when the body was erased)
 *
 * chain_before is the chain at from - 1, chain_after the one at the last event: who applies a run
 * starts from its own chain, recomputes every link and compares both ends.
 */
#ifndef PROTO_RUN_H
#define PROTO_RUN_H

#include "proto/bytes.h"
#include "proto/ids.h"
#include "proto/wire.h"

struct run_item {
    struct slice header;
    struct slice body;       /* absent when redacted */
    struct digest body_hash; /* computed from the body, or as sent */
};

struct run {
    struct stream stream;
    uint64_t from; /* seq of items[0] */
    struct digest chain_before, chain_after;
    struct run_item *items; /* owned */
    size_t count;           /* 1..LIMIT_RUN_EVENTS */
};

/* Reads and checks a run (limits, every header well-formed, chain_after recomputed). Slices borrow
 * from the document. 0, or -1 with nothing to free. */
int run_read(struct run *run, const msgpack_object *object);
/* The same from packed bytes; `wire` keeps the parsed document and must be closed after the run. */
int run_unpack(struct run *run, struct wire *wire, struct slice bytes);
void run_free(struct run *run);

/* Packing in three steps, so that a writer can stop at its byte budget: the items are packed into
 * `items` first (run_put_item), then the whole (run_pack). Each 0, or -1 when the buffer is full.
 */
int run_put_item(struct buffer *items, struct slice header, struct slice body,
                 const struct digest *body_hash);
int run_pack(struct buffer *out, const struct stream *stream, uint64_t from,
             const struct digest *chain_before, const struct digest *chain_after,
             const struct buffer *items, size_t count);

/* Packs what was unpacked. 0 or -1. */
int run_repack(const struct run *run, struct buffer *out);

#endif
