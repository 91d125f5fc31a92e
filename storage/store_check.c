/*
 * What is kept incrementally, made again from what it was made of: digests after an unclean stop,
 * rendered texts for a new time zone, all folded tables after an update with other rules.
 */
#include "storage/store_internal.h"

#include "proto/clock.h"
#include "proto/localtime.h"
#include "proto/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The head that the events themselves show differs from the one in table stream. */
static int check_heads(struct store *store, int64_t *events, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "SELECT sid, max(seq), count(*) FROM event GROUP BY sid", &stmt,
                    problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int more;
    *events = 0;
    while ((more = sql_step(&sql, problem)) > 0) {
        size_t stream = (size_t)sql_int(&sql, 0) - 1;
        *events += sql_int(&sql, 2);
        if (stream < store->now.stream_count && sql_u64(&sql, 1) == store->streams[stream].seq &&
            sql_u64(&sql, 2) == store->streams[stream].seq) {
            continue;
        }
        more = problem_set(problem, PROBLEM_DB_CORRUPT,
                           "move the file away and start again: the peers give back what they hold",
                           "%s: stream %" PRId64 " has a gap", store->path, sql_int(&sql, 0));
        break;
    }
    sqlite3_finalize(stmt);
    return more;
}

static int sum_rows(struct store *store, struct digest *sum, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "SELECT digest FROM history", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        struct digest digest = sql_digest(&sql, 0);
        digest_add(sum, &digest);
    }
    sqlite3_finalize(stmt);
    return more;
}

static void repair_digest(const char *name, struct digest *kept, const struct digest *made)
{
    char was[33], is[33];
    if (digest_equal(kept, made)) {
        return;
    }
    digest_hex(kept, was);
    digest_hex(made, is);
    log_error("DB_DIGEST_REPAIRED", "which=%s was=%s is=%s", name, was, is);
    *kept = *made;
}

int store_check_unclean(struct store *store, struct problem *problem)
{
    struct digest log_digest = {{0}}, state_digest = {{0}};
    int64_t events = 0;
    for (size_t i = 0; i < store->now.stream_count; i++) {
        digest_add(&log_digest, &store->streams[i].part);
    }
    if (check_heads(store, &events, problem) || sum_rows(store, &state_digest, problem)) {
        return -1;
    }
    repair_digest("log_digest", &store->log_digest, &log_digest);
    repair_digest("state_digest", &store->now.state_digest, &state_digest);
    if (store->now.events != (uint64_t)events) {
        log_error("DB_COUNT_REPAIRED", "was=%" PRIu64 " is=%" PRId64, store->now.events, events);
        store->now.events = (uint64_t)events;
    }
    if (store_state_save(store, problem)) {
        return -1;
    }
    /* The repaired values are in their tables; the commit has nothing to add. */
    store->begun = store->now;
    log_info("DB_CHECKED", "events=%" PRId64 " after=unclean_stop", events);
    return 0;
}

static void bind_rendered(struct sql *sql, int64_t ms, char out[LOCALTIME_TEXT])
{
    struct slice text = {NULL, 0};
    if (ms != EVENT_NONE) {
        localtime_text(ms, out);
        text = slice_text(out);
    }
    sql_bind_text(sql, text);
}

/* Renders the next row after `*id`. 1 = done, 0 = there is none, -1. */
static int render_next(struct sql *next, struct sql *change, int64_t *id, struct problem *problem)
{
    char entry[LOCALTIME_TEXT], leaving[LOCALTIME_TEXT], location[LOCALTIME_TEXT];
    *next = sql_start(next->stmt);
    sql_bind_int(next, *id);
    int found = sql_step(next, problem);
    if (found <= 0) {
        return found;
    }
    *id = sql_int(next, 0);
    *change = sql_start(change->stmt);
    bind_rendered(change, sql_int(next, 1), entry);
    bind_rendered(change, sql_optional(next, 2), leaving);
    bind_rendered(change, sql_optional(next, 3), location);
    sql_reset(next);
    sql_bind_int(change, *id);
    return sql_finish(change, problem) ? -1 : 1;
}

static int render_all(struct store *store, struct problem *problem)
{
    struct sql next = {.stmt = NULL}, change = {.stmt = NULL};
    int64_t id = INT64_MIN;
    int more = -1;
    if (sql_prepare(store->db,
                    "SELECT id, entry_ms, exit_ms, last_location_ms FROM history WHERE id > ?"
                    " ORDER BY id LIMIT 1",
                    &next.stmt, problem) ||
        sql_prepare(store->db,
                    "UPDATE history SET entry_time = ?, exit_time = ?, last_location_time = ?"
                    " WHERE id = ?",
                    &change.stmt, problem)) {
        goto finalize;
    }
    while ((more = render_next(&next, &change, &id, problem)) > 0) {
        continue;
    }
finalize:
    sqlite3_finalize(next.stmt);
    sqlite3_finalize(change.stmt);
    return more;
}

int store_check_zone(struct store *store, struct problem *problem)
{
    int64_t same = 0;
    sqlite3_stmt *stmt = NULL;
    struct slice zone = slice_text(localtime_zone());
    if (sql_prepare(store->db, "SELECT value = ? FROM meta WHERE key = 'zone'", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_text(&sql, zone);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        same = sql_int(&sql, 0);
    }
    sqlite3_finalize(stmt);
    if (found < 0 || same) {
        return found < 0 ? -1 : 0;
    }
    if (found > 0) {
        log_info("DB_ZONE_CHANGED", "zone=%s", zone.data);
        if (render_all(store, problem) || store_count_all(store, problem)) {
            return -1;
        }
    }
    return store_meta_set_text(store, "zone", zone, problem);
}

/* A kind that was unknown when the event came in names no visit yet. */
static int name_visit(struct store *store, uint64_t lsn, struct slice name, struct problem *problem)
{
    int64_t visit = 0;
    sqlite3_stmt *stmt = NULL;
    if (store_visit_make(store, name, &visit, problem) ||
        sql_prepare(store->db, "UPDATE event SET visit = ? WHERE lsn = ?", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_int(&sql, visit);
    sql_bind_u64(&sql, lsn);
    int result = sql_finish(&sql, problem);
    sqlite3_finalize(stmt);
    store_focus_drop(store); /* a visit that is new to it had no event */
    return result;
}

/* Runs the events of the log past store_derive again. */
static int derive_all(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "SELECT lsn, sid, seq, header, body, visit FROM event ORDER BY lsn",
                    &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        struct event event;
        size_t stream = (size_t)sql_int(&sql, 1) - 1;
        if (stream >= store->now.stream_count || !sql_blob(&sql, 4).data ||
            event_unpack(&event, sql_blob(&sql, 3), sql_blob(&sql, 4))) {
            continue;
        }
        char spare[LIMIT_EVENT_ID + 1];
        uint64_t lsn = sql_u64(&sql, 0), seq = sql_u64(&sql, 2);
        struct slice name = store_visit_key(&event, stream, seq, spare);
        bool is_nameless = name.data && sql_optional(&sql, 5) == EVENT_NONE;
        if ((is_nameless && name_visit(store, lsn, name, problem)) ||
            store_derive(store, stream, seq, lsn, &event, problem)) {
            more = -1;
            break;
        }
        /* Everything is folded at the end; here it would only take memory. */
        store_visits_clear(&store->touched);
    }
    sqlite3_finalize(stmt);
    return more;
}

/* Rows that were there before a rebuild and did not come back are told as gone. */
static int tell_gone(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db,
                    "INSERT INTO visit_gone(lsn, visit, revision, central)"
                    " SELECT ?1 + row_number() OVER (ORDER BY k.id), k.id, k.revision + 1,"
                    " k.source_central FROM temp.kept k"
                    " WHERE NOT EXISTS (SELECT 1 FROM history h WHERE h.id = k.id)",
                    &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_u64(&sql, store->now.lsn);
    int result = sql_finish(&sql, problem);
    sqlite3_finalize(stmt);
    store->now.lsn += result ? 0 : (uint64_t)sqlite3_changes64(store->db);
    return result;
}

static int rebuild(struct store *store, struct problem *problem)
{
    if (sql_run(store->db,
                "CREATE TEMP TABLE kept AS SELECT event_id, id, revision, created_at, digest, lsn,"
                " source_central FROM history;"
                "CREATE UNIQUE INDEX temp.kept_event ON kept(event_id);"
                "DELETE FROM history;"
                "DELETE FROM history_changes WHERE sid IS NOT NULL;"
                "DELETE FROM anomaly;"
                "DELETE FROM visit_plate;"
                "DELETE FROM visit_count;"
                "DELETE FROM retry;"
                "DELETE FROM unpriced;"
                "DELETE FROM setting;"
                "DELETE FROM element;"
                "DELETE FROM redaction",
                problem)) {
        return store_fail(store, problem);
    }
    store_focus_drop(store);
    store_count_undo(store);
    store->now.has_retries = false;
    store->now.state_digest = (struct digest){{0}};
    store->now.settings++;
    if (store_setting_load(store, problem) || derive_all(store, problem) ||
        store_fold_all(store, problem) || store_plate_all(store, problem) ||
        tell_gone(store, problem) ||
        sql_run(store->db,
                "UPDATE history_changes SET history_id = coalesce((SELECT h.id FROM visit v"
                " JOIN history h ON h.id = v.id WHERE v.name = history_changes.event_id), 0)"
                " WHERE sid IS NOT NULL;"
                "DROP TABLE temp.kept",
                problem)) {
        return store_fail(store, problem);
    }
    return 0;
}

/* With the folded tables as they will be. */
static int rebuild_all(struct store *store, struct problem *problem)
{
    store->importing = true;
    int result = rebuild(store, problem);
    store->importing = false;
    return result;
}

int store_check_fold(struct store *store, struct problem *problem)
{
    int64_t version = FOLD_VERSION;
    int found =
        sql_integer(store->db, "SELECT value FROM meta WHERE key = 'fold'", &version, problem);
    if (found < 0) {
        return -1;
    }
    if (found > 0 && version != FOLD_VERSION) {
        log_info("DB_FOLDED_AGAIN", "rules=%d were=%" PRId64, FOLD_VERSION, version);
        if (rebuild_all(store, problem)) {
            return -1;
        }
    }
    return store_meta_set(store, "fold", FOLD_VERSION, problem);
}

/* What is kept beside the rows since version 2 of the tables. */
#define SUMS_VERSION 1

int store_check_sums(struct store *store, struct problem *problem)
{
    int64_t version = 0;
    int found =
        sql_integer(store->db, "SELECT value FROM meta WHERE key = 'sums'", &version, problem);
    if (found < 0 || (found > 0 && version == SUMS_VERSION)) {
        return found < 0 ? -1 : 0;
    }
    /* `first` is no later than the entry. */
    if (sql_run(store->db,
                "UPDATE visit_plate SET late = h.entry_ms - first FROM history h"
                " WHERE h.id = visit_plate.visit AND h.entry_ms > visit_plate.first",
                problem) ||
        store_count_all(store, problem) || store_plate_all(store, problem)) {
        return -1;
    }
    return store_meta_set(store, "sums", SUMS_VERSION, problem);
}

int store_rebuild(struct store *store, struct problem *problem)
{
    struct problem spare;
    if (!problem) {
        problem = &spare;
    }
    if (store_begin(store, problem)) {
        return -1;
    }
    store->now_ms = clock_wall_ms();
    if (rebuild_all(store, problem)) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, problem);
}
