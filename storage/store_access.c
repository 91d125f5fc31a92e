/*
 * Written a few times an hour, so statements are prepared for each use: kept ones would cost the
 * gates memory and this file a table.
 */
#include "storage/store_access.h"

#include "storage/accounts_row.h"
#include "storage/store_internal.h"

/* The audit is trimmed once in so many lines. */
#define TRIM_EVERY 64

struct once {
    sqlite3_stmt *stmt;
    struct sql sql;
};

static int once_start(struct store *store, const char *text, struct once *once,
                      struct problem *problem)
{
    once->stmt = NULL;
    if (store_usable(store, problem) != 0 ||
        sql_prepare(store->db, text, &once->stmt, problem) != 0) {
        return store_fail(store, problem);
    }
    once->sql = sql_start(once->stmt);
    return 0;
}

/* Runs it to its end. 0 or -1. */
static int once_finish(struct store *store, struct once *once, struct problem *problem)
{
    int rc = sql_finish(&once->sql, problem);
    sqlite3_finalize(once->stmt);
    return rc != 0 ? store_fail(store, problem) : 0;
}

static int64_t number(struct store *store, const char *text, struct problem *problem)
{
    int64_t out = 0;
    if (store_usable(store, problem) != 0 || sql_integer(store->db, text, &out, problem) < 0) {
        return store_fail(store, problem);
    }
    return out;
}

int64_t store_account_count(struct store *store, struct problem *problem)
{
    return number(store, "SELECT count(*) FROM account", problem);
}

int64_t store_admin_count(struct store *store, struct problem *problem)
{
    return number(store, "SELECT count(*) FROM account WHERE role = 'admin'", problem);
}

int64_t store_token_count(struct store *store, struct problem *problem)
{
    return number(store, "SELECT count(*) FROM token", problem);
}

int store_account_find(struct store *store, struct slice name, struct account *out,
                       struct problem *problem)
{
    struct once once;
    if (once_start(store, "SELECT " ACCOUNT_COLUMNS " FROM account WHERE name = ?", &once,
                   problem)) {
        return -1;
    }
    sql_bind_text(&once.sql, name);
    int found = sql_step(&once.sql, problem);
    if (found > 0) {
        account_read(&once.sql, out);
    }
    sqlite3_finalize(once.stmt);
    return found < 0 ? store_fail(store, problem) : found;
}

int store_token_find(struct store *store, struct slice name, struct token *out,
                     struct problem *problem)
{
    struct once once;
    if (once_start(store, "SELECT " TOKEN_COLUMNS " FROM token WHERE name = ?", &once, problem)) {
        return -1;
    }
    sql_bind_text(&once.sql, name);
    int found = sql_step(&once.sql, problem);
    if (found > 0) {
        token_read(&once.sql, out);
    }
    sqlite3_finalize(once.stmt);
    return found < 0 ? store_fail(store, problem) : found;
}

/* NULL for 0: the database gives a new row its number. */
static void bind_id(struct sql *sql, int64_t id)
{
    sql_bind_optional(sql, id != 0 ? id : EVENT_NONE);
}

int store_account_put(struct store *store, const struct account *account, struct problem *problem)
{
    struct once once;
    if (once_start(store,
                   "INSERT INTO account(id, name, role, hash, revision, created, changed)"
                   " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET"
                   " role = excluded.role, hash = excluded.hash, revision = excluded.revision,"
                   " changed = excluded.changed",
                   &once, problem)) {
        return -1;
    }
    bind_id(&once.sql, account->id);
    sql_bind_text(&once.sql, slice_text(account->name));
    sql_bind_text(&once.sql, slice_text(role_name(account->role)));
    sql_bind_text(&once.sql, slice_text(account->hash));
    sql_bind_int(&once.sql, account->revision);
    sql_bind_int(&once.sql, account->created_ms);
    sql_bind_int(&once.sql, account->changed_ms);
    return once_finish(store, &once, problem);
}

int store_token_put(struct store *store, const struct token *token, struct slice digest,
                    struct problem *problem)
{
    struct once once;
    if (once_start(store,
                   "INSERT INTO token(id, name, role, digest, revision, created, expires)"
                   " VALUES(?1, ?2, ?3, coalesce(?4, (SELECT digest FROM token WHERE id = ?1)),"
                   " ?5, ?6, ?7) ON CONFLICT(id) DO UPDATE SET role = excluded.role,"
                   " revision = excluded.revision, expires = excluded.expires",
                   &once, problem)) {
        return -1;
    }
    bind_id(&once.sql, token->id);
    sql_bind_text(&once.sql, slice_text(token->name));
    sql_bind_text(&once.sql, slice_text(role_name(token->role)));
    sql_bind_blob(&once.sql, digest);
    sql_bind_int(&once.sql, token->revision);
    sql_bind_int(&once.sql, token->created_ms);
    sql_bind_int(&once.sql, token->expires_ms);
    return once_finish(store, &once, problem);
}

static int run_on(struct store *store, const char *text, int64_t id, struct problem *problem)
{
    struct once once;
    if (once_start(store, text, &once, problem)) {
        return -1;
    }
    sql_bind_int(&once.sql, id);
    return once_finish(store, &once, problem);
}

int store_account_drop(struct store *store, int64_t id, struct problem *problem)
{
    return run_on(store, "DELETE FROM session WHERE account = ?", id, problem) ||
                   run_on(store, "DELETE FROM account WHERE id = ?", id, problem)
               ? -1
               : 0;
}

int store_token_drop(struct store *store, int64_t id, struct problem *problem)
{
    return run_on(store, "DELETE FROM token WHERE id = ?", id, problem);
}

int store_session_start(struct store *store, struct slice digest, int64_t account, int64_t now_ms,
                        struct problem *problem)
{
    struct once once;
    if (run_on(store, "DELETE FROM session WHERE started <= ?", now_ms - LIMIT_SESSION_MS,
               problem) ||
        run_on(store, "DELETE FROM session WHERE used <= ?", now_ms - LIMIT_SESSION_IDLE_MS,
               problem) ||
        once_start(store, "INSERT INTO session(digest, account, started, used) VALUES(?, ?, ?, ?)",
                   &once, problem)) {
        return -1;
    }
    sql_bind_blob(&once.sql, digest);
    sql_bind_int(&once.sql, account);
    sql_bind_int(&once.sql, now_ms);
    sql_bind_int(&once.sql, now_ms);
    if (once_finish(store, &once, problem) ||
        once_start(store,
                   "DELETE FROM session WHERE account = ?1 AND digest NOT IN (SELECT digest"
                   " FROM session WHERE account = ?1 ORDER BY started DESC, rowid DESC LIMIT ?2)",
                   &once, problem)) {
        return -1;
    }
    sql_bind_int(&once.sql, account);
    sql_bind_int(&once.sql, LIMIT_ACCOUNT_SESSIONS);
    return once_finish(store, &once, problem);
}

int store_session_use(struct store *store, struct slice digest, int64_t now_ms,
                      struct problem *problem)
{
    struct once once;
    if (once_start(store, "UPDATE session SET used = max(used, ?) WHERE digest = ?", &once,
                   problem)) {
        return -1;
    }
    sql_bind_int(&once.sql, now_ms);
    sql_bind_blob(&once.sql, digest);
    return once_finish(store, &once, problem);
}

int store_session_end(struct store *store, struct slice digest, struct problem *problem)
{
    struct once once;
    if (once_start(store, "DELETE FROM session WHERE digest = ?", &once, problem)) {
        return -1;
    }
    sql_bind_blob(&once.sql, digest);
    return once_finish(store, &once, problem);
}

int store_sessions_end(struct store *store, int64_t account, struct slice digest,
                       struct problem *problem)
{
    struct once once;
    if (once_start(store, "DELETE FROM session WHERE account = ? AND digest IS NOT ?", &once,
                   problem)) {
        return -1;
    }
    sql_bind_int(&once.sql, account);
    sql_bind_blob(&once.sql, digest);
    return once_finish(store, &once, problem);
}

/* Keeps the newest of the class: logins, which anybody can cause, and changes. */
static int audit_trim(struct store *store, bool is_login, struct problem *problem)
{
    struct once once;
    if (once_start(store,
                   "DELETE FROM audit WHERE login = ?1 AND id <= (SELECT id FROM audit"
                   " WHERE login = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                   &once, problem)) {
        return -1;
    }
    sql_bind_int(&once.sql, is_login);
    sql_bind_int(&once.sql, is_login ? LIMIT_AUDIT_LOGINS : LIMIT_AUDIT_ROWS);
    return once_finish(store, &once, problem);
}

int store_audit_add(struct store *store, enum audit_kind kind, const struct access *access,
                    int64_t now_ms, struct problem *problem)
{
    bool is_login = kind == AUDIT_LOGIN || kind == AUDIT_LOGIN_FAILED || kind == AUDIT_LOGOUT;
    struct once once;
    if (once_start(store,
                   "INSERT INTO audit(t, kind, login, author, address, subject, reason, detail)"
                   " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                   &once, problem)) {
        return -1;
    }
    sql_bind_int(&once.sql, now_ms);
    sql_bind_text(&once.sql, slice_text(audit_kind_name(kind)));
    sql_bind_int(&once.sql, is_login);
    sql_bind_text(&once.sql, access->author);
    sql_bind_text(&once.sql, access->address);
    sql_bind_text(&once.sql, access->name);
    sql_bind_text(&once.sql, access->reason);
    sql_bind_text(&once.sql, access->detail);
    if (once_finish(store, &once, problem)) {
        return -1;
    }
    if (sqlite3_last_insert_rowid(store->db) % TRIM_EVERY != 0) {
        return 0;
    }
    return audit_trim(store, is_login, problem);
}
