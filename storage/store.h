/*
 * The one writer of a central's database: the log, the fold into `history`, digests, all in one
 * transaction per batch. Call only from the node thread; it alone checkpoints (a second
 * checkpointer would expose SQLite's WAL-reset bug, sqlite.org/wal.html).
 *
 * A batch:  store_begin, then per request { store_mark, store_append / store_append_run,
 * store_fold, and store_release or store_undo }, then store_commit, then store_take_fact.
 * Digests, heads and the clock are adopted by the commit; a failed commit leaves everything as
 * before the batch.
 */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "proto/event.h"
#include "proto/fact.h"
#include "proto/problem.h"
#include "proto/run.h"
#include "proto/tariff.h"
#include "storage/settings.h"
#include "storage/visit.h"

struct store;

struct store_options {
    const char *path;    /* database file, created when missing */
    struct node_id node; /* from the configuration, never from the database */
    bool reserve;        /* keep a reserve file beside it for a full disk */
};

/*
 * Opens, checks (quick_check after an unclean stop), migrates, imports a database of the existing
 * Python system in place (a backup file beside it first), and rebuilds rendered text when the time
 * zone changed. NULL with a problem: DB_UNWRITABLE, DB_NEWER (untouched), DB_FOREIGN (untouched),
 * DB_CORRUPT, DB_LOCKED, DISK_FULL, DB_FAILED.
 */
struct store *store_open(const struct store_options *options, struct problem *problem);

/* Checkpoints, marks the stop clean and closes. */
void store_close(struct store **store);

/* One batch at a time. 0 or -1 with a problem; after -1 the transaction is rolled back.
 * DISK_FULL: try again later. DB_FAILED: the process must end (never retry a failed fsync). */
int store_begin(struct store *store, struct problem *problem);
int store_commit(struct store *store, struct problem *problem);

/*
 * Like store_commit, but may return before the disk has confirmed what was written; then
 * store_owes_sync() is true and nobody may be told of the batch before store_sync() has returned 0.
 * Readers of the database see it already, and after a power cut it may be gone, under stream
 * numbers that nobody issues again (docs/replication.md). Later commits lie behind it: they are
 * durable only together with it.
 */
int store_commit_owing(struct store *store, struct problem *problem);

/* Whether the last commit waits for store_sync(); false from the next store_begin() on, also when
 * that batch fails. */
bool store_owes_sync(const struct store *store);

/* Waits until all commits before the call are durable. May be called by one other thread while the
 * node's goes on. 0, or -1 with DB_FAILED: the process must end. */
int store_sync(const struct store *store, struct problem *problem);
void store_rollback(struct store *store);

/* A savepoint around one request of the batch; memory follows. 0, or -1 with a
 * problem: the batch is to be rolled back. */
int store_mark(struct store *store, struct problem *problem);
int store_release(struct store *store, struct problem *problem);
void store_undo(struct store *store);

/*
 * Appends an event of this central: stamps hlc (when 0), mints the epoch at the first call since
 * the start, packs, chains, indexes. `now_ms` is the wall clock. 0, or -1 with a problem;
 * FIELD_INVALID (a text that fits no event): nothing was written.
 */
int store_append(struct store *store, struct event *event, int64_t now_ms,
                 struct position *position, struct problem *problem);

enum store_run_result {
    STORE_RUN_APPLIED, /* at least one event was new */
    STORE_RUN_OLD,     /* all known, same bytes */
    STORE_RUN_GAP,     /* starts beyond our head + 1: pull */
    STORE_RUN_FORK,    /* our chain at run->from - 1, or a known event, differs */
    STORE_RUN_PART,    /* store_repair: mended, and what lies before the run is damaged, too */
    STORE_RUN_FAILED   /* problem is set */
};

/* Appends what is new of a peer's run (any node's stream, former epochs of our own included). On
 * FORK nothing of it is stored. `origin` goes into the fact. */
enum store_run_result store_append_run(struct store *store, const struct run *run,
                                       enum fact_origin origin, int64_t now_ms,
                                       struct problem *problem);

/*
 * Mends damage: a peer's run that leads to the chain that one of our rows or our head tells, and so
 * has the very events that this chain was made of. Rows up to there that are damaged or missing are
 * replaced, and what they say is derived again. APPLIED: something was mended. OLD: nothing was
 * damaged. PART: it does not begin at our chain, so the run that ends at run->from mends more. GAP:
 * we do not hold that stream or its head is below, or the peer has erased a body that we may not
 * lose. FORK: the run proves nothing about our rows. Nothing beyond our head is taken.
 */
enum store_run_result store_repair(struct store *store, const struct run *run, int64_t now_ms,
                                   struct problem *problem);

/*
 * Mends a fork: moves our events of a stream from `from` on to the end of our own current stream
 * (a fresh one, if the forked one is), so that the other branch can take their place. Headers stay
 * as they are, bodies as event_move makes them; what our log holds already in just these bytes is
 * not added twice. `chain`: ours at from->seq, so that nothing else is moved; or, with from->seq
 * one beyond our head, ours at the head: then only the current epoch ends, if it is that one.
 * APPLIED, OLD (that is not what we hold), FAILED.
 */
enum store_run_result store_move_branch(struct store *store, const struct position *from,
                                        const struct digest *chain, int64_t now_ms,
                                        struct problem *problem);

/* Folds what was touched since the last call. Reads below see the result. */
int store_fold(struct store *store, struct problem *problem);

/* After a commit: packs what it made durable into `out` (empty when nothing was). 0 or -1. */
int store_take_fact(struct store *store, struct buffer *out);

/* Checkpoints when the WAL has grown enough or `idle` is set. Call between batches. 0, or -1 with a
 * problem that means what it means for store_commit: DISK_FULL passes, DB_FAILED ends the process.
 */
int store_tidy(struct store *store, bool idle, struct problem *problem);

/* Some of what can wait for a quiet moment, in a commit of its own that publishes nothing: plates
 * go into the index of their parts. 1 = there is more, 0 = nothing is left, -1 as store_tidy. */
int store_settle(struct store *store, struct problem *problem);

/* Questions for decisions, in the writer's own view (uncommitted batch included). 1 = found,
 * 0 = not, -1 = problem. Slices of `visit` live until the next store_* call. */
int store_find_open(struct store *store, const char *plate_id, struct visit *visit,
                    struct problem *problem);
int store_find_visit(struct store *store, struct slice event_id, struct visit *visit,
                     struct problem *problem);
int store_find_row(struct store *store, int64_t history_id, struct visit *visit,
                   struct problem *problem);
/* The same as store_find_visit, without what no gate asks for: cameras, the edge, `suspect`,
 * `is_anomaly`, `synced`, the time at a location and rendered texts are absent. Of a visit that was
 * asked for or written last it costs no reading. */
int store_find_state(struct store *store, struct slice event_id, struct visit *visit,
                     struct problem *problem);

/* What the log tells of a visit, whatever the fold made of it. */
struct store_told {
    bool entry;          /* that it began: a VEHICLE_ENTRY_PENDING or IMPORT */
    bool plate;          /* the same, with the plate that was asked for */
    bool sighting;       /* that it was seen in a lot: a LOCATION_UPDATE */
    bool exit;           /* that it ended: a VEHICLE_EXIT, or an IMPORT of a visit that was over */
    int64_t reopened_ms; /* when a person opened it again for the last time; EVENT_NONE = never */
};
int store_told(struct store *store, struct slice event_id, struct slice plate_id,
               struct store_told *out, struct problem *problem);

/* The latest visit that is open under another plate and once had this one, before a person
 * corrected it. */
int store_find_read(struct store *store, struct slice plate_id, struct visit *visit,
                    struct problem *problem);

/* An earlier event that this one repeats: same kind, sent_id, camera_id, device_ms, plate_id;
 * without a sent_id only with a device time and within LIMIT_RETRY_WINDOW_MS of now. */
struct store_retry {
    char visit[LIMIT_EVENT_ID + 1]; /* the visit it named */
    struct position position;
    bool differs; /* what it says of plate or times is not what `event` asks for */
};
int store_find_retry(struct store *store, const struct event *event, int64_t now_ms,
                     struct store_retry *retry, struct problem *problem);

/* An IMPORT in the log that says the same of the same visit as `event`, whoever logged it. `node`
 * is ours. */
int store_find_import(struct store *store, const struct event *event, const struct node_id *node,
                      struct store_retry *retry, struct problem *problem);

/* The changes of a visit that no other change supersedes, for `supersedes` of a new one. Returns
 * the count (at most LIMIT_SUPERSEDES), or -1. */
int store_changes_seen(struct store *store, struct slice event_id, struct position *out,
                       struct problem *problem);

/* What the change in force (the one that the fold lets win) set; EVENT_NONE where it set nothing or
 * there is none. 0 or -1. */
int store_correction(struct store *store, struct slice event_id, int64_t *entry_ms,
                     int64_t *exit_ms, int64_t *fee, struct problem *problem);

/* The row as JSON text of its folded columns and rendered times, for `before`. 1 = found, 0 = not,
 * -1 = problem. */
int store_visit_json(struct store *store, struct slice event_id, struct buffer *out,
                     struct problem *problem);

/* Tariff in force at an instant: 1, 0 when it is the built-in default, -1. */
int store_tariff(struct store *store, int64_t at_ms, struct tariff *out, struct problem *problem);

/*
 * Settings that are lists: STAFF_UPDATE, SUBSCRIPTION_UPDATE. Calls back for each element in force,
 * in no order; non-zero stops and is returned. The callback must not call store_*. `etag` (may be
 * NULL): of the whole list, see settings.h. 0, or -1 with a problem.
 */
int store_elements(struct store *store, enum event_kind kind, settings_element_fn each,
                   void *context, struct digest *etag, struct problem *problem);

/* The subscription by which a plate pays nothing at an instant, as the fold sees it: 1 and the id
 * of the element, 0, -1. */
int store_subscription(struct store *store, struct slice plate_id, int64_t at_ms,
                       char item[LIMIT_ELEMENT_ID + 1], struct problem *problem);

/* The lot of a location as it is in force: 1, 0 when there is none, -1. Slices live until the next
 * store_* call. */
int store_lot(struct store *store, struct slice location, struct settings_lot *lot,
              struct problem *problem);

/* Whether the log has ever held an event of one of the kinds 5, 9, 10, 11 with an effect: 1, 0, -1.
 */
int store_has_setting(struct store *store, enum event_kind kind, struct problem *problem);

/* Log state after the last commit. */
struct digest store_log_digest(const struct store *store);
struct digest store_state_digest(const struct store *store);
uint64_t store_event_count(const struct store *store);
uint64_t store_hlc(const struct store *store);

/* p2p_sync_state: when the peer's log digest last equalled ours. Outside a batch. 0 or -1. */
int store_set_synced(struct store *store, const struct node_id *peer, int64_t at_ms,
                     struct problem *problem);

/* table peer_mark (struct history_mark in history.h): what is absent (feed 0, EVENT_NONE) stays. In
 * a batch. 0 or -1. */
struct feed_cursor;
int store_set_mark(struct store *store, struct slice peer, const struct feed_cursor *told,
                   int64_t heard_ms, int64_t now_ms, struct problem *problem);

/* Drops every folded table and folds the whole log again; for tests and repair. 0 or -1. */
int store_rebuild(struct store *store, struct problem *problem);

#endif
