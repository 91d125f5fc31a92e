#include "node/reader_feed.h"

#include "node/reader_visit.h"
#include "proto/feed_pack.h"
#include "proto/log.h"

#include <stdio.h>

#define PAGE_EVENTS 500
#define PAGE_BYTES (256 * 1024)

struct page {
    struct buffer map, items;
    size_t count, most;
};

static int pack(const struct history_event *event, char topic[FEED_TOPIC], struct buffer *out)
{
    if (event->visit != NULL) {
        feed_visit_topic(event->visit->source_central, topic);
        return reader_visit_pack(event, out);
    }
    const struct feed_source source = {.cursor = event->cursor,
                                       .position = event->position,
                                       .kind = event->kind,
                                       .header = event->header,
                                       .body = event->body,
                                       .is_damaged = event->is_damaged};

    feed_topic(&event->position.stream.node, event->kind, topic);
    return feed_pack_event(&source, out);
}

static enum history_offer take(void *context, const struct history_event *event)
{
    struct page *page = context;
    char topic[FEED_TOPIC];

    buffer_clear(&page->map);
    if (pack(event, topic, &page->map) != 0 ||
        feed_page_put_item(&page->items, &event->cursor, topic, buffer_slice(&page->map)) != 0) {
        return HISTORY_REFUSED;
    }
    page->count++;
    return page->count >= page->most || page->items.len >= PAGE_BYTES ? HISTORY_TAKEN_LAST
                                                                      : HISTORY_TAKEN;
}

int reader_feed_answer(struct history *history, struct slice bytes, struct buffer *out)
{
    struct feed_page_request request;
    struct feed_filter filter = {.has_visits = true};
    struct page page = {.count = 0};
    struct history_feed feed;
    struct problem problem = {.code = PROBLEM_OK};
    struct feed_page answer = {.state = FEED_PAGE_FAILED};

    if (feed_page_request_unpack(&request, bytes) != 0) {
        return -1;
    }
    answer.token = request.token;
    page.most = request.most < PAGE_EVENTS ? (size_t)request.most : PAGE_EVENTS;
    (void)snprintf(filter.topic, sizeof filter.topic, "%s", request.topic);
    if (history != NULL && history_feed(history, request.after.feed != 0 ? &request.after : NULL,
                                        &filter, take, &page, &feed, &problem) == 0) {
        answer.state = feed.is_known ? FEED_PAGE_KNOWN : FEED_PAGE_UNKNOWN;
        answer.resume = feed.resume;
        answer.now = feed.now;
        answer.next = feed.next;
        answer.more = feed.more;
    } else if (problem.code != PROBLEM_OK) {
        log_problem(LOG_LEVEL_WARN, &problem);
        page.count = 0;
        buffer_clear(&page.items);
    }
    int packed = feed_page_pack(&answer, &page.items, page.count, out);
    buffer_free(&page.map);
    buffer_free(&page.items);
    return packed;
}
