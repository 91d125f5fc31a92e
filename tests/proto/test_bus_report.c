#include "proto/bus_report.h"

#include "proto/limits.h"
#include "tests/proto/support_suite.h"

#include <stdio.h>
#include <string.h>

/* As full as it can be. */
static void fill(struct bus_report *report)
{
    *report = (struct bus_report){.is_listening = true,
                                  .address = "2001:db8::1",
                                  .port = 9001,
                                  .replay_port = UINT16_MAX,
                                  .is_encrypted = true,
                                  .at = {UINT64_MAX, 4711},
                                  .published = 1,
                                  .replays = 2,
                                  .replayed = UINT64_MAX,
                                  .unknown = 3,
                                  .topic_count = LIMIT_BUS_TOPICS,
                                  .replay_count = LIMIT_BUS_SESSIONS};
    for (size_t i = 0; i < LIMIT_BUS_TOPICS; i++) {
        struct bus_topic *topic = &report->topics[i];
        (void)snprintf(topic->prefix, sizeof topic->prefix, "v1.central-%zu.", i);
        topic->subscribers = i;
        topic->lsn = UINT64_MAX - i;
    }
    memset(report->topics[0].prefix, 'x', FEED_TOPIC - 1);
    for (size_t i = 0; i < LIMIT_BUS_SESSIONS; i++) {
        struct bus_replay *replay = &report->recent[i];
        (void)snprintf(replay->address, sizeof replay->address, "10.0.0.%zu", i);
        (void)snprintf(replay->prefix, sizeof replay->prefix, "v1.cổng-%zu.", i);
        replay->at = (struct feed_cursor){i + 1, i};
        replay->sent = i * 1000;
        replay->begun_ms = i % 2 ? INT64_MIN : INT64_MAX;
        replay->is_under_way = i % 2;
    }
}

START_TEST(comes_back)
{
    static struct bus_report report, got;
    struct buffer buffer = {0};

    fill(&report);
    ck_assert_int_eq(bus_report_pack(&report, &buffer), 0);
    ck_assert_int_eq(bus_report_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert(got.is_listening && got.is_encrypted);
    ck_assert_str_eq(got.address, report.address);
    ck_assert(got.port == report.port && got.replay_port == report.replay_port);
    ck_assert(got.at.feed == report.at.feed && got.at.lsn == report.at.lsn);
    ck_assert(got.published == 1 && got.replays == 2 && got.replayed == UINT64_MAX);
    ck_assert(got.unknown == 3);
    ck_assert_uint_eq(got.topic_count, LIMIT_BUS_TOPICS);
    ck_assert_uint_eq(got.replay_count, LIMIT_BUS_SESSIONS);
    for (size_t i = 0; i < got.topic_count; i++) {
        ck_assert_str_eq(got.topics[i].prefix, report.topics[i].prefix);
        ck_assert_uint_eq(got.topics[i].subscribers, report.topics[i].subscribers);
        ck_assert_uint_eq(got.topics[i].lsn, report.topics[i].lsn);
    }
    for (size_t i = 0; i < got.replay_count; i++) {
        const struct bus_replay *a = &got.recent[i], *b = &report.recent[i];
        ck_assert_str_eq(a->address, b->address);
        ck_assert_str_eq(a->prefix, b->prefix);
        ck_assert(a->at.feed == b->at.feed && a->at.lsn == b->at.lsn && a->sent == b->sent);
        ck_assert(a->begun_ms == b->begun_ms && a->is_under_way == b->is_under_way);
    }
    buffer_free(&buffer);
}
END_TEST

START_TEST(a_closed_bus_comes_back)
{
    static struct bus_report report, got;
    struct buffer buffer = {0};

    fill(&got); /* what was in it is gone */
    ck_assert_int_eq(bus_report_pack(&report, &buffer), 0);
    ck_assert_int_eq(bus_report_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert(!got.is_listening && got.topic_count == 0 && got.replay_count == 0);
    ck_assert_str_eq(got.address, "");
    buffer_free(&buffer);
}
END_TEST

START_TEST(has_limits)
{
    static struct bus_report report;
    struct buffer buffer;

    buffer_init(&buffer, 5);
    ck_assert_int_eq(bus_report_pack(&report, &buffer), -1);
    buffer_free(&buffer);
    /* one topic more than there can be, and a port that is none */
    static const struct slice bad[] = {
        SUITE_LITERAL("\x9d\xc3\xa1*\xce\x00\x01\x00\x00\x02\xc3\x01\x01\x01\x01\x01\x01\x90\x90"),
        SUITE_LITERAL("\x9d\xc3\xa1*\x01\x02\xc3\x01\x01\x01\x01\x01\x01\x91\x90\x90"),
        SUITE_LITERAL("\x9c\xc3\xa1*\x01\x02\xc3\x01\x01\x01\x01\x01\x01\x90"),
        SUITE_LITERAL("\x80"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(bus_report_unpack(&report, bad[i]) == -1, "row %zu", i);
    }
    ck_assert_int_eq(
        bus_report_unpack(&report,
                          SUITE_BYTES("\x9d\xc3\xa1*\x01\x02\xc3\x01\x01\x01\x01\x01\x01\x90\x90")),
        0);
}
END_TEST

START_TEST(no_list_is_longer_than_its_room)
{
    static struct bus_report report;
    struct buffer buffer = {0};

    fill(&report);
    ck_assert_int_eq(bus_report_pack(&report, &buffer), 0);
    /* the lists' heads, array 16 of 64, announce one more; a nil behind makes it well-formed */
    for (size_t at = 0; at + 3 <= buffer.len; at++) {
        if (memcmp(buffer.data + at, "\xdc\x00\x40", 3) == 0) {
            struct buffer longer = {0};
            static struct bus_report got;
            ck_assert_int_eq(buffer_append(&longer, buffer.data, at), 0);
            ck_assert_int_eq(buffer_append(&longer, "\xdc\x00\x41\xc0", 4), 0);
            ck_assert_int_eq(buffer_append(&longer, buffer.data + at + 3, buffer.len - at - 3), 0);
            ck_assert_int_eq(bus_report_unpack(&got, buffer_slice(&longer)), -1);
            ck_assert_uint_le(got.topic_count, LIMIT_BUS_TOPICS);
            ck_assert_uint_le(got.replay_count, LIMIT_BUS_SESSIONS);
            buffer_free(&longer);
        }
    }
    buffer_free(&buffer);
}
END_TEST

static void read_strange(struct slice bytes)
{
    static struct bus_report report;

    if (bus_report_unpack(&report, bytes) == 0) {
        ck_assert_uint_le(report.topic_count, LIMIT_BUS_TOPICS);
        ck_assert_uint_le(report.replay_count, LIMIT_BUS_SESSIONS);
    }
}

START_TEST(strange_bytes_are_survived)
{
    static struct bus_report report;
    struct buffer buffer = {0};

    fill(&report);
    report.topic_count = report.replay_count = 3;
    ck_assert_int_eq(bus_report_pack(&report, &buffer), 0);
    suite_hostile(buffer_slice(&buffer), 5000, read_strange);
    buffer_free(&buffer);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {comes_back, a_closed_bus_comes_back, has_limits,
                            no_list_is_longer_than_its_room, strange_bytes_are_survived};
    return suite_run("bus_report", tests, sizeof tests / sizeof *tests);
}
