/*
 * The few read-only database handles that requests borrow. A handle is lent to one thread at a
 * time; long dumps may hold half of them at most, so that a slow download leaves handles for
 * everybody else. Any thread.
 */
#ifndef API_READERS_H
#define API_READERS_H

#include "storage/history.h"

#include <stdint.h>

struct readers;

/* Up to `count` handles (at least 1). The first is opened now, each other one by the request that
 * finds none idle, and kept: 300 kB each. NULL with a problem of history_open. */
struct readers *readers_new(const char *database, uint32_t count, struct problem *problem);
/* Every handle must have been given back. */
void readers_destroy(struct readers **readers);

/* Borrows; waits up to LIMIT_READERS_WAIT_MS. `dump`: an answer of unbounded length. NULL with
 * BUSY or a problem of history_open. */
struct history *readers_take(struct readers *readers, bool dump, struct problem *problem);
/* Gives back what readers_take returned and nulls it; `dump` as it was taken. */
void readers_give(struct readers *readers, bool dump, struct history **history);

#endif
