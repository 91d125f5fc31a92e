#include "proto/gate_text.h"

#include "tests/proto/support_suite.h"

START_TEST(says_who_went_where)
{
    char text[60];
    gate_text_done(false, slice_text("51F-204.17"), text, sizeof text);
    ck_assert_str_eq(text, "Xe 51F-204.17 VÀO bãi");
    gate_text_done(true, slice_text("51F-204.17"), text, sizeof text);
    ck_assert_str_eq(text, "Xe 51F-204.17 RA bãi");
    gate_text_done(true, (struct slice){0}, text, sizeof text);
    ck_assert_str_eq(text, "Xe  RA bãi");
}
END_TEST

START_TEST(keeps_to_its_room)
{
    char text[8];
    gate_text_done(true, slice_text("51F-204.17"), text, sizeof text);
    ck_assert_str_eq(text, "Xe 51F-");
}
END_TEST

int main(void)
{
    const TTest *tests[] = {says_who_went_where, keeps_to_its_room};
    return suite_run("gate_text", tests, sizeof tests / sizeof *tests);
}
