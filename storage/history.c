/*
 * A handle with its statements, and the questions that have one row for an answer.
 */
#include "storage/history_internal.h"

#include "proto/event.h"
#include "storage/schema.h"

#include <stdlib.h>

#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

/* ?1 ?2 key before which to go on, ?3 least time. No LIMIT: the reader stops when it has enough,
 * and the index is named because the planner does not know that. is_wanted: history_wanted. */
#define BACKWARDS(time, index, plate)                                                       \
    " FROM history INDEXED BY " index " WHERE (" time ", id) < (?1, ?2) AND " time " >= ?3" \
    " AND is_wanted(" plate ")"
#define NEWEST(time) " ORDER BY " time " DESC, id DESC"

/* The first lsn of the feed behind `f`. */
#define NEXT_FIRST "(SELECT g.first FROM feed g WHERE g.id > f.id ORDER BY g.id LIMIT 1)"

static const char *const QUESTION_SQL[HISTORY_QUESTIONS] = {
    [HISTORY_ENTRIES] = "SELECT entry_ms, id, plate_id" BACKWARDS("entry_ms", "history_entry",
                                                                  "plate_id") NEWEST("entry_ms"),
    /* Few cars are inside and many have left: the small index, in the same order. */
    [HISTORY_ENTRIES_INSIDE] = "SELECT entry_ms, id, NULL" BACKWARDS(
        "entry_ms", "history_inside", "NULL") " AND status = 'IN'" NEWEST("entry_ms"),
    [HISTORY_ENTRIES_ASIDE] = "SELECT entry_ms, id, NULL" BACKWARDS(
        "entry_ms", "history_aside",
        "NULL") " AND status IN ('SUPERSEDED', 'DELETED')" NEWEST("entry_ms"),
    [HISTORY_EXITS] =
        "SELECT exit_ms, id, NULL" BACKWARDS("exit_ms", "history_exit", "NULL") NEWEST("exit_ms"),
    [HISTORY_ROW] = "SELECT " HISTORY_VISIT_COLUMNS " FROM history WHERE id = ?1",
    [HISTORY_FIND] = "SELECT " HISTORY_VISIT_COLUMNS " FROM history"
                     " WHERE id = (SELECT v.id FROM visit v WHERE v.name = ?1)",
    [HISTORY_LISTED] = "SELECT 1 FROM anomaly WHERE visit = ?1 AND (?2 = 'any' OR code = ?2)"
                       " LIMIT 1",
    [HISTORY_PLATES] = "SELECT plate FROM plate_part WHERE look >= ?1 AND look < ?2",
    [HISTORY_PLATES_NEW] = "SELECT plate FROM plate_new WHERE has_end(plate)",
    [HISTORY_PLATES_ODD] = "SELECT plate, bare FROM plate_odd",
    [HISTORY_PLATE_IS_ODD] = "SELECT 1 FROM plate_odd WHERE plate = ?1 LIMIT 1",
    [HISTORY_VISITS_OF_PLATE] = "SELECT first + late, visit FROM visit_plate WHERE plate = ?1",
    [HISTORY_LAST_ID] = "SELECT id FROM history ORDER BY id DESC LIMIT 1",
    [HISTORY_COUNTS] = "SELECT t, central, lot, entries, exits, revenue, gone FROM visit_count"
                       " WHERE t >= ?1 AND t < " SCHEMA_COUNT_INSIDE_SQL " ORDER BY t",
    [HISTORY_INSIDE] =
        "SELECT central, lot, entries FROM visit_count WHERE t = " SCHEMA_COUNT_INSIDE_SQL,
    [HISTORY_CONFLICTS] =
        "SELECT code, plate_id, visit, other, node, t, epoch, seq FROM anomaly"
        " WHERE (t, node, epoch, seq, code, plate_id) < (?1, ?2, ?3, ?4, ?5, ?6) AND t >= ?7"
        " ORDER BY t DESC, node DESC, epoch DESC, seq DESC, code DESC, plate_id DESC",
    [HISTORY_LISTED_AT] = "SELECT code, other, node, epoch, seq FROM anomaly WHERE visit = ?1"
                          " UNION ALL SELECT code, visit, node, epoch, seq FROM anomaly"
                          " WHERE other = ?1",
    [HISTORY_EVENTS] = "SELECT s.node, s.epoch, e.seq, e.header, e.body, v.name, e.kind, e.hlc"
                       " FROM visit v JOIN event e ON e.visit = v.id JOIN stream s ON s.sid = e.sid"
                       " WHERE v.name = ?1 LIMIT ?2",
    /* Exits of the plate that carry another visit's name: ?1 plate, ?2 time, ?3 the visit. */
    [HISTORY_EXITS_NEAR] =
        "SELECT s.node, s.epoch, e.seq, e.header, e.body, v.name, e.kind, e.hlc"
        " FROM visit_plate p JOIN event e ON e.visit = p.visit JOIN stream s ON s.sid = e.sid"
        " JOIN visit v ON v.id = p.visit WHERE p.plate = ?1 AND p.first <= ?2 AND p.last >= ?2"
        " AND v.name <> ?3 AND e.kind = 3 LIMIT ?4",
    /* ?1 row number or 0, ?2 ?3 key before which to go on, ?4 rows, ?5 rows to skip. Rows of a
     * Python central may lack an event_id; their own number is all they have. A deletion says which
     * plate it saw, and its row holds that as the new one: a deleted visit has no new plate. */
    [HISTORY_CHANGES] = "SELECT c.event_id, c.change_type, c.old_plate_id, c.old_plate_view,"
                        " iif(c.change_type = 'DELETE', NULL, c.new_plate_id),"
                        " iif(c.change_type = 'DELETE', NULL, c.new_plate_view), c.old_data, "
                        "c.new_data, c.changed_at,"
                        " c.changed_by, c.reason, c.source_central,"
                        " coalesce(h.id, iif(c.event_id IS NULL, c.history_id, 0)), c.id"
                        " FROM history_changes c LEFT JOIN visit v ON v.name = c.event_id"
                        " LEFT JOIN history h ON h.id = v.id"
                        " WHERE (?1 = 0 OR h.id = ?1 OR (c.event_id IS NULL AND c.history_id = ?1))"
                        " AND (?2 IS NULL OR (coalesce(c.changed_at, ''), c.id) < (?2, ?3))"
                        " ORDER BY coalesce(c.changed_at, '') DESC, c.id DESC LIMIT ?4 OFFSET ?5",
    [HISTORY_SYNCED] = "SELECT peer_central_id, last_sync_time, updated_at, last_sync_timestamp"
                       " FROM p2p_sync_state WHERE (?1 IS NULL OR peer_central_id > ?1)"
                       " ORDER BY peer_central_id LIMIT ?2",
    /* Always one row. */
    [HISTORY_MARK] = "SELECT p.feed, p.lsn, p.heard, p.t, p.peer IS NOT NULL,"
                     " EXISTS (SELECT 1 FROM stream WHERE node = ?1 AND head > 0)"
                     " FROM (SELECT 1) LEFT JOIN peer_mark p ON p.peer = ?1",
    [HISTORY_CLOSED_AT] =
        "SELECT h.event_id FROM visit_plate p JOIN history h ON h.id = p.visit"
        " WHERE p.plate = ?1 AND p.first <= ?2 AND p.last >= ?2 AND h.exit_ms = ?2"
        " AND h.status = 'OUT' LIMIT 1",
    /* ?1 ?2 key from which to go on, ?3 the instant. No LIMIT, as above. */
    [HISTORY_SINCE_INSIDE] = "SELECT entry_ms, id FROM history INDEXED BY history_inside"
                             " WHERE status = 'IN' AND (entry_ms, id) > (?1, ?2) AND entry_ms < ?3"
                             " ORDER BY entry_ms, id",
    [HISTORY_SINCE_LEFT] =
        "SELECT exit_ms, id FROM history INDEXED BY history_exit"
        " WHERE exit_ms IS NOT NULL AND (exit_ms, id) > (?1, ?2) AND exit_ms >= ?3"
        " AND entry_ms < ?3 AND status = 'OUT' ORDER BY exit_ms, id",
    [HISTORY_SINCE_ENTERED] =
        "SELECT entry_ms, id FROM history INDEXED BY history_entry"
        " WHERE (entry_ms, id) > (?1, ?2) AND entry_ms >= ?3 AND status IN ('IN', 'OUT')"
        " ORDER BY entry_ms, id",
    /* hlc and epoch are signed views of unsigned numbers: negative ones are the greatest. */
    [HISTORY_TARIFF] =
        "SELECT free_s, per_hour FROM setting"
        " WHERE kind = ?1 AND t <= ?2 AND free_s IS NOT NULL AND per_hour IS NOT NULL"
        " ORDER BY t DESC, hlc < 0 DESC, hlc DESC, node DESC, epoch < 0 DESC, epoch DESC,"
        " seq DESC LIMIT 1",
    [HISTORY_EVENT_COUNT] = "SELECT events FROM log_state",
    /* '/' comes right after '.'. */
    [HISTORY_UNKNOWN] =
        "SELECT CAST(substr(key, 14) AS INTEGER), value FROM meta"
        " WHERE key > 'unknown_kind.' AND key < 'unknown_kind/' ORDER BY value DESC, key",
    /* Where the feed's rows come from: each has its lsn in its last column. */
    [HISTORY_FEED_EVENTS] = "SELECT s.node, s.epoch, e.seq, e.kind, e.header, e.body, e.body_hash,"
                            " e.lsn FROM event e CROSS JOIN stream s ON s.sid = e.sid"
                            " WHERE e.lsn > ? ORDER BY e.lsn",
    [HISTORY_FEED_VISITS] = "SELECT " HISTORY_VISIT_FACTS ", lsn FROM history"
                            " WHERE lsn > ? AND is_in_feed(source_central) ORDER BY lsn",
    [HISTORY_FEED_GONE] = "SELECT visit, revision, central, lsn FROM visit_gone WHERE lsn > ?"
                          " ORDER BY lsn",
    [HISTORY_FEED_LAST] = "SELECT max((SELECT coalesce(max(lsn), 0) FROM event),"
                          " (SELECT coalesce(max(lsn), 0) FROM history),"
                          " (SELECT coalesce(max(lsn), 0) FROM visit_gone),"
                          " (SELECT lsn FROM log_state),"
                          " (SELECT coalesce(max(first), 1) - 1 FROM feed))",
    [HISTORY_FEED_NEWEST] = "SELECT feed FROM feed ORDER BY id DESC LIMIT 1",
    [HISTORY_FEED_AT] = "SELECT f.feed, " NEXT_FIRST " FROM feed f WHERE f.first <= ?"
                        " ORDER BY f.id DESC LIMIT 1",
    [HISTORY_FEED_FIRST] = "SELECT f.feed, " NEXT_FIRST " FROM feed f ORDER BY f.id LIMIT 1",
    [HISTORY_FEED_NAMED] = "SELECT f.feed, " NEXT_FIRST " FROM feed f WHERE f.feed = ?",
};

struct history *history_open(const char *path, struct problem *problem)
{
    struct history *history = bytes_allocate(1, sizeof *history);
    if (sql_open(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, &history->db, problem) ||
        sql_run(history->db,
                "PRAGMA query_only = 1;"
                "PRAGMA cache_size = -" NUMBER_TEXT(LIMIT_READER_CACHE_KIB),
                problem)) {
        history_close(&history);
        return NULL;
    }
    if (sqlite3_create_function_v2(history->db, "is_wanted", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                   history, history_wanted, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_create_function_v2(history->db, "has_end", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                   history, history_has_end, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_create_function_v2(history->db, "is_in_feed", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                   history, history_feed_wanted, NULL, NULL, NULL) != SQLITE_OK) {
        (void)sql_problem(history->db, SQLITE_NOMEM, "preparing", problem);
        history_close(&history);
        return NULL;
    }
    for (int i = 0; i < HISTORY_QUESTIONS; i++) {
        if (sql_prepare(history->db, QUESTION_SQL[i], &history->stmt[i], problem)) {
            history_close(&history);
            return NULL;
        }
    }
    if (settings_open(history->db, &history->settings, problem)) {
        history_close(&history);
    }
    return history;
}

struct settings *history_settings(struct history *history)
{
    return &history->settings;
}

void history_close(struct history **history)
{
    if (!*history) {
        return;
    }
    for (int i = 0; i < HISTORY_QUESTIONS; i++) {
        (void)sqlite3_finalize((*history)->stmt[i]); /* repeats an error already reported */
    }
    settings_close(&(*history)->settings);
    (void)sqlite3_close((*history)->db); /* every statement is finalized: cannot be busy */
    free((*history)->found);
    free(*history);
    *history = NULL;
}

int history_find(struct history *history, struct slice event_id, struct visit *visit,
                 struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_FIND]);
    sql_bind_text(&sql, event_id);
    int got = sql_step(&sql, problem);
    if (got == 1) {
        size_t bytes = 0;
        free(history->found);
        got = history_copy_visit(&sql, visit, &history->found, &bytes, problem) ? -1 : 1;
    }
    sql_reset(&sql);
    return got;
}

int history_tariff(struct history *history, int64_t at_ms, struct tariff *out, bool *from_log,
                   struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_TARIFF]);
    sql_bind_int(&sql, EVENT_CONFIG_UPDATE);
    sql_bind_int(&sql, at_ms);
    int got = sql_step(&sql, problem);
    *from_log = got == 1;
    *out = TARIFF_DEFAULT;
    if (got == 1) {
        *out = (struct tariff){.free_s = sql_int(&sql, 0), .per_hour = sql_int(&sql, 1)};
    }
    sql_reset(&sql);
    return got < 0 ? -1 : 0;
}

int history_event_count(struct history *history, uint64_t *events, struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_EVENT_COUNT]);
    int got = sql_step(&sql, problem);
    *events = got == 1 ? sql_u64(&sql, 0) : 0;
    sql_reset(&sql);
    return got < 0 ? -1 : 0;
}

int history_unknown(struct history *history, struct history_unknown *out, struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_UNKNOWN]);
    int more;

    *out = (struct history_unknown){.total = 0};
    while ((more = sql_step(&sql, problem)) > 0) {
        uint64_t kind = sql_u64(&sql, 0);
        uint64_t events = sql_u64(&sql, 1);
        if (kind > UINT32_MAX || event_kind_is_known((uint32_t)kind)) {
            continue; /* counted by an older version than this one */
        }
        out->total += events;
        if (out->count < HISTORY_UNKNOWN_KINDS) {
            out->kinds[out->count].kind = (uint32_t)kind;
            out->kinds[out->count++].events = events;
        }
    }
    sql_reset(&sql);
    return more;
}
