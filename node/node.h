/*
 * The node: the thread that decides and the only one that writes. Commands are asked at the desk,
 * peers' runs come in on HANDOFF_NODE, facts go out on FACTS_ENDPOINT (both bound when zactor_new
 * returns).
 *
 * One turn takes what is queued and never waits for more: commands first, then live runs of peers,
 * then at most one sync chunk; one COMMIT (node/batch.h); then, when the disk has confirmed it,
 * every answer of the batch, then the fact. For a batch of several requests another thread waits
 * for the disk (node/syncer.h), and the next turn begins meanwhile; it ends after that batch was
 * told.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "api/desk.h"
#include "proto/ids.h"
#include "proto/problem.h"
#include "storage/store.h"

#include <czmq.h>

/* For zactor_new. The store is handed over: the actor owns it from then on and closes it at $TERM,
 * after its last turns. An I/O error of the database ends the process with its exit status. */
struct node_args {
    struct store *store;
    struct node_id id;
    struct desk *desk; /* outlives the actor, which alone takes from it */
};
void node_actor(zsock_t *pipe, void *args);

#endif
