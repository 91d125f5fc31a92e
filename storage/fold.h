/*
 * The fold: a closed set of events in, visits out. Pure: no clock, no database, no configuration;
 * any order and duplication of the input gives the same output. docs/fold.md gives the reasons and
 * examples; tests/fold.py is a second implementation that must agree.
 *
 * "Closed" for a set of plates P: all events whose plate is in P, and all events that name a visit
 * which any of those events names. fold() computes the timelines of P; more events do no harm.
 *
 * Of no effect: redacted events; kinds not named below; ENTRY_PENDING and IMPORT without visit or
 * plate; LOCATION_UPDATE without plate or location; HISTORY_* without visit. An empty visit, plate,
 * location or source_central is an absent one; a negative fee is none.
 *
 * Time. T(e) = t_eff plus the offsets of every CLOCK_FIX that covers e's position (equal fixes
 * count once), and likewise for the other times of an IMPORT; a covered event is no longer suspect.
 * All times, those of changes included, are held within 0..FOLD_TIME_MAX. Order of events: (hlc,
 * node, epoch, seq), called `stamp` below. Central of an event: its source_central, else the
 * stream's node.
 *
 * Step 1, each visit id V, from the events that name it:
 *   import  the best IMPORT: status OUT before others, then the row whose central is the importing
 *           node, then smallest (T, body bytes, stamp).
 *   entry   the ENTRY_PENDING with the smallest stamp. But when its central is not the one that
 *           logged it, and the import's is and is no anomaly, the import. Other ENTRY_PENDINGs of
 *           another plate, when the import is the entry only those logged by their own central:
 *           ID_COLLISION. Without any, the import. Without one, the LOCATION_UPDATE with the
 *           smallest stamp makes a candidate. Without one, V is unknown. A candidate and an import
 *           with is_anomaly are `weak`: they do not prove an entry.
 *   change  of HISTORY_UPDATE / _DELETE / _UNDELETE, those that no other change of V supersedes
 *           (all of them if that leaves none): a DELETE before others, then the greatest stamp. The
 *           winner's plate, entry_ms, exit_ms, fee replace those of the entry where present; its
 *           plate_view too; without one the entry's is kept only while the plate is the entry's.
 *           entry_ms is not re-timed by a CLOCK_FIX.
 *   reopen  the greatest stamp of all _UPDATE and _UNDELETE with exit_ms EVENT_REOPEN, also of
 *           those that did not win; in force unless the winner has a time as exit_ms. Exits with a
 *           stamp below it do not close V (EXTRA_EXIT).
 *   exits   EXITs with equal (visit, T, plate, central) are one, the smallest stamp. An import with
 *           status OUT is an exit that names V, at its exit_ms (else at its T), unless an EXIT
 *           names V. Two times are one instant when they lie in one second and one of them is
 *           whole seconds. An exit at the instant of the entry, before it, is at the entry time.
 * A winning DELETE: status DELETED, V is in no timeline, lists nothing, and keeps the exit facts of
 * the exit with the smallest stamp that names it (not one below reopen); an end before the entry
 * becomes the entry.
 *
 * Step 2, timeline of plate p: visits whose effective plate is p and that are not deleted; exits
 * that name a known visit follow it, whatever plate was read; exits that name none, by their own
 * plate (without one: no effect); LOCATION_UPDATEs follow the visit they name, even a deleted one,
 * else their own plate.
 * Walk in order of (T, rank, visit id (absent first), stamp), ranks in the order below:
 *   entry     V has an exit that named it at an earlier T, and no exit_ms of a change: V is closed
 *             at zero duration, EXIT_BEFORE_ENTRY, and takes part in nothing else. Nothing open: V
 *             opens. Open is weak and V is not: open is SUPERSEDED by V, V opens. Open is suspect
 *             and V is neither suspect nor weak: likewise, and open is a CONFLICT. So too when the
 *             entries of both were logged by others than the one central that saw them, and V's,
 *             not suspect, has the greater stamp and is more than LIMIT_DUPLICATE_MS later. Else V
 *             is SUPERSEDED by open: DUPLICATE when of the same central and at most
 *             LIMIT_DUPLICATE_MS later, else CONFLICT.
 *   candidate like an entry, with is_anomaly, but when something is open V is no visit: it gives
 *             way, and what names it means the open one. Camera name
 *             "Auto-detected: <central>/<location>", source "parking_lot_auto", confidence 0.
 *   sighting  every LOCATION_UPDATE, at its T: last_location of what is open. The import's
 *             location, at location_ms (else its T): only of V itself, while it is open.
 *   exit      Of no effect, because told once more: one that names no known visit, when at its
 *             instant the timeline has one that names what is open (any known visit, when nothing
 *             is); and one at the instant of the exit that its target has. Target: what is open;
 *             for an exit that names a known visit, the last in its chain of superseders (itself
 *             when it has none). No target: ORPHAN_EXIT. Target open: closes it. Target closed:
 *             DOUBLE_EXIT when both took money, else EXTRA_EXIT. Target still to come: see `entry`;
 *             a second such exit is DOUBLE_EXIT or EXTRA_EXIT. Target with an exit_ms of a change:
 *             the first exit gives camera, central and fee, no time; others are DOUBLE_EXIT or
 *             EXTRA_EXIT. If V is superseded later, or gives way, the exit it had is EXTRA_EXIT.
 *   end       the exit_ms of V's change, not before its entry: closes V if it is open.
 *
 * Fee of a closed or deleted visit with an end: `fee` of the change, else of its exit: money taken
 * is a fact. Else 0 when a subscription counts at the end: of each element the SUBSCRIPTION_UPDATE
 * with the greatest stamp of those with T at or before the end; it counts when its status is
 * "active", its plate is V's and the end is within valid_from_ms (inclusive, absent: since ever)
 * and valid_to_ms (exclusive, absent: for ever). Else the tariff in force at the end: the
 * CONFIG_UPDATE with the greatest (T, stamp) at or before it, else the default. When a fee came
 * from an exit that says the tariff it used (free_s, per_hour, within their ranges), and that
 * tariff gives another fee for the final times: FEE_DIFFERS (not for deleted visits). Other visits
 * have fee 0; SUPERSEDED ones no exit.
 */
#ifndef STORAGE_FOLD_H
#define STORAGE_FOLD_H

#include "proto/event.h"
#include "proto/tariff.h"
#include "storage/visit.h"

/* Of these rules. A change that makes other visits of the same events raises it: centrals compare
 * their states only when their versions are equal. */
#define FOLD_VERSION 4

/* 9999-12-31 23:59:59.999 UTC; money and text of any two times within stay in range. */
#define FOLD_TIME_MAX INT64_C(253402300799999)

/*  X(NAME)  what a person may want to look at; names are stable  */
#define ANOMALY_CODES(X) \
    X(DUPLICATE)         \
    X(CONFLICT)          \
    X(ID_COLLISION)      \
    X(EXIT_BEFORE_ENTRY) \
    X(DOUBLE_EXIT)       \
    X(EXTRA_EXIT)        \
    X(ORPHAN_EXIT)       \
    X(FEE_DIFFERS)

enum anomaly_code {
#define X(name) ANOMALY_##name,
    ANOMALY_CODES(X)
#undef X
};

const char *anomaly_name(enum anomaly_code code);

struct fold_event {
    struct event event; /* t_eff as logged */
    struct position position;
    struct slice body; /* its bytes, for the order of imports */
};

struct fold_tariff {
    int64_t t;    /* T of the CONFIG_UPDATE */
    uint64_t hlc; /* its stamp */
    struct position position;
    struct tariff tariff;
};

struct fold_subscription {
    struct slice item; /* the element */
    int64_t t;         /* T of the SUBSCRIPTION_UPDATE */
    uint64_t hlc;      /* its stamp */
    struct position position;
    bool active;
    struct slice plate_id;
    int64_t from_ms, to_ms; /* EVENT_NONE = open */
};

struct fold_clock_fix {
    struct node_id node;
    uint64_t epoch; /* 0 = all of the node's */
    uint64_t from, to;
    int64_t offset_ms;
};

/* All borrowed. Events may repeat and come in any order; settings too. Tariffs outside their ranges
 * (proto/tariff.h) have no effect. */
struct fold_input {
    const struct fold_event *events;
    size_t event_count;
    const char *const *plates; /* P */
    size_t plate_count;
    const struct fold_tariff *tariffs;
    size_t tariff_count;
    /* At least all updates of every element that has ever had a plate of P. */
    const struct fold_subscription *subscriptions;
    size_t subscription_count;
    const struct fold_clock_fix *clock_fixes;
    size_t clock_fix_count;
};

struct fold_anomaly {
    enum anomaly_code code;
    struct slice plate_id;    /* of the timeline */
    struct slice visit;       /* concerned; ORPHAN_EXIT: the unknown id it names, or absent */
    struct slice other;       /* DUPLICATE, CONFLICT: the visit that won; else absent */
    struct position position; /* the event that is listed: an entry or an exit */
    int64_t t;                /* its T; of an entry, the visit's entry time */
};

/* Visits of P's timelines and deleted visits whose effective plate is in P, in order of event_id;
 * anomalies in order of (plate, T, position, code). superseded_by is the direct superseder. Slices
 * borrow from the input, or from memory of the output. */
struct fold_output {
    struct visit *visits;
    size_t visit_count;
    struct fold_anomaly *anomalies;
    size_t anomaly_count;
    void *memory; /* private */
};

/* Never fails (aborts when out of memory). Free the output with fold_free. Local columns of the
 * visits are absent. */
void fold(const struct fold_input *input, struct fold_output *output);
void fold_free(struct fold_output *output);

/* The subscription by which a plate pays nothing at an instant, of several the one with the
 * smallest item; NULL when there is none. `list` in any order, with repetitions. */
const struct fold_subscription *fold_subscription(const struct fold_subscription *list,
                                                  size_t count, struct slice plate_id, int64_t t);

/* T of an event: `t_eff` re-timed by the fixes that cover its position (for settings; fold() does
 * it for `events` itself). */
int64_t fold_time(int64_t t_eff, const struct position *position,
                  const struct fold_clock_fix *fixes, size_t fix_count);

#endif
