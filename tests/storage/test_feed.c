/* The feed: what a cursor means after restarts, restored copies, erased, moved and mended events.
 */
#include "support_store.h"
#include "tests/support_main.h"

#include "storage/history.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 (CENTRAL_NOW - 3600000)
#define MOST 64

static struct central a, b;

/* What one reading of the feed gave. */
static struct {
    struct history_feed feed;
    struct feed_cursor cursors[MOST];
    struct position positions[MOST];
    uint32_t kinds[MOST];
    bool has_body[MOST], is_damaged[MOST];
    bool is_visit[MOST], is_gone[MOST];
    int64_t ids[MOST], revisions[MOST]; /* of visits */
    enum visit_status states[MOST];
    size_t count, most;
} got;

static void setup(void)
{
    central_start(&a, "central-1");
    central_start(&b, "central-2");
}

static void teardown(void)
{
    central_stop(&a);
    central_stop(&b);
}

static enum history_offer take(void *context, const struct history_event *event)
{
    (void)context;
    if (got.count == got.most) {
        return HISTORY_REFUSED;
    }
    got.cursors[got.count] = event->cursor;
    got.positions[got.count] = event->position;
    got.kinds[got.count] = event->kind;
    got.has_body[got.count] = event->body.data != NULL;
    got.is_damaged[got.count] = event->is_damaged;
    got.is_visit[got.count] = event->visit != NULL;
    got.is_gone[got.count] = event->is_gone;
    if (event->visit != NULL) {
        got.ids[got.count] = event->visit->id;
        got.revisions[got.count] = event->visit->revision;
        got.states[got.count] = event->visit->status;
    }
    got.count++;
    return HISTORY_TAKEN;
}

static void read_from(const struct central *central, const struct feed_cursor *after,
                      const struct feed_filter *filter)
{
    struct problem problem = {.text = ""};
    struct history *history = history_open(central->path, &problem);

    ck_assert_msg(history != NULL, "%s", problem.text);
    if (got.most == 0) {
        got.most = MOST;
    }
    got.count = 0;
    ck_assert_msg(history_feed(history, after, filter, take, NULL, &got.feed, &problem) == 0, "%s",
                  problem.text);
    history_close(&history);
}

static struct feed_cursor now_of(const struct central *central)
{
    read_from(central, NULL, NULL);
    ck_assert(got.feed.is_known);
    ck_assert_uint_eq(got.count, 0);
    return got.feed.now;
}

static void read_all(const struct central *central)
{
    (void)now_of(central);
    struct feed_cursor beginning = got.feed.beginning;
    read_from(central, &beginning, NULL);
    ck_assert(got.feed.is_known);
}

static void assert_same(struct feed_cursor one, struct feed_cursor other)
{
    ck_assert_uint_eq(one.feed, other.feed);
    ck_assert_uint_eq(one.lsn, other.lsn);
}

static void copy_file(const struct central *central, const char *from, const char *to)
{
    char command[512], one[160], other[160];

    (void)snprintf(command, sizeof command, "cp %s %s", central_file(central, from, one),
                   central_file(central, to, other));
    ck_assert_int_eq(system(command), 0);
}

START_TEST(events_come_in_order_and_pages_join)
{
    central_entry(&a, "v1", "30A11111", T0);
    central_entry(&b, "v2", "30A22222", T0 + 1);
    central_pull(&a, &b, 100);
    central_exit(&a, "v1", "30A11111", T0 + 2, 5000);
    read_all(&a);
    ck_assert_uint_eq(got.count, 3);
    ck_assert_str_eq(got.positions[1].stream.node.text, "central-2");
    ck_assert_int_eq(got.kinds[2], EVENT_VEHICLE_EXIT);
    assert_same(got.feed.next, got.feed.now);
    ck_assert_uint_eq(got.cursors[2].feed, got.feed.now.feed);
    ck_assert_uint_lt(got.cursors[2].lsn, got.feed.now.lsn); /* behind it, the visit */
    ck_assert(!got.feed.more);

    struct feed_cursor whole[3];
    memcpy(whole, got.cursors, sizeof whole);
    got.most = 1;
    struct feed_cursor at = got.feed.beginning;
    for (int i = 0; i < 3; i++) {
        read_from(&a, &at, NULL);
        ck_assert_uint_eq(got.count, 1);
        ck_assert(got.feed.more == (i < 2));
        assert_same(got.cursors[0], whole[i]);
        at = got.feed.next;
    }
    got.most = MOST;
    read_from(&a, &at, NULL);
    ck_assert_uint_eq(got.count, 0);
}
END_TEST

START_TEST(filters_choose_and_still_move_on)
{
    central_entry(&a, "v1", "30A11111", T0);
    central_entry(&b, "v2", "30A22222", T0 + 1);
    central_pull(&a, &b, 100);
    central_exit(&a, "v1", "30A11111", T0 + 2, 5000);
    struct feed_cursor now = now_of(&a), from = got.feed.beginning;

    struct feed_filter filter = {.kinds = {EVENT_VEHICLE_EXIT, 99}, .kind_count = 2};
    read_from(&a, &from, &filter);
    ck_assert_uint_eq(got.count, 1);
    ck_assert_int_eq(got.kinds[0], EVENT_VEHICLE_EXIT);

    filter = (struct feed_filter){.central = b.node};
    read_from(&a, &from, &filter);
    ck_assert_uint_eq(got.count, 1);
    assert_same(got.feed.next, now);

    filter = (struct feed_filter){.topic = "v1.central-1.VEHICLE_EN"};
    read_from(&a, &from, &filter);
    ck_assert_uint_eq(got.count, 1);
    ck_assert_str_eq(got.positions[0].stream.node.text, "central-1");
    filter = (struct feed_filter){.topic = "v1.central-1."};
    read_from(&a, &from, &filter);
    ck_assert_uint_eq(got.count, 2);
}
END_TEST

START_TEST(a_restart_continues_under_another_name)
{
    central_entry(&a, "v1", "30A11111", T0);
    struct feed_cursor old = now_of(&a);
    central_reopen(&a);
    struct feed_cursor idle = now_of(&a);
    ck_assert_uint_ne(idle.feed, old.feed);
    ck_assert_uint_eq(idle.lsn, old.lsn);
    central_reopen(&a); /* a feed without events */
    central_entry(&a, "v2", "30A22222", T0 + 1);

    read_all(&a);
    ck_assert_uint_eq(got.count, 2);
    ck_assert_uint_eq(got.cursors[0].feed, old.feed); /* an event keeps its cursor */
    ck_assert_uint_eq(got.cursors[0].lsn, 1);
    ck_assert_uint_ne(got.cursors[1].feed, old.feed);
    ck_assert_uint_ne(got.cursors[1].feed, idle.feed);

    read_from(&a, &old, NULL);
    ck_assert(got.feed.is_known);
    ck_assert_uint_eq(got.count, 1);
    read_from(&a, &idle, NULL);
    ck_assert(got.feed.is_known);
    ck_assert_uint_eq(got.count, 1);
    /* the next number is another feed's now */
    old.lsn++;
    read_from(&a, &old, NULL);
    ck_assert(!got.feed.is_known);
    ck_assert_uint_eq(got.count, 0);
    old.lsn--;
    assert_same(got.feed.resume, old);
}
END_TEST

START_TEST(a_restored_copy_never_reuses_a_cursor)
{
    central_entry(&a, "v1", "30A11111", T0);
    central_entry(&a, "v2", "30A22222", T0 + 1);
    struct feed_cursor saved = now_of(&a);
    central_close(&a);
    copy_file(&a, "central.db", "backup");
    central_open(&a);
    central_entry(&a, "v3", "30A33333", T0 + 2);
    central_entry(&a, "v4", "30A44444", T0 + 3);
    struct feed_cursor lost = now_of(&a);
    central_pull(&b, &a, 100);
    central_close(&a);
    copy_file(&a, "backup", "central.db");
    central_open(&a);
    central_entry(&a, "v5", "30A55555", T0 + 4);

    /* its feed was recorded after the backup: nothing is known of it */
    read_from(&a, &lost, NULL);
    ck_assert(!got.feed.is_known);
    assert_same(got.feed.resume, got.feed.beginning);
    read_from(&a, &saved, NULL);
    ck_assert(got.feed.is_known);
    ck_assert_uint_eq(got.count, 1);
    ck_assert_uint_eq(got.cursors[0].lsn, saved.lsn + 1);
    ck_assert_uint_ne(got.cursors[0].feed, lost.feed);
    /* what was lost comes again from the peer, as news */
    central_pull(&a, &b, 100);
    read_from(&a, &saved, NULL);
    ck_assert_uint_eq(got.count, 3);
    ck_assert_uint_eq(got.positions[1].seq, 1);
    (void)remove(central_file(&a, "backup", (char[160]){0}));
}
END_TEST

/* Copied while it ran: the backup knows the feed, which went on elsewhere. */
START_TEST(a_cursor_beyond_the_copy_names_its_end)
{
    central_entry(&a, "v1", "30A11111", T0);
    central_run(&a, "PRAGMA wal_checkpoint(TRUNCATE)");
    copy_file(&a, "central.db", "backup");
    struct feed_cursor end = now_of(&a);
    central_entry(&a, "v2", "30A22222", T0 + 1);
    struct feed_cursor lost = now_of(&a);
    ck_assert_uint_eq(lost.feed, end.feed);
    central_close(&a);
    copy_file(&a, "backup", "central.db");
    central_open(&a);
    central_entry(&a, "v3", "30A33333", T0 + 2);
    read_from(&a, &lost, NULL);
    ck_assert(!got.feed.is_known);
    assert_same(got.feed.resume, end);
    read_from(&a, &end, NULL);
    ck_assert_uint_eq(got.count, 1);
    (void)remove(central_file(&a, "backup", (char[160]){0}));
}
END_TEST

START_TEST(an_erased_event_stays_without_its_body)
{
    struct position first = central_entry(&a, "v1", "30A11111", T0);
    struct event event;
    event_init(&event, EVENT_REDACT);
    event.t_eff = T0;
    event.target_node = slice_text("central-1");
    event.target_epoch = first.stream.epoch;
    event.target_from = event.target_to = 1;
    central_write(&a, &event);
    read_all(&a);
    ck_assert_uint_eq(got.count, 2);
    ck_assert(!got.has_body[0] && !got.is_damaged[0]);
    ck_assert(got.has_body[1]);
}
END_TEST

START_TEST(a_mended_event_comes_again)
{
    struct buffer bytes = {0};
    struct run run;
    struct wire wire;
    struct position first = central_entry(&a, "v1", "30A11111", T0);
    central_entry(&a, "v2", "30A22222", T0 + 1);
    central_pull(&b, &a, 100);
    central_close(&b);
    central_run(&b, "UPDATE event SET body = x'80' WHERE seq = 1");
    central_open(&b);
    read_all(&b);
    ck_assert_uint_eq(got.count, 2);
    ck_assert(got.is_damaged[0] && !got.is_damaged[1]);
    struct feed_cursor seen = got.feed.next;

    central_read(&a, &first.stream, 1, 100, &bytes);
    ck_assert_int_eq(run_unpack(&run, &wire, buffer_slice(&bytes)), 0);
    ck_assert_int_eq(store_begin(b.store, &b.problem), 0);
    ck_assert_int_eq(store_repair(b.store, &run, b.now_ms, &b.problem), STORE_RUN_APPLIED);
    ck_assert_int_eq(store_commit(b.store, &b.problem), 0);
    run_free(&run);
    wire_close(&wire);
    buffer_free(&bytes);

    read_from(&b, &seen, NULL);
    ck_assert(got.feed.is_known);
    ck_assert_uint_eq(got.count, 1);
    ck_assert(!got.is_damaged[0]);
    ck_assert_int_eq(position_compare(&got.positions[0], &first), 0);
    read_all(&b);
    ck_assert_uint_eq(got.count, 2);
}
END_TEST

/* The branch that moves is in the log already at its new place: rows go, and none comes. */
START_TEST(a_number_is_not_given_twice_when_its_row_is_gone)
{
    struct position one = central_entry(&a, "v1", "30A11111", T0);
    struct digest chain;
    central_pull(&b, &a, 100);
    ck_assert_int_eq(store_begin(b.store, &b.problem), 0);
    char hex[256];
    central_text(&b, "SELECT hex(chain) FROM event", hex);
    for (size_t i = 0; i < sizeof chain.bytes; i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(hex + 2 * i, "%2X", &byte), 1);
        chain.bytes[i] = (uint8_t)byte;
    }
    ck_assert_int_eq(store_move_branch(b.store, &one, &chain, b.now_ms, &b.problem),
                     STORE_RUN_APPLIED);
    ck_assert_int_eq(store_commit(b.store, &b.problem), 0);
    struct feed_cursor moved = now_of(&b);
    read_all(&b);
    ck_assert_uint_eq(got.count, 1);
    assert_same(got.cursors[0], moved);
    ck_assert_str_eq(got.positions[0].stream.node.text, "central-2");

    central_close(&b);
    central_run(&b, "DELETE FROM event"); /* as when both held it */
    central_run(&b, "UPDATE stream SET head = 0, chain = zeroblob(16)");
    central_open(&b);
    central_entry(&b, "v2", "30A22222", T0 + 1);
    read_from(&b, &moved, NULL);
    ck_assert(got.feed.is_known);
    ck_assert_uint_eq(got.count, 1);
    ck_assert_uint_gt(got.cursors[0].lsn, moved.lsn);
}
END_TEST

/* ---- folded visits ---- */

static const struct feed_filter WITH_VISITS = {.has_visits = true};

static void read_visits(const struct central *central, const char *topic)
{
    struct feed_filter filter = WITH_VISITS;
    struct feed_cursor beginning;

    (void)snprintf(filter.topic, sizeof filter.topic, "%s", topic);
    (void)now_of(central);
    beginning = got.feed.beginning;
    read_from(central, &beginning, &filter);
}

START_TEST(a_visit_is_where_it_changed_last)
{
    central_entry(&a, "v1", "30A11111", T0);
    struct feed_cursor seen = now_of(&a);
    central_entry(&a, "v2", "30A22222", T0 + 1);
    read_visits(&a, "");
    ck_assert_uint_eq(got.count, 4); /* event, visit, event, visit */
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(got.cursors[i].lsn, i + 1);
        ck_assert(got.is_visit[i] == (i % 2 == 1));
    }
    ck_assert_int_eq(got.revisions[1], 1);
    ck_assert_int_eq(got.states[1], VISIT_IN);

    central_exit(&a, "v1", "30A11111", T0 + 2, 5000);
    read_visits(&a, "v1.central-1.VISIT");
    ck_assert_uint_eq(got.count, 2);
    ck_assert_uint_eq(got.cursors[0].lsn, 4); /* v2; number 2 is given up */
    ck_assert_uint_eq(got.cursors[1].lsn, 6);
    ck_assert_int_eq(got.revisions[1], 2);
    ck_assert_int_eq(got.states[1], VISIT_OUT);
    assert_same(got.feed.next, got.feed.now);

    struct feed_filter filter = WITH_VISITS;
    read_from(&a, &seen, &filter); /* who saw the first revision is told the last */
    ck_assert_uint_eq(got.count, 4);
    ck_assert(got.is_visit[3] && got.ids[3] == got.ids[1] - 1);
    read_visits(&a, "v1.central-2.");
    ck_assert_uint_eq(got.count, 0);
    read_visits(&a, "v1.central-1.VEHICLE");
    ck_assert_uint_eq(got.count, 3);
    read_from(&a, &seen, NULL); /* who does not ask for visits gets none */
    ck_assert_uint_eq(got.count, 2);
}
END_TEST

START_TEST(visits_alone)
{
    struct feed_filter filter = {.has_visits = true, .no_events = true};
    struct feed_cursor beginning;

    central_entry(&a, "v1", "30A11111", T0);
    central_entry(&a, "v2", "30A22222", T0 + 1);
    (void)now_of(&a);
    beginning = got.feed.beginning;
    read_from(&a, &beginning, &filter);
    ck_assert_uint_eq(got.count, 2);
    ck_assert(got.is_visit[0] && got.is_visit[1]);
    filter.central = b.node;
    read_from(&a, &beginning, &filter);
    ck_assert_uint_eq(got.count, 0);
    assert_same(got.feed.next, got.feed.now);
}
END_TEST

/* More of them than are passed over at once. */
START_TEST(unwanted_visits_are_passed_over)
{
    struct feed_filter filter = {.has_visits = true, .topic = "v1.central-2.VISIT"};
    struct feed_cursor at;
    size_t found = 0;

    central_entry(&a, "first", "30A11111", T0);
    central_run(&a, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 2600)"
                    " INSERT INTO history(id, event_id, source_central, plate_id, plate_view,"
                    " entry_time, status, entry_ms, digest, lsn)"
                    " SELECT i, 'n' || i, 'central-1', 'x', 'x', '', 'IN', 0, zeroblob(16), i + 1"
                    " FROM n");
    central_run(&a, "UPDATE history SET source_central = 'central-2' WHERE id IN (1300, 2600)");
    (void)now_of(&a);
    at = got.feed.beginning;
    do {
        read_from(&a, &at, &filter);
        for (size_t i = 0; i < got.count; i++) {
            ck_assert_int_eq(got.ids[i], found++ == 0 ? 1300 : 2600);
        }
        at = got.feed.next;
    } while (got.feed.more);
    ck_assert_uint_eq(found, 2);
    ck_assert_uint_ge(at.lsn, 2602);
}
END_TEST

START_TEST(pages_of_events_and_visits_join)
{
    for (int i = 0; i < 5; i++) {
        char visit[8];
        (void)snprintf(visit, sizeof visit, "v%d", i);
        central_entry(&a, visit, "30A11111", T0 + i); /* each makes the one before superseded */
    }
    read_visits(&a, "");
    size_t count = got.count;
    struct feed_cursor whole[MOST], at = got.feed.beginning;
    memcpy(whole, got.cursors, sizeof whole);
    for (size_t i = 1; i < count; i++) {
        ck_assert_uint_gt(whole[i].lsn, whole[i - 1].lsn);
    }
    got.most = 1;
    for (size_t i = 0; i < count; i++) {
        read_from(&a, &at, &WITH_VISITS);
        ck_assert_uint_eq(got.count, 1);
        assert_same(got.cursors[0], whole[i]);
        ck_assert(got.feed.more == (i + 1 < count));
        at = got.feed.next;
    }
    got.most = MOST;
}
END_TEST

START_TEST(a_visit_that_went_is_told_without_its_name)
{
    struct position first = central_entry(&a, "v1", "30A11111", T0);
    struct feed_cursor seen = now_of(&a);
    struct event event;
    event_init(&event, EVENT_REDACT);
    event.t_eff = T0;
    event.target_node = slice_text("central-1");
    event.target_epoch = first.stream.epoch;
    event.target_from = event.target_to = 1;
    central_write(&a, &event);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history"), 0);
    read_from(&a, &seen, &WITH_VISITS);
    ck_assert_uint_eq(got.count, 2);
    ck_assert(!got.is_visit[0] && got.is_gone[1]);
    ck_assert_int_eq(got.ids[1], 1);
    ck_assert_int_eq(got.revisions[1], 2);
    central_close(&a); /* the number of what went last is not given again */
    central_open(&a);
    central_entry(&a, "v2", "30A22222", T0 + 1);
    read_from(&a, &got.feed.now, &WITH_VISITS);
    ck_assert(got.feed.is_known);
}
END_TEST

/* Folding everything anew tells of nothing that stayed the same. */
START_TEST(a_rebuild_tells_what_it_changed)
{
    central_entry(&a, "v1", "30A11111", T0);
    central_entry(&a, "v2", "30A22222", T0 + 1);
    central_entry(&a, "v3", "30A33333", T0 + 2);
    struct feed_cursor seen = now_of(&a);
    central_close(&a);
    central_run(&a, "UPDATE history SET fee = 1, digest = zeroblob(16) WHERE event_id = 'v2';"
                    "UPDATE history SET id = 77, event_id = 'v77' WHERE event_id = 'v3'");
    central_open(&a);
    ck_assert_int_eq(store_rebuild(a.store, &a.problem), 0);
    read_from(&a, &seen, &WITH_VISITS);
    ck_assert_uint_eq(got.count, 3);
    ck_assert_int_eq(got.ids[0], 2);
    ck_assert_int_eq(got.ids[1], 3);
    ck_assert(got.is_gone[2] && got.ids[2] == 77);
    read_visits(&a, "v1.central-1.VISIT");
    ck_assert_int_eq(got.ids[0], 1);
    ck_assert_uint_eq(got.cursors[0].lsn, 2);
}
END_TEST

START_TEST(visits_of_an_older_database_are_in_the_feed)
{
    central_entry(&a, "v1", "30A11111", T0);
    central_entry(&a, "v2", "30A22222", T0 + 1);
    central_close(&a);
    central_run(&a, CENTRAL_SCHEMA_8
                "DROP INDEX history_lsn; ALTER TABLE history DROP COLUMN lsn;"
                "DROP TABLE visit_gone; DROP TABLE peer_mark; PRAGMA user_version = 6");
    central_open(&a);
    read_visits(&a, "v1.central-1.VISIT");
    ck_assert_uint_eq(got.count, 2);
    ck_assert_uint_ne(got.cursors[0].lsn, got.cursors[1].lsn);
    struct feed_cursor seen = got.cursors[1];
    central_entry(&a, "v3", "30A33333", T0 + 2);
    read_from(&a, &seen, &WITH_VISITS);
    ck_assert(got.feed.is_known);
    ck_assert_uint_eq(got.count, 2);
}
END_TEST

START_TEST(heads_say_what_is_held)
{
    struct problem problem;
    uint64_t seq = 99;
    struct position one = central_entry(&a, "v1", "30A11111", T0);
    struct history *history = history_open(a.path, &problem);
    ck_assert_int_eq(history_head(history, &one.stream, &seq, &problem), 0);
    ck_assert_uint_eq(seq, 1);
    one.stream.epoch++;
    ck_assert_int_eq(history_head(history, &one.stream, &seq, &problem), 0);
    ck_assert_uint_eq(seq, 0);
    history_close(&history);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed");
    TCase *tests = tcase_create("feed");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, events_come_in_order_and_pages_join);
    tcase_add_test(tests, filters_choose_and_still_move_on);
    tcase_add_test(tests, a_restart_continues_under_another_name);
    tcase_add_test(tests, a_restored_copy_never_reuses_a_cursor);
    tcase_add_test(tests, a_cursor_beyond_the_copy_names_its_end);
    tcase_add_test(tests, an_erased_event_stays_without_its_body);
    tcase_add_test(tests, a_mended_event_comes_again);
    tcase_add_test(tests, a_number_is_not_given_twice_when_its_row_is_gone);
    tcase_add_test(tests, a_visit_is_where_it_changed_last);
    tcase_add_test(tests, visits_alone);
    tcase_add_test(tests, unwanted_visits_are_passed_over);
    tcase_add_test(tests, pages_of_events_and_visits_join);
    tcase_add_test(tests, a_visit_that_went_is_told_without_its_name);
    tcase_add_test(tests, a_rebuild_tells_what_it_changed);
    tcase_add_test(tests, visits_of_an_older_database_are_in_the_feed);
    tcase_add_test(tests, heads_say_what_is_held);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
