/*
 * Times as text, and names of time zones. The first byte chooses a zone, or says that the rest is
 * the name of one.
 */
#include "proto/localtime.h"

#include "tests/fuzz/support_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES 250                         /* first bytes from here on: a name */
#define FIRST_MS INT64_C(-62135596800000) /* year 1 */
#define LAST_MS INT64_C(253402214400000)  /* a day before the year 10000 */
#define DAY_MS INT64_C(86400000)

/* A zone for each first byte; those with odd offsets and changes in the past included. */
static void choose_zone(uint8_t which)
{
    static const char *const zones[] = {"Asia/Ho_Chi_Minh",    "UTC",
                                        "Europe/Berlin",       "America/St_Johns",
                                        "Pacific/Apia",        "Asia/Kathmandu",
                                        "Australia/Lord_Howe", "Africa/Monrovia"};

    source_require(localtime_set_zone(zones[which % 8]) == 0);
}

static void check_zone_name(struct slice text)
{
    char name[300];

    if (slice_copy(text, name, sizeof name) && strlen(name) == text.len) {
        bool is_known = localtime_set_zone(name) == 0;
        source_require(!is_known || !strstr(name, ".."));
        source_require(localtime_zone()[0] != '\0');
    }
}

/* Text in UTC says exactly the second; local text does, too, but for hours that come twice. */
static void check_instant(int64_t ms)
{
    char text[LOCALTIME_TEXT], again[LOCALTIME_TEXT], zulu[LOCALTIME_TEXT + 1];
    char iso[LOCALTIME_ISO];
    int64_t back, start, end;

    localtime_text(ms, text);
    source_require(strlen(text) == LOCALTIME_TEXT - 1);
    localtime_iso(ms, iso);
    source_require(strlen(iso) == LOCALTIME_ISO - 1);
    utctime_text(ms, again);
    (void)snprintf(zulu, sizeof zulu, "%sZ", again); /* fits */
    source_require(localtime_parse(slice_text(zulu), &back) == 0);
    localtime_day(ms, &start, &end);
    if (ms < FIRST_MS || ms > LAST_MS) {
        return;
    }
    int64_t part = ms % 1000;
    source_require(back == ms - (part < 0 ? part + 1000 : part));
    source_require(start <= ms && ms < end && end - start <= 2 * DAY_MS);
    source_require(localtime_parse(slice_text(text), &back) == 0);
    localtime_text(back, again);
    source_require(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source source = {data, size};
    int64_t ms = 0;
    uint8_t first = source_u8(&source);

    if (first >= NAMES) {
        check_zone_name((struct slice){(const char *)source.data, source.left});
        return 0;
    }
    choose_zone(first);
    char *copy = source_exact((struct slice){(const char *)source.data, source.left});
    if (localtime_parse((struct slice){copy, source.left}, &ms) == 0) {
        check_instant(ms);
    }
    free(copy);
    check_instant(source_i64(&source));
    return 0;
}
