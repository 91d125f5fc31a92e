/*
 * The writer's side of accounts, sessions, tokens and the local audit: plain rows of this central,
 * outside the log. Inside a batch, like everything that the store writes; the rules (who may, the
 * last administrator) are the caller's. Node thread.
 */
#ifndef STORAGE_STORE_ACCESS_H
#define STORAGE_STORE_ACCESS_H

#include "proto/access.h"
#include "storage/accounts.h"
#include "storage/store.h"

/* 1 found, 0 not, -1. */
int store_account_find(struct store *store, struct slice name, struct account *out,
                       struct problem *problem);
int store_token_find(struct store *store, struct slice name, struct token *out,
                     struct problem *problem);

/* Rows of a table; -1 with a problem. */
int64_t store_account_count(struct store *store, struct problem *problem);
int64_t store_admin_count(struct store *store, struct problem *problem);
int64_t store_token_count(struct store *store, struct problem *problem);

/* Inserts (id 0) or replaces a row as it is given. 0 or -1. */
int store_account_put(struct store *store, const struct account *account, struct problem *problem);
/* `digest` is stored with a new token and absent for an old one. */
int store_token_put(struct store *store, const struct token *token, struct slice digest,
                    struct problem *problem);

/* Removes the row; an account's sessions with it. Here and below: 0, or -1 with a problem. */
int store_account_drop(struct store *store, int64_t id, struct problem *problem);
int store_token_drop(struct store *store, int64_t id, struct problem *problem);

/* Starts a session and ends those of the account beyond LIMIT_ACCOUNT_SESSIONS, and all that have
 * expired. */
int store_session_start(struct store *store, struct slice digest, int64_t account, int64_t now_ms,
                        struct problem *problem);
int store_session_use(struct store *store, struct slice digest, int64_t now_ms,
                      struct problem *problem);
int store_session_end(struct store *store, struct slice digest, struct problem *problem);
/* All sessions of an account but `digest` (absent = all). */
int store_sessions_end(struct store *store, int64_t account, struct slice digest,
                       struct problem *problem);

/* One line of the audit, the oldest beyond their limit leave. */
int store_audit_add(struct store *store, enum audit_kind kind, const struct access *access,
                    int64_t now_ms, struct problem *problem);

#endif
