/*
 * Calls over HTTP to other machines (api/libcurl): several at once, each with time-outs and a
 * ceiling on its answer. http and https only; redirects are answers, not followed; no proxy, no
 * cookie, no name or password of the environment. Whom to call is the caller's decision, and it may
 * only be an address that an administrator named. Any thread; each call of call_all is on its own.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "proto/bytes.h"
#include "proto/problem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum call_outcome {
    CALL_ANSWERED,    /* `status` says what */
    CALL_URL,         /* the URL cannot be called */
    CALL_UNKNOWN,     /* its name has no address */
    CALL_UNREACHABLE, /* nobody listens there, or no route */
    CALL_LATE,        /* not connected, or not answered, in time */
    CALL_BROKEN,      /* the connection ended, or what came is no HTTP */
    CALL_TOO_LARGE,   /* the answer passed `answer_bytes` */
    CALL_ENDED,       /* a callback wanted no more */
    CALL_ABANDONED,   /* this central stops */
    CALL_MISSING      /* libcurl cannot be loaded */
};

/* For an answer that is passed on while it comes. `begin` gets its status and its Content-Type
 * ("" = none) before the first part; `part` each piece. Less than 0 ends the call (CALL_ENDED).
 * Both run in the thread of call_all. */
struct call_stream {
    int (*begin)(void *context, int status, const char *content_type);
    int (*part)(void *context, struct slice bytes);
    void *context;
};

/* Zero-initialise, fill the first part, free with call_free. The texts are borrowed until call_all
 * has returned. */
struct call {
    const char *method;         /* NULL = GET */
    const char *url;            /* without a user's name */
    const char *const *headers; /* "Name: value" lines, NULL-terminated; NULL = none */
    struct slice body;          /* sent as JSON unless a header says otherwise; absent = none */
    int connect_ms;             /* 0 = LIMIT_CALL_CONNECT_MS */
    int total_ms;               /* 0 = LIMIT_CALL_MS; less than 0 = none, with a stream only */
    int quiet_ms;               /* ends a call of which so long nothing was heard; 0 = never */
    size_t answer_bytes;        /* 0 = LIMIT_CALL_BYTES; not counted with a stream */
    const struct call_stream *stream; /* NULL = the answer is collected in `answer` */

    enum call_outcome outcome;
    int status;             /* of the answer; 0 = there was none */
    char content_type[128]; /* of the answer, "" = none, or it was longer */
    struct buffer answer;
    char error[300]; /* unless CALL_ANSWERED: which address, what happened, what to do */
};

/* Loads what calls need, for whoever wants to know before the first: 0, or -1 and LIBRARY_MISSING.
 */
int call_prepare(struct problem *problem);

/* Makes all calls, at most LIMIT_CALLS at once, and returns when the last one has ended. When
 * `abandon` becomes true those left end with CALL_ABANDONED within 100 ms. */
void call_all(struct call *calls, size_t count, const atomic_bool *abandon);

/* The code of a call without an answer: STOPPING, LIBRARY_MISSING, else `otherwise`. */
enum problem_code call_problem(const struct call *call, enum problem_code otherwise);

void call_free(struct call *call);

#endif
