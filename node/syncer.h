/*
 * The syncer: a thread that waits for the disk, so that the node decides the next batch meanwhile.
 * One sync at a time. A sync that fails ends the process with the exit status of its problem, as in
 * the node.
 */
#ifndef NODE_SYNCER_H
#define NODE_SYNCER_H

#include "proto/problem.h"
#include "storage/store.h"

#include <czmq.h>

/* A database that failed to write must not be written again: what the kernel dropped after a failed
 * fsync is gone while the page cache says otherwise. A restart mints a new epoch and pulls. Returns
 * for any problem but DB_FAILED. */
void syncer_die_when_failed(const struct problem *problem);

/* For zactor_new; `args` is the store, which must outlive the actor. The actor's pipe takes an
 * empty message for store_sync() and gives an empty one back when it is done. */
void syncer_actor(zsock_t *pipe, void *args);

#endif
