/*
 * What the test files that tell one central, central-1, of messages have in common: each includes
 * it once.
 */
#ifndef TESTS_NODE_SUPPORT_PEER_HOUSE_H
#define TESTS_NODE_SUPPORT_PEER_HOUSE_H

#include "support_peer.h"

static struct house house;
static struct buffer bytes; /* of the event that a test reads back */

static inline void setup(void)
{
    house_start(&house, "central-1");
}

static inline void teardown(void)
{
    buffer_free(&bytes);
    house_stop(&house);
}

static inline struct answer tell(struct command command)
{
    return peer_tell(&house, command);
}

static inline struct visit row_of(const char *name)
{
    return peer_visit(&house, name);
}

static inline uint64_t events(void)
{
    return store_event_count(house.store);
}

#endif
