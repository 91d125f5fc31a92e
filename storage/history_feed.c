/*
 * The feed read from the log. A feed reaches from its first lsn to the last before the next feed's;
 * the newest one to the end. What was there before the first recorded feed is the first one's.
 */
#include "storage/history_internal.h"

#include "proto/event.h"
#include "proto/limits.h"

#define NEXT_FIRST "(SELECT g.first FROM feed g WHERE g.id > f.id ORDER BY g.id LIMIT 1)"

/* Rows of the log on their way; the feed that owns the current one. */
struct walk {
    sqlite3 *db;
    struct feed_cursor owner; /* lsn: the last that is its */
    uint64_t last;            /* highest lsn ever given */
};

/* First row of a statement with at most one parameter: 1, 0, -1; two unsigned columns, NULL = 0. */
static int ask(sqlite3 *db, const char *text, uint64_t parameter, uint64_t out[2],
               struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(db, text, &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    if (sqlite3_bind_parameter_count(stmt) > 0) {
        sql_bind_u64(&sql, parameter);
    }
    int found = sql_step(&sql, problem);
    if (found > 0) {
        out[0] = sql_u64(&sql, 0);
        out[1] = sqlite3_column_count(stmt) > 1 ? sql_u64(&sql, 1) : 0;
    }
    sqlite3_finalize(stmt);
    return found;
}

static uint64_t last_of(const struct walk *walk, uint64_t next_first)
{
    return next_first ? next_first - 1 : walk->last;
}

/* The feed that `lsn` belongs to. 0 or -1. */
static int find_owner(struct walk *walk, uint64_t lsn, struct problem *problem)
{
    uint64_t row[2];
    int found = ask(walk->db,
                    "SELECT f.feed, " NEXT_FIRST " FROM feed f WHERE f.first <= ?"
                    " ORDER BY f.id DESC LIMIT 1",
                    lsn, row, problem);
    if (found == 0) {
        found = ask(walk->db, "SELECT f.feed, " NEXT_FIRST " FROM feed f ORDER BY f.id LIMIT 1", 0,
                    row, problem);
    }
    if (found == 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "the database has no feed");
    }
    walk->owner = (struct feed_cursor){row[0], last_of(walk, row[1])};
    return found < 0 ? -1 : 0;
}

/* Where the feed begins and ends. */
static int look(struct walk *walk, struct history_feed *out, struct problem *problem)
{
    uint64_t row[2] = {0};
    if (ask(walk->db,
            "SELECT max((SELECT coalesce(max(lsn), 0) FROM event),"
            " coalesce((SELECT value FROM meta WHERE key = 'lsn'), 0),"
            " (SELECT coalesce(max(first), 1) - 1 FROM feed))",
            0, row, problem) < 0) {
        return -1;
    }
    walk->last = row[0];
    if (find_owner(walk, 0, problem)) {
        return -1;
    }
    out->beginning = (struct feed_cursor){walk->owner.feed, 0};
    if (ask(walk->db, "SELECT feed FROM feed ORDER BY id DESC LIMIT 1", 0, row, problem) < 0) {
        return -1;
    }
    out->now = (struct feed_cursor){row[0], walk->last};
    out->next = out->resume = out->now;
    return 0;
}

/* Whether this database has reached the cursor; else where to go on. */
static int judge(const struct walk *walk, const struct feed_cursor *after, struct history_feed *out,
                 struct problem *problem)
{
    uint64_t row[2];
    int found = ask(walk->db, "SELECT f.feed, " NEXT_FIRST " FROM feed f WHERE f.feed = ?",
                    after->feed, row, problem);
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
    struct event unpacked;
    struct digest told = sql_digest(sql, 7);

    if (event_unpack_header(&unpacked, event->header)) {
        return false;
    }
    if (!event->body.data) {
        return true;
    }
    struct digest made = body_hash(event->body);
    return digest_equal(&made, &told);
}

/* The current row, when the filter wants it. */
static enum history_offer offer_row(const struct walk *walk, const struct sql *sql,
                                    const struct feed_filter *filter, history_event_fn offer,
                                    void *context)
{
    struct history_event event = {
        .cursor = {walk->owner.feed, sql_u64(sql, 0)},
        .position = {.stream = {.epoch = sql_u64(sql, 2)}, .seq = sql_u64(sql, 3)},
        .kind = (uint32_t)sql_int(sql, 4)};
    if (!node_id_parse(sql_text(sql, 1), &event.position.stream.node) ||
        (filter && !feed_filter_matches(filter, &event.position.stream.node, event.kind))) {
        return HISTORY_TAKEN;
    }
    event.header = sql_blob(sql, 5);
    event.body = sql_blob(sql, 6);
    event.is_damaged = !is_sound(sql, &event);
    return offer(context, &event);
}

static int walk_rows(struct walk *walk, struct sql *sql, const struct feed_filter *filter,
                     history_event_fn offer, void *context, struct history_feed *out,
                     struct problem *problem)
{
    uint64_t looked = 0;
    int found;

    walk->owner = (struct feed_cursor){0, 0};
    while ((found = sql_step(sql, problem)) > 0) {
        uint64_t lsn = sql_u64(sql, 0);
        if ((walk->owner.feed == 0 || lsn > walk->owner.lsn) && find_owner(walk, lsn, problem)) {
            return -1;
        }
        enum history_offer done = offer_row(walk, sql, filter, offer, context);
        if (done != HISTORY_REFUSED) {
            out->next = (struct feed_cursor){walk->owner.feed, lsn};
        }
        if (done != HISTORY_TAKEN || ++looked == LIMIT_FEED_SCAN) {
            out->more = lsn < walk->last || done == HISTORY_REFUSED;
            return 0;
        }
    }
    if (found == 0) {
        out->next = out->now; /* numbers without a row are behind us too */
    }
    return found;
}

static int read_feed(struct walk *walk, const struct feed_cursor *after,
                     const struct feed_filter *filter, history_event_fn offer, void *context,
                     struct history_feed *out, struct problem *problem)
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
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(walk->db,
                    "SELECT e.lsn, s.node, s.epoch, e.seq, e.kind, e.header, e.body, e.body_hash"
                    " FROM event e CROSS JOIN stream s ON s.sid = e.sid"
                    " WHERE e.lsn > ? ORDER BY e.lsn",
                    &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_u64(&sql, after->lsn);
    int result = walk_rows(walk, &sql, filter, offer, context, out, problem);
    sqlite3_finalize(stmt);
    return result;
}

int history_feed(struct history *history, const struct feed_cursor *after,
                 const struct feed_filter *filter, history_event_fn offer, void *context,
                 struct history_feed *out, struct problem *problem)
{
    struct walk walk = {.db = history->db};
    struct problem spare;

    *out = (struct history_feed){.is_known = false};
    if (sql_run(walk.db, "BEGIN", problem)) {
        return -1;
    }
    int result = read_feed(&walk, after, filter, offer, context, out, problem);
    /* The first problem is the one to tell. */
    return sql_run(walk.db, "COMMIT", result < 0 ? &spare : problem) ? -1 : result;
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
