#include "tests/sim/sim.h"

#include "storage/history.h"
#include "storage/sql.h"

#include <string.h>

#define EVENTS                                                              \
    "SELECT s.node, s.epoch, e.seq, e.header, e.body, e.body_hash, e.chain" \
    " FROM stream s JOIN event e ON e.sid = s.sid ORDER BY s.node, s.epoch, e.seq"
#define ROWS                                                                                      \
    "SELECT event_id, source_central, edge_id, plate_id, plate_view, entry_ms, entry_camera_id,"  \
    " entry_camera_name, entry_source, entry_confidence, exit_ms, exit_central, exit_camera_id,"  \
    " exit_camera_name, exit_source, exit_confidence, fee, status, superseded_by, last_location," \
    " last_location_ms, is_anomaly, suspect FROM history ORDER BY event_id"
#define SETTINGS                                                                            \
    "SELECT kind, item, status, plate, valid_from, valid_to, json, capacity, t, hlc, node," \
    " epoch FROM element WHERE in_force = 1 ORDER BY kind, item"
#define ANOMALIES                                                           \
    "SELECT plate_id, t, code, visit, other, node, epoch, seq FROM anomaly" \
    " ORDER BY 1, 2, 6, 7, 8, 3, 4, 5"

/* ---- a handle of our own ---- */

static sqlite3 *open_database(struct sim *sim, size_t place)
{
    struct problem problem = {.code = PROBLEM_OK};
    sqlite3 *db = NULL;
    char path[48];

    sim_outside_path(place, path);
    if (sql_open(path, SQLITE_OPEN_READONLY, &db, &problem) != 0) {
        sim_fail(sim, "the database at %zu cannot be read: %s", place, problem.text);
    }
    return db;
}

static sqlite3_stmt *ask(struct sim *sim, sqlite3 *db, const char *question)
{
    struct problem problem = {.code = PROBLEM_OK};
    sqlite3_stmt *stmt = NULL;

    if (sql_prepare(db, question, &stmt, &problem) != 0) {
        sim_fail(sim, "%s", problem.text);
    }
    return stmt;
}

static bool step(struct sim *sim, struct sql *sql)
{
    struct problem problem = {.code = PROBLEM_OK};
    int found = sql_step(sql, &problem);

    if (found < 0) {
        sim_fail(sim, "%s", problem.text);
    }
    return found > 0;
}

int64_t sim_dump_number(struct sim *sim, size_t place, const char *question)
{
    struct sim_disk_armed armed = sim_disk_disarm(&sim->disks[place]);
    sqlite3 *db = open_database(sim, place);
    struct sql sql = sql_start(ask(sim, db, question));
    int64_t number = step(sim, &sql) ? sql_int(&sql, 0) : 0;

    sqlite3_finalize(sql.stmt);
    sqlite3_close(db);
    sim_disk_arm(&sim->disks[place], armed);
    return number;
}

/* ---- the log ---- */

static void check_event(struct sim *sim, size_t place, const struct sql *sql,
                        const struct head *before, struct head *now)
{
    const struct sim_fact_stream *truth = sim_truth_stream(sim, &now->stream);
    struct slice header = sql_blob(sql, 3), body = sql_blob(sql, 4);
    struct digest hash = sql_digest(sql, 5), chain = sql_digest(sql, 6);

    if (now->seq != before->seq + 1) {
        sim_fail(sim, "at %zu the stream of %s has a gap after %llu", place, now->stream.node.text,
                 (unsigned long long)before->seq);
    }
    now->chain = chain_next(&before->chain, header, &hash);
    struct digest made = body_hash(body.data ? body : slice_text(""));
    if (!digest_equal(&now->chain, &chain) || (body.data && !digest_equal(&made, &hash))) {
        sim_fail(sim, "at %zu the chain of %s breaks at %llu", place, now->stream.node.text,
                 (unsigned long long)now->seq);
    }
    if (!truth || now->seq > truth->count ||
        !digest_equal(&truth->events[now->seq - 1].chain, &chain) ||
        !slice_equal(buffer_slice(&truth->events[now->seq - 1].header), header)) {
        sim_fail(sim, "at %zu (%s, %llu) is not what its writer wrote", place,
                 now->stream.node.text, (unsigned long long)now->seq);
    }
}

static void read_log(struct sim *sim, size_t place, sqlite3 *db, struct sim_dump *out)
{
    struct sql sql = sql_start(ask(sim, db, EVENTS));
    struct sim_trace hash = {.hash = 1};
    struct head last = {.seq = 0};

    while (step(sim, &sql)) {
        struct head now = {.seq = sql_u64(&sql, 2)};
        (void)slice_copy(sql_text(&sql, 0), now.stream.node.text, sizeof now.stream.node.text);
        now.stream.epoch = sql_u64(&sql, 1);
        if (stream_compare(&now.stream, &last.stream) != 0) {
            struct digest part = head_digest(&last);
            digest_add(&out->log_digest, &part);
            last = (struct head){.stream = now.stream};
        }
        check_event(sim, place, &sql, &last, &now);
        sim_trace_mix(&hash, now.chain.bytes, sizeof now.chain.bytes);
        sim_trace_mix_number(&hash, sql_blob(&sql, 4).data != NULL);
        last = now;
        out->events++;
    }
    struct digest part = head_digest(&last);
    digest_add(&out->log_digest, &part);
    sqlite3_finalize(sql.stmt);
    out->log = hash.hash;
}

/* ---- the rows ---- */

static void mix_row(struct sim_trace *hash, const struct sql *sql)
{
    for (int i = 0; i < sqlite3_column_count(sql->stmt); i++) {
        int type = sqlite3_column_type(sql->stmt, i);
        sim_trace_mix_number(hash, (uint64_t)type);
        struct slice bytes = type == SQLITE_NULL ? slice_text("") : sql_text(sql, i);
        sim_trace_mix(hash, bytes.data, bytes.len);
    }
}

static void mix_rows(struct sim *sim, sqlite3 *db, const char *question, struct sim_trace *hash)
{
    struct sql sql = sql_start(ask(sim, db, question));

    while (step(sim, &sql)) {
        mix_row(hash, &sql);
    }
    sqlite3_finalize(sql.stmt);
}

static int add_digest(void *context, const struct visit *visit)
{
    struct digest digest = visit_digest(visit);
    digest_add(context, &digest);
    return 0;
}

/* The digest of each row, made again from its columns. */
static void sum_rows(struct sim *sim, size_t place, struct digest *out)
{
    struct problem problem = {.code = PROBLEM_OK};
    char path[48];

    sim_outside_path(place, path);
    struct history *history = history_open(path, &problem);
    for (int status = VISIT_IN; history && status <= VISIT_DELETED; status++) {
        const struct history_query query = {.limit = -1,
                                            .status = visit_status_name((enum visit_status)status)};
        if (history_each(history, &query, add_digest, out, &problem) != 0) {
            sim_fail(sim, "the history at %zu cannot be read: %s", place, problem.text);
        }
    }
    history_close(&history);
}

void sim_dump_read(struct sim *sim, size_t place, struct sim_dump *out)
{
    struct sim_disk *disk = &sim->disks[place];
    struct sim_disk_armed armed = sim_disk_disarm(disk);
    struct sim_trace hash = {.hash = 1};

    *out = (struct sim_dump){.events = 0};
    sqlite3 *db = open_database(sim, place);
    read_log(sim, place, db, out);
    mix_rows(sim, db, ROWS, &hash);
    mix_rows(sim, db, ANOMALIES, &hash);
    mix_rows(sim, db, SETTINGS, &hash);
    out->rows = hash.hash;
    sqlite3_close(db);
    sum_rows(sim, place, &out->state_digest);
    sim_disk_arm(disk, armed);
}
