#include "storage/accounts.h"

#include "storage/accounts_row.h"

#include <stdlib.h>
#include <string.h>

enum question {
    BY_NAME,
    TOKEN_BY_NAME,
    BY_SESSION,
    BY_BEARER,
    ALL,
    ALL_TOKENS,
    ADMINS,
    SESSIONS,
    QUESTIONS
};

static const char *const TEXTS[QUESTIONS] = {
    [BY_NAME] = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE name = ?1",
    [TOKEN_BY_NAME] = "SELECT " TOKEN_COLUMNS " FROM token WHERE name = ?1",
    [BY_SESSION] = "SELECT " ACCOUNT_COLUMNS ", session.started, session.used"
                   " FROM session JOIN account ON account.id = session.account"
                   " WHERE session.digest = ?1 AND session.started > ?2 AND session.used > ?3",
    [BY_BEARER] = "SELECT " TOKEN_COLUMNS " FROM token WHERE digest = ?1 AND expires > ?2",
    [ALL] = "SELECT " ACCOUNT_COLUMNS " FROM account ORDER BY name",
    [ALL_TOKENS] = "SELECT " TOKEN_COLUMNS " FROM token ORDER BY name",
    [ADMINS] = "SELECT count(*) FROM account WHERE role = 'admin'",
    [SESSIONS] = "SELECT count(*) FROM session WHERE started > ?1 AND used > ?2",
};

struct accounts {
    sqlite3 *db;
    sqlite3_stmt *statements[QUESTIONS];
};

void account_read(const struct sql *sql, struct account *out)
{
    memset(out, 0, sizeof *out);
    out->id = sql_int(sql, 0);
    (void)slice_copy(sql_text(sql, 1), out->name, sizeof out->name); /* was checked when written */
    out->role = role_parse(sql_text(sql, 2));
    (void)slice_copy(sql_text(sql, 3), out->hash, sizeof out->hash); /* as above */
    out->revision = sql_int(sql, 4);
    out->created_ms = sql_int(sql, 5);
    out->changed_ms = sql_int(sql, 6);
}

void token_read(const struct sql *sql, struct token *out)
{
    memset(out, 0, sizeof *out);
    out->id = sql_int(sql, 0);
    (void)slice_copy(sql_text(sql, 1), out->name, sizeof out->name); /* was checked when written */
    out->role = role_parse(sql_text(sql, 2));
    out->revision = sql_int(sql, 3);
    out->created_ms = sql_int(sql, 4);
    out->expires_ms = sql_int(sql, 5);
}

struct accounts *accounts_open(const char *path, struct problem *problem)
{
    struct accounts *accounts = bytes_allocate(1, sizeof *accounts);

    if (sql_open(path, SQLITE_OPEN_READONLY, &accounts->db, problem) != 0) {
        free(accounts);
        return NULL;
    }
    for (size_t i = 0; i < QUESTIONS; i++) {
        if (sql_prepare(accounts->db, TEXTS[i], &accounts->statements[i], problem) != 0) {
            accounts_close(&accounts);
            return NULL;
        }
    }
    return accounts;
}

void accounts_close(struct accounts **accounts)
{
    if (*accounts == NULL) {
        return;
    }
    for (size_t i = 0; i < QUESTIONS; i++) {
        sqlite3_finalize((*accounts)->statements[i]);
    }
    sqlite3_close((*accounts)->db);
    free(*accounts);
    *accounts = NULL;
}

static struct sql ask(struct accounts *accounts, enum question question)
{
    return sql_start(accounts->statements[question]);
}

int accounts_find(struct accounts *accounts, struct slice name, struct account *out,
                  struct problem *problem)
{
    struct sql sql = ask(accounts, BY_NAME);
    sql_bind_text(&sql, name);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        account_read(&sql, out);
        sql_reset(&sql);
    }
    return found;
}

int accounts_find_token(struct accounts *accounts, struct slice name, struct token *out,
                        struct problem *problem)
{
    struct sql sql = ask(accounts, TOKEN_BY_NAME);
    sql_bind_text(&sql, name);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        token_read(&sql, out);
        sql_reset(&sql);
    }
    return found;
}

int accounts_find_session(struct accounts *accounts, const unsigned char digest[CREDENTIAL_DIGEST],
                          int64_t now_ms, struct account *account, struct session *session,
                          struct problem *problem)
{
    struct sql sql = ask(accounts, BY_SESSION);
    sql_bind_blob(&sql, (struct slice){(const char *)digest, CREDENTIAL_DIGEST});
    sql_bind_int(&sql, now_ms - LIMIT_SESSION_MS);
    sql_bind_int(&sql, now_ms - LIMIT_SESSION_IDLE_MS);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        account_read(&sql, account);
        session->account = account->id;
        session->started_ms = sql_int(&sql, ACCOUNT_COLUMN_COUNT);
        session->used_ms = sql_int(&sql, ACCOUNT_COLUMN_COUNT + 1);
        sql_reset(&sql);
    }
    return found;
}

int accounts_find_bearer(struct accounts *accounts, const unsigned char digest[CREDENTIAL_DIGEST],
                         int64_t now_ms, struct token *out, struct problem *problem)
{
    struct sql sql = ask(accounts, BY_BEARER);
    sql_bind_blob(&sql, (struct slice){(const char *)digest, CREDENTIAL_DIGEST});
    sql_bind_int(&sql, now_ms);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        token_read(&sql, out);
        sql_reset(&sql);
    }
    return found;
}

int accounts_each(struct accounts *accounts, account_fn each, void *context,
                  struct problem *problem)
{
    struct sql sql = ask(accounts, ALL);
    struct account account;
    int found, rc = 0;
    while ((found = sql_step(&sql, problem)) > 0) {
        account_read(&sql, &account);
        rc = each(context, &account);
        if (rc != 0) {
            sql_reset(&sql);
            return rc;
        }
    }
    return found;
}

int accounts_each_token(struct accounts *accounts, token_fn each, void *context,
                        struct problem *problem)
{
    struct sql sql = ask(accounts, ALL_TOKENS);
    struct token token;
    int found, rc = 0;
    while ((found = sql_step(&sql, problem)) > 0) {
        token_read(&sql, &token);
        rc = each(context, &token);
        if (rc != 0) {
            sql_reset(&sql);
            return rc;
        }
    }
    return found;
}

int accounts_admins(struct accounts *accounts, struct problem *problem)
{
    struct sql sql = ask(accounts, ADMINS);
    int found = sql_step(&sql, problem);
    int count = found > 0 ? (int)sql_int(&sql, 0) : -1;
    if (found > 0) {
        sql_reset(&sql);
    }
    return count;
}

int64_t accounts_sessions(struct accounts *accounts, int64_t now_ms, struct problem *problem)
{
    struct sql sql = ask(accounts, SESSIONS);
    int64_t count = -1;

    sql_bind_int(&sql, now_ms - LIMIT_SESSION_MS);
    sql_bind_int(&sql, now_ms - LIMIT_SESSION_IDLE_MS);
    if (sql_step(&sql, problem) > 0) {
        count = sql_int(&sql, 0);
        sql_reset(&sql);
    }
    return count;
}
