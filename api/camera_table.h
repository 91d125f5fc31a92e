/*
 * The cameras of one central: what the configuration says of each and what was last heard from it.
 * Pure: no clock, no lock. Live state is never logged and starts empty.
 *
 * Configured cameras come and go with the configuration. One that only sends heartbeats is known
 * until it has been silent for LIMIT_CAMERA_FORGET_MS, or until the table is full and it is the one
 * that has been silent longest.
 */
#ifndef API_CAMERA_TABLE_H
#define API_CAMERA_TABLE_H

#include "proto/bytes.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

#define CAMERA_TIMEOUT_MS 60000 /* unless configured; boxes send a heartbeat each 30 s */
#define CAMERA_IP 64            /* bytes of an address or host name, with the NUL */
#define CAMERA_TYPE 16 /* bytes of ENTRY, EXIT, PARKING_LOT or what a box sends, with the NUL */

/* What the configuration says of one. */
struct camera_setting {
    int64_t id;                       /* 1..LIMIT_CAMERA_ID */
    char name[LIMIT_CAMERA_NAME + 1]; /* "" = as the box calls itself */
    char ip[CAMERA_IP];               /* where its box answers; "" = not known */
    char type[CAMERA_TYPE];
    int64_t capacity; /* vehicles, of a PARKING_LOT */
};

struct camera_settings {
    struct camera_setting *items; /* by id, ascending; owned by whoever filled it */
    size_t count;
    int64_t timeout_ms; /* without a heartbeat for longer: offline */
};

/* A heartbeat. Borrows. */
struct camera_report {
    int64_t id;
    struct slice name, type;
    const char *address; /* of the sender */
    int64_t sent, failed;
    int64_t clock_ms; /* the box's wall clock as it sent this; 0 = it does not say */
};

struct camera {
    struct camera_setting setting; /* id always; the rest when `configured` */
    bool configured;
    bool heard; /* the members below are filled */
    char name[LIMIT_CAMERA_NAME + 1];
    char type[CAMERA_TYPE];
    char address[CAMERA_IP];   /* whence the newest heartbeat came */
    int64_t sent, failed;      /* events, as the box counts */
    int64_t heard_ms;          /* monotonic */
    int64_t first_ms, last_ms; /* wall clock, of the first and the newest heartbeat */
    bool clocked;              /* the newest said what time it was there */
    int64_t offset_ms;         /* then: the box's clock less ours */
    int64_t told_ms;           /* the offset that was last told; 0 = none, or that it is right */
    bool told_online;          /* what camera_table_sweep last found */
};

struct camera_table {
    struct camera items[LIMIT_CAMERAS_KNOWN]; /* by id, ascending */
    size_t count;
    int64_t timeout_ms;
};

/* Follows the configuration: what is no longer in it is forgotten with its live state. */
void camera_table_configure(struct camera_table *table, const struct camera_settings *settings);

/* Takes a heartbeat that came now. False when there is no room, which only configured cameras can
 * cause. */
bool camera_table_hear(struct camera_table *table, const struct camera_report *report,
                       int64_t mono_ms, int64_t wall_ms);

/* Looks who has fallen silent or come back since the last call, and forgets. True when anything in
 * the list changed by time alone; `*next_ms` is when it will at the earliest (INT64_MAX = never).
 */
bool camera_table_sweep(struct camera_table *table, int64_t mono_ms, int64_t *next_ms);

/* NULL when unknown. Borrows until the next change. */
const struct camera *camera_table_find(const struct camera_table *table, int64_t id);

/* Heard within the time-out. */
bool camera_table_online(const struct camera_table *table, const struct camera *camera,
                         int64_t mono_ms);

/* How far the clock of the box is from ours when events of this camera come from `address`: 0 when
 * it is right (within LIMIT_DEVICE_CLOCK_MS), or when the newest heartbeat came from elsewhere,
 * told no time or never came. The way of the heartbeat makes a clock look as much too slow. */
int64_t camera_table_offset(const struct camera_table *table, int64_t id, const char *address);

/* Whether the clock of this camera is to be told, for it has become wrong, right or otherwise wrong
 * since the last time. */
bool camera_table_tell_clock(struct camera_table *table, int64_t id, int64_t *offset_ms);

/* A positive id as a number or as decimal text, 0 for anything else. */
int64_t camera_table_id(struct slice text);

#endif
