/*
 * The syncer: a thread that waits for the disk, so that the node decides the next batch meanwhile.
 * One sync at a time. A sync that fails ends the process with the exit status of its problem, as in
 * the node.
 */
#ifndef NODE_SYNCER_H
#define NODE_SYNCER_H

#include <czmq.h>

/* For zactor_new; `args` is a struct store, which must outlive the actor. The actor's pipe takes an
 * empty message for store_sync() and gives an empty one back when it is done. */
void syncer_actor(zsock_t *pipe, void *args);

#endif
