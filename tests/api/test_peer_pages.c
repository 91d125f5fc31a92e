#include "api/peer_pages.h"

#include "proto/event.h"
#include "proto/limits.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>

#define BEGIN_MS INT64_C(1795305600000)

/* A central of the existing system: rows in the order of their times, and its mistake. */
struct central {
    const struct zone *zone;
    const int64_t *rows;
    size_t count;
};

/* Which rows it gives: [first, first + result). */
static size_t answer(const struct central *central, int64_t since_ms, size_t *first)
{
    int64_t filter_ms = since_ms + zone_offset(central->zone, since_ms) * 1000;
    size_t from = 0;

    while (from < central->count && central->rows[from] < filter_ms) {
        from++;
    }
    *first = from;
    return central->count - from < LIMIT_PEER_ANSWER ? central->count - from : LIMIT_PEER_ANSWER;
}

/* Asks until there are no more; the number of rows that never came, and of questions. */
static size_t collect(const struct central *central, const struct zone *configured, int *questions)
{
    bool *came = calloc(central->count, sizeof *came);
    enum peer_pages_next next = PEER_PAGES_MORE;
    struct peer_pages pages;
    size_t missing = 0;

    peer_pages_start(&pages, configured, central->rows[0] - LIMIT_PEER_BACK_MS);
    for (*questions = 0; next != PEER_PAGES_ALL && *questions < 1000; ++*questions) {
        size_t first, count = answer(central, pages.since_ms, &first);
        for (size_t i = 0; i < count; i++) {
            came[first + i] = true;
        }
        next = peer_pages_take(&pages, count, count > 0 ? central->rows[first] : EVENT_NONE,
                               count > 0 ? central->rows[first + count - 1] : EVENT_NONE);
    }
    ck_assert_int_eq(next, PEER_PAGES_ALL);
    for (size_t i = 0; i < central->count; i++) {
        missing += !came[i];
    }
    free(came);
    return missing;
}

/* Every row comes: many or few at a time, in any zone, and also when another one is configured. */
START_TEST(test_all_rows)
{
    static const char *const zones[] = {"UTC",
                                        "Asia/Ho_Chi_Minh",
                                        "Asia/Kolkata",
                                        "Asia/Kathmandu",
                                        "America/New_York",
                                        "Pacific/Kiritimati",
                                        "Pacific/Pago_Pago"};
    static const struct {
        size_t count;
        int64_t step_ms;
    } loads[] = {{1, 1000},  {4999, 1000}, {5000, 1000},  {5001, 1000},
                 {6000, 10}, {17000, 100}, {20000, 5000}, {12000, 60000}};
    size_t kinds = sizeof zones / sizeof zones[0];

    for (size_t load = 0; load < sizeof loads / sizeof loads[0]; load++) {
        int64_t *rows = calloc(loads[load].count, sizeof *rows);
        for (size_t i = 0; i < loads[load].count; i++) {
            /* they are written in whole seconds */
            rows[i] = (BEGIN_MS + (int64_t)i * loads[load].step_ms) / 1000 * 1000;
        }
        for (size_t pair = 0; pair < kinds * kinds; pair++) {
            struct zone *real = zone_new(zones[pair / kinds]);
            struct zone *configured = zone_new(zones[pair % kinds]);
            const struct central central = {real, rows, loads[load].count};
            int questions;
            size_t missing = collect(&central, configured, &questions);
            ck_assert_msg(missing == 0, "%zu of %zu missing, zone %s, configured %s", missing,
                          loads[load].count, zones[pair / kinds], zones[pair % kinds]);
            zone_destroy(&real);
            zone_destroy(&configured);
        }
        free(rows);
    }
}
END_TEST

/* With the right zone no more than one question for each answer, and one to find the offset. */
START_TEST(test_few_questions)
{
    struct zone *zone = zone_new("Asia/Ho_Chi_Minh");
    int64_t rows[6000];
    const struct central central = {zone, rows, 6000};
    int questions;

    for (int i = 0; i < 6000; i++) {
        rows[i] = BEGIN_MS + i / 100 * 1000;
    }
    ck_assert_uint_eq(collect(&central, zone, &questions), 0);
    ck_assert_int_le(questions, 3);
    zone_destroy(&zone);
}
END_TEST

/* More rows of one second than it gives: some are left out, and it ends. */
START_TEST(test_one_second)
{
    struct zone *zone = zone_new("UTC");
    int64_t rows[6000];
    const struct central central = {zone, rows, 6000};
    int questions;

    for (int i = 0; i < 6000; i++) {
        rows[i] = BEGIN_MS + (i < 5500 ? 0 : 1000);
    }
    ck_assert_uint_eq(collect(&central, zone, &questions), 500);
    zone_destroy(&zone);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peer_pages");
    TCase *tests = tcase_create("peer_pages");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_all_rows);
    tcase_add_test(tests, test_few_questions);
    tcase_add_test(tests, test_one_second);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
