/* Topics of the feed: what a prefix may match. */
#include "proto/feed.h"

#include "support_suite.h"

#include <check.h>
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
}
END_TEST

int main(void)
{
    const TTest *tests[] = {prefixes_tell_what_they_may_match,
                            visits_are_chosen_by_where_they_began};
    return suite_run("feed", tests, sizeof tests / sizeof *tests);
}
