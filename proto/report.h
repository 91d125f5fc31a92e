/*
 * Reports: the volatile state of the mesh (links, lag, clocks), latest only, never logged. Asked
 * for at MESH_REPORT_ENDPOINT (inproc ROUTER of the mesh): any request bytes, the answer is one
 * packed report. The request MESH_REPORT_MATRIX asks for the comparison of all pairs, too.
 */
#ifndef PROTO_REPORT_H
#define PROTO_REPORT_H

#include "proto/bytes.h"
#include "proto/ids.h"
#include "proto/problem.h"

#define MESH_REPORT_ENDPOINT "inproc://mesh-report"
#define MESH_REPORT_MATRIX "matrix"

enum peer_state {
    PEER_UNKNOWN,    /* never heard since the start */
    PEER_CONNECTING, /* dialled, no HELLO yet */
    PEER_CONNECTED,
    PEER_DISCONNECTED, /* was up; since `since_ms` it is not */
    PEER_REJECTED,     /* refused, by us or by the peer: see problem */
    PEER_PENDING       /* right secret, not configured here; a person may accept it */
};

/* Equality by digests; unknown is never shown as equal. */
enum peer_sync {
    SYNC_UNKNOWN,
    SYNC_EQUAL,
    SYNC_BEHIND,
    SYNC_AHEAD,
    SYNC_BOTH
};

struct peer_report {
    struct node_id id;
    char ip[64];
    uint16_t p2p_port, api_port;
    enum peer_state state;
    int64_t since_ms;      /* wall; when the state was entered */
    int64_t last_heard_ms; /* wall; 0 = never */
    enum peer_sync sync;
    int64_t equal_at_ms; /* wall; when its log digest last equalled ours; 0 = never */
    uint64_t behind;     /* events it has that we lack, as far as known */
    uint64_t ahead;      /* events we have that it has not acknowledged, as far as known */
    int64_t lag_s;       /* seconds since the digests were last equal; 0 when equal, -1 unknown */
    int64_t rtt_ms;      /* -1 unknown */
    int64_t clock_offset_ms; /* its clock minus ours; EVENT_NONE unknown */
    char direction[12];      /* "dialled", "accepted" or "" */
    char software[64];
    enum problem_code problem; /* PROBLEM_OK = none */
    char last_error[300];      /* in words, with what to do */
    uint64_t sent, received;   /* messages */
    /* What it said of itself last. */
    int64_t said_age_ms; /* how long ago; -1 never: the rest means nothing */
    struct digest log_digest, state_digest;
    bool has_events; /* it said how many events that log has */
    uint64_t events;
    uint64_t fold; /* version of its fold; 0 = it does not say */
};

/* How the log of one central stands against that of another, from what both said last. */
struct sync_cell {
    enum peer_sync sync; /* SYNC_UNKNOWN when one of both is not connected, or silent */
    enum peer_sync last; /* the same without that condition */
    uint64_t behind;     /* events that it lacks and the other has, at least; of `last` */
    uint64_t ahead;      /* the reverse */
    int64_t equal_at_ms; /* wall; when they last were equal, as far as heard; 0 = never */
    int64_t age_ms;      /* of the older one of both statements; -1 = one said nothing yet */
};

struct mesh_report {
    bool running;
    bool has_secret;
    char address[80];                 /* bound, "tcp://127.0.0.1:9000", or "" */
    char error[300];                  /* why not running, or a warning */
    uint64_t sent, received, refused; /* messages; refused = bytes that were no message of ours */
    uint64_t events;                  /* in our log */
    struct digest log_digest, state_digest; /* ours; state of zeros = not known at the moment */
    uint64_t fold;                          /* version of our fold */
    enum problem_code problem;              /* about ourselves; PROBLEM_OK = none */
    char problem_text[300];
    struct peer_report *peers; /* owned after unpacking; configured first, then pending */
    size_t count;
    /* Only when asked for with MESH_REPORT_MATRIX: each pair of centrals once, read with
     * mesh_report_cell. Central 0 is this one, 1.. are the configured peers in their order. */
    struct sync_cell *cells; /* owned after unpacking */
    size_t centrals;         /* 0 = not asked for */
};

/* Appends one document. 0, or -1 when `out` is full. */
int mesh_report_pack(const struct mesh_report *report, struct buffer *out);
/* 0; or -1, and then there is nothing to free. */
int mesh_report_unpack(struct mesh_report *report, struct slice bytes);
void mesh_report_free(struct mesh_report *report);

/* Row `from`, column `to`, both below `centrals` and different: `from` against `to`. */
struct sync_cell mesh_report_cell(const struct mesh_report *report, size_t from, size_t to);

/* `behind` or `ahead` of a peer; -1 = unknown. While `sync` is unknown a count is what is known to
 * be missing, and none says nothing: it is not as good as equal. */
int64_t peer_report_count(const struct peer_report *peer, uint64_t count);

const char *peer_state_name(enum peer_state state); /* "connected" ... */

/* The state as callers are told it. Pages have a word for "connecting" and "disconnected" and none
 * for a peer that was never heard: that one is "disconnected" once something is known to be wrong,
 * else "connecting". In here it stays PEER_UNKNOWN: that a peer *was* up says more. */
const char *peer_report_status(const struct peer_report *peer);

const char *peer_sync_name(enum peer_sync sync); /* "equal" ... */

#endif
