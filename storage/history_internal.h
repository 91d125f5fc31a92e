/*
 * What the files of the reader share. Every question reads a bounded page inside one implicit read
 * transaction, copies it, resets its statements and only then calls back: a browser that takes its
 * rows slowly holds no snapshot, so the writer's checkpoints go on.
 */
#ifndef STORAGE_HISTORY_INTERNAL_H
#define STORAGE_HISTORY_INTERNAL_H

#include "storage/history.h"

#include "proto/limits.h"
#include "storage/memory.h"
#include "storage/settings_internal.h"
#include "storage/sql.h"

/* A page also ends when its texts pass this many bytes. */
#define HISTORY_PAGE_BYTES (1024 * 1024)

/* The statements of a handle, prepared once. Texts in history.c. */
enum history_question {
    HISTORY_ENTRIES,
    HISTORY_ENTRIES_INSIDE,
    HISTORY_ENTRIES_ASIDE,
    HISTORY_EXITS,
    HISTORY_ROW,
    HISTORY_FIND,
    HISTORY_LISTED,
    HISTORY_PLATES,
    HISTORY_PLATES_NEW,
    HISTORY_PLATES_ODD,
    HISTORY_PLATE_IS_ODD,
    HISTORY_VISITS_OF_PLATE,
    HISTORY_LAST_ID,
    HISTORY_COUNTS,
    HISTORY_INSIDE,
    HISTORY_CONFLICTS,
    HISTORY_LISTED_AT,
    HISTORY_EVENTS,
    HISTORY_EXITS_NEAR,
    HISTORY_CHANGES,
    HISTORY_SYNCED,
    HISTORY_MARK,
    HISTORY_CLOSED_AT,
    HISTORY_SINCE_INSIDE,
    HISTORY_SINCE_LEFT,
    HISTORY_SINCE_ENTERED,
    HISTORY_TARIFF,
    HISTORY_EVENT_COUNT,
    HISTORY_UNKNOWN,
    HISTORY_FEED_EVENTS,
    HISTORY_FEED_VISITS,
    HISTORY_FEED_GONE,
    HISTORY_FEED_LAST,
    HISTORY_FEED_NEWEST,
    HISTORY_FEED_AT,
    HISTORY_FEED_FIRST,
    HISTORY_FEED_NAMED,
    HISTORY_QUESTIONS
};

struct history_walk;
struct history_feed_walk;

struct history {
    sqlite3 *db;
    sqlite3_stmt *stmt[HISTORY_QUESTIONS];
    struct history_walk *walk;      /* under way */
    struct history_feed_walk *feed; /* likewise, through the feed */
    struct slice wanted;            /* what history_has_end looks for */
    struct settings settings;
    char *found; /* texts of the visit that history_find returned last */
};

/* A copied page. `rows` are structs of one type, `texts[i]` holds the texts of row i. */
struct history_page {
    size_t count;
    bool last; /* the question had no more rows */
    char *texts[LIMIT_PAGE_ROWS];
};

/* history_page.c */
void history_page_free(struct history_page *page);
/* Rows to read for what is `left` to deliver; -1 = no end. */
int64_t history_page_rows(int64_t left);
/* Reads the first `count` columns into the slices of `row` at `offsets`, copied into one block that
 * the caller frees. `*bytes` grows by its size. */
char *history_copy_texts(const struct sql *sql, void *row, const size_t *offsets, size_t count,
                         size_t *bytes);
/* The current row of a statement that selects HISTORY_VISIT_COLUMNS; `*texts` is the caller's to
 * free, also after -1. */
int history_copy_visit(const struct sql *sql, struct visit *visit, char **texts, size_t *bytes,
                       struct problem *problem);
/* The same without a copy: texts live until the statement moves on. */
int history_read_visit(const struct sql *sql, struct visit *visit, struct problem *problem);
#define HISTORY_VISIT_COLUMNS_WITH(local)                                               \
    "event_id, source_central, edge_id, plate_id, plate_view, entry_camera_id,"         \
    " entry_camera_name, entry_source, exit_central, exit_camera_id, exit_camera_name," \
    " exit_source, superseded_by, last_location, " local ","                            \
    " status, sync_status, entry_ms, exit_ms, last_location_ms, fee, entry_confidence," \
    " exit_confidence, is_anomaly, suspect, id, revision, digest"
#define HISTORY_VISIT_COLUMNS                                                         \
    HISTORY_VISIT_COLUMNS_WITH("entry_time, exit_time, duration, last_location_time," \
                               " created_at, updated_at")
/* Without the local texts, which are then absent. */
#define HISTORY_VISIT_FACTS HISTORY_VISIT_COLUMNS_WITH("NULL, NULL, NULL, NULL, NULL, NULL")

/* history_feed.c */
/* The SQL function is_in_feed(central): whether the feed under way tells visits that began there;
 * its user data is a history. Now and then it lets one pass that is not wanted, so that the walk
 * stays in control. */
void history_feed_wanted(sqlite3_context *context, int count, sqlite3_value **values);

/* history_search.c: plates that a text finds */
struct history_term {
    enum history_match match;
    bool look;          /* characters that look alike are the same */
    bool is_set;        /* there is something to look for */
    bool is_indexed;    /* long enough for the index */
    struct slice bare;  /* borrows from `text` */
    struct slice shape; /* as it looks; borrows from `text` */
    char text[2 * (LIMIT_TEXT + 1)];
};

/* 0, or -1 when the text is absurdly long. */
int history_term_set(struct history_term *term, const struct history_query *query,
                     struct problem *problem);
bool history_term_finds(const struct history_term *term, const struct visit *visit);
/* Whether a plate alone is found. */
bool history_term_finds_plate(const struct history_term *term, struct slice plate);

/* A walk through an index. SQLite asks about each entry (history_wanted), so that most never leave
 * it: that is half of what an entry costs. */
struct history_walk {
    const struct history_term *term;
    const struct texts *odd; /* plates found by their views; NULL = every plate may be found */
    int64_t seen;            /* entries asked about */
    int64_t most;            /* from then on each is wanted, so that whoever walks can stop */
};

/* Whether visits of a plate may be found; an absent one may. */
bool history_walk_wants(const struct history_walk *walk, struct slice plate);
/* The SQL function is_wanted(plate); its user data is a history with a walk. */
void history_wanted(sqlite3_context *context, int count, sqlite3_value **values);

/* The SQL function has_end(plate): an end of the plate begins with history->wanted, so its index
 * would find it. */
void history_has_end(sqlite3_context *context, int count, sqlite3_value **values);

#define HISTORY_GATHER_ALL (SIZE_MAX / 2) /* however many plates */

/*
 * The newest `size` visits before `before` and not below `least_ms` whose plates may be found, in
 * order; a few too many, never too few. 1, 0 when there are more than `most` such plates or walking
 * through all visits will find as many sooner (then nothing is gathered), -1. With
 * HISTORY_GATHER_ALL never 0.
 */
int history_gather(struct history *history, const struct history_term *term,
                   const struct history_key *before, int64_t least_ms, size_t most,
                   struct history_key *keys, size_t size, size_t *count, struct problem *problem);

#endif
