/* Which refusals are logged, on a clock that the test moves. */
#include "api/refusals.h"
#include "proto/limits.h"
#include "tests/support_main.h"

#include <check.h>

#define NOW INT64_C(1000000)

static struct refusals *refusals;

static void setup(void)
{
    refusals = refusals_new();
}

static void teardown(void)
{
    refusals_destroy(&refusals);
    refusals_destroy(&refusals); /* none: nothing to do */
}

/* How many of `count` refusals at `now_ms` are logged. */
static int logged(enum problem_code code, int count, int64_t now_ms, uint64_t *left_out)
{
    int lines = 0;

    for (int i = 0; i < count; i++) {
        uint64_t told = 0;
        if (refusals_take(refusals, code, now_ms, &told)) {
            *left_out = lines++ == 0 ? told : *left_out;
        }
    }
    return lines;
}

START_TEST(of_a_flood_the_first_are_logged)
{
    uint64_t told = 9;

    ck_assert_int_eq(logged(PROBLEM_NOT_FOUND, 10 * LIMIT_REFUSALS, NOW, &told), LIMIT_REFUSALS);
    ck_assert_uint_eq(told, 0);
    ck_assert_int_eq(logged(PROBLEM_NOT_FOUND, 5, NOW + LIMIT_REFUSALS_MS - 1, &told), 0);
    /* another code has lines of its own */
    ck_assert_int_eq(logged(PROBLEM_FORBIDDEN, 5, NOW + 1, &told), 5);
    ck_assert_uint_eq(told, 0);
    /* the next one says how many it stands for */
    ck_assert_int_eq(logged(PROBLEM_NOT_FOUND, 5, NOW + LIMIT_REFUSALS_MS, &told), 5);
    ck_assert_uint_eq(told, 9 * LIMIT_REFUSALS + 5);
    ck_assert_uint_eq(refusals_untold(refusals, PROBLEM_NOT_FOUND), 0);
}
END_TEST

START_TEST(the_rest_is_told_at_the_end)
{
    uint64_t told;

    (void)logged(PROBLEM_INTERNAL, LIMIT_REFUSALS + 3, NOW, &told);
    ck_assert_uint_eq(refusals_untold(refusals, PROBLEM_INTERNAL), 3);
    ck_assert_uint_eq(refusals_untold(refusals, PROBLEM_INTERNAL), 0);
    ck_assert_uint_eq(refusals_untold(refusals, PROBLEM_NOT_FOUND), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refusals");
    TCase *tests = tcase_create("refusals");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, of_a_flood_the_first_are_logged);
    tcase_add_test(tests, the_rest_is_told_at_the_end);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
