#include "storage/legacy.h"

#include "storage/legacy_lots.h"
#include "storage/store_internal.h"

#include "proto/localtime.h"
#include "proto/log.h"
#include "proto/plate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FEE_MOST 1e15 /* beyond this a REAL is no amount of money */

/* Columns of the old table `history` that are read. Any of them may be missing. */
#define LEGACY_COLUMNS(X) \
    X(event_id)           \
    X(source_central)     \
    X(edge_id)            \
    X(plate_id)           \
    X(plate_view)         \
    X(entry_time)         \
    X(entry_camera_id)    \
    X(entry_camera_name)  \
    X(entry_confidence)   \
    X(entry_source)       \
    X(exit_time)          \
    X(exit_camera_id)     \
    X(exit_camera_name)   \
    X(exit_confidence)    \
    X(exit_source)        \
    X(fee)                \
    X(status)             \
    X(created_at)         \
    X(updated_at)         \
    X(last_location)      \
    X(last_location_time) \
    X(is_anomaly)

enum column {
#define X(name) COLUMN_##name,
    LEGACY_COLUMNS(X)
#undef X
    COLUMNS
};

static const char *const COLUMN_NAMES[COLUMNS] = {
#define X(name) #name,
    LEGACY_COLUMNS(X)
#undef X
};

struct import {
    struct store *store;
    struct sql rows;
    int columns[COLUMNS]; /* of the statement; -1 = the file has none */
    struct arena memory;  /* of one row */
    char mended[120];     /* what was wrong with the row, for the log */
    int64_t visits, mended_rows;
};

static int sync_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int result = fsync(fd);
    if (close(fd)) {
        result = -1;
    }
    return result;
}

/* The directory entry of a renamed file is durable only after this. */
static int sync_directory(const char *path)
{
    char directory[4200];
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return sync_file(".", O_RDONLY | O_DIRECTORY);
    }
    struct slice part = {path, slash == path ? 1 : (size_t)(slash - path)};
    return slice_copy(part, directory, sizeof directory)
               ? sync_file(directory, O_RDONLY | O_DIRECTORY)
               : -1;
}

static int copy_database(sqlite3 *db, const char *to, struct problem *problem)
{
    sqlite3 *copy = NULL;
    if (sql_open(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &copy, problem)) {
        return -1;
    }
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", db, "main");
    int rc = backup ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(copy);
    int end = backup ? sqlite3_backup_finish(backup) : rc;
    if (rc == SQLITE_DONE) {
        rc = end;
    }
    int result = rc == SQLITE_OK ? 0 : sql_problem(copy, rc, "backup before the import", problem);
    sqlite3_close(copy);
    return result;
}

int legacy_backup(sqlite3 *db, const char *path, struct problem *problem)
{
    char final[4200], part[4216];
    int len = snprintf(final, sizeof final, "%s.before-parkmesh", path);
    if (len < 0 || (size_t)len >= sizeof final) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "give a shorter data_dir",
                           "the path of the database is too long");
    }
    if (access(final, F_OK) == 0) {
        return 0; /* of an earlier attempt, and complete: it got its name last */
    }
    snprintf(part, sizeof part, "%s.part", final);
    if (unlink(part) && errno != ENOENT) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "remove it", "%s: %s", part,
                           strerror(errno));
    }
    if (copy_database(db, part, problem)) {
        (void)unlink(part); /* incomplete; the problem is reported already */
        return -1;
    }
    if (sync_file(part, O_RDONLY) || rename(part, final) || sync_directory(final)) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "check the disk", "%s: %s", final,
                           strerror(errno));
    }
    char quoted[4300];
    log_info("LEGACY_BACKUP", "path=%s", log_quote(final, quoted, sizeof quoted));
    return 0;
}

int legacy_set_aside(sqlite3 *db, struct problem *problem)
{
    static const struct {
        const char *look, *rename;
    } tables[] = {
        {"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'history'",
         "ALTER TABLE history RENAME TO legacy_history"},
        {"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'history_changes'",
         "ALTER TABLE history_changes RENAME TO legacy_history_changes"},
        {"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'p2p_sync_state'",
         "ALTER TABLE p2p_sync_state RENAME TO legacy_p2p_sync_state"},
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        int64_t one = 0;
        int found = sql_integer(db, tables[i].look, &one, problem);
        if (found < 0 || (found && sql_run(db, tables[i].rename, problem))) {
            return -1;
        }
    }
    /* Some other program's number; our migrations count from 0. */
    return sql_run(db, "PRAGMA user_version = 0", problem);
}

static void mend(struct import *import, const char *what)
{
    if (!import->mended[0]) {
        snprintf(import->mended, sizeof import->mended, "%s", what);
    }
}

/* The column as valid text of at most `max` bytes; absent when missing or NULL. */
static struct slice text_of(struct import *import, enum column column, size_t max)
{
    struct slice none = {NULL, 0};
    if (import->columns[column] < 0) {
        return none;
    }
    struct slice text =
        arena_copy(&import->memory, sql_text(&import->rows, import->columns[column]));
    if (!text.data || wire_is_utf8(text)) {
        if (text.len > max) {
            mend(import, COLUMN_NAMES[column]);
            for (text.len = max; text.len && (text.data[text.len] & 0xC0) == 0x80; text.len--) {
                continue;
            }
        }
        return text;
    }
    mend(import, COLUMN_NAMES[column]);
    size_t len = text.len < max ? text.len : max;
    char *mended = arena_take(&import->memory, len + 1);
    for (size_t i = 0; i < len; i++) {
        mended[i] = text.data[i] > 0 ? text.data[i] : '?';
    }
    mended[len] = '\0';
    return (struct slice){mended, len};
}

/* Text that is there and not empty, else absent. */
static struct slice filled(struct import *import, enum column column, size_t max)
{
    struct slice text = text_of(import, column, max);
    return text.len ? text : (struct slice){NULL, 0};
}

static double real_of(struct import *import, enum column column)
{
    double value = import->columns[column] < 0 ? (double)NAN
                                               : sql_real(&import->rows, import->columns[column]);
    return isfinite(value) ? value : (double)NAN;
}

static int64_t local_ms(struct import *import, enum column column)
{
    int64_t ms;
    struct slice text = filled(import, column, LIMIT_TEXT);
    return text.data && localtime_parse(text, &ms) == 0 ? ms : EVENT_NONE;
}

/* Bookkeeping columns hold UTC in the same layout. */
static int64_t utc_ms(struct import *import, enum column column)
{
    char text[LOCALTIME_TEXT + 1];
    int64_t ms;
    struct slice found = filled(import, column, LIMIT_TEXT);
    if (!found.data || found.len >= LOCALTIME_TEXT) {
        return EVENT_NONE;
    }
    snprintf(text, sizeof text, "%sZ", found.data);
    return localtime_parse(slice_text(text), &ms) == 0 ? ms : EVENT_NONE;
}

/* An id that the row itself decides, so that importing a copy of the file names the same visit. */
static struct slice derived_id(struct import *import, int64_t id)
{
    struct buffer bytes;
    char hex[33], *text = arena_take(&import->memory, 32);
    buffer_init(&bytes, 8192);
    static const enum column parts[] = {COLUMN_plate_id, COLUMN_entry_time, COLUMN_created_at};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct slice part = text_of(import, parts[i], LIMIT_TEXT);
        buffer_printf(&bytes, "%zu:", part.len);
        buffer_append(&bytes, part.data ? part.data : "", part.len);
    }
    buffer_printf(&bytes, "%" PRId64, id);
    struct digest digest = body_hash(buffer_slice(&bytes));
    buffer_free(&bytes);
    digest_hex(&digest, hex);
    snprintf(text, 32, "legacy-%.16s", hex);
    return slice_text(text);
}

static void read_plate(struct import *import, struct event *event)
{
    char *id = arena_take(&import->memory, LIMIT_PLATE + 1);
    struct slice plate = filled(import, COLUMN_plate_id, LIMIT_PLATE);
    struct slice view = filled(import, COLUMN_plate_view, LIMIT_PLATE);
    size_t len = plate_reduce(plate, id, LIMIT_PLATE + 1);
    if (len == 0) {
        len = plate_reduce(view, id, LIMIT_PLATE + 1);
    }
    if (len == 0) {
        mend(import, "plate_id");
        snprintf(id, LIMIT_PLATE + 1, "UNKNOWN");
    }
    event->plate_id = slice_text(id);
    event->plate_view = view.data ? view : plate.data ? plate : event->plate_id;
}

/* Times of the row. A visit without a usable one is kept at the best guess. */
static void read_times(struct import *import, struct event *event, bool out)
{
    int64_t created = utc_ms(import, COLUMN_created_at);
    int64_t entry = local_ms(import, COLUMN_entry_time);
    int64_t leaving = out ? local_ms(import, COLUMN_exit_time) : EVENT_NONE;
    if (entry == EVENT_NONE) {
        mend(import, "entry_time");
        entry = created != EVENT_NONE ? created : leaving != EVENT_NONE ? leaving : 0;
    }
    if (out && leaving == EVENT_NONE) {
        mend(import, "exit_time");
        leaving = utc_ms(import, COLUMN_updated_at);
        if (leaving == EVENT_NONE || leaving < entry) {
            leaving = entry;
        }
    }
    event->t_eff = entry;
    event->exit_ms = leaving;
}

static void read_fee(struct import *import, struct event *event)
{
    double fee = real_of(import, COLUMN_fee);
    if (isnan(fee) || fabs(fee) > FEE_MOST) {
        if (!isnan(fee)) {
            mend(import, "fee");
        }
        fee = 0.0;
    }
    event->fee = (int64_t)llround(fee);
}

static void read_exit(struct import *import, struct event *event)
{
    event->exit_camera_id = filled(import, COLUMN_exit_camera_id, LIMIT_TEXT);
    event->exit_camera_name = filled(import, COLUMN_exit_camera_name, LIMIT_TEXT);
    event->exit_confidence = real_of(import, COLUMN_exit_confidence);
    event->exit_source = filled(import, COLUMN_exit_source, LIMIT_TEXT);
    read_fee(import, event);
}

static void read_row(struct import *import, struct event *event, int64_t id)
{
    event_init(event, EVENT_IMPORT);
    struct slice status = filled(import, COLUMN_status, LIMIT_TEXT);
    bool out = slice_equal(status, slice_text("OUT"));
    if (!out && !slice_equal(status, slice_text("IN"))) {
        mend(import, "status");
        out = filled(import, COLUMN_exit_time, LIMIT_TEXT).data != NULL;
    }
    read_plate(import, event);
    read_times(import, event, out);
    event->status = slice_text(out ? "OUT" : "IN");
    event->visit = filled(import, COLUMN_event_id, LIMIT_TEXT);
    if (!event->visit.data || event->visit.len > LIMIT_EVENT_ID) {
        event->visit = derived_id(import, id);
    }
    event->source_central = filled(import, COLUMN_source_central, LIMIT_NODE_ID);
    event->edge_id = filled(import, COLUMN_edge_id, LIMIT_TEXT);
    event->camera_id = filled(import, COLUMN_entry_camera_id, LIMIT_TEXT);
    event->camera_name = filled(import, COLUMN_entry_camera_name, LIMIT_TEXT);
    event->confidence = real_of(import, COLUMN_entry_confidence);
    event->source = filled(import, COLUMN_entry_source, LIMIT_TEXT);
    if (out) {
        read_exit(import, event);
    }
    event->location = filled(import, COLUMN_last_location, LIMIT_TEXT);
    if (event->location.data) {
        event->location_ms = local_ms(import, COLUMN_last_location_time);
        if (event->location_ms == EVENT_NONE) {
            event->location_ms = event->t_eff;
        }
    }
    double anomaly = real_of(import, COLUMN_is_anomaly);
    event->is_anomaly = !isnan(anomaly) && anomaly > 0.0;
}

static int keep(struct import *import, int64_t id, const struct event *event,
                struct problem *problem)
{
    static const char *const texts[] = {
        "INSERT OR IGNORE INTO temp.kept(event_id, id, revision, created_at) VALUES(?, ?, 1, ?)",
        "INSERT INTO temp.kept_ids(event_id, id) VALUES(?, ?)"};
    struct slice created_at = filled(import, COLUMN_created_at, LIMIT_TEXT);
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *stmt = NULL;
        if (sql_prepare(import->store->db, texts[i], &stmt, problem)) {
            return -1;
        }
        struct sql sql = sql_start(stmt);
        sql_bind_text(&sql, event->visit);
        sql_bind_int(&sql, id);
        if (i == 0) {
            sql_bind_text(&sql, created_at);
        }
        int result = sql_finish(&sql, problem);
        sqlite3_finalize(stmt);
        if (result) {
            return -1;
        }
    }
    return 0;
}

static int import_row(struct import *import, struct problem *problem)
{
    int64_t id = sql_int(&import->rows, 0);
    struct event event;
    struct position position;
    arena_clear(&import->memory);
    import->mended[0] = '\0';
    read_row(import, &event, id);
    if (keep(import, id, &event, problem) ||
        store_append(import->store, &event, import->store->now_ms, &position, problem)) {
        return -1;
    }
    store_visits_clear(&import->store->touched); /* all is folded at the end */
    import->visits++;
    if (import->mended[0]) {
        import->mended_rows++;
        log_warn("LEGACY_ROW_MENDED", "id=%" PRId64 " column=%s", id, import->mended);
    }
    return 0;
}

static int import_rows(struct import *import, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    int64_t one = 0;
    int found =
        sql_integer(import->store->db, "SELECT 1 FROM sqlite_master WHERE name = 'legacy_history'",
                    &one, problem);
    if (found <= 0) {
        return found; /* an early design without visits */
    }
    if (sql_prepare(import->store->db, "SELECT rowid, * FROM legacy_history ORDER BY rowid", &stmt,
                    problem)) {
        return -1;
    }
    for (int i = 0; i < COLUMNS; i++) {
        import->columns[i] = -1;
        for (int k = 1; k < sqlite3_column_count(stmt); k++) {
            if (sqlite3_stricmp(sqlite3_column_name(stmt, k), COLUMN_NAMES[i]) == 0) {
                import->columns[i] = k;
            }
        }
    }
    import->rows = sql_start(stmt);
    int more;
    while ((more = sql_step(&import->rows, problem)) > 0) {
        if (import_row(import, problem)) {
            more = -1;
            break;
        }
    }
    sqlite3_finalize(stmt);
    arena_free(&import->memory);
    return more;
}

/* The administrators' changes of the old system stay readable beside ours. */
static void copy_changes(struct store *store)
{
    struct problem problem;
    if (sql_run(store->db,
                "INSERT INTO history_changes(id, history_id, change_type, old_plate_id,"
                " old_plate_view, new_plate_id, new_plate_view, old_data, new_data, changed_at,"
                " changed_by, event_id)"
                " SELECT c.id, c.history_id, c.change_type, c.old_plate_id, c.old_plate_view,"
                " c.new_plate_id, c.new_plate_view, c.old_data, c.new_data, c.changed_at,"
                " c.changed_by, k.event_id FROM legacy_history_changes c"
                " LEFT JOIN temp.kept_ids k ON k.id = c.history_id ORDER BY c.id",
                &problem)) {
        /* They remain in their old table; a list of past changes is no reason to refuse a start. */
        log_warn("LEGACY_CHANGES_SKIPPED", "table=legacy_history_changes");
    }
}

static int finish(struct import *import, struct problem *problem)
{
    struct store *store = import->store;
    int64_t one = 0;
    int found =
        sql_integer(store->db, "SELECT 1 FROM sqlite_master WHERE name = 'legacy_history_changes'",
                    &one, problem);
    if (found < 0) {
        return -1;
    }
    if (found) {
        copy_changes(store);
    }
    /* Row numbers that were given once are not given again. The table sqlite_sequence is there:
     * ours use it too. */
    int64_t given = 0;
    if (sql_integer(store->db, "SELECT seq FROM sqlite_sequence WHERE name = 'legacy_history'",
                    &given, problem) < 0) {
        return -1;
    }
    if (given > store->now.visit_id) {
        store->now.visit_id = given;
    }
    return store_fold_all(store, problem);
}

int legacy_import(struct store *store, struct problem *problem)
{
    struct import import = {.store = store};
    if (sql_run(store->db,
                "CREATE TEMP TABLE kept(event_id TEXT PRIMARY KEY, id INTEGER, revision INTEGER,"
                " created_at TEXT, digest BLOB, lsn INTEGER);"
                "CREATE TEMP TABLE kept_ids(id INTEGER PRIMARY KEY, event_id TEXT)",
                problem)) {
        return -1;
    }
    store->importing = true;
    int result = import_rows(&import, problem);
    if (!result) {
        result = legacy_lots(store, problem);
    }
    if (!result) {
        result = finish(&import, problem);
    }
    store->importing = false;
    if (result || sql_run(store->db, "DROP TABLE temp.kept; DROP TABLE temp.kept_ids", problem)) {
        return -1;
    }
    log_info("LEGACY_IMPORTED", "visits=%" PRId64 " mended=%" PRId64, import.visits,
             import.mended_rows);
    return 0;
}
