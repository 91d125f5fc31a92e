/*
 * Rows of accounts and tokens, as writer and reader select them. Private to storage.
 */
#ifndef STORAGE_ACCOUNTS_ROW_H
#define STORAGE_ACCOUNTS_ROW_H

#include "storage/accounts.h"
#include "storage/sql.h"

#define ACCOUNT_COLUMNS                                                                        \
    "account.id, account.name, account.role, account.hash, account.revision, account.created," \
    " account.changed"
#define ACCOUNT_COLUMN_COUNT 7
#define TOKEN_COLUMNS "id, name, role, revision, created, expires"

/* From the first column on. */
void account_read(const struct sql *sql, struct account *out);
void token_read(const struct sql *sql, struct token *out);

#endif
