/*
 * GET /api/v1/events: the feed in pages, and a wait for more when there is none.
 */
#include "api/handlers.h"

#include "api/feed_query.h"
#include "api/progress.h"
#include "api/respond.h"
#include "proto/clock.h"

/* A page under way. Its items are in the answer already. */
struct page {
    struct json_writer *writer;
    const struct buffer *out;
    size_t full_at; /* bytes of the answer at which the page ends */
    int64_t left;   /* items that still may come */
    bool has_items;
};

static enum history_offer take(void *context, const struct history_event *event)
{
    struct page *page = context;

    feed_item_put(page->writer, event);
    page->has_items = true;
    page->left--;
    return page->left <= 0 || page->out->len >= page->full_at ? HISTORY_TAKEN_LAST : HISTORY_TAKEN;
}

/* Starts the answer and fills its `events`. 0, or -1 after an answer. */
static int fill(struct request *request, const struct feed_query *query,
                const struct feed_cursor *after, struct json_writer *writer, struct page *page,
                struct history_feed *feed)
{
    struct problem problem;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int rc = -1;

    *writer = respond_json(request);
    *page = (struct page){.writer = writer,
                          .out = &request->worker->out,
                          .full_at = request->worker->out.len + LIMIT_FEED_BYTES,
                          .left = query->limit};
    json_put_open(writer, '{');
    json_put_key(writer, "events");
    json_put_open(writer, '[');
    if (history != NULL) {
        rc = history_feed(history, after, &query->filter, take, page, feed, &problem);
        readers_give(request->gateway->readers, false, &history);
    }
    if (rc != 0) {
        respond_problem(request, &problem);
    }
    return rc;
}

static void send_page(struct request *request, struct json_writer *writer,
                      const struct history_feed *feed)
{
    json_put_close(writer, ']');
    feed_item_put_cursor(writer, "next", &feed->next);
    feed_item_put_cursor(writer, "now", &feed->now);
    feed_item_put_cursor(writer, "beginning", &feed->beginning);
    json_set_bool(writer, "more", feed->more);
    json_put_close(writer, '}');
    respond_send(request, 200);
}

/* Pages until one has items, the end is reached or the time has come. `waiter` NULL: does not wait
 * at the end. */
static void follow(struct request *request, const struct feed_query *query,
                   struct progress_waiter *waiter, int64_t until_ms)
{
    struct feed_cursor after = query->after;
    struct json_writer writer;
    struct history_feed feed;
    struct page page;
    bool again;

    do {
        if (fill(request, query, query->has_after ? &after : NULL, &writer, &page, &feed) != 0) {
            return;
        }
        if (!feed.is_known) {
            feed_query_refuse(request, &query->after, &feed);
            return;
        }
        after = feed.next;
        again = query->has_after && !page.has_items && !feed.more && waiter != NULL &&
                progress_wait(request->gateway->progress, waiter, until_ms);
    } while (again);
    send_page(request, &writer, &feed);
}

void feed_events(struct request *request)
{
    struct progress_waiter waiter;
    struct feed_query query;

    if (feed_query_read(request, &query) != 0) {
        return;
    }
    if (query.wait_ms == 0) {
        follow(request, &query, NULL, 0);
        return;
    }
    if (!progress_enter(request->gateway->progress, &waiter, NULL, 0)) {
        respond_error(request, PROBLEM_BUSY, "too many requests are waiting for events");
        return;
    }
    follow(request, &query, &waiter, clock_mono_ms() + query.wait_ms);
    progress_leave(request->gateway->progress, &waiter);
}
