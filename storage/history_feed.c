/*
 * The feed read from the log. A feed reaches from its first lsn to the last before the next feed's;
 * the newest one to the end. What was there before the first recorded feed is the first one's.
 */
#include "storage/history_internal.h"

#include "proto/event.h"
#include "proto/limits.h"

/* Visits that the filter does not want are passed over inside SQLite, at most so many at once. */
#define PASSED_OVER 1000

/* Where rows come from. Each has its lsn in its last column. */
enum source {
    EVENTS,
    VISITS,
    GONE,
    SOURCES
};

static const enum history_question ROWS[SOURCES] = {
    [EVENTS] = HISTORY_FEED_EVENTS, [VISITS] = HISTORY_FEED_VISITS, [GONE] = HISTORY_FEED_GONE};

/* Rows on their way, in one order; the feed that owns the current one. */
struct history_feed_walk {
    sqlite3_stmt **stmt; /* of the handle, by question */
    const struct feed_filter *filter;
    struct feed_cursor owner; /* lsn: the last that is its */
    uint64_t last;            /* highest lsn ever given */
    uint64_t looked;          /* rows looked at, wanted or not */
    uint64_t at[SOURCES];     /* lsn of the row that each source is at; 0 = it has no more */
};

/* First row of a statement with at most one parameter: 1, 0, -1; two unsigned columns, NULL = 0. */
static int ask(const struct history_feed_walk *walk, enum history_question question,
               uint64_t parameter, uint64_t out[2], struct problem *problem)
{
    sqlite3_stmt *stmt = walk->stmt[question];
    struct sql sql = sql_start(stmt);
    if (sqlite3_bind_parameter_count(stmt) > 0) {
        sql_bind_u64(&sql, parameter);
    }
    int found = sql_step(&sql, problem);
    if (found > 0) {
        out[0] = sql_u64(&sql, 0);
        out[1] = sqlite3_column_count(stmt) > 1 ? sql_u64(&sql, 1) : 0;
        sql_reset(&sql);
    }
    return found;
}

static uint64_t last_of(const struct history_feed_walk *walk, uint64_t next_first)
{
    return next_first ? next_first - 1 : walk->last;
}

/* The feed that `lsn` belongs to. 0 or -1. */
static int find_owner(struct history_feed_walk *walk, uint64_t lsn, struct problem *problem)
{
    uint64_t row[2];
    int found = ask(walk, HISTORY_FEED_AT, lsn, row, problem);
    if (found == 0) {
        found = ask(walk, HISTORY_FEED_FIRST, 0, row, problem);
    }
    if (found == 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "the database has no feed");
    }
    walk->owner = (struct feed_cursor){row[0], last_of(walk, row[1])};
    return found < 0 ? -1 : 0;
}

/* Where the feed begins and ends. */
static int look(struct history_feed_walk *walk, struct history_feed *out, struct problem *problem)
{
    uint64_t row[2] = {0};
    if (ask(walk, HISTORY_FEED_LAST, 0, row, problem) < 0) {
        return -1;
    }
    walk->last = row[0];
    if (find_owner(walk, 0, problem)) {
        return -1;
    }
    out->beginning = (struct feed_cursor){walk->owner.feed, 0};
    if (ask(walk, HISTORY_FEED_NEWEST, 0, row, problem) < 0) {
        return -1;
    }
    out->now = (struct feed_cursor){row[0], walk->last};
    out->next = out->resume = out->now;
    return 0;
}

/* Whether this database has reached the cursor; else where to go on. */
static int judge(const struct history_feed_walk *walk, const struct feed_cursor *after,
                 struct history_feed *out, struct problem *problem)
{
    uint64_t row[2];
    int found = ask(walk, HISTORY_FEED_NAMED, after->feed, row, problem);
    if (found < 0) {
        return -1;
    }
    out->resume = out->beginning;
    if (found > 0) {
        out->resume = (struct feed_cursor){after->feed, last_of(walk, row[1])};
    }
    out->is_known = found > 0 && after->lsn <= out->resume.lsn;
    return 0;
}

static bool is_sound(const struct sql *sql, const struct history_event *event)
{
    struct digest told = sql_digest(sql, 6);

    if (!event_check_header(event->header)) {
        return false;
    }
    if (!event->body.data) {
        return true;
    }
    struct digest made = body_hash(event->body);
    return digest_equal(&made, &told);
}

/* Who takes rows, and which. */
struct taker {
    const struct feed_filter *filter; /* NULL: every event */
    history_event_fn offer;
    void *context;
};

static enum history_offer offer_event(const struct sql *sql, struct history_event *event,
                                      const struct taker *taker)
{
    event->position =
        (struct position){.stream = {.epoch = sql_u64(sql, 1)}, .seq = sql_u64(sql, 2)};
    event->kind = (uint32_t)sql_int(sql, 3);
    if (!node_id_parse(sql_text(sql, 0), &event->position.stream.node) ||
        (taker->filter &&
         !feed_filter_matches(taker->filter, &event->position.stream.node, event->kind))) {
        return HISTORY_TAKEN;
    }
    event->header = sql_blob(sql, 4);
    event->body = sql_blob(sql, 5);
    event->is_damaged = !is_sound(sql, event);
    return taker->offer(taker->context, event);
}

static int offer_visit(const struct sql *sql, struct history_event *event,
                       const struct taker *taker, enum history_offer *done, struct problem *problem)
{
    struct visit visit;

    if (history_read_visit(sql, &visit, problem)) {
        return -1;
    }
    event->visit = &visit;
    *done = feed_filter_matches_visit(taker->filter, visit.source_central)
                ? taker->offer(taker->context, event)
                : HISTORY_TAKEN;
    return 0;
}

static enum history_offer offer_gone(const struct sql *sql, struct history_event *event,
                                     const struct taker *taker)
{
    struct visit visit;

    visit_init(&visit);
    visit.id = sql_int(sql, 0);
    visit.revision = sql_int(sql, 1);
    visit.source_central = sql_text(sql, 2);
    event->visit = &visit;
    event->is_gone = true;
    return feed_filter_matches_visit(taker->filter, visit.source_central)
               ? taker->offer(taker->context, event)
               : HISTORY_TAKEN;
}

/* The row that a source is at, when the filter wants it. 0 or -1. */
static int offer_row(const struct history_feed_walk *walk, enum source source,
                     const struct taker *taker, enum history_offer *done, struct problem *problem)
{
    const struct sql sql = {.stmt = walk->stmt[ROWS[source]]};
    struct history_event event = {.cursor = {walk->owner.feed, walk->at[source]}};

    if (source == VISITS) {
        return offer_visit(&sql, &event, taker, done, problem);
    }
    *done = source == EVENTS ? offer_event(&sql, &event, taker) : offer_gone(&sql, &event, taker);
    return 0;
}

void history_feed_wanted(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct history_feed_walk *walk = ((struct history *)sqlite3_user_data(context))->feed;
    const char *text = (const char *)sqlite3_value_text(values[0]);
    struct slice central = {text, text ? (size_t)sqlite3_value_bytes(values[0]) : 0};
    (void)count; /* as registered */
    walk->looked++;
    sqlite3_result_int(context, walk->looked % PASSED_OVER == 0 ||
                                    feed_filter_matches_visit(walk->filter, central));
}

/* Moves a source to its next row. 0 or -1. */
static int step(struct history_feed_walk *walk, enum source source, struct problem *problem)
{
    struct sql sql = {.stmt = walk->stmt[ROWS[source]]};
    int found = sql_step(&sql, problem);

    walk->at[source] = found > 0 ? sql_u64(&sql, sqlite3_column_count(sql.stmt) - 1) : 0;
    return found < 0 ? -1 : 0;
}

/* Whichever source comes next; SOURCES at the end. */
static enum source lowest(const struct history_feed_walk *walk)
{
    enum source least = SOURCES;

    for (enum source i = EVENTS; i < SOURCES; i++) {
        if (walk->at[i] && (least == SOURCES || walk->at[i] < walk->at[least])) {
            least = i;
        }
    }
    return least;
}

static int walk_rows(struct history_feed_walk *walk, const struct taker *taker,
                     struct history_feed *out, struct problem *problem)
{
    enum source source;

    walk->owner = (struct feed_cursor){0, 0};
    while ((source = lowest(walk)) != SOURCES) {
        uint64_t lsn = walk->at[source];
        enum history_offer done = HISTORY_TAKEN;
        if (((walk->owner.feed == 0 || lsn > walk->owner.lsn) && find_owner(walk, lsn, problem)) ||
            offer_row(walk, source, taker, &done, problem)) {
            return -1;
        }
        if (done == HISTORY_REFUSED) {
            out->more = true;
            return 0;
        }
        out->next = (struct feed_cursor){walk->owner.feed, lsn};
        walk->looked += source != VISITS; /* those are counted when SQLite asks about them */
        if (step(walk, source, problem)) {
            return -1;
        }
        if (done == HISTORY_TAKEN_LAST || walk->looked >= LIMIT_FEED_SCAN) {
            out->more = lowest(walk) != SOURCES;
            break;
        }
    }
    if (out->more) {
        return 0;
    }
    out->next = out->now; /* numbers without a row are behind us too */
    return 0;
}

/* Starts the sources that the filter may want. 0 or -1. */
static int open_rows(struct history_feed_walk *walk, const struct feed_filter *filter,
                     uint64_t after, struct problem *problem)
{
    unsigned told = filter ? feed_topic_tells(filter->topic) : FEED_EVENTS;

    for (enum source i = EVENTS; i < SOURCES; i++) {
        bool is_wanted = i == EVENTS ? told & FEED_EVENTS && !(filter && filter->no_events)
                                     : told & FEED_VISITS && filter && filter->has_visits;
        if (!is_wanted) {
            continue;
        }
        struct sql sql = sql_start(walk->stmt[ROWS[i]]);
        sql_bind_u64(&sql, after);
        if (step(walk, i, problem)) {
            return -1;
        }
    }
    return 0;
}

static int read_feed(struct history_feed_walk *walk, const struct feed_cursor *after,
                     const struct taker *taker, struct history_feed *out, struct problem *problem)
{
    if (look(walk, out, problem)) {
        return -1;
    }
    if (!after) {
        out->is_known = true;
        return 0;
    }
    if (judge(walk, after, out, problem)) {
        return -1;
    }
    if (!out->is_known) {
        return 0;
    }
    out->next = *after;
    int result = open_rows(walk, taker->filter, after->lsn, problem);
    result = result ? -1 : walk_rows(walk, taker, out, problem);
    for (enum source i = EVENTS; i < SOURCES; i++) {
        struct sql sql = {.stmt = walk->stmt[ROWS[i]]};
        sql_reset(&sql);
    }
    return result;
}

int history_feed(struct history *history, const struct feed_cursor *after,
                 const struct feed_filter *filter, history_event_fn offer, void *context,
                 struct history_feed *out, struct problem *problem)
{
    struct history_feed_walk walk = {.stmt = history->stmt, .filter = filter};
    const struct taker taker = {filter, offer, context};
    struct problem spare;

    *out = (struct history_feed){.is_known = false};
    if (sql_run(history->db, "BEGIN", problem)) {
        return -1;
    }
    history->feed = &walk;
    int result = read_feed(&walk, after, &taker, out, problem);
    history->feed = NULL;
    /* The first problem is the one to tell. */
    return sql_run(history->db, "COMMIT", result < 0 ? &spare : problem) ? -1 : result;
}

int history_head(struct history *history, const struct stream *stream, uint64_t *seq,
                 struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;

    *seq = 0;
    if (sql_prepare(history->db, "SELECT head FROM stream WHERE node = ? AND epoch = ?", &stmt,
                    problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_text(&sql, slice_text(stream->node.text));
    sql_bind_u64(&sql, stream->epoch);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        *seq = sql_u64(&sql, 0);
    }
    sqlite3_finalize(stmt);
    return found < 0 ? -1 : 0;
}
