/*
 * That the log has grown, for requests that wait for it. A fact wakes those concerned. Each waiting
 * request holds a worker of the server, so there is room for LIMIT_WAITERS of them. Any thread
 * unless said otherwise.
 */
#ifndef API_PROGRESS_H
#define API_PROGRESS_H

#include "proto/bytes.h"
#include "proto/ids.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress;

struct progress *progress_new(void);
/* A fact as it came (proto/fact.h). False when nobody waits. One thread. */
bool progress_fact(struct progress *progress, struct slice bytes);
/* Waits `rest_ms`, or until somebody enters or the server stops. The same thread. */
void progress_rest(struct progress *progress, int64_t rest_ms);
/* Wakes everybody; from now on nobody waits. */
void progress_stop(struct progress *progress);
/* Nobody may be waiting any more. */
void progress_destroy(struct progress **progress);

/* A request that waits; lives in its thread. */
struct progress_waiter {
    const struct position *wanted; /* only these concern it; NULL = every commit does */
    size_t wanted_count;
    bool has_news;
    pthread_cond_t woken;
    struct progress_waiter *next;
};

/* Enters; what happens from now on is news. `wanted` is borrowed until progress_leave. False (and
 * nothing to leave) when there is no room or the server stops. */
bool progress_enter(struct progress *progress, struct progress_waiter *waiter,
                    const struct position *wanted, size_t wanted_count);

/* Waits for news since progress_enter, or since the last return. False when `until_ms` (of
 * clock_mono_ms) has come or the server stops. */
bool progress_wait(struct progress *progress, struct progress_waiter *waiter, int64_t until_ms);

void progress_leave(struct progress *progress, struct progress_waiter *waiter);

#endif
