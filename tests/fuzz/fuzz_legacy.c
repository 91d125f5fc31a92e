/*
 * A database of the existing system whose rows hold anything: of any type, any bytes, any times.
 * It opens, no row is lost, and opening it again changes nothing.
 *
 * Input: rows; of each column its type and its value, until the bytes are used up.
 */
#include "storage/store.h"

#include "proto/localtime.h"
#include "proto/log.h"
#include "tests/fuzz/support_source.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS 12
#define COLUMNS 22
#define TEXT_BYTES 700 /* longer than any text that is taken over whole */

static const char CREATE[] =
    "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
    "CREATE TABLE history(id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT,"
    " source_central TEXT, edge_id TEXT, plate_id TEXT, plate_view TEXT, entry_time TEXT,"
    " entry_camera_id INTEGER, entry_camera_name TEXT, entry_confidence REAL, entry_source TEXT,"
    " exit_time TEXT, exit_camera_id INTEGER, exit_camera_name TEXT, exit_confidence REAL,"
    " exit_source TEXT, fee INTEGER, status TEXT, created_at TEXT, updated_at TEXT,"
    " last_location TEXT, last_location_time TEXT, is_anomaly INTEGER);"
    "CREATE TABLE history_changes(id INTEGER PRIMARY KEY AUTOINCREMENT, history_id INTEGER,"
    " change_type TEXT, old_plate_id TEXT, old_plate_view TEXT, new_plate_id TEXT,"
    " new_plate_view TEXT, old_data TEXT, new_data TEXT, changed_at TEXT, changed_by TEXT);"
    "CREATE TABLE p2p_sync_state(peer_central_id TEXT PRIMARY KEY, last_sync_timestamp INTEGER,"
    " last_sync_time TEXT, updated_at TEXT);"
    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, event_type TEXT);";

static const char INSERT[] =
    "INSERT INTO history(event_id, source_central, edge_id, plate_id, plate_view, entry_time,"
    " entry_camera_id, entry_camera_name, entry_confidence, entry_source, exit_time,"
    " exit_camera_id, exit_camera_name, exit_confidence, exit_source, fee, status, created_at,"
    " updated_at, last_location, last_location_time, is_anomaly)"
    " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/* What such a database usually holds. */
static const char *const USUAL[] = {
    "30A-123.45", "30A12345", "2026-03-01 08:00:00", "2026-03-01 10:00:00",
    "IN",         "OUT",      "central-2",           "central-1_1772326800000_30A12345"};

static void put(sqlite3_stmt *stmt, int column, struct source *source)
{
    int bound = SQLITE_OK;
    struct slice piece;
    double real;
    uint64_t bits;

    switch (source_u8(source) % 7) {
    case 0:
        bound = sqlite3_bind_null(stmt, column);
        break;
    case 1:
        bound = sqlite3_bind_int64(stmt, column, source_i64(source));
        break;
    case 2:
        bits = source_u64(source);
        memcpy(&real, &bits, sizeof real);
        bound = sqlite3_bind_double(stmt, column, real);
        break;
    case 3:
        piece = source_piece(source, TEXT_BYTES);
        bound = sqlite3_bind_blob(stmt, column, piece.data, (int)piece.len, SQLITE_TRANSIENT);
        break;
    case 4:
        piece = source_piece(source, TEXT_BYTES);
        bound = sqlite3_bind_text(stmt, column, piece.data, (int)piece.len, SQLITE_TRANSIENT);
        break;
    default:
        bound = sqlite3_bind_text(stmt, column, USUAL[source_below(source, 8)], -1, SQLITE_STATIC);
        break;
    }
    source_require(bound == SQLITE_OK);
}

static int64_t make(const char *path, struct source *source)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t rows = 0;

    source_require(sqlite3_open(path, &db) == SQLITE_OK);
    source_require(sqlite3_exec(db, CREATE, NULL, NULL, NULL) == SQLITE_OK);
    source_require(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    source_require(sqlite3_prepare_v2(db, INSERT, -1, &stmt, NULL) == SQLITE_OK);
    for (; source->left && rows < ROWS; rows++) {
        for (int column = 1; column <= COLUMNS; column++) {
            put(stmt, column, source);
        }
        source_require(sqlite3_step(stmt) == SQLITE_DONE && sqlite3_reset(stmt) == SQLITE_OK);
    }
    source_require(sqlite3_finalize(stmt) == SQLITE_OK);
    source_require(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    source_require(sqlite3_close(db) == SQLITE_OK);
    return rows;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;

    source_require(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    source_require(sqlite3_step(stmt) == SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    source_require(sqlite3_finalize(stmt) == SQLITE_OK);
    return value;
}

/* Each old row is an event, and each event names a visit that is there. */
static void check(const char *path, int64_t rows)
{
    sqlite3 *db = NULL;

    source_require(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    source_require(ask(db, "SELECT count(*) FROM event") == rows);
    source_require(ask(db, "SELECT count(*) FROM legacy_history") == rows);
    source_require((ask(db, "SELECT count(*) FROM history") > 0) == (rows > 0));
    source_require(sqlite3_close(db) == SQLITE_OK);
}

static void open_and_close(const char *path)
{
    struct store_options options = {.path = path};
    struct problem problem = {.code = PROBLEM_OK};

    source_require(node_id_parse(slice_text("central-1"), &options.node));
    struct store *store = store_open(&options, &problem);
    if (!store) {
        fprintf(stderr, "%s\n", problem.text);
    }
    source_require(store != NULL);
    store_close(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const suffixes[] = {
        "", "-wal", "-shm", "-journal", ".before-parkmesh", ".before-parkmesh-journal", ".lock"};
    char directory[] = "/dev/shm/parkmesh-fuzz-XXXXXX"; /* in memory: it is opened often */
    char path[80], file[120];
    struct source source = {data, size};

    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    source_require(localtime_set_zone("Asia/Ho_Chi_Minh") == 0);
    source_require(mkdtemp(directory) != NULL);
    (void)snprintf(path, sizeof path, "%s/central.db", directory); /* fits */
    int64_t rows = make(path, &source);
    open_and_close(path);
    check(path, rows);
    open_and_close(path);
    check(path, rows);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        (void)snprintf(file, sizeof file, "%s%s", path, suffixes[i]); /* fits */
        (void)unlink(file); /* most of them are not there */
    }
    source_require(rmdir(directory) == 0);
    return 0;
}
