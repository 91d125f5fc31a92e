/*
 * Accounts, sessions and tokens as requests look them up: one read-only handle behind a lock, apart
 * from those of downloads, because every request with credentials needs it. Any thread.
 */
#ifndef API_IDENTITY_H
#define API_IDENTITY_H

#include "storage/accounts.h"

struct identity;

/* NULL with a problem when the database cannot be read. */
struct identity *identity_new(const char *database, struct problem *problem);
void identity_destroy(struct identity **identity);

/* 1 found and valid at `now_ms`, 0 not, -1 when the database failed (logged): nobody is let in. */
int identity_session(struct identity *identity, const unsigned char digest[CREDENTIAL_DIGEST],
                     int64_t now_ms, struct account *account, struct session *session);
int identity_bearer(struct identity *identity, const unsigned char digest[CREDENTIAL_DIGEST],
                    int64_t now_ms, struct token *token);
int identity_account(struct identity *identity, struct slice name, struct account *account);
int identity_token(struct identity *identity, struct slice name, struct token *token);

/* How many sessions are valid at `now_ms`; -1 when the database failed (logged). */
int64_t identity_sessions(struct identity *identity, int64_t now_ms);

/* The callbacks of storage/accounts.h, under the lock: they may write into memory and no more. */
int identity_each_account(struct identity *identity, account_fn each, void *context);
int identity_each_token(struct identity *identity, token_fn each, void *context);

#endif
