/*
 * Opening: look, lock, recover, migrate, import, verify; and closing.
 */
#include "storage/legacy.h"
#include "storage/schema.h"
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
#include <sys/file.h>
#include <unistd.h>

#define NUMBER_TEXT(number) #number
#define NUMBER(macro) NUMBER_TEXT(macro)

/* Two writers of one database would each keep heads and digests of their own. The lock is not on
 * the database itself: closing that descriptor would drop SQLite's own locks in this process. */
static int take_lock(struct store *store, struct problem *problem)
{
    char path[4200];
    int len = snprintf(path, sizeof path, "%s.lock", store->path);
    if (len < 0 || (size_t)len >= sizeof path) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "give a shorter data_dir",
                           "the path of the database is too long");
    }
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE,
                           "create the data directory, or check its owner and permissions",
                           "%s cannot be written: %s", path, strerror(errno));
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB)) {
        return problem_set(problem, PROBLEM_DB_LOCKED,
                           "stop the other parkmesh, or give this one another data_dir",
                           "%s is in use by another process", store->path);
    }
    return 0;
}

static int broken(const char *path, const char *doing, struct problem *problem)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return problem_set(problem, full ? PROBLEM_DISK_FULL : PROBLEM_DB_FAILED,
                       full ? "free space on this disk; nothing else is needed"
                            : "check the disk (dmesg, smartctl) and restore from a backup or from "
                              "the peers",
                       "%s: %s: %s", path, doing, strerror(errno));
}

static int write_anew(int fd, const char *path, struct problem *problem)
{
    char block[65536];
    off_t at = 0;
    ssize_t len;
    while ((len = pread(fd, block, sizeof block, at)) > 0) {
        ssize_t done = pwrite(fd, block, (size_t)len, at);
        if (done <= 0) {
            return broken(path, "write anew", problem);
        }
        at += done;
    }
    return len < 0 ? broken(path, "read", problem) : 0;
}

/* A crash leaves a WAL, and if a failed sync was the reason, the kernel shows bytes in it that are
 * not on the disk and that it takes for clean: no later sync would write them. What we are going to
 * answer for, and write behind, has to be there first. */
static int secure_wal(const struct store *store, struct problem *problem)
{
    char path[4200];
    int len = snprintf(path, sizeof path, "%s-wal", store->path);
    if (len < 0 || (size_t)len >= sizeof path) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "give a shorter data_dir",
                           "the path of the database is too long");
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return 0; /* there is none; or SQLite says in a moment why it cannot be opened */
    }
    int result = write_anew(fd, path, problem);
    if (result == 0 && fsync(fd)) {
        result = broken(path, "sync", problem);
    }
    if (close(fd) && result == 0) {
        result = broken(path, "close", problem);
    }
    return result;
}

static int note_frames(void *context, sqlite3 *db, const char *name, int frames)
{
    struct store *store = context;
    (void)db;
    (void)name;
    store->wal_frames = (uint64_t)frames;
    return SQLITE_OK;
}

/* A file system without shared memory answers with the mode that stays. A new file is told in its
 * header, by a transaction that ends after the answer: only the step to the end says that it did.
 */
static int use_wal(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "PRAGMA journal_mode = WAL", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int found = sql_step(&sql, problem);
    bool is_wal = found > 0 && slice_equal(sql_text(&sql, 0), slice_text("wal"));
    if (is_wal) {
        found = sql_step(&sql, problem);
    } else if (found >= 0) {
        found =
            problem_set(problem, PROBLEM_DB_UNWRITABLE,
                        "put data_dir on a local file system (ext4, xfs, btrfs)",
                        "%s: this file system does not support write-ahead logging", store->path);
    }
    sqlite3_finalize(stmt);
    return found < 0 ? -1 : 0;
}

static int set_up(struct store *store, struct problem *problem)
{
    static const char *const settings[] = {
        "PRAGMA synchronous = FULL",
        "PRAGMA secure_delete = OFF",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -" NUMBER(LIMIT_CACHE_KIB),
        "PRAGMA journal_size_limit = " NUMBER(LIMIT_WAL_FILE_BYTES),
    };
    if (use_wal(store, problem)) {
        return -1;
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (sql_run(store->db, settings[i], problem)) {
            return -1;
        }
    }
    /* Also takes the place of automatic checkpoints. */
    sqlite3_wal_hook(store->db, note_frames, store);
    return 0;
}

/* What a crash or a power cut may have left. */
static int check_file(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "PRAGMA quick_check(1)", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int found = sql_step(&sql, problem);
    if (found > 0 && !slice_equal(sql_text(&sql, 0), slice_text("ok"))) {
        char said[200];
        slice_copy(sql_text(&sql, 0), said, sizeof said);
        found = problem_set(problem, PROBLEM_DB_CORRUPT,
                            "move the file away and start again: the peers give back what they "
                            "hold; what they lack is in the last backup",
                            "%s is damaged: %s", store->path, said);
    }
    sqlite3_finalize(stmt);
    return found < 0 ? -1 : 0;
}

static int load_listed(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "SELECT plate_id FROM anomaly", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        texts_add(&store->listed, sql_text(&sql, 0));
    }
    sqlite3_finalize(stmt);
    return more;
}

static int load_row(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db,
                    "SELECT hlc, events, visit_id, rewinds, lsn, log_digest, state_digest"
                    " FROM log_state",
                    &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        store->now.hlc = sql_u64(&sql, 0);
        store->now.events = sql_u64(&sql, 1);
        store->now.visit_id = sql_int(&sql, 2);
        store->now.rewinds = sql_u64(&sql, 3);
        store->now.lsn = sql_u64(&sql, 4);
        store->log_digest = sql_digest(&sql, 5);
        store->now.state_digest = sql_digest(&sql, 6);
    } else if (found == 0) {
        found =
            problem_set(problem, PROBLEM_DB_CORRUPT,
                        "move the file away and start again: the peers give back what they hold",
                        "%s: table log_state has no row", store->path);
    }
    sqlite3_finalize(stmt);
    return found < 0 ? -1 : 0;
}

static int load_state(struct store *store, bool *clean, struct problem *problem)
{
    int64_t was_closed = 1;
    if (load_row(store, problem) ||
        sql_integer(store->db, "SELECT value FROM meta WHERE key = 'clean'", &was_closed, problem) <
            0) {
        return -1;
    }
    *clean = was_closed != 0;
    int64_t lsn = 0, one = 0;
    if (sql_integer(store->db,
                    "SELECT max((SELECT coalesce(max(lsn), 0) FROM event),"
                    " (SELECT coalesce(max(lsn), 0) FROM history),"
                    " (SELECT coalesce(max(lsn), 0) FROM visit_gone))",
                    &lsn, problem) < 0) {
        return -1;
    }
    int retries = sql_integer(store->db, "SELECT 1 FROM retry LIMIT 1", &one, problem);
    if (retries < 0) {
        return -1;
    }
    int subscriptions = sql_integer(
        store->db, "SELECT 1 FROM element WHERE plate IS NOT NULL LIMIT 1", &one, problem);
    if (subscriptions < 0) {
        return -1;
    }
    int64_t waiting = 0;
    if (sql_integer(store->db, "SELECT count(*) FROM plate_new", &waiting, problem) < 0) {
        return -1;
    }
    store->now.plates_new = (size_t)waiting;
    store->now.has_retries = retries > 0;
    store->now.subscribes = subscriptions > 0;
    if (store->now.lsn < (uint64_t)lsn) {
        store->now.lsn = (uint64_t)lsn;
    }
    store->now.folded = store->now.lsn;
    store->now.known_id = store->now.visit_id;
    return 0;
}

/* Inside the transaction of the opening. */
static int bring_up(struct store *store, enum schema_origin origin, struct problem *problem)
{
    bool clean = true;
    if ((origin == SCHEMA_LEGACY && legacy_set_aside(store->db, problem)) ||
        schema_migrate(store->db, problem) || store_prepare(store, problem) ||
        load_state(store, &clean, problem) || store_stream_load(store, problem) ||
        store_setting_load(store, problem) || load_listed(store, problem) ||
        store_feed_add(store, problem)) {
        return -1;
    }
    store_adopt(store);
    if (!clean && (check_file(store, problem) || store_check_unclean(store, problem))) {
        return -1;
    }
    if (origin == SCHEMA_LEGACY && legacy_import(store, problem)) {
        return -1;
    }
    if (store_check_fold(store, problem) || store_check_zone(store, problem) ||
        store_check_sums(store, problem) || store_meta_set(store, "clean", 0, problem)) {
        return -1;
    }
    return 0;
}

static int open_database(struct store *store, bool is_full, struct problem *problem)
{
    enum schema_origin origin = SCHEMA_EMPTY;
    if (schema_look(store->path, &origin, problem) || take_lock(store, problem)) {
        return -1;
    }
    /* The file may have changed until the lock was ours. */
    if (schema_look(store->path, &origin, problem) ||
        (origin != SCHEMA_LEGACY && secure_wal(store, problem)) ||
        sql_open(store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &store->db, problem) ||
        (origin == SCHEMA_LEGACY && legacy_backup(store->db, store->path, problem)) ||
        set_up(store, problem)) {
        return -1;
    }
    if (is_full) {
        /* What a killed process left in the WAL goes to where most of it has been already. Then the
         * WAL is written again from its beginning, which needs no room. If not, BEGIN or COMMIT
         * will say so. */
        (void)sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    }
    if (sql_run(store->db, "BEGIN IMMEDIATE", problem)) {
        return -1;
    }
    if (bring_up(store, origin, problem)) {
        store_rollback(store);
        return -1;
    }
    if (store_commit(store, problem)) {
        return -1;
    }
    store->wal = gather_wal(store->db);
    /* What was imported or repaired is no news to anybody. */
    store->has_fact = false;
    store->batch = 0;
    store_reserve_make(store);
    return 0;
}

static void release(struct store *store)
{
    store_finalize(store);
    if (store->db && sqlite3_close(store->db) != SQLITE_OK) {
        log_error("DB_CLOSE_FAILED", "text=statements_open");
    }
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    free(store->path);
    free(store->streams);
    free(store->stream_slots);
    free(store->changed);
    free(store->saved);
    free(store->settings);
    free(store->tariffs);
    free(store->fixes);
    free(store->redactions);
    free(store->events);
    free(store->members);
    free(store->cuts);
    free(store->spans);
    free(store->subscriptions);
    free(store->plate_list);
    free(store->items);
    free(store->fact_visits);
    buffer_free(&store->header);
    buffer_free(&store->body);
    buffer_free(&store->json);
    buffer_free(&store->runs);
    store_visits_free(&store->touched);
    texts_free(&store->touched_plates);
    store_visits_free(&store->visits);
    texts_free(&store->plates);
    texts_free(&store->lost);
    texts_free(&store->listed);
    arena_free(&store->cell_texts);
    arena_free(&store->bodies);
    arena_free(&store->fact_memory);
    arena_free(&store->answer);
    store_focus_free(store);
    free(store);
}

static struct store *open_once(const struct store_options *options, bool is_full,
                               struct problem *problem)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store) {
        abort();
    }
    store->lock_fd = -1;
    store->path = strdup(options->path);
    if (!store->path) {
        abort();
    }
    store->node = options->node;
    store->reserve = options->reserve;
    store->now.own = STORE_NO_STREAM;
    store->focus_age = 1; /* no place is as old */
    store->now_ms = clock_wall_ms();
    if (open_database(store, is_full, problem) == 0) {
        return store;
    }
    /* While opening, a malformed file is a finding, not a failure of the disk. */
    int code = store->db ? sqlite3_errcode(store->db) : SQLITE_OK;
    if (problem->code == PROBLEM_DB_FAILED && (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)) {
        problem->code = PROBLEM_DB_CORRUPT;
        snprintf(problem->hint, sizeof problem->hint, "%s",
                 "move the file away and start again: the peers give back what they hold");
    }
    if (problem->code == PROBLEM_DISK_FULL) {
        store_reserve_release(store);
    } else if (problem->code == PROBLEM_DB_CORRUPT && !sql_disk_reads(store->path)) {
        /* A disk that does not answer says nothing about the file: it must not be moved away. */
        problem->code = PROBLEM_DB_FAILED;
        snprintf(problem->hint, sizeof problem->hint, "%s",
                 "check the disk (dmesg, smartctl); the file cannot be read to its end");
    }
    release(store);
    return NULL;
}

struct store *store_open(const struct store_options *options, struct problem *problem)
{
    struct problem spare;
    if (!problem) {
        problem = &spare;
    }
    /* Counting every allocation under a lock costs a tenth of the writer's time. Refused, without
     * harm, when SQLite is in use already. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct store *store = open_once(options, false, problem);
    /* The reserve is gone by then, which makes room for what opening has to write. */
    if (!store && problem->code == PROBLEM_DISK_FULL) {
        store = open_once(options, true, problem);
    }
    return store;
}

void store_close(struct store **store_pointer)
{
    struct store *store = *store_pointer;
    *store_pointer = NULL;
    if (!store) {
        return;
    }
    struct problem problem;
    store_rollback(store);
    if (!store->failed) {
        /* Last of all, so that a crash before it counts as one. */
        store->truncate = true;
        if (store_tidy(store, true, &problem)) {
            log_problem(LOG_LEVEL_WARN, &problem);
        }
        if (store->failed || store_meta_set(store, "clean", 1, &problem)) {
            log_warn("DB_CLOSE_UNCLEAN", "hint=checked_at_next_start");
        } else {
            /* Closing as the last handle moves the WAL into the file and removes it. */
            sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, (int *)NULL);
        }
    }
    release(store);
}
