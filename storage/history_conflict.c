/*
 * What the fold listed for a person to look at, newest first. Rows of table anomaly come and go
 * with each fold of their plate, so a place in the list is made of what they say, not of their
 * numbers.
 */
#include "storage/history_internal.h"

#include "proto/event.h"
#include "storage/fold.h"

#include <stdlib.h>

static const size_t CONFLICT_TEXTS[] = {
    offsetof(struct history_conflict, code),  offsetof(struct history_conflict, plate_id),
    offsetof(struct history_conflict, visit), offsetof(struct history_conflict, other),
    offsetof(struct history_conflict, node),
};
#define CONFLICT_TEXT_COUNT (sizeof CONFLICT_TEXTS / sizeof CONFLICT_TEXTS[0])

/* What stands before each name, so that the list of them begins behind the first. */
#define BETWEEN ", "

const char *history_conflict_codes(void)
{
#define X(name) BETWEEN #name
    return &(ANOMALY_CODES(X))[sizeof BETWEEN - 1];
#undef X
}

bool history_conflict_knows(struct slice code)
{
    static const enum anomaly_code codes[] = {
#define X(name) ANOMALY_##name,
        ANOMALY_CODES(X)
#undef X
    };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (slice_equal(code, slice_text(anomaly_name(codes[i])))) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct history_conflicts *query, const struct history_conflict *row)
{
    return (query->code.len == 0 || slice_equal(query->code, row->code)) &&
           (query->plate.len == 0 || slice_equal(query->plate, row->plate_id)) &&
           (query->visit.len == 0 || slice_equal(query->visit, row->visit) ||
            slice_equal(query->visit, row->other));
}

/* Reads one page; `*more` whether there may be others. */
static int read_page(struct history *history, const struct history_conflicts *query,
                     struct history_conflict *rows, struct history_page *page, bool *more,
                     struct problem *problem)
{
    const struct history_conflict *after = query->has_after ? &query->after : NULL;
    struct sql sql = sql_start(history->stmt[HISTORY_CONFLICTS]);
    size_t bytes = 0;
    int got = 0;
    sql_bind_int(&sql, after ? after->t : INT64_MAX);
    sql_bind_text(&sql, after ? after->node : slice_text("\x7f"));
    sql_bind_u64(&sql, after ? after->epoch : (uint64_t)INT64_MAX);
    sql_bind_u64(&sql, after ? after->seq : (uint64_t)INT64_MAX);
    sql_bind_text(&sql, after ? after->code : slice_text("\x7f"));
    sql_bind_text(&sql, after ? after->plate_id : slice_text("\x7f"));
    sql_bind_int(&sql, query->from_ms);
    while ((int64_t)page->count < history_page_rows(query->limit) &&
           (got = sql_step(&sql, problem)) == 1) {
        struct history_conflict *row = &rows[page->count];
        *row = (struct history_conflict){
            .t = sql_int(&sql, 5), .epoch = sql_u64(&sql, 6), .seq = sql_u64(&sql, 7)};
        char *texts = history_copy_texts(&sql, row, CONFLICT_TEXTS, CONFLICT_TEXT_COUNT, &bytes);
        if (is_wanted(query, row)) {
            page->texts[page->count++] = texts;
        } else {
            free(texts);
        }
    }
    sql_reset(&sql);
    *more = got > 0 || (int64_t)page->count == history_page_rows(query->limit);
    return got < 0 ? -1 : 0;
}

int history_conflicts(struct history *history, const struct history_conflicts *query,
                      history_conflict_fn each, void *context, bool *more, struct problem *problem)
{
    struct history_conflict *rows = bytes_allocate(LIMIT_PAGE_ROWS, sizeof *rows);
    struct history_page page = {.last = false};
    int result = read_page(history, query, rows, &page, more, problem);
    for (size_t i = 0; !result && i < page.count; i++) {
        result = each(context, &rows[i]);
    }
    history_page_free(&page);
    free(rows);
    return result;
}
