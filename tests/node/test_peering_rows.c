/* Rows of a SYNC_RESPONSE, changes, lots, nonsense and marks, over a real store: what is logged,
 * and what the fold makes of it. Defects of the existing system are named by their ids. */
#include "support_peer_house.h"
#include "tests/support_main.h"

#include "proto/event.h"
#include "storage/history.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define NONE EVENT_NONE
#define PEER "central-9"
#define X "98A00001"
#define at peer_at

/* ---- rows ------------------------------------------------------------------------------------ */

START_TEST(r_02_a_row_brings_a_whole_visit_once)
{
    struct command row = peer_row(PEER, "v", X, at(9, 0, 0), at(10, 0, 0), 25000);
    row.camera_id = slice_text("1");
    row.exit_camera_id = slice_text("2");
    ck_assert_int_eq(tell(row).changed, 2);
    struct visit visit = row_of("v");
    ck_out("v", at(10, 0, 0));
    ck_assert_int_eq(visit.fee, 25000);
    ck_slice(visit.source_central, PEER);
    ck_slice(visit.entry_camera_name, "Cổng vào");
    ck_slice(visit.entry_camera_id, "1");
    ck_slice(visit.exit_camera_name, "Cổng ra");
    ck_slice(visit.exit_camera_id, "2");
    ck_slice(visit.exit_central, PEER);
    ck_assert(tell(row).deduped);
    ck_assert_uint_eq(events(), 2);
    ck_listed(0);
}
END_TEST

START_TEST(r_03_a_row_that_is_known_brings_only_the_exit)
{
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    ck_assert_int_eq(tell(peer_row(PEER, "v", X, at(9, 0, 0), at(10, 0, 0), 25000)).changed, 1);
    ck_out("v", at(10, 0, 0));
    ck_assert(tell(peer_row(PEER, "v", X, at(9, 0, 0), at(10, 0, 0), 25000)).deduped);
    ck_assert(tell(peer_row(PEER, "v", X, at(9, 0, 0), NONE, 0)).deduped); /* an older copy */
    ck_out("v", at(10, 0, 0));
}
END_TEST

START_TEST(a_row_whose_exit_came_under_another_name_adds_nothing)
{
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    (void)tell(peer_exit(PEER, "k", X, at(10, 0, 0), 25000));
    ck_assert(tell(peer_row(PEER, "v", X, at(9, 0, 0), at(10, 0, 0), 25000)).deduped);
    ck_listed(0);
}
END_TEST

START_TEST(r_10_a_row_of_a_plate_inside_opens_no_second_visit)
{
    (void)tell(peer_entry(PEER, "mine", X, at(9, 0, 0)));
    (void)tell(peer_row("central-8", "other", X, at(9, 30, 0), NONE, 0));
    ck_assert_int_eq(peer_open_rows(&house, X), 1);
    (void)tell(peer_exit("central-8", "k", X, at(10, 0, 0), 0));
    ck_assert_int_eq(peer_open_rows(&house, X), 0);
}
END_TEST

START_TEST(r_14_the_fee_is_that_of_the_new_entry)
{
    struct command gate = house_gate(GATE_EXIT, X, NULL, NONE);
    house.now_ms = at(11, 0, 0);
    (void)tell(peer_entry(PEER, "old", X, at(1, 0, 0)));
    (void)tell(peer_entry(PEER, "new", X, at(9, 0, 0)));
    (void)tell(gate);
    ck_out("new", at(11, 0, 0));
    ck_assert_int_eq(row_of("new").fee, 50000); /* of two hours */
    ck_status("old", "SUPERSEDED");
    (void)tell(peer_row(PEER, "old", X, at(1, 0, 0), at(2, 0, 0), 25000)); /* after all */
    ck_out("old", at(2, 0, 0));
    ck_out("new", at(11, 0, 0));
    ck_assert_int_eq(row_of("new").fee, 50000);
    ck_listed(0);
}
END_TEST

START_TEST(r_14_a_stale_visit_ends_with_the_row_that_closes_it)
{
    (void)tell(peer_entry("central-8", "old", X, at(1, 0, 0)));
    (void)tell(peer_entry(PEER, "new", X, at(9, 0, 0)));
    ck_status("new", "SUPERSEDED");
    (void)tell(peer_row("central-8", "old", X, at(1, 0, 0), at(2, 0, 0), 25000));
    ck_out("old", at(2, 0, 0));
    ck_status("new", "IN");
    ck_assert_int_eq(row_of("new").entry_ms, at(9, 0, 0));
}
END_TEST

START_TEST(r_05_a_deleted_visit_stays_deleted)
{
    struct command change = house_change(COMMAND_DELETE, "v", NULL);
    struct command row = peer_row(PEER, "v", X, at(9, 0, 0), at(10, 0, 0), 25000);
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    (void)tell(change);
    ck_assert(tell(row).deduped);
    ck_status("v", "DELETED");
}
END_TEST

START_TEST(a_row_does_not_undo_that_a_visit_was_opened_again)
{
    struct command row = peer_row(PEER, "v", X, at(9, 0, 0), at(10, 0, 0), 25000);
    struct command reopen = house_change(COMMAND_EDIT, "v", X);
    reopen.exit_ms = EVENT_REOPEN;
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    (void)tell(peer_exit(PEER, "k", X, at(10, 0, 0), 25000));
    (void)tell(reopen);
    ck_status("v", "IN");
    ck_assert(tell(row).deduped);
    ck_status("v", "IN");
}
END_TEST

START_TEST(r_19_a_row_says_where_the_vehicle_stands)
{
    struct command row = peer_row(PEER, "v", X, at(9, 0, 0), NONE, 0);
    row.location = slice_text("Deck B");
    row.location_ms = at(9, 5, 0);
    if (_i == 1) { /* known before, without the place */
        (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    }
    (void)tell(row);
    ck_slice(row_of("v").last_location, "Deck B");
    ck_assert_int_eq(row_of("v").last_location_ms, at(9, 5, 0));
    ck_assert(tell(row).deduped);
}
END_TEST

START_TEST(a_row_of_a_vehicle_that_nobody_saw_enter_gives_way)
{
    struct command row = peer_row(PEER, "anomaly", X, at(9, 30, 0), NONE, 0);
    row.is_anomaly = true;
    row.location = slice_text("Deck B");
    row.location_ms = at(9, 40, 0);
    if (_i == 0) {
        (void)tell(peer_entry("central-8", "real", X, at(9, 0, 0)));
        (void)tell(row);
    } else {
        (void)tell(row);
        ck_assert(row_of("anomaly").is_anomaly);
        ck_slice(row_of("anomaly").last_location, "Deck B");
        (void)tell(peer_entry("central-8", "real", X, at(9, 0, 0)));
    }
    ck_assert_int_eq(peer_open_rows(&house, X), 1);
    ck_slice(row_of("real").last_location, "Deck B");
    ck_assert_int_eq(row_of("real").last_location_ms, at(9, 40, 0));
    ck_listed(0);
    ck_assert(tell(row).deduped);
}
END_TEST

START_TEST(an_exit_of_a_row_says_where_it_was)
{
    struct command row = peer_row(PEER, "v", X, at(9, 0, 0), at(10, 0, 0), 0);
    row.source_central = slice_text("central-7");
    row.exit_camera_name = slice_text("central-8/4");
    row.exit_source = slice_text("p2p_sync");
    (void)tell(row);
    ck_slice(row_of("v").source_central, "central-7");
    ck_slice(row_of("v").exit_central, "central-8");
}
END_TEST

/* ---- changes, lots, bad messages ------------------------------------------------------------- */

START_TEST(a_correction_that_names_a_visit_is_taken_once)
{
    struct command change;
    command_init(&change, COMMAND_PEER);
    change.event_kind = EVENT_HISTORY_UPDATE;
    change.peer = change.source_central = slice_text(PEER);
    change.visit = slice_text("v");
    change.plate_text = slice_text("98A00007");
    change.plate_view = slice_text("98A-000.07");
    change.device_ms = 77;
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    struct answer answer = tell(change);
    ck_slice(row_of("v").plate_id, "98A00007");
    struct event event = house_event(&house, &answer.position, &bytes);
    ck_slice(event.source_central, PEER);
    ck_slice(event.author, PEER);
    uint64_t before = events();
    ck_assert(tell(change).deduped);
    /* A late copy does not undo what people did since. */
    struct command later = house_change(COMMAND_EDIT, "v", "98A-000.08");
    (void)tell(later);
    ck_assert(tell(change).deduped);
    ck_slice(row_of("v").plate_id, "98A00008");
    ck_assert_uint_eq(events(), before + 1);

    change.event_kind = EVENT_HISTORY_DELETE;
    change.device_ms = 78;
    (void)tell(change);
    ck_status("v", "DELETED");
}
END_TEST

START_TEST(a_lot_is_taken_when_it_differs)
{
    struct command lot;
    command_init(&lot, COMMAND_PEER);
    lot.event_kind = EVENT_PARKING_LOT_CONFIG;
    lot.peer = slice_text(PEER);
    lot.location = slice_text("Bãi Z");
    lot.capacity = 33;
    lot.camera_id = slice_text("9");
    lot.camera_type = slice_text("PARKING_LOT");
    lot.edge_id = slice_text("127.0.0.9");
    struct answer answer = tell(lot);
    struct event event = house_event(&house, &answer.position, &bytes);
    ck_slice(event.source_central, PEER);
    ck_assert(tell(lot).deduped);
    lot.capacity = 34;
    ck_assert(!tell(lot).deduped);
    ck_assert_uint_eq(events(), 2);
}
END_TEST

static struct command bad(int which)
{
    struct command command = peer_entry(PEER, "v", X, at(9, 0, 0));
    static char long_plate[LIMIT_PLATE + 2];
    memset(long_plate, 'A', sizeof long_plate - 1);
    switch (which) {
    case 0:
        command.plate_text = slice_text("--");
        break;
    case 1:
        command.plate_text = slice_text(long_plate);
        break;
    case 2:
        command.entry_ms = NONE;
        break;
    case 3:
        command.entry_ms = INT64_MAX;
        break;
    case 4:
        command.event_kind = EVENT_REDACT;
        break;
    case 5:
        command = peer_seen(PEER, "v", X, "", at(9, 0, 0));
        break;
    case 6:
        command = peer_row(PEER, NULL, X, at(9, 0, 0), NONE, 0);
        break;
    case 7:
        command.peer = command.source_central = slice_text("");
        break;
    case 8:
        command.event_kind = EVENT_HISTORY_UPDATE;
        command.visit = slice_text("");
        break;
    default:
        command = peer_exit(PEER, "v", X, -1, 0);
        break;
    }
    return command;
}
#define BAD 10

START_TEST(what_can_never_be_an_event_is_refused)
{
    struct command command = bad(_i);
    struct answer answer = house_decide(&house, &command);
    ck_assert_str_eq(problem_name(answer.code), "FIELD_INVALID");
    ck_assert_uint_eq(events(), 0);
}
END_TEST

/* ---- marks ----------------------------------------------------------------------------------- */

static int mark_of(const char *peer, struct history_mark *mark)
{
    struct problem problem;
    struct history *history = history_open(house.path, &problem);
    ck_assert_ptr_nonnull(history);
    int found = history_mark(history, slice_text(peer), mark, &problem);
    history_close(&history);
    return found;
}

static struct command mark_command(const char *peer, uint64_t feed, uint64_t lsn, int64_t heard_ms)
{
    struct command command;
    command_init(&command, COMMAND_PEER_MARK);
    command.peer = slice_text(peer);
    command.told = (struct feed_cursor){feed, lsn};
    command.heard_ms = heard_ms;
    return command;
}

START_TEST(marks_are_kept_part_by_part)
{
    struct history_mark mark;
    ck_assert_int_eq(mark_of(PEER, &mark), 0);
    (void)tell(mark_command(PEER, UINT64_MAX - 3, 12, NONE));
    ck_assert_int_eq(mark_of(PEER, &mark), 1);
    ck_assert(mark.told.feed == UINT64_MAX - 3 && mark.told.lsn == 12 && mark.heard_ms == NONE);
    (void)tell(mark_command(PEER, 0, 0, 99));
    house_close(&house);
    house_open(&house);
    ck_assert_int_eq(mark_of(PEER, &mark), 1);
    ck_assert(mark.told.feed == UINT64_MAX - 3 && mark.told.lsn == 12 && mark.heard_ms == 99);
    ck_assert_int_eq(mark.changed_ms, house.now_ms);
    ck_assert_uint_eq(events(), 0);
}
END_TEST

START_TEST(no_more_marks_than_the_limit_are_kept)
{
    struct history_mark mark;
    house_begin(&house);
    for (int i = 0; i < LIMIT_PEER_MARKS + 5; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "peer-%d", i);
        struct command command = mark_command(name, 1, 1, NONE);
        house.now_ms++;
        (void)house_decide_more(&house, &command);
    }
    house_commit(&house);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM peer_mark"), LIMIT_PEER_MARKS);
    ck_assert_int_eq(mark_of("peer-4", &mark), 0);
    ck_assert_int_eq(mark_of("peer-5", &mark), 1);
}
END_TEST

static TCase *rows(void)
{
    TCase *tcase = tcase_create("rows");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, r_02_a_row_brings_a_whole_visit_once);
    tcase_add_test(tcase, r_03_a_row_that_is_known_brings_only_the_exit);
    tcase_add_test(tcase, a_row_whose_exit_came_under_another_name_adds_nothing);
    tcase_add_test(tcase, r_10_a_row_of_a_plate_inside_opens_no_second_visit);
    tcase_add_test(tcase, r_14_the_fee_is_that_of_the_new_entry);
    tcase_add_test(tcase, r_14_a_stale_visit_ends_with_the_row_that_closes_it);
    tcase_add_test(tcase, r_05_a_deleted_visit_stays_deleted);
    tcase_add_test(tcase, a_row_does_not_undo_that_a_visit_was_opened_again);
    tcase_add_loop_test(tcase, r_19_a_row_says_where_the_vehicle_stands, 0, 2);
    tcase_add_loop_test(tcase, a_row_of_a_vehicle_that_nobody_saw_enter_gives_way, 0, 2);
    tcase_add_test(tcase, an_exit_of_a_row_says_where_it_was);
    tcase_add_test(tcase, a_correction_that_names_a_visit_is_taken_once);
    tcase_add_test(tcase, a_lot_is_taken_when_it_differs);
    tcase_add_loop_test(tcase, what_can_never_be_an_event_is_refused, 0, BAD);
    tcase_add_test(tcase, marks_are_kept_part_by_part);
    tcase_add_test(tcase, no_more_marks_than_the_limit_are_kept);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("peering_rows");
    suite_add_tcase(suite, rows());
    return main_run(suite);
}
