/*
 * Rows copied out of a statement, so that it can be reset before anybody looks at them.
 */
#include "storage/history_internal.h"

#include <stdlib.h>
#include <string.h>

void history_page_free(struct history_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        free(page->texts[i]);
    }
    page->count = 0;
}

int64_t history_page_rows(int64_t left)
{
    return left < 0 || left > LIMIT_PAGE_ROWS ? LIMIT_PAGE_ROWS : left;
}

char *history_copy_texts(const struct sql *sql, void *row, const size_t *offsets, size_t count,
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

/* The columns behind the texts. */
static int read_numbers(const struct sql *sql, struct visit *visit, struct problem *problem)
{
    int at = (int)VISIT_TEXTS;
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
    visit->digest = sql_digest(sql, at++);
    visit->synced = synced.data && !slice_equal(synced, slice_text("LOCAL"));
    if (visit_status_parse(status, &visit->status)) {
        return problem_set(problem, PROBLEM_DB_CORRUPT, "stop parkmesh and restore a backup",
                           "row %lld of table history has an unknown status", (long long)visit->id);
    }
    return 0;
}

int history_copy_visit(const struct sql *sql, struct visit *visit, char **texts, size_t *bytes,
                       struct problem *problem)
{
    visit_init(visit);
    *texts = history_copy_texts(sql, visit, visit_texts, VISIT_TEXTS, bytes);
    return read_numbers(sql, visit, problem);
}

int history_read_visit(const struct sql *sql, struct visit *visit, struct problem *problem)
{
    visit_init(visit);
    for (size_t i = 0; i < VISIT_TEXTS; i++) {
        *(struct slice *)(void *)((char *)visit + visit_texts[i]) = sql_text(sql, (int)i);
    }
    return read_numbers(sql, visit, problem);
}
