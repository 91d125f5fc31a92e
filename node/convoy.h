/*
 * When peers' live runs wait a moment for one another, so that a peer that takes in a thousand
 * events a second costs this central some hundred commits and not a thousand, which its own gates
 * would stand behind. A stream is known by its next run: it is there before the commit of the last
 * ones is done, or no longer after it than that took. Then the next leave CONVOY_GATHER_US after
 * the last, or when they are CONVOY_ENOUGH, or with a command. Whoever waits for one event to be
 * everywhere before he sends another does not come so soon, and never waits. Pure; times are of the
 * monotonic clock, us.
 */
#ifndef NODE_CONVOY_H
#define NODE_CONVOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONVOY_GATHER_US 3000
#define CONVOY_ENOUGH 64

/* Zero-initialise. */
struct convoy {
    int64_t left_us;   /* when the last left */
    int64_t stored_us; /* when those were stored */
    bool gathers;      /* those that are there belong to a stream */
};

/* The first of the next ones is there. */
void convoy_came(struct convoy *convoy, int64_t now_us);

/* All that are there leave, to be stored. */
void convoy_left(struct convoy *convoy, int64_t now_us);

/* What left is stored; when nothing did, nothing happens. */
void convoy_stored(struct convoy *convoy, int64_t now_us);

/* How much longer `waiting` live runs may wait, if nothing else is to be done; 0: they leave now.
 */
int64_t convoy_wait_us(const struct convoy *convoy, size_t waiting, int64_t now_us);

#endif
