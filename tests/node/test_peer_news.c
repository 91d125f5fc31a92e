/* What the peer link asks of a real database: news behind a cursor, and what somebody missed. */
#include "support_house.h"
#include "support_peer.h"
#include "tests/support_main.h"

#include "proto/event.h"
#include "storage/history.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define NONE EVENT_NONE
#define PEER "central-9"
#define X "98A00001"
#define Y "98A00002"
#define at peer_at
#define MOST 700

static struct house house;
static struct history *history;

/* What one question gave. */
static struct {
    struct history_feed feed;
    size_t count, stop_after;
    uint32_t kinds[MOST];
    char visits[MOST][LIMIT_EVENT_ID + 1]; /* "" = none */
    char centrals[MOST][LIMIT_NODE_ID + 1];
    enum visit_status status[MOST];
    bool more;
} got;

static void setup(void)
{
    house_start(&house, "central-1");
    history = history_open(house.path, &house.problem);
    ck_assert_ptr_nonnull(history);
    memset(&got, 0, sizeof got);
}

static void teardown(void)
{
    history_close(&history);
    house_stop(&house);
}

static void tell(struct command command)
{
    struct answer answer = house_decide(&house, &command);
    ck_assert_msg(answer.code == PROBLEM_OK, "%s", answer.text);
}

static int take_news(void *context, const struct history_news *news)
{
    (void)context;
    if (got.stop_after != 0 && got.count == got.stop_after) {
        return 7;
    }
    ck_assert_uint_lt(got.count, MOST);
    got.kinds[got.count] = news->event.kind;
    (void)slice_copy(news->central, got.centrals[got.count], sizeof got.centrals[0]);
    got.visits[got.count][0] = '\0';
    if (news->visit != NULL) {
        (void)slice_copy(news->visit->event_id, got.visits[got.count], sizeof got.visits[0]);
        got.status[got.count] = news->visit->status;
    }
    got.count++;
    return 0;
}

static struct feed_cursor beginning(void)
{
    struct history_feed feed;
    ck_assert_int_eq(history_feed(history, NULL, NULL, NULL, NULL, &feed, &house.problem), 0);
    return feed.beginning;
}

static struct feed_cursor news_after(struct feed_cursor after)
{
    got.count = 0;
    ck_assert_int_eq(history_news(history, &after, take_news, NULL, &got.feed, &house.problem), 0);
    ck_assert(got.feed.is_known);
    return got.feed.next;
}

#define ck_news(i, kind_, central_, visit_)             \
    do {                                                \
        ck_assert_uint_eq(got.kinds[i], EVENT_##kind_); \
        ck_assert_str_eq(got.centrals[i], central_);    \
        ck_assert_str_eq(got.visits[i], visit_);        \
    } while (0)

/* ---- news ---- */

START_TEST(an_event_comes_with_the_visit_as_it_is_now)
{
    struct command gate = house_gate(GATE_ENTRY, Y, "mine", NONE);
    tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    tell(gate);
    tell(peer_exit(PEER, "k", X, at(10, 0, 0), 0));
    struct feed_cursor end = news_after(beginning());
    ck_assert_uint_eq(got.count, 3);
    ck_news(0, VEHICLE_ENTRY_PENDING, PEER, "v");
    ck_assert_int_eq(got.status[0], VISIT_OUT);
    ck_news(1, VEHICLE_ENTRY_PENDING, "central-1", "mine");
    ck_news(2, VEHICLE_EXIT, PEER, "v"); /* under a name of its own */
    ck_assert(!got.feed.more);
    (void)news_after(end);
    ck_assert_uint_eq(got.count, 0);
}
END_TEST

START_TEST(what_was_superseded_means_its_superseder)
{
    tell(peer_entry(PEER, "late", X, at(9, 5, 0)));
    tell(peer_entry("central-8", "early", X, at(9, 0, 0)));
    tell(peer_exit(PEER, "late", X, at(10, 0, 0), 0));
    (void)news_after(beginning());
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(got.visits[i], "early");
        ck_assert_int_eq(got.status[i], VISIT_OUT);
    }
}
END_TEST

START_TEST(orphans_and_lots_have_no_visit)
{
    struct command lot;
    command_init(&lot, COMMAND_LOT);
    lot.location = slice_text("Bãi A");
    lot.capacity = 5;
    tell(peer_exit(PEER, "k", X, at(10, 0, 0), 0));
    tell(lot);
    struct feed_cursor end = news_after(beginning());
    ck_assert_uint_eq(got.count, 2);
    ck_news(0, VEHICLE_EXIT, PEER, "");
    ck_news(1, PARKING_LOT_CONFIG, "central-1", "");
    tell(peer_entry(PEER, "v", X, at(9, 0, 0))); /* and its visit comes with the entry */
    (void)news_after(end);
    ck_assert_uint_eq(got.count, 1);
    ck_news(0, VEHICLE_ENTRY_PENDING, PEER, "v");
    ck_assert_int_eq(got.status[0], VISIT_OUT);
}
END_TEST

START_TEST(what_was_refused_comes_again)
{
    struct feed_cursor start = beginning();
    tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    tell(peer_entry(PEER, "w", Y, at(9, 0, 0)));
    got.stop_after = 1;
    ck_assert_int_eq(history_news(history, &start, take_news, NULL, &got.feed, &house.problem), 7);
    ck_assert(got.feed.more);
    got.stop_after = 0;
    (void)news_after(got.feed.next);
    ck_assert_uint_eq(got.count, 1);
    ck_news(0, VEHICLE_ENTRY_PENDING, PEER, "w");
}
END_TEST

START_TEST(many_news_come_in_pages)
{
    struct feed_cursor next = beginning();
    size_t total = 0, pages = 0;
    house_begin(&house);
    for (int i = 0; i < LIMIT_PAGE_ROWS + 10; i++) {
        char plate[16], name[16];
        (void)snprintf(plate, sizeof plate, "51G%05d", i);
        (void)snprintf(name, sizeof name, "v%d", i);
        struct command entry = peer_entry(PEER, name, plate, at(9, 0, 0));
        (void)house_decide_more(&house, &entry);
    }
    house_commit(&house);
    do {
        next = news_after(next);
        total += got.count;
        pages++;
    } while (got.feed.more);
    ck_assert_uint_eq(total, LIMIT_PAGE_ROWS + 10);
    ck_assert_uint_ge(pages, 2);
}
END_TEST

START_TEST(an_unknown_cursor_gives_nothing)
{
    struct feed_cursor foreign = {beginning().feed ^ 1, 3};
    tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    ck_assert_int_eq(history_news(history, &foreign, take_news, NULL, &got.feed, &house.problem),
                     0);
    ck_assert(!got.feed.is_known);
    ck_assert_uint_eq(got.count, 0);
}
END_TEST

/* ---- since ---- */

static int take_row(void *context, const struct visit *visit)
{
    (void)context;
    if (got.stop_after != 0 && got.count == got.stop_after) {
        return 7;
    }
    ck_assert_uint_lt(got.count, MOST);
    (void)slice_copy(visit->event_id, got.visits[got.count++], sizeof got.visits[0]);
    return 0;
}

static int since(int64_t since_ms, struct history_place *place, int64_t limit)
{
    return history_since(history, since_ms, place, limit, take_row, NULL, &got.more,
                         &house.problem);
}

static void fill(void)
{
    static char plates[8][16];
    for (int i = 0; i < 8; i++) {
        (void)snprintf(plates[i], sizeof plates[i], "51G0000%d", i);
    }
    tell(peer_row(PEER, "gone", plates[0], at(1, 0, 0), at(2, 0, 0), 0));
    tell(peer_entry(PEER, "stays", plates[1], at(1, 0, 0)));
    tell(peer_row(PEER, "left-b", plates[2], at(1, 0, 0), at(12, 0, 1), 0));
    tell(peer_row(PEER, "left-a", plates[3], at(2, 0, 0), at(12, 0, 0), 0));
    tell(peer_row(PEER, "both", plates[4], at(12, 0, 0), at(13, 0, 0), 0));
    tell(peer_entry(PEER, "came", plates[5], at(14, 0, 0)));
    tell(peer_entry("central-8", "loser", plates[5], at(14, 5, 0)));
    tell(peer_entry(PEER, "deleted", plates[6], at(14, 0, 0)));
    struct command change = house_change(COMMAND_DELETE, "deleted", NULL);
    tell(change);
}

static const char *const EXPECTED[] = {"stays", "left-a", "left-b", "both", "came"};
#define EXPECTED_COUNT (sizeof EXPECTED / sizeof EXPECTED[0])

static void check_expected(void)
{
    ck_assert_uint_eq(got.count, EXPECTED_COUNT);
    for (size_t i = 0; i < EXPECTED_COUNT; i++) {
        ck_assert_str_eq(got.visits[i], EXPECTED[i]);
    }
}

START_TEST(somebody_away_hears_each_visit_once)
{
    struct history_place place = {.part = 0};
    fill();
    ck_assert_int_eq(since(at(12, 0, 0), &place, MOST), 0);
    ck_assert(!got.more);
    check_expected();
}
END_TEST

START_TEST(pages_of_any_size_give_the_same)
{
    for (int64_t limit = 1; limit < 5; limit++) {
        struct history_place place = {.part = 0};
        got.count = 0;
        if (limit == 1) {
            fill();
        }
        do {
            ck_assert_int_eq(since(at(12, 0, 0), &place, limit), 0);
        } while (got.more);
        check_expected();
    }
}
END_TEST

START_TEST(a_row_that_was_refused_comes_again)
{
    struct history_place place = {.part = 0};
    fill();
    got.stop_after = 2;
    ck_assert_int_eq(since(at(12, 0, 0), &place, MOST), 7);
    got.stop_after = 0;
    ck_assert_int_eq(since(at(12, 0, 0), &place, MOST), 0);
    check_expected();
}
END_TEST

START_TEST(since_ever_is_everything)
{
    struct history_place place = {.part = 0};
    fill();
    ck_assert_int_eq(since(0, &place, MOST), 0);
    ck_assert_uint_eq(got.count, EXPECTED_COUNT + 1);
    ck_assert_str_eq(got.visits[0], "gone");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peer_news");
    TCase *tcase = tcase_create("questions");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_event_comes_with_the_visit_as_it_is_now);
    tcase_add_test(tcase, what_was_superseded_means_its_superseder);
    tcase_add_test(tcase, orphans_and_lots_have_no_visit);
    tcase_add_test(tcase, what_was_refused_comes_again);
    tcase_add_test(tcase, many_news_come_in_pages);
    tcase_add_test(tcase, an_unknown_cursor_gives_nothing);
    tcase_add_test(tcase, somebody_away_hears_each_visit_once);
    tcase_add_test(tcase, pages_of_any_size_give_the_same);
    tcase_add_test(tcase, a_row_that_was_refused_comes_again);
    tcase_add_test(tcase, since_ever_is_everything);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
