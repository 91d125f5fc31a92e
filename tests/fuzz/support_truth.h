/*
 * A few short streams with valid chains, from which fuzz targets make messages that verify: of
 * former epochs, of other centrals, one that forks from another, and the one written here.
 */
#ifndef TESTS_FUZZ_SUPPORT_TRUTH_H
#define TESTS_FUZZ_SUPPORT_TRUTH_H

#include "proto/bytes.h"
#include "proto/ids.h"

#define TRUTH_LOGS 7
#define TRUTH_EVENTS 10
#define TRUTH_FORK 5 /* the same stream as log 1, other bytes from seq 5 on */
#define TRUTH_OWN 6  /* the stream that the central under test writes */

struct truth_event {
    char bytes[2][40]; /* header, body */
    size_t sizes[2];
    struct digest hash, chain;
};

struct truth_log {
    struct stream stream;
    struct truth_event events[TRUTH_EVENTS]; /* seq 1 is events[0] */
};

struct truth {
    struct truth_log logs[TRUTH_LOGS];
};

void truth_make(struct truth *truth);

/* The position as a head; seq 0..TRUTH_EVENTS. */
struct head truth_head(const struct truth_log *log, uint64_t seq);

/* The log that holds exactly this position with this chain, or NULL. */
const struct truth_log *truth_find(const struct truth *truth, const struct head *head);

/* Appends a packed run of `count` events from `from` on, cut at the end; false when there is none
 * and nothing was appended. */
bool truth_run(const struct truth_log *log, uint64_t from, size_t count, struct buffer *out);

#endif
