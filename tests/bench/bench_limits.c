/*
 * The physical limits that ParkMesh is measured against, with nothing of ParkMesh in them:
 *
 *   bench_limits sqlite DIR BATCH SECONDS   rows a second at synchronous=FULL: one log row, one
 *                                           history row, three indexes, BATCH events a commit
 *   bench_limits floor DIR COUNT            commit at A, one CURVE message, commit at B: p50, p99
 *   bench_limits http ADDRESS               a civetweb server that answers a constant, until killed
 *
 * Prints one JSON object on stdout.
 */
#include <civetweb.h>
#include <czmq.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FLOOR_ENDPOINT "tcp://127.0.0.1:*"
#define CAMERAS 64

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_limits: %s: %s\n", what, why);
    exit(1);
}

/* ---- SQLite -------------------------------------------------------------------------------- */

struct table {
    sqlite3 *db;
    sqlite3_stmt *log, *history, *begin, *commit;
    sqlite3_int64 count;
};

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
    return statement;
}

static void step(struct table *table, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE) {
        die("step", sqlite3_errmsg(table->db));
    }
    (void)sqlite3_reset(statement);
}

static struct table open_table(const char *dir, const char *name)
{
    struct table table = {0};
    char path[600];

    (void)snprintf(path, sizeof path, "%s/%s.db", dir, name);
    (void)unlink(path);
    if (sqlite3_open(path, &table.db) != SQLITE_OK) {
        die(path, sqlite3_errmsg(table.db));
    }
    run_sql(table.db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192;");
    run_sql(
        table.db,
        "CREATE TABLE log(lsn INTEGER PRIMARY KEY, sid, seq, kind, hlc, header BLOB, body BLOB,"
        " chain BLOB);"
        "CREATE TABLE history(id INTEGER PRIMARY KEY, event_id TEXT, plate_id TEXT, plate_view"
        " TEXT, entry_ms, entry_time TEXT, camera_id, camera_name TEXT, source TEXT, status TEXT);"
        "CREATE UNIQUE INDEX by_seq ON log(sid, seq);"
        "CREATE UNIQUE INDEX by_event ON history(event_id);"
        "CREATE INDEX by_plate ON history(plate_id);");
    table.log = prepare(table.db, "INSERT INTO log VALUES(?1, 1, ?1, 1, ?2, ?3, ?4, ?5)");
    table.history = prepare(table.db, "INSERT INTO history VALUES(?1, ?2, ?3, ?3, ?4,"
                                      " '2026-11-22 08:01:10', 1, 'North gate', 'auto', 'IN')");
    table.begin = prepare(table.db, "BEGIN IMMEDIATE");
    table.commit = prepare(table.db, "COMMIT");
    return table;
}

static void close_table(struct table *table)
{
    (void)sqlite3_finalize(table->log);
    (void)sqlite3_finalize(table->history);
    (void)sqlite3_finalize(table->begin);
    (void)sqlite3_finalize(table->commit);
    (void)sqlite3_close(table->db);
}

/* The rows that bench_load makes: CAMERAS cameras take turns, each with ids of its own. */
static void insert_one(struct table *table)
{
    static const char BYTES[256];
    char event_id[64], plate[24];
    sqlite3_int64 n = ++table->count;
    int camera = (int)(n % CAMERAS) + 10;
    sqlite3_int64 visit = n / CAMERAS;

    (void)snprintf(plate, sizeof plate, "%02dC%09lld", camera, visit);
    (void)snprintf(event_id, sizeof event_id, "edge-%d_%lld_%s", camera, 1932861670123LL + visit,
                   plate);
    (void)sqlite3_bind_int64(table->log, 1, n);
    (void)sqlite3_bind_int64(table->log, 2, n);
    (void)sqlite3_bind_blob(table->log, 3, BYTES, 24, SQLITE_STATIC);
    (void)sqlite3_bind_blob(table->log, 4, BYTES, 150, SQLITE_STATIC);
    (void)sqlite3_bind_blob(table->log, 5, BYTES, 16, SQLITE_STATIC);
    step(table, table->log);
    (void)sqlite3_bind_int64(table->history, 1, n);
    (void)sqlite3_bind_text(table->history, 2, event_id, -1, SQLITE_TRANSIENT);
    (void)sqlite3_bind_text(table->history, 3, plate, -1, SQLITE_TRANSIENT);
    (void)sqlite3_bind_int64(table->history, 4, n);
    step(table, table->history);
}

static void insert_batch(struct table *table, long batch)
{
    step(table, table->begin);
    for (long i = 0; i < batch; i++) {
        insert_one(table);
    }
    step(table, table->commit);
}

static int measure_sqlite(const char *dir, long batch, double seconds)
{
    struct table table = open_table(dir, "limit");
    double start = now_us(), end = start + seconds * 1e6;

    while (now_us() < end) {
        insert_batch(&table, batch);
    }
    (void)printf("{\"batch\": %ld, \"rows_per_s\": %.0f}\n", batch,
                 (double)table.count / (now_us() - start) * 1e6);
    close_table(&table);
    return 0;
}

/* ---- floor: commit, message, commit --------------------------------------------------------- */

struct floor {
    const char *dir;
    zcert_t *cert;
};

/* The receiving central: one commit a message, then an answer on the pipe, which is not counted. */
static void receiver(zsock_t *pipe, void *args)
{
    struct floor *floor = args;
    struct table table = open_table(floor->dir, "floor-b");
    zsock_t *router = zsock_new(ZMQ_ROUTER);

    zcert_apply(floor->cert, router);
    zsock_set_curve_server(router, 1);
    if (zsock_bind(router, "%s", FLOOR_ENDPOINT) < 0) {
        die("bind", FLOOR_ENDPOINT);
    }
    zsock_signal(pipe, 0);
    (void)zstr_send(pipe, zsock_endpoint(router));
    zpoller_t *poller = zpoller_new(pipe, router, NULL);
    while (zpoller_wait(poller, -1) == router) {
        zframe_t *identity, *bytes;
        if (zsock_recv(router, "ff", &identity, &bytes) != 0) {
            break;
        }
        insert_batch(&table, 1);
        double done = now_us();
        (void)zsock_send(pipe, "b", &done, sizeof done);
        zframe_destroy(&identity);
        zframe_destroy(&bytes);
    }
    zpoller_destroy(&poller);
    zsock_destroy(&router);
    close_table(&table);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int measure_floor(const char *dir, long count)
{
    struct floor floor = {.dir = dir, .cert = zcert_new()};
    struct table table = open_table(dir, "floor-a");
    zactor_t *actor = zactor_new(receiver, &floor);
    char *endpoint = zstr_recv(actor);
    zsock_t *dealer = zsock_new(ZMQ_DEALER);
    double *taken = calloc((size_t)count, sizeof *taken);
    char message[200] = {0};

    if (taken == NULL) {
        die("floor", "out of memory");
    }
    zcert_apply(floor.cert, dealer);
    zsock_set_curve_serverkey(dealer, zcert_public_txt(floor.cert));
    if (zsock_connect(dealer, "%s", endpoint) < 0) {
        die("connect", endpoint);
    }
    for (long i = -20; i < count; i++) { /* the first twenty warm up */
        double start = now_us(), *done;
        size_t size;
        insert_batch(&table, 1);
        (void)zsock_send(dealer, "b", message, sizeof message);
        if (zsock_recv(actor, "b", &done, &size) != 0) {
            break;
        }
        if (i >= 0) {
            taken[i] = *done - start;
        }
        free(done);
        (void)usleep(2000); /* idle between two events */
    }
    qsort(taken, (size_t)count, sizeof *taken, compare);
    (void)printf("{\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", taken[count / 2] / 1e3,
                 taken[count * 99 / 100] / 1e3);
    free(taken);
    zstr_free(&endpoint);
    zsock_destroy(&dealer);
    zactor_destroy(&actor);
    zcert_destroy(&floor.cert);
    close_table(&table);
    return 0;
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

static int answer(struct mg_connection *connection, void *data)
{
    static const char TEXT[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 16\r\n\r\n{\"success\":true}";
    char body[1024];
    (void)data;
    while (mg_read(connection, body, sizeof body) > 0) {
    }
    (void)mg_write(connection, TEXT, sizeof TEXT - 1);
    return 200;
}

static int serve_http(const char *address)
{
    const char *options[] = {
        "listening_ports",   address, "num_threads",           "128",   "tcp_nodelay", "1",
        "enable_keep_alive", "yes",   "keep_alive_timeout_ms", "10000", NULL};
    struct mg_context *context = mg_start(NULL, NULL, options);

    if (context == NULL) {
        die("cannot listen", address);
    }
    mg_set_request_handler(context, "/", answer, NULL);
    (void)puts("{\"listening\": true}");
    (void)fflush(stdout);
    (void)pause();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "sqlite") == 0) {
        return measure_sqlite(argv[2], strtol(argv[3], NULL, 10), strtod(argv[4], NULL));
    }
    if (argc == 4 && strcmp(argv[1], "floor") == 0) {
        return measure_floor(argv[2], strtol(argv[3], NULL, 10));
    }
    if (argc == 3 && strcmp(argv[1], "http") == 0) {
        return serve_http(argv[2]);
    }
    (void)fputs("usage: bench_limits sqlite DIR BATCH SECONDS | floor DIR COUNT | http ADDRESS\n",
                stderr);
    return 64;
}
