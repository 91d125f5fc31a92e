/*
 * Between the parts of the fold. One call is
 *   fold_visits (step 1)  events -> items, in order of visit; per visit a stay; points of timelines
 *   fold_walk   (step 2)  the points of each timeline in order; stays get their end
 *   fold.c      memory before, rendering after
 * and all of it lives in one block of memory that the output owns.
 */
#ifndef STORAGE_FOLD_INTERNAL_H
#define STORAGE_FOLD_INTERNAL_H

#include "storage/fold.h"

/* An event that has an effect. */
struct fold_item {
    const struct fold_event *source;
    struct slice visit; /* that it names; absent, never empty */
    int64_t t;          /* T */
    bool suspect;
};

enum fold_state {
    FOLD_TO_COME, /* the walk has not reached it */
    FOLD_OPEN,
    FOLD_CLOSED,
    FOLD_SUPERSEDED,
    FOLD_GAVE_WAY, /* a candidate that found something open: no visit */
    FOLD_DELETED
};

/* A visit under way. */
struct fold_stay {
    struct slice id, plate_id, plate_view; /* effective */
    size_t timeline;                       /* index of its plate */
    const struct fold_item *entry;         /* whose facts it has */
    const struct fold_item *import;        /* the best one, or NULL */
    const struct fold_item *change;        /* the winner, or NULL */
    const struct fold_item *reopen;        /* in force, or NULL */
    const struct fold_item *exit;          /* whose facts it has, or NULL */
    int64_t exit_t;                        /* T of that exit */
    int64_t exit_told;                     /* the same before it was moved to the entry */
    int64_t entry_ms;
    int64_t end_ms;  /* exit_ms of the change, or EVENT_NONE */
    int64_t exit_ms; /* final, or EVENT_NONE */
    enum fold_state state;
    bool weak, suspect;
    struct fold_stay *superseded_by; /* direct */
    struct fold_stay *winner;        /* further up the same chain; shortened when followed */
    struct slice last_location;
    int64_t last_location_ms;
};

enum fold_rank {
    FOLD_ENTRY,
    FOLD_CANDIDATE,
    FOLD_SIGHTING,
    FOLD_EXIT,
    FOLD_END
};

/* What the walk meets. */
struct fold_point {
    size_t timeline;
    int64_t t;
    enum fold_rank rank;
    const struct fold_item *item;
    struct fold_stay *stay; /* the visit that `item` names, NULL when it names none that is known */
    int64_t told;           /* of an exit: its time before it was moved to the entry */
};

struct fold_change {
    const struct fold_item *item;
    bool superseded;
};

struct fold_work {
    const struct fold_input *input;
    struct slice *plates; /* P, sorted, each once */
    size_t plate_count;
    struct fold_item *items;
    size_t item_count;
    struct fold_stay *stays; /* in order of id */
    size_t stay_count;
    struct fold_point *points;
    size_t point_count;
    struct fold_anomaly *anomalies;
    size_t anomaly_count;
    struct fold_change *changes;    /* room for those of one visit */
    const struct fold_item **exits; /* likewise */
    const struct fold_tariff **tariffs;
    size_t tariff_count;
    bool tariffs_sorted; /* done when first needed */
    char *names;         /* room for camera names of candidates */
};

/* Step 1: items, stays and points. */
void fold_visits(struct fold_work *work);

/* Step 2: sorts the points and walks each timeline. */
void fold_walk(struct fold_work *work);

/* Order of events. */
int fold_stamp_compare(const struct fold_event *a, const struct fold_event *b);

/* The central an event speaks of. */
struct slice fold_central(const struct fold_item *item);

/* Whether it was told by the central that saw it, and not by one that heard of it. */
bool fold_is_original(const struct fold_item *item);

/* Money that an exit took; false when it says nothing. */
bool fold_exit_fee(const struct fold_item *exit, int64_t *fee);

/* Adds to the list of anomalies. */
void fold_list(struct fold_work *work, struct fold_anomaly anomaly);

/* Whether two times mean one instant where a time of whole seconds may stand for any in its second.
 */
static inline bool fold_is_one_instant(int64_t a, int64_t b)
{
    return a / 1000 == b / 1000 && (a % 1000 == 0 || b % 1000 == 0);
}

/* `text`, absent when empty. */
static inline struct slice fold_named(struct slice text)
{
    return text.len ? text : (struct slice){NULL, 0};
}

#endif
