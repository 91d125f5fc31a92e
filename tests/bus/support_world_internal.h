/*
 * What the files of the world share: what is under way, and the parts that live.
 *
 *   support_world.c     life, faults, judging
 *   support_passage.c   time, the network, the node and the reader beside each replica
 */
#ifndef TESTS_BUS_SUPPORT_WORLD_INTERNAL_H
#define TESTS_BUS_SUPPORT_WORLD_INTERNAL_H

#include "tests/bus/support_world.h"

#define WORLD_DIAL_MS 500 /* between attempts to connect */

enum kind {
    ARRIVAL, /* message at `node` over wire `number` */
    BREAK,   /* `node` is told that a wire broke */
    DIAL,    /* `node` connects to `other` */
    APPLY,   /* the node works on a run */
    APPLIED, /* its answer */
    READ,    /* the reader's answer */
    FACT,    /* a commit is heard of */
    REREAD   /* the vector is read again */
};

struct moment {
    int64_t at_ms;
    uint64_t order;
    enum kind kind;
    size_t node, other;
    uint64_t boot; /* of the process meant; another one never hears of it */
    uint64_t number;
    struct replica_output what; /* APPLY, READ */
    enum apply_outcome outcome;
    struct buffer bytes;
};

/* A connection. Each side has its own number for it; 0 = it has forgotten it. */
struct wire_between {
    size_t ends[2]; /* ends[0] dialled */
    uint64_t numbers[2];
    bool is_broken;
    int64_t last_at[2]; /* newest arrival on the way to that end */
};

struct node {
    struct replica *replica;
    struct memlog log;
    struct node_id id;
    uint64_t boot, epoch;
    struct head own; /* of this process */
    struct replica_peer peers[WORLD_NODES];
    size_t peer_count;
    bool knows[WORLD_NODES], dials[WORLD_NODES];
    int64_t deadline_ms, last_fact_ms, last_apply_ms;
    bool is_frozen;
};

struct world {
    struct world_options options;
    uint64_t random;
    int64_t now_ms;
    struct node nodes[WORLD_NODES];
    bool is_cut[WORLD_NODES][WORLD_NODES];
    struct wire_between *wires;
    size_t wire_count;
    struct moment *heap;
    size_t heap_count, heap_capacity;
    uint64_t orders, last_number, last_boot, sent;
    size_t longest;
    struct memlog truth; /* everything ever written */
    uint64_t alarms[PROBLEM_COUNT];
    world_seen_fn seen;
    void *seen_context;
    uint64_t mended; /* good news of that kind */
};

/* support_passage.c */
bool passage_happens(struct world *world, unsigned per_cent);
/* Something will happen in so many milliseconds. */
void passage_plan(struct world *world, struct moment moment, int64_t in_ms);
void passage_dial(struct world *world, size_t from, size_t to);
void passage_tell_broken(struct world *world, struct wire_between *wire, size_t side);
/* Takes every output of a node, and when it wants to be woken. */
void passage_drain(struct world *world, size_t number);
void passage_set_vector(struct world *world, struct node *node);
/* A commit of `count` events; the fact arrives a little later, or not at all. */
void passage_publish(struct world *world, size_t number, const struct stream *stream, size_t count,
                     enum fact_origin origin);

#endif
