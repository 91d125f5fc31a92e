/*
 * Batches: one transaction each, savepoints in it, and what the commit publishes.
 */
#include "storage/store_internal.h"

#include "proto/clock.h"
#include "proto/localtime.h"
#include "proto/log.h"
#include "storage/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE_BYTES (1024 * 1024)            /* room for a checkpoint on a full disk */
#define RESERVE_ROOM (4 * RESERVE_BYTES)       /* free space at which it is made again */
#define PAGE_BYTES 4096                        /* of the WAL; only for deciding when it is large */
#define FACT_BYTES ((size_t)256 * 1024 * 1024) /* ceiling of a batch's runs; never met */

static int run(struct store *store, enum store_statement which, struct problem *problem)
{
    struct sql sql = store_sql(store, which);
    return sql_finish(&sql, problem);
}

int store_usable(struct store *store, struct problem *problem)
{
    if (store->in_batch && !store->dead) {
        return 0;
    }
    if (store->dead || store->failed) {
        if (problem) {
            *problem = store->why;
        }
        return -1;
    }
    return problem_set(problem, PROBLEM_INTERNAL, NULL, "no batch is open");
}

int store_fail(struct store *store, struct problem *problem)
{
    struct problem spare;
    if (!problem) {
        sql_problem(store->db, sqlite3_extended_errcode(store->db), "statement", &spare);
    }
    const struct problem *why = problem ? problem : &spare;
    /* On a full disk or a failed write SQLite may give up the whole transaction, and with it the
     * requests of this batch that went well. */
    bool lost = store->in_batch && sqlite3_get_autocommit(store->db);
    if (why->code == PROBLEM_DB_FAILED) {
        store->failed = true;
    }
    if ((lost || store->failed) && !store->dead) {
        store->dead = store->in_batch;
        store->why = *why;
    }
    return -1;
}

int store_meta_set(struct store *store, const char *key, int64_t value, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_META_SET);
    sql_bind_text(&sql, slice_text(key));
    sql_bind_int(&sql, value);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

int store_meta_set_text(struct store *store, const char *key, struct slice value,
                        struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_META_SET);
    sql_bind_text(&sql, slice_text(key));
    sql_bind_text(&sql, value);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

void store_adopt(struct store *store)
{
    store->in_batch = true;
    store->has_mark = store->dead = store->has_fact = false;
    store->now.item_count = store->now.visit_count = store->now.run_bytes = 0;
    store->begun = store->now;
    store->changed_count = store->saved_count = 0;
    buffer_clear(&store->runs);
    store->runs.limit = FACT_BYTES;
    arena_clear(&store->fact_memory);
    store_visits_clear(&store->touched);
    store_recent_clear(store);
    texts_clear(&store->touched_plates);
    texts_clear(&store->lost);
    store_count_undo(store);
}

int store_begin(struct store *store, struct problem *problem)
{
    store->owes_sync = false;
    if (store->failed) {
        if (problem) {
            *problem = store->why;
        }
        return -1;
    }
    if (store->in_batch) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "a batch is open already");
    }
    if (run(store, STORE_BEGIN, problem)) {
        return store_fail(store, problem);
    }
    store_adopt(store);
    return 0;
}

/* Memory and database may differ from here on, whatever the reason was. */
static void give_up(struct store *store, const struct problem *problem)
{
    store->failed = true;
    store->why = *problem;
    store->why.code = PROBLEM_DB_FAILED;
}

/* Memory goes back to what the last commit left. */
static void restore(struct store *store)
{
    bool settings = store->now.settings != store->begun.settings;
    store_stream_rollback(store);
    store->now = store->begun;
    store->in_batch = store->has_mark = store->dead = false;
    store_focus_drop(store);
    store_visits_clear(&store->touched);
    store_recent_clear(store);
    texts_clear(&store->touched_plates);
    texts_clear(&store->lost);
    store_count_undo(store);
    struct problem problem;
    if (settings && store_setting_load(store, &problem)) {
        give_up(store, &problem);
    }
}

void store_rollback(struct store *store)
{
    if (!store->in_batch) {
        return;
    }
    struct problem problem;
    if (!sqlite3_get_autocommit(store->db) && run(store, STORE_ROLLBACK, &problem)) {
        give_up(store, &problem);
    }
    restore(store);
}

int store_state_save(struct store *store, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_STATE_SAVE);
    struct digest log_digest = store->log_digest;
    for (size_t i = 0; i < store->changed_count; i++) {
        const struct store_stream *stream = &store->streams[store->changed[i]];
        struct head head = {stream->stream, stream->seq, stream->chain};
        struct digest part = head_digest(&head);
        digest_subtract(&log_digest, &stream->part);
        digest_add(&log_digest, &part);
    }
    if (store->now.rewinds != store->begun.rewinds) {
        log_digest = store_stream_sum(store);
    }
    sql_bind_u64(&sql, store->now.hlc);
    sql_bind_u64(&sql, store->now.events);
    sql_bind_int(&sql, store->now.visit_id);
    sql_bind_u64(&sql, store->now.rewinds);
    sql_bind_u64(&sql, store->now.lsn);
    sql_bind_digest(&sql, &log_digest);
    sql_bind_digest(&sql, &store->now.state_digest);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

/* A checkpoint makes the WAL free to be written again from its beginning. */
static void make_room(struct store *store, struct problem *problem)
{
    struct problem worse;
    store_reserve_release(store);
    if (store_tidy(store, true, &worse) && worse.code == PROBLEM_DB_FAILED) {
        *problem = worse;
    }
}

/* COMMIT; with `owing` its sync is left to store_sync(), where the WAL is one of ours. */
static int commit(struct store *store, bool owing, struct problem *problem)
{
    if (!owing || !store->wal) {
        return run(store, STORE_COMMIT, problem);
    }
    gather_owe(store->wal, true);
    int rc = run(store, STORE_COMMIT, problem);
    gather_owe(store->wal, false);
    store->owes_sync = rc == 0 && gather_owes(store->wal);
    return rc;
}

static int finish_batch(struct store *store, bool owing, struct problem *problem)
{
    struct problem spare;
    if (!problem) {
        problem = &spare;
    }
    uint64_t rewound = store->now.rewinds - store->begun.rewinds;
    bool wrote = false;
    int failed = store_usable(store, problem) || store_fold(store, problem) ||
                 store_count_save(store, problem) || store_plate_save(store, problem);
    if (!failed) {
        /* After the fold: mending damage changes visits, but not the number of events. */
        wrote = rewound > 0 || store->now.events != store->begun.events ||
                !digest_equal(&store->now.state_digest, &store->begun.state_digest);
        failed =
            (wrote && (store_stream_save(store, problem) || store_state_save(store, problem))) ||
            commit(store, owing, problem);
    }
    if (failed) {
        store_fail(store, problem);
        enum problem_code code = problem->code;
        store_rollback(store);
        if (code == PROBLEM_DISK_FULL) {
            make_room(store, problem);
        }
        return -1;
    }
    store_stream_commit(store);
    store->has_fact = wrote;
    store->rewound = rewound;
    store->batch += wrote;
    store->begun = store->now;
    store->in_batch = store->has_mark = false;
    return 0;
}

int store_commit(struct store *store, struct problem *problem)
{
    return finish_batch(store, false, problem);
}

int store_commit_owing(struct store *store, struct problem *problem)
{
    return finish_batch(store, true, problem);
}

bool store_owes_sync(const struct store *store)
{
    return store->owes_sync;
}

int store_sync(const struct store *store, struct problem *problem)
{
    int rc = store->wal ? gather_sync_owed(store->wal) : SQLITE_OK;
    return rc == SQLITE_OK
               ? 0
               : problem_set(problem, PROBLEM_DB_FAILED,
                             "check the disk (dmesg, smartctl) and restore from a "
                             "backup or from the peers",
                             "%s-wal: sync: %s (sqlite %d)", store->path, sqlite3_errstr(rc), rc);
}

int store_mark(struct store *store, struct problem *problem)
{
    /* What was appended before the savepoint must not be folded inside it only. */
    if (store_usable(store, problem) || store_fold(store, problem) ||
        store_count_save(store, problem)) {
        return -1;
    }
    if (store->has_mark) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "a savepoint is open already");
    }
    if (run(store, STORE_MARK, problem)) {
        return store_fail(store, problem);
    }
    store->has_mark = true;
    store->marks++;
    store->marked = store->now;
    store->saved_count = 0;
    return 0;
}

int store_release(struct store *store, struct problem *problem)
{
    if (store_usable(store, problem)) {
        return -1;
    }
    if (run(store, STORE_RELEASE, problem)) {
        return store_fail(store, problem);
    }
    store->has_mark = false;
    return 0;
}

void store_undo(struct store *store)
{
    if (!store->in_batch || store->dead || !store->has_mark) {
        return;
    }
    struct problem problem;
    bool settings = store->now.settings != store->marked.settings;
    store_stream_undo(store);
    store->now = store->marked;
    buffer_clear(&store->header);
    store->runs.len = store->now.run_bytes;
    store->has_mark = false;
    store_focus_drop(store);
    store_visits_clear(&store->touched);
    store_recent_clear(store);
    texts_clear(&store->touched_plates);
    texts_clear(&store->lost);
    store_count_undo(store);
    if (run(store, STORE_UNDO, &problem) || run(store, STORE_RELEASE, &problem) ||
        (settings && store_setting_load(store, &problem))) {
        /* The batch cannot be told apart from the undone request any more. */
        store->dead = true;
        store->why = problem;
    }
}

/* The last state of each visit, in order of change. */
static size_t latest_visits(struct store *store, struct fact_visit *out)
{
    struct texts seen = {.count = 0};
    size_t count = 0, total = store->now.visit_count;
    for (size_t i = total; i-- > 0;) {
        size_t known = seen.count;
        if (texts_add(&seen, store->fact_visits[i].event_id) == known) {
            out[total - ++count] = store->fact_visits[i];
        }
    }
    memmove(out, out + (total - count), count * sizeof *out);
    texts_free(&seen);
    return count;
}

static void *take_array(size_t count, size_t size)
{
    void *array = calloc(count ? count : 1, size);
    if (!array) {
        abort();
    }
    return array;
}

static struct head head_of(const struct store_stream *stream)
{
    return (struct head){stream->stream, stream->begun_seq, stream->begun_chain};
}

int store_take_fact(struct store *store, struct buffer *out)
{
    buffer_clear(out);
    if (!store->has_fact || store->in_batch) {
        return 0;
    }
    store->has_fact = false;
    struct fact fact = {.batch = store->batch,
                        .lsn = store->now.lsn,
                        .log_digest = store->log_digest,
                        .state_digest = store->now.state_digest,
                        .events = store->now.events,
                        .hlc = store->now.hlc,
                        .rewinds = store->now.rewinds,
                        .rewound = store->rewound,
                        .head_count = store->changed_count,
                        .item_count = store->now.item_count};
    if (store->now.own != STORE_NO_STREAM) {
        fact.own = head_of(&store->streams[store->now.own]);
    }
    fact.heads = take_array(fact.head_count, sizeof *fact.heads);
    for (size_t i = 0; i < fact.head_count; i++) {
        fact.heads[i] = head_of(&store->streams[store->changed[i]]);
    }
    fact.items = take_array(fact.item_count, sizeof *fact.items);
    for (size_t i = 0; i < fact.item_count; i++) {
        fact.items[i] =
            (struct fact_event){store->items[i].lsn,
                                store->items[i].origin,
                                {store->runs.data + store->items[i].at, store->items[i].len}};
    }
    fact.visits = take_array(store->now.visit_count, sizeof *fact.visits);
    fact.visit_count = latest_visits(store, fact.visits);
    /* A batch of large bodies passes the ceiling of one message between centrals. */
    if (out->limit == 0) {
        out->limit = FACT_BYTES;
    }
    int result = fact_pack(&fact, out);
    free(fact.heads);
    free(fact.items);
    free(fact.visits);
    return result;
}

static int reserve_path(const struct store *store, char *out, size_t size)
{
    int len = snprintf(out, size, "%s.reserve", store->path);
    return len > 0 && (size_t)len < size ? 0 : -1;
}

void store_reserve_release(struct store *store)
{
    char path[4200];
    if (store->reserve && reserve_path(store, path, sizeof path) == 0 && unlink(path) == 0) {
        log_warn("DISK_RESERVE_RELEASED", "bytes=%d", RESERVE_BYTES);
    }
}

void store_reserve_make(struct store *store)
{
    char path[4200];
    struct statvfs room;
    if (!store->reserve || reserve_path(store, path, sizeof path) || access(path, F_OK) == 0 ||
        statvfs(store->path, &room) || room.f_bavail < RESERVE_ROOM / room.f_frsize) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return;
    }
    int rc = posix_fallocate(fd, 0, RESERVE_BYTES);
    if (close(fd) || rc) {
        /* Without it a full disk is only harder to leave; removing a part of it is enough. */
        (void)unlink(path);
    }
}

/* One checkpoint. It never waits: readers are short, and the next call tries again. */
static int checkpoint(struct store *store, struct problem *problem)
{
    int frames = 0, done = 0;
    int mode = store->truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    sqlite3_busy_timeout(store->db, 0);
    int rc = sqlite3_wal_checkpoint_v2(store->db, "main", mode, &frames, &done);
    sqlite3_busy_timeout(store->db, LIMIT_BUSY_MS);
    if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED) {
        return 0;
    }
    if (rc != SQLITE_OK) {
        return sql_problem(store->db, rc, "checkpoint", problem);
    }
    store->wal_frames = frames > done ? (uint64_t)(frames - done) : 0;
    if (store->truncate && sql_run(store->db, "PRAGMA secure_delete = OFF", problem)) {
        return -1;
    }
    store->truncate = false;
    return 0;
}

int store_tidy(struct store *store, bool idle, struct problem *problem)
{
    struct problem spare;
    if (!problem) {
        problem = &spare;
    }
    if (store->failed) {
        *problem = store->why;
        return -1;
    }
    if (store->in_batch) {
        return 0;
    }
    bool large = (int64_t)store->wal_frames * PAGE_BYTES >= LIMIT_WAL_BYTES;
    if ((large || store->truncate || (idle && store->wal_frames > 0)) &&
        checkpoint(store, problem)) {
        if (problem->code == PROBLEM_DISK_FULL) {
            store_reserve_release(store);
        }
        return store_fail(store, problem);
    }
    if (idle) {
        store_reserve_make(store);
    }
    return 0;
}

struct digest store_log_digest(const struct store *store)
{
    return store->log_digest;
}

struct digest store_state_digest(const struct store *store)
{
    return store->begun.state_digest;
}

uint64_t store_event_count(const struct store *store)
{
    return store->begun.events;
}

uint64_t store_hlc(const struct store *store)
{
    return store->begun.hlc;
}

int store_set_synced(struct store *store, const struct node_id *peer, int64_t at_ms,
                     struct problem *problem)
{
    char text[LOCALTIME_TEXT];
    if (store->in_batch || store->failed) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "a batch is open");
    }
    utctime_text(at_ms, text);
    struct sql sql = store_sql(store, STORE_SYNCED_SET);
    sql_bind_text(&sql, slice_text(peer->text));
    sql_bind_int(&sql, at_ms);
    sql_bind_text(&sql, slice_text(text));
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}
