/*
 * Those who ask a node or a reader: at a desk, or by sockets that are connected before the actor
 * binds, so that what a test queues is there at the actor's first turn, and no fact is missed.
 */
#ifndef TESTS_NODE_SUPPORT_ASKER_H
#define TESTS_NODE_SUPPORT_ASKER_H

#include "api/desk.h"
#include "proto/command.h"
#include "proto/fact.h"
#include "proto/handoff.h"

#include <czmq.h>

/* A socket of `type` without limits of its own, connected to an inproc endpoint. */
zsock_t *asker_connect(int type, const char *endpoint);
/* Readies CZMQ; the first call of a test. */
void asker_prepare(void);

/* One message of at most two frames; `first` may be NULL. */
void asker_send(zsock_t *socket, const char *first, struct slice bytes);
/* The last frame of the next message; fails the test when none comes within 20 s. */
zframe_t *asker_receive(zsock_t *socket);
struct slice asker_slice(zframe_t *frame);

/* A desk with room for all that a test may ask, and who asks there, until the test destroys them.
 */
struct desk *asker_desk(void);
struct desk_asker *asker_new(struct desk *desk);
void asker_ask(struct desk_asker *asker, struct slice bytes);
void asker_command(struct desk_asker *asker, const struct command *command);
/* The answer to the oldest question; fails the test when none comes within 20 s. */
struct answer asker_answer(struct desk_asker *asker);

void asker_apply(zsock_t *socket, uint64_t token, enum fact_origin origin, struct slice run);
struct apply_answer asker_applied(zsock_t *socket);

/* Fills `fact` from the next one; `frame` is to be destroyed after it. */
void asker_fact(zsock_t *socket, struct fact *fact, zframe_t **frame);

#endif
