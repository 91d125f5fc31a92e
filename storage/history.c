/*
 * Every question reads a bounded page inside one implicit read transaction, copies it, resets the
 * statement and only then calls back: a browser that takes its rows slowly holds no snapshot, so
 * the writer's checkpoints go on. The next page resumes by key (time, id), never by counting, so
 * rows that arrive meanwhile neither repeat nor hide others.
 */
#include "storage/history.h"

#include "storage/settings_internal.h"
#include "storage/sql.h"

#include "proto/event.h"
#include "proto/limits.h"
#include "proto/localtime.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

/* A page also ends when its texts pass this many bytes. */
#define PAGE_BYTES (1024 * 1024)

/* Members of a row that are texts, in the order in which its statement selects them. */
static const size_t VISIT_TEXTS[] = {
    offsetof(struct visit, event_id),          offsetof(struct visit, source_central),
    offsetof(struct visit, edge_id),           offsetof(struct visit, plate_id),
    offsetof(struct visit, plate_view),        offsetof(struct visit, entry_camera_id),
    offsetof(struct visit, entry_camera_name), offsetof(struct visit, entry_source),
    offsetof(struct visit, exit_central),      offsetof(struct visit, exit_camera_id),
    offsetof(struct visit, exit_camera_name),  offsetof(struct visit, exit_source),
    offsetof(struct visit, superseded_by),     offsetof(struct visit, last_location),
    offsetof(struct visit, entry_time),        offsetof(struct visit, exit_time),
    offsetof(struct visit, duration),          offsetof(struct visit, last_location_time),
    offsetof(struct visit, created_at),        offsetof(struct visit, updated_at),
};
#define VISIT_TEXT_COUNT (sizeof VISIT_TEXTS / sizeof VISIT_TEXTS[0])

#define VISIT_COLUMNS                                                                   \
    "event_id, source_central, edge_id, plate_id, plate_view, entry_camera_id,"         \
    " entry_camera_name, entry_source, exit_central, exit_camera_id, exit_camera_name," \
    " exit_source, superseded_by, last_location, entry_time, exit_time, duration,"      \
    " last_location_time, created_at, updated_at,"                                      \
    " status, sync_status, entry_ms, exit_ms, last_location_ms, fee, entry_confidence," \
    " exit_confidence, is_anomaly, suspect, id, revision"

static const size_t CHANGE_TEXTS[] = {
    offsetof(struct history_change, event_id),     offsetof(struct history_change, change_type),
    offsetof(struct history_change, old_plate_id), offsetof(struct history_change, old_plate_view),
    offsetof(struct history_change, new_plate_id), offsetof(struct history_change, new_plate_view),
    offsetof(struct history_change, old_data),     offsetof(struct history_change, new_data),
    offsetof(struct history_change, changed_at),   offsetof(struct history_change, changed_by),
    offsetof(struct history_change, reason),       offsetof(struct history_change, source_central),
};
#define CHANGE_TEXT_COUNT (sizeof CHANGE_TEXTS / sizeof CHANGE_TEXTS[0])

static const size_t SYNCED_TEXTS[] = {
    offsetof(struct history_synced, peer_central_id),
    offsetof(struct history_synced, last_sync_time),
    offsetof(struct history_synced, updated_at),
};
#define SYNCED_TEXT_COUNT (sizeof SYNCED_TEXTS / sizeof SYNCED_TEXTS[0])

enum question {
    PAGE,
    PAGE_INSIDE,
    FIND,
    STATS,
    CHANGES,
    SYNCED,
    TARIFF,
    EVENT_COUNT,
    UNKNOWN,
    QUESTIONS
};

/* What a person types and what is stored, made comparable. */
#define REDUCED(column) "replace(replace(replace(upper(" column "), ' ', ''), '-', ''), '.', '')"

/* ?1 ?2 key before which to go on, ?3 least entry_ms, ?4 status, ?5 reduced term, ?6 literal term,
 * ?7 rows, ?8 rows to skip. Walks history_entry backwards. */
#define PAGE_WHERE                                        \
    " WHERE (entry_ms, id) < (?1, ?2) AND entry_ms >= ?3" \
    " AND (?5 IS NULL OR instr(" REDUCED(                 \
        "plate_id") ", ?5)"                               \
                    " OR instr(" REDUCED(                 \
                        "plate_view") ", ?5))"            \
                                      " AND (?6 IS NULL OR instr(plate_view, ?6))"
#define PAGE_ORDER " ORDER BY entry_ms DESC, id DESC LIMIT ?7 OFFSET ?8"

/* One fee counts as at most 10^12 VND, so that no event can make the sum overflow. */
#define FEE_WITHIN "max(min(fee, 1000000000000), -1000000000000)"

static const char *const QUESTION_SQL[QUESTIONS] = {
    [PAGE] =
        "SELECT " VISIT_COLUMNS " FROM history" PAGE_WHERE
        " AND CASE WHEN ?4 IS NULL THEN status IN ('IN', 'OUT') ELSE status = ?4 END" PAGE_ORDER,
    /* Few cars are inside and many have left: the small index, in the same order. */
    [PAGE_INSIDE] = "SELECT " VISIT_COLUMNS " FROM history INDEXED BY history_inside" PAGE_WHERE
                    " AND status = 'IN' AND ?4 IS NOT NULL" PAGE_ORDER,
    [FIND] = "SELECT " VISIT_COLUMNS " FROM history"
             " WHERE id = (SELECT v.id FROM visit v WHERE v.name = ?1)",
    [STATS] = "SELECT (SELECT count(*) FROM history WHERE status = 'IN'),"
              " (SELECT count(*) FROM history"
              "  WHERE entry_ms >= ?1 AND entry_ms < ?2 AND status IN ('IN', 'OUT')),"
              " count(*), coalesce(sum(" FEE_WITHIN "), 0)"
              " FROM history WHERE exit_ms >= ?1 AND exit_ms < ?2 AND status = 'OUT'",
    /* ?1 row number or 0, ?2 ?3 key before which to go on, ?4 rows, ?5 rows to skip. Rows of a
     * Python central may lack an event_id; their own number is all they have. */
    [CHANGES] = "SELECT c.event_id, c.change_type, c.old_plate_id, c.old_plate_view,"
                " c.new_plate_id, c.new_plate_view, c.old_data, c.new_data, c.changed_at,"
                " c.changed_by, c.reason, c.source_central,"
                " coalesce(h.id, iif(c.event_id IS NULL, c.history_id, 0)), c.id"
                " FROM history_changes c LEFT JOIN visit v ON v.name = c.event_id"
                " LEFT JOIN history h ON h.id = v.id"
                " WHERE (?1 = 0 OR h.id = ?1 OR (c.event_id IS NULL AND c.history_id = ?1))"
                " AND (?2 IS NULL OR (coalesce(c.changed_at, ''), c.id) < (?2, ?3))"
                " ORDER BY coalesce(c.changed_at, '') DESC, c.id DESC LIMIT ?4 OFFSET ?5",
    [SYNCED] = "SELECT peer_central_id, last_sync_time, updated_at, last_sync_timestamp"
               " FROM p2p_sync_state WHERE (?1 IS NULL OR peer_central_id > ?1)"
               " ORDER BY peer_central_id LIMIT ?2",
    /* hlc and epoch are signed views of unsigned numbers: negative ones are the greatest. */
    [TARIFF] = "SELECT free_s, per_hour FROM setting"
               " WHERE kind = ?1 AND t <= ?2 AND free_s IS NOT NULL AND per_hour IS NOT NULL"
               " ORDER BY t DESC, hlc < 0 DESC, hlc DESC, node DESC, epoch < 0 DESC, epoch DESC,"
               " seq DESC LIMIT 1",
    [EVENT_COUNT] = "SELECT value FROM meta WHERE key = 'events'",
    /* '/' comes right after '.'. */
    [UNKNOWN] = "SELECT CAST(substr(key, 14) AS INTEGER), value FROM meta"
                " WHERE key > 'unknown_kind.' AND key < 'unknown_kind/' ORDER BY value DESC, key",
};

struct history {
    sqlite3 *db;
    sqlite3_stmt *stmt[QUESTIONS];
    struct settings settings;
    char *found; /* texts of the visit that history_find returned last */
};

/* A copied page. `rows` are structs of one type, `texts[i]` holds the texts of row i. */
struct page {
    size_t count;
    bool last; /* the statement had no more rows */
    char *texts[LIMIT_PAGE_ROWS];
};

static void page_free(struct page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        free(page->texts[i]);
    }
    page->count = 0;
}

/* Reads the first `count` columns into the slices of `row` at `offsets`, copied into one block that
 * the caller frees. `*bytes` grows by its size. */
static char *copy_texts(const struct sql *sql, void *row, const size_t *offsets, size_t count,
                        size_t *bytes)
{
    size_t size = 1; /* an empty text still needs an address */
    for (size_t i = 0; i < count; i++) {
        size += sql_text(sql, (int)i).len;
    }
    char *block = bytes_allocate(1, size);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice text = sql_text(sql, (int)i);
        struct slice *member = (struct slice *)(void *)((char *)row + offsets[i]);
        *member = (struct slice){text.data ? block + at : NULL, text.len};
        if (text.len) {
            memcpy(block + at, text.data, text.len);
            at += text.len;
        }
    }
    *bytes += size;
    return block;
}

/* The current row as a visit; `*texts` is the caller's to free, also after -1. */
static int copy_visit(const struct sql *sql, struct visit *visit, char **texts, size_t *bytes,
                      struct problem *problem)
{
    int at = (int)VISIT_TEXT_COUNT;
    visit_init(visit);
    *texts = copy_texts(sql, visit, VISIT_TEXTS, VISIT_TEXT_COUNT, bytes);
    struct slice status = sql_text(sql, at++);
    struct slice synced = sql_text(sql, at++);
    visit->entry_ms = sql_int(sql, at++);
    visit->exit_ms = sql_optional(sql, at++);
    visit->last_location_ms = sql_optional(sql, at++);
    visit->fee = sql_int(sql, at++);
    visit->entry_confidence = sql_real(sql, at++);
    visit->exit_confidence = sql_real(sql, at++);
    visit->is_anomaly = sql_int(sql, at++) != 0;
    visit->suspect = sql_int(sql, at++) != 0;
    visit->id = sql_int(sql, at++);
    visit->revision = sql_int(sql, at++);
    visit->synced = synced.data && !slice_equal(synced, slice_text("LOCAL"));
    if (visit_status_parse(status, &visit->status)) {
        return problem_set(problem, PROBLEM_DB_CORRUPT, "stop parkmesh and restore a backup",
                           "row %lld of table history has an unknown status", (long long)visit->id);
    }
    return 0;
}

struct history *history_open(const char *path, struct problem *problem)
{
    struct history *history = bytes_allocate(1, sizeof *history);
    if (sql_open(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, &history->db, problem) ||
        sql_run(history->db,
                "PRAGMA query_only = 1;"
                "PRAGMA cache_size = -" NUMBER_TEXT(LIMIT_READER_CACHE_KIB),
                problem)) {
        history_close(&history);
        return NULL;
    }
    for (int i = 0; i < QUESTIONS; i++) {
        if (sql_prepare(history->db, QUESTION_SQL[i], &history->stmt[i], problem)) {
            history_close(&history);
            return NULL;
        }
    }
    if (settings_open(history->db, &history->settings, problem)) {
        history_close(&history);
    }
    return history;
}

struct settings *history_settings(struct history *history)
{
    return &history->settings;
}

void history_close(struct history **history)
{
    if (!*history) {
        return;
    }
    for (int i = 0; i < QUESTIONS; i++) {
        (void)sqlite3_finalize((*history)->stmt[i]); /* repeats an error already reported */
    }
    settings_close(&(*history)->settings);
    (void)sqlite3_close((*history)->db); /* every statement is finalized: cannot be busy */
    free((*history)->found);
    free(*history);
    *history = NULL;
}

/* A search term as the statement wants it. `reduced` owns the text of `id`. */
struct term {
    struct buffer reduced;
    struct slice id;      /* absent: do not compare reduced texts */
    struct slice literal; /* absent: do not compare literally */
};

/* Drops space, '-' and '.', upper-cases ASCII and the one other letter that Vietnamese plates
 * carry. 0, or -1 when the text is absurdly long. */
static int reduce_term(struct slice text, struct term *term, struct problem *problem)
{
    *term = (struct term){.id = {NULL, 0}, .literal = {NULL, 0}};
    if (!text.data || !text.len) {
        return 0;
    }
    if (text.len > LIMIT_TEXT) {
        return problem_set(problem, PROBLEM_PARAMETER_INVALID, NULL,
                           "search has %zu bytes, at most %d are looked for", text.len, LIMIT_TEXT);
    }
    buffer_init(&term->reduced, LIMIT_TEXT);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == ' ' || c == '-' || c == '.') {
            continue;
        }
        if (c >= 'a' && c <= 'z') {
            c = (char)(c - 'a' + 'A');
        } else if (c == '\x91' && i && text.data[i - 1] == '\xC4') {
            c = '\x90'; /* U+0111 to U+0110 */
        }
        (void)buffer_append(&term->reduced, &c, 1); /* not longer than the text */
    }
    if (term->reduced.len) {
        term->id = buffer_slice(&term->reduced);
    } else {
        term->literal = text;
    }
    return 0;
}

/* Where the next page starts, and what is left to deliver. */
struct cursor {
    int64_t before_ms, before_id;
    int64_t least_ms;
    int64_t skip;
    int64_t left; /* -1 = no end */
};

static int64_t page_rows(int64_t left)
{
    return left < 0 || left > LIMIT_PAGE_ROWS ? LIMIT_PAGE_ROWS : left;
}

/* Reads the page at `cursor` into `visits`. */
static int read_page(struct history *history, const char *status, const struct term *term,
                     const struct cursor *cursor, struct visit *visits, struct page *page,
                     struct problem *problem)
{
    bool inside = status && strcmp(status, "IN") == 0;
    int64_t rows = page_rows(cursor->left);
    struct sql sql = sql_start(history->stmt[inside ? PAGE_INSIDE : PAGE]);
    sql_bind_int(&sql, cursor->before_ms);
    sql_bind_int(&sql, cursor->before_id);
    sql_bind_int(&sql, cursor->least_ms);
    sql_bind_text(&sql, slice_text(status));
    sql_bind_text(&sql, term->id);
    sql_bind_text(&sql, term->literal);
    sql_bind_int(&sql, rows);
    sql_bind_int(&sql, cursor->skip);

    size_t bytes = 0;
    int got = 0;
    while (bytes < PAGE_BYTES && page->count < LIMIT_PAGE_ROWS &&
           (got = sql_step(&sql, problem)) == 1) {
        size_t i = page->count++;
        if (copy_visit(&sql, &visits[i], &page->texts[i], &bytes, problem)) {
            got = -1;
            break;
        }
    }
    sql_reset(&sql);
    page->last = got == 0 || (int64_t)page->count == cursor->left;
    return got < 0 ? -1 : 0;
}

int history_each(struct history *history, const struct history_query *query, history_row_fn row,
                 void *context, struct problem *problem)
{
    struct cursor cursor = {INT64_MAX, INT64_MAX, INT64_MIN, query->offset > 0 ? query->offset : 0,
                            query->limit < 0 ? -1 : query->limit};
    struct term term;
    if (query->limit == 0) {
        return 0;
    }
    if (reduce_term(query->search, &term, problem)) {
        return -1;
    }
    if (query->today_only) {
        localtime_day(query->now_ms, &cursor.least_ms, &cursor.before_ms);
        cursor.before_id = INT64_MIN; /* before the first row of tomorrow */
    }
    struct visit *visits = bytes_allocate(LIMIT_PAGE_ROWS, sizeof *visits);
    struct page page = {.last = false};
    int result = 0;
    while (!result && !page.last) {
        result = read_page(history, query->status, &term, &cursor, visits, &page, problem);
        for (size_t i = 0; !result && i < page.count; i++) {
            result = row(context, &visits[i]);
        }
        if (page.count) {
            cursor.before_ms = visits[page.count - 1].entry_ms;
            cursor.before_id = visits[page.count - 1].id;
            cursor.left -= cursor.left < 0 ? 0 : (int64_t)page.count;
        }
        cursor.skip = 0;
        page_free(&page);
    }
    free(visits);
    buffer_free(&term.reduced);
    return result;
}

int history_find(struct history *history, struct slice event_id, struct visit *visit,
                 struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[FIND]);
    sql_bind_text(&sql, event_id);
    int got = sql_step(&sql, problem);
    if (got == 1) {
        size_t bytes = 0;
        free(history->found);
        got = copy_visit(&sql, visit, &history->found, &bytes, problem) ? -1 : 1;
    }
    sql_reset(&sql);
    return got;
}

int history_stats(struct history *history, int64_t now_ms, struct history_stats *out,
                  struct problem *problem)
{
    int64_t start = 0;
    int64_t end = 0;
    localtime_day(now_ms, &start, &end);
    *out = (struct history_stats){0};
    struct sql sql = sql_start(history->stmt[STATS]); /* one statement, so one snapshot */
    sql_bind_int(&sql, start);
    sql_bind_int(&sql, end);
    int got = sql_step(&sql, problem);
    if (got == 1) {
        *out = (struct history_stats){sql_int(&sql, 0), sql_int(&sql, 1), sql_int(&sql, 2),
                                      sql_int(&sql, 3)};
    }
    sql_reset(&sql);
    return got < 0 ? -1 : 0;
}

/* As struct cursor, for changes. */
struct change_cursor {
    struct slice before; /* changed_at; absent on the first page */
    int64_t before_id;
    int64_t skip, left;
};

static int read_changes(struct history *history, int64_t history_id,
                        const struct change_cursor *cursor, struct history_change *changes,
                        struct page *page, struct problem *problem)
{
    int64_t rows = page_rows(cursor->left);
    struct sql sql = sql_start(history->stmt[CHANGES]);
    sql_bind_int(&sql, history_id);
    sql_bind_text(&sql, cursor->before);
    sql_bind_int(&sql, cursor->before_id);
    sql_bind_int(&sql, rows);
    sql_bind_int(&sql, cursor->skip);

    size_t bytes = 0;
    int got = 0;
    while (bytes < PAGE_BYTES && page->count < LIMIT_PAGE_ROWS &&
           (got = sql_step(&sql, problem)) == 1) {
        struct history_change *change = &changes[page->count];
        *change = (struct history_change){0};
        page->texts[page->count++] =
            copy_texts(&sql, change, CHANGE_TEXTS, CHANGE_TEXT_COUNT, &bytes);
        change->history_id = sql_int(&sql, (int)CHANGE_TEXT_COUNT);
        change->id = sql_int(&sql, (int)CHANGE_TEXT_COUNT + 1);
    }
    sql_reset(&sql);
    page->last = got == 0 || (int64_t)page->count == cursor->left;
    return got < 0 ? -1 : 0;
}

int history_changes(struct history *history, int64_t history_id, int64_t limit, int64_t offset,
                    history_change_fn each, void *context, struct problem *problem)
{
    struct change_cursor cursor = {.skip = offset > 0 ? offset : 0, .left = limit < 0 ? -1 : limit};
    if (limit == 0) {
        return 0;
    }
    struct history_change *changes = bytes_allocate(LIMIT_PAGE_ROWS, sizeof *changes);
    struct buffer before; /* outlives the page that it comes from */
    buffer_init(&before, 0);
    struct page page = {.last = false};
    int result = 0;
    while (!result && !page.last) {
        result = read_changes(history, history_id, &cursor, changes, &page, problem);
        for (size_t i = 0; !result && i < page.count; i++) {
            result = each(context, &changes[i]);
        }
        if (page.count) {
            const struct history_change *last = &changes[page.count - 1];
            buffer_clear(&before);
            if (buffer_append(&before, last->changed_at.data, last->changed_at.len)) {
                result = problem_set(problem, PROBLEM_DB_CORRUPT, NULL,
                                     "row %lld of history_changes has an endless time",
                                     (long long)last->id);
            }
            cursor.before = buffer_slice(&before);
            cursor.before_id = last->id;
            cursor.left -= cursor.left < 0 ? 0 : (int64_t)page.count;
        }
        cursor.skip = 0;
        page_free(&page);
    }
    free(changes);
    buffer_free(&before);
    return result;
}

/* One page of p2p_sync_state after the peer id `after`. */
static int read_synced(struct history *history, struct slice after, struct history_synced *rows,
                       struct page *page, struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[SYNCED]);
    sql_bind_text(&sql, after);
    sql_bind_int(&sql, LIMIT_PAGE_ROWS);
    size_t bytes = 0;
    int got = 0;
    while (page->count < LIMIT_PAGE_ROWS && (got = sql_step(&sql, problem)) == 1) {
        struct history_synced *row = &rows[page->count];
        *row = (struct history_synced){0};
        page->texts[page->count++] = copy_texts(&sql, row, SYNCED_TEXTS, SYNCED_TEXT_COUNT, &bytes);
        row->last_sync_timestamp = sql_int(&sql, (int)SYNCED_TEXT_COUNT);
    }
    sql_reset(&sql);
    page->last = got == 0;
    return got < 0 ? -1 : 0;
}

int history_synced(struct history *history, history_synced_fn each, void *context,
                   struct problem *problem)
{
    struct history_synced *rows = bytes_allocate(LIMIT_PAGE_ROWS, sizeof *rows);
    char after[LIMIT_TEXT + 1] = "";
    struct page page = {.last = false};
    int result = 0;
    while (!result && !page.last) {
        result = read_synced(history, slice_text(*after ? after : NULL), rows, &page, problem);
        for (size_t i = 0; !result && i < page.count; i++) {
            result = each(context, &rows[i]);
        }
        /* An id too long to be one of ours ends the list rather than repeating it. */
        page.last = page.last || !page.count ||
                    !slice_copy(rows[page.count - 1].peer_central_id, after, sizeof after);
        page_free(&page);
    }
    free(rows);
    return result;
}

int history_tariff(struct history *history, int64_t at_ms, struct tariff *out, bool *from_log,
                   struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[TARIFF]);
    sql_bind_int(&sql, EVENT_CONFIG_UPDATE);
    sql_bind_int(&sql, at_ms);
    int got = sql_step(&sql, problem);
    *from_log = got == 1;
    *out = TARIFF_DEFAULT;
    if (got == 1) {
        *out = (struct tariff){.free_s = sql_int(&sql, 0), .per_hour = sql_int(&sql, 1)};
    }
    sql_reset(&sql);
    return got < 0 ? -1 : 0;
}

int history_event_count(struct history *history, uint64_t *events, struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[EVENT_COUNT]);
    int got = sql_step(&sql, problem);
    *events = got == 1 ? sql_u64(&sql, 0) : 0;
    sql_reset(&sql);
    return got < 0 ? -1 : 0;
}

int history_unknown(struct history *history, struct history_unknown *out, struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[UNKNOWN]);
    int more;

    *out = (struct history_unknown){.total = 0};
    while ((more = sql_step(&sql, problem)) > 0) {
        uint64_t kind = sql_u64(&sql, 0);
        uint64_t events = sql_u64(&sql, 1);
        if (kind > UINT32_MAX || event_kind_is_known((uint32_t)kind)) {
            continue; /* counted by an older version than this one */
        }
        out->total += events;
        if (out->count < HISTORY_UNKNOWN_KINDS) {
            out->kinds[out->count].kind = (uint32_t)kind;
            out->kinds[out->count++].events = events;
        }
    }
    sql_reset(&sql);
    return more;
}
