/*
 * An actor's loop for whoever only listens to facts: subscribes, hands each on, ends when told.
 * While nobody wants them it does not wake for each commit: facts gather in their queue meanwhile.
 */
#ifndef API_LISTEN_H
#define API_LISTEN_H

#include "proto/bytes.h"

#include <czmq.h>

/* One packed fact (proto/fact.h), in commit order; some are missing after a long pause. The bytes
 * live during the call. False when nobody wanted it. Called in the actor's thread. */
typedef bool (*listen_fn)(void *context, struct slice fact);
/* Waits a moment, shorter when somebody comes who wants facts: what is handed on after it is late
 * by as much, as if the thread were slow. In the actor's thread, too. */
typedef void (*listen_rest_fn)(void *context);

/* Runs until the owner of `pipe` sends $TERM or is gone. `name` is the thread's, at most 15 bytes;
 * `context` is borrowed. To be called from the function of a zactor, which it signals. */
void listen_to_facts(zsock_t *pipe, const char *name, listen_fn take, listen_rest_fn rest,
                     void *context);

#endif
