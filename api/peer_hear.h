/*
 * What a central of the existing system says, as commands for the node. Several rows are under way
 * at once, so that they commit together.
 */
#ifndef API_PEER_HEAR_H
#define API_PEER_HEAR_H

#include "api/desk.h"
#include "api/envelope.h"

/* Who says it, and by whose thread it is heard. */
struct peer_hearing {
    const char *peer;
    struct desk_asker *node;
    struct buffer *question; /* space of the thread for a packed command */
    uint64_t stored;         /* messages and rows that became events */
    uint64_t repeated;       /* that were known */
    uint64_t refused;        /* that say nothing which could become an event */
};

/* What a SYNC_RESPONSE brought. */
struct peer_heard_rows {
    size_t count;
    int64_t oldest_ms, newest_ms; /* when those were written there; EVENT_NONE = unknown */
};

/*
 * Everything in it is durable, or never can be: 0. -1 with BUSY, DISK_FULL or STOPPING: some of it
 * is not, and the sender has to say it again. SYNC_RESPONSE fills `rows`. Messages that are about
 * the link itself (HEARTBEAT, SYNC_REQUEST ...) are 0.
 */
int peer_hear(struct peer_hearing *hearing, const struct envelope *envelope,
              const struct zone *zone, struct peer_heard_rows *rows, struct problem *problem);

#endif
