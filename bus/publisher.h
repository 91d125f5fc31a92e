/*
 * The bus for other programs: every event of the feed on an XPUB socket, and a ROUTER that replays
 * what a subscriber missed. docs/bus.md is the contract with subscribers. An actor: it owns both
 * sockets and a DEALER to FEED_READER; SUB on FACTS_ENDPOINT only tells it that there is more to
 * read. Whatever subscribers do, it waits for none of them, and nobody waits for it.
 */
#ifndef BUS_PUBLISHER_H
#define BUS_PUBLISHER_H

#include "bus/secret.h"
#include "proto/problem.h"

#include <czmq.h>
#include <stdint.h>

/* Copied while zactor_new runs. */
struct publisher_args {
    char address[64]; /* numeric, or "*"; without keys loopback */
    uint16_t port, replay_port;
    struct bus_keys keys;
};

/* For zactor_new with a `struct publisher_args *`. FACTS_ENDPOINT and FEED_READER must be bound;
 * with keys, a bus/zap actor must run. A port that cannot be bound leaves an actor without a bus.
 */
void publisher_actor(zsock_t *pipe, void *args);

/* Whether the actor listens; to be asked once, after zactor_new. 0, or -1 with the reason:
 * PORT_IN_USE, ADDRESS_UNAVAILABLE, PERMISSION, INTERNAL. */
int publisher_listens(zactor_t *publisher, struct problem *problem);

#endif
