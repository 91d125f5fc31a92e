/* The first difference, between threads. */
#include "proto/diff.h"

#include "tests/proto/support_suite.h"

#include <check.h>
#include <string.h>

START_TEST(questions_come_back)
{
    struct node_id peer = {"central-2"}, read;
    struct buffer out = {0};
    ck_assert_int_eq(diff_question_pack(&peer, &out), 0);
    ck_assert_int_eq(diff_question_unpack(&read, buffer_slice(&out)), 0);
    ck_assert_str_eq(read.text, "central-2");
    ck_assert_int_eq(diff_question_unpack(&read, slice_text("?")), -1); /* asks for the report */
    buffer_free(&out);
}
END_TEST

START_TEST(answers_come_back)
{
    for (int state = DIFF_UNKNOWN_PEER; state <= DIFF_DAMAGED; state++) {
        struct diff_report report = {.state = (enum diff_state)state,
                                     .position = {{{"a"}, UINT64_MAX}, 7},
                                     .ours = {{1}},
                                     .theirs = {{2}}};
        struct diff_report read;
        struct buffer out = {0};
        ck_assert_int_eq(diff_report_pack(&report, &out), 0);
        ck_assert_int_eq(diff_report_unpack(&read, buffer_slice(&out)), 0);
        ck_assert_int_eq((int)read.state, state);
        ck_assert(strlen(diff_state_name(read.state)) > 0);
        if (state >= DIFF_MISSING_HERE) {
            ck_assert_int_eq(position_compare(&read.position, &report.position), 0);
            ck_assert(digest_equal(&read.theirs, &report.theirs));
        }
        buffer_free(&out);
    }
    struct diff_report read;
    ck_assert_int_eq(diff_report_unpack(&read, slice_text("\x91\x09")), -1);
    ck_assert_int_eq(diff_report_unpack(&read, slice_text("\x91\x05")), -1); /* without a place */
}
END_TEST

int main(void)
{
    const TTest *tests[] = {questions_come_back, answers_come_back};
    return suite_run("diff", tests, sizeof tests / sizeof *tests);
}
