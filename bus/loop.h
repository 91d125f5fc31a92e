/*
 * The loop of an actor with many sockets: one poll() on their descriptors, then the handlers of
 * those that have something.
 *
 * The descriptor of a ZeroMQ socket (zmq_getsockopt(3), ZMQ_FD) does not say what the socket has,
 * only that something has come since the socket was last used, and any use takes that away, sending
 * included. So whoever the poll() names is served first, at once; and before the next poll() waits,
 * each socket that was used is asked what it has: those whose handlers ran, and those of which
 * loop_used tells. To ask costs one to three system calls: a loop that asks all of them in each
 * turn keeps what arrived waiting for the sake of those that have nothing.
 *
 * All of it runs on the thread of the sockets.
 */
#ifndef BUS_LOOP_H
#define BUS_LOOP_H

#include <czmq.h>

#include <stdint.h>

struct loop;

/* Something can be read from `socket` (NULL: from the plain descriptor). It may take as much of it
 * as it likes: what it leaves is its next turn's. It may watch and unwatch whatever it likes, close
 * its own socket included. -1 = the loop ends, else 0. */
typedef int loop_fn(zsock_t *socket, void *argument);

/* Aborts when the machine is out of memory. */
struct loop *loop_new(void);
/* Closes nothing that is watched. NULL afterwards; harmless for NULL. */
void loop_destroy(struct loop **loop);

/* Borrows the socket until it is unwatched, which comes before it is closed. 0, or -1 with errno
 * when libzmq has no descriptor for it. */
int loop_watch(struct loop *loop, zsock_t *socket, loop_fn *handler, void *argument);
/* Harmless for NULL and for a socket that is not watched. */
void loop_unwatch(struct loop *loop, const zsock_t *socket);
/* The socket was used, or is about to be, other than by its own handler: something was sent,
 * received, bound. Need not be told when it was read until it had no more, and that was all.
 * Forgotten, what has come may lie there until the first turn a second later. Harmless for NULL and
 * for a socket that is not watched. */
void loop_used(struct loop *loop, const zsock_t *socket);
/* A plain descriptor, for the loop's life. When its other end has gone it is heard once more, and
 * then no longer. */
void loop_watch_fd(struct loop *loop, int fd, loop_fn *handler, void *argument);

/* One turn: each watched thing that has something is served once, whoever the poll() named first.
 * When there is nothing, waits for it until `due_ms` (monotonic; INT64_MAX = for ever); may come
 * back earlier, of a signal for example. 0, or -1 when a handler said so: what it had not come to
 * is still there. */
int loop_turn(struct loop *loop, int64_t due_ms);

#endif
