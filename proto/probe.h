/*
 * Whether a link carries messages now, as a person asks for it: at MESH_REPORT_ENDPOINT, with a
 * packed question where other askers send a text. The first asking sends a HEARTBEAT; it is asked
 * again until the peer has answered one that was sent at `since_ms` or later.
 *
 *   question = [2, peer, since_ms]
 *   answer   = [state, rtt_ms]
 */
#ifndef PROTO_PROBE_H
#define PROTO_PROBE_H

#include "proto/bytes.h"
#include "proto/ids.h"

enum probe_state {
    PROBE_UNKNOWN_PEER, /* not configured here */
    PROBE_NOT_CONNECTED,
    PROBE_WAITING, /* ask again */
    PROBE_ANSWERED
};

struct probe_question {
    struct node_id peer;
    int64_t since_ms; /* monotonic clock of this process */
};

struct probe_report {
    enum probe_state state;
    int64_t rtt_ms; /* of PROBE_ANSWERED: there and back, without the peer's own delay */
};

/* Each pack appends one document, 0 or -1; each unpack 0 or -1. */
int probe_question_pack(const struct probe_question *question, struct buffer *out);
int probe_question_unpack(struct probe_question *question, struct slice bytes);
int probe_report_pack(const struct probe_report *report, struct buffer *out);
int probe_report_unpack(struct probe_report *report, struct slice bytes);

#endif
