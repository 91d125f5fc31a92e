/*
 * What happened: the events of the log.
 *
 * An event is two byte strings that its origin packs once and that nobody ever packs again:
 *   header  msgpack array [version, kind, hlc, t_eff, clock]; nothing personal
 *   body    msgpack map, small integer keys (enum event_key below), unknown keys kept
 * so unknown kinds and fields survive relaying through older centrals, and the chain over
 * (header, hash of body) stays stable. The body ends with 16 bytes of salt and can be erased
 * (REDACT) without breaking the chain.
 */
#ifndef PROTO_EVENT_H
#define PROTO_EVENT_H

#include "proto/bytes.h"
#include "proto/ids.h"
#include "proto/limits.h"

#include <stdint.h>

#define EVENT_VERSION 1

/*  X(NAME, number on the wire)  */
#define EVENT_KINDS(X)                                                           \
    X(VEHICLE_ENTRY_PENDING, 1)   /* a plate entered; opens the visit `visit` */ \
    X(VEHICLE_ENTRY_CONFIRMED, 2) /* kept and relayed; no effect on the fold */  \
    X(VEHICLE_EXIT, 3)            /* a plate left */                             \
    X(LOCATION_UPDATE, 4)         /* a plate was seen in a lot */                \
    X(PARKING_LOT_CONFIG, 5)                                                     \
    X(HISTORY_UPDATE, 6) /* an administrator's correction of `visit` */          \
    X(HISTORY_DELETE, 7)                                                         \
    X(HISTORY_UNDELETE, 8)                                                       \
    X(CONFIG_UPDATE, 9) /* tariff */                                             \
    X(SUBSCRIPTION_UPDATE, 10)                                                   \
    X(STAFF_UPDATE, 11)                                                          \
    X(CLOCK_FIX, 12) /* re-times a range of one stream */                        \
    X(REDACT, 13)    /* erases bodies, by position */                            \
    X(IMPORT, 14)    /* a whole visit of an older system's database */           \
    X(MEMBER, 15)    /* reserved */                                              \
    X(RETIRE, 16)    /* reserved */

enum event_kind {
#define X(name, number) EVENT_##name = number,
    EVENT_KINDS(X)
#undef X
};

/* Quality of the clock that wrote t_eff (header field `clock`, a bit set). */
#define EVENT_CLOCK_DEVICE 1u  /* t_eff is the device's time, else the central's */
#define EVENT_CLOCK_SUSPECT 2u /* the central's clock was known to be wrong */

#define EVENT_NONE INT64_MIN    /* an absent integer field */
#define EVENT_REOPEN (-1)       /* exit_ms of a HISTORY_UPDATE: the visit is open again */
#define EVENT_REMOVED "REMOVED" /* status of a setting that is no more */

/* Body keys. Numbers are for ever; docs/protocol.md lists them. */
enum event_key {
    EVENT_KEY_VISIT = 1,           /* str: event_id, the visit's name */
    EVENT_KEY_PLATE_ID = 2,        /* str; for HISTORY_*: the plate after the change */
    EVENT_KEY_PLATE_VIEW = 3,      /* str */
    EVENT_KEY_SOURCE_CENTRAL = 4,  /* str; absent = the stream's node */
    EVENT_KEY_EDGE_ID = 5,         /* str */
    EVENT_KEY_CAMERA_ID = 6,       /* str (decimal for existing cameras) */
    EVENT_KEY_CAMERA_NAME = 7,     /* str */
    EVENT_KEY_CAMERA_TYPE = 8,     /* str */
    EVENT_KEY_CONFIDENCE = 9,      /* float, 0..1 expected, finite */
    EVENT_KEY_SOURCE = 10,         /* str: auto, manual, ... */
    EVENT_KEY_SENT_ID = 11,        /* str: event_id as the camera sent it, for retries */
    EVENT_KEY_DEVICE_MS = 12,      /* int: device timestamp as sent, ms UTC */
    EVENT_KEY_FEE = 13,            /* int VND: EXIT, IMPORT: money taken; a fact */
    EVENT_KEY_FREE_S = 14,         /* int s: tariff used (EXIT) or set (CONFIG_UPDATE) */
    EVENT_KEY_PER_HOUR = 15,       /* int VND */
    EVENT_KEY_SUPERSEDES = 16,     /* array of [node, epoch, seq]: changes its author saw */
    EVENT_KEY_AUTHOR = 17,         /* str */
    EVENT_KEY_REASON = 18,         /* str */
    EVENT_KEY_ENTRY_MS = 19,       /* int: HISTORY_UPDATE/UNDELETE: corrected; EXIT: as believed */
    EVENT_KEY_EXIT_MS = 20,        /* int: HISTORY_UPDATE (EVENT_REOPEN = open again), IMPORT */
    EVENT_KEY_LOCATION = 21,       /* str: LOCATION_UPDATE, IMPORT, PARKING_LOT_CONFIG */
    EVENT_KEY_LOCATION_MS = 22,    /* int: IMPORT; LOCATION_UPDATE has it in t_eff */
    EVENT_KEY_IS_ANOMALY = 23,     /* bool: IMPORT of an anomaly row */
    EVENT_KEY_BEFORE = 24,         /* str, JSON: HISTORY_*: the row as its author saw it */
    EVENT_KEY_EXIT_CAMERA_ID = 25, /* str, IMPORT; and the four below */
    EVENT_KEY_EXIT_CAMERA_NAME = 26,
    EVENT_KEY_EXIT_CONFIDENCE = 27,
    EVENT_KEY_EXIT_SOURCE = 28,
    EVENT_KEY_STATUS = 29, /* str, IMPORT: IN or OUT; settings: EVENT_REMOVED, or the element's */
    EVENT_KEY_TARGET_NODE = 30,  /* str: CLOCK_FIX, REDACT: whose stream */
    EVENT_KEY_TARGET_EPOCH = 31, /* uint; 0 = every epoch of the node (CLOCK_FIX) */
    EVENT_KEY_TARGET_FROM = 32,  /* uint seq, inclusive */
    EVENT_KEY_TARGET_TO = 33,    /* uint seq, inclusive */
    EVENT_KEY_OFFSET_MS = 34,    /* int: CLOCK_FIX: added to t_eff */
    EVENT_KEY_CAPACITY = 35,     /* int: PARKING_LOT_CONFIG */
    EVENT_KEY_JSON = 36,         /* str, JSON: SUBSCRIPTION_UPDATE, STAFF_UPDATE */
    EVENT_KEY_CLOSES = 37,       /* str: EXIT: the visit the exiting central believed it closed */
    EVENT_KEY_MOVED_FROM = 38,   /* [[node, epoch, seq]]: where it was before a fork was mended */
    EVENT_KEY_ITEM = 39,         /* str: STAFF_, SUBSCRIPTION_UPDATE: the element's id; EXIT: of the
                                  * subscription by which it was free */
    EVENT_KEY_VALID_FROM_MS = 40, /* int: SUBSCRIPTION_UPDATE: first instant of its first day */
    EVENT_KEY_VALID_TO_MS = 41,   /* int: first instant after its last day */
    EVENT_KEY_RETRY_KEY = 42,     /* str: the sender's name for this event, for repetitions */
    EVENT_KEY_EXIT_CENTRAL =
        43,             /* str: IMPORT: where it left; absent = its central, "" = unknown */
    EVENT_KEY_SALT = 63 /* bin 16 */
};

/* A decoded event. Slices borrow from the bytes it was unpacked from; an absent field is a slice
 * with NULL data, EVENT_NONE, or NaN. */
struct event {
    uint32_t kind; /* enum event_kind, or a number of a newer version */
    uint64_t hlc;
    int64_t t_eff;  /* ms UTC; written once by the origin */
    uint32_t clock; /* EVENT_CLOCK_* */
    bool redacted;  /* the body was erased: all below is absent */

    struct slice visit, plate_id, plate_view, source_central, edge_id;
    struct slice camera_id, camera_name, camera_type, source, sent_id;
    double confidence;
    int64_t device_ms, fee, free_s, per_hour, entry_ms, exit_ms;
    struct slice author, reason, before, json, closes, location, status;
    int64_t location_ms, offset_ms, capacity;
    struct slice item, retry_key;
    int64_t valid_from_ms, valid_to_ms;
    bool is_anomaly;
    struct slice exit_central, exit_camera_id, exit_camera_name, exit_source;
    double exit_confidence;
    struct slice target_node;
    uint64_t target_epoch, target_from, target_to; /* 0 = absent */
    struct slice supersedes; /* as packed by event_pack_supersedes; read with event_supersedes */
    struct slice moved_from; /* one position, packed like that; read with event_moved_from */
};

/* An event with every field absent. */
void event_init(struct event *event, uint32_t kind);

/* "VEHICLE_EXIT", or "KIND_<n>" in `spare` (>= 24 bytes) for an unknown kind. */
const char *event_kind_name(uint32_t kind, char *spare);
/* One of EVENT_KINDS. Others are of a newer version: kept, relayed and counted. */
bool event_kind_is_known(uint32_t kind);
/* The number for a name, 0 for none. */
uint32_t event_kind_parse(struct slice name);

/* Packs header and body with fresh salt; what the buffers held before is gone. 0, or -1 when a
 * field passes its limit or is not UTF-8 (our own bug or unchecked input; nothing is usable then).
 */
int event_pack(const struct event *event, struct buffer *header, struct buffer *body);

/* The value of EVENT_KEY_SUPERSEDES: a msgpack array of [node, epoch, seq], kept packed so that an
 * event stays small. Packing: 0 or -1 (too many). Reading: the count, at most LIMIT_SUPERSEDES into
 * `out`; event_unpack has checked the bytes; 0 when absent. */
int event_pack_supersedes(const struct position *positions, size_t count, struct buffer *out);
size_t event_supersedes(const struct event *event, struct position out[LIMIT_SUPERSEDES]);

/* Where the event was in the log before a fork was mended; false when it was never moved. */
bool event_moved_from(const struct event *event, struct position *out);

/* The body of an event that a mended fork moves away from `position`: the origin's bytes, and
 * behind them what the new place does not say by itself: source_central (the old stream's node)
 * where absent, and moved_from. The same bytes whoever moves it. A body that is no map, that has
 * been moved before, or that would pass LIMIT_BODY_BYTES stays as it is. */
void event_move(struct slice body, const struct position *position, struct buffer *out);

/* Decodes foreign bytes. `body.data == NULL` means redacted. 0, or -1 when the bytes are not a
 * well-formed event (a malformed `supersedes` included). Unknown keys and kinds are accepted. */
int event_unpack(struct event *event, struct slice header, struct slice body);

/* A copy that borrows nothing: its texts lie at `memory`, which has event_text_bytes(from). Of an
 * event that was packed it is what event_unpack would make. */
size_t event_text_bytes(const struct event *event);
void event_copy(const struct event *from, char *memory, struct event *out);

/* The header alone (kind, hlc, t_eff, clock), other fields absent. */
int event_unpack_header(struct event *event, struct slice header);
/* Whether event_unpack_header would accept it. */
bool event_check_header(struct slice header);

#endif
