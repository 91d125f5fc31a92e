/*
 * The bus for other programs: every event of the feed on an XPUB socket, and a ROUTER that replays
 * what a subscriber missed. docs/bus.md is the contract with subscribers. An actor: it owns both
 * sockets and a DEALER to FEED_READER; SUB on FACTS_ENDPOINT only tells it that there is more to
 * read. Whatever subscribers do, it waits for none of them, and nobody waits for it.
 */
#ifndef BUS_PUBLISHER_H
#define BUS_PUBLISHER_H

#include <czmq.h>
#include <stdint.h>

/* Copied while zactor_new runs. */
struct publisher_args {
    char address[64]; /* numeric; loopback */
    uint16_t port, replay_port;
};

/* For zactor_new with a `struct publisher_args *`. FACTS_ENDPOINT and FEED_READER must be bound. A
 * port that cannot be bound is logged (BUS_UNAVAILABLE) and leaves an actor without a bus. */
void publisher_actor(zsock_t *pipe, void *args);

#endif
