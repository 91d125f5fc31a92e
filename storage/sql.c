#include "storage/sql.h"

#include "storage/gather.h"

#include "proto/event.h"
#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What SQLite calls something else: the shared-memory index of the WAL that cannot grow, a quota
 * that is used up, a file for which the directory has no room. A failed sync is none of them: what
 * it did not write is lost. */
static bool is_full(sqlite3 *db, int code)
{
    int error = 0;
    if (!db || code == SQLITE_IOERR_SHMSIZE) {
        return code == SQLITE_IOERR_SHMSIZE;
    }
    if ((code & 0xff) == SQLITE_CANTOPEN) {
        error = sqlite3_system_errno(db);
    } else if (code == SQLITE_IOERR_WRITE &&
               sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error) != SQLITE_OK) {
        return false;
    }
    return error == ENOSPC || error == EDQUOT;
}

static enum problem_code code_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return PROBLEM_DISK_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return PROBLEM_DB_LOCKED;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return PROBLEM_DB_FAILED;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return PROBLEM_DB_UNWRITABLE;
    default:
        return PROBLEM_INTERNAL;
    }
}

int sql_problem(sqlite3 *db, int code, const char *doing, struct problem *problem)
{
    const char *file = db ? sqlite3_db_filename(db, "main") : NULL;
    const char *said = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    enum problem_code as = is_full(db, code) ? PROBLEM_DISK_FULL : code_of(code);
    if (as == PROBLEM_DISK_FULL) {
        return problem_set(problem, as, problem_hint(as),
                           "%s: its disk or quota is full, nothing was stored (sqlite %d)",
                           file ? file : "database", code);
    }
    return problem_set(problem, as, problem_hint(as), "%s: %s: %s (sqlite %d)",
                       file ? file : "database", doing, said, code);
}

int sql_open(const char *path, int flags, sqlite3 **db, struct problem *problem)
{
    const char *vfs = (flags & SQLITE_OPEN_READWRITE) != 0 ? gather_vfs() : NULL;
    int rc = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, vfs);
    if (rc == SQLITE_OK) {
        rc = sqlite3_extended_result_codes(*db, 1);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_timeout(*db, LIMIT_BUSY_MS);
    }
    static const struct {
        int option, value;
    } options[] = {{SQLITE_DBCONFIG_DQS_DML, 0},
                   {SQLITE_DBCONFIG_DQS_DDL, 0},
                   {SQLITE_DBCONFIG_DEFENSIVE, 1},
                   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                   {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}};
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof options / sizeof *options; i++) {
        rc = sqlite3_db_config(*db, options[i].option, options[i].value, (int *)NULL);
    }
    if (rc == SQLITE_OK) {
        return 0;
    }
    sql_problem(*db, rc, "open", problem);
    sqlite3_close(*db);
    *db = NULL;
    return -1;
}

static bool reads(const char *path)
{
    char block[65536];
    ssize_t len;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT;
    }
    do {
        len = read(fd, block, sizeof block);
    } while (len > 0);
    close(fd);
    return len == 0;
}

bool sql_disk_reads(const char *path)
{
    char wal[4200];
    int len = snprintf(wal, sizeof wal, "%s-wal", path);
    return len > 0 && (size_t)len < sizeof wal && reads(path) && reads(wal);
}

int sql_run(sqlite3 *db, const char *text, struct problem *problem)
{
    int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        return 0;
    }
    char doing[60];
    slice_copy(slice_text(text), doing, sizeof doing);
    return sql_problem(db, rc, doing, problem);
}

int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **stmt, struct problem *problem)
{
    int rc = sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    return rc == SQLITE_OK ? 0 : sql_problem(db, rc, text, problem);
}

int sql_integer(sqlite3 *db, const char *text, int64_t *out, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(db, text, &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        *out = sql_int(&sql, 0);
    }
    sqlite3_finalize(stmt);
    return found;
}

struct sql sql_start(sqlite3_stmt *stmt)
{
    return (struct sql){.stmt = stmt, .rc = SQLITE_OK};
}

static void bound(struct sql *sql, int rc)
{
    if (sql->rc == SQLITE_OK) {
        sql->rc = rc;
    }
}

void sql_bind_int(struct sql *sql, int64_t value)
{
    bound(sql, sqlite3_bind_int64(sql->stmt, ++sql->at, value));
}

void sql_bind_u64(struct sql *sql, uint64_t value)
{
    int64_t view;
    memcpy(&view, &value, sizeof view);
    sql_bind_int(sql, view);
}

void sql_bind_optional(struct sql *sql, int64_t value)
{
    if (value == EVENT_NONE) {
        bound(sql, sqlite3_bind_null(sql->stmt, ++sql->at));
    } else {
        sql_bind_int(sql, value);
    }
}

void sql_bind_real(struct sql *sql, double value)
{
    /* SQLite itself turns NaN into NULL. */
    bound(sql, sqlite3_bind_double(sql->stmt, ++sql->at, value));
}

void sql_bind_text(struct sql *sql, struct slice text)
{
    bound(sql, sqlite3_bind_text64(sql->stmt, ++sql->at, text.data, text.len, SQLITE_STATIC,
                                   SQLITE_UTF8));
}

void sql_bind_blob(struct sql *sql, struct slice bytes)
{
    bound(sql, sqlite3_bind_blob64(sql->stmt, ++sql->at, bytes.data, bytes.len, SQLITE_STATIC));
}

void sql_bind_digest(struct sql *sql, const struct digest *digest)
{
    bound(sql, sqlite3_bind_blob64(sql->stmt, ++sql->at, digest->bytes, sizeof digest->bytes,
                                   SQLITE_STATIC));
}

int sql_step(struct sql *sql, struct problem *problem)
{
    int rc = sql->rc == SQLITE_OK ? sqlite3_step(sql->stmt) : sql->rc;
    if (rc == SQLITE_ROW) {
        return 1;
    }
    int result = 0;
    if (rc != SQLITE_DONE) {
        result = sql_problem(sqlite3_db_handle(sql->stmt), rc, sqlite3_sql(sql->stmt), problem);
    }
    sql_reset(sql);
    return result;
}

int sql_finish(struct sql *sql, struct problem *problem)
{
    int result = sql_step(sql, problem);
    if (result > 0) {
        sql_reset(sql);
    }
    return result < 0 ? -1 : 0;
}

void sql_reset(struct sql *sql)
{
    /* Repeats the error of the last step, which was reported there. */
    (void)sqlite3_reset(sql->stmt);
}

struct slice sql_text(const struct sql *sql, int column)
{
    const unsigned char *text = sqlite3_column_text(sql->stmt, column);
    return (struct slice){(const char *)text, (size_t)sqlite3_column_bytes(sql->stmt, column)};
}

struct slice sql_blob(const struct sql *sql, int column)
{
    const void *bytes = sqlite3_column_blob(sql->stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(sql->stmt, column);
    /* SQLite returns NULL for an empty blob too; that is present, not absent. */
    if (!bytes && sqlite3_column_type(sql->stmt, column) != SQLITE_NULL) {
        bytes = "";
    }
    return (struct slice){bytes, len};
}

int64_t sql_int(const struct sql *sql, int column)
{
    return sqlite3_column_int64(sql->stmt, column);
}

int64_t sql_optional(const struct sql *sql, int column)
{
    if (sqlite3_column_type(sql->stmt, column) == SQLITE_NULL) {
        return EVENT_NONE;
    }
    return sqlite3_column_int64(sql->stmt, column);
}

double sql_real(const struct sql *sql, int column)
{
    if (sqlite3_column_type(sql->stmt, column) == SQLITE_NULL) {
        return (double)NAN;
    }
    return sqlite3_column_double(sql->stmt, column);
}

uint64_t sql_u64(const struct sql *sql, int column)
{
    return (uint64_t)sqlite3_column_int64(sql->stmt, column);
}

struct digest sql_digest(const struct sql *sql, int column)
{
    struct digest digest = {{0}};
    struct slice bytes = sql_blob(sql, column);
    if (bytes.data && bytes.len == sizeof digest.bytes) {
        memcpy(digest.bytes, bytes.data, sizeof digest.bytes);
    }
    return digest;
}
