/* To look a moment longer or to sleep. */
#include "api/linger.h"

#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>

#define MOMENT 500

static struct linger after(int64_t waited_us)
{
    struct linger linger = {.moment_us = MOMENT};

    linger_learn(&linger, waited_us);
    return linger;
}

START_TEST(the_first_wait_sleeps_at_once)
{
    const struct linger linger = {.moment_us = MOMENT};

    ck_assert(!linger_on(&linger, 0));
}
END_TEST

START_TEST(after_a_short_wait_the_next_one_looks_for_a_moment)
{
    const struct linger linger = after(MOMENT - 1);

    ck_assert(linger_on(&linger, 0));
    ck_assert(linger_on(&linger, MOMENT - 1));
    ck_assert(!linger_on(&linger, MOMENT));
}
END_TEST

START_TEST(after_a_long_wait_the_next_one_sleeps_at_once)
{
    const struct linger linger = after(MOMENT);

    ck_assert(!linger_on(&linger, 0));
}
END_TEST

START_TEST(what_is_forgotten_sleeps_at_once)
{
    struct linger linger = after(0);

    linger_forget(&linger);
    ck_assert(!linger_on(&linger, 0));
    linger_learn(&linger, 0);
    ck_assert(linger_on(&linger, 0));
}
END_TEST

/* Waits of any length: who looked for nothing did so for one moment, and right after a short one.
 */
START_TEST(a_long_wait_wastes_one_moment_and_the_next_none)
{
    struct linger linger = {.moment_us = MOMENT};
    int64_t looked_us = 0, short_us = 0;
    unsigned wasted = 0, turned_long = 0;
    bool was_short = false;

    srand(20261123);
    for (int i = 0; i < 100000; i++) {
        int64_t wait_us = rand() % (3 * MOMENT), us = 0;
        bool is_short = wait_us < MOMENT;
        while (us < wait_us && linger_on(&linger, us)) {
            us++;
        }
        looked_us += us;
        short_us += is_short ? us : 0;
        wasted += !is_short && us > 0;
        turned_long += !is_short && was_short;
        linger_learn(&linger, wait_us);
        was_short = is_short;
    }
    ck_assert_uint_gt(turned_long, 0);
    ck_assert_uint_eq(wasted, turned_long);
    ck_assert_int_eq(looked_us, short_us + (int64_t)wasted * MOMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linger");
    TCase *tcase = tcase_create("linger");
    tcase_add_test(tcase, the_first_wait_sleeps_at_once);
    tcase_add_test(tcase, after_a_short_wait_the_next_one_looks_for_a_moment);
    tcase_add_test(tcase, after_a_long_wait_the_next_one_sleeps_at_once);
    tcase_add_test(tcase, what_is_forgotten_sleeps_at_once);
    tcase_add_test(tcase, a_long_wait_wastes_one_moment_and_the_next_none);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
