/* Databases of the Python central, as they are met in the field. */
#include "support_store.h"
#include "tests/support_main.h"

#include "proto/localtime.h"
#include "storage/schema.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 2026-03-01 08:00:00 in Viet Nam. */
#define ENTRY_MS INT64_C(1772326800000)
#define HOUR INT64_C(3600000)

static const char HISTORY[] =
    "CREATE TABLE history(id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT,"
    " source_central TEXT, edge_id TEXT, plate_id TEXT NOT NULL, plate_view TEXT NOT NULL,"
    " entry_time TEXT NOT NULL, entry_camera_id INTEGER, entry_camera_name TEXT,"
    " entry_confidence REAL, entry_source TEXT, exit_time TEXT, exit_camera_id INTEGER,"
    " exit_camera_name TEXT, exit_confidence REAL, exit_source TEXT, duration TEXT,"
    " fee INTEGER DEFAULT 0, status TEXT NOT NULL, sync_status TEXT DEFAULT 'LOCAL',"
    " created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP,"
    " last_location TEXT, last_location_time TEXT, is_anomaly INTEGER DEFAULT 0);"
    "CREATE INDEX idx_history_plate_id ON history(plate_id);"
    "CREATE INDEX idx_history_status ON history(status);"
    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, event_type TEXT NOT NULL);"
    "CREATE TABLE cameras(id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "INSERT INTO cameras VALUES(1, 'Cổng vào');"
    "CREATE TABLE history_changes(id INTEGER PRIMARY KEY AUTOINCREMENT, history_id INTEGER NOT"
    " NULL, change_type TEXT NOT NULL, old_plate_id TEXT, old_plate_view TEXT, new_plate_id TEXT,"
    " new_plate_view TEXT, old_data TEXT, new_data TEXT, changed_at TEXT DEFAULT"
    " CURRENT_TIMESTAMP, changed_by TEXT DEFAULT 'system');"
    "CREATE TABLE p2p_sync_state(peer_central_id TEXT PRIMARY KEY, last_sync_timestamp INTEGER"
    " NOT NULL, last_sync_time TEXT, updated_at TEXT);";

static struct central a, b;

static void setup(void)
{
    ck_assert_int_eq(localtime_set_zone("Asia/Ho_Chi_Minh"), 0);
    central_prepare(&a, "central-1");
    central_prepare(&b, "central-2");
}

static void teardown(void)
{
    central_stop(&a);
    central_stop(&b);
}

static struct visit find(struct central *central, const char *event_id)
{
    struct visit visit;
    ck_assert_msg(
        store_find_visit(central->store, slice_text(event_id), &visit, &central->problem) == 1,
        "%s", event_id);
    return visit;
}

START_TEST(visits_keep_their_columns_and_numbers)
{
    char backup[160];
    central_run(&a, HISTORY);
    central_run(&a, "INSERT INTO history(id, event_id, source_central, edge_id, plate_id,"
                    " plate_view, entry_time, entry_camera_id, entry_camera_name,"
                    " entry_confidence, entry_source, exit_time, exit_camera_id, exit_camera_name,"
                    " exit_confidence, exit_source, duration, fee, status, created_at,"
                    " last_location, last_location_time) VALUES"
                    "(7, 'central-1_1_30A12345', NULL, 'edge-1', '30A12345', '30A-123.45',"
                    " '2026-03-01 08:00:00', 1, 'Cổng vào', 0.9, 'auto', '2026-03-01 10:00:00', 2,"
                    " 'Cổng ra', 0.8, 'manual', '2 giờ 0 phút', 50000, 'OUT',"
                    " '2026-03-01 01:00:05', 'Deck B', '2026-03-01 08:10:00'),"
                    "(9, 'central-9_2_30A54321', 'central-9', NULL, '30A54321', '30A54321',"
                    " '2026-03-01 08:00:00', 1, 'Cổng vào', NULL, 'p2p_sync', NULL, NULL, NULL,"
                    " NULL, NULL, NULL, 0, 'IN', '2026-03-01 01:00:05', NULL, NULL);"
                    "INSERT INTO history_changes(history_id, change_type, old_plate_id) VALUES"
                    "(9, 'UPDATE', '30A00000'), (5, 'DELETE', '30A99999');"
                    "INSERT INTO p2p_sync_state VALUES('central-9', 1, NULL, NULL)");
    central_open(&a);
    struct visit visit = find(&a, "central-1_1_30A12345");
    ck_assert_int_eq(visit.id, 7);
    ck_assert_int_eq(visit.status, VISIT_OUT);
    ck_assert_int_eq(visit.entry_ms, ENTRY_MS);
    ck_assert_int_eq(visit.exit_ms, ENTRY_MS + 2 * HOUR);
    ck_assert_int_eq(visit.fee, 50000);
    ck_assert_str_eq(visit.plate_view.data, "30A-123.45");
    ck_assert_str_eq(visit.source_central.data, "central-1");
    ck_assert_str_eq(visit.edge_id.data, "edge-1");
    ck_assert_str_eq(visit.entry_camera_id.data, "1");
    ck_assert_str_eq(visit.exit_camera_name.data, "Cổng ra");
    ck_assert(visit.exit_confidence == 0.8);
    ck_assert_str_eq(visit.exit_source.data, "manual");
    ck_assert_str_eq(visit.last_location.data, "Deck B");
    ck_assert_int_eq(visit.last_location_ms, ENTRY_MS + HOUR / 6);
    ck_assert_str_eq(visit.created_at.data, "2026-03-01 01:00:05");
    ck_assert_str_eq(visit.entry_time.data, "2026-03-01 08:00:00");
    ck_assert(!visit.synced);
    visit = find(&a, "central-9_2_30A54321");
    ck_assert_int_eq(visit.id, 9);
    ck_assert_int_eq(visit.status, VISIT_IN);
    ck_assert(visit.synced);

    char text[256];
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history_changes"), 2);
    ck_assert_str_eq(
        central_text(&a, "SELECT event_id FROM history_changes WHERE history_id = 9", text),
        "central-9_2_30A54321");
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM cameras"), 1);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM legacy_history"), 2);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM p2p_sync_state"), 0);
    /* Numbers that were given are not given again. */
    central_entry(&a, "new", "30A77777", CENTRAL_NOW);
    ck_assert_int_eq(find(&a, "new").id, 10);
    /* The original lies beside it. */
    struct central copy = a;
    snprintf(copy.path, sizeof copy.path, "%s",
             central_file(&a, "central.db.before-parkmesh", backup));
    ck_assert_int_eq(central_number(&copy, "SELECT count(*) FROM history"), 2);
    ck_assert_int_eq(central_number(&copy, "PRAGMA application_id"), 0);
}
END_TEST

START_TEST(import_happens_once)
{
    central_run(&a, HISTORY);
    central_run(&a, "INSERT INTO history(plate_id, plate_view, entry_time, status) VALUES"
                    "('30A12345', '30A12345', '2026-03-01 08:00:00', 'IN')");
    central_open(&a);
    ck_assert_uint_eq(store_event_count(a.store), 1);
    central_reopen(&a);
    ck_assert_uint_eq(store_event_count(a.store), 1);
    /* An entry at the gate after that is the second one. */
    struct visit visit;
    ck_assert_int_eq(store_find_open(a.store, "30A12345", &visit, &a.problem), 1);
    central_exit(&a, visit.event_id.data, "30A12345", ENTRY_MS + HOUR, 25000);
    ck_assert_int_eq(store_find_open(a.store, "30A12345", &visit, &a.problem), 0);
    ck_assert_int_eq(store_rebuild(a.store, &a.problem), 0);
}
END_TEST

START_TEST(odd_rows_are_kept)
{
    central_run(&a, HISTORY);
    central_run(
        &a,
        "INSERT INTO history(id, event_id, plate_id, plate_view, entry_time, exit_time, status,"
        " fee, entry_confidence, sync_status, created_at, updated_at) VALUES"
        "(1, NULL, '30a-123.45', '30a-123.45', '2026-03-01 08:00:00', NULL, 'IN', NULL, NULL,"
        " 'P2P', '2026-03-01 01:00:00', NULL),"
        "(2, 'zulu', '30A11111', '30A11111', '2031-04-02T08:00:00Z', NULL, 'IN', 0, 1e999,"
        " 'LOCAL', '2026-03-01 01:00:00', NULL),"
        "(3, 'rubbish', '30A22222', '30A22222', 'yesterday', NULL, 'IN', 0, 0, 'LOCAL',"
        " '2026-03-01 01:00:00', NULL),"
        "(4, 'nothing', '?', '', '', '', 'GONE', 'x', 'y', NULL, 'z', 'z'),"
        "(5, 'noexit', '30A33333', '30A33333', '2026-03-01 08:00:00', NULL, 'OUT', 12000.4, 0,"
        " 'LOCAL', '2026-03-01 01:00:00', '2026-03-01 03:00:00'),"
        "(6, 'bytes', '30A44444', CAST(x'33304180ff' AS TEXT), '2026-03-01 08:00:00', NULL, 'IN',"
        " 0, 0, 'LOCAL', '2026-03-01 01:00:00', NULL),"
        "(7, 'blob', '30A55555', x'00010203', '2026-03-01 08:00:00', NULL, 'IN', 0, 0, 'LOCAL',"
        " '2026-03-01 01:00:00', NULL);"
        "INSERT INTO history(id, event_id, plate_id, plate_view, entry_time, status,"
        " entry_camera_name) VALUES(8, 'long', '30A66666', '30A66666', '2026-03-01 08:00:00',"
        " 'IN', replace(hex(zeroblob(2000)), '00', 'ờ'))");
    central_open(&a);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history"), 8);
    char text[256];
    ck_assert_int_eq(
        strncmp(central_text(&a, "SELECT event_id FROM history WHERE id = 1", text), "legacy-", 7),
        0);
    ck_assert_uint_eq(strlen(text), 7 + 16);
    struct visit visit;
    ck_assert_int_eq(store_find_open(a.store, "30A12345", &visit, &a.problem), 1);
    ck_assert_int_eq(find(&a, "zulu").entry_ms, INT64_C(1932883200000));
    ck_assert_int_eq(find(&a, "rubbish").entry_ms, ENTRY_MS);
    ck_assert_int_eq(find(&a, "nothing").status, VISIT_IN);
    ck_assert_int_eq(find(&a, "noexit").exit_ms, ENTRY_MS + 2 * HOUR);
    ck_assert_int_eq(find(&a, "noexit").fee, 12000);
    ck_assert_str_eq(find(&a, "bytes").plate_view.data, "30A??");
    ck_assert_uint_le(find(&a, "long").entry_camera_name.len, LIMIT_TEXT);
}
END_TEST

START_TEST(duplicates_become_one_and_rivals_are_superseded)
{
    central_run(&a, HISTORY);
    central_run(&a,
                "INSERT INTO history(id, event_id, plate_id, plate_view, entry_time, exit_time,"
                " status, fee) VALUES"
                "(1, 'dup', '30A11111', '30A11111', '2026-03-01 08:00:00', NULL, 'IN', 0),"
                "(2, 'dup', '30A11111', '30A11111', '2026-03-01 08:00:00', '2026-03-01 09:00:00',"
                " 'OUT', 25000),"
                "(3, 'in1', '30A22222', '30A22222', '2026-03-01 08:00:00', NULL, 'IN', 0),"
                "(4, 'in2', '30A22222', '30A22222', '2026-03-01 09:00:00', NULL, 'IN', 0)");
    central_open(&a);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history"), 3);
    ck_assert_int_eq(find(&a, "dup").status, VISIT_OUT);
    ck_assert_int_eq(find(&a, "dup").fee, 25000);
    ck_assert_int_eq(find(&a, "in1").status, VISIT_IN);
    ck_assert_int_eq(find(&a, "in2").status, VISIT_SUPERSEDED);
    ck_assert_uint_eq(store_event_count(a.store), 4);
}
END_TEST

START_TEST(missing_and_stray_columns)
{
    central_run(&a, "CREATE TABLE history(\"TEXT\", id INTEGER PRIMARY KEY, plate_view TEXT,"
                    " plate_id TEXT, entry_time TEXT, status TEXT, entry_camera_id INTEGER);"
                    "INSERT INTO history VALUES(NULL, 3, '30A-123.45', '30A12345',"
                    " '2026-03-01 08:00:00', 'IN', 4);"
                    "CREATE INDEX idx_history_event_id ON history(plate_id);"
                    "CREATE TABLE history_changes(id INTEGER, note TEXT);"
                    "PRAGMA user_version = 5");
    central_open(&a);
    ck_assert_int_eq(central_number(&a, "SELECT id FROM history"), 3);
    ck_assert_int_eq(central_number(&a, "SELECT entry_ms FROM history") == ENTRY_MS, 1);
    ck_assert_int_eq(central_number(&a, "PRAGMA user_version"), SCHEMA_VERSION);
    central_reopen(&a);
}
END_TEST

START_TEST(early_design_without_visits)
{
    central_run(&a, "CREATE TABLE vehicles(plate_id TEXT UNIQUE);"
                    "INSERT INTO vehicles VALUES('30A12345')");
    central_open(&a);
    ck_assert_uint_eq(store_event_count(a.store), 0);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM vehicles"), 1);
    central_entry(&a, "v1", "30A12345", CENTRAL_NOW);
}
END_TEST

START_TEST(copies_at_two_centrals_merge)
{
    struct central *both[] = {&a, &b};
    for (size_t i = 0; i < 2; i++) {
        central_run(both[i], HISTORY);
        central_run(both[i],
                    "INSERT INTO history(event_id, source_central, plate_id, plate_view,"
                    " entry_time, status, created_at) VALUES"
                    "(NULL, NULL, '30A11111', '30A11111', '2026-03-01 08:00:00', 'IN',"
                    " '2026-03-01 01:00:00'),"
                    "('x', 'central-1', '30A22222', '30A22222', '2026-03-01 08:00:00', 'IN',"
                    " '2026-03-01 01:00:00')");
    }
    /* A copy that is behind. */
    central_run(&b, "UPDATE history SET status = 'OUT', exit_time = '2026-03-01 09:00:00',"
                    " fee = 7 WHERE event_id = 'x'");
    central_open(&a);
    central_open(&b);
    central_pull(&a, &b, 1);
    central_pull(&b, &a, 10);
    central_assert_equal(&a, &b);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history"), 2);
    ck_assert_int_eq(find(&a, "x").status, VISIT_OUT);
    ck_assert_int_eq(find(&a, "x").fee, 7);
}
END_TEST

START_TEST(an_interrupted_import_starts_again)
{
    char backup[160], part[180];
    central_run(&a, HISTORY);
    central_run(&a, "INSERT INTO history(plate_id, plate_view, entry_time, status) VALUES"
                    "('30A12345', '30A12345', '2026-03-01 08:00:00', 'IN')");
    snprintf(part, sizeof part, "%s.part", central_file(&a, "central.db.before-parkmesh", backup));
    FILE *file = fopen(part, "w");
    ck_assert_ptr_nonnull(file);
    fputs("half of a backup", file);
    fclose(file);
    central_open(&a);
    ck_assert_uint_eq(store_event_count(a.store), 1);
    ck_assert_int_eq(access(backup, F_OK), 0);
    ck_assert_int_ne(access(part, F_OK), 0);
}
END_TEST

START_TEST(many_rows)
{
    central_run(&a, HISTORY);
    central_run(&a, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i <"
                    " 3000) INSERT INTO history(event_id, plate_id, plate_view, entry_time,"
                    " exit_time, status, fee) SELECT 'e' || i, '30A' || (10000 + i % 700), 'x',"
                    " '2026-03-0' || (1 + i / 700) || ' 08:00:00',"
                    " '2026-03-0' || (1 + i / 700) || ' 09:00:00', 'OUT', i FROM n");
    central_open(&a);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history"), 3000);
    ck_assert_int_eq(
        central_number(&a, "SELECT count(*) FROM history h JOIN legacy_history l ON h.id = l.id"
                           " AND h.event_id = l.event_id AND h.fee = l.fee"),
        3000);
}
END_TEST

START_TEST(lots_are_taken_over)
{
    central_run(&a, HISTORY);
    central_run(&a,
                "CREATE TABLE parking_lots(id INTEGER PRIMARY KEY AUTOINCREMENT, location_name TEXT"
                " NOT NULL UNIQUE, capacity INTEGER DEFAULT 0, camera_id INTEGER, camera_type TEXT,"
                " edge_id TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT"
                " CURRENT_TIMESTAMP);"
                "INSERT INTO parking_lots(location_name, capacity, camera_id, camera_type, edge_id,"
                " updated_at) VALUES('Bãi A', 40, 7, 'PARKING_LOT', '10.0.0.7',"
                " '2026-03-01 01:00:00'), ('Bãi B', NULL, NULL, NULL, NULL, 'once'),"
                " ('', 3, NULL, NULL, NULL, NULL), (x'ff', 4, NULL, NULL, NULL, NULL)");
    central_open(&a);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM element"), 2);
    ck_assert_int_eq(central_number(&a, "SELECT capacity FROM element WHERE item = 'Bãi A'"), 40);
    ck_assert_int_eq(central_number(&a, "SELECT hlc >> 16 FROM element WHERE item = 'Bãi A'"),
                     ENTRY_MS);
    ck_assert_int_eq(central_number(&a, "SELECT capacity FROM element WHERE item = 'Bãi B'"), 0);
    central_reopen(&a);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM element"), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("legacy");
    TCase *tcase = tcase_create("legacy");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, visits_keep_their_columns_and_numbers);
    tcase_add_test(tcase, import_happens_once);
    tcase_add_test(tcase, odd_rows_are_kept);
    tcase_add_test(tcase, duplicates_become_one_and_rivals_are_superseded);
    tcase_add_test(tcase, missing_and_stray_columns);
    tcase_add_test(tcase, early_design_without_visits);
    tcase_add_test(tcase, copies_at_two_centrals_merge);
    tcase_add_test(tcase, an_interrupted_import_starts_again);
    tcase_add_test(tcase, lots_are_taken_over);
    tcase_add_test(tcase, many_rows);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
