/* The sums beside history, held against a scan of it, whatever happens to the rows. */
#include "support_store.h"
#include "tests/support_main.h"

#include "proto/limits.h"
#include "proto/localtime.h"
#include "storage/history.h"

#include <check.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS (3600 * INT64_C(1000))
/* 2031-04-02 00:30 in Viet Nam, still 2031-04-01 in UTC. */
#define NOW_MS INT64_C(1932831000000)
/* 2026-04-04 12:00 UTC: the night in which Lord Howe goes back by half an hour. */
#define LORD_HOWE_MS INT64_C(1775304000000)

static struct central a;
static uint64_t state;

static uint32_t chance(uint32_t below)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(state >> 33) % below;
}

static void zone(const char *name)
{
    ck_assert_int_eq(localtime_set_zone(name), 0);
}

static void teardown(void)
{
    central_stop(&a);
}

/* Sums as text, made from the table and made by a scan. */
struct sums {
    char *text;
    size_t len, room;
};

static void put(struct sums *sums, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct sums *sums, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (sums->len + 512 > sums->room) {
        sums->room = sums->room * 2 + 4096;
        sums->text = realloc(sums->text, sums->room);
    }
    sums->len +=
        (size_t)vsnprintf(sums->text + sums->len, sums->room - sums->len, format, arguments);
    va_end(arguments);
}

static void put_rows(struct sums *sums, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            put(sums, "%s|", (const char *)sqlite3_column_text(stmt, i));
        }
        put(sums, "\n");
    }
    sqlite3_finalize(stmt);
}

static void hour(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sqlite3_result_int64(context, localtime_hour(sqlite3_value_int64(values[0])));
}

static void assert_counted(void)
{
    struct sums kept = {0}, made = {0};
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open_v2(a.path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    ck_assert_int_eq(sqlite3_create_function(db, "hour", 1, SQLITE_UTF8, NULL, hour, NULL, NULL),
                     SQLITE_OK);
    put_rows(&kept, db,
             "SELECT * FROM visit_count WHERE t < 9223372036854775807 ORDER BY t, central, lot");
    put_rows(&kept, db,
             "SELECT central, lot, entries, exits, revenue, gone FROM visit_count"
             " WHERE t = 9223372036854775807 ORDER BY central, lot");
    put_rows(&made, db,
             "WITH v AS (SELECT *, coalesce(source_central, '') c, coalesce(exit_central, '') x,"
             "  coalesce(last_location, '') l FROM history WHERE status IN ('IN', 'OUT')),"
             " p AS (SELECT hour(entry_ms) t, c, l, 1 e, 0 o, 0 f, 0 g FROM v"
             "  UNION ALL SELECT hour(exit_ms), x, l, 0, 1, fee, 0 FROM v WHERE status = 'OUT'"
             "  UNION ALL SELECT hour(exit_ms), c, l, 0, 0, 0, 1 FROM v WHERE status = 'OUT')"
             " SELECT t, c, l, sum(e), sum(o), sum(f), sum(g) FROM p GROUP BY t, c, l"
             " ORDER BY t, c, l");
    put_rows(&made, db,
             "SELECT coalesce(source_central, ''), coalesce(last_location, ''), count(*), 0, 0, 0"
             " FROM history WHERE status = 'IN' GROUP BY 1, 2 ORDER BY 1, 2");
    ck_assert_str_eq(kept.text ? kept.text : "", made.text ? made.text : "");
    free(kept.text);
    free(made.text);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* Every plate of the history is found by each of its ends, and no other is. */
static void assert_indexed(void)
{
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM visit_plate WHERE plate NOT IN"
                                        " (SELECT plate FROM plate_new) AND plate NOT IN"
                                        " (SELECT plate FROM plate_part)"),
                     0);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM plate_part p WHERE NOT EXISTS"
                                        " (SELECT 1 FROM visit_plate v WHERE v.plate = p.plate)"),
                     0);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM plate_new p WHERE NOT EXISTS"
                                        " (SELECT 1 FROM visit_plate v WHERE v.plate = p.plate)"),
                     0);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history h JOIN visit_plate p"
                                        " ON p.visit = h.id AND p.plate = h.plate_id"
                                        " WHERE p.first + p.late <> h.entry_ms"),
                     0);
}

static void assert_sums(void)
{
    assert_counted();
    assert_indexed();
}

static struct event any_event(char visit[16], char plate[16], int64_t around)
{
    static const char *const centrals[] = {NULL, "central-1", "central-2", "c3"};
    static const char *const lots[] = {"B1", "B2", "Sân A"};
    static const uint32_t kinds[] = {EVENT_VEHICLE_ENTRY_PENDING, EVENT_VEHICLE_EXIT,
                                     EVENT_VEHICLE_EXIT,          EVENT_LOCATION_UPDATE,
                                     EVENT_HISTORY_UPDATE,        EVENT_HISTORY_DELETE,
                                     EVENT_HISTORY_UNDELETE,      EVENT_VEHICLE_ENTRY_PENDING};
    struct event event;
    uint32_t kind = kinds[chance(8)];
    event_init(&event, kind);
    snprintf(visit, 16, "v%u", chance(12));
    snprintf(plate, 16, "51F%05u", 20417 + chance(5));
    event.visit = slice_text(visit);
    event.plate_id = event.plate_view = slice_text(plate);
    event.source_central = slice_text(centrals[chance(4)]);
    event.t_eff = around + (int64_t)chance(40) * HOUR_MS / 4;
    if (kind == EVENT_VEHICLE_EXIT) {
        event.fee = chance(3) ? (int64_t)chance(4) * 25000 : EVENT_NONE;
    } else if (kind == EVENT_LOCATION_UPDATE) {
        event.location = slice_text(lots[chance(3)]);
    } else if (kind == EVENT_HISTORY_UPDATE) {
        event.entry_ms = chance(2) ? event.t_eff : EVENT_NONE;
        event.exit_ms = chance(3) ? EVENT_NONE : chance(2) ? EVENT_REOPEN : event.t_eff + HOUR_MS;
    }
    return event;
}

static void live(uint64_t seed, int64_t around)
{
    state = seed;
    for (int i = 0; i < 60; i++) {
        char visit[4][16], plate[4][16];
        struct position position;
        struct problem *problem = &a.problem;
        ck_assert_int_eq(store_begin(a.store, problem), 0);
        for (int k = 0; k < 4; k++) {
            struct event event = any_event(visit[k], plate[k], around);
            bool undone = chance(4) == 0;
            ck_assert_int_eq(store_mark(a.store, problem), 0);
            ck_assert_int_eq(store_append(a.store, &event, around, &position, problem), 0);
            ck_assert_int_eq(store_fold(a.store, problem), 0);
            if (undone) {
                store_undo(a.store);
            } else {
                ck_assert_int_eq(store_release(a.store, problem), 0);
            }
        }
        if (chance(5) == 0) {
            store_rollback(a.store);
        } else {
            ck_assert_int_eq(store_commit(a.store, problem), 0);
        }
        assert_sums();
    }
}

START_TEST(as_a_scan_says)
{
    static const char *const zones[] = {"Asia/Ho_Chi_Minh", "Australia/Lord_Howe", "Asia/Kathmandu",
                                        "Europe/Berlin"};
    zone(zones[_i % 4]);
    central_start(&a, "central-1");
    live((uint64_t)_i + 1, _i % 4 == 1 ? LORD_HOWE_MS : CENTRAL_NOW);
    ck_assert_int_eq(store_rebuild(a.store, &a.problem), 0);
    assert_sums();
    zone(zones[(_i + 1) % 4]);
    central_reopen(&a);
    assert_sums();
}
END_TEST

/* A database of the previous version gets its sums when it is opened. */
START_TEST(made_for_an_older_database)
{
    zone("Asia/Ho_Chi_Minh");
    central_start(&a, "central-1");
    live(77, CENTRAL_NOW);
    central_close(&a);
    central_run(&a, CENTRAL_SCHEMA_8
                "DROP TABLE peer_mark; DROP INDEX history_lsn; ALTER TABLE history DROP COLUMN lsn;"
                "DROP TABLE visit_gone;"
                "DROP TABLE account; DROP TABLE session; DROP TABLE token; DROP TABLE audit;"
                "DROP INDEX event_change; DROP TABLE feed; DROP TABLE visit_count;"
                "DROP TABLE visit_inside;"
                "DROP TABLE plate_part;"
                "DROP TABLE plate_new; DROP TABLE plate_odd; DROP INDEX anomaly_time;"
                "DROP INDEX anomaly_visit; DROP INDEX anomaly_other; DROP INDEX history_aside;"
                "ALTER TABLE visit_plate DROP COLUMN late;"
                "DELETE FROM meta WHERE key = 'sums'; PRAGMA user_version = 2");
    central_open(&a);
    assert_sums();
}
END_TEST

/* A database of version 8 keeps what it has. */
START_TEST(kept_from_version_8)
{
    zone("Asia/Ho_Chi_Minh");
    central_start(&a, "central-1");
    live((uint64_t)_i + 99, CENTRAL_NOW);
    int64_t plates = central_number(&a, "SELECT count(DISTINCT plate) FROM plate_new");
    ck_assert_int_gt(plates, 0);
    central_close(&a);
    central_run(&a, CENTRAL_SCHEMA_8);
    central_open(&a);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM plate_new"), plates);
    assert_sums();
    ck_assert_int_eq(store_settle(a.store, &a.problem), 0);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM plate_new"), 0);
    assert_sums();
}
END_TEST

/* The local day, although UTC is still in yesterday. */
START_TEST(statistics)
{
    zone("Asia/Ho_Chi_Minh");
    central_start(&a, "central-1");
    struct history *history = history_open(a.path, &a.problem);
    struct history_stats stats;
    ck_assert_int_eq(history_stats(history, NOW_MS, &stats, &a.problem), 0);
    ck_assert_int_eq(stats.inside + stats.entries_today + stats.exits_today + stats.revenue_today,
                     0);
    int64_t now = NOW_MS;
    central_entry(&a, "v1", "30A00001", now - 2 * HOUR_MS); /* yesterday */
    central_entry(&a, "v2", "30A00002", now - 60000);
    central_entry(&a, "v3", "30A00003", now - 2 * HOUR_MS);
    central_exit(&a, "v3", "30A00003", now - 1000, 25000); /* left today */
    central_entry(&a, "v4", "30A00004", now - 9 * HOUR_MS);
    central_exit(&a, "v4", "30A00004", now - HOUR_MS, 99000);
    central_entry(&a, "v5", "30A00005", now - 1000);
    central_exit(&a, "v5", "30A00005", now, 50000);  /* both today */
    central_entry(&a, "v6", "30A00002", now - 1000); /* superseded */
    central_entry(&a, "v7", "30A00007", now - 1000);
    central_exit(&a, "v7", "30A00007", now, 1000);
    central_change(&a, EVENT_HISTORY_DELETE, "v7", "30A00007");
    ck_assert_int_eq(history_stats(history, now, &stats, &a.problem), 0);
    ck_assert_int_eq(stats.inside, 2);
    ck_assert_int_eq(stats.entries_today, 2);
    ck_assert_int_eq(stats.exits_today, 2);
    ck_assert_int_eq(stats.revenue_today, 75000);
    for (int i = 0; i < 8; i++) {
        char visit[16], plate[16];
        snprintf(visit, sizeof visit, "w%d", i);
        snprintf(plate, sizeof plate, "30B%05d", i);
        central_entry(&a, visit, plate, now - 1000);
        central_exit(&a, visit, plate, now, LIMIT_INTEGER);
    }
    ck_assert_msg(history_stats(history, now, &stats, &a.problem) == 0, "%s", a.problem.text);
    ck_assert_int_eq(stats.exits_today, 10);
    ck_assert_int_eq(stats.revenue_today, 8 * INT64_C(1000000000000) + 75000);
    history_close(&history);
}
END_TEST

/* Nobody finds a plate whose events were erased. */
START_TEST(erased_plates_are_forgotten)
{
    zone("UTC");
    central_start(&a, "central-1");
    struct position entry = central_entry(&a, "v1", "30A00001", CENTRAL_NOW);
    struct position exit = central_exit(&a, "orphan", "30A00002", CENTRAL_NOW, 0);
    central_entry(&a, "v2", "30A00003", CENTRAL_NOW);
    ck_assert_int_eq(store_rebuild(a.store, &a.problem), 0); /* from plate_new into the index */
    ck_assert_int_gt(central_number(&a, "SELECT count(*) FROM plate_part WHERE plate = '30A00002'"),
                     0);
    for (int i = 0; i < 2; i++) {
        struct event event;
        event_init(&event, EVENT_REDACT);
        event.target_node = slice_text(a.node.text);
        event.target_epoch = entry.stream.epoch;
        event.target_from = event.target_to = i ? exit.seq : entry.seq;
        central_write(&a, &event);
    }
    ck_assert_int_eq(
        central_number(&a, "SELECT count(*) FROM plate_part WHERE plate <> '30A00003'"), 0);
    assert_sums();
}
END_TEST

static int64_t waiting(void)
{
    return central_number(&a, "SELECT count(*) FROM plate_new");
}

static int count_row(void *context, const struct visit *visit)
{
    (void)visit;
    ++*(int *)context;
    return 0;
}

/* Visits whose plates contain the text. */
static int found(const char *text)
{
    struct history *history = history_open(a.path, &a.problem);
    struct history_query query = {.limit = -1, .search = slice_text(text), .match = HISTORY_PART};
    int count = 0;
    ck_assert_int_eq(history_each(history, &query, count_row, &count, &a.problem), 0);
    query.look = true;
    ck_assert_int_eq(history_each(history, &query, count_row, &count, &a.problem), 0);
    history_close(&history);
    return count / 2;
}

/* Appends entries of plates from number `from` on to the open batch. */
static void enter_as(const char *visits, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        char visit[16], plate[16];
        struct event event;
        struct position position;
        snprintf(visit, sizeof visit, "%s%d", visits, i);
        snprintf(plate, sizeof plate, "51F%06d", i);
        event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
        event.visit = slice_text(visit);
        event.plate_id = event.plate_view = slice_text(plate);
        event.t_eff = CENTRAL_NOW;
        ck_assert_int_eq(store_append(a.store, &event, CENTRAL_NOW, &position, &a.problem), 0);
    }
}

/* Many plates in one batch: from number `from` on. */
static void enter(int from, int count)
{
    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    enter_as("v", from, count);
}

/* Plates wait for their index until there is time or too many do, and are found while they wait. */
START_TEST(plates_go_into_the_index_when_it_is_quiet)
{
    zone("UTC");
    central_start(&a, "central-1");
    enter(0, LIMIT_PLATES_STEP + 10);
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_int_eq(waiting(), LIMIT_PLATES_STEP + 10);
    central_reopen(&a);
    ck_assert_int_eq(waiting(), LIMIT_PLATES_STEP + 10);
    ck_assert_int_eq(found("1F000"), LIMIT_PLATES_STEP + 10);
    ck_assert_int_eq(found("0007"), 11); /* 51F000007 and 51F000070 to 79 */
    enter(LIMIT_PLATES_STEP + 10, 3);
    store_rollback(a.store);
    struct digest before = store_state_digest(a.store);
    ck_assert_int_eq(store_settle(a.store, &a.problem), 1);
    ck_assert_int_eq(waiting(), 10);
    assert_indexed();
    ck_assert_int_eq(found("1F000"), LIMIT_PLATES_STEP + 10);
    ck_assert_int_eq(store_settle(a.store, &a.problem), 0);
    ck_assert_int_eq(store_settle(a.store, &a.problem), 0);
    ck_assert_int_eq(waiting(), 0);
    assert_indexed();
    ck_assert_int_eq(found("1F000"), LIMIT_PLATES_STEP + 10);
    ck_assert_int_eq(found("0007"), 11); /* 51F000007 and 51F000070 to 79 */
    struct digest after = store_state_digest(a.store);
    ck_assert(digest_equal(&before, &after));
    struct buffer fact = {0};
    ck_assert_int_eq(store_take_fact(a.store, &fact), 0);
    ck_assert_uint_eq(fact.len, 0);
    buffer_free(&fact);
}
END_TEST

START_TEST(a_plate_that_waits_twice_is_one)
{
    zone("UTC");
    central_start(&a, "central-1");
    enter(0, 20);
    enter_as("w", 0, 20); /* two visits of a plate in one batch; one supersedes the other */
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_int_eq(waiting(), 20);
    central_close(&a);
    central_run(&a, "INSERT INTO plate_new(plate) SELECT plate FROM plate_new");
    central_open(&a);
    ck_assert_int_eq(waiting(), 40);
    ck_assert_int_eq(found("1F000"), 20);
    ck_assert_int_eq(store_settle(a.store, &a.problem), 0);
    ck_assert_int_eq(waiting(), 0);
    ck_assert_int_eq(found("1F000"), 20);
    assert_indexed();
}
END_TEST

START_TEST(many_waiting_plates_go_into_the_index)
{
    zone("UTC");
    central_start(&a, "central-1");
    enter(0, LIMIT_PLATES_NEW + 1);
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_int_eq(waiting(), LIMIT_PLATES_NEW + 1 - LIMIT_PLATES_STEP);
    ck_assert_int_eq(found("F0010"), 100); /* 51F001000 to 51F001099 */
    enter(0, 1);                           /* an entry that repeats: no new plate */
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_int_eq(waiting(), LIMIT_PLATES_NEW + 1 - LIMIT_PLATES_STEP);
    while (store_settle(a.store, &a.problem) > 0) {
        continue;
    }
    ck_assert_int_eq(waiting(), 0);
    assert_indexed();
    ck_assert_int_eq(found("F0010"), 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_count");
    TCase *tests = tcase_create("store_count");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_loop_test(tests, as_a_scan_says, 0, 12);
    tcase_add_test(tests, made_for_an_older_database);
    tcase_add_loop_test(tests, kept_from_version_8, 0, 2);
    tcase_add_test(tests, statistics);
    tcase_add_test(tests, erased_plates_are_forgotten);
    tcase_add_test(tests, plates_go_into_the_index_when_it_is_quiet);
    tcase_add_test(tests, a_plate_that_waits_twice_is_one);
    tcase_add_test(tests, many_waiting_plates_go_into_the_index);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
