#include "storage/verify.h"

#include "storage/schema.h"
#include "storage/sql.h"
#include "storage/visit.h"

#include "proto/event.h"

#define PROGRESS_EVENTS 50000 /* between two calls of options->progress */

struct verify {
    sqlite3 *db;
    const struct verify_options *options;
    struct verify_result *result;
    uint64_t all; /* rows, for the progress */
    /* the stream being walked */
    struct stream stream;
    uint64_t seq, head;
    struct digest chain, head_chain;
    bool is_known, is_broken;
};

const char *verify_fault_name(enum verify_fault fault)
{
    static const char *const NAMES[] = {[VERIFY_GAP] = "gap",
                                        [VERIFY_BODY] = "body",
                                        [VERIFY_CHAIN] = "chain",
                                        [VERIFY_HEAD] = "head",
                                        [VERIFY_EVENTS] = "events",
                                        [VERIFY_LOG] = "log_digest",
                                        [VERIFY_STATE] = "state_digest",
                                        [VERIFY_STREAM_UNKNOWN] = "stream"};
    return NAMES[fault];
}

static void find(struct verify *verify, enum verify_fault fault, uint64_t seq)
{
    const struct verify_finding finding = {fault, {verify->stream, seq}};

    verify->is_broken = true;
    verify->result->findings++;
    verify->options->found(verify->options->context, &finding);
}

/* The stream that was walked has ended. */
static void end_stream(struct verify *verify)
{
    if (!verify->is_known) {
        return;
    }
    const struct head head = {verify->stream, verify->head, verify->head_chain};
    struct digest part = head_digest(&head);
    digest_add(&verify->result->log_digest, &part);
    verify->result->streams += verify->head > 0;
    if (verify->is_broken) {
        return;
    }
    if (verify->seq < verify->head) {
        find(verify, VERIFY_GAP, verify->seq + 1);
    } else if (verify->seq != verify->head || !digest_equal(&verify->chain, &verify->head_chain)) {
        find(verify, VERIFY_HEAD, verify->seq);
    }
}

/* Columns: node, epoch, head, chain. */
static void begin_stream(struct verify *verify, const struct sql *sql)
{
    verify->stream = (struct stream){.epoch = sql_u64(sql, 1)};
    verify->head = sql_u64(sql, 2);
    verify->head_chain = sql_digest(sql, 3);
    verify->seq = 0;
    verify->chain = (struct digest){{0}};
    verify->is_broken = false;
    verify->is_known = true;
    if (!node_id_parse(sql_text(sql, 0), &verify->stream.node) || verify->stream.epoch == 0) {
        find(verify, VERIFY_STREAM_UNKNOWN, 0);
    }
}

/* Columns: seq, header, body, body_hash, chain. Only the first fault of a stream is told: what is
 * behind it follows from it, or is found when it is mended. */
static void take_event(struct verify *verify, const struct sql *sql)
{
    uint64_t seq = sql_u64(sql, 0);
    struct slice header = sql_blob(sql, 1), body = sql_blob(sql, 2);
    struct digest hash = sql_digest(sql, 3), told = sql_digest(sql, 4);

    verify->result->events++;
    if (verify->options->progress && verify->result->events % PROGRESS_EVENTS == 0) {
        verify->options->progress(verify->options->context, verify->result->events, verify->all);
    }
    if (verify->is_broken) {
        return;
    }
    if (seq != verify->seq + 1) {
        find(verify, VERIFY_GAP, verify->seq + 1);
        return;
    }
    struct digest chain = chain_next(&verify->chain, header, &hash);
    struct digest made = body.data ? body_hash(body) : hash;
    if (!digest_equal(&chain, &told)) {
        find(verify, VERIFY_CHAIN, seq);
    } else if (!digest_equal(&made, &hash)) {
        find(verify, VERIFY_BODY, seq);
    }
    verify->seq = seq;
    verify->chain = told;
}

static int walk_events(struct verify *verify, struct problem *problem)
{
    sqlite3_stmt *streams = NULL, *events = NULL;
    int more = -1;

    if (sql_prepare(verify->db,
                    "SELECT node, epoch, head, chain, sid FROM stream ORDER BY node, epoch",
                    &streams, problem) ||
        sql_prepare(verify->db,
                    "SELECT seq, header, body, body_hash, chain FROM event WHERE sid = ?"
                    " ORDER BY seq",
                    &events, problem)) {
        goto finalize;
    }
    struct sql list = sql_start(streams);
    while ((more = sql_step(&list, problem)) > 0) {
        begin_stream(verify, &list);
        struct sql rows = sql_start(events);
        sql_bind_int(&rows, sql_int(&list, 4));
        int row;
        while ((row = sql_step(&rows, problem)) > 0) {
            take_event(verify, &rows);
        }
        if (row < 0) {
            more = -1;
            break;
        }
        end_stream(verify);
    }
finalize:
    sqlite3_finalize(streams);
    sqlite3_finalize(events);
    return more;
}

/* A row of history as the digest takes it. */
static void read_visit(const struct sql *sql, struct visit *visit)
{
    visit_init(visit);
    visit->event_id = sql_text(sql, 0);
    visit->source_central = sql_text(sql, 1);
    visit->edge_id = sql_text(sql, 2);
    visit->plate_id = sql_text(sql, 3);
    visit->plate_view = sql_text(sql, 4);
    visit->entry_ms = sql_int(sql, 5);
    visit->entry_camera_id = sql_text(sql, 6);
    visit->entry_camera_name = sql_text(sql, 7);
    visit->entry_source = sql_text(sql, 8);
    visit->entry_confidence = sql_real(sql, 9);
    visit->exit_ms = sql_optional(sql, 10);
    visit->exit_central = sql_text(sql, 11);
    visit->exit_camera_id = sql_text(sql, 12);
    visit->exit_camera_name = sql_text(sql, 13);
    visit->exit_source = sql_text(sql, 14);
    visit->exit_confidence = sql_real(sql, 15);
    visit->fee = sql_int(sql, 16);
    if (visit_status_parse(sql_text(sql, 17), &visit->status)) {
        visit->status = VISIT_IN; /* then its digest is not the one beside it either */
    }
    visit->superseded_by = sql_text(sql, 18);
    visit->last_location = sql_text(sql, 19);
    visit->last_location_ms = sql_optional(sql, 20);
    visit->is_anomaly = sql_int(sql, 21) != 0;
    visit->suspect = sql_int(sql, 22) != 0;
}

static int sum_visits(struct verify *verify, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(verify->db,
                    "SELECT event_id, source_central, edge_id, plate_id, plate_view, entry_ms,"
                    " CAST(entry_camera_id AS TEXT), entry_camera_name, entry_source,"
                    " entry_confidence, exit_ms, exit_central, CAST(exit_camera_id AS TEXT),"
                    " exit_camera_name, exit_source, exit_confidence, fee, status, superseded_by,"
                    " last_location, last_location_ms, is_anomaly, suspect FROM history",
                    &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        struct visit visit;
        read_visit(&sql, &visit);
        struct digest digest = visit_digest(&visit);
        digest_add(&verify->result->state_digest, &digest);
    }
    sqlite3_finalize(stmt);
    return more;
}

/* Where the database says that it stands. One of an older version may be verified before it is
 * brought up to date. */
static int prepare_state(struct verify *verify, sqlite3_stmt **stmt, struct problem *problem)
{
    int64_t one = 0;
    int is_new = sql_integer(verify->db, "SELECT 1 FROM sqlite_master WHERE name = 'log_state'",
                             &one, problem);
    if (is_new < 0) {
        return -1;
    }
    return sql_prepare(verify->db,
                       is_new ? "SELECT events, log_digest, state_digest FROM log_state"
                              : "SELECT (SELECT value FROM meta WHERE key = 'events'),"
                                " (SELECT value FROM meta WHERE key = 'log_digest'),"
                                " (SELECT value FROM meta WHERE key = 'state_digest')",
                       stmt, problem);
}

static int check_state(struct verify *verify, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    int64_t strays = 0; /* events of no known stream */
    if (sql_integer(verify->db,
                    "SELECT count(*) FROM event WHERE sid NOT IN (SELECT sid FROM stream)", &strays,
                    problem) < 0 ||
        prepare_state(verify, &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        const struct verify_result *result = verify->result;
        struct digest log = sql_digest(&sql, 1), state = sql_digest(&sql, 2);
        verify->stream = (struct stream){.epoch = 0};
        if (strays > 0) {
            find(verify, VERIFY_STREAM_UNKNOWN, 0);
        }
        if (sql_u64(&sql, 0) != result->events) {
            find(verify, VERIFY_EVENTS, 0);
        }
        if (!digest_equal(&log, &result->log_digest)) {
            find(verify, VERIFY_LOG, 0);
        }
        if (!digest_equal(&state, &result->state_digest)) {
            find(verify, VERIFY_STATE, 0);
        }
    }
    sqlite3_finalize(stmt);
    return found < 0 ? -1 : 0;
}

int verify_database(const char *path, const struct verify_options *options,
                    struct verify_result *result, struct problem *problem)
{
    struct verify verify = {.options = options, .result = result};
    int64_t rows = 0;

    *result = (struct verify_result){.events = 0};
    enum schema_origin origin = SCHEMA_EMPTY;
    if (schema_look(path, &origin, problem)) {
        return -1;
    }
    if (origin != SCHEMA_OURS) {
        return problem_set(problem, PROBLEM_DB_FOREIGN, "name the data directory with --data",
                           "%s is no database of a central", path);
    }
    if (schema_open_untouched(path, &verify.db, problem)) {
        return -1;
    }
    /* One snapshot, also while the central writes. */
    int failed = sql_run(verify.db, "BEGIN", problem) ||
                 sql_integer(verify.db, "SELECT count(*) FROM event", &rows, problem) < 0;
    verify.all = (uint64_t)rows;
    failed = failed || walk_events(&verify, problem) || sum_visits(&verify, problem) ||
             check_state(&verify, problem);
    sqlite3_close(verify.db); /* all statements are gone, so it cannot refuse */
    return failed ? -1 : 0;
}
