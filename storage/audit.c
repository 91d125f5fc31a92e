/*
 * Two sorted lists merged: events by HLC, and local lines by their time. Both statements walk an
 * index backwards, so a page costs what it shows.
 */
#include "storage/audit.h"

#include "storage/sql.h"

#include "proto/clock.h"
#include "proto/event.h"
#include "proto/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum list {
    EVENTS,
    LOCAL,
    LISTS
};

/* ?1 ?2 the place behind which to go on, ?3 least stamp or time. The WHERE of `event_change` is
 * repeated to the letter, else SQLite does not use that index. */
static const char *const TEXTS[LISTS] = {
    [EVENTS] = "SELECT e.hlc, e.lsn, s.node, s.epoch, e.seq, e.header, e.body"
               " FROM event e INDEXED BY event_change JOIN stream s ON s.sid = e.sid"
               " WHERE e.kind BETWEEN 5 AND 13"
               " AND (e.hlc, e.lsn) < (?1, ?2) AND e.hlc >= ?3"
               " ORDER BY e.hlc DESC, e.lsn DESC",
    [LOCAL] = "SELECT t, id, kind, author, address, subject, reason, detail FROM audit"
              " WHERE (t, id) < (?1, ?2) AND t >= ?3 ORDER BY t DESC, id DESC",
};

struct audit {
    sqlite3 *db;
    sqlite3_stmt *statements[LISTS];
};

/* One of the two lists on its way. */
struct walk {
    struct sql sql;
    bool has_row;
    struct audit_cursor at; /* of the row */
};

struct audit *audit_open(const char *path, struct problem *problem)
{
    struct audit *audit = bytes_allocate(1, sizeof *audit);

    if (sql_open(path, SQLITE_OPEN_READONLY, &audit->db, problem) != 0) {
        free(audit);
        return NULL;
    }
    for (size_t i = 0; i < LISTS; i++) {
        if (sql_prepare(audit->db, TEXTS[i], &audit->statements[i], problem) != 0) {
            audit_close(&audit);
            return NULL;
        }
    }
    return audit;
}

void audit_close(struct audit **audit)
{
    if (*audit == NULL) {
        return;
    }
    for (size_t i = 0; i < LISTS; i++) {
        sqlite3_finalize((*audit)->statements[i]);
    }
    sqlite3_close((*audit)->db);
    free(*audit);
    *audit = NULL;
}

static int step(struct walk *walk, bool is_local, struct problem *problem)
{
    int found = sql_step(&walk->sql, problem);

    walk->has_row = found > 0;
    if (found > 0) {
        walk->at.is_local = is_local;
        walk->at.stamp = is_local ? hlc_make(sql_int(&walk->sql, 0), 0) : sql_u64(&walk->sql, 0);
        walk->at.row = sql_int(&walk->sql, 1);
    }
    return found < 0 ? -1 : 0;
}

/* Whether `a` comes before `b` in the list. */
static bool is_before(const struct audit_cursor *a, const struct audit_cursor *b)
{
    if (a->stamp != b->stamp) {
        return a->stamp > b->stamp;
    }
    return a->is_local != b->is_local ? a->is_local < b->is_local : a->row > b->row;
}

/* Where a list starts behind the cursor and before `until`. */
static void start_key(const struct audit_query *query, bool is_local, int64_t *stamp, int64_t *row)
{
    const struct audit_cursor *after = &query->after;
    int64_t until = query->until_ms;

    *stamp = INT64_MAX;
    *row = INT64_MAX;
    if (until > 0) {
        *stamp = is_local ? until : (int64_t)hlc_make(until, 0);
        *row = 0; /* rows begin at 1: before everything of that stamp */
    }
    if (after->stamp == 0) {
        return;
    }
    *stamp = is_local ? hlc_ms(after->stamp) : (int64_t)after->stamp;
    if (after->is_local == (is_local ? 1 : 0)) {
        *row = after->row;
    } else {
        /* Local lines come behind the events of their stamp. */
        *row = is_local ? INT64_MAX : 0;
    }
}

static int start(struct audit *audit, const struct audit_query *query, bool is_local,
                 struct walk *walk, struct problem *problem)
{
    int64_t stamp, row;

    start_key(query, is_local, &stamp, &row);
    walk->sql = sql_start(audit->statements[is_local ? LOCAL : EVENTS]);
    sql_bind_int(&walk->sql, stamp);
    sql_bind_int(&walk->sql, row);
    sql_bind_int(&walk->sql, is_local ? query->since_ms : (int64_t)hlc_make(query->since_ms, 0));
    return step(walk, is_local, problem);
}

static void read_local(const struct sql *sql, struct audit_entry *entry)
{
    entry->t_ms = sql_int(sql, 0);
    entry->kind = sql_text(sql, 2);
    entry->author = sql_text(sql, 3);
    entry->address = sql_text(sql, 4);
    entry->subject = sql_text(sql, 5);
    entry->reason = sql_text(sql, 6);
    entry->detail = sql_text(sql, 7);
}

/* What an event is about, in the words that people know it by. */
static struct slice subject_of(const struct event *event)
{
    return event->visit.data != NULL         ? event->visit
           : event->plate_view.data != NULL  ? event->plate_view
           : event->location.data != NULL    ? event->location
           : event->target_node.data != NULL ? event->target_node
                                             : (struct slice){0};
}

static void read_event(const struct sql *sql, struct audit_entry *entry, char spare[24])
{
    struct event event;
    struct slice body = sql_blob(sql, 6);

    entry->t_ms = hlc_ms(entry->at.stamp);
    entry->position.stream.epoch = sql_u64(sql, 3);
    entry->position.seq = sql_u64(sql, 4);
    (void)node_id_parse(sql_text(sql, 2), &entry->position.stream.node); /* else it stays empty */
    if (event_unpack(&event, sql_blob(sql, 5), body) != 0) {
        entry->kind = slice_text("UNREADABLE"); /* damaged: being mended (store_repair.c) */
        return;
    }
    entry->kind = slice_text(event_kind_name(event.kind, spare));
    entry->author = event.author;
    entry->reason = event.reason;
    entry->subject = subject_of(&event);
    entry->before = event.before;
    entry->detail = event.json;
}

static bool wanted(const struct audit_query *query, const struct audit_entry *entry)
{
    const char *local = audit_kind_name(query->local_kind);
    char spare[24];

    if (query->author.data != NULL && !slice_equal(query->author, entry->author)) {
        return false;
    }
    if (local != NULL) {
        return entry->is_local && slice_equal(entry->kind, slice_text(local));
    }
    return query->event_kind == 0 ||
           (!entry->is_local &&
            slice_equal(entry->kind, slice_text(event_kind_name(query->event_kind, spare))));
}

/* The merge. `walks` are at their first rows. */
static int merge(struct walk walks[LISTS], const struct audit_query *query, audit_fn each,
                 void *context, struct audit_cursor *next, bool *more, struct problem *problem)
{
    size_t shown = 0;

    for (size_t looked = 0; walks[EVENTS].has_row || walks[LOCAL].has_row; looked++) {
        bool is_local = !walks[EVENTS].has_row ||
                        (walks[LOCAL].has_row && is_before(&walks[LOCAL].at, &walks[EVENTS].at));
        struct walk *walk = &walks[is_local ? LOCAL : EVENTS];
        struct audit_entry entry = {.at = walk->at, .is_local = is_local};
        char spare[24];
        int rc;
        if (shown == query->limit || looked == LIMIT_AUDIT_SCAN) {
            *more = true;
            return 0;
        }
        if (is_local) {
            read_local(&walk->sql, &entry);
        } else {
            read_event(&walk->sql, &entry, spare);
        }
        if (wanted(query, &entry)) {
            shown++;
            rc = each(context, &entry);
            if (rc != 0) {
                return rc;
            }
        }
        *next = walk->at;
        if (step(walk, is_local, problem) != 0) {
            return -1;
        }
    }
    return 0;
}

int audit_each(struct audit *audit, const struct audit_query *query, audit_fn each, void *context,
               struct audit_cursor *next, bool *more, struct problem *problem)
{
    struct walk walks[LISTS] = {{.has_row = false}};
    int rc = -1;

    *more = false;
    *next = query->after;
    if ((query->local_kind != AUDIT_NONE ||
         start(audit, query, false, &walks[EVENTS], problem) == 0) &&
        (query->event_kind != 0 || start(audit, query, true, &walks[LOCAL], problem) == 0)) {
        rc = merge(walks, query, each, context, next, more, problem);
    }
    for (size_t i = 0; i < LISTS; i++) {
        if (walks[i].has_row) {
            sql_reset(&walks[i].sql);
        }
    }
    return rc;
}
