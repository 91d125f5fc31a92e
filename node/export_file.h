/*
 * What an export writes: rows of visits, to stdout or to a file that is not called so before it is
 * complete, and the place behind the last whole row, from which an export goes on. Main thread.
 */
#ifndef NODE_EXPORT_FILE_H
#define NODE_EXPORT_FILE_H

#include "api/visit_cursor.h"
#include "proto/bytes.h"
#include "proto/problem.h"

#include <stdio.h>

/* Zero-initialise; open it, close it in either case. */
struct export_file {
    bool is_csv;
    uint64_t rows;     /* whole ones that are in it */
    const char *final; /* NULL = stdout */
    char part[600];    /* what the file is called while it is not complete */
    FILE *stream;

    bool takes_names;       /* the first row of an answer in CSV */
    bool is_quoted;         /* what came last is within quotes */
    struct buffer row;      /* that is coming in */
    struct buffer last;     /* the newest whole one */
    struct buffer names;    /* the first row of CSV */
    bool is_broken;         /* a write failed, or a row is none; nothing more is taken */
    struct problem problem; /* what happened; code OK when stdout failed, of which main tells */
};

/*
 * Opens FILE.HASH.part beside `path` (NULL: stdout) and takes over what an earlier export of the
 * same `query` left there: its whole rows. `query` tells one export from another. 0, or -1 with a
 * problem: USAGE (it cannot be opened), BUSY (another export writes it), DISK_FULL, DB_FAILED.
 */
int export_file_open(struct export_file *file, const char *path, struct slice query,
                     struct problem *problem);

/* To be called at the start of each answer: in CSV it begins with the names of the columns. */
void export_file_start(struct export_file *file);

/* Takes bytes of an answer and writes the rows that became whole. 0, or -1: `problem` of the file.
 */
int export_file_take(struct export_file *file, struct slice bytes);

/* The place behind the newest whole row: 1, 0 before the first, -1 with a problem. */
int export_file_cursor(struct export_file *file, char cursor[VISIT_CURSOR],
                       struct problem *problem);

/* All is there: has it on the disk and gives it its name. 0 or -1. stdout is the caller's to flush.
 */
int export_file_finish(struct export_file *file, struct problem *problem);

/* What is not finished stays, to go on from. */
void export_file_close(struct export_file *file);

#endif
