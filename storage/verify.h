/*
 * A database looked at from outside: every chain walked, every digest made again. Read-only; may
 * run beside the central that owns the file.
 */
#ifndef STORAGE_VERIFY_H
#define STORAGE_VERIFY_H

#include "proto/ids.h"
#include "proto/problem.h"

enum verify_fault {
    VERIFY_GAP,    /* a row is missing */
    VERIFY_BODY,   /* the body does not hash to what the chain goes through */
    VERIFY_CHAIN,  /* header, body hash or chain were changed */
    VERIFY_HEAD,   /* table stream tells another head than the last row */
    VERIFY_EVENTS, /* log_state: the number of events; and below: the digests */
    VERIFY_LOG,
    VERIFY_STATE,
    VERIFY_STREAM_UNKNOWN /* rows of a stream that is not listed, or a name that is none */
};

struct verify_finding {
    enum verify_fault fault;
    struct position position; /* the first of its stream; seq 0 = of the whole log */
};

struct verify_options {
    /* Each finding as it is met. */
    void (*found)(void *context, const struct verify_finding *finding);
    /* Now and then; may be NULL. */
    void (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
};

struct verify_result {
    uint64_t streams, events, findings;
    struct digest log_digest, state_digest; /* as made again */
};

/* "gap", "body" ... */
const char *verify_fault_name(enum verify_fault fault);

/* 0 with the result, also when something was found; -1 when the database cannot be read. */
int verify_database(const char *path, const struct verify_options *options,
                    struct verify_result *result, struct problem *problem);

#endif
