/*
 * A log in memory for tests of the replication: streams of events with their chains, appended,
 * applied with the checks of the real one, and read back as runs.
 */
#ifndef TESTS_BUS_SUPPORT_MEMLOG_H
#define TESTS_BUS_SUPPORT_MEMLOG_H

#include "proto/bytes.h"
#include "proto/fact.h"
#include "proto/handoff.h"
#include "proto/ids.h"

#include <check.h>

/* An assertion for what happens often: those of check write a file each time. */
#define MUST(condition)                     \
    do {                                    \
        if (!(condition)) {                 \
            ck_abort_msg("%s", #condition); \
        }                                   \
    } while (0)

struct memlog_event {
    struct buffer header, body;
    struct digest body_hash, chain;
};

struct memlog_stream {
    struct stream id;
    struct memlog_event *events; /* seq 1 is events[0] */
    size_t count, capacity;
};

struct memlog {
    struct memlog_stream *streams;
    size_t count, capacity;
    uint64_t rewinds;
};

void memlog_free(struct memlog *log);

/* Appends `count` events with bodies of about `size` bytes; `salt` makes them differ from those of
 * other tests. The first new seq. */
uint64_t memlog_write(struct memlog *log, const struct stream *stream, size_t count, size_t size,
                      uint64_t salt);

/* A packed run of what is there and verifies: at most max_events and about max_bytes, at least one
 * event. The number of events; 0 = nothing there. */
size_t memlog_read(const struct memlog *log, const struct stream *stream, uint64_t from,
                   size_t max_bytes, size_t max_events, struct buffer *out);

/* Appends what is new of a packed run. */
enum apply_outcome memlog_apply(struct memlog *log, struct slice packed);

/* The first of these events that does not verify; 0 = all do. */
uint64_t memlog_damaged(const struct memlog *log, const struct stream *stream, uint64_t from,
                        size_t max_events);
/* Changes a byte of a body, and nothing else. */
void memlog_damage(struct memlog *log, const struct stream *stream, uint64_t seq);
/* Makes the chains of `count` events from `seq` on wrong. */
void memlog_damage_chains(struct memlog *log, const struct stream *stream, uint64_t seq,
                          size_t count);
/* Mends damage with a packed run that ends at our chain. */
enum apply_outcome memlog_repair(struct memlog *log, struct slice packed);
/* Moves events from `from` on to the end of `to`, when our chain is `chain` there. */
enum apply_outcome memlog_move(struct memlog *log, const struct position *from,
                               const struct digest *chain, const struct stream *to);
/* What the commit of such a move tells: two heads, one of them set back. */
void memlog_move_fact(const struct memlog *log, const struct stream *stream, const struct head *own,
                      struct buffer *out);

/* The newest event of a stream; seq 0 when there is none. */
struct head memlog_head(const struct memlog *log, const struct stream *stream);

/* All heads; the caller frees. */
struct head *memlog_heads(const struct memlog *log, size_t *count);

struct digest memlog_digest(const struct memlog *log);
uint64_t memlog_count(const struct memlog *log);

/* Forgets the newest events of a stream, as an older backup does. */
void memlog_truncate(struct memlog *log, size_t stream, size_t keep);

/* Everything of `part` is in `whole`, with the same bytes. */
bool memlog_is_part(const struct memlog *part, const struct memlog *whole);

/* What a commit that added `count` events to a stream, ending at its head, tells. Packed; the
 * caller frees. `origin` of the events; `own` is the central's own head. */
void memlog_fact(const struct memlog *log, const struct stream *stream, size_t count,
                 enum fact_origin origin, const struct head *own, struct buffer *out);

#endif
