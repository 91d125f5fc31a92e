#include "proto/problem.h"

#include "tests/proto/support_suite.h"

#include <string.h>

START_TEST(every_code_has_a_name_and_statuses)
{
    for (int code = 0; code < PROBLEM_COUNT; code++) {
        const char *name = problem_name((enum problem_code)code);
        ck_assert(strlen(name) > 1 && strlen(name) < 40); /* fits a REJECT */
        ck_assert_int_ge(problem_http_status((enum problem_code)code), 200);
        int status = problem_exit_status((enum problem_code)code);
        ck_assert(status == 0 || (status >= 64 && status <= 78));
        for (int other = 0; other < code; other++) {
            ck_assert_str_ne(name, problem_name((enum problem_code)other));
        }
    }
    ck_assert_str_eq(problem_name(PROBLEM_PORT_IN_USE), "PORT_IN_USE");
    ck_assert_int_eq(problem_exit_status(PROBLEM_CONFIG_INVALID), 78);
    ck_assert_int_eq(problem_http_status(PROBLEM_DISK_FULL), 507);
}
END_TEST

START_TEST(a_foreign_number_is_internal)
{
    ck_assert_str_eq(problem_name((enum problem_code)PROBLEM_COUNT), "INTERNAL");
    ck_assert_str_eq(problem_name((enum problem_code) - 1), "INTERNAL");
}
END_TEST

START_TEST(says_what_where_and_what_to_do)
{
    struct problem problem;
    ck_assert_int_eq(problem_set(&problem, PROBLEM_PORT_IN_USE, "use another", "port %d", 9000),
                     -1);
    ck_assert_int_eq(problem.code, PROBLEM_PORT_IN_USE);
    ck_assert_str_eq(problem.text, "port 9000");
    ck_assert_str_eq(problem.hint, "use another");

    /* A text may be built from the one before it. */
    (void)problem_set(&problem, PROBLEM_INTERNAL, problem.hint, "again: %s", problem.text);
    ck_assert_str_eq(problem.text, "again: port 9000");
    ck_assert_str_eq(problem.hint, "use another");

    (void)problem_set(&problem, PROBLEM_INTERNAL, NULL, "x");
    ck_assert_str_eq(problem.hint, "");
    ck_assert_int_eq(problem_set(NULL, PROBLEM_INTERNAL, NULL, "x"), -1);
}
END_TEST

START_TEST(a_long_text_is_cut_between_characters)
{
    struct problem problem;
    char text[2000] = "";
    for (size_t i = 0; i + 4 < sizeof text; i += 3) {
        memcpy(text + i, "ờ", 4);
    }
    for (int lead = 0; lead < 3; lead++) {
        (void)problem_set(&problem, PROBLEM_INTERNAL, text, "%.*s%s", lead, "ab", text);
        size_t len = strlen(problem.text);
        ck_assert_uint_gt(len, sizeof problem.text - 4);
        ck_assert_uint_eq((len - (size_t)(lead > 2 ? 2 : lead)) % 3, 0);
        ck_assert_uint_eq(strlen(problem.hint) % 3, 0);
    }
}
END_TEST

int main(void)
{
    const TTest *tests[] = {every_code_has_a_name_and_statuses, a_foreign_number_is_internal,
                            says_what_where_and_what_to_do, a_long_text_is_cut_between_characters};
    return suite_run("problem", tests, sizeof tests / sizeof *tests);
}
