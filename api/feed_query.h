/*
 * What somebody who follows the feed asks for, by whichever way: after, limit, wait, kind, central,
 * topic. Worker threads.
 */
#ifndef API_FEED_QUERY_H
#define API_FEED_QUERY_H

#include "api/feed_item.h"
#include "api/request.h"

struct feed_query {
    bool has_after;
    struct feed_cursor after;
    struct feed_filter filter;
    int64_t limit;   /* 1..LIMIT_FEED_PAGE */
    int64_t wait_ms; /* 0 = does not wait */
};

/* Reads the parameters; a kind or central that is given and empty is refused (api/filter). 0, or -1
 * after a 422. */
int feed_query_read(struct request *request, struct feed_query *query);

/* CURSOR_UNKNOWN: this database has not, or no longer, what the cursor names; says where to go on.
 */
void feed_query_refuse(struct request *request, const struct feed_cursor *after,
                       const struct history_feed *feed);

#endif
