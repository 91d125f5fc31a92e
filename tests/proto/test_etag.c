/* Which lists of entity tags name a state, and which states they name. */
#include "proto/etag.h"

#include "tests/support_main.h"

#include <check.h>

static const struct {
    const char *list;
    bool is_list, is_seen; /* by who saw "right" */
} ROWS[] = {
    {"\"right\"", true, true},
    {"\"zz\", \"right\"", true, true},
    {"\"right\",\"zz\"", true, true},
    {" ,\"zz\"\t, ,\"right\" ,", true, true},
    {"W/\"right\"", true, false},
    {"W/\"right\", \"zz\"", true, false},
    {"W/\"zz\", \"right\"", true, true},
    {"\"zz\"", true, false},
    {"\"righ\"", true, false},
    {"\"right!\"", true, false},
    {"\"\"", true, false},
    {"\"zz,\\\"", true, false},
    {"right", false, false},
    {"", false, false},
    {" , ", false, false},
    {"*", false, false},
    {"w/\"right\"", false, false},
    {"W/", false, false},
    {"W/ \"right\"", false, false},
    {"\"", false, false},
    {"\"right", false, false},
    {"\"zz\" \"right\"", false, false},
    {"\"zz\", *", false, false},
    {"\"zz zz\"", false, false},
    {"\"z\xc3\xa9\"", false, false},
};

START_TEST(lists_and_what_they_name)
{
    struct slice list = slice_text(ROWS[_i].list);

    ck_assert_msg(etag_is_list(list) == ROWS[_i].is_list, "%s", ROWS[_i].list);
    ck_assert_msg(etag_is_seen(list, "right") == ROWS[_i].is_seen, "%s", ROWS[_i].list);
}
END_TEST

START_TEST(without_a_list_anything_is_seen)
{
    ck_assert(etag_is_seen((struct slice){NULL, 0}, "right"));
    ck_assert(!etag_is_list((struct slice){NULL, 0}));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("etag");
    TCase *tests = tcase_create("etag");

    tcase_add_loop_test(tests, lists_and_what_they_name, 0, sizeof ROWS / sizeof ROWS[0]);
    tcase_add_test(tests, without_a_list_anything_is_seen);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
