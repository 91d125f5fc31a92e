/*
 * Can this central listen where a changed configuration wants it to? Asked before anybody is told
 * of the change; the listeners themselves may still fail, for another program may be quicker.
 */
#ifndef NODE_PORTS_H
#define NODE_PORTS_H

#include "node/config.h"
#include "proto/problem.h"

/* Binds each listener of `new` for a moment. Ports that `old` names are this central's own, and
 * never taken. Waits up to a second for one that is, since libzmq gives up a port a moment after
 * its socket. 0, or -1 with PORT_IN_USE, ADDRESS_UNAVAILABLE or PERMISSION, naming the address.
 * Any thread. */
int ports_check(const struct config *old, const struct config *new, struct problem *problem);

#endif
