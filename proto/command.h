/*
 * What threads ask the node (the one that decides and writes), and its answers. All packed as
 * msgpack arrays; requests are parsed and validated by who asks, decided by the node.
 *
 * Commands are asked at the node's desk (api/desk.h) and answered after their commit.
 * COMMAND_SUPERVISOR, for configuration and mesh start/stop (supervisor_* below), is an inproc
 * ROUTER; a request is [bytes], or [empty frame][bytes] as from a REQ, and the answer has as many
 * frames.
 */
#ifndef PROTO_COMMAND_H
#define PROTO_COMMAND_H

#include "proto/bytes.h"
#include "proto/feed.h"
#include "proto/ids.h"
#include "proto/problem.h"
#include "proto/tariff.h"

#define COMMAND_SUPERVISOR "inproc://supervisor"

enum command_kind {
    COMMAND_GATE = 1,      /* a camera's event */
    COMMAND_EDIT,          /* HISTORY_UPDATE */
    COMMAND_DELETE,        /* HISTORY_DELETE */
    COMMAND_UNDELETE,      /* HISTORY_UNDELETE */
    COMMAND_TARIFF,        /* CONFIG_UPDATE */
    COMMAND_STAFF,         /* a STAFF_UPDATE for each element that changes */
    COMMAND_SUBSCRIPTIONS, /* likewise SUBSCRIPTION_UPDATE */
    COMMAND_LOT,           /* PARKING_LOT_CONFIG */
    COMMAND_IMPORT,        /* IMPORT: a whole visit of another system or an export */
    COMMAND_PEER,          /* what a central of the existing system said over the peer link */
    COMMAND_PEER_MARK,     /* how far it and we have told each other */
    COMMAND_PROBE          /* nothing: whether the writer answers */
};

enum gate_type {
    GATE_ENTRY = 1,
    GATE_EXIT,
    GATE_DETECTION,
    GATE_LOCATION,
    GATE_UPDATE,
    GATE_DELETE
};

#define COMMAND_CLOCK_MAX INT64_C(1000000000000000) /* ms: more than any two clocks differ */

/* One command. Slices borrow. Absent fields as in struct event. */
struct command {
    enum command_kind kind;

    /* COMMAND_GATE: what the camera said, types checked, nothing decided. */
    enum gate_type gate;
    struct slice camera_id; /* decimal text for numbers */
    struct slice camera_name, camera_type, source, edge_id;
    struct slice sent_id;    /* event_id as sent */
    struct slice retry_key;  /* the sender's name for this very event, for repetitions */
    struct slice plate_text; /* as sent; GATE_UPDATE: the new plate */
    double confidence;       /* NaN = absent */
    int64_t device_ms;       /* EVENT_NONE = absent */
    int64_t clock_ms;        /* the device's clock less ours; 0 = right, or nobody knows */
    struct slice location;
    int64_t location_ms;

    /* COMMAND_EDIT, _DELETE, _UNDELETE: the visit by local row number or by name. */
    int64_t history_id; /* 0 = by `visit` */
    struct slice visit;
    struct slice plate_view; /* EDIT: the new plate as people read it; plate_text = the id sent */
    int64_t entry_ms, exit_ms;
    struct slice author, reason;
    /* `sent_id`: by which a repetition is recognised, `if_match`: etags of the visit that the
     * author saw (proto/etag); absent = none. EDIT without a plate keeps it; exit_ms EVENT_REOPEN
     * opens it again. */

    /* COMMAND_TARIFF */
    struct tariff tariff;

    /* COMMAND_STAFF, _SUBSCRIPTIONS: the whole list as a JSON array that elements_check
     * (api/elements.h) has accepted; it is compared with what is in force. */
    struct slice json;
    struct slice if_match; /* etags of the list that the author saw; absent = whatever it is.
                            * COMMAND_TARIFF too */

    /* COMMAND_LOT: `location` names the lot; `camera_id`, `camera_type`, `edge_id` say who counts
     * there. */
    int64_t capacity; /* 0..LIMIT_CAPACITY */
    bool remove;      /* the lot is no more */

    /* COMMAND_IMPORT: the event as event_pack made it; the node stamps it. */
    struct slice header, body;

    /*
     * COMMAND_PEER: one message of a central of the existing system, types checked, nothing
     * decided. What it says becomes an event of our stream with its `source_central`; what the log
     * has already becomes nothing (answer.deduped). `event_kind` is one of:
     *   VEHICLE_ENTRY_PENDING    visit, plate_text, plate_view, edge_id, camera_type, entry_ms
     *   VEHICLE_ENTRY_CONFIRMED  visit, entry_ms: when it was confirmed
     *   VEHICLE_EXIT             visit, plate_text, source_central: where it left, edge_id,
     *                            exit_ms, fee
     *   LOCATION_UPDATE          visit, plate_text, location, location_ms
     *   PARKING_LOT_CONFIG       location, capacity, camera_id, camera_type, edge_id
     *   HISTORY_UPDATE, _DELETE  visit, plate_text, plate_view
     *   IMPORT                   one row of a SYNC_RESPONSE, all of its columns: visit, edge_id,
     *                            plate_text, plate_view, entry_ms, camera_id, camera_name,
     *                            confidence, source, exit_ms, exit_*, fee, is_out, location,
     *                            location_ms, is_anomaly
     * `visit` is the event_id as sent, absent when it had none. `camera_name`, where the message
     * has none, is made as the existing system does it. `device_ms`: the envelope's timestamp.
     * Times are UTC; those that were sent as text are whole seconds.
     */
    uint32_t event_kind;         /* enum event_kind */
    struct slice peer;           /* also COMMAND_PEER_MARK: id of the link's other end */
    struct slice source_central; /* who saw it; absent = `peer` */
    struct slice exit_camera_id, exit_camera_name, exit_source;
    double exit_confidence; /* NaN = absent */
    int64_t fee;            /* VND taken; EVENT_NONE = absent */
    bool is_out, is_anomaly;

    /* COMMAND_PEER_MARK, see struct history_mark (storage/history.h); what is absent stays as it
     * is. */
    struct feed_cursor told; /* feed 0 = absent */
    int64_t heard_ms;        /* EVENT_NONE = absent */
};

/* Every field absent. */
void command_init(struct command *command, enum command_kind kind);
/* Appends. 0, or -1 when `out` is full: nothing is appended then. */
int command_pack(const struct command *command, struct buffer *out);
/* 0 or -1. Our own bytes: -1 means a bug of ours, and the caller answers INTERNAL. Slices borrow.
 */
int command_unpack(struct command *command, struct slice bytes);

/* The answer to a command. `code` PROBLEM_OK: done and durable. ALREADY_INSIDE, NO_OPEN_VISIT:
 * logged and durable, but not what the camera hoped for. Anything else: nothing was stored. */
struct answer {
    enum problem_code code;
    char text[300]; /* for people; Vietnamese as the existing system's */
    bool deduped;   /* a retry: the fields repeat the first answer as far as known */
    enum gate_type gate;
    char visit[LIMIT_EVENT_ID + 1]; /* event_id */
    char plate_id[LIMIT_PLATE + 1];
    char plate_view[LIMIT_PLATE + 1];
    int64_t history_id;        /* 0 = none */
    int64_t entry_ms, exit_ms; /* EVENT_NONE = absent */
    int64_t fee;               /* EVENT_NONE = absent */
    struct position position;  /* seq 0 = nothing was logged */
    struct tariff tariff;      /* COMMAND_TARIFF: what is in force now */
    int64_t changed;           /* COMMAND_STAFF, _SUBSCRIPTIONS, _LOT: events logged; `position` is
                                * that of the last */
    char etag[33];             /* of the list as it is now; "" = does not apply */
};

/* An answer with everything else absent. */
void answer_init(struct answer *answer, enum problem_code code);
/* Appends; reads what was appended. 0 or -1, as for commands. */
int answer_pack(const struct answer *answer, struct buffer *out);
int answer_unpack(struct answer *answer, struct slice bytes);

/*
 * The supervisor: request [verb, json], answer [code, text, hint, json]. JSON because the
 * configuration is JSON for people on both sides.
 */
enum supervisor_verb {
    SUPERVISOR_CONFIG_GET = 1, /* answer json: the configuration, secrets removed */
    SUPERVISOR_CONFIG_PUT,     /* json: what to merge; answer json as GET; text says what follows */
    SUPERVISOR_MESH_START,
    SUPERVISOR_MESH_STOP,
    SUPERVISOR_PEER_PUT,   /* json: one of peer_centrals, laid over that of its id, or added; answer
                              json {"action": "added" | "updated"} */
    SUPERVISOR_PEER_REMOVE /* json: {"id"}; NOT_FOUND; answer json {"action": "removed"} */
};

struct supervisor_request {
    enum supervisor_verb verb;
    struct slice json;
};

struct supervisor_answer {
    struct problem problem;
    struct slice json; /* borrows */
};

/* Each pack appends one document, 0 or -1; each unpack 0 or -1, and its slices borrow. */
int supervisor_request_pack(const struct supervisor_request *request, struct buffer *out);
int supervisor_request_unpack(struct supervisor_request *request, struct slice bytes);
int supervisor_answer_pack(const struct supervisor_answer *answer, struct buffer *out);
int supervisor_answer_unpack(struct supervisor_answer *answer, struct slice bytes);

#endif
