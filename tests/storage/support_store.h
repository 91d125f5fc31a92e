/*
 * A central's database for tests: a temporary directory, a store in it, and short ways to write
 * events, exchange runs and look at the result.
 */
#ifndef TESTS_STORAGE_SUPPORT_STORE_H
#define TESTS_STORAGE_SUPPORT_STORE_H

#include "storage/runs.h"
#include "storage/store.h"

#define CENTRAL_NOW INT64_C(1790000000000) /* ms; where the clock of a central starts */

/* Makes a database of this version one of version 9. */
#define CENTRAL_SCHEMA_9                                                                 \
    "INSERT INTO meta(key, value)"                                                       \
    " SELECT 'hlc', hlc FROM log_state UNION ALL SELECT 'events', events FROM log_state" \
    " UNION ALL SELECT 'visit_id', visit_id FROM log_state"                              \
    " UNION ALL SELECT 'log_digest', log_digest FROM log_state"                          \
    " UNION ALL SELECT 'state_digest', state_digest FROM log_state"                      \
    " UNION ALL SELECT 'rewinds', rewinds FROM log_state WHERE rewinds > 0"              \
    " UNION ALL SELECT 'lsn', lsn FROM log_state WHERE rewinds > 0;"                     \
    "DROP TABLE log_state;"                                                              \
    "PRAGMA user_version = 9;"

/* ... of version 8. */
#define CENTRAL_SCHEMA_8                                                        \
    CENTRAL_SCHEMA_9                                                            \
    "ALTER TABLE plate_new RENAME TO plate_new_9;"                              \
    "CREATE TABLE plate_new(plate TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"     \
    "INSERT OR IGNORE INTO plate_new SELECT plate FROM plate_new_9;"            \
    "DROP TABLE plate_new_9;"                                                   \
    "CREATE TABLE visit_inside(central TEXT NOT NULL, lot TEXT NOT NULL,"       \
    " cars INTEGER NOT NULL, PRIMARY KEY(central, lot)) STRICT, WITHOUT ROWID;" \
    "INSERT INTO visit_inside SELECT central, lot, entries FROM visit_count"    \
    " WHERE t = 9223372036854775807;"                                           \
    "DELETE FROM visit_count WHERE t = 9223372036854775807;"                    \
    "PRAGMA user_version = 8;"

struct central {
    char directory[64];
    char path[96];
    struct node_id node;
    struct store *store;
    int64_t now_ms;
    struct problem problem;
};

/* Opens a new database. */
void central_start(struct central *central, const char *node);
/* A directory without a database, for a test that makes its own. */
void central_prepare(struct central *central, const char *node);
/* Closes and removes everything in the directory. */
void central_stop(struct central *central);
void central_open(struct central *central);
void central_close(struct central *central);
void central_reopen(struct central *central);
/* Opens and expects the problem. */
void central_refused(struct central *central, enum problem_code code);

/* A path in the directory; `out` holds 160 bytes. */
const char *central_file(const struct central *central, const char *name, char *out);

/* One event in a batch of its own. hlc is stamped. */
struct position central_write(struct central *central, struct event *event);
struct position central_entry(struct central *central, const char *visit, const char *plate,
                              int64_t t);
/* fee EVENT_NONE = not charged. */
struct position central_exit(struct central *central, const char *visit, const char *plate,
                             int64_t t, int64_t fee);
struct position central_change(struct central *central, uint32_t kind, const char *visit,
                               const char *plate);
struct position central_tariff(struct central *central, int64_t t, int64_t free_s,
                               int64_t per_hour);

/* Takes what `from` has of every stream, at most `step` events at a time. Returns events applied.
 */
size_t central_pull(struct central *to, struct central *from, size_t step);
/* One run of a stream, given in a batch of its own. */
enum store_run_result central_give(struct central *to, struct slice run, enum fact_origin origin);
/* Reads one run; the bytes are appended to `out`. */
size_t central_read(struct central *central, const struct stream *stream, uint64_t from,
                    size_t events, struct buffer *out);

/* First column of the first row as integer; 0 when there is none. */
int64_t central_number(const struct central *central, const char *sql);
/* The same as text. `out` holds 256 bytes. */
const char *central_text(const struct central *central, const char *sql, char *out);
/* All folded columns and anomalies as text. */
void central_dump(const struct central *central, struct buffer *out);
/* Changes the database behind the store's back; it must be closed. */
void central_run(const struct central *central, const char *sql);

/* Both hold the same log and the same history. */
void central_assert_equal(const struct central *a, const struct central *b);

#endif
