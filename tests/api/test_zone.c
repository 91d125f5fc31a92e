#include "api/zone.h"

#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>

#define TIMES 17000
/* a prime step, so that every hour and both sides of changes are met; 1950 to 2036 */
#define STEP_MS INT64_C(160001000)
#define FIRST_MS INT64_C(-631152000000)

/* What the C library says of a zone, this says of it, whatever the process's own zone is. */
START_TEST(agrees_with_the_c_library)
{
    static const char *const zones[] = {"UTC",
                                        "Asia/Ho_Chi_Minh",
                                        "Europe/Berlin",
                                        "Asia/Kolkata",
                                        "America/New_York",
                                        "Pacific/Kiritimati",
                                        "Asia/Kathmandu",
                                        "Australia/Lord_Howe"};
    char(*theirs)[LOCALTIME_TEXT] = bytes_allocate(TIMES, sizeof *theirs);
    int64_t *times = bytes_allocate(TIMES, sizeof *times);

    for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
        struct zone *zone = zone_new(zones[z]);
        ck_assert_ptr_nonnull(zone);
        ck_assert_int_eq(localtime_set_zone(zones[z]), 0);
        for (int64_t i = 0; i < TIMES; i++) {
            localtime_text(FIRST_MS + i * STEP_MS, theirs[i]);
            ck_assert_int_eq(localtime_parse(slice_text(theirs[i]), &times[i]), 0);
        }
        ck_assert_int_eq(localtime_set_zone("America/Sao_Paulo"), 0);
        for (int64_t i = 0; i < TIMES; i++) {
            char ours[LOCALTIME_TEXT];
            int64_t ms;
            zone_text(zone, FIRST_MS + i * STEP_MS, ours);
            ck_assert_str_eq(ours, theirs[i]);
            ck_assert_int_eq(zone_parse(zone, slice_text(ours), &ms), 0);
            ck_assert_int_eq(ms, times[i]);
        }
        zone_destroy(&zone);
        ck_assert_ptr_null(zone);
    }
    free(theirs);
    free(times);
}
END_TEST

START_TEST(texts_that_name_their_offset)
{
    struct zone *zone = zone_new("Asia/Ho_Chi_Minh");
    int64_t ms;

    ck_assert_int_eq(zone_parse(zone, slice_text("2026-11-22 07:00:00.250"), &ms), 0);
    ck_assert_int_eq(ms, INT64_C(1795305600250));
    ck_assert_int_eq(zone_parse(zone, slice_text("2026-11-22T00:00:00Z"), &ms), 0);
    ck_assert_int_eq(ms, INT64_C(1795305600000));
    ck_assert_int_eq(zone_parse(zone, slice_text("2026-11-22T01:00:00+01:00"), &ms), 0);
    ck_assert_int_eq(ms, INT64_C(1795305600000));
    ck_assert_int_eq(zone_parse(zone, slice_text("2026-11-22"), &ms), -1);
    ck_assert_int_eq(zone_parse(zone, slice_text(""), &ms), -1);
    ck_assert_int_eq(zone_parse(zone, (struct slice){0}, &ms), -1);
    ck_assert_int_eq(zone_offset(zone, 0), 8 * 3600); /* Saigon's clocks of 1970 */
    ck_assert_int_eq(zone_offset(zone, INT64_C(1795305600000)), 7 * 3600);
    zone_destroy(&zone);
}
END_TEST

/* Without a zone of its own a peer's times are the process's. */
START_TEST(none_is_the_process_zone)
{
    char text[LOCALTIME_TEXT];
    int64_t ms;

    ck_assert_int_eq(localtime_set_zone("Asia/Ho_Chi_Minh"), 0);
    zone_text(NULL, INT64_C(1795305600000), text);
    ck_assert_str_eq(text, "2026-11-22 07:00:00");
    ck_assert_int_eq(zone_parse(NULL, slice_text(text), &ms), 0);
    ck_assert_int_eq(ms, INT64_C(1795305600000));
    ck_assert_int_eq(zone_offset(NULL, ms), 7 * 3600);
}
END_TEST

START_TEST(no_zone)
{
    static const char *const bad[] = {
        "", "Nowhere/City", "../etc/passwd", "/etc/localtime", "tzdata.zi", "Europe"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(zone_new(bad[i]) == NULL, "%s", bad[i]);
    }
    ck_assert_ptr_null(zone_new(NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zone");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, agrees_with_the_c_library);
    tcase_add_test(tests, texts_that_name_their_offset);
    tcase_add_test(tests, none_is_the_process_zone);
    tcase_add_test(tests, no_zone);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
