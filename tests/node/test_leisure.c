/* When the node does what can wait. */
#include "node/leisure.h"

#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>

#define START 5000

START_TEST(quiet_from_the_start_it_tidies_after_a_second_and_then_settles)
{
    struct leisure leisure = leisure_start(START);

    ck_assert_int_eq(leisure_wait_ms(&leisure, START), LEISURE_TIDY_MS);
    ck_assert_int_eq(leisure_next(&leisure, START + LEISURE_TIDY_MS - 1), LEISURE_NOTHING);
    ck_assert_int_eq(leisure_next(&leisure, START + LEISURE_TIDY_MS), LEISURE_TIDY);
    ck_assert_int_eq(leisure_wait_ms(&leisure, START + LEISURE_TIDY_MS), 0);
    ck_assert_int_eq(leisure_next(&leisure, START + LEISURE_TIDY_MS + 1), LEISURE_SETTLE);
    leisure_settled(&leisure, true);
    ck_assert_int_eq(leisure_next(&leisure, START + LEISURE_TIDY_MS + 2), LEISURE_SETTLE);
    leisure_settled(&leisure, false);
    ck_assert_int_eq(leisure_next(&leisure, START + LEISURE_TIDY_MS + 3), LEISURE_NOTHING);
    ck_assert_int_eq(leisure_wait_ms(&leisure, START + LEISURE_TIDY_MS + 3), LEISURE_TIDY_MS - 3);
}
END_TEST

/* One camera after the other, each a moment after the last answer: there is always an instant
 * without work, and none of them is leisure. */
START_TEST(a_load_without_a_pause_is_not_interrupted)
{
    struct leisure leisure = leisure_start(START);

    for (int64_t now = START; now < START + 10 * (int64_t)LEISURE_TIDY_MS; now++) {
        leisure_asked(&leisure, now);
        ck_assert_int_eq(leisure_next(&leisure, now), LEISURE_NOTHING);
        ck_assert_int_gt(leisure_wait_ms(&leisure, now), 0);
    }
}
END_TEST

START_TEST(who_asks_in_the_middle_is_not_followed_by_a_piece)
{
    struct leisure leisure = leisure_start(START);
    int64_t now = START + LEISURE_TIDY_MS;

    ck_assert_int_eq(leisure_next(&leisure, now), LEISURE_TIDY);
    ck_assert_int_eq(leisure_next(&leisure, now), LEISURE_SETTLE);
    leisure_settled(&leisure, true);
    leisure_asked(&leisure, now + 1);
    ck_assert_int_eq(leisure_next(&leisure, now + 1), LEISURE_NOTHING);
    ck_assert_int_eq(leisure_wait_ms(&leisure, now + 1), LEISURE_QUIET_MS);
    ck_assert_int_eq(leisure_next(&leisure, now + LEISURE_QUIET_MS), LEISURE_NOTHING);
    ck_assert_int_eq(leisure_next(&leisure, now + 1 + LEISURE_QUIET_MS), LEISURE_SETTLE);
}
END_TEST

/* Whoever sleeps for as long as it says and asks again gets something to do. */
START_TEST(it_never_sleeps_past_its_own_time)
{
    struct leisure leisure = leisure_start(0);
    unsigned seed = 7, tidied = 0;
    int64_t now = 0;

    for (int i = 0; i < 100000; i++) {
        if (rand_r(&seed) % 3 == 0) {
            now += rand_r(&seed) % 40;
            leisure_asked(&leisure, now);
            continue;
        }
        now += leisure_wait_ms(&leisure, now);
        enum leisure_task task = leisure_next(&leisure, now);
        ck_assert_int_ne(task, LEISURE_NOTHING);
        tidied += task == LEISURE_TIDY;
        if (task == LEISURE_SETTLE) {
            leisure_settled(&leisure, rand_r(&seed) % 2 == 0);
        }
    }
    ck_assert_uint_gt(tidied, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("leisure");
    TCase *tests = tcase_create("leisure");

    tcase_add_test(tests, quiet_from_the_start_it_tidies_after_a_second_and_then_settles);
    tcase_add_test(tests, a_load_without_a_pause_is_not_interrupted);
    tcase_add_test(tests, who_asks_in_the_middle_is_not_followed_by_a_piece);
    tcase_add_test(tests, it_never_sleeps_past_its_own_time);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
