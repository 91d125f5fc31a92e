#include "support_store.h"

#include "proto/wire.h"

#include <check.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void central_prepare(struct central *central, const char *node)
{
    *central = (struct central){.now_ms = CENTRAL_NOW};
    ck_assert(node_id_parse(slice_text(node), &central->node));
    snprintf(central->directory, sizeof central->directory, "/tmp/test_store.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(central->directory));
    snprintf(central->path, sizeof central->path, "%s/central.db", central->directory);
}

void central_open(struct central *central)
{
    struct store_options options = {.path = central->path, .node = central->node};
    central->store = store_open(&options, &central->problem);
    ck_assert_msg(central->store != NULL, "%s %s", problem_name(central->problem.code),
                  central->problem.text);
}

void central_refused(struct central *central, enum problem_code code)
{
    struct store_options options = {.path = central->path, .node = central->node};
    struct store *store = store_open(&options, &central->problem);
    ck_assert_ptr_null(store);
    ck_assert_str_eq(problem_name(central->problem.code), problem_name(code));
    ck_assert_ptr_nonnull(strstr(central->problem.text, central->path));
}

void central_start(struct central *central, const char *node)
{
    central_prepare(central, node);
    central_open(central);
}

void central_close(struct central *central)
{
    store_close(&central->store);
    ck_assert_ptr_null(central->store);
}

void central_reopen(struct central *central)
{
    central_close(central);
    central_open(central);
}

void central_stop(struct central *central)
{
    store_close(&central->store);
    DIR *directory = opendir(central->directory);
    ck_assert_ptr_nonnull(directory);
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", central->directory, entry->d_name);
        if (entry->d_name[0] != '.') {
            ck_assert_int_eq(unlink(path), 0);
        }
    }
    closedir(directory);
    ck_assert_int_eq(rmdir(central->directory), 0);
}

const char *central_file(const struct central *central, const char *name, char *out)
{
    snprintf(out, 160, "%s/%s", central->directory, name);
    return out;
}

static void check(const struct central *central, int result)
{
    ck_assert_msg(result == 0, "%s %s", problem_name(central->problem.code), central->problem.text);
}

struct position central_write(struct central *central, struct event *event)
{
    struct position position;
    struct problem *problem = &central->problem;
    central->now_ms += 10;
    check(central, store_begin(central->store, problem));
    check(central, store_mark(central->store, problem));
    check(central, store_append(central->store, event, central->now_ms, &position, problem));
    check(central, store_fold(central->store, problem));
    check(central, store_release(central->store, problem));
    check(central, store_commit(central->store, problem));
    return position;
}

struct position central_entry(struct central *central, const char *visit, const char *plate,
                              int64_t t)
{
    struct event event;
    event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
    event.visit = slice_text(visit);
    event.plate_id = event.plate_view = slice_text(plate);
    event.camera_id = slice_text("1");
    event.t_eff = t;
    return central_write(central, &event);
}

struct position central_exit(struct central *central, const char *visit, const char *plate,
                             int64_t t, int64_t fee)
{
    struct event event;
    event_init(&event, EVENT_VEHICLE_EXIT);
    event.visit = slice_text(visit);
    event.plate_id = event.plate_view = slice_text(plate);
    event.camera_id = slice_text("007");
    event.fee = fee;
    event.t_eff = t;
    return central_write(central, &event);
}

struct position central_change(struct central *central, uint32_t kind, const char *visit,
                               const char *plate)
{
    struct event event;
    struct position seen[LIMIT_SUPERSEDES];
    struct buffer supersedes = {0}, before = {0};
    event_init(&event, kind);
    event.visit = slice_text(visit);
    event.plate_id = event.plate_view = slice_text(plate);
    event.author = slice_text("tester");
    event.t_eff = central->now_ms;
    int count = store_changes_seen(central->store, event.visit, seen, &central->problem);
    ck_assert_int_ge(count, 0);
    ck_assert_int_eq(event_pack_supersedes(seen, (size_t)count, &supersedes), 0);
    event.supersedes = buffer_slice(&supersedes);
    ck_assert_int_ge(store_visit_json(central->store, event.visit, &before, &central->problem), 0);
    if (before.len) {
        event.before = buffer_slice(&before);
    }
    struct position position = central_write(central, &event);
    buffer_free(&supersedes);
    buffer_free(&before);
    return position;
}

struct position central_tariff(struct central *central, int64_t t, int64_t free_s, int64_t per_hour)
{
    struct event event;
    event_init(&event, EVENT_CONFIG_UPDATE);
    event.t_eff = t;
    event.free_s = free_s;
    event.per_hour = per_hour;
    return central_write(central, &event);
}

enum store_run_result central_give(struct central *to, struct slice bytes, enum fact_origin origin)
{
    struct run run;
    struct wire wire;
    struct problem *problem = &to->problem;
    ck_assert_int_eq(run_unpack(&run, &wire, bytes), 0);
    to->now_ms += 10;
    check(to, store_begin(to->store, problem));
    check(to, store_mark(to->store, problem));
    enum store_run_result result = store_append_run(to->store, &run, origin, to->now_ms, problem);
    if (result == STORE_RUN_APPLIED) {
        check(to, store_fold(to->store, problem));
        check(to, store_release(to->store, problem));
    } else {
        store_undo(to->store);
    }
    check(to, store_commit(to->store, problem));
    run_free(&run);
    wire_close(&wire);
    return result;
}

size_t central_read(struct central *central, const struct stream *stream, uint64_t from,
                    size_t events, struct buffer *out)
{
    size_t count = 0;
    struct runs *runs = runs_open(central->path, &central->problem);
    ck_assert_ptr_nonnull(runs);
    int found =
        runs_read(runs, stream, from, LIMIT_RUN_BYTES, events, out, &count, &central->problem);
    ck_assert_int_ge(found, 0);
    runs_close(&runs);
    return count;
}

size_t central_pull(struct central *to, struct central *from, size_t step)
{
    struct runs_vector vector;
    size_t applied = 0;
    struct runs *runs = runs_open(from->path, &from->problem);
    ck_assert_ptr_nonnull(runs);
    ck_assert_int_eq(runs_vector(runs, &vector, &from->problem), 0);
    runs_close(&runs);
    for (size_t i = 0; i < vector.count; i++) {
        struct buffer run = {0};
        size_t count;
        for (uint64_t next = 1; next <= vector.heads[i].seq; next += count) {
            buffer_clear(&run);
            count = central_read(from, &vector.heads[i].stream, next, step, &run);
            ck_assert_uint_gt(count, 0);
            enum store_run_result result = central_give(to, buffer_slice(&run), FACT_SYNC);
            ck_assert_msg(result == STORE_RUN_APPLIED || result == STORE_RUN_OLD, "%d %s",
                          (int)result, to->problem.text);
            applied += result == STORE_RUN_APPLIED ? count : 0;
        }
        buffer_free(&run);
    }
    runs_vector_free(&vector);
    return applied;
}

static sqlite3_stmt *query(const struct central *central, sqlite3 **db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    ck_assert_int_eq(sqlite3_open_v2(central->path, db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL),
                     SQLITE_OK);
    int rc = sqlite3_prepare_v2(*db, sql, -1, &stmt, NULL);
    ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(*db));
    return stmt;
}

int64_t central_number(const struct central *central, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt = query(central, &db, sql);
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

const char *central_text(const struct central *central, const char *sql, char *out)
{
    sqlite3 *db;
    sqlite3_stmt *stmt = query(central, &db, sql);
    out[0] = '\0';
    if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0)) {
        snprintf(out, 256, "%s", (const char *)sqlite3_column_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return out;
}

static void dump(const struct central *central, const char *sql, struct buffer *out)
{
    sqlite3 *db;
    sqlite3_stmt *stmt = query(central, &db, sql);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const unsigned char *text = sqlite3_column_text(stmt, i);
            ck_assert_int_eq(buffer_printf(out, "%s|", text ? (const char *)text : "-"), 0);
        }
        ck_assert_int_eq(buffer_printf(out, "\n"), 0);
    }
    ck_assert_int_eq(rc, SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

void central_dump(const struct central *central, struct buffer *out)
{
    buffer_init(out, (size_t)64 * 1024 * 1024);
    dump(central,
         "SELECT event_id, source_central, edge_id, plate_id, plate_view, entry_ms,"
         " entry_camera_id, entry_camera_name, entry_source, entry_confidence, exit_ms,"
         " exit_central, exit_camera_id, exit_camera_name, exit_source, exit_confidence, fee,"
         " status, superseded_by, last_location, last_location_ms, is_anomaly, suspect,"
         " hex(digest) FROM history ORDER BY event_id",
         out);
    dump(central,
         "SELECT plate_id, t, code, visit, other, node, epoch, seq FROM anomaly"
         " ORDER BY plate_id, t, node, epoch, seq, code",
         out);
}

void central_run(const struct central *central, const char *sql)
{
    sqlite3 *db;
    char *said = NULL;
    ck_assert_int_eq(sqlite3_open(central->path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, &said);
    ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, said);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

void central_assert_equal(const struct central *a, const struct central *b)
{
    struct buffer left, right;
    struct digest digest_a = store_log_digest(a->store), digest_b = store_log_digest(b->store);
    ck_assert(digest_equal(&digest_a, &digest_b));
    ck_assert_uint_eq(store_event_count(a->store), store_event_count(b->store));
    central_dump(a, &left);
    central_dump(b, &right);
    buffer_append(&left, "", 1);
    buffer_append(&right, "", 1);
    ck_assert_str_eq(left.data, right.data);
    buffer_free(&left);
    buffer_free(&right);
    digest_a = store_state_digest(a->store);
    digest_b = store_state_digest(b->store);
    ck_assert(digest_equal(&digest_a, &digest_b));
}
