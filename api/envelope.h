/*
 * Pure: messages of the peer link as the existing centrals speak it, JSON text to struct and back.
 * Every member is checked for type and length; times are local text of the peer's zone.
 *
 * What a person or a camera named is cut where it is too long; what identifies (plate, event_id,
 * central) is refused then. Members that nobody knows are ignored.
 */
#ifndef API_ENVELOPE_H
#define API_ENVELOPE_H

#include "api/json.h"
#include "api/zone.h"
#include "proto/bytes.h"
#include "proto/problem.h"

#include <stdbool.h>
#include <stdint.h>

#define ENVELOPE_TYPES(X)      \
    X(VEHICLE_ENTRY_PENDING)   \
    X(VEHICLE_ENTRY_CONFIRMED) \
    X(VEHICLE_EXIT)            \
    X(LOCATION_UPDATE)         \
    X(PARKING_LOT_CONFIG)      \
    X(HISTORY_UPDATE)          \
    X(HISTORY_DELETE)          \
    X(HEARTBEAT)               \
    X(SYNC_REQUEST)            \
    X(SYNC_RESPONSE)           \
    X(CONFIG_UPDATE)           \
    X(SUBSCRIPTION_UPDATE)     \
    X(ERROR)

enum envelope_type {
    ENVELOPE_UNKNOWN, /* of another version: ignored */
#define X(name) ENVELOPE_##name,
    ENVELOPE_TYPES(X)
#undef X
};

/* "HEARTBEAT"; "UNKNOWN" for a type that is none. */
const char *envelope_type_name(enum envelope_type type);

#define ENVELOPE_NUMBER 24 /* bytes of an id that was a number, as text with its NUL */

/* How a vehicle came or went. Absent fields as in struct event. */
struct envelope_side {
    int64_t ms;
    struct slice camera_id, camera_name, source;
    double confidence;
    char number[ENVELOPE_NUMBER]; /* where camera_id points when it was a number */
};

/* A visit, as much of it as a message tells: the data of VEHICLE_* and LOCATION_UPDATE, or a row of
 * SYNC_RESPONSE. Slices borrow from the envelope and from itself: not to be copied. */
struct envelope_visit {
    struct slice event_id;
    struct slice source_central; /* of a row, and where a vehicle left: `exit_central` */
    struct slice plate_id, plate_view;
    struct slice edge_id, camera_type;
    struct envelope_side entry, exit;
    int64_t fee; /* VND */
    bool is_out; /* a row: it has left */
    struct slice location;
    int64_t location_ms;
    bool is_anomaly;
    int64_t created_ms;           /* a row: when it was written there */
    char number[ENVELOPE_NUMBER]; /* where edge_id points when it was a number */
};

/* PARKING_LOT_CONFIG */
struct envelope_lot {
    struct slice name;
    int64_t capacity;
    struct slice camera_id, camera_type, edge_id;
    char numbers[2][ENVELOPE_NUMBER];
};

struct envelope {
    enum envelope_type type;
    struct slice source_central;
    int64_t sent_ms; /* `timestamp` */
    struct slice event_id;
    struct envelope_visit visit; /* VEHICLE_*, LOCATION_UPDATE; HISTORY_*: event_id and plates */
    struct envelope_lot lot;     /* PARKING_LOT_CONFIG */
    int64_t since_ms;            /* SYNC_REQUEST */
    struct slice error;          /* ERROR */
    json_t *rows;                /* SYNC_RESPONSE: an array, borrowed; read with envelope_row */
    json_t *document;            /* owned */
};

/*
 * Reads one frame. 0; the caller ends it with envelope_free. -1 when it is no message: JSON_INVALID
 * for what is no JSON, TYPE_UNKNOWN without a text `type`, FIELD_INVALID with the member that is
 * wrong or missing; nothing is to be freed then. ENVELOPE_UNKNOWN is not read further.
 */
int envelope_read(struct envelope *envelope, struct slice text, const struct zone *zone,
                  struct problem *problem);
void envelope_free(struct envelope *envelope);

/* One row of a SYNC_RESPONSE. 0, or -1 with FIELD_INVALID: this row is none, others may be. */
int envelope_row(const struct envelope *envelope, size_t index, const struct zone *zone,
                 struct envelope_visit *row, struct problem *problem);
size_t envelope_rows(const struct envelope *envelope);

/* The first frame of whoever dials: {"peer_id": "central-1"}. 0 with the id, as long as a node's id
 * may be at most; -1 with JSON_INVALID, or FIELD_INVALID when there is none. */
int envelope_read_identity(struct slice text, char *out, size_t size, struct problem *problem);

/* ---- writing: each appends one frame; the buffer's `full` says whether it fitted ------------- */

/* Who says it, when, and in which zone the other side reads times (NULL = the process's). */
struct envelope_head {
    const char *central;
    int64_t now_ms;
    const struct zone *zone;
};

/* A visit with every field absent. */
void envelope_visit_init(struct envelope_visit *visit);

void envelope_put_identity(struct buffer *out, const char *central);
void envelope_put_heartbeat(struct buffer *out, const struct envelope_head *head);
void envelope_put_sync_request(struct buffer *out, const struct envelope_head *head,
                               int64_t since_ms);
void envelope_put_entry(struct buffer *out, const struct envelope_head *head,
                        const struct envelope_visit *visit);
/* `source_central` is where it left. */
void envelope_put_exit(struct buffer *out, const struct envelope_head *head,
                       const struct envelope_visit *visit);
void envelope_put_location(struct buffer *out, const struct envelope_head *head,
                           const struct envelope_visit *visit);
void envelope_put_lot(struct buffer *out, const struct envelope_head *head,
                      const struct envelope_lot *lot);

/* A SYNC_RESPONSE: its start, rows, its end. */
struct json_writer envelope_open_rows(struct buffer *out, const struct envelope_head *head);
/* As a central of the existing system takes it: it inserts only visits that are inside, so what it
 * says of an exit is told by envelope_put_exit behind it. */
void envelope_put_row(struct json_writer *writer, const struct envelope_head *head,
                      const struct envelope_visit *row);
void envelope_close_rows(struct json_writer *writer);

#endif
