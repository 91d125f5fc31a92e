#include "proto/probe.h"
#include "support_suite.h"

static void read_question(struct slice bytes)
{
    struct probe_question question;
    (void)probe_question_unpack(&question, bytes);
}

static void read_report(struct slice bytes)
{
    struct probe_report report;
    (void)probe_report_unpack(&report, bytes);
}

START_TEST(test_there_and_back)
{
    struct probe_question question = {.since_ms = 12345}, again;
    struct probe_report report = {.state = PROBE_ANSWERED, .rtt_ms = 7}, same;
    struct buffer out = {0};

    ck_assert(node_id_parse(slice_text("central-2"), &question.peer));
    ck_assert_int_eq(probe_question_pack(&question, &out), 0);
    ck_assert_int_eq(probe_question_unpack(&again, buffer_slice(&out)), 0);
    ck_assert_str_eq(again.peer.text, "central-2");
    ck_assert_int_eq(again.since_ms, 12345);
    suite_hostile(buffer_slice(&out), 500, read_question);
    buffer_clear(&out);
    ck_assert_int_eq(probe_report_pack(&report, &out), 0);
    ck_assert_int_eq(probe_report_unpack(&same, buffer_slice(&out)), 0);
    ck_assert_int_eq(same.state, PROBE_ANSWERED);
    ck_assert_int_eq(same.rtt_ms, 7);
    suite_hostile(buffer_slice(&out), 500, read_report);
    buffer_free(&out);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_there_and_back};

    return suite_run("probe", tests, sizeof tests / sizeof *tests);
}
