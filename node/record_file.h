/*
 * Files of records: NDJSON, one object a line, or CSV with the names of the members in its first
 * row. Main thread.
 */
#ifndef NODE_RECORD_FILE_H
#define NODE_RECORD_FILE_H

#include "proto/bytes.h"
#include "proto/problem.h"

#include <jansson.h>
#include <stdio.h>

#define RECORD_COLUMNS 64 /* of CSV; an export has 29 */

/* Zero-initialise; record_file_open fills it, record_file_close frees it in either case. */
struct record_file {
    const char *name; /* for messages */
    uint64_t lines;   /* of the whole file; 0 = cannot be known before the end */

    FILE *stream;
    bool is_csv, is_visits; /* rows of visits: an empty cell says something, see record_file_each */
    uint64_t line;          /* that was read last */
    struct buffer row, header;
    char *names[RECORD_COLUMNS];
    int name_count;
};

/* Opens a file, "-" is stdin; one whose name ends in .csv is CSV. 0, or -1 with USAGE (it cannot be
 * opened) or DB_FAILED (read). */
int record_file_open(struct record_file *file, const char *path, struct problem *problem);
void record_file_close(struct record_file *file);

/* Whether the file at `path` is a SQLite database. */
bool record_file_is_database(const char *path);

/*
 * Called for each record in order. `line` is where it begins. `record` is the callback's to change,
 * not to keep; NULL when the line is none, and `bad` says why. Less than 0, with a problem, ends
 * it.
 */
typedef int (*record_fn)(void *context, uint64_t line, json_t *record, const struct problem *bad,
                         struct problem *problem);

/*
 * All records. An empty cell of CSV is an absent member; in rows of visits (those without `kind`
 * and `type`) it is null, and the apostrophe that an export puts before a text that a spreadsheet
 * would run is taken off. 0, or -1 with the callback's problem, JSON_INVALID (no names) or
 * DB_FAILED (it cannot be read on).
 */
int record_file_each(struct record_file *file, record_fn each, void *context,
                     struct problem *problem);

#endif
