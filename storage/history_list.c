/*
 * Lists of visits. A source tells the keys of rows, newest first; each row is then read by its
 * number and looked at. Sources are indexes of history, walked backwards, or, for a plate, what
 * history_gather found. Few visits of a plate are gathered and sorted; of many the newest come soon
 * while walking; and where that is not so after all, they are gathered nevertheless.
 */
#include "storage/history_internal.h"

#include "proto/event.h"
#include "proto/localtime.h"
#include "storage/memory.h"

#include <stdlib.h>
#include <string.h>

#define GATHER_FEW 1000     /* plates; the visits of more are found by walking */
#define WALK_MOST 40000     /* entries of an index before gathering takes over */
#define SNAPSHOT_MOST 20000 /* rows looked at in one read transaction */
#define GATHER_SPARE 16     /* more than asked for: some do not belong */

struct list {
    struct history *history;
    const struct history_query *query;
    struct history_term term;
    enum history_question source;
    bool gathers;     /* the source is history_gather */
    size_t most;      /* plates whose visits it may gather */
    bool tried;       /* gathering few was tried */
    int64_t walked;   /* entries since the last full page */
    struct texts odd; /* plates found by their views, for the walk */
    bool odd_read;
    struct history_key key; /* before which to go on */
    int64_t least_ms;
    int64_t skip, left, work;
    bool worn; /* the work is done */
};

static bool is_inside(const struct list *list, const struct visit *visit)
{
    const struct history_query *query = list->query;
    if (!query->has_span || query->span != HISTORY_BY_STAY) {
        return true;
    }
    return visit->exit_ms == EVENT_NONE ? visit->status == VISIT_IN
                                        : visit->exit_ms > query->from_ms;
}

static bool has_status(const struct history_query *query, enum visit_status status)
{
    return query->status ? strcmp(query->status, visit_status_name(status)) == 0
                         : status == VISIT_IN || status == VISIT_OUT;
}

/* 1 = it belongs to the list, 0 = not, -1. */
static int belongs(struct list *list, const struct visit *visit, struct problem *problem)
{
    const struct history_query *query = list->query;
    if (!has_status(query, visit->status) || !is_inside(list, visit) ||
        (query->central.len > 0 && !slice_equal(query->central, visit->source_central) &&
         !slice_equal(query->central, visit->exit_central)) ||
        (query->lot.len > 0 && !slice_equal(query->lot, visit->last_location)) ||
        !history_term_finds(&list->term, visit)) {
        return 0;
    }
    if (query->anomaly.len == 0) {
        return 1;
    }
    struct sql sql = sql_start(list->history->stmt[HISTORY_LISTED]);
    sql_bind_text(&sql, visit->event_id);
    sql_bind_text(&sql, query->anomaly);
    int listed = sql_step(&sql, problem);
    sql_reset(&sql);
    return listed;
}

/* Reads the row of a key and takes it into the page when it belongs there. 0 or -1. */
static int take_row(struct list *list, const struct history_key *key, struct visit *visits,
                    struct history_page *page, size_t *bytes, struct problem *problem)
{
    struct sql sql = sql_start(list->history->stmt[HISTORY_ROW]);
    size_t i = page->count, used = 0;
    sql_bind_int(&sql, key->id);
    int found = sql_step(&sql, problem);
    if (found <= 0) {
        return found;
    }
    int taken = history_copy_visit(&sql, &visits[i], &page->texts[i], &used, problem);
    sql_reset(&sql);
    taken = taken ? -1 : belongs(list, &visits[i], problem);
    if (taken > 0 && list->skip > 0) {
        list->skip--;
        taken = 0;
    }
    if (taken > 0) {
        page->count++;
        *bytes += used;
    } else {
        free(page->texts[i]);
    }
    return taken < 0 ? -1 : 0;
}

static bool is_full(const struct list *list, const struct history_page *page, size_t bytes)
{
    return bytes >= HISTORY_PAGE_BYTES || (int64_t)page->count >= history_page_rows(list->left);
}

static int read_odd(struct list *list, struct problem *problem)
{
    struct sql sql = sql_start(list->history->stmt[HISTORY_PLATES_ODD]);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        if (history_term_finds_plate(&list->term, sql_text(&sql, 1))) {
            texts_add(&list->odd, sql_text(&sql, 0));
        }
    }
    list->odd_read = true;
    return more;
}

/* Counts what was seen since the last time; the work may be done with that. */
static void count_seen(struct list *list, struct history_walk *walk)
{
    list->walked += walk->seen;
    if (list->work > 0) {
        list->work -= walk->seen < list->work ? walk->seen : list->work;
        list->worn = list->work == 0;
    }
    walk->most -= walk->seen;
    walk->seen = 0;
}

/* One read transaction of walking an index. */
static int walk(struct list *list, struct visit *visits, struct history_page *page,
                struct problem *problem)
{
    struct sql sql = sql_start(list->history->stmt[list->source]);
    struct history_walk walk = {
        .term = &list->term, .odd = list->odd_read ? &list->odd : NULL, .most = SNAPSHOT_MOST};
    size_t bytes = 0;
    int more = 1;
    if (list->work > 0 && list->work < walk.most) {
        walk.most = list->work;
    }
    list->history->walk = &walk;
    sql_bind_int(&sql, list->key.t);
    sql_bind_int(&sql, list->key.id);
    sql_bind_int(&sql, list->least_ms);
    while (walk.most > 0 && !is_full(list, page, bytes)) {
        more = sql_step(&sql, problem);
        if (more <= 0) {
            break;
        }
        list->key = (struct history_key){sql_int(&sql, 0), sql_int(&sql, 1)};
        count_seen(list, &walk);
        if (history_walk_wants(&walk, sql_text(&sql, 2)) &&
            take_row(list, &list->key, visits, page, &bytes, problem)) {
            more = -1;
            break;
        }
    }
    sql_reset(&sql);
    list->history->walk = NULL;
    page->last = more == 0;
    list->walked = is_full(list, page, bytes) ? 0 : list->walked;
    return more < 0 ? -1 : 0;
}

/* One read transaction of gathering. 1, 0 when there are too many, -1. */
static int gather(struct list *list, struct visit *visits, struct history_page *page,
                  struct problem *problem)
{
    struct history_key keys[LIMIT_PAGE_ROWS];
    size_t count = 0, bytes = 0, i;
    size_t size = (size_t)history_page_rows(list->left < 0 ? -1 : list->left + GATHER_SPARE);
    int got = history_gather(list->history, &list->term, &list->key, list->least_ms, list->most,
                             keys, size, &count, problem);
    if (got <= 0) {
        list->gathers = false;
        return got;
    }
    for (i = 0; i < count && !is_full(list, page, bytes); i++) {
        list->key = keys[i];
        if (take_row(list, &keys[i], visits, page, &bytes, problem)) {
            return -1;
        }
    }
    page->last = i == count && count < size;
    return 1;
}

/* The index that has all visits of the list, and the fewest others. */
static enum history_question choose(const struct history_query *query)
{
    if (query->has_span && query->span == HISTORY_BY_EXIT) {
        return HISTORY_EXITS;
    }
    if (query->status && strcmp(query->status, "IN") == 0) {
        return HISTORY_ENTRIES_INSIDE;
    }
    if (query->status && strcmp(query->status, "OUT") != 0) {
        return HISTORY_ENTRIES_ASIDE;
    }
    return HISTORY_ENTRIES;
}

/* By whatever finds the next rows with less work. */
static int read_rows(struct list *list, struct visit *visits, struct history_page *page,
                     struct problem *problem)
{
    bool indexed = list->term.is_indexed && list->source != HISTORY_EXITS;
    if (indexed && !list->tried) {
        list->tried = list->gathers = true;
        list->most = GATHER_FEW;
    } else if (indexed && !list->gathers && list->walked > WALK_MOST) {
        list->gathers = true;
        list->most = HISTORY_GATHER_ALL;
    }
    if (list->gathers) {
        int got = gather(list, visits, page, problem);
        if (got != 0) {
            return got < 0 ? -1 : 0;
        }
    }
    if (list->term.shape.len > 0 && !list->odd_read && read_odd(list, problem)) {
        return -1;
    }
    return walk(list, visits, page, problem);
}

/* The next rows, in a read transaction of their own: else each plate and row would be one. */
static int read_page(struct list *list, struct visit *visits, struct history_page *page,
                     struct problem *problem)
{
    sqlite3 *db = list->history->db;
    struct problem spare;
    if (sql_run(db, "BEGIN", problem)) {
        return -1;
    }
    int result = read_rows(list, visits, page, problem);
    return sql_run(db, "COMMIT", result ? &spare : problem) ? -1 : result;
}

static void start(struct list *list)
{
    const struct history_query *query = list->query;
    int64_t end;
    list->source = choose(query);
    list->key = (struct history_key){INT64_MAX, INT64_MAX};
    list->least_ms = INT64_MIN;
    list->skip = query->offset > 0 ? query->offset : 0;
    list->left = query->limit < 0 ? -1 : query->limit;
    list->work = query->work;
    if (query->today_only) {
        localtime_day(query->now_ms, &list->least_ms, &end);
        list->key = (struct history_key){end, INT64_MIN}; /* before the first row of tomorrow */
    }
    if (query->has_span) {
        if (query->span != HISTORY_BY_STAY && query->from_ms > list->least_ms) {
            list->least_ms = query->from_ms;
        }
        if (query->to_ms < list->key.t) {
            list->key = (struct history_key){query->to_ms, INT64_MIN};
        }
    }
    if (query->has_after && (query->after.t < list->key.t ||
                             (query->after.t == list->key.t && query->after.id < list->key.id))) {
        list->key = query->after;
    }
}

int history_list(struct history *history, const struct history_query *query, history_row_fn row,
                 void *context, struct history_key *next, bool *more, struct problem *problem)
{
    struct list list = {.history = history, .query = query};
    struct history_page page = {.last = false};
    int result = 0;
    if (history_term_set(&list.term, query, problem)) {
        return -1;
    }
    start(&list);
    struct visit *visits = bytes_allocate(LIMIT_PAGE_ROWS, sizeof *visits);
    while (!result && !page.last && !list.worn && list.left != 0) {
        page.count = 0;
        result = read_page(&list, visits, &page, problem);
        for (size_t i = 0; !result && i < page.count; i++) {
            result = row(context, &visits[i]);
        }
        list.left -= list.left < 0 ? 0 : (int64_t)page.count;
        history_page_free(&page);
    }
    free(visits);
    texts_free(&list.odd);
    if (next) {
        *next = list.key;
        *more = !page.last;
    }
    return result;
}

int history_each(struct history *history, const struct history_query *query, history_row_fn row,
                 void *context, struct problem *problem)
{
    return history_list(history, query, row, context, NULL, NULL, problem);
}
