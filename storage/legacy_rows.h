/*
 * The visits of a database of the Python central: each row of its table `history` as the IMPORT
 * that it becomes. A row that makes no sense is mended; none is dropped. One thread.
 */
#ifndef STORAGE_LEGACY_ROWS_H
#define STORAGE_LEGACY_ROWS_H

#include "proto/event.h"
#include "proto/problem.h"

struct sqlite3;
struct legacy_rows;

struct legacy_row {
    int64_t id;
    struct event event;      /* EVENT_IMPORT, with a `visit`; source_central as the row has it */
    struct slice created_at; /* UTC text, or absent */
    const char *mended;      /* the first column that made no sense; "" = none */
};

/* Of the file at `path`, which is only read; times are in the process's zone. `*last`: the number
 * of the last one. 0; or -1 with `*rows` NULL and DB_FOREIGN (something else, ParkMesh's own too),
 * DB_CORRUPT, DB_UNWRITABLE or DB_FAILED. */
int legacy_rows_open(const char *path, struct legacy_rows **rows, int64_t *last,
                     struct problem *problem);

/* Of an open database, which stays the caller's and outlives them; `set_aside`: the table is called
 * legacy_history already. 1; 0 with `*rows` NULL when there is no such table; -1. */
int legacy_rows_of(struct sqlite3 *db, bool set_aside, struct legacy_rows **rows,
                   struct problem *problem);

/* The next row, in order of their numbers: 1 (its texts live until the next call), 0 at the end,
 * -1 with a problem. */
int legacy_rows_next(struct legacy_rows *rows, struct legacy_row *row, struct problem *problem);

/* Of whom a row has its entry or exit: what a central heard of another it wrote with the source
 * p2p_sync and a camera "<central>/<edge>". Absent: it happened where the row is. Borrows. */
struct slice legacy_rows_heard_of(struct slice source, struct slice camera_name);

/* `exit_central` of the IMPORT of a row of `owner`'s database: absent where that says no more than
 * the row's own central. Borrows from both. */
struct slice legacy_rows_exit_central(const struct event *import, const struct node_id *owner);

/* NULL is harmless. */
void legacy_rows_close(struct legacy_rows **rows);

#endif
