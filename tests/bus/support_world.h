/*
 * Several replicas, their logs and the network between them in one process and in virtual time.
 * Everything that happens follows from the seed: delays, losses, duplicates, the order of answers
 * and facts. Each pass checks what must hold at every moment; see world_check.
 */
#ifndef TESTS_BUS_SUPPORT_WORLD_H
#define TESTS_BUS_SUPPORT_WORLD_H

#include "bus/replica.h"

#include "tests/bus/support_memlog.h"

#define WORLD_NODES 50

struct world;

struct world_options {
    uint64_t seed;
    size_t nodes;
    int64_t heartbeat_ms;
    unsigned loss, duplicates; /* per cent of messages */
    int64_t delay_ms;          /* each message takes 1..delay_ms; they may overtake each other */
    bool ordered;              /* they may not */
    unsigned refusals;         /* per cent of runs that a node refuses to store */
    bool frozen;               /* no node stores anything of others */
    unsigned lost_facts;       /* per cent of commits that the mesh does not hear of at once */
};

struct world *world_new(const struct world_options *options);
void world_destroy(struct world **world);

/* Both know each other; `from` dials (both may: call twice). */
void world_connect(struct world *world, size_t from, size_t to);

/* One commit of `count` events of about `size` bytes. Nothing when the node is down. */
void world_write(struct world *world, size_t node, size_t count, size_t size);

/* Passes time. */
void world_run(struct world *world, int64_t ms);
/* Until the logs of all nodes are equal and every pair that knows each other says so; the time it
 * took, or -1 when `max_ms` were not enough. A node without connections has to be equal, too. */
int64_t world_settle(struct world *world, int64_t max_ms);

/* Nothing passes between two nodes, and nobody is told. */
void world_cut(struct world *world, size_t a, size_t b, bool is_cut);
/* Every connection between them breaks, what is under way is lost; both are told. */
void world_reset(struct world *world, size_t a, size_t b);
/* From now on without faults, all nodes up, nothing cut. */
void world_heal(struct world *world);

/* The process dies with what it had not written; `lost` per cent of the events of each stream are
 * gone as well, as after restoring an older backup. */
void world_kill(struct world *world, size_t node, unsigned lost);
void world_start(struct world *world, size_t node);
bool world_is_up(const struct world *world, size_t node);

bool world_is_equal(const struct world *world);
/* Nothing invented; digests equal exactly when logs are; no alarm of a wrong kind. */
void world_check(struct world *world);

/* Sees each message that is sent, lost or not, at its sending. */
typedef void (*world_seen_fn)(void *context, size_t from, size_t to, struct slice bytes,
                              int64_t now_ms);
void world_watch(struct world *world, world_seen_fn seen, void *context);
/* What a node sends goes nowhere, what it hears it never takes: a stopped process with open
 * connections. */
void world_freeze(struct world *world, size_t node, bool is_frozen);
/* Events of streams that nobody writes now, into the logs of stopped nodes. */
void world_import(struct world *world, size_t node, const struct stream *stream, size_t count);

uint64_t world_random(struct world *world, uint64_t below);
struct replica *world_replica(struct world *world, size_t node);
struct memlog *world_log(struct world *world, size_t node);
struct replica_now world_now(const struct world *world);
/* Messages sent so far, and the longest queue of outputs after one input. */
uint64_t world_sent(const struct world *world);
size_t world_longest(const struct world *world);
/* Forks and damage mended, as the replicas say. */
uint64_t world_mended(const struct world *world);
/* Alarms of one code so far. */
uint64_t world_alarms(const struct world *world, enum problem_code code);

#endif
