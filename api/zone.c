#include "api/zone.h"

#include "proto/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONES "/usr/share/zoneinfo/"
#define ZONE_NAME 64 /* the longest IANA name has 32 */
#define ZONE_FILE (64 * 1024)
#define HEAD 44 /* bytes of a TZif header */
#define TYPE 6  /* bytes of a local time type */
#define DAY_S 86400
#define TEXT_MAX 40 /* a time with fractions and an offset */

struct change {
    int64_t at_s;     /* UTC */
    int64_t offset_s; /* from then on */
};

struct zone {
    int64_t first_s; /* offset before the first change */
    size_t count;
    struct change changes[];
};

/* ---- the file -------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t len = name != NULL ? strlen(name) : 0;

    return len > 0 && len < ZONE_NAME && name[0] != '/' && strstr(name, "..") == NULL &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-") ==
               len;
}

static size_t read_file(const char *name, unsigned char *out)
{
    char path[sizeof ZONES + ZONE_NAME];
    size_t len = 0;
    FILE *file;

    (void)snprintf(path, sizeof path, ZONES "%s", name); /* is_name has checked the length */
    file = fopen(path, "rb");
    if (file != NULL) {
        len = fread(out, 1, ZONE_FILE, file);
        (void)fclose(file); /* nothing was written */
    }
    return len;
}

static int64_t number(const unsigned char *bytes, size_t size)
{
    uint64_t value = (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;

    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return (int64_t)value;
}

/* The counts of a header: isut, isstd, leap, time, type, char. */
struct counts {
    size_t isut, isstd, leap, time, type, chars;
};

static bool read_head(const unsigned char *bytes, size_t len, struct counts *counts)
{
    size_t *all[] = {&counts->isut, &counts->isstd, &counts->leap,
                     &counts->time, &counts->type,  &counts->chars};

    if (len < HEAD || memcmp(bytes, "TZif", 4) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int64_t value = number(bytes + 20 + 4 * i, 4);
        if (value < 0 || value > ZONE_FILE) {
            return false;
        }
        *all[i] = (size_t)value;
    }
    return true;
}

static size_t body_size(const struct counts *counts, size_t time_size)
{
    return counts->time * (time_size + 1) + counts->type * TYPE + counts->chars +
           counts->leap * (time_size + 4) + counts->isstd + counts->isut;
}

/* The block with 64-bit times, which stands behind the one with 32-bit ones. */
static struct zone *read_zone(const unsigned char *bytes, size_t len)
{
    struct counts counts;
    const unsigned char *times, *kinds, *types;
    struct zone *zone;

    if (!read_head(bytes, len, &counts) || bytes[4] < '2' || len < HEAD + body_size(&counts, 4)) {
        return NULL;
    }
    bytes += HEAD + body_size(&counts, 4);
    len -= HEAD + body_size(&counts, 4);
    if (!read_head(bytes, len, &counts) || counts.type == 0 || len < HEAD + body_size(&counts, 8)) {
        return NULL;
    }
    times = bytes + HEAD;
    kinds = times + 8 * counts.time;
    types = kinds + counts.time;
    zone = bytes_allocate(1, sizeof *zone + counts.time * sizeof zone->changes[0]);
    zone->first_s = number(types, 4);
    zone->count = counts.time;
    for (size_t i = 0; i < counts.time; i++) {
        if (kinds[i] >= counts.type) {
            free(zone);
            return NULL;
        }
        zone->changes[i].at_s = number(times + 8 * i, 8);
        zone->changes[i].offset_s = number(types + (size_t)kinds[i] * TYPE, 4);
    }
    return zone;
}

struct zone *zone_new(const char *name)
{
    unsigned char *bytes;
    struct zone *zone;

    if (!is_name(name)) {
        return NULL;
    }
    bytes = bytes_allocate(1, ZONE_FILE);
    zone = read_zone(bytes, read_file(name, bytes));
    free(bytes);
    return zone;
}

void zone_destroy(struct zone **zone)
{
    free(*zone);
    *zone = NULL;
}

/* ---- times ----------------------------------------------------------------------------------- */

static int64_t offset_of(const struct zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->count; /* changes[low - 1] is at or before `at_s` */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= at_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? zone->changes[low - 1].offset_s : zone->first_s;
}

static int64_t seconds_of(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
}

int64_t zone_offset(const struct zone *zone, int64_t ms)
{
    time_t at = (time_t)seconds_of(ms);
    struct tm tm;

    if (zone != NULL) {
        return offset_of(zone, at);
    }
    return localtime_r(&at, &tm) != NULL ? tm.tm_gmtoff : 0;
}

void zone_text(const struct zone *zone, int64_t ms, char out[LOCALTIME_TEXT])
{
    if (zone == NULL || ms > LIMIT_INTEGER || ms < -LIMIT_INTEGER) {
        localtime_text(ms, out);
    } else {
        utctime_text(ms + zone_offset(zone, ms) * 1000, out);
    }
}

/* The first instant at which a clock there shows this; for a reading that a change to summer time
 * skips, what a clock left unchanged would show. */
static int64_t from_wall(const struct zone *zone, int64_t wall_ms)
{
    int64_t wall = seconds_of(wall_ms);
    int64_t before = offset_of(zone, wall - DAY_S), after = offset_of(zone, wall + DAY_S);

    if (offset_of(zone, wall - before) == before || offset_of(zone, wall - after) != after) {
        return wall_ms - before * 1000;
    }
    return wall_ms - after * 1000;
}

int zone_parse(const struct zone *zone, struct slice text, int64_t *out_ms)
{
    char utc[TEXT_MAX + 2];
    int64_t wall_ms;

    if (zone == NULL || text.data == NULL || text.len > TEXT_MAX) {
        return localtime_parse(text, out_ms);
    }
    memcpy(utc, text.data, text.len);
    memcpy(utc + text.len, "Z", 2);
    if (localtime_parse((struct slice){utc, text.len + 1}, &wall_ms) != 0) {
        return localtime_parse(text, out_ms); /* it may name its offset itself */
    }
    *out_ms = from_wall(zone, wall_ms);
    return 0;
}
