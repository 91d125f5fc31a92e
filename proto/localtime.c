/*
 * Calendar arithmetic is done in "wall seconds": the local reading of a clock, counted as if it
 * were UTC. wall = instant + offset of the zone at that instant.
 */
#include "proto/localtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo/"
#define ZONE_BYTES 64 /* the longest IANA name has 32 */
#define DAY_S 86400

/* 0000-01-01 and 9999-12-31 23:59:59 */
#define FIRST_S INT64_C(-62167219200)
#define LAST_S INT64_C(253402300799)

static bool is_zone_name(const char *name)
{
    size_t len = strlen(name);

    return len && len < ZONE_BYTES && name[0] != '/' && !strstr(name, "..") &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-") ==
               len;
}

/* The C library takes UTC for a file that is none of its own, without a word. */
static bool is_zone_file(const char *name)
{
    char path[sizeof ZONES + ZONE_BYTES];
    char magic[4] = {0};

    (void)snprintf(path, sizeof path, ZONES "%s", name); /* is_zone_name has checked the length */
    FILE *file = fopen(path, "rb");
    if (!file) {
        return false;
    }
    size_t read = fread(magic, 1, sizeof magic, file);
    (void)fclose(file); /* nothing was written */
    return read == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
}

/* The zone that /etc/localtime links to; false when it is no link into the zones. */
static bool read_system_zone(char *out, size_t size)
{
    char target[sizeof ZONES + ZONE_BYTES + 16];
    ssize_t len = readlink("/etc/localtime", target, sizeof target - 1);

    if (len < 0) {
        return false;
    }
    target[len] = '\0';
    const char *name = strstr(target, "zoneinfo/");
    return name && slice_copy(slice_text(name + strlen("zoneinfo/")), out, size);
}

int localtime_set_zone(const char *name)
{
    char system_zone[ZONE_BYTES] = "";
    const char *wanted = name;

    if (!name || !*name) {
        if (getenv("TZ") || !read_system_zone(system_zone, sizeof system_zone)) {
            tzset();
            return 0;
        }
        wanted = system_zone;
    }
    if (!is_zone_name(wanted) || !is_zone_file(wanted)) {
        return wanted == system_zone ? 0 : -1;
    }
    if (setenv("TZ", wanted, 1)) {
        return -1;
    }
    tzset();
    return 0;
}

const char *localtime_zone(void)
{
    const char *zone = getenv("TZ");

    if (zone && *zone == ':') {
        zone++;
    }
    return zone && *zone ? zone : "UTC";
}

/* Seconds, rounded down, and within the years that the layout holds. */
static int64_t to_seconds(int64_t ms)
{
    int64_t seconds = ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
    return seconds < FIRST_S ? FIRST_S : seconds > LAST_S ? LAST_S : seconds;
}

/* Offset of the zone at an instant. */
static int64_t offset_at(int64_t seconds)
{
    time_t instant = (time_t)seconds;
    struct tm tm;
    return localtime_r(&instant, &tm) ? tm.tm_gmtoff : 0;
}

/* The first instant at which the local clock shows `wall`; for a reading that a change to summer
 * time skips, the one that a clock left unchanged would show. */
static int64_t from_wall(int64_t wall)
{
    int64_t before = wall - offset_at(wall - DAY_S);
    int64_t after = wall - offset_at(wall + DAY_S);

    if (before + offset_at(before) == wall) {
        return before;
    }
    return after + offset_at(after) == wall ? after : before;
}

/* `count` decimal digits; every row of history has four such texts, so no printf. */
static void write_digits(char *out, size_t count, int value)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar for all time.
 * Years begin in March here, so that the leap day is the last of one; 400 of them make an era.
 * Written out because a message of the bus has three times: the C library's costs ten times as
 * much. */
static void write_date(int64_t days, char *out)
{
    int64_t shifted = days + 719468; /* from 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int day_of_era = (int)(shifted - era * 146097);
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int march_month = (5 * day_of_year + 2) / 153;
    int month = march_month < 10 ? march_month + 3 : march_month - 9;

    write_digits(out, 4, (int)(era * 400) + year_of_era + (month <= 2 ? 1 : 0));
    write_digits(out + 5, 2, month);
    write_digits(out + 8, 2, day_of_year - (153 * march_month + 2) / 5 + 1);
}

/* "YYYY-MM-DD HH:MM:SS" with `separator` in the middle. */
static void write_wall(int64_t wall, char separator, char out[LOCALTIME_TEXT])
{
    int64_t clamped = wall < FIRST_S ? FIRST_S : wall > LAST_S ? LAST_S : wall;
    int64_t days = (clamped - FIRST_S) / DAY_S + FIRST_S / DAY_S; /* FIRST_S begins a day */
    int second = (int)(clamped - days * DAY_S);

    memcpy(out, "0000-00-00 00:00:00", LOCALTIME_TEXT);
    out[10] = separator;
    write_date(days, out);
    write_digits(out + 11, 2, second / 3600);
    write_digits(out + 14, 2, second / 60 % 60);
    write_digits(out + 17, 2, second % 60);
}

void localtime_text(int64_t ms, char out[LOCALTIME_TEXT])
{
    int64_t seconds = to_seconds(ms);
    write_wall(seconds + offset_at(seconds), ' ', out);
}

void utctime_text(int64_t ms, char out[LOCALTIME_TEXT])
{
    write_wall(to_seconds(ms), ' ', out);
}

static int fraction_of(int64_t ms)
{
    return (int)(ms % 1000 < 0 ? ms % 1000 + 1000 : ms % 1000);
}

/* ".123" */
static void write_fraction(int64_t ms, char *out)
{
    out[0] = '.';
    write_digits(out + 1, 3, fraction_of(ms));
}

void localtime_iso(int64_t ms, char out[LOCALTIME_ISO])
{
    int64_t seconds = to_seconds(ms);

    write_wall(seconds + offset_at(seconds), 'T', out);
    write_fraction(ms, out + LOCALTIME_TEXT - 1);
    out[LOCALTIME_ISO - 1] = '\0';
}

void utctime_rfc3339(int64_t ms, char out[UTCTIME_RFC3339])
{
    write_wall(to_seconds(ms), 'T', out);
    write_fraction(ms, out + LOCALTIME_TEXT - 1);
    memcpy(out + UTCTIME_RFC3339 - 2, "Z", 2);
}

void localtime_rfc3339(int64_t ms, char out[LOCALTIME_RFC3339])
{
    int64_t seconds = to_seconds(ms), offset = offset_at(seconds);
    int minutes =
        (int)(offset / 60); /* the format knows no seconds; no zone has had any for long */
    int size = minutes < 0 ? -minutes : minutes;

    write_wall(seconds + (int64_t)minutes * 60, 'T', out);
    (void)snprintf(out + LOCALTIME_TEXT - 1, LOCALTIME_RFC3339 - LOCALTIME_TEXT + 1,
                   ".%03d%c%02d:%02d", fraction_of(ms), minutes < 0 ? '-' : '+', size / 60 % 100,
                   size % 60); /* fits */
}

int64_t localtime_hour(int64_t ms)
{
    int64_t seconds = to_seconds(ms);
    int64_t within = (seconds + offset_at(seconds)) % 3600;

    return (seconds - within - (within < 0 ? 3600 : 0)) * 1000;
}

/* Reads `count` digits; -1 when there are none. */
static int digits(struct slice *text, size_t count)
{
    int value = 0;

    if (text->len < count) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        char c = text->data[i];
        if (c < '0' || c > '9') {
            return -1;
        }
        value = value * 10 + (c - '0');
    }
    text->data += count;
    text->len -= count;
    return value;
}

/* Takes one character if it is in `wanted`. */
static bool take(struct slice *text, const char *wanted)
{
    if (text->len == 0 || *text->data == '\0' || !strchr(wanted, *text->data)) {
        return false;
    }
    text->data++;
    text->len--;
    return true;
}

static bool is_date(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return year >= 0 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (leap && month == 2 ? 1 : 0);
}

/* "YYYY-MM-DD HH:MM:SS" as wall seconds. */
static bool read_wall(struct slice *text, int64_t *wall)
{
    int year = digits(text, 4);
    bool good = take(text, "-");
    int month = digits(text, 2);
    good = take(text, "-") && good;
    int day = digits(text, 2);
    good = take(text, " T") && good;
    int hour = digits(text, 2);
    good = take(text, ":") && good;
    int minute = digits(text, 2);
    good = take(text, ":") && good;
    int second = digits(text, 2);
    if (!good || !is_date(year, month, day) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 59) {
        return false;
    }
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    *wall = timegm(&tm);
    return true;
}

/* ".123456" as milliseconds, 0 when absent; -1 for a point without digits. */
static int read_fraction(struct slice *text)
{
    int ms = 0;
    int count = 0;

    if (!take(text, ".")) {
        return 0;
    }
    for (int digit = digits(text, 1); digit >= 0; digit = digits(text, 1)) {
        ms = count < 3 ? ms * 10 + digit : ms;
        count++;
    }
    for (int i = count; i < 3; i++) {
        ms *= 10;
    }
    return count ? ms : -1;
}

int localtime_parse(struct slice text, int64_t *out_ms)
{
    int64_t wall = 0;

    if (!text.data || !read_wall(&text, &wall)) {
        return -1;
    }
    int ms = read_fraction(&text);
    if (ms < 0) {
        return -1;
    }
    if (text.len == 0) {
        *out_ms = from_wall(wall) * 1000 + ms;
        return 0;
    }
    int64_t offset = 0;
    char sign = *text.data;
    if (!take(&text, "Z")) {
        bool good = take(&text, "+-");
        int hours = digits(&text, 2);
        good = take(&text, ":") && good;
        int minutes = digits(&text, 2);
        if (!good || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
            return -1;
        }
        offset = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
    }
    if (text.len) {
        return -1;
    }
    *out_ms = (wall - offset) * 1000 + ms;
    return 0;
}

void localtime_day(int64_t ms, int64_t *start_ms, int64_t *end_ms)
{
    int64_t seconds = to_seconds(ms);
    int64_t wall = seconds + offset_at(seconds);
    int64_t into_day = wall % DAY_S;
    int64_t midnight = wall - (into_day < 0 ? into_day + DAY_S : into_day);

    *start_ms = from_wall(midnight) * 1000;
    *end_ms = from_wall(midnight + DAY_S) * 1000;
}
