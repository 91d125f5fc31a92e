/*
 * The tables of the database, and how an older file becomes a current one. Private to storage:
 * readers (history.c, runs.c) take column names from schema.c.
 */
#ifndef STORAGE_SCHEMA_H
#define STORAGE_SCHEMA_H

#include "proto/problem.h"

#include <sqlite3.h>

#define SCHEMA_APPLICATION_ID 0x504D5348 /* "PMSH" */
#define SCHEMA_VERSION 10
/* The t of the rows of visit_count that say how many are inside now. Sorts after every hour. */
#define SCHEMA_COUNT_INSIDE INT64_MAX
#define SCHEMA_COUNT_INSIDE_SQL "9223372036854775807"

enum schema_origin {
    SCHEMA_EMPTY, /* no file, or nothing in it */
    SCHEMA_OURS,  /* ours, of this version or older */
    SCHEMA_LEGACY /* of the Python central */
};

/*
 * Says what the file is without changing a byte of it or creating one beside it; but for a
 * transaction that a power cut broke off, which SQLite undoes first. 0, or -1 with
 * DB_NEWER, DB_FOREIGN, DB_CORRUPT or DB_UNWRITABLE.
 */
int schema_look(const char *path, enum schema_origin *origin, struct problem *problem);

/* Runs the missing migrations inside the caller's transaction; `user_version` is set last. 0 or -1.
 */
int schema_migrate(sqlite3 *db, struct problem *problem);

/* Opens for reading without creating a file beside the database. 0 or -1. */
int schema_open_untouched(const char *path, sqlite3 **db, struct problem *problem);

#endif
