/*
 * Local wall-clock text `YYYY-MM-DD HH:MM:SS`, as existing cameras and pages parse it, and local
 * days. The zone is the process's (TZ, set once from `timezone` before any thread starts).
 */
#ifndef PROTO_LOCALTIME_H
#define PROTO_LOCALTIME_H

#include "proto/bytes.h"

#include <stdint.h>

#define LOCALTIME_TEXT 20 /* bytes with the NUL */

/* Sets the process's zone to an IANA name. For NULL or "" TZ stays as it is; when there is none,
 * the system's zone (the /etc/localtime link) is written there, so that it has a name. -1 for a
 * name the system does not know. Main thread, before others start. */
int localtime_set_zone(const char *name);

/* The zone's name for people: what localtime_set_zone left in TZ, else "UTC". Valid as long as
 * nobody changes TZ. */
const char *localtime_zone(void);

/* Years 0000..9999; anything else is clamped. Seconds are floored. */
void localtime_text(int64_t ms, char out[LOCALTIME_TEXT]);

/* The same layout in UTC. */
void utctime_text(int64_t ms, char out[LOCALTIME_TEXT]);

/* "2026-11-22T08:15:03.123": local time with milliseconds, as p2p status has it. */
#define LOCALTIME_ISO 24
void localtime_iso(int64_t ms, char out[LOCALTIME_ISO]);

/* RFC 3339 in UTC with milliseconds: "2026-11-22T01:15:03.123Z". */
#define UTCTIME_RFC3339 25
void utctime_rfc3339(int64_t ms, char out[UTCTIME_RFC3339]);

/* Strict parse of `YYYY-MM-DD HH:MM:SS` in the process's zone (an ambiguous hour is the first of
 * the two, a skipped one is moved forward). Also accepts a `T` instead of the space, fractions of
 * seconds, and `Z` or `+hh:mm`, which then decide the zone. 0, or -1 for anything else. */
int localtime_parse(struct slice text, int64_t *out_ms);

/* RFC 3339 with the zone's offset at that instant: "2026-11-22T08:15:03.123+07:00". */
#define LOCALTIME_RFC3339 32
void localtime_rfc3339(int64_t ms, char out[LOCALTIME_RFC3339]);

/* Start of the local hour that holds `ms`: where the local clock showed full minutes 00. Where an
 * hour is cut short by a change of the zone, the hours beside it stay apart. */
int64_t localtime_hour(int64_t ms);

/* Start of the local day that holds `ms`, and of the next one. */
void localtime_day(int64_t ms, int64_t *start_ms, int64_t *end_ms);

#endif
