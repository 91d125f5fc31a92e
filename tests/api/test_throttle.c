/* Allowances of logins, on a clock that the test moves. */
#include "api/throttle.h"
#include "proto/limits.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdio.h>

#define NOW INT64_C(1000000)

static struct throttle *throttle;

static void setup(void)
{
    throttle = throttle_new();
}

static void teardown(void)
{
    throttle_destroy(&throttle);
}

START_TEST(an_account_has_five)
{
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(throttle_take(throttle, "Lan", "10.0.0.1", NOW), 0);
    }
    ck_assert_int_eq(throttle_take(throttle, "lan", "10.0.0.2", NOW), 30);
    ck_assert_int_eq(throttle_take(throttle, "an", "10.0.0.2", NOW), 0); /* another one is free */
    ck_assert_int_eq(throttle_take(throttle, "lan", "10.0.0.2", NOW + 29500), 1);
    ck_assert_int_eq(throttle_take(throttle, "lan", "10.0.0.2", NOW + 30000), 0);
    ck_assert_int_gt(throttle_take(throttle, "lan", "10.0.0.2", NOW + 30001), 0);
    throttle_forgive(throttle, "LAN", "10.0.0.2");
    ck_assert_int_eq(throttle_take(throttle, "lan", "10.0.0.2", NOW + 30001), 0);
}
END_TEST

START_TEST(an_address_has_twenty)
{
    char name[16];

    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "a%d", i);
        ck_assert_int_eq(throttle_take(throttle, name, "10.0.0.1", NOW), 0);
    }
    ck_assert_int_eq(throttle_take(throttle, "b", "10.0.0.1", NOW), 5);
    ck_assert_int_eq(throttle_take(throttle, "b", "10.0.0.2", NOW), 0);
    throttle_forgive(throttle, "a0",
                     "10.0.0.1"); /* one attempt, not all: guessing others goes on */
    ck_assert_int_eq(throttle_take(throttle, "c", "10.0.0.1", NOW), 0);
    ck_assert_int_gt(throttle_take(throttle, "c", "10.0.0.1", NOW), 0);
}
END_TEST

START_TEST(a_full_table_forgets_the_quiet)
{
    char text[16];

    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(throttle_take(throttle, "victim", "10.0.0.1", NOW), 0);
    }
    for (int i = 0; i < 2 * LIMIT_THROTTLED; i++) { /* from many addresses, for many names */
        (void)snprintf(text, sizeof text, "n%d", i);
        ck_assert_int_eq(throttle_take(throttle, text, text, NOW), 0);
    }
    ck_assert_int_gt(throttle_take(throttle, "victim", "10.0.0.3", NOW), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("throttle");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, an_account_has_five);
    tcase_add_test(tests, an_address_has_twenty);
    tcase_add_test(tests, a_full_table_forgets_the_quiet);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
