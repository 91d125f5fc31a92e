/*
 * An actor's loop for whoever only listens to facts: subscribes, hands each on, ends when told.
 */
#ifndef API_LISTEN_H
#define API_LISTEN_H

#include "proto/bytes.h"

#include <czmq.h>

/* One packed fact (proto/fact.h), in commit order; some are missing after a long pause. The bytes
 * live during the call. Called in the actor's thread. */
typedef void (*listen_fn)(void *context, struct slice fact);

/* Runs until the owner of `pipe` sends $TERM or is gone. `name` is the thread's, at most 15 bytes;
 * `context` is borrowed. To be called from the function of a zactor, which it signals. */
void listen_to_facts(zsock_t *pipe, const char *name, listen_fn take, void *context);

#endif
