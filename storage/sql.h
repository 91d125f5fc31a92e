/*
 * What storage needs of SQLite beyond its own calls: result codes as problems, and binding that
 * remembers the first failure so that a statement is checked once, where it is stepped.
 */
#ifndef STORAGE_SQL_H
#define STORAGE_SQL_H

#include "proto/bytes.h"
#include "proto/ids.h"
#include "proto/problem.h"

#include <sqlite3.h>

#include <stdbool.h>

/* Fills `problem` from a result code (and the handle's message, `db` may be NULL). Returns -1. */
int sql_problem(sqlite3 *db, int code, const char *doing, struct problem *problem);

/* Opens with the options that every handle of ours has (no mutex, extended codes, defensive, no
 * checkpoint at close, busy timeout). `flags`: SQLITE_OPEN_READONLY and the like. 0 or -1. */
int sql_open(const char *path, int flags, sqlite3 **db, struct problem *problem);

/* Whether the database and its WAL can be read to their ends. SQLite calls a sector that the disk
 * does not give back damage of the file; this tells the two apart. Only when the handles of this
 * process are of no use any more: closing the file drops SQLite's locks on it. */
bool sql_disk_reads(const char *path);

/* Runs statements without results. 0 or -1. */
int sql_run(sqlite3 *db, const char *text, struct problem *problem);

/* Prepares one statement for long use. 0 or -1. */
int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **stmt, struct problem *problem);

/* First column of the first row of `text`. 1 = a row, 0 = none, -1. */
int sql_integer(sqlite3 *db, const char *text, int64_t *out, struct problem *problem);

/* A statement on its way: bound from the first parameter on, then stepped. */
struct sql {
    sqlite3_stmt *stmt;
    int at; /* last bound parameter */
    int rc; /* first failure, else SQLITE_OK */
};

struct sql sql_start(sqlite3_stmt *stmt);
void sql_bind_int(struct sql *sql, int64_t value);
void sql_bind_u64(struct sql *sql, uint64_t value);     /* its signed view */
void sql_bind_optional(struct sql *sql, int64_t value); /* EVENT_NONE = NULL */
void sql_bind_real(struct sql *sql, double value);      /* NaN = NULL */
/* Borrowed until the statement is reset; absent = NULL. */
void sql_bind_text(struct sql *sql, struct slice text);
void sql_bind_blob(struct sql *sql, struct slice bytes);
void sql_bind_digest(struct sql *sql, const struct digest *digest);

/* 1 = a row, 0 = done, -1 = a problem; then (and on done) the statement is reset. */
int sql_step(struct sql *sql, struct problem *problem);
/* For statements without rows: steps and resets. 0 or -1. */
int sql_finish(struct sql *sql, struct problem *problem);
/* Ends a statement whose rows are not read to the end. */
void sql_reset(struct sql *sql);

/* Columns of the current row; the slices live until the next step. NULL = absent, EVENT_NONE, NaN.
 */
struct slice sql_text(const struct sql *sql, int column);
struct slice sql_blob(const struct sql *sql, int column);
int64_t sql_int(const struct sql *sql, int column);
int64_t sql_optional(const struct sql *sql, int column);
double sql_real(const struct sql *sql, int column);
uint64_t sql_u64(const struct sql *sql, int column);
/* The zero digest for anything that is not 16 bytes. */
struct digest sql_digest(const struct sql *sql, int column);

#endif
