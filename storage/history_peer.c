/*
 * What the peer link asks: how far it has got with a peer, what happened behind that place, and
 * which visits somebody who was away has to hear of.
 */
#include "storage/history_internal.h"

#include "storage/memory.h"

#include <stdlib.h>

/* Supersedings followed for one event; a chain is as long as the entries without an exit. */
#define CHAIN_MOST 32

int history_mark(struct history *history, struct slice peer, struct history_mark *out,
                 struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_MARK]);

    *out = (struct history_mark){.heard_ms = EVENT_NONE};
    sql_bind_text(&sql, peer);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        out->has_log = sql_int(&sql, 5) != 0;
        found = sql_int(&sql, 4) != 0;
    }
    if (found > 0) {
        out->told = (struct feed_cursor){sql_u64(&sql, 0), sql_u64(&sql, 1)};
        out->heard_ms = sql_optional(&sql, 2);
        out->changed_ms = sql_int(&sql, 3);
    }
    sql_reset(&sql);
    return found;
}

/* ---- news ------------------------------------------------------------------------------------ */

/* A page of the feed, copied. */
struct page {
    struct history_news *news;
    size_t count;
    size_t bytes;
    struct arena memory;
};

static enum history_offer take_event(void *context, const struct history_event *event)
{
    struct page *page = context;
    struct history_news *news = &page->news[page->count];
    struct slice header = arena_copy(&page->memory, event->header);
    struct slice body = arena_copy(&page->memory, event->body);

    *news = (struct history_news){.cursor = event->cursor, .position = event->position};
    if (event->is_damaged || event_unpack(&news->event, header, body) != 0) {
        event_init(&news->event, event->kind); /* once mended, it comes again */
        news->event.redacted = true;
    }
    news->central = news->event.source_central.len > 0
                        ? news->event.source_central
                        : arena_copy(&page->memory, slice_text(event->position.stream.node.text));
    page->bytes += header.len + body.len;
    page->count++;
    return page->count == LIMIT_PAGE_ROWS || page->bytes >= HISTORY_PAGE_BYTES ? HISTORY_TAKEN_LAST
                                                                               : HISTORY_TAKEN;
}

/* The visit that an exit closed under a name of its own, in `name`. 1, 0, -1. */
static int find_closed(struct history *history, const struct event *exit,
                       char name[LIMIT_EVENT_ID + 1], struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_CLOSED_AT]);

    sql_bind_text(&sql, exit->plate_id);
    sql_bind_int(&sql, exit->t_eff);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        (void)slice_copy(sql_text(&sql, 0), name, LIMIT_EVENT_ID + 1);
    }
    sql_reset(&sql);
    return found;
}

/* The row that the name means now. 1, 0, -1. */
static int find_now(struct history *history, char name[LIMIT_EVENT_ID + 1], struct visit *visit,
                    struct problem *problem)
{
    for (int i = 0; i < CHAIN_MOST; i++) {
        int found = history_find(history, slice_text(name), visit, problem);
        if (found != 1 || visit->status != VISIT_SUPERSEDED) {
            return found;
        }
        (void)slice_copy(visit->superseded_by, name, LIMIT_EVENT_ID + 1);
    }
    return 0;
}

static int find_visit(struct history *history, const struct event *event, struct visit *visit,
                      struct problem *problem)
{
    char name[LIMIT_EVENT_ID + 1] = "";

    (void)slice_copy(event->visit, name, sizeof name);
    int found = name[0] != '\0' ? find_now(history, name, visit, problem) : 0;
    if (found == 0 && event->kind == EVENT_VEHICLE_EXIT && event->plate_id.len > 0) {
        found = find_closed(history, event, name, problem);
        found = found == 1 ? find_now(history, name, visit, problem) : found;
    }
    return found;
}

static int tell_news(struct history *history, struct page *page, history_news_fn each,
                     void *context, struct history_feed *out, struct problem *problem)
{
    struct visit visit;

    for (size_t i = 0; i < page->count; i++) {
        struct history_news *news = &page->news[i];
        int found = news->event.redacted ? 0 : find_visit(history, &news->event, &visit, problem);
        if (found < 0) {
            return -1;
        }
        news->visit = found == 1 ? &visit : NULL;
        int result = each(context, news);
        if (result != 0) {
            out->more = true;
            return result;
        }
        out->next = news->cursor;
    }
    return 0;
}

int history_news(struct history *history, const struct feed_cursor *after, history_news_fn each,
                 void *context, struct history_feed *out, struct problem *problem)
{
    struct page page = {.news = bytes_allocate(LIMIT_PAGE_ROWS, sizeof *page.news)};
    int result = history_feed(history, after, NULL, take_event, &page, out, problem);

    if (result == 0 && out->is_known) {
        struct feed_cursor end = out->next;
        bool more = out->more;
        out->next = *after;
        result = tell_news(history, &page, each, context, out, problem);
        if (result == 0) { /* numbers without an event are behind us too */
            out->next = end;
            out->more = more;
        }
    }
    arena_free(&page.memory);
    free(page.news);
    return result;
}

/* ---- since ----------------------------------------------------------------------------------- */

static const enum history_question PARTS[] = {HISTORY_SINCE_INSIDE, HISTORY_SINCE_LEFT,
                                              HISTORY_SINCE_ENTERED};
#define PART_COUNT ((int)(sizeof PARTS / sizeof PARTS[0]))

/* Rows of one part, in one read transaction: the row of each key of its index. */
static int read_part(struct history *history, int64_t since_ms, const struct history_place *place,
                     int64_t most, struct visit *visits, struct history_key *keys,
                     struct history_page *page, struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[PARTS[place->part]]);
    bool is_first = place->key.id == 0;
    size_t bytes = 0;
    int more = 1;

    sql_bind_int(&sql, is_first ? INT64_MIN : place->key.t);
    sql_bind_int(&sql, place->key.id);
    sql_bind_int(&sql, since_ms);
    while ((int64_t)page->count < most && bytes < HISTORY_PAGE_BYTES &&
           (more = sql_step(&sql, problem)) > 0) {
        size_t i = page->count;
        keys[i] = (struct history_key){sql_int(&sql, 0), sql_int(&sql, 1)};
        struct sql row = sql_start(history->stmt[HISTORY_ROW]);
        sql_bind_int(&row, keys[i].id);
        int found = sql_step(&row, problem);
        if (found > 0) {
            page->count++;
            found = history_copy_visit(&row, &visits[i], &page->texts[i], &bytes, problem) ? -1 : 1;
        }
        sql_reset(&row);
        if (found < 0) {
            more = -1;
            break;
        }
    }
    sql_reset(&sql);
    page->last = more == 0;
    return more < 0 ? -1 : 0;
}

/* One page of the walk. 0, -1 or the callback's value. */
static int tell_since(struct history *history, int64_t since_ms, struct history_place *place,
                      int64_t *left, history_row_fn row, void *context, struct problem *problem)
{
    struct history_page page = {.count = 0};
    struct history_key keys[LIMIT_PAGE_ROWS];
    struct visit *visits = bytes_allocate(LIMIT_PAGE_ROWS, sizeof *visits);
    int result =
        read_part(history, since_ms, place, history_page_rows(*left), visits, keys, &page, problem);

    for (size_t i = 0; result == 0 && i < page.count; i++) {
        result = row(context, &visits[i]);
        if (result == 0) {
            place->key = keys[i];
            *left -= 1;
        }
    }
    if (result == 0 && page.last) {
        *place = (struct history_place){.part = place->part + 1};
    }
    history_page_free(&page);
    free(visits);
    return result;
}

int history_since(struct history *history, int64_t since_ms, struct history_place *place,
                  int64_t limit, history_row_fn row, void *context, bool *more,
                  struct problem *problem)
{
    int64_t left = limit;
    int result = 0;

    while (result == 0 && left > 0 && place->part < PART_COUNT) {
        result = tell_since(history, since_ms, place, &left, row, context, problem);
    }
    *more = place->part < PART_COUNT;
    return result;
}
