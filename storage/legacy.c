#include "storage/legacy.h"

#include "storage/legacy_lots.h"
#include "storage/legacy_rows.h"
#include "storage/store_internal.h"

#include "proto/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct import {
    struct store *store;
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

static int keep(struct import *import, const struct legacy_row *row, struct problem *problem)
{
    static const char *const texts[] = {
        "INSERT OR IGNORE INTO temp.kept(event_id, id, revision, created_at) VALUES(?, ?, 1, ?)",
        "INSERT INTO temp.kept_ids(event_id, id) VALUES(?, ?)"};
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *stmt = NULL;
        if (sql_prepare(import->store->db, texts[i], &stmt, problem)) {
            return -1;
        }
        struct sql sql = sql_start(stmt);
        sql_bind_text(&sql, row->event.visit);
        sql_bind_int(&sql, row->id);
        if (i == 0) {
            sql_bind_text(&sql, row->created_at);
        }
        int result = sql_finish(&sql, problem);
        sqlite3_finalize(stmt);
        if (result) {
            return -1;
        }
    }
    return 0;
}

static int import_row(struct import *import, struct legacy_row *row, struct problem *problem)
{
    struct position position;
    row->event.exit_central = legacy_rows_exit_central(&row->event, &import->store->node);
    if (keep(import, row, problem) ||
        store_append(import->store, &row->event, import->store->now_ms, &position, problem)) {
        return -1;
    }
    store_visits_clear(&import->store->touched); /* all is folded at the end */
    import->visits++;
    if (row->mended[0]) {
        import->mended_rows++;
        log_warn("LEGACY_ROW_MENDED", "id=%" PRId64 " column=%s", row->id, row->mended);
    }
    return 0;
}

static int import_rows(struct import *import, struct problem *problem)
{
    struct legacy_rows *rows;
    struct legacy_row row;
    int more = legacy_rows_of(import->store->db, true, &rows, problem);
    if (more <= 0) {
        return more;
    }
    while ((more = legacy_rows_next(rows, &row, problem)) > 0) {
        if (import_row(import, &row, problem)) {
            more = -1;
            break;
        }
    }
    legacy_rows_close(&rows);
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
