/* How long peers' live runs wait for one another. */
#include "node/convoy.h"

#include "tests/support_main.h"

#include <check.h>

#define START 5000

#define COMMIT 400

/* A stream's commit is just done. */
static struct convoy in_a_stream(void)
{
    struct convoy convoy = {0};

    convoy_came(&convoy, START);
    convoy_left(&convoy, START);
    convoy_stored(&convoy, START + COMMIT);
    return convoy;
}

START_TEST(the_first_does_not_wait)
{
    struct convoy convoy = {0};

    convoy_came(&convoy, START);
    ck_assert_int_eq(convoy_wait_us(&convoy, 1, START), 0);
    convoy = in_a_stream();
    convoy_came(&convoy, START + 1000 * CONVOY_GATHER_US);
    ck_assert_int_eq(convoy_wait_us(&convoy, 1, START + 1000 * CONVOY_GATHER_US), 0);
}
END_TEST

START_TEST(who_comes_right_behind_waits_for_others)
{
    struct convoy convoy = in_a_stream();

    convoy_came(&convoy, START + 2 * COMMIT);
    ck_assert_int_eq(convoy_wait_us(&convoy, 1, START + 2 * COMMIT), CONVOY_GATHER_US - 2 * COMMIT);
    ck_assert_int_eq(convoy_wait_us(&convoy, CONVOY_ENOUGH - 1, START + CONVOY_GATHER_US - 1), 1);
    ck_assert_int_eq(convoy_wait_us(&convoy, 2, START + CONVOY_GATHER_US), 0);
}
END_TEST

/* Each event is sent when the last one is stored here: a commit there, one here. */
START_TEST(one_event_at_a_time_does_not_wait)
{
    struct convoy convoy = {0};

    for (int64_t now = START; now < START + 1000000; now += 2 * COMMIT + 1) {
        convoy_came(&convoy, now);
        ck_assert_int_eq(convoy_wait_us(&convoy, 1, now), 0);
        convoy_left(&convoy, now);
        convoy_stored(&convoy, now + COMMIT);
    }
}
END_TEST

START_TEST(a_commit_without_runs_says_nothing_of_a_stream)
{
    struct convoy convoy = in_a_stream();

    convoy_stored(&convoy, START + 1000000);
    convoy_came(&convoy, START + 1000000);
    ck_assert_int_eq(convoy_wait_us(&convoy, 1, START + 1000000), 0);
}
END_TEST

START_TEST(enough_do_not_wait)
{
    struct convoy convoy = in_a_stream();

    convoy_came(&convoy, START + COMMIT);
    ck_assert_int_gt(convoy_wait_us(&convoy, 1, START + COMMIT), 0);
    ck_assert_int_eq(convoy_wait_us(&convoy, CONVOY_ENOUGH, START + COMMIT), 0);
    ck_assert_int_eq(convoy_wait_us(&convoy, 0, START + COMMIT), 0);
}
END_TEST

/* One run each 100 us: all of them wait together, none longer than CONVOY_GATHER_US. */
START_TEST(a_stream_leaves_some_hundred_times_a_second)
{
    struct convoy convoy = {0};
    size_t waiting = 0, commits = 0;
    int64_t oldest = 0;

    for (int64_t now = START; now < START + 1000000; now += 100) {
        if (waiting++ == 0) {
            oldest = now;
            convoy_came(&convoy, now);
        }
        ck_assert_int_le(now - oldest, CONVOY_GATHER_US);
        if (convoy_wait_us(&convoy, waiting, now) == 0) {
            convoy_left(&convoy, now);
            convoy_stored(&convoy, now + COMMIT);
            waiting = 0;
            commits++;
        }
    }
    ck_assert_uint_ge(commits, 1000000 / CONVOY_GATHER_US);
    ck_assert_uint_le(commits, 1000000 / CONVOY_GATHER_US + 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("convoy");
    TCase *tcase = tcase_create("convoy");
    tcase_add_test(tcase, the_first_does_not_wait);
    tcase_add_test(tcase, who_comes_right_behind_waits_for_others);
    tcase_add_test(tcase, enough_do_not_wait);
    tcase_add_test(tcase, one_event_at_a_time_does_not_wait);
    tcase_add_test(tcase, a_commit_without_runs_says_nothing_of_a_stream);
    tcase_add_test(tcase, a_stream_leaves_some_hundred_times_a_second);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
