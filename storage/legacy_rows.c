#include "storage/legacy_rows.h"

#include "proto/localtime.h"
#include "proto/plate.h"
#include "proto/wire.h"
#include "storage/memory.h"
#include "storage/schema.h"
#include "storage/sql.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEE_MOST 1e15 /* beyond this a REAL is no amount of money */

/* Columns of the old table `history` that are read. Any of them may be missing. */
#define LEGACY_COLUMNS(X) \
    X(event_id)           \
    X(source_central)     \
    X(edge_id)            \
    X(plate_id)           \
    X(plate_view)         \
    X(entry_time)         \
    X(entry_camera_id)    \
    X(entry_camera_name)  \
    X(entry_confidence)   \
    X(entry_source)       \
    X(exit_time)          \
    X(exit_camera_id)     \
    X(exit_camera_name)   \
    X(exit_confidence)    \
    X(exit_source)        \
    X(fee)                \
    X(status)             \
    X(created_at)         \
    X(updated_at)         \
    X(last_location)      \
    X(last_location_time) \
    X(is_anomaly)

enum column {
#define X(name) COLUMN_##name,
    LEGACY_COLUMNS(X)
#undef X
    COLUMNS
};

static const char *const COLUMN_NAMES[COLUMNS] = {
#define X(name) #name,
    LEGACY_COLUMNS(X)
#undef X
};

struct legacy_rows {
    sqlite3 *db; /* NULL = the caller's */
    struct sql sql;
    int columns[COLUMNS]; /* of the statement; -1 = the file has none */
    struct arena memory;  /* of one row */
    char mended[120];     /* what was wrong with the row */
};

static void mend(struct legacy_rows *rows, const char *what)
{
    if (!rows->mended[0]) {
        snprintf(rows->mended, sizeof rows->mended, "%s", what);
    }
}

/* The column as valid text of at most `max` bytes; absent when missing or NULL. */
static struct slice text_of(struct legacy_rows *rows, enum column column, size_t max)
{
    struct slice none = {NULL, 0};
    if (rows->columns[column] < 0) {
        return none;
    }
    struct slice text = arena_copy(&rows->memory, sql_text(&rows->sql, rows->columns[column]));
    if (!text.data || wire_is_utf8(text)) {
        if (text.len > max) {
            mend(rows, COLUMN_NAMES[column]);
            for (text.len = max; text.len && (text.data[text.len] & 0xC0) == 0x80; text.len--) {
                continue;
            }
        }
        return text;
    }
    mend(rows, COLUMN_NAMES[column]);
    size_t len = text.len < max ? text.len : max;
    char *mended = arena_take(&rows->memory, len + 1);
    for (size_t i = 0; i < len; i++) {
        mended[i] = text.data[i] > 0 ? text.data[i] : '?';
    }
    mended[len] = '\0';
    return (struct slice){mended, len};
}

/* Text that is there and not empty, else absent. */
static struct slice filled(struct legacy_rows *rows, enum column column, size_t max)
{
    struct slice text = text_of(rows, column, max);
    return text.len ? text : (struct slice){NULL, 0};
}

static double real_of(struct legacy_rows *rows, enum column column)
{
    double value =
        rows->columns[column] < 0 ? (double)NAN : sql_real(&rows->sql, rows->columns[column]);
    return isfinite(value) ? value : (double)NAN;
}

static int64_t local_ms(struct legacy_rows *rows, enum column column)
{
    int64_t ms;
    struct slice text = filled(rows, column, LIMIT_TEXT);
    return text.data && localtime_parse(text, &ms) == 0 ? ms : EVENT_NONE;
}

/* Bookkeeping columns hold UTC in the same layout. */
static int64_t utc_ms(struct legacy_rows *rows, enum column column)
{
    char text[LOCALTIME_TEXT + 1];
    int64_t ms;
    struct slice found = filled(rows, column, LIMIT_TEXT);
    if (!found.data || found.len >= LOCALTIME_TEXT) {
        return EVENT_NONE;
    }
    snprintf(text, sizeof text, "%sZ", found.data);
    return localtime_parse(slice_text(text), &ms) == 0 ? ms : EVENT_NONE;
}

/* An id that the row itself decides, so that importing a copy of the file names the same visit. */
static struct slice derived_id(struct legacy_rows *rows, int64_t id)
{
    struct buffer bytes;
    char hex[33], *text = arena_take(&rows->memory, 32);
    buffer_init(&bytes, 8192);
    static const enum column parts[] = {COLUMN_plate_id, COLUMN_entry_time, COLUMN_created_at};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct slice part = text_of(rows, parts[i], LIMIT_TEXT);
        buffer_printf(&bytes, "%zu:", part.len);
        buffer_append(&bytes, part.data ? part.data : "", part.len);
    }
    buffer_printf(&bytes, "%" PRId64, id);
    struct digest digest = body_hash(buffer_slice(&bytes));
    buffer_free(&bytes);
    digest_hex(&digest, hex);
    snprintf(text, 32, "legacy-%.16s", hex);
    return slice_text(text);
}

static void read_plate(struct legacy_rows *rows, struct event *event)
{
    char *id = arena_take(&rows->memory, LIMIT_PLATE + 1);
    struct slice plate = filled(rows, COLUMN_plate_id, LIMIT_PLATE);
    struct slice view = filled(rows, COLUMN_plate_view, LIMIT_PLATE);
    size_t len = plate_reduce(plate, id, LIMIT_PLATE + 1);
    if (len == 0) {
        len = plate_reduce(view, id, LIMIT_PLATE + 1);
    }
    if (len == 0) {
        mend(rows, "plate_id");
        snprintf(id, LIMIT_PLATE + 1, "UNKNOWN");
    }
    event->plate_id = slice_text(id);
    event->plate_view = view.data ? view : plate.data ? plate : event->plate_id;
}

/* Times of the row. A visit without a usable one is kept at the best guess. */
static void read_times(struct legacy_rows *rows, struct event *event, bool out)
{
    int64_t created = utc_ms(rows, COLUMN_created_at);
    int64_t entry = local_ms(rows, COLUMN_entry_time);
    int64_t leaving = out ? local_ms(rows, COLUMN_exit_time) : EVENT_NONE;
    if (entry == EVENT_NONE) {
        mend(rows, "entry_time");
        entry = created != EVENT_NONE ? created : leaving != EVENT_NONE ? leaving : 0;
    }
    if (out && leaving == EVENT_NONE) {
        mend(rows, "exit_time");
        leaving = utc_ms(rows, COLUMN_updated_at);
        if (leaving == EVENT_NONE || leaving < entry) {
            leaving = entry;
        }
    }
    event->t_eff = entry;
    event->exit_ms = leaving;
}

static void read_fee(struct legacy_rows *rows, struct event *event)
{
    double fee = real_of(rows, COLUMN_fee);
    if (isnan(fee) || fabs(fee) > FEE_MOST) {
        if (!isnan(fee)) {
            mend(rows, "fee");
        }
        fee = 0.0;
    }
    event->fee = (int64_t)llround(fee);
}

static void read_exit(struct legacy_rows *rows, struct event *event)
{
    event->exit_camera_id = filled(rows, COLUMN_exit_camera_id, LIMIT_TEXT);
    event->exit_camera_name = filled(rows, COLUMN_exit_camera_name, LIMIT_TEXT);
    event->exit_confidence = real_of(rows, COLUMN_exit_confidence);
    event->exit_source = filled(rows, COLUMN_exit_source, LIMIT_TEXT);
    read_fee(rows, event);
}

static void read_row(struct legacy_rows *rows, struct event *event, int64_t id)
{
    event_init(event, EVENT_IMPORT);
    struct slice status = filled(rows, COLUMN_status, LIMIT_TEXT);
    bool out = slice_equal(status, slice_text("OUT"));
    if (!out && !slice_equal(status, slice_text("IN"))) {
        mend(rows, "status");
        out = filled(rows, COLUMN_exit_time, LIMIT_TEXT).data != NULL;
    }
    read_plate(rows, event);
    read_times(rows, event, out);
    event->status = slice_text(out ? "OUT" : "IN");
    event->visit = filled(rows, COLUMN_event_id, LIMIT_TEXT);
    if (!event->visit.data || event->visit.len > LIMIT_EVENT_ID) {
        event->visit = derived_id(rows, id);
    }
    event->source_central = filled(rows, COLUMN_source_central, LIMIT_NODE_ID);
    event->edge_id = filled(rows, COLUMN_edge_id, LIMIT_TEXT);
    event->camera_id = filled(rows, COLUMN_entry_camera_id, LIMIT_TEXT);
    event->camera_name = filled(rows, COLUMN_entry_camera_name, LIMIT_TEXT);
    event->confidence = real_of(rows, COLUMN_entry_confidence);
    event->source = filled(rows, COLUMN_entry_source, LIMIT_TEXT);
    if (out) {
        read_exit(rows, event);
    }
    event->location = filled(rows, COLUMN_last_location, LIMIT_TEXT);
    if (event->location.data) {
        event->location_ms = local_ms(rows, COLUMN_last_location_time);
        if (event->location_ms == EVENT_NONE) {
            event->location_ms = event->t_eff;
        }
    }
    double anomaly = real_of(rows, COLUMN_is_anomaly);
    event->is_anomaly = !isnan(anomaly) && anomaly > 0.0;
}

struct slice legacy_rows_heard_of(struct slice source, struct slice camera_name)
{
    size_t len = 0;

    if (slice_equal(source, slice_text("p2p_sync"))) {
        while (len < camera_name.len && camera_name.data[len] != '/') {
            len++;
        }
    }
    return len > 0 && len < camera_name.len && len <= LIMIT_NODE_ID
               ? (struct slice){camera_name.data, len}
               : (struct slice){NULL, 0};
}

struct slice legacy_rows_exit_central(const struct event *import, const struct node_id *owner)
{
    struct slice here = slice_text(owner->text);
    struct slice at = legacy_rows_heard_of(import->exit_source, import->exit_camera_name);
    struct slice central = import->source_central.len ? import->source_central : here;

    at = at.data ? at : here;
    if (!slice_equal(import->status, slice_text("OUT")) || slice_equal(at, central)) {
        return (struct slice){NULL, 0};
    }
    return at;
}

int legacy_rows_of(sqlite3 *db, bool set_aside, struct legacy_rows **rows, struct problem *problem)
{
    int64_t one = 0;
    sqlite3_stmt *stmt = NULL;
    int found = sql_integer(
        db,
        set_aside ? "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'legacy_history'"
                  : "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'history'",
        &one, problem);
    *rows = NULL;
    if (found <= 0) {
        return found; /* an early design without visits */
    }
    if (sql_prepare(db,
                    set_aside ? "SELECT rowid, * FROM legacy_history ORDER BY rowid"
                              : "SELECT rowid, * FROM history ORDER BY rowid",
                    &stmt, problem)) {
        return -1;
    }
    *rows = bytes_allocate(1, sizeof **rows);
    (*rows)->sql = sql_start(stmt);
    for (int i = 0; i < COLUMNS; i++) {
        (*rows)->columns[i] = -1;
        for (int k = 1; k < sqlite3_column_count(stmt); k++) {
            if (sqlite3_stricmp(sqlite3_column_name(stmt, k), COLUMN_NAMES[i]) == 0) {
                (*rows)->columns[i] = k;
            }
        }
    }
    return 1;
}

static int refuse(const char *path, enum schema_origin origin, struct problem *problem)
{
    return origin == SCHEMA_OURS
               ? problem_set(problem, PROBLEM_DB_FOREIGN,
                             "run a central on it (parkmesh run --data DIR) and export from there, "
                             "or link that central with this one",
                             "%s is a database of ParkMesh, not of the Python central", path)
               : problem_set(problem, PROBLEM_DB_FOREIGN, NULL, "%s has no visits", path);
}

int legacy_rows_open(const char *path, struct legacy_rows **rows, int64_t *last,
                     struct problem *problem)
{
    enum schema_origin origin;
    sqlite3 *db = NULL;
    int found;

    *rows = NULL;
    if (schema_look(path, &origin, problem)) {
        return -1;
    }
    if (origin != SCHEMA_LEGACY) {
        return refuse(path, origin, problem);
    }
    if (schema_open_untouched(path, &db, problem)) {
        return -1;
    }
    found = legacy_rows_of(db, false, rows, problem);
    if (found == 1 && sql_integer(db, "SELECT max(rowid) FROM history", last, problem) < 0) {
        legacy_rows_close(rows);
        found = -1;
    }
    if (found == 1) {
        (*rows)->db = db;
        return 0;
    }
    sqlite3_close(db);
    return found == 0 ? refuse(path, SCHEMA_EMPTY, problem) : -1;
}

int legacy_rows_next(struct legacy_rows *rows, struct legacy_row *row, struct problem *problem)
{
    int more = sql_step(&rows->sql, problem);
    if (more <= 0) {
        return more;
    }
    arena_clear(&rows->memory);
    rows->mended[0] = '\0';
    row->id = sql_int(&rows->sql, 0);
    read_row(rows, &row->event, row->id);
    row->created_at = filled(rows, COLUMN_created_at, LIMIT_TEXT);
    row->mended = rows->mended;
    return 1;
}

void legacy_rows_close(struct legacy_rows **rows)
{
    if (*rows == NULL) {
        return;
    }
    sqlite3_finalize((*rows)->sql.stmt);
    sqlite3_close((*rows)->db); /* NULL is harmless */
    arena_free(&(*rows)->memory);
    free(*rows);
    *rows = NULL;
}
