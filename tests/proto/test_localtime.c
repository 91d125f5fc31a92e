#include "proto/localtime.h"

#include "tests/proto/support_suite.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)

static void check_text(int64_t ms, const char *expected)
{
    char text[LOCALTIME_TEXT];
    localtime_text(ms, text);
    ck_assert_str_eq(text, expected);
}

static int64_t parsed(const char *text)
{
    int64_t ms = 0;
    ck_assert_msg(localtime_parse(slice_text(text), &ms) == 0, "%s", text);
    return ms;
}

START_TEST(knows_zones)
{
    static const char *const bad[] = {"Nowhere/City",
                                      "../../../etc/passwd",
                                      "/etc/localtime",
                                      "Asia",
                                      "Asia/../UTC",
                                      "tzdata.zi",
                                      "a b",
                                      "zone.tab"};
    ck_assert_int_eq(localtime_set_zone("Asia/Ho_Chi_Minh"), 0);
    ck_assert_str_eq(localtime_zone(), "Asia/Ho_Chi_Minh");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(localtime_set_zone(bad[i]) == -1, "%s", bad[i]);
    }
    char large[300];
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    ck_assert_int_eq(localtime_set_zone(large), -1);
    ck_assert_str_eq(localtime_zone(), "Asia/Ho_Chi_Minh");
    ck_assert_int_eq(localtime_set_zone(""), 0);
    ck_assert_str_eq(localtime_zone(), "Asia/Ho_Chi_Minh");
    ck_assert_int_eq(setenv("TZ", ":UTC", 1), 0);
    ck_assert_int_eq(localtime_set_zone(NULL), 0);
    ck_assert_str_eq(localtime_zone(), "UTC");
    ck_assert_int_eq(unsetenv("TZ"), 0);
    ck_assert_str_eq(localtime_zone(), "UTC");
    ck_assert_int_eq(localtime_set_zone(NULL), 0);
    ck_assert_uint_gt(strlen(localtime_zone()), 0);
}
END_TEST

START_TEST(writes_local_and_utc)
{
    char text[LOCALTIME_TEXT], iso[LOCALTIME_ISO];
    ck_assert_int_eq(localtime_set_zone("Asia/Ho_Chi_Minh"), 0);
    check_text(INT64_C(1795335303123), "2026-11-22 15:15:03");
    check_text(0, "1970-01-01 08:00:00"); /* Sai Gon was at +8 then */
    utctime_text(INT64_C(1795335303123), text);
    ck_assert_str_eq(text, "2026-11-22 08:15:03");
    utctime_text(-1, text);
    ck_assert_str_eq(text, "1969-12-31 23:59:59");
    localtime_iso(INT64_C(1795335303007), iso);
    ck_assert_str_eq(iso, "2026-11-22T15:15:03.007");
    localtime_iso(-1, iso);
    ck_assert_str_eq(iso + 19, ".999");
    char rfc3339[UTCTIME_RFC3339];
    utctime_rfc3339(INT64_C(1795335303007), rfc3339);
    ck_assert_str_eq(rfc3339, "2026-11-22T08:15:03.007Z");
    utctime_rfc3339(-1, rfc3339);
    ck_assert_str_eq(rfc3339, "1969-12-31T23:59:59.999Z");
}
END_TEST

/* Beside the C library, over ten thousand years. */
START_TEST(dates_are_those_of_the_calendar)
{
    static const int64_t first = INT64_C(-62167219200), last = INT64_C(253402300799);
    uint64_t state = 5;

    for (int64_t day = first; day <= last; day += 86400 * 13 + 3601) {
        char text[LOCALTIME_TEXT], wanted[64];
        time_t at = (time_t)(suite_random(&state) % 4 == 0 ? day - day % 86400 : day);
        struct tm tm;
        ck_assert_ptr_nonnull(gmtime_r(&at, &tm));
        ck_assert_uint_ge(strftime(wanted, sizeof wanted, "-%m-%d %H:%M:%S", &tm), 15);
        utctime_text((int64_t)at * 1000, text);
        ck_assert_str_eq(text + 4, wanted);
        ck_assert_int_eq(atoi(text), tm.tm_year + 1900);
    }
}
END_TEST

START_TEST(absurd_times_are_clamped)
{
    char text[LOCALTIME_TEXT], iso[LOCALTIME_ISO];
    static const char *const zones[] = {"UTC", "Asia/Ho_Chi_Minh", "America/New_York"};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(localtime_set_zone(zones[i]), 0);
        utctime_text(INT64_MAX, text);
        ck_assert_str_eq(text, "9999-12-31 23:59:59");
        utctime_text(INT64_MIN, text);
        ck_assert_str_eq(text, "0000-01-01 00:00:00");
        localtime_text(INT64_MAX, text);
        ck_assert_int_eq(strncmp(text, "9999-12-31", 10), 0);
        localtime_text(INT64_MIN, text);
        ck_assert_int_eq(strncmp(text, "0000-01-01", 10), 0);
        localtime_iso(INT64_MIN, iso);
        ck_assert_uint_eq(strlen(iso), LOCALTIME_ISO - 1);
        int64_t start = 0, end = 0;
        localtime_day(INT64_MIN, &start, &end);
        localtime_day(INT64_MAX, &start, &end);
        ck_assert_int_lt(start, end);
    }
}
END_TEST

START_TEST(reads_what_it_writes)
{
    static const char *const zones[] = {"UTC", "Asia/Ho_Chi_Minh", "America/New_York",
                                        "Australia/Lord_Howe", "Pacific/Apia"};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        uint64_t state = 11;
        ck_assert_int_eq(localtime_set_zone(zones[i]), 0);
        for (int round = 0; round < 3000; round++) {
            int64_t ms = (int64_t)(suite_random(&state) % 4000000000) * SECOND;
            char text[LOCALTIME_TEXT], again[LOCALTIME_TEXT];
            localtime_text(ms, text);
            int64_t back = parsed(text);
            localtime_text(back, again);
            ck_assert_str_eq(text, again);
            ck_assert(back == ms || back < ms); /* an ambiguous one is the first */
        }
    }
}
END_TEST

START_TEST(reads_strictly)
{
    static const char *const bad[] = {
        "",
        "2026-11-22",
        "2026-11-22 08:15",
        "2026-11-22 08:15:3",
        "2026-11-22  08:15:03",
        " 2026-11-22 08:15:03",
        "2026-11-22 08:15:03 ",
        "2026-11-22 08:15:03.",
        "2026-11-22 08:15:03,5",
        "2026-11-22 08:15:03z",
        "2026-11-22 08:15:03+7",
        "2026-11-22 08:15:03+0700",
        "2026-11-22 08:15:03+24:00",
        "2026-11-22 08:15:03+07:60",
        "2026-11-22 08:15:03Z ",
        "2026-11-22 08:15:03+07:00Z",
        "2026/11/22 08:15:03",
        "26-11-22 08:15:03",
        "2026-13-22 08:15:03",
        "2026-00-22 08:15:03",
        "2026-11-00 08:15:03",
        "2026-11-31 08:15:03",
        "2026-02-29 08:15:03",
        "1900-02-29 08:15:03",
        "2026-11-22 24:00:00",
        "2026-11-22 08:60:00",
        "2026-11-22 08:15:60",
        "2026-11-22 -8:15:03",
        "2026-11-22 08:15:0x",
        "+026-11-22 08:15:03",
    };
    int64_t ms = 5;
    ck_assert_int_eq(localtime_set_zone("UTC"), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(localtime_parse(slice_text(bad[i]), &ms) == -1, "%s", bad[i]);
    }
    ck_assert_int_eq(localtime_parse((struct slice){NULL, 0}, &ms), -1);
    ck_assert_int_eq(localtime_parse((struct slice)SUITE_LITERAL("2026-11-22\0"
                                                                 "08:15:03"),
                                     &ms),
                     -1);
    ck_assert_int_eq(ms, 5);
}
END_TEST

START_TEST(reads_zones_and_fractions)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"2026-11-22 15:15:03", INT64_C(1795335303000)},
        {"2026-11-22T15:15:03", INT64_C(1795335303000)},
        {"2026-11-22T15:15:03.1", INT64_C(1795335303100)},
        {"2026-11-22T15:15:03.123456", INT64_C(1795335303123)},
        {"2026-11-22T15:15:03.1239999999999999", INT64_C(1795335303123)},
        {"2026-11-22T08:15:03Z", INT64_C(1795335303000)},
        {"2026-11-22T08:15:03.5Z", INT64_C(1795335303500)},
        {"2026-11-22 10:15:03+02:00", INT64_C(1795335303000)},
        {"2026-11-22T04:45:03.007-03:30", INT64_C(1795335303007)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
    };
    ck_assert_int_eq(localtime_set_zone("Asia/Ho_Chi_Minh"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_int_eq(parsed(rows[i].text), rows[i].ms);
    }
}
END_TEST

/* 2026-03-08 02:00 EST becomes 03:00 EDT; 2026-11-01 02:00 EDT becomes 01:00 EST. */
START_TEST(summer_time)
{
    int64_t start = 0, end = 0;
    ck_assert_int_eq(localtime_set_zone("America/New_York"), 0);
    ck_assert_int_eq(parsed("2026-03-08 01:59:59"), parsed("2026-03-08T06:59:59Z"));
    ck_assert_int_eq(parsed("2026-03-08 02:30:00"), parsed("2026-03-08T07:30:00Z"));
    check_text(parsed("2026-03-08 02:30:00"), "2026-03-08 03:30:00");
    ck_assert_int_eq(parsed("2026-03-08 03:00:00"), parsed("2026-03-08T07:00:00Z"));
    ck_assert_int_eq(parsed("2026-11-01 01:30:00"), parsed("2026-11-01T05:30:00Z"));
    ck_assert_int_eq(parsed("2026-11-01 02:00:00"), parsed("2026-11-01T07:00:00Z"));

    localtime_day(parsed("2026-03-08 12:00:00"), &start, &end);
    ck_assert_int_eq(start, parsed("2026-03-08T05:00:00Z"));
    ck_assert_int_eq(end - start, 23 * HOUR);
    localtime_day(parsed("2026-11-01 12:00:00"), &start, &end);
    ck_assert_int_eq(start, parsed("2026-11-01T04:00:00Z"));
    ck_assert_int_eq(end - start, 25 * HOUR);
    localtime_day(parsed("2026-06-01 00:00:00"), &start, &end);
    ck_assert_int_eq(start, parsed("2026-06-01 00:00:00"));
    ck_assert_int_eq(end - start, 24 * HOUR);
    localtime_day(parsed("2026-06-01 23:59:59") + 999, &start, &end);
    ck_assert_int_eq(start, parsed("2026-06-01 00:00:00"));
}
END_TEST

START_TEST(odd_days)
{
    int64_t start = 0, end = 0;
    /* The clock goes from 23:59:59 to 01:00:00: the day starts at one. */
    ck_assert_int_eq(localtime_set_zone("America/Sao_Paulo"), 0);
    localtime_day(parsed("2018-11-04 12:00:00"), &start, &end);
    check_text(start, "2018-11-04 01:00:00");
    ck_assert_int_eq(end - start, 23 * HOUR);
    localtime_day(start - 1, &start, &end);
    check_text(end, "2018-11-04 01:00:00");
    /* And back at midnight: the day before has 25 hours. */
    localtime_day(parsed("2018-02-17 12:00:00"), &start, &end);
    ck_assert_int_eq(end - start, 25 * HOUR);
    check_text(end, "2018-02-18 00:00:00");

    ck_assert_int_eq(localtime_set_zone("Asia/Ho_Chi_Minh"), 0);
    localtime_day(parsed("2026-11-22 00:00:00"), &start, &end);
    check_text(start, "2026-11-22 00:00:00");
    check_text(end, "2026-11-23 00:00:00");
    localtime_day(-1, &start, &end);
    check_text(start, "1970-01-01 00:00:00");
}
END_TEST

static void read_hostile(struct slice bytes)
{
    int64_t ms = 0;
    if (localtime_parse(bytes, &ms) == 0) {
        ck_assert_int_ge(ms, INT64_C(-62167219200000) - 24 * HOUR);
        ck_assert_int_le(ms, INT64_C(253402300799999) + 24 * HOUR);
    }
}

START_TEST(hostile_bytes_are_survived)
{
    ck_assert_int_eq(localtime_set_zone("America/New_York"), 0);
    suite_hostile(slice_text("2026-11-22T08:15:03.123456+07:00"), 20000, read_hostile);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {knows_zones,
                            writes_local_and_utc,
                            dates_are_those_of_the_calendar,
                            absurd_times_are_clamped,
                            reads_what_it_writes,
                            reads_strictly,
                            reads_zones_and_fractions,
                            summer_time,
                            odd_days,
                            hostile_bytes_are_survived};
    return suite_run("localtime", tests, sizeof tests / sizeof *tests);
}
