#include "storage/history.h"

#include "proto/event.h"
#include "proto/limits.h"
#include "proto/localtime.h"
#include "proto/plate.h"
#include "storage/schema.h"
#include "tests/support_main.h"

#include <check.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOUR_MS (3600 * INT64_C(1000))
/* 2031-04-02 00:30 in Viet Nam, still 2031-04-01 in UTC. */
#define NOW_MS INT64_C(1932831000000)

static char directory[64];
static char path[96];
static sqlite3 *writer;
static struct history *history;
static struct problem problem;

static void run(const char *sql)
{
    char *said = NULL;
    ck_assert_msg(sqlite3_exec(writer, sql, NULL, NULL, &said) == SQLITE_OK, "%s: %s", sql, said);
}

static void setup(void)
{
    ck_assert_int_eq(localtime_set_zone("Asia/Ho_Chi_Minh"), 0);
    snprintf(directory, sizeof directory, "/tmp/test_history.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/central.db", directory);
    ck_assert_int_eq(sqlite3_open(path, &writer), SQLITE_OK);
    run("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE");
    ck_assert_msg(schema_migrate(writer, &problem) == 0, "%s", problem.text);
    run("COMMIT");
    /* A row has its visit's number; the store would give it first. */
    run("CREATE TEMP TRIGGER number AFTER INSERT ON history"
        " BEGIN INSERT INTO visit VALUES(new.id, new.event_id); END");
    history = history_open(path, &problem);
    ck_assert_msg(history != NULL, "%s", problem.text);
}

static void teardown(void)
{
    history_close(&history);
    ck_assert_ptr_null(history);
    ck_assert_int_eq(sqlite3_close(writer), SQLITE_OK);
    const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        (void)unlink(file); /* the side files may be gone already */
    }
    ck_assert_int_eq(rmdir(directory), 0);
}

static void run_with(const char *sql, const char *a, const char *b)
{
    char *text = sqlite3_mprintf(sql, a, b);
    run(text);
    sqlite3_free(text);
}

/* What the store would write beside the row that was inserted last. */
static void index_plate(const char *plate, const char *view, int64_t entry_ms)
{
    char bare[LIMIT_TEXT + 1], look[LIMIT_TEXT + 1];
    char *sql = sqlite3_mprintf("INSERT INTO visit_plate(plate, visit, first, last) SELECT %Q,"
                                " max(id), %lld, 0 FROM history",
                                plate, (long long)entry_ms);
    run(sql);
    sqlite3_free(sql);
    run_with("INSERT INTO plate_new(plate) VALUES(%Q)", plate, "");
    (void)plate_bare(slice_text(view), bare, sizeof bare);
    if (strcmp(bare, plate) == 0) {
        return;
    }
    run_with("INSERT OR IGNORE INTO plate_odd VALUES(%Q, %Q)", plate, bare);
    size_t len = plate_look(slice_text(view), look, sizeof look);
    for (size_t i = 0; i + LIMIT_PLATE_PART <= len; i++) {
        run_with("INSERT OR IGNORE INTO plate_part VALUES(%Q, %Q)", look + i, plate);
    }
}

/* One visit; exit_ms 0 = none. */
static void insert(const char *plate, const char *view, int64_t entry_ms, int64_t exit_ms,
                   int64_t fee, const char *status)
{
    char *sql = sqlite3_mprintf(
        "INSERT INTO history(event_id, plate_id, plate_view, entry_time, entry_ms, exit_ms, fee,"
        " status, digest) VALUES(printf('c_%%d_%%s', (SELECT count(*) FROM history), %Q), %Q, %Q,"
        " '', %lld, nullif(%lld, 0), %lld, %Q, x'00')",
        plate, plate, view, (long long)entry_ms, (long long)exit_ms, (long long)fee, status);
    run(sql);
    sqlite3_free(sql);
    index_plate(plate, view, entry_ms);
}

struct seen {
    int64_t ids[2000];
    size_t count;
    int stop_with;        /* value to return at the second row */
    bool insert_at_first; /* add a newer row and checkpoint while the reader pages */
};

static int see(void *context, const struct visit *visit)
{
    struct seen *seen = context;
    ck_assert_uint_lt(seen->count, 2000);
    seen->ids[seen->count++] = visit->id;
    if (seen->insert_at_first && seen->count == 1) {
        insert("NEW00001", "NEW-00001", INT64_C(9000000000000), 0, 0, "IN");
        int busy = -1;
        sqlite3_stmt *stmt = NULL;
        ck_assert_int_eq(
            sqlite3_prepare_v2(writer, "PRAGMA wal_checkpoint(TRUNCATE)", -1, &stmt, NULL),
            SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
        busy = sqlite3_column_int(stmt, 0);
        ck_assert_int_eq(sqlite3_finalize(stmt), SQLITE_OK);
        ck_assert_int_eq(busy, 0); /* the reader holds no snapshot here */
    }
    return seen->stop_with && seen->count == 2 ? seen->stop_with : 0;
}

static struct seen ask(struct history_query query)
{
    struct seen seen = {.count = 0};
    ck_assert_msg(history_each(history, &query, see, &seen, &problem) == 0, "%s", problem.text);
    return seen;
}

static size_t count(struct history_query query)
{
    return ask(query).count;
}

START_TEST(pages_in_order)
{
    run("BEGIN");
    for (int i = 0; i < 700; i++) {
        insert("30A12345", "30A-123.45", 1000 + i / 7, 0, 0, i % 2 ? "IN" : "OUT");
    }
    run("COMMIT");
    for (int inside = 0; inside < 2; inside++) {
        int step = inside ? 2 : 1; /* row numbers 1..700; even ones are inside */
        struct seen all = ask((struct history_query){.limit = -1, .status = inside ? "IN" : NULL});
        ck_assert_uint_eq(all.count, (size_t)(700 / step));
        for (size_t i = 0; i < all.count; i++) {
            ck_assert_int_eq(all.ids[i], 700 - step * (int64_t)i);
        }
    }
    struct seen part = ask((struct history_query){.limit = 300, .offset = 5});
    ck_assert_uint_eq(part.count, 300);
    ck_assert_int_eq(part.ids[0], 695);
    ck_assert_int_eq(part.ids[299], 396);
    ck_assert_uint_eq(count((struct history_query){.limit = 0}), 0);
    ck_assert_uint_eq(count((struct history_query){.limit = -7, .offset = -7}), 700);
    ck_assert_uint_eq(count((struct history_query){.limit = 50, .offset = 680}), 20);
    ck_assert_uint_eq(count((struct history_query){.limit = INT64_MAX, .offset = INT64_MAX}), 0);
    ck_assert_uint_eq(count((struct history_query){.limit = LIMIT_PAGE_ROWS}), LIMIT_PAGE_ROWS);
}
END_TEST

START_TEST(pages_do_not_shift_when_rows_arrive)
{
    run("BEGIN");
    for (int i = 0; i < 600; i++) {
        insert("30A12345", "30A-123.45", 1000, 0, 0, "IN");
    }
    run("COMMIT");
    struct seen seen = {.insert_at_first = true};
    struct history_query query = {.limit = -1, .offset = 10};
    ck_assert_int_eq(history_each(history, &query, see, &seen, &problem), 0);
    ck_assert_uint_eq(seen.count, 590);
    for (size_t i = 0; i < seen.count; i++) {
        ck_assert_int_eq(seen.ids[i], 590 - (int64_t)i);
    }
}
END_TEST

START_TEST(callback_stops)
{
    for (int i = 0; i < 5; i++) {
        insert("30A12345", "30A-123.45", i, 0, 0, "IN");
    }
    struct seen seen = {.stop_with = 42};
    struct history_query query = {.limit = -1};
    ck_assert_int_eq(history_each(history, &query, see, &seen, &problem), 42);
    ck_assert_uint_eq(seen.count, 2);
}
END_TEST

START_TEST(long_texts_shorten_the_page)
{
    char view[LIMIT_TEXT + 1];
    memset(view, 'A', sizeof view - 1);
    view[sizeof view - 1] = '\0';
    run("BEGIN");
    for (int i = 0; i < 300; i++) {
        insert("30A12345", view, i, 0, 0, "IN");
    }
    run("COMMIT");
    run("UPDATE history SET entry_camera_name = printf('%.20000c', 'x')");
    struct seen seen = ask((struct history_query){.limit = 299});
    ck_assert_uint_eq(seen.count, 299);
    ck_assert_int_eq(seen.ids[298], 2);
}
END_TEST

START_TEST(filters)
{
    int64_t today = NOW_MS;
    insert("30A00001", "30A-000.01", today - 2 * HOUR_MS, 0, 0, "IN"); /* yesterday, same UTC day */
    insert("30A00002", "30A-000.02", today - 60000, 0, 0, "IN");
    insert("30A00003", "30A-000.03", today - 1000, today, 25000, "OUT");
    insert("30A00004", "30A-000.04", today - 1000, 0, 0, "SUPERSEDED");
    insert("30A00005", "30A-000.05", today - 1000, 0, 0, "DELETED");
    insert("30A00006", "30A-000.06", today + 24 * HOUR_MS, 0, 0, "IN"); /* tomorrow */

    ck_assert_uint_eq(count((struct history_query){.limit = -1}), 4);
    ck_assert_uint_eq(count((struct history_query){.limit = -1, .status = "IN"}), 3);
    ck_assert_uint_eq(count((struct history_query){.limit = -1, .status = "OUT"}), 1);
    ck_assert_uint_eq(count((struct history_query){.limit = -1, .status = "SUPERSEDED"}), 1);
    ck_assert_uint_eq(count((struct history_query){.limit = -1, .status = "DELETED"}), 1);
    ck_assert_uint_eq(count((struct history_query){.limit = -1, .status = "in"}), 0);
    struct history_query day = {.limit = -1, .today_only = true, .now_ms = today};
    ck_assert_uint_eq(count(day), 2);
    day.status = "IN";
    struct seen seen = ask(day);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_int_eq(seen.ids[0], 2);
    day.search = slice_text("00003");
    ck_assert_uint_eq(count(day), 0);
}
END_TEST

START_TEST(search_is_literal)
{
    insert("30A12345", "30A-123.45", 1, 0, 0, "IN");
    insert("29M112345",
           "29M\xC4\x90"
           "1-123.45",
           2, 0, 0, "IN");
    insert("51F20417", "51f 204 17", 3, 0, 0, "OUT");
    static const struct {
        const char *term;
        size_t rows;
    } cases[] = {
        {NULL, 3},
        {"", 3},
        {"12345", 2},
        {"123.45", 2},
        {"12-34 5", 2},
        {"30a", 1},
        {"51F-204.17", 1},
        {"29m\xC4\x91"
         "1",
         1},
        {"29M1", 1},
        {"%", 0},
        {"_", 0},
        {"30A_12345", 0},
        {"*", 0},
        {"-", 2},
        {".", 2},
        {" ", 1},
        {"--", 0},
        {"'; DROP TABLE history; --", 0},
        {"9999", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history_query query = {.limit = -1, .search = slice_text(cases[i].term)};
        ck_assert_msg(count(query) == cases[i].rows, "search %s", cases[i].term);
    }
    char endless[LIMIT_TEXT + 2];
    memset(endless, 'A', sizeof endless);
    struct seen seen = {.count = 0};
    struct history_query query = {.limit = -1, .search = {endless, sizeof endless}};
    ck_assert_int_eq(history_each(history, &query, see, &seen, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_PARAMETER_INVALID);
}
END_TEST

START_TEST(finds_a_visit)
{
    run("INSERT INTO history(event_id, source_central, edge_id, plate_id, plate_view, entry_time,"
        " entry_camera_id, entry_camera_name, entry_confidence, entry_source, exit_time,"
        " exit_camera_id, exit_camera_name, exit_confidence, exit_source, duration, fee, status,"
        " sync_status, created_at, updated_at, last_location, last_location_time, is_anomaly,"
        " entry_ms, exit_ms, exit_central, superseded_by, last_location_ms, suspect, revision,"
        " digest) VALUES('a_1_30A12345', 'a', 'e1', '30A12345', '30A-123.45', 'et', 3, 'North',"
        " 0.5, 'auto', 'xt', '007', 'South', 0.25, 'manual', 'd', 75000, 'OUT', 'SYNCED', 'c', 'u',"
        " 'B2', 'lt', 1, 11, 22, 'b', 'a_0_30A12345', 33, 1, 7, x'00')");

    struct visit visit;
    ck_assert_int_eq(history_find(history, slice_text("a_1_30A12345"), &visit, &problem), 1);
    const struct {
        struct slice got;
        const char *expected;
    } texts[] = {
        {visit.event_id, "a_1_30A12345"},
        {visit.source_central, "a"},
        {visit.edge_id, "e1"},
        {visit.plate_id, "30A12345"},
        {visit.plate_view, "30A-123.45"},
        {visit.entry_time, "et"},
        {visit.entry_camera_id, "3"},
        {visit.entry_camera_name, "North"},
        {visit.entry_source, "auto"},
        {visit.exit_time, "xt"},
        {visit.exit_camera_id, "007"},
        {visit.exit_camera_name, "South"},
        {visit.exit_source, "manual"},
        {visit.duration, "d"},
        {visit.created_at, "c"},
        {visit.updated_at, "u"},
        {visit.last_location, "B2"},
        {visit.last_location_time, "lt"},
        {visit.exit_central, "b"},
        {visit.superseded_by, "a_0_30A12345"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(slice_equal(texts[i].got, slice_text(texts[i].expected)), "text %zu", i);
    }
    ck_assert(visit.entry_confidence == 0.5 && visit.exit_confidence == 0.25);
    ck_assert_int_eq(visit.entry_ms, 11);
    ck_assert_int_eq(visit.exit_ms, 22);
    ck_assert_int_eq(visit.last_location_ms, 33);
    ck_assert_int_eq(visit.fee, 75000);
    ck_assert_int_eq(visit.revision, 7);
    ck_assert_int_eq(visit.id, 1);
    ck_assert(visit.is_anomaly && visit.suspect && visit.synced);
    ck_assert_int_eq(visit.status, VISIT_OUT);
}
END_TEST

START_TEST(finds_absent_fields)
{
    struct visit visit;
    insert("30A12345", "30A-123.45", 5, 0, 0, "IN");
    insert("30A99999", "30A-999.99", 5, 0, 0, "SUPERSEDED");
    ck_assert_int_eq(history_find(history, slice_text("c_1_30A99999"), &visit, &problem), 1);
    ck_assert_int_eq(visit.status, VISIT_SUPERSEDED);
    ck_assert_ptr_null(visit.source_central.data);
    ck_assert_ptr_nonnull(visit.entry_time.data); /* empty is not absent */
    ck_assert_int_eq(visit.exit_ms, EVENT_NONE);
    ck_assert(isnan(visit.exit_confidence) && !visit.synced && !visit.suspect);
    ck_assert_int_eq(history_find(history, slice_text("nobody"), &visit, &problem), 0);

    run("UPDATE history SET status = 'LOST'");
    ck_assert_int_eq(history_find(history, slice_text("c_0_30A12345"), &visit, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_DB_CORRUPT);
}
END_TEST

struct changes {
    size_t count;
    int64_t ids[600], history_ids[600];
    char last_old_data[32], last_by[32];
};

static int see_change(void *context, const struct history_change *change)
{
    struct changes *changes = context;
    ck_assert_uint_lt(changes->count, 600);
    changes->ids[changes->count] = change->id;
    changes->history_ids[changes->count++] = change->history_id;
    slice_copy(change->old_data, changes->last_old_data, sizeof changes->last_old_data);
    slice_copy(change->changed_by, changes->last_by, sizeof changes->last_by);
    return 0;
}

static struct changes ask_changes(int64_t history_id, int64_t limit, int64_t offset)
{
    struct changes changes = {.count = 0};
    ck_assert_msg(
        history_changes(history, history_id, limit, offset, see_change, &changes, &problem) == 0,
        "%s", problem.text);
    return changes;
}

START_TEST(lists_changes)
{
    insert("30A12345", "v", 1, 0, 0, "IN"); /* row 1, event c_0_30A12345 */
    run("INSERT INTO history_changes(history_id, change_type, old_data, changed_at, event_id,"
        " changed_by) VALUES"
        "(9, 'UPDATE', '{}', '2031-04-02 01:20:00', 'c_0_30A12345', 'lan')," /* by event, not row */
        "(5, 'DELETE', '{}', '2031-04-02 01:19:00', 'gone', 'lan'),"
        "(5, 'UPDATE', '{\"a\":1}', '2031-04-02 01:18:00', NULL, 'system'),"
        "(1, 'UPDATE', '{}', '2031-04-02 01:20:00', 'c_0_30A12345', 'lan')");
    struct changes all = ask_changes(0, 100, 0);
    const int64_t ids[] = {4, 1, 2, 3};
    const int64_t rows[] = {1, 1, 0, 5};
    ck_assert_uint_eq(all.count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(all.ids[i], ids[i]);
        ck_assert_int_eq(all.history_ids[i], rows[i]);
    }
    ck_assert_str_eq(all.last_old_data, "{\"a\":1}");
    ck_assert_str_eq(all.last_by, "system");
    ck_assert_uint_eq(ask_changes(1, 100, 0).count, 2);
    ck_assert_uint_eq(ask_changes(5, 100, 0).count, 1);
    ck_assert_uint_eq(ask_changes(77, 100, 0).count, 0);
    ck_assert_int_eq(ask_changes(0, 1, 2).ids[0], 2);
    ck_assert_uint_eq(ask_changes(0, 0, 0).count, 0);

    run("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
        " INSERT INTO history_changes(history_id, change_type) SELECT 3, 'UPDATE' FROM n");
    all = ask_changes(0, -1, 0);
    ck_assert_uint_eq(all.count, 504);
    ck_assert_int_eq(all.ids[4], 504); /* without a time: oldest, newest number first */
    ck_assert_int_eq(all.ids[503], 5);
}
END_TEST

struct synced {
    size_t count;
    char last[64];
    int64_t at;
};

static int see_synced(void *context, const struct history_synced *row)
{
    struct synced *synced = context;
    synced->count++;
    synced->at = row->last_sync_timestamp;
    slice_copy(row->peer_central_id, synced->last, sizeof synced->last);
    return 0;
}

START_TEST(lists_peers_in_sync)
{
    struct synced synced = {.count = 0};
    ck_assert_int_eq(history_synced(history, see_synced, &synced, &problem), 0);
    ck_assert_uint_eq(synced.count, 0);
    run("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
        " INSERT INTO p2p_sync_state SELECT printf('c-%03d', i), i, 't', 'u' FROM n");
    ck_assert_int_eq(history_synced(history, see_synced, &synced, &problem), 0);
    ck_assert_uint_eq(synced.count, 300);
    ck_assert_str_eq(synced.last, "c-300");
    ck_assert_int_eq(synced.at, 300);
}
END_TEST

START_TEST(tariff_in_force)
{
    struct tariff tariff;
    bool from_log = true;
    ck_assert_int_eq(history_tariff(history, 1000, &tariff, &from_log, &problem), 0);
    ck_assert(!from_log);
    ck_assert_int_eq(tariff.free_s, TARIFF_DEFAULT.free_s);
    ck_assert_int_eq(tariff.per_hour, TARIFF_DEFAULT.per_hour);

    run("INSERT INTO setting(sid, seq, kind, t_eff, t, hlc, node, epoch, free_s, per_hour) VALUES"
        "(1, 1, 9, 0, 100, 5, 'a', 1, 60, 1),"
        "(1, 2, 9, 0, 100, 6, 'a', 1, 60, 2),"
        "(1, 3, 9, 0, 200, 7, 'a', 1, 60, 3),"
        "(2, 1, 9, 0, 200, 7, 'a', -1, 60, 4)," /* epoch 2^64 - 1, the greatest */
        "(3, 1, 9, 0, 200, 7, 'a', 5, 60, 5),"
        "(3, 2, 12, 0, 300, 8, 'a', 5, NULL, NULL),"
        "(3, 3, 9, 0, 300, 8, 'a', 5, NULL, NULL)");
    const struct {
        int64_t at, per_hour;
    } cases[] = {{100, 2}, {199, 2}, {200, 4}, {1000, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(history_tariff(history, cases[i].at, &tariff, &from_log, &problem), 0);
        ck_assert(from_log);
        ck_assert_int_eq(tariff.per_hour, cases[i].per_hour);
    }
    ck_assert_int_eq(history_tariff(history, 99, &tariff, &from_log, &problem), 0);
    ck_assert(!from_log);
}
END_TEST

START_TEST(counts_events)
{
    uint64_t events = 7;
    run("UPDATE log_state SET events = 0");
    ck_assert_int_eq(history_event_count(history, &events, &problem), 0);
    ck_assert_uint_eq(events, 0);
    run("UPDATE log_state SET events = 1205");
    ck_assert_int_eq(history_event_count(history, &events, &problem), 0);
    ck_assert_uint_eq(events, 1205);
}
END_TEST

START_TEST(refuses_what_is_no_database)
{
    char other[128];
    snprintf(other, sizeof other, "%s/missing.db", directory);
    ck_assert_ptr_null(history_open(other, &problem));
    ck_assert(problem.text[0]);
    ck_assert_int_ne(access(other, F_OK), 0); /* nothing was created */

    FILE *file = fopen(other, "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_gt(fputs("no database ", file), 0);
    }
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_ptr_null(history_open(other, &problem));
    ck_assert_int_eq(unlink(other), 0);

    struct history *none = NULL;
    history_close(&none);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60); /* a busy machine */
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, pages_in_order);
    tcase_add_test(all, pages_do_not_shift_when_rows_arrive);
    tcase_add_test(all, callback_stops);
    tcase_add_test(all, long_texts_shorten_the_page);
    tcase_add_test(all, filters);
    tcase_add_test(all, search_is_literal);
    tcase_add_test(all, finds_a_visit);
    tcase_add_test(all, finds_absent_fields);
    tcase_add_test(all, lists_changes);
    tcase_add_test(all, lists_peers_in_sync);
    tcase_add_test(all, tariff_in_force);
    tcase_add_test(all, counts_events);
    tcase_add_test(all, refuses_what_is_no_database);
    suite_add_tcase(suite, all);
    return main_run(suite);
}
