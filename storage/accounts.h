/*
 * Accounts, sessions and tokens of this central, for those who ask who is calling. Read-only, with
 * a handle of its own that waits for no download. One thread at a time.
 */
#ifndef STORAGE_ACCOUNTS_H
#define STORAGE_ACCOUNTS_H

#include "proto/credential.h"
#include "proto/limits.h"
#include "proto/problem.h"
#include "proto/role.h"

#include <stdint.h>

struct account {
    int64_t id;
    char name[LIMIT_ACCOUNT_NAME + 1]; /* as it was written first; case does not distinguish */
    enum role role;
    char hash[CREDENTIAL_HASH]; /* of the password */
    int64_t revision;           /* from 1, grows with every change */
    int64_t created_ms, changed_ms;
};

struct session {
    int64_t account;             /* id */
    int64_t started_ms, used_ms; /* used_ms: exact to LIMIT_SESSION_NOTE_MS */
};

struct token {
    int64_t id;
    char name[LIMIT_ACCOUNT_NAME + 1];
    enum role role;
    int64_t revision;
    int64_t created_ms, expires_ms;
};

struct accounts;

/* NULL with a problem. */
struct accounts *accounts_open(const char *path, struct problem *problem);
void accounts_close(struct accounts **accounts);

/* 1 found, 0 not, -1 with a problem. */
int accounts_find(struct accounts *accounts, struct slice name, struct account *out,
                  struct problem *problem);
int accounts_find_token(struct accounts *accounts, struct slice name, struct token *out,
                        struct problem *problem);
/* The session of a cookie with its account, and the token of a bearer, that are valid at `now_ms`.
 */
int accounts_find_session(struct accounts *accounts, const unsigned char digest[CREDENTIAL_DIGEST],
                          int64_t now_ms, struct account *account, struct session *session,
                          struct problem *problem);
int accounts_find_bearer(struct accounts *accounts, const unsigned char digest[CREDENTIAL_DIGEST],
                         int64_t now_ms, struct token *out, struct problem *problem);

/* All, by name; there are few. Non-zero stops. 0, -1 with a problem, or the callback's value. */
typedef int (*account_fn)(void *context, const struct account *account);
int accounts_each(struct accounts *accounts, account_fn each, void *context,
                  struct problem *problem);
typedef int (*token_fn)(void *context, const struct token *token);
int accounts_each_token(struct accounts *accounts, token_fn each, void *context,
                        struct problem *problem);

/* How many may administer. -1 with a problem. */
int accounts_admins(struct accounts *accounts, struct problem *problem);

/* How many sessions are valid at `now_ms`. -1 with a problem. */
int64_t accounts_sessions(struct accounts *accounts, int64_t now_ms, struct problem *problem);

#endif
