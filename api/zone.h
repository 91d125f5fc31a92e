/*
 * A time zone other than the process's: a central of the existing system writes times as local text
 * of its own zone. Reads the system's zone files (TZif), so it knows what the C library knows.
 */
#ifndef API_ZONE_H
#define API_ZONE_H

#include "proto/bytes.h"
#include "proto/localtime.h"

struct zone;

/* Loads an IANA zone. NULL for a name that the system does not know, and for a file that is none.
 * Constant afterwards: any thread may read it. */
struct zone *zone_new(const char *name);
void zone_destroy(struct zone **zone);

/* Seconds east of UTC at an instant. NULL = the process's zone. */
int64_t zone_offset(const struct zone *zone, int64_t ms);

/* As localtime_text and localtime_parse, in that zone; NULL = the process's. */
void zone_text(const struct zone *zone, int64_t ms, char out[LOCALTIME_TEXT]);
int zone_parse(const struct zone *zone, struct slice text, int64_t *out_ms);

#endif
