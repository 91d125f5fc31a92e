/*
 * Pure: getting all rows out of a central of the existing system that cuts its answers. It gives
 * the oldest LIMIT_PEER_ANSWER rows since an instant, each with the time when it was written there,
 * in UTC; but what it compares that with is the instant as local text of its own zone. So the next
 * question, for the time of the newest row, has to be early by the offset of that zone.
 *
 * That is the configured zone's, if it is right. With the answer it shows: one that was asked too
 * late does not begin with rows that are known. Then the offset is found in steps, from the
 * largest there is downwards, because asking too early only brings known rows again.
 */
#ifndef API_PEER_PAGES_H
#define API_PEER_PAGES_H

#include "api/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer_pages {
    const struct zone *zone; /* as configured; borrowed; NULL = the process's */
    int64_t since_ms;        /* to be asked for now */
    int64_t newest_ms;       /* of all rows that came; EVENT_NONE = the first question */
    int64_t offset_ms;       /* by which the last question was early */
    bool is_zone_wrong, is_passed_over;
};

enum peer_pages_next {
    PEER_PAGES_ALL,  /* it has no more */
    PEER_PAGES_MORE, /* ask for `since_ms` */
    PEER_PAGES_STUCK /* the same, and some rows were passed over */
};

/* The first question. */
void peer_pages_start(struct peer_pages *pages, const struct zone *zone, int64_t since_ms);

/* An answer of `count` rows, the oldest and newest of which were written then (EVENT_NONE =
 * unknown). */
enum peer_pages_next peer_pages_take(struct peer_pages *pages, size_t count, int64_t oldest_ms,
                                     int64_t newest_ms);

#endif
