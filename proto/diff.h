/*
 * The first difference between two logs, as a person asks for it: at MESH_REPORT_ENDPOINT, with a
 * packed question where other askers send a text. The mesh finds it out by asking the peer, so the
 * question is asked again until the answer is there.
 *
 *   question = [1, peer]
 *   answer   = [state, node, epoch, seq, ours, theirs]
 */
#ifndef PROTO_DIFF_H
#define PROTO_DIFF_H

#include "proto/bytes.h"
#include "proto/ids.h"

enum diff_state {
    DIFF_UNKNOWN_PEER,  /* not configured here */
    DIFF_NOT_CONNECTED, /* nothing can be said: not equal, not different */
    DIFF_LOOKING,       /* ask again */
    DIFF_FAILED,        /* the peer did not answer, or the logs changed meanwhile */
    DIFF_EQUAL,
    DIFF_MISSING_HERE, /* the peer holds the event, this central does not */
    DIFF_MISSING_THERE,
    DIFF_DIFFERS, /* both hold it, with other bytes */
    DIFF_DAMAGED  /* it does not verify in this central's own log */
};

struct diff_report {
    enum diff_state state;
    struct position position;   /* from DIFF_MISSING_HERE on */
    struct digest ours, theirs; /* chains there, of DIFF_DIFFERS */
};

/* "equal", "missing_here" ... */
const char *diff_state_name(enum diff_state state);

/* Each pack appends one document, 0 or -1; each unpack 0 or -1. */
int diff_question_pack(const struct node_id *peer, struct buffer *out);
int diff_question_unpack(struct node_id *peer, struct slice bytes);
int diff_report_pack(const struct diff_report *report, struct buffer *out);
int diff_report_unpack(struct diff_report *report, struct slice bytes);

#endif
