/* What a central of the existing system says, over a real store: what is logged, and what the fold
 * makes of it. Defects of the existing system are named by their ids. */
#include "support_peer_house.h"
#include "tests/support_main.h"

#include "proto/event.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NONE EVENT_NONE
#define PEER "central-9"
#define X "98A00001"
#define at peer_at

/* ---- entries --------------------------------------------------------------------------------- */

START_TEST(an_entry_is_an_event_of_ours_with_its_central)
{
    struct command command = peer_entry(PEER, "central-9_1795356000503_98A00001", X, at(14, 0, 0));
    command.edge_id = slice_text("edge-9");
    command.plate_view = slice_text("98A-000.01");
    struct answer answer = tell(command);
    ck_assert(!answer.deduped);
    ck_assert_int_eq(answer.changed, 1);
    ck_assert_str_eq(answer.position.stream.node.text, "central-1");

    struct event event = house_event(&house, &answer.position, &bytes);
    ck_assert_uint_eq(event.kind, EVENT_VEHICLE_ENTRY_PENDING);
    ck_slice(event.source_central, PEER);
    ck_assert_uint_eq(event.clock, 0);

    struct visit row = row_of("central-9_1795356000503_98A00001");
    ck_slice(row.source_central, PEER);
    ck_slice(row.edge_id, "edge-9");
    ck_slice(row.plate_id, X);
    ck_slice(row.plate_view, "98A-000.01");
    ck_slice(row.entry_camera_name, "central-9/edge-9");
    ck_slice(row.entry_source, "p2p_sync");
    ck_assert(row.entry_confidence < 1e-9);
    ck_assert(row.synced);
    ck_assert_int_eq(row.entry_ms, at(14, 0, 0) + 503); /* the name knows the milliseconds */
}
END_TEST

START_TEST(r_15_an_entry_told_twice_is_one)
{
    struct command command = peer_entry(PEER, "central-9_1_98A00001", X, at(14, 0, 0));
    (void)tell(command);
    uint64_t before = events();
    struct answer again = tell(command);
    ck_assert(again.deduped);
    ck_assert_int_eq(again.changed, 0);
    ck_assert_str_eq(again.visit, "central-9_1_98A00001");
    ck_assert_uint_eq(events(), before);
}
END_TEST

START_TEST(an_entry_without_a_name_gets_the_same_one_everywhere)
{
    struct command command = peer_entry(PEER, NULL, X, at(14, 0, 0));
    struct answer answer = tell(command);
    ck_assert_str_eq(answer.visit, "central-9_1795356000000_98A00001");
    ck_assert(tell(command).deduped);
    ck_status("central-9_1795356000000_98A00001", "IN");
}
END_TEST

START_TEST(two_vehicles_under_one_name_are_listed)
{
    struct command other = peer_entry(PEER, "edge-1_5_X", "51G12345", at(14, 0, 1));
    (void)tell(peer_entry(PEER, "edge-1_5_X", X, at(14, 0, 0)));
    ck_assert(!tell(other).deduped);
    ck_assert(tell(other).deduped);
    ck_assert_int_eq(
        house_number(&house, "SELECT count(*) FROM anomaly WHERE code = 'ID_COLLISION'"), 1);
}
END_TEST

START_TEST(r_09_the_older_entry_wins_whichever_comes_first)
{
    struct command older = peer_entry(PEER, "central-1_2000_X", X, at(13, 0, 0));
    struct command newer = peer_entry("central-2", "central-2_9000_X", X, at(14, 0, 0));
    (void)tell(_i == 0 ? older : newer);
    (void)tell(_i == 0 ? newer : older);
    ck_status("central-1_2000_X", "IN");
    ck_status("central-2_9000_X", "SUPERSEDED");
    ck_assert_int_eq(peer_open_rows(&house, X), 1);
}
END_TEST

START_TEST(an_entry_of_the_future_has_no_say_against_others)
{
    (void)tell(peer_entry(PEER, "central-9_1_X", X, house.now_ms - house.now_ms % 1000 + 3600000));
    ck_assert(row_of("central-9_1_X").suspect);
    (void)tell(peer_entry("central-8", "central-8_1_X", X, at(14, 0, 0)));
    ck_status("central-8_1_X", "IN");
    ck_assert_int_eq(peer_open_rows(&house, X), 1);
}
END_TEST

/* ---- exits ----------------------------------------------------------------------------------- */

START_TEST(r_12_an_exit_under_another_name_closes_by_plate_and_time)
{
    struct command exit = peer_exit(PEER, "central-4_1795358400505_98A00001", X, at(14, 40, 0), 7);
    (void)tell(peer_entry(PEER, "central-9_1_98A00001", X, at(14, 0, 0)));
    ck_assert(!tell(exit).deduped);
    struct visit row = row_of("central-9_1_98A00001");
    ck_out("central-9_1_98A00001", at(14, 40, 0) + 505);
    ck_assert_int_eq(row.fee, 7);
    ck_slice(row.exit_central, PEER);
    ck_slice(row.exit_camera_name, "central-9/4");
    ck_slice(row.exit_source, "p2p_sync");
    ck_assert(tell(exit).deduped);
    ck_listed(0);
}
END_TEST

START_TEST(an_exit_without_any_name_is_known_again)
{
    struct command exit = peer_exit(PEER, NULL, X, at(14, 40, 0), 7);
    (void)tell(peer_entry(PEER, "central-9_1_98A00001", X, at(14, 0, 0)));
    (void)tell(exit);
    ck_out("central-9_1_98A00001", at(14, 40, 0));
    ck_assert(tell(exit).deduped);
}
END_TEST

START_TEST(r_11_an_exit_may_come_before_its_entry)
{
    struct command entry = peer_entry(PEER, "central-9_1_98A00001", X, at(14, 0, 0));
    struct command exit = peer_exit(PEER, _i == 0 ? "central-9_1_98A00001" : "central-4_2_98A00001",
                                    X, at(14, 40, 0), 7);
    (void)tell(exit);
    (void)tell(entry);
    ck_out("central-9_1_98A00001", at(14, 40, 0));
    ck_assert(tell(exit).deduped && tell(entry).deduped);
    ck_listed(0);
}
END_TEST

START_TEST(r_13_a_late_copy_of_an_exit_does_not_close_the_next_visit)
{
    struct command first = peer_exit(PEER, "central-4_1_98A00001", X, at(10, 0, 0), 7);
    (void)tell(peer_entry(PEER, "central-9_1_98A00001", X, at(9, 0, 0)));
    (void)tell(peer_exit("central-8", "central-4_9_98A00001", X, at(10, 0, 0), 7));
    (void)tell(peer_entry(PEER, "central-9_2_98A00001", X, at(11, 0, 0)));
    (void)tell(first);
    ck_out("central-9_1_98A00001", at(10, 0, 0));
    ck_status("central-9_2_98A00001", "IN");
}
END_TEST

/* Everything in every order: the exit that names K closes whatever is open until K comes. */
START_TEST(an_exit_finds_its_entry_when_that_comes)
{
    static const int ORDERS[24][4] = {
        {0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1},
        {1, 0, 2, 3}, {1, 0, 3, 2}, {1, 2, 0, 3}, {1, 2, 3, 0}, {1, 3, 0, 2}, {1, 3, 2, 0},
        {2, 0, 1, 3}, {2, 0, 3, 1}, {2, 1, 0, 3}, {2, 1, 3, 0}, {2, 3, 0, 1}, {2, 3, 1, 0},
        {3, 0, 1, 2}, {3, 0, 2, 1}, {3, 1, 0, 2}, {3, 1, 2, 0}, {3, 2, 0, 1}, {3, 2, 1, 0}};
    struct command messages[4] = {
        peer_entry(PEER, "w", X, at(8, 0, 0)), peer_exit(PEER, "w", X, at(8, 20, 0), 1),
        peer_entry(PEER, "k", X, at(8, 30, 0)), peer_exit(PEER, "k", X, at(9, 0, 0), 2)};
    for (int i = 0; i < 4; i++) {
        (void)tell(messages[ORDERS[_i][i]]);
    }
    ck_out("w", at(8, 20, 0));
    ck_out("k", at(9, 0, 0));
    ck_assert_int_eq(row_of("w").fee, 1);
    ck_assert_int_eq(row_of("k").fee, 2);
    ck_listed(0);
}
END_TEST

START_TEST(a_plate_that_was_corrected_here_still_leaves_there)
{
    struct command change = house_change(COMMAND_EDIT, "central-9_1_98A00001", "98A-000.07");
    (void)tell(peer_entry(PEER, "central-9_1_98A00001", X, at(9, 0, 0)));
    (void)tell(change);
    (void)tell(peer_exit(PEER, "central-4_1_98A00001", X, at(10, 0, 0), 7));
    ck_out("central-9_1_98A00001", at(10, 0, 0));
    ck_slice(row_of("central-9_1_98A00001").plate_id, "98A00007");
    ck_listed(0);
}
END_TEST

START_TEST(a_later_exit_of_the_same_visit_changes_nothing_but_is_kept)
{
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    (void)tell(peer_exit(PEER, "v", X, at(9, 30, 0), 25000));
    (void)tell(peer_exit(PEER, "v", X, at(9, 31, 0), 50000));
    ck_out("v", at(9, 30, 0));
    ck_assert_int_eq(row_of("v").fee, 25000);
    ck_assert_int_eq(
        house_number(&house, "SELECT count(*) FROM anomaly WHERE code = 'DOUBLE_EXIT'"), 1);
}
END_TEST

/* A gate of ours let it out; what the peer tells of that is in whole seconds. */
START_TEST(an_exit_of_ours_that_comes_back_is_known)
{
    house.now_ms = at(15, 0, 0) + 640;
    struct command gate = house_gate(GATE_EXIT, X, NULL, NONE);
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    (void)tell(gate);
    ck_out("v", at(15, 0, 0) + 640);
    struct command exit = peer_exit("central-1", "v", X, at(15, 0, 0), 0);
    exit.peer = slice_text(PEER);
    ck_assert(tell(exit).deduped);
}
END_TEST

/* ---- one second ------------------------------------------------------------------------------ */

START_TEST(two_visits_within_one_second_keep_their_order)
{
    int64_t second = at(14, 0, 0);
    char names[4][64];
    for (int i = 0; i < 4; i++) {
        (void)snprintf(names[i], sizeof names[i], "central-%d_%lld_98A00001", i % 2 ? 4 : 9,
                       (long long)second + 100 + 200 * i);
    }
    (void)tell(peer_entry(PEER, names[0], X, second));
    (void)tell(peer_exit(PEER, names[1], X, second, 0));
    (void)tell(peer_entry(PEER, names[2], X, second));
    (void)tell(peer_exit(PEER, names[3], X, second, 0));
    ck_out(names[0], second + 300);
    ck_out(names[2], second + 700);
    ck_listed(0);
}
END_TEST

START_TEST(an_exit_told_in_seconds_closes_what_entered_in_that_second)
{
    house.now_ms = at(14, 0, 0) + 700;
    struct command entry = house_gate(GATE_ENTRY, X, "v", NONE);
    (void)tell(entry);
    (void)tell(peer_exit(PEER, "odd name", X, at(14, 0, 0), 0));
    ck_out("v", at(14, 0, 0) + 700);
    ck_listed(0);
}
END_TEST

/* ---- places ---------------------------------------------------------------------------------- */

START_TEST(r_16_a_sighting_before_its_entry_is_no_visit_of_its_own)
{
    (void)tell(peer_seen(PEER, "edge-3_1_X", X, "Bãi A", at(9, 5, 0)));
    ck_assert(row_of("edge-3_1_X").is_anomaly);
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    struct visit row = row_of("v");
    ck_assert_int_eq(row.status, VISIT_IN);
    ck_assert_int_eq(row.entry_ms, at(9, 0, 0));
    ck_assert(!row.is_anomaly);
    ck_slice(row.last_location, "Bãi A");
    ck_assert_int_eq(peer_open_rows(&house, X), 1);
}
END_TEST

START_TEST(r_17_a_sighting_from_before_the_exit_opens_nothing)
{
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    (void)tell(peer_exit(PEER, "k", X, at(10, 0, 0), 0));
    (void)tell(peer_seen(PEER, "edge-3_1_X", X, "Bãi A", at(9, 30, 0)));
    ck_out("v", at(10, 0, 0));
    ck_slice(row_of("v").last_location, "Bãi A");
    ck_assert_int_eq(peer_open_rows(&house, X), 0);
}
END_TEST

START_TEST(r_18_the_newest_sighting_counts)
{
    (void)tell(peer_entry(PEER, "v", X, at(9, 0, 0)));
    (void)tell(peer_seen(PEER, "s2", X, "Bãi B", at(9, 30, 0)));
    (void)tell(peer_seen(PEER, "s1", X, "Bãi A", at(9, 10, 0)));
    ck_slice(row_of("v").last_location, "Bãi B");
    ck_assert(tell(peer_seen(PEER, "s1", X, "Bãi A", at(9, 10, 0))).deduped);
}
END_TEST

static TCase *messages(void)
{
    TCase *tcase = tcase_create("messages");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_entry_is_an_event_of_ours_with_its_central);
    tcase_add_test(tcase, r_15_an_entry_told_twice_is_one);
    tcase_add_test(tcase, an_entry_without_a_name_gets_the_same_one_everywhere);
    tcase_add_test(tcase, two_vehicles_under_one_name_are_listed);
    tcase_add_loop_test(tcase, r_09_the_older_entry_wins_whichever_comes_first, 0, 2);
    tcase_add_test(tcase, an_entry_of_the_future_has_no_say_against_others);
    tcase_add_test(tcase, r_12_an_exit_under_another_name_closes_by_plate_and_time);
    tcase_add_test(tcase, an_exit_without_any_name_is_known_again);
    tcase_add_loop_test(tcase, r_11_an_exit_may_come_before_its_entry, 0, 2);
    tcase_add_test(tcase, r_13_a_late_copy_of_an_exit_does_not_close_the_next_visit);
    tcase_add_loop_test(tcase, an_exit_finds_its_entry_when_that_comes, 0, 24);
    tcase_add_test(tcase, a_plate_that_was_corrected_here_still_leaves_there);
    tcase_add_test(tcase, a_later_exit_of_the_same_visit_changes_nothing_but_is_kept);
    tcase_add_test(tcase, an_exit_of_ours_that_comes_back_is_known);
    tcase_add_test(tcase, two_visits_within_one_second_keep_their_order);
    tcase_add_test(tcase, an_exit_told_in_seconds_closes_what_entered_in_that_second);
    tcase_add_test(tcase, r_16_a_sighting_before_its_entry_is_no_visit_of_its_own);
    tcase_add_test(tcase, r_17_a_sighting_from_before_the_exit_opens_nothing);
    tcase_add_test(tcase, r_18_the_newest_sighting_counts);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("peering");
    suite_add_tcase(suite, messages());
    return main_run(suite);
}
