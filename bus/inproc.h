/*
 * Names inside the process that a successor can have at once. Closing a socket frees its inproc
 * names only when libzmq's reaper thread comes by (zmq_close, "Description"): who binds the same
 * name after a change of the configuration would find it taken now and then.
 */
#ifndef BUS_INPROC_H
#define BUS_INPROC_H

#include <czmq.h>

/* Binds a socket to `name`, its only endpoint. 0, or -1 with errno; EADDRINUSE is a bug of ours. */
int inproc_bind(zsock_t *socket, const char *name);

/* Frees the name, then closes. `*socket` may be NULL or unbound, and becomes NULL. */
void inproc_close(zsock_t **socket);

#endif
