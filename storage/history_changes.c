/*
 * What administrators changed, and when peers were last equal: lists that resume by key.
 */
#include "storage/history_internal.h"

#include <stdlib.h>

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

/* Where the next page starts, and what is left to deliver. */
struct change_cursor {
    struct slice before; /* changed_at; absent on the first page */
    int64_t before_id;
    int64_t skip, left;
};

static int read_changes(struct history *history, int64_t history_id,
                        const struct change_cursor *cursor, struct history_change *changes,
                        struct history_page *page, struct problem *problem)
{
    int64_t rows = history_page_rows(cursor->left);
    struct sql sql = sql_start(history->stmt[HISTORY_CHANGES]);
    sql_bind_int(&sql, history_id);
    sql_bind_text(&sql, cursor->before);
    sql_bind_int(&sql, cursor->before_id);
    sql_bind_int(&sql, rows);
    sql_bind_int(&sql, cursor->skip);

    size_t bytes = 0;
    int got = 0;
    while (bytes < HISTORY_PAGE_BYTES && page->count < LIMIT_PAGE_ROWS &&
           (got = sql_step(&sql, problem)) == 1) {
        struct history_change *change = &changes[page->count];
        *change = (struct history_change){0};
        page->texts[page->count++] =
            history_copy_texts(&sql, change, CHANGE_TEXTS, CHANGE_TEXT_COUNT, &bytes);
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
    struct history_page page = {.last = false};
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
        history_page_free(&page);
    }
    free(changes);
    buffer_free(&before);
    return result;
}

/* One page of p2p_sync_state after the peer id `after`. */
static int read_synced(struct history *history, struct slice after, struct history_synced *rows,
                       struct history_page *page, struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_SYNCED]);
    sql_bind_text(&sql, after);
    sql_bind_int(&sql, LIMIT_PAGE_ROWS);
    size_t bytes = 0;
    int got = 0;
    while (page->count < LIMIT_PAGE_ROWS && (got = sql_step(&sql, problem)) == 1) {
        struct history_synced *row = &rows[page->count];
        *row = (struct history_synced){0};
        page->texts[page->count++] =
            history_copy_texts(&sql, row, SYNCED_TEXTS, SYNCED_TEXT_COUNT, &bytes);
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
    struct history_page page = {.last = false};
    int result = 0;
    while (!result && !page.last) {
        result = read_synced(history, slice_text(*after ? after : NULL), rows, &page, problem);
        for (size_t i = 0; !result && i < page.count; i++) {
            result = each(context, &rows[i]);
        }
        /* An id too long to be one of ours ends the list rather than repeating it. */
        page.last = page.last || !page.count ||
                    !slice_copy(rows[page.count - 1].peer_central_id, after, sizeof after);
        history_page_free(&page);
    }
    free(rows);
    return result;
}
