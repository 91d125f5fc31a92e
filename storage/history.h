/*
 * Read-only questions that people ask. One handle per thread at a time; every call is one short
 * read transaction, so that a slow reader never holds back a checkpoint.
 */
#ifndef STORAGE_HISTORY_H
#define STORAGE_HISTORY_H

#include "proto/event.h"
#include "proto/feed.h"
#include "proto/problem.h"
#include "proto/tariff.h"
#include "storage/visit.h"

struct history;

/* NULL with a problem. */
struct history *history_open(const char *path, struct problem *problem);
void history_close(struct history **history);

/* A place in a list: rows are in order of (t, id), newest first. */
struct history_key {
    int64_t t, id;
};

/* What of a plate a text is compared with. */
enum history_match {
    HISTORY_PART,
    HISTORY_PREFIX,
    HISTORY_EXACT
};

/* Which visits belong to a span of time. */
enum history_span {
    HISTORY_BY_ENTRY, /* entered within it; the list is in order of entry */
    HISTORY_BY_STAY,  /* were inside at some time of it; in order of entry */
    HISTORY_BY_EXIT   /* left within it; in order of exit */
};

/* Which visits. Zeroes: all but SUPERSEDED and DELETED ones, in order of entry. */
struct history_query {
    int64_t limit; /* -1 = all */
    int64_t offset;
    bool today_only; /* entry within the local day of now_ms */
    int64_t now_ms;
    /* NULL = every visit but SUPERSEDED and DELETED; else exactly this status name */
    const char *status;
    /* Absent = any plate. Blanks, '-' and '.' do not matter, nothing is a wildcard; found in
     * plate_id or plate_view. */
    struct slice search;
    enum history_match match;
    bool look; /* characters that cameras take for each other are the same (proto/plate.h) */

    bool has_span; /* [from_ms, to_ms) */
    enum history_span span;
    int64_t from_ms, to_ms;
    struct slice central; /* where it entered or left; absent = anywhere */
    struct slice lot;     /* where it was seen last */
    struct slice anomaly; /* listed under this code, or "any" */
    bool has_after;
    struct history_key after; /* only what comes behind this place */
    int64_t work;             /* rows to look at before giving up for now; 0 = no end */
};

/* Called once a row, in order. Non-zero stops. */
typedef int (*history_row_fn)(void *context, const struct visit *visit);

/*
 * Pages through the rows, at most LIMIT_PAGE_ROWS a read transaction, resuming by key, so that rows
 * arriving meanwhile neither repeat nor hide others. The callback runs outside any transaction (a
 * page is copied first). 0, or -1 with a problem, or the callback's value.
 *
 * `next`, which may be NULL: the place from which to go on, and `*more` whether there may be rows
 * behind it: the limit was met, or the work was done.
 */
int history_each(struct history *history, const struct history_query *query, history_row_fn row,
                 void *context, struct problem *problem);
int history_list(struct history *history, const struct history_query *query, history_row_fn row,
                 void *context, struct history_key *next, bool *more, struct problem *problem);

/* 1 found (slices live until the next call), 0 not, -1 problem. */
int history_find(struct history *history, struct slice event_id, struct visit *visit,
                 struct problem *problem);

/* Of the local day of `now_ms`, but for `inside`, which is now; revenue in VND. 0 or -1. */
struct history_stats {
    int64_t inside, entries_today, exits_today, revenue_today;
};
int history_stats(struct history *history, int64_t now_ms, struct history_stats *out,
                  struct problem *problem);

/* What happened in one local hour at one central and lot (empty = unknown): entries by where the
 * visit entered, exits and revenue (VND taken) by where it left; `gone` = exits of those that had
 * entered there. Superseded and deleted visits count nowhere. Texts live during the callback. */
struct history_count {
    int64_t hour_ms; /* start of the hour */
    struct slice central, lot;
    int64_t entries, exits, revenue, gone;
    int64_t inside; /* only of what is inside now: vehicles now, by where they entered */
};
/* Called within a read transaction: it must be quick. Non-zero stops and is returned. */
typedef int (*history_count_fn)(void *context, const struct history_count *count);
/* Of one snapshot: what is inside now, then the hours that start at `from_ms` or later, in order.
 * 0, -1 or the callback's value. */
int history_sums(struct history *history, int64_t from_ms, history_count_fn inside,
                 history_count_fn hour, void *context, struct problem *problem);

/* The codes that the fold lists something under (storage/fold.h): whether this is one, and all of
 * them for a person to read, with ", " between. */
bool history_conflict_knows(struct slice code);
const char *history_conflict_codes(void);

/* What the fold listed for a person to look at. Texts live during the callback. */
struct history_conflict {
    struct slice code, plate_id;
    struct slice visit, other; /* event_ids; absent as in struct fold_anomaly */
    struct slice node;         /* the event that is listed */
    uint64_t epoch, seq;
    int64_t t; /* ms */
};
/* Newest first; absent texts: any. `after`: the last one seen, with code, plate_id and position.
 * history_conflicts: 0, -1 or the callback's value; `*more`: the limit was met. */
struct history_conflicts {
    int64_t limit; /* 1..LIMIT_PAGE_ROWS */
    struct slice code, plate, visit;
    int64_t from_ms; /* not before */
    bool has_after;
    struct history_conflict after;
};
typedef int (*history_conflict_fn)(void *context, const struct history_conflict *conflict);
int history_conflicts(struct history *history, const struct history_conflicts *query,
                      history_conflict_fn each, void *context, bool *more, struct problem *problem);

/* What became of one event of a visit. */
struct history_told {
    struct position position;
    struct event event; /* kind, hlc, t_eff and clock also when the body was erased */
    struct slice named; /* the visit that the event names, when it is another */
    const char *rule;   /* a stable code, see docs/api.md; never NULL */
    struct slice other; /* the visit that took part, or absent */
};
#define HISTORY_STORY_EVENTS 1000 /* of a visit; more are left out */
typedef int (*history_told_fn)(void *context, const struct history_told *told);
/*
 * The events of a visit in order of their stamps, each with what the fold made of it; and those
 * exits that were logged under another name and closed it. 1, 0 when no event names it, -1, or the
 * callback's value. `visit` is its row, or NULL.
 */
int history_story(struct history *history, struct slice event_id, const struct visit *visit,
                  history_told_fn each, void *context, struct problem *problem);

/* One administrator's change, newest first. Slices live during the callback. 0, -1 or the
 * callback's value. */
struct history_change {
    int64_t id;
    int64_t history_id; /* local row number; 0 when the row is gone */
    struct slice event_id;
    struct slice change_type; /* UPDATE, DELETE, UNDELETE */
    struct slice old_plate_id, old_plate_view;
    struct slice new_plate_id, new_plate_view; /* absent of a DELETE */
    struct slice old_data, new_data;           /* JSON objects */
    struct slice changed_at;                   /* UTC text */
    struct slice changed_by, reason, source_central;
};
typedef int (*history_change_fn)(void *context, const struct history_change *change);
int history_changes(struct history *history, int64_t history_id /* 0 = all */, int64_t limit,
                    int64_t offset, history_change_fn each, void *context, struct problem *problem);

/* Rows of p2p_sync_state, by peer id. 0, -1 or the callback's value. */
struct history_synced {
    struct slice peer_central_id;
    int64_t last_sync_timestamp;             /* ms */
    struct slice last_sync_time, updated_at; /* UTC text */
};
typedef int (*history_synced_fn)(void *context, const struct history_synced *synced);
int history_synced(struct history *history, history_synced_fn each, void *context,
                   struct problem *problem);

/* Tariff in force at an instant; `*from_log` false when it is the built-in default. 0 or -1. */
int history_tariff(struct history *history, int64_t at_ms, struct tariff *out, bool *from_log,
                   struct problem *problem);

/* Events in the log, all streams. 0 or -1. */
int history_event_count(struct history *history, uint64_t *events, struct problem *problem);

/* Events of kinds that this version does not know, by kind, the most frequent first. 0 or -1. */
#define HISTORY_UNKNOWN_KINDS 16 /* listed; `total` counts all */
struct history_unknown {
    uint64_t total;
    size_t count;
    struct {
        uint32_t kind;
        uint64_t events;
    } kinds[HISTORY_UNKNOWN_KINDS];
};
int history_unknown(struct history *history, struct history_unknown *out, struct problem *problem);

/* What is in the feed: an event or, when the filter has visits, a visit. Slices live during the
 * callback. */
struct history_event {
    struct feed_cursor cursor;
    const struct visit *visit; /* not NULL: this visit as it is now, and nothing of what follows */
    bool is_gone; /* it is no more: only its id, revision and source_central are there */
    struct position position;
    uint32_t kind;
    struct slice header, body; /* body absent = erased */
    bool is_damaged; /* these are not the bytes that the log names; once mended, it comes again */
};

/* What became of an event that was offered. */
enum history_offer {
    HISTORY_TAKEN,
    HISTORY_TAKEN_LAST, /* and that is enough */
    HISTORY_REFUSED     /* no room for it; that is enough */
};
typedef enum history_offer (*history_event_fn)(void *context, const struct history_event *event);

struct history_feed {
    bool is_known;                /* the cursor; if not, nothing was offered */
    struct feed_cursor resume;    /* where to go on when it is not known */
    struct feed_cursor beginning; /* before the first event */
    struct feed_cursor now;       /* the last event */
    struct feed_cursor next;      /* behind all that was looked at */
    bool more;                    /* there may be more behind `next` */
};

/*
 * Offers the events behind `after` that the filter wants, in order, and says where the feed stands;
 * with `after` NULL only that. At most LIMIT_FEED_SCAN events are looked at. The callback runs
 * inside the read transaction: it must not wait for anybody. 0 or -1 with a problem.
 */
int history_feed(struct history *history, const struct feed_cursor *after,
                 const struct feed_filter *filter, history_event_fn offer, void *context,
                 struct history_feed *out, struct problem *problem);

/* The newest event held of a stream; 0 when none is. 0 or -1. */
int history_head(struct history *history, const struct stream *stream, uint64_t *seq,
                 struct problem *problem);

/*
 * What a central of the existing system is told (the peer link). It is a table of visits, not a
 * log: what it needs to know of an event is the visit as it is now.
 */

/* How far this central and another have told each other: kept across restarts, set by
 * COMMAND_PEER_MARK. */
struct history_mark {
    struct feed_cursor told; /* the last event that the other side has read; feed 0 = none */
    int64_t heard_ms;        /* up to when we have what it holds; EVENT_NONE = never */
    int64_t changed_ms;
    bool has_log; /* there is a log that it wrote itself: it was a central of ours once */
};
/* 1, 0 when nothing is known of that peer but `has_log`, -1. */
int history_mark(struct history *history, struct slice peer, struct history_mark *out,
                 struct problem *problem);

/* An event of the feed and the visit that it is about. Everything lives during the callback. */
struct history_news {
    struct feed_cursor cursor;
    struct position position;
    struct event event;   /* of an erased or damaged one only the kind, and `redacted` */
    struct slice central; /* who saw it: source_central, else the node of the stream */
    /* As it is now: the visit that the event names, or for an exit under a name of its own the one
     * that it closed. When another has taken its place, that one. NULL: none, as for settings and
     * orphans; an orphan's visit comes with the entry that makes it one. */
    const struct visit *visit;
};
/* Non-zero stops and is returned; what was refused by it comes again. */
typedef int (*history_news_fn)(void *context, const struct history_news *news);
/*
 * The events behind `after` in order, at most LIMIT_PAGE_ROWS; `out` as of history_feed, with
 * `next` behind all that was taken. The callback runs outside any transaction. 0, -1, or the
 * callback's value.
 */
int history_news(struct history *history, const struct feed_cursor *after, history_news_fn each,
                 void *context, struct history_feed *out, struct problem *problem);

/* A place in the walk of history_since; all zero: its start. */
struct history_place {
    int part;
    struct history_key key; /* of the last row in this part */
};
/*
 * What a central that was away since an instant has to hear of, each visit once: what entered
 * before and is still inside, however long; what entered before and left since; what entered since.
 * Each part in order of time, oldest first. SUPERSEDED and DELETED visits are left out. At most
 * `limit` rows (LIMIT_PAGE_ROWS a read transaction) from `*place` on, which moves on; `*more`:
 * there may be more. 0, -1, or the callback's value: the row that was refused comes again.
 */
int history_since(struct history *history, int64_t since_ms, struct history_place *place,
                  int64_t limit, history_row_fn row, void *context, bool *more,
                  struct problem *problem);

#endif
