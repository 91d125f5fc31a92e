/*
 * What a central of the existing system says over the peer link, as events of our stream. Pure: a
 * message and what the log knows, in; at most FOREIGN_EVENTS events, out. node/peering.c asks the
 * store and appends.
 *
 * Such a central counts on nothing: it says things twice, late and in any order, through several
 * gateways, and its exits carry names that no entry has. So an event says what the message said, as
 * far as possible the same at every gateway, and the fold finds out what belongs together. Only
 * what the log has already is left out.
 *
 * Its times are whole seconds. Where a name holds the milliseconds (`<text>_<ms>_<plate>`), they
 * complete the time, so that an entry, its exit and the next entry within one second keep their
 * order.
 */
#ifndef NODE_FOREIGN_H
#define NODE_FOREIGN_H

#include "proto/command.h"
#include "proto/event.h"
#include "storage/store.h"

#define FOREIGN_EVENTS 3 /* of one message: a row may bring an entry, a place and an exit */

/* What is known at the moment of the decision. Rows borrow for the call; NULL = there is none. */
struct foreign_view {
    int64_t now_ms;
    uint64_t hlc;               /* the log's clock */
    struct store_told told;     /* of the visit that the message names */
    const struct visit *named;  /* its row */
    const struct visit *winner; /* the one that superseded it */
    const struct visit *open;   /* exits: what is open under the plate */
    const struct visit *read;   /* exits: what is open and once had the plate, before a person
                                 * corrected it */
};

/* A message under way. Slices of the events point here or into the command, which must outlive it.
 */
struct foreign {
    const struct command *command;
    struct event events[FOREIGN_EVENTS];
    size_t count;
    struct slice central; /* who saw it */
    struct slice plate;   /* "" for kinds without one */
    char plate_id[LIMIT_PLATE + 1], plate_view[LIMIT_PLATE + 1];
    char visit[LIMIT_EVENT_ID + 1];  /* whom the message names, or what it is called here */
    char closes[LIMIT_EVENT_ID + 1]; /* the visit that an exit is found to mean */
    char camera_name[LIMIT_TEXT + 1];
};

/*
 * First step, from the message alone: who speaks, which plate and visit. 0; else -1 with what is
 * wrong with it in `why` (static text), and it can never become an event.
 */
int foreign_prepare(struct foreign *foreign, const struct command *command, const char **why);

/* Second step: the events that tell something new; none when all is known. */
void foreign_decide(struct foreign *foreign, const struct foreign_view *view);

/* A time told in whole seconds, completed by the milliseconds of a name. */
int64_t foreign_instant(int64_t told_ms, struct slice name);

#endif
