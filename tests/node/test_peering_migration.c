/*
 * A central of the existing system that was a peer is replaced by ParkMesh on its own database.
 * What another central had heard of it over the peer link, and the rows that are imported now, are
 * the same visits: one each, with what the rows know better.
 */
#include "support_house.h"
#include "support_peer.h"
#include "tests/support_main.h"

#include "proto/event.h"
#include "proto/localtime.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NONE EVENT_NONE
#define PEER "central-9"
#define X "98A00001"
#define V "central-9_1795338000503_98A00001"
#define K "central-4_1795341600250_98A00001"
#define at peer_at

static struct house house, migrated; /* central-1 all the time; central-9 from its database */

static const char HISTORY[] =
    "CREATE TABLE history(id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT,"
    " source_central TEXT, edge_id TEXT, plate_id TEXT NOT NULL, plate_view TEXT NOT NULL,"
    " entry_time TEXT NOT NULL, entry_camera_id INTEGER, entry_camera_name TEXT,"
    " entry_confidence REAL, entry_source TEXT, exit_time TEXT, exit_camera_id INTEGER,"
    " exit_camera_name TEXT, exit_confidence REAL, exit_source TEXT, duration TEXT,"
    " fee INTEGER DEFAULT 0, status TEXT NOT NULL, sync_status TEXT DEFAULT 'LOCAL',"
    " created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP,"
    " last_location TEXT, last_location_time TEXT, is_anomaly INTEGER DEFAULT 0);";

/* The central's own row of V: entered at 9:00, left at 10:00 for 25000. */
static const char OWN_OUT[] =
    "INSERT INTO history(event_id, plate_id, plate_view, entry_time, entry_camera_id,"
    " entry_camera_name, entry_confidence, entry_source, exit_time, exit_camera_id,"
    " exit_camera_name, exit_confidence, exit_source, fee, status) VALUES"
    "('" V "', '98A00001', '98A-000.01', '2026-11-22 09:00:00', 1, 'Cổng vào', 0.9, 'auto',"
    " '2026-11-22 10:00:00', 2, 'Cổng ra', 0.8, 'auto', 25000, 'OUT')";

static void setup(void)
{
    ck_assert_int_eq(localtime_set_zone("UTC"), 0);
    house_start(&house, "central-1");
}

static void teardown(void)
{
    house_stop(&house);
    house_stop(&migrated);
}

/* ParkMesh starts on the database of the existing central. */
static void migrate(const char *rows)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    house_start(&migrated, PEER);
    house_close(&migrated);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[120];
        (void)snprintf(path, sizeof path, "%s%s", migrated.path, ends[i]);
        (void)unlink(path); /* the side files may be gone already */
    }
    house_run(&migrated, HISTORY);
    house_run(&migrated, rows);
    house_open(&migrated);
}

static void exchange(void)
{
    peer_pull(&house, &migrated);
    peer_pull(&migrated, &house);
    struct digest a = store_state_digest(house.store), b = store_state_digest(migrated.store);
    ck_assert(digest_equal(&a, &b));
}

static struct answer tell(struct command command)
{
    return peer_tell(&house, command);
}

static struct visit row_of(const char *name)
{
    return peer_visit(&house, name);
}

static void check_only(const char *name)
{
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM history"), 1);
    ck_assert_int_eq(house_number(&migrated, "SELECT count(*) FROM history"), 1);
    ck_assert_int_eq(peer_visit(&migrated, name).status, row_of(name).status);
    ck_listed(0);
}

/* What central-1 had heard before, in ways that end alike. */
static void hear(int way)
{
    switch (way) {
    case 0: /* live, with the exit under its own name */
        (void)tell(peer_entry(PEER, V, X, at(9, 0, 0)));
        (void)tell(peer_exit(PEER, K, X, at(10, 0, 0), 25000));
        break;
    case 1: /* the exit was missed */
        (void)tell(peer_entry(PEER, V, X, at(9, 0, 0)));
        break;
    case 2: /* a row, complete */
        (void)tell(peer_row(PEER, V, X, at(9, 0, 0), at(10, 0, 0), 25000));
        break;
    case 3: /* a row from before it left */
        (void)tell(peer_row(PEER, V, X, at(9, 0, 0), NONE, 0));
        break;
    case 4: /* the exit alone */
        (void)tell(peer_exit(PEER, K, X, at(10, 0, 0), 25000));
        break;
    case 5: /* a copy of a third one that never heard of the exit */
        (void)tell(peer_row("central-8", V, X, at(9, 0, 0), NONE, 0));
        break;
    default: /* the exit first, then a row */
        (void)tell(peer_exit(PEER, K, X, at(10, 0, 0), 25000));
        (void)tell(peer_row(PEER, V, X, at(9, 0, 0), at(10, 0, 0), 25000));
        break;
    }
}
#define WAYS 7

START_TEST(what_was_heard_and_what_is_imported_is_one_visit)
{
    hear(_i);
    migrate(OWN_OUT);
    exchange();
    check_only(V);
    struct visit row = row_of(V);
    ck_out(V, at(10, 0, 0));
    ck_assert_int_eq(row.entry_ms, at(9, 0, 0));
    ck_assert_int_eq(row.fee, 25000);
    ck_slice(row.source_central, PEER);
    ck_slice(row.exit_central, PEER);
    ck_slice(row.exit_camera_name, "Cổng ra");
    ck_slice(row.entry_camera_name, "Cổng vào");
    ck_assert(row.entry_confidence > 0.89);
}
END_TEST

START_TEST(a_plate_corrected_there_is_corrected_everywhere)
{
    (void)tell(peer_entry(PEER, V, "98A00007", at(9, 0, 0)));
    (void)tell(peer_exit(PEER, K, X, at(10, 0, 0), 25000)); /* its gate knew the right one */
    ck_assert_int_eq(peer_open_rows(&house, "98A00007"), 1);
    migrate(OWN_OUT);
    exchange();
    check_only(V);
    ck_out(V, at(10, 0, 0));
    ck_slice(row_of(V).plate_id, X);
    ck_slice(row_of(V).plate_view, "98A-000.01");
}
END_TEST

START_TEST(a_visit_of_ours_that_left_there)
{
    struct command entry = house_gate(GATE_ENTRY, X, "central-1_1_98A00001", NONE);
    house.now_ms = at(9, 0, 0) + 640;
    (void)tell(entry);
    if (_i == 0) {
        (void)tell(peer_exit(PEER, K, X, at(10, 0, 0), 25000));
    }
    migrate("INSERT INTO history(event_id, source_central, plate_id, plate_view, entry_time,"
            " entry_camera_name, entry_source, exit_time, exit_camera_name, exit_source, fee,"
            " status) VALUES('central-1_1_98A00001', 'central-1', '98A00001', '98A00001',"
            " '2026-11-22 09:00:00', 'central-1/1', 'p2p_sync', '2026-11-22 10:00:00', 'Cổng ra',"
            " 'auto', 25000, 'OUT')");
    exchange();
    check_only("central-1_1_98A00001");
    struct visit row = row_of("central-1_1_98A00001");
    ck_out("central-1_1_98A00001", at(10, 0, 0));
    ck_assert_int_eq(row.entry_ms, at(9, 0, 0) + 640);
    ck_slice(row.source_central, "central-1");
    ck_slice(row.exit_central, PEER);
    ck_assert_int_eq(row.fee, 25000);
}
END_TEST

/* It was told of an exit here, and kept it in whole seconds. */
START_TEST(a_visit_of_its_own_that_left_here)
{
    struct command gate = house_gate(GATE_EXIT, X, NULL, NONE);
    (void)tell(peer_entry(PEER, V, X, at(9, 0, 0)));
    house.now_ms = at(10, 0, 0) + 777;
    (void)tell(gate);
    int64_t fee = row_of(V).fee;
    migrate("INSERT INTO history(event_id, plate_id, plate_view, entry_time, entry_camera_name,"
            " entry_source, exit_time, exit_camera_name, exit_source, fee, status) VALUES"
            "('" V "', '98A00001', '98A-000.01', '2026-11-22 09:00:00', 'Cổng vào', 'auto',"
            " '2026-11-22 10:00:00', 'central-1/1', 'p2p_sync', 25000, 'OUT')");
    exchange();
    check_only(V);
    ck_out(V, at(10, 0, 0) + 777);
    ck_assert_int_eq(row_of(V).fee, fee);
    ck_slice(row_of(V).exit_central, "central-1");
}
END_TEST

START_TEST(a_row_that_missed_our_exit_opens_nothing)
{
    struct command gate = house_gate(GATE_EXIT, X, NULL, NONE);
    (void)tell(peer_entry(PEER, V, X, at(9, 0, 0)));
    house.now_ms = at(10, 0, 0);
    (void)tell(gate);
    migrate("INSERT INTO history(event_id, plate_id, plate_view, entry_time, status) VALUES"
            "('" V "', '98A00001', '98A-000.01', '2026-11-22 09:00:00', 'IN')");
    exchange();
    check_only(V);
    ck_out(V, at(10, 0, 0));
}
END_TEST

START_TEST(what_people_did_here_holds)
{
    struct command change =
        house_change(_i == 0 ? COMMAND_DELETE : COMMAND_EDIT, V, _i == 0 ? NULL : "51G-123.45");
    (void)tell(peer_entry(PEER, V, X, at(9, 0, 0)));
    (void)tell(change);
    migrate(OWN_OUT);
    exchange();
    check_only(V);
    if (_i == 0) {
        ck_status(V, "DELETED");
    } else {
        ck_out(V, at(10, 0, 0));
        ck_slice(row_of(V).plate_id, "51G12345");
    }
}
END_TEST

START_TEST(where_the_vehicle_left_is_read_from_the_row)
{
    migrate("INSERT INTO history(event_id, source_central, plate_id, plate_view, entry_time,"
            " exit_time, exit_camera_name, exit_source, status) VALUES"
            "('a', NULL, '98A00001', 'x', '2026-11-22 09:00:00', '2026-11-22 10:00:00',"
            " 'Cổng A/B', 'auto', 'OUT'),"
            "('b', NULL, '98A00002', 'x', '2026-11-22 09:00:00', '2026-11-22 10:00:00',"
            " 'central-7/4', 'p2p_sync', 'OUT'),"
            "('c', 'central-7', '98A00003', 'x', '2026-11-22 09:00:00', '2026-11-22 10:00:00',"
            " 'central-8/4', 'p2p_sync', 'OUT'),"
            "('d', 'central-7', '98A00004', 'x', '2026-11-22 09:00:00', '2026-11-22 10:00:00',"
            " 'Cổng ra', 'auto', 'OUT'),"
            "('e', 'central-7', '98A00005', 'x', '2026-11-22 09:00:00', NULL, NULL, NULL, 'IN')");
    ck_slice(peer_visit(&migrated, "a").exit_central, PEER);
    ck_slice(peer_visit(&migrated, "b").exit_central, "central-7");
    ck_slice(peer_visit(&migrated, "c").exit_central, "central-8");
    ck_slice(peer_visit(&migrated, "d").exit_central, PEER);
    ck_assert(peer_visit(&migrated, "e").exit_central.data == NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peering_migration");
    TCase *tcase = tcase_create("migration");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, what_was_heard_and_what_is_imported_is_one_visit, 0, WAYS);
    tcase_add_test(tcase, a_plate_corrected_there_is_corrected_everywhere);
    tcase_add_loop_test(tcase, a_visit_of_ours_that_left_there, 0, 2);
    tcase_add_test(tcase, a_visit_of_its_own_that_left_here);
    tcase_add_test(tcase, a_row_that_missed_our_exit_opens_nothing);
    tcase_add_loop_test(tcase, what_people_did_here_holds, 0, 2);
    tcase_add_test(tcase, where_the_vehicle_left_is_read_from_the_row);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
