/*
 * The house around a replica that is fuzzed: a log that takes runs in, reads them back and tells of
 * commits, and the checks of everything that the replica puts out.
 */
#ifndef TESTS_FUZZ_SUPPORT_STORY_H
#define TESTS_FUZZ_SUPPORT_STORY_H

#include "bus/replica.h"
#include "tests/fuzz/support_source.h"
#include "tests/fuzz/support_truth.h"

#define STORY_LINKS 64 /* in one story */
#define STORY_HELD 256 /* streams in the log */
#define STORY_PENDING 32
#define STORY_ASKED 32
#define STORY_SAID 2048 /* digests in one story; more than it has messages */

/* What the replica waits for: a run at the node, or a read. */
struct story_pending {
    uint64_t token; /* 0 = free */
    bool is_read;
    bool is_cure; /* a repair or a move */
    struct stream stream;
    uint64_t from;
    struct buffer run;
};

/* A SYNC_REQUEST of the replica that is not answered yet. */
struct story_asked {
    uint64_t id; /* 0 = free */
    uint64_t link;
    struct node_id peer;
    int64_t until_ms;
    struct sync_want wants[4]; /* the first of them */
    size_t count;
};

struct story_held {
    struct head head; /* in the log */
    struct head told; /* as the replica has been told */
};

struct story {
    struct source source;
    struct replica *replica;
    struct replica_now now;
    struct truth truth;
    struct story_held held[STORY_HELD];
    size_t held_count;
    uint64_t written; /* of TRUTH_OWN */
    uint64_t batch;
    bool is_up[STORY_LINKS]; /* by number - 1 */
    size_t link_count;
    struct story_pending pending[STORY_PENDING];
    struct story_asked asked[STORY_ASKED];
    struct digest said[STORY_SAID]; /* log digests that were said */
    size_t said_count;
};

/* The digest of the log, or of what the replica was told of it. */
struct digest story_digest(const struct story *story, bool is_told);

/* Commits a few events of our own, if there are any left, and mostly tells. */
void story_write(struct story *story);
/* Tells the whole vector. */
void story_set_vector(struct story *story);
/* Answers what the replica waits for: rightly, or anyhow. Harmless for a free place. */
void story_answer(struct story *story, struct story_pending *pending, bool is_right);

/* Forgets requests of the replica to this peer: all, or the one of this number. */
void story_forget_asked(struct story *story, const struct node_id *peer, uint64_t id);

/* Takes all outputs and checks them. */
void story_take(struct story *story);
/* Nobody is called equal as long as no one has said our digest. */
void story_check_report(const struct story *story);

#endif
