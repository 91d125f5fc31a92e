#include "proto/tariff.h"

#include "proto/limits.h"
#include "tests/proto/support_suite.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define MINUTE 60
#define HOUR 3600

START_TEST(each_started_hour_costs)
{
    static const struct {
        int64_t seconds, fee;
    } rows[] = {
        {-5, 0},
        {0, 0},
        {30 * MINUTE, 0},
        {30 * MINUTE + 1, 25000},
        {HOUR + 30 * MINUTE, 25000},
        {HOUR + 30 * MINUTE + 1, 50000},
        {24 * HOUR, 24 * 25000},
        {24 * HOUR + 30 * MINUTE, 24 * 25000},
        {24 * HOUR + 30 * MINUTE + 1, 25 * 25000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_int_eq(tariff_fee(&TARIFF_DEFAULT, rows[i].seconds), rows[i].fee);
    }
    /* 1.2 hours is no binary fraction; still 2 h 12 min is one hour to the second. */
    struct tariff tariff = {tariff_hours_to_seconds(1.2), 10000};
    ck_assert_int_eq(tariff.free_s, 4320);
    ck_assert_int_eq(tariff_fee(&tariff, 2 * HOUR + 12 * MINUTE), 10000);
    ck_assert_int_eq(tariff_fee(&tariff, 2 * HOUR + 12 * MINUTE + 1), 20000);
    tariff = (struct tariff){0, 5};
    ck_assert_int_eq(tariff_fee(&tariff, 0), 0);
    ck_assert_int_eq(tariff_fee(&tariff, 1), 5);
}
END_TEST

START_TEST(absurd_values_stay_in_range)
{
    struct tariff tariff = {INT64_MIN, INT64_MAX};
    ck_assert_int_eq(tariff_fee(&tariff, INT64_MAX), LIMIT_INTEGER);
    tariff = (struct tariff){INT64_MAX, INT64_MAX};
    ck_assert_int_eq(tariff_fee(&tariff, INT64_MAX), 0);
    tariff = (struct tariff){0, -1};
    ck_assert_int_eq(tariff_fee(&tariff, INT64_MAX), 0);
    ck_assert_int_eq(tariff_seconds(INT64_MIN, INT64_MAX), INT64_MAX / 1000);
}
END_TEST

START_TEST(seconds_are_whole_and_never_negative)
{
    ck_assert_int_eq(tariff_seconds(1000, 2999), 1);
    ck_assert_int_eq(tariff_seconds(1999, 2998), 0);
    ck_assert_int_eq(tariff_seconds(-1500, 500), 2);
    ck_assert_int_eq(tariff_seconds(5000, 1000), 0);
    ck_assert_int_eq(tariff_seconds(INT64_MAX, INT64_MIN), 0);
}
END_TEST

START_TEST(durations_in_words)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {-1, "0 giờ 0 phút"},
        {59, "0 giờ 0 phút"},
        {7 * MINUTE, "0 giờ 7 phút"},
        {61 * MINUTE, "1 giờ 1 phút"},
        {61 * MINUTE + 59, "1 giờ 1 phút"},
        {26 * HOUR + 40 * MINUTE, "26 giờ 40 phút"},
        {7 * MINUTE, "0 gi\xE1\xBB\x9D 7 ph\xC3\xBAt"}, /* NFC */
    };
    char text[48];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tariff_duration_text(rows[i].seconds, text, sizeof text);
        ck_assert_str_eq(text, rows[i].text);
    }
    tariff_duration_text(INT64_MAX, text, sizeof text);
    ck_assert_str_eq(text, "2562047788015215 giờ 30 phút");
    for (int minutes = 0; minutes < 4320; minutes++) {
        char expected[48];
        (void)snprintf(expected, sizeof expected, "%d giờ %d phút", minutes / 60, minutes % 60);
        tariff_duration_text((int64_t)minutes * MINUTE, text, sizeof text);
        ck_assert_str_eq(text, expected);
    }
}
END_TEST

START_TEST(hours_become_seconds)
{
    static const struct {
        double hours;
        int64_t seconds;
    } rows[] = {{0, 0},           {0.5, 1800},    {1.2, 4320},  {0.1, 360},
                {8760, 31536000}, {8760.001, -1}, {-0.001, -1}, {1e300, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_int_eq(tariff_hours_to_seconds(rows[i].hours), rows[i].seconds);
    }
    ck_assert_int_eq(tariff_hours_to_seconds((double)NAN), -1);
    ck_assert_int_eq(tariff_hours_to_seconds((double)INFINITY), -1);
    ck_assert_int_eq(tariff_hours_to_seconds((double)-INFINITY), -1);
    for (int s = 0; s <= 100000; s++) {
        ck_assert_int_eq(tariff_hours_to_seconds(s / 3600.0), s);
    }
}
END_TEST

int main(void)
{
    const TTest *tests[] = {each_started_hour_costs, absurd_values_stay_in_range,
                            seconds_are_whole_and_never_negative, durations_in_words,
                            hours_become_seconds};
    return suite_run("tariff", tests, sizeof tests / sizeof *tests);
}
