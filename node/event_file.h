/*
 * Files of events: NDJSON, or CSV with the names of the fields in its first line.
 */
#ifndef NODE_EVENT_FILE_H
#define NODE_EVENT_FILE_H

#include "node/sender.h"

struct event_file {
    FILE *stream;
    const char *name; /* for messages */
    bool is_csv;
    bool needs_time; /* events of the past: a time, which the central will believe */
};

/* Opens a file, "-" is stdin, and finds out what it is. 0, or -1 with USAGE (no such file) or
 * JSON_INVALID (a database). Counts lines for the bar. */
int event_file_open(struct event_file *file, const char *path, struct sender *sender,
                    struct problem *problem);

/* Sends all of it. 0, or -1 with a problem. */
int event_file_send(struct event_file *file, struct sender *sender, struct problem *problem);

void event_file_close(struct event_file *file);

#endif
