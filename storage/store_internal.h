/*
 * What the files of the writer share. The state in memory (heads, digests, clock, fact) follows the
 * transaction: `now` is the view of the batch, `begun` what the last commit left, `marked` what the
 * savepoint found.
 *
 *   store_open.c     open, check, migrate, close
 *   store.c          batches, savepoints, facts, checkpoints
 *   store_stream.c   streams and their heads
 *   store_visit.c    numbers of visits, what is known of those asked for
 *   store_log.c      appending and what is derived from one event
 *   store_setting.c  tariffs, clock fixes, redactions
 *   store_element.c  elements of lists: staff, subscriptions, lots
 *   store_closure.c  which events a fold needs
 *   store_fold.c     fold, tables history and anomaly
 *   store_row.c      a row of history, written and read
 *   store_count.c    sums over history
 *   store_plate.c    the index of parts of plates
 *   store_find.c     questions
 *   store_check.c    digests after an unclean stop, texts after a new zone, rebuilding
 *   store_feed.c     the feed of this start
 *   store_repair.c   damaged events replaced, a branch moved to another stream
 */
#ifndef STORAGE_STORE_INTERNAL_H
#define STORAGE_STORE_INTERNAL_H

#include "storage/fold.h"
#include "storage/memory.h"
#include "storage/sql.h"
#include "storage/store.h"

#define STORE_NO_STREAM SIZE_MAX

/* Ends of a plate that STORE_PART_ADD and STORE_PART_DROP take at once: nine characters have eight.
 */
#define STORE_PART_ROWS 8

/* The writer's statements, prepared once. Texts in store_sql.c. */
enum store_statement {
    STORE_BEGIN,
    STORE_COMMIT,
    STORE_ROLLBACK,
    STORE_MARK,
    STORE_RELEASE,
    STORE_UNDO,
    STORE_META_SET,
    STORE_STATE_SAVE,
    STORE_UNKNOWN_ADD,
    STORE_STREAM_ADD,
    STORE_STREAM_SAVE,
    STORE_EVENT_ADD,
    STORE_EVENT_CHAIN,
    STORE_EVENTS_IN_RANGE,
    STORE_EVENT_ERASE,
    STORE_VISIT_FIND,
    STORE_VISIT_NAME,
    STORE_VISIT_ADD,
    STORE_VISIT_DROP,
    STORE_EVENTS_OF_VISIT,
    STORE_PLATE_NOTE,
    STORE_PLATE_ADD,
    STORE_PLATE_SAVE,
    STORE_PLATE_CLOSE,
    STORE_PLATE_DROP,
    STORE_VISITS_OF_PLATE,
    STORE_RETRY_ADD,
    STORE_RETRY_FIND,
    STORE_RETRY_DROP,
    STORE_UNPRICED_ADD,
    STORE_UNPRICED_DROP,
    STORE_UNPRICED_SINCE,
    STORE_SETTING_ADD,
    STORE_SETTING_TIME,
    STORE_SETTING_DROP,
    STORE_SETTINGS,
    STORE_ELEMENT_ADD,
    STORE_ELEMENT_ROWS,
    STORE_ELEMENT_RULE,
    STORE_ELEMENT_AT,
    STORE_ELEMENT_DROP,
    STORE_ELEMENTS,
    STORE_IS_SUBSCRIBED,
    STORE_SUBSCRIPTIONS,
    STORE_SUBSCRIBED_SINCE,
    STORE_ELEMENT_TIMES,
    STORE_ELEMENT_TIME,
    STORE_LOT,
    STORE_HAS_SETTING,
    STORE_REDACTION_ADD,
    STORE_REDACTIONS,
    STORE_CHANGE_ADD,
    STORE_CHANGE_DROP,
    STORE_ROW_FIND,
    STORE_ROW_ADD,
    STORE_ROW_CHANGE,
    STORE_ROW_CLOSE,
    STORE_ROW_DROP,
    STORE_ROW_GONE,
    STORE_ANOMALY_ADD,
    STORE_ANOMALY_DROP,
    STORE_FIND_OPEN,
    STORE_FIND_READ,
    STORE_FIND_ROW,
    STORE_VISIT_JSON,
    STORE_COUNT_ADD,
    STORE_COUNT_NEW,
    STORE_COUNT_DROP,
    STORE_PART_ADD,
    STORE_PART_DROP,
    STORE_PART_NEW,
    STORE_PART_WAITING,
    STORE_PART_DONE,
    STORE_PART_FORGET,
    STORE_ODD_ADD,
    STORE_ODD_OF,
    STORE_ODD_DROP,
    STORE_PLATE_USED,
    STORE_SYNCED_SET,
    STORE_STATEMENTS
};

struct store_stream {
    struct stream stream;
    uint64_t seq; /* head in the batch's view */
    struct digest chain;
    uint64_t begun_seq; /* head after the last commit */
    struct digest begun_chain;
    struct digest part; /* head_digest of that */
    bool changed;       /* listed in store->changed */
    uint64_t mark;      /* number of the last savepoint that saved this head */
};

/* A head as a savepoint found it. */
struct store_saved {
    size_t stream;
    uint64_t seq;
    struct digest chain;
};

struct store_setting {
    uint32_t kind; /* EVENT_CONFIG_UPDATE or EVENT_CLOCK_FIX */
    int64_t t_eff;
    struct fold_tariff tariff;
    struct fold_clock_fix fix;
};

struct store_range {
    struct stream stream;
    uint64_t from, to;
};

/* An event of the fact under construction; its run lies in store->runs. */
struct store_item {
    uint64_t lsn;
    enum fact_origin origin;
    size_t at, len;
};

/* Distinct visits in order of arrival, with their numbers (8 bytes each) and names at the same
 * places. Zero-initialise. */
struct store_visits {
    struct texts ids, names;
};

/* An event of a visit that was asked for. */
struct store_known {
    uint64_t lsn;
    struct slice header;
    struct fold_event folded; /* its event only once it is unpacked */
    enum {
        STORE_PACKED,
        STORE_UNPACKED,
        STORE_UNREADABLE
    } state;
};

/* What a row of history adds to the sums. Slices borrow. */
struct store_counted {
    int64_t entry_ms, exit_ms, fee;
    enum visit_status status;
    struct slice central, exit_central, lot;
};

/* What decisions and the fold look at of a row of history. Slices borrow. */
struct store_row {
    int64_t id, revision;
    struct digest digest;
    struct slice plate_id, plate_view, superseded_by;
    struct store_counted counted;
};

/* A visit that was asked for, in the place that its name's hash gives it. */
struct store_focus {
    uint64_t age; /* it is what it was while this equals store->focus_age */
    bool exists;  /* it has a number */
    bool loaded;  /* `events` are all that name it and are not erased */
    enum {
        STORE_ROW_UNREAD,
        STORE_ROW_NONE,
        STORE_ROW_READ
    } has_row; /* whether `row` is its row */
    int64_t id;
    struct store_row row;
    struct slice name;
    char text[LIMIT_EVENT_ID + 1];
    struct store_known *events;
    size_t count, capacity;
    struct arena memory;
};

/* Where the row of an event goes. */
struct store_place {
    size_t stream;
    uint64_t seq, lsn;
    struct digest chain; /* at seq */
};

/* An event that was logged since the last fold. */
struct store_recent {
    int64_t visit;
    struct fold_event folded;
    size_t next; /* index + 1 of the next one of the same member */
};

/* A visit in the closure of a fold. */
struct store_member {
    size_t event, event_count; /* in store->events */
    size_t recent;             /* index + 1 of its first recent event */
    int64_t first, last;       /* its time as its events say */
    int64_t entry;             /* of its row, EVENT_NONE when it has none */
    int64_t was_first, was_last, was_entry;
    bool was_open; /* its rows of visit_plate say that it is */
    bool has_row;  /* one of them is of `plate` */
    size_t output; /* index in the fold's output + 1 */
    size_t plate;  /* index + 1 of the plate of P it was first seen with */
    bool fresh;    /* no row of history can exist yet */
};

/* Where the timeline of a plate is cut: nothing before `at` can change. INT64_MIN: not cut. */
struct store_cut {
    int64_t at;
    int64_t touched; /* earliest time of a touched visit */
    size_t spans;    /* of the plate; saving adds its new ones */
    bool whole;
};

/* A row of table visit_plate. */
struct store_span {
    int64_t visit;
    int64_t first, last, entry;
    bool is_open; /* the row says so; `last` may know better */
};

/* Changes of one row of visit_count, not yet written. */
struct store_cell {
    int64_t t;
    struct slice central, lot;
    int64_t entries, exits, revenue, gone;
};

struct store_tally {
    uint64_t hlc;
    uint64_t events;
    uint64_t lsn;      /* highest given */
    uint64_t folded;   /* lsn up to which every event was folded */
    int64_t visit_id;  /* highest number given */
    int64_t known_id;  /* the same at the last fold: no visit above it has an earlier event */
    size_t plates_new; /* rows of table plate_new */
    bool has_retries;  /* table retry may have rows */
    bool subscribes;   /* table element may have subscriptions */
    struct digest state_digest;
    size_t stream_count;
    size_t own; /* our stream since the start, or STORE_NO_STREAM */
    size_t item_count;
    size_t run_bytes;
    size_t visit_count;
    uint64_t settings; /* counts changes of the tables setting and redaction */
    uint64_t rewinds;  /* how often heads were set back or changed; see fact.h */
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_STATEMENTS];
    char *path;
    struct node_id node;
    int lock_fd;
    bool reserve; /* keep a reserve file */

    bool in_batch, has_mark;
    bool importing; /* rows take id and created_at from the table temp.kept */
    bool truncate;  /* erased bodies must leave the WAL too */
    bool dead;      /* the batch is lost; `why` is the reason */
    bool failed;    /* the database is lost; only closing is left */
    struct problem why;
    struct store_tally now, begun, marked;
    uint64_t marks; /* savepoints so far */
    struct digest log_digest;
    int64_t now_ms;
    int64_t updated_s;     /* what `updated` is the text of, in seconds */
    char updated_text[32]; /* rows of a batch share it */
    uint64_t wal_frames;   /* since the last complete checkpoint */
    struct gather *wal;    /* for commits that leave their sync to others; may be NULL */
    bool owes_sync;        /* of the last commit */

    struct store_stream *streams; /* sid - 1 is the index */
    size_t stream_capacity;
    uint32_t *stream_slots; /* index + 1; 0 = free */
    size_t stream_slot_count;
    size_t *changed;
    size_t changed_count, changed_capacity;
    struct store_saved *saved;
    size_t saved_count, saved_capacity;

    struct store_setting *settings;
    size_t setting_count, setting_capacity;
    struct fold_tariff *tariffs; /* what the fold takes, made from settings */
    size_t tariff_count, tariff_capacity;
    struct fold_clock_fix *fixes;
    size_t fix_count, fix_capacity;
    struct store_range *redactions;
    size_t redaction_count, redaction_capacity;

    struct buffer header, body, json; /* scratch */
    struct store_visits touched;      /* to fold */
    struct texts touched_plates;      /* plates that erased events carried */

    /* one fold; kept for their memory */
    struct store_visits visits;
    struct texts plates;
    struct store_member *members; /* one for each of visits */
    size_t member_capacity;
    struct store_cut *cuts; /* one for each of plates */
    size_t cut_capacity;
    struct store_span *spans; /* of one plate */
    size_t span_capacity;
    struct texts lost;   /* plates that rows of history no longer have */
    struct texts listed; /* plates that may have rows in table anomaly */
    struct fold_event *events;
    size_t event_count, event_capacity;
    struct arena bodies;
    struct fold_subscription *subscriptions;
    size_t subscription_count, subscription_capacity;
    const char **plate_list;
    size_t plate_capacity;

    /* the fact of the batch */
    uint64_t batch;
    bool has_fact;
    uint64_t rewound; /* heads of the fact that do not continue those before */
    struct store_item *items;
    size_t item_capacity;
    struct buffer runs;
    struct fact_visit *fact_visits;
    size_t fact_visit_capacity;
    struct arena fact_memory;

    struct store_cell cells[LIMIT_COUNT_CELLS];
    size_t cell_count;
    struct arena cell_texts;

    struct store_focus *foci[LIMIT_FOCI]; /* NULL: never used */
    struct store_focus *focus;            /* the one asked for last; never NULL once one was */
    uint64_t focus_age;                   /* counts, from 1, how often all of them were dropped */
    struct store_recent *recent;
    size_t recent_count, recent_capacity;
    bool recent_lost; /* one of them was changed or taken back */
    struct arena recent_memory;
    struct arena answer; /* of the last question */
};

/* store_sql.c */
int store_prepare(struct store *store, struct problem *problem);
void store_finalize(struct store *store);
struct sql store_sql(struct store *store, enum store_statement which);

/* store.c */
/* Starts a batch in a transaction that is already open. */
void store_adopt(struct store *store);
/* What to do after a failed statement: notes whether SQLite gave up the whole transaction. -1. */
int store_fail(struct store *store, struct problem *problem);
/* -1 when there is no usable batch. */
int store_usable(struct store *store, struct problem *problem);
int store_meta_set(struct store *store, const char *key, int64_t value, struct problem *problem);
int store_meta_set_text(struct store *store, const char *key, struct slice value,
                        struct problem *problem);
/* What the transaction makes of log_state, from memory; the heads that it moved included. */
int store_state_save(struct store *store, struct problem *problem);
/* Erases the reserve file, so that a checkpoint has room. Makes it again when there is room. */
void store_reserve_release(struct store *store);
void store_reserve_make(struct store *store);

/* store_stream.c */
size_t store_stream_find(const struct store *store, const struct stream *stream);
int store_stream_add(struct store *store, const struct stream *stream, size_t *index,
                     struct problem *problem);
int store_stream_load(struct store *store, struct problem *problem);
void store_stream_advance(struct store *store, size_t index, const struct digest *chain);
/* Sets a head to what it was before, or to another chain. Counts as a rewind. */
void store_stream_set(struct store *store, size_t index, uint64_t seq, const struct digest *chain);
/* The log digest made anew from all heads. */
struct digest store_stream_sum(const struct store *store);
int store_stream_save(struct store *store, struct problem *problem); /* before the commit */
void store_stream_undo(struct store *store);                         /* to the savepoint */
void store_stream_rollback(struct store *store);
void store_stream_commit(struct store *store);

/* store_visit.c */
/* The place of a visit, added when it is new; the name is copied. */
size_t store_visits_add(struct store_visits *visits, int64_t id, struct slice name);
/* Its place, or TEXTS_NONE. */
size_t store_visits_find(const struct store_visits *visits, int64_t id);
int64_t store_visits_id(const struct store_visits *visits, size_t place);
void store_visits_clear(struct store_visits *visits);
void store_visits_free(struct store_visits *visits);
/* Puts a visit into focus by its name: its number, if it has one. 0 or -1. */
int store_focus(struct store *store, struct slice name, struct problem *problem);
/* Reads the events of the visit in focus. 0 or -1. */
int store_focus_load(struct store *store, struct problem *problem);
/* What is known of a visit that was asked for and is in its place still, or NULL. */
struct store_focus *store_focus_on(const struct store *store, int64_t id, struct slice name);
/* One of its events, unpacked; NULL when it cannot be read. Lives until another is asked for. */
const struct fold_event *store_focus_event(struct store_focus *focus, size_t i);
/* Adds an event that was just logged for the visit in focus, unpacked; all of it is copied. */
void store_focus_append(struct store *store, const struct store_known *known);
/* Notes an event that was just logged as one that the next fold reads; it is copied. */
void store_recent_add(struct store *store, int64_t visit, struct slice name,
                      const struct fold_event *folded);
/* Links the recent events to the members of the closure, if they can take the place of a question:
 * none was changed or taken back since. */
void store_recent_link(struct store *store, size_t members);
/* Forgets them. */
void store_recent_clear(struct store *store);
/* To be called when events were changed or taken back otherwise. */
void store_focus_drop(struct store *store);
void store_focus_free(struct store *store);
/* Puts a visit into focus that gets a number if it has none. 0 or -1. */
int store_visit_make(struct store *store, struct slice name, int64_t *id, struct problem *problem);

/* store_log.c */
/* An administrator's change of a visit: HISTORY_UPDATE, _DELETE, _UNDELETE. */
bool store_is_change(uint32_t kind);
/* Appends an event to a stream, of whichever node. */
int store_append_item(struct store *store, size_t stream, const struct run_item *item,
                      const struct event *event, enum fact_origin origin, struct problem *problem);
/* Writes the row of an event and derives what it says; heads and facts are the caller's. */
int store_put_event(struct store *store, const struct store_place *place,
                    const struct run_item *item, const struct event *event,
                    struct problem *problem);
/* What a foreign item says; its body goes when it was erased. Unreadable: as if erased. */
int store_read_item(struct store *store, const struct position *position, struct run_item *item,
                    struct event *event, struct problem *problem);
/* Makes the stream of this start, if there is none yet or it can take no more. */
int store_own_stream(struct store *store, struct problem *problem);
/* The chain that we hold at `seq` of a stream: 1 known, 0 not held, -1. */
int store_chain_at(struct store *store, size_t stream, uint64_t seq, struct digest *chain,
                   struct problem *problem);
/* Derives what one event says by itself; its bytes are in the log already. */
int store_derive(struct store *store, size_t stream, uint64_t seq, uint64_t lsn,
                 const struct event *event, struct problem *problem);
/* The name of the visit that the fold finds the event under, in `out`; absent when the fold does
 * not read it. */
struct slice store_visit_key(const struct event *event, size_t stream, uint64_t seq,
                             char out[LIMIT_EVENT_ID + 1]);
/* Hash of a sender's own name for an event; false when it gave none. */
bool store_sender_key(const struct event *event, struct digest *key);
/* Hash of what a camera repeats; false when the event has nothing to recognise it by. */
bool store_has_retry_key(const struct event *event);
bool store_retry_key(const struct event *event, struct digest *key);

/* store_setting.c */
int store_setting_load(struct store *store, struct problem *problem);
int store_setting_add(struct store *store, const struct position *position,
                      const struct event *event, struct problem *problem);
/* REDACT: erases what is here and remembers the range. */
int store_redact(struct store *store, const struct position *position, const struct event *event,
                 struct problem *problem);
/* Takes back what the event at a position said by itself; its row is gone from the log already, or
 * has lost its body. `name` is that of its visit, absent when it has none. */
int store_forget(struct store *store, const struct store_place *place, int64_t visit,
                 struct slice name, const struct event *event, struct problem *problem);
bool store_is_redacted(const struct store *store, const struct position *position, uint32_t kind);

/* Its corrected time. */
int64_t store_time(const struct store *store, const struct position *position, int64_t t_eff);

/* store_element.c */
/* Staff, a subscription or a lot, set or removed. */
bool store_is_element(uint32_t kind);
int store_element_add(struct store *store, const struct position *position,
                      const struct event *event, struct problem *problem);
/* Notes the times of subscriptions anew, after a clock fix. */
int store_element_times(struct store *store, struct problem *problem);
/* For the next fold: the subscriptions of store->plates, if one of store->events may need them. */
int store_element_gather(struct store *store, struct problem *problem);
/* Takes back what the event at a position said; harmless when it said nothing. */
int store_element_drop(struct store *store, size_t stream, uint64_t seq, struct problem *problem);

/* store_closure.c */
/* Moves what was touched to visits, plates, events: a closed set. The touched visits come first. */
int store_closure(struct store *store, size_t *touched, struct problem *problem);
/* Notes the time that each visit takes up after the fold. members[].output is set. */
int store_closure_save(struct store *store, size_t touched, const struct fold_output *output,
                       struct problem *problem);

/* store_fold.c */
/* Folds plate by plate, everything. */
int store_fold_all(struct store *store, struct problem *problem);

/* store_row.c */
/* The row of a visit: 1 = there is one, 0 = none, -1. Of one that was asked for it is read once;
 * its slices live until another is asked for, and those of the rest until the next fold. */
int store_row_find(struct store *store, int64_t id, struct slice name, struct store_row *row,
                   struct problem *problem);
int store_row_add(struct store *store, int64_t id, const struct visit *visit,
                  const struct digest *digest, struct problem *problem);
int store_row_change(struct store *store, const struct store_row *row, const struct visit *visit,
                     const struct digest *digest, struct problem *problem);
int store_row_drop(struct store *store, const struct store_row *row, struct slice event_id,
                   struct problem *problem);
/* Reads the columns of STORE_FIND_*; slices live in `arena`. */
void store_row_read(const struct sql *sql, struct arena *arena, struct visit *visit);

/* store_feed.c */
/* Records the feed of this start, which begins behind the newest lsn. 0 or -1. */
int store_feed_add(struct store *store, struct problem *problem);

/* store_count.c */
/* Takes a row out of the sums (`was`) and another in (`is`); NULL: there is none. */
int store_count(struct store *store, const struct store_counted *was,
                const struct store_counted *is, struct problem *problem);
/* Writes what was gathered; before a savepoint and before the commit. */
int store_count_save(struct store *store, struct problem *problem);
/* Forgets what was gathered since: the transaction forgets the rest. */
void store_count_undo(struct store *store);
/* Counts all rows again. */
int store_count_all(struct store *store, struct problem *problem);

/* store_plate.c */
/* A plate without other visits came in. */
int store_plate_new(struct store *store, struct slice plate, struct problem *problem);
/* A row has this plate and view. */
int store_plate_view(struct store *store, struct slice plate, struct slice view,
                     struct problem *problem);
/* Moves the first LIMIT_PLATES_STEP of the waiting plates into the index. */
int store_plate_move(struct store *store, struct problem *problem);
/* Before the commit: does so when LIMIT_PLATES_NEW of them wait. */
int store_plate_save(struct store *store, struct problem *problem);
/* Takes plates of store->lost that no visit has any more out of the index. */
int store_plate_forget(struct store *store, struct problem *problem);
/* Makes the index again. */
int store_plate_all(struct store *store, struct problem *problem);

/* store_check.c */
/* Sums and index of a database of an older version. */
int store_check_sums(struct store *store, struct problem *problem);
int store_check_unclean(struct store *store, struct problem *problem);
int store_check_zone(struct store *store, struct problem *problem);
/* Folds the whole log again when it was folded by other rules (FOLD_VERSION). 0 or -1. */
int store_check_fold(struct store *store, struct problem *problem);

#endif
