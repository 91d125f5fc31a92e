/* Topics of the feed: what a prefix may match. */
#include "proto/feed.h"

#include "support_suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

START_TEST(prefixes_tell_what_they_may_match)
{
    static const struct {
        const char *prefix;
        unsigned told;
    } cases[] = {
        {"", FEED_EVENTS | FEED_VISITS},
        {"v", FEED_EVENTS | FEED_VISITS},
        {"v1.", FEED_EVENTS | FEED_VISITS},
        {"v1.central-1", FEED_EVENTS | FEED_VISITS},
        {"v1.central-1.", FEED_EVENTS | FEED_VISITS},
        {"v1.central-1.V", FEED_EVENTS | FEED_VISITS},
        {"v1.central-1.VI", FEED_VISITS},
        {"v1.central-1.VISIT", FEED_VISITS},
        {"v1.central-1.VE", FEED_EVENTS},
        {"v1.central-1.VEHICLE_EXIT", FEED_EVENTS},
        {"v1.central-1.KIND_", FEED_EVENTS},
        {"v1.central-1.KIND_99", FEED_EVENTS},
        {"v1.-", FEED_VISITS},
        {"v1.-.VISIT", FEED_VISITS},
        {"v1.-.VEHICLE_EXIT", 0},
        {"v1.central-1.VISITS", 0},
        {"v1.central-1.VEHICLE_EXITS", 0},
        {"v1.central-1.X", 0},
        {"v1..VISIT", 0},
        {"v1.central 1", 0},
        {"v2.", 0},
        {"x", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(feed_topic_tells(cases[i].prefix) == cases[i].told, "%s: %u", cases[i].prefix,
                      feed_topic_tells(cases[i].prefix));
    }
}
END_TEST

START_TEST(visits_are_chosen_by_where_they_began)
{
    struct feed_filter filter = {.has_visits = true};
    char topic[FEED_TOPIC];
    struct slice one = slice_text("central-1"), odd = slice_text("cổng 1"), none = {NULL, 0};

    feed_visit_topic(one, topic);
    ck_assert_str_eq(topic, "v1.central-1.VISIT");
    feed_visit_topic(odd, topic);
    ck_assert_str_eq(topic, "v1.-.VISIT");
    ck_assert(feed_filter_matches_visit(&filter, one));
    ck_assert(feed_filter_matches_visit(&filter, none));
    (void)snprintf(filter.topic, sizeof filter.topic, "v1.central-1.");
    ck_assert(feed_filter_matches_visit(&filter, one));
    ck_assert(!feed_filter_matches_visit(&filter, odd));
    (void)snprintf(filter.topic, sizeof filter.topic, "v1.central-1.VEHICLE");
    ck_assert(!feed_filter_matches_visit(&filter, one));
    filter = (struct feed_filter){.has_visits = true};
    ck_assert(node_id_parse(slice_text("central-2"), &filter.central));
    ck_assert(!feed_filter_matches_visit(&filter, one));
    filter = (struct feed_filter){.has_visits = false};
    ck_assert(!feed_filter_matches_visit(&filter, one));
    filter = (struct feed_filter){.has_visits = true, .no_events = true};
    ck_assert(feed_filter_matches_visit(&filter, one));
    struct node_id node;
    ck_assert(node_id_parse(one, &node));
    ck_assert(!feed_filter_matches(&filter, &node, EVENT_VEHICLE_EXIT));
    filter.no_events = false;
    ck_assert(feed_filter_matches(&filter, &node, EVENT_VEHICLE_EXIT));
}
END_TEST

/* As printf writes them. */
START_TEST(texts_of_every_message)
{
    static const uint64_t numbers[] = {0, 9, 10, 4711, UINT32_MAX, INT64_MAX, UINT64_MAX};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct feed_cursor cursor = {~numbers[i], numbers[i]};
        char text[FEED_CURSOR_TEXT], wanted[64];
        (void)snprintf(wanted, sizeof wanted, "%016" PRIx64 ":%" PRIu64, cursor.feed, cursor.lsn);
        feed_cursor_text(&cursor, text);
        ck_assert_str_eq(text, wanted);
        ck_assert_uint_eq(decimal_text(numbers[i], text), strlen(strchr(wanted, ':') + 1));
        ck_assert_str_eq(text, strchr(wanted, ':') + 1);
    }
    struct node_id node;
    char topic[FEED_TOPIC], longest[LIMIT_NODE_ID + 1];
    memset(longest, 'x', LIMIT_NODE_ID);
    longest[LIMIT_NODE_ID] = '\0';
    ck_assert(node_id_parse(slice_text(longest), &node));
    feed_topic(&node, EVENT_VEHICLE_ENTRY_CONFIRMED, topic);
    ck_assert_uint_eq(strlen(topic), 3 + LIMIT_NODE_ID + 1 + strlen("VEHICLE_ENTRY_CONFIRMED"));
    ck_assert_str_eq(topic + 3 + LIMIT_NODE_ID, ".VEHICLE_ENTRY_CONFIRMED");
    feed_topic(&node, UINT32_MAX, topic);
    ck_assert_str_eq(topic + 3 + LIMIT_NODE_ID, ".KIND_4294967295");
}
END_TEST

int main(void)
{
    const TTest *tests[] = {prefixes_tell_what_they_may_match,
                            visits_are_chosen_by_where_they_began, texts_of_every_message};
    return suite_run("feed", tests, sizeof tests / sizeof *tests);
}
