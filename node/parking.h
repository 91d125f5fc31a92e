/*
 * The decisions of a car park: a command and what is known now, in; an event and an answer, out.
 * Pure: no clock, no database. node/node.c asks the store what a decision needs (enum
 * parking_needs) and appends what comes out; the fold has the last word, so the answer is completed
 * from the visit as it is after the fold.
 *
 * A well-formed gate event is never refused: it becomes an event even when the car is already
 * inside or has no open visit, and the answer says so with a code.
 */
#ifndef NODE_PARKING_H
#define NODE_PARKING_H

#include "proto/command.h"
#include "proto/event.h"
#include "proto/plate.h"
#include "storage/visit.h"

/* What is known at the moment of the decision. Slices borrow for the call. */
struct parking_view {
    struct node_id node;
    int64_t now_ms;
    uint64_t hlc;              /* the log's clock; far ahead of now_ms = our clock is wrong */
    const struct visit *named; /* the visit that the command names, or NULL */
    const struct visit *open;  /* the open visit of the plate, or NULL */
    struct tariff tariff;      /* in force at the event's time */
    /* exits: the subscription by which the visit is free, "" = none */
    char subscription[LIMIT_ELEMENT_ID + 1];
    struct slice before;     /* changes: the named row as JSON */
    struct slice supersedes; /* changes: what event_pack_supersedes made of those seen */
    /* changes: what an earlier correction set; EVENT_NONE = nothing */
    int64_t corrected_entry_ms, corrected_exit_ms, corrected_fee;
};

/* A decision under way. Its texts live inside it; slices of `event` point here or into the
 * command, which must outlive it. */
struct parking {
    const struct command *command;
    struct event event;
    struct answer answer;
    struct plate plate;
    char visit[LIMIT_EVENT_ID + 1];
    char author[LIMIT_TEXT];
    char subscription[LIMIT_ELEMENT_ID + 1];
};

/*
 * First step, from the command alone: kind, plate, time, the fields by which a retry is recognised.
 * 0, or -1 when the command can never become an event; `answer` then says why.
 */
int parking_prepare(struct parking *parking, const struct command *command,
                    const struct parking_view *view);

/* An earlier event that this one repeats exists: completes the answer from its visit (NULL when
 * that is gone). Nothing is to be appended. */
void parking_repeat(struct parking *parking, const char *visit_name, const struct visit *visit);

/* Second step: completes the event. 0: append it. -1: `answer` says why not. */
int parking_decide(struct parking *parking, const struct parking_view *view);

/* Third step, after append and fold: completes the answer. `visit` is the row that the event's
 * `visit` names now, `winner` the one that superseded it; either may be NULL. */
void parking_complete(struct parking *parking, const struct position *position,
                      const struct visit *visit, const struct visit *winner);

/* Whether a time that a person gave lies more than a day ahead: of this clock and of the log's, so
 * that nobody is refused by a clock that was reset. */
bool parking_is_beyond(int64_t t_ms, int64_t now_ms, uint64_t hlc);

/* Time and clock quality of an event that happens now at this central. `hlc`: the log's clock. */
void parking_stamp(struct event *event, int64_t now_ms, uint64_t hlc);

/* The name of a visit that this central makes up: `<central>_<ms>_<plate>`. */
void parking_visit_name(const struct node_id *node, int64_t ms, const char *plate_id,
                        char out[LIMIT_EVENT_ID + 1]);

#endif
