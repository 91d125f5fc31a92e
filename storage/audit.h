/*
 * Who changed what: people's events of the log, from every central, and what was changed at this
 * one beside the log. Read-only, a handle of its own. One thread at a time.
 */
#ifndef STORAGE_AUDIT_H
#define STORAGE_AUDIT_H

#include "proto/access.h"
#include "proto/ids.h"
#include "proto/problem.h"

#include <stdint.h>

/* A place in the list, newest first. All zero = before the newest. */
struct audit_cursor {
    uint64_t stamp;   /* HLC of an event; of a local line the same made of its time */
    int64_t is_local; /* 0 events come before 1 local lines of one stamp */
    int64_t row;
};

struct audit_entry {
    struct audit_cursor at;
    int64_t t_ms;
    bool is_local;
    struct slice kind;           /* "HISTORY_UPDATE", "LOGIN" */
    struct slice author, reason; /* absent = nobody, none */
    struct slice address;        /* local: where from */
    struct slice subject;        /* visit, plate, account, token; absent = none */
    struct slice before, detail; /* JSON of the event; texts of a local line */
    struct position position;    /* of an event; seq 0 for local lines */
};

struct audit_query {
    struct audit_cursor after;  /* go on behind this */
    int64_t since_ms, until_ms; /* [since, until); 0 = open */
    struct slice author;        /* exactly; absent = any */
    uint32_t event_kind;        /* 0 = any */
    enum audit_kind local_kind; /* AUDIT_NONE = any. With either kind set, only that one */
    size_t limit;               /* entries, at most LIMIT_AUDIT_PAGE */
};

struct audit;

/* NULL with a problem. */
struct audit *audit_open(const char *path, struct problem *problem);
void audit_close(struct audit **audit);

/*
 * Calls back for each entry, newest first; slices live during the call. Looks at no more than
 * LIMIT_AUDIT_SCAN rows: `*next` then says where to go on, with `*more` set, also when nothing was
 * found. Non-zero of the callback stops and is returned. 0 or -1 with a problem.
 */
typedef int (*audit_fn)(void *context, const struct audit_entry *entry);
int audit_each(struct audit *audit, const struct audit_query *query, audit_fn each, void *context,
               struct audit_cursor *next, bool *more, struct problem *problem);

#endif
