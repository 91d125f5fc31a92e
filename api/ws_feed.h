/*
 * WS /ws/events: the feed as it grows, at the pace at which each client reads. A client is a place
 * in the log; its thread reads on whenever its queue is empty, so nothing is kept for it and
 * nothing is lost.
 */
#ifndef API_WS_FEED_H
#define API_WS_FEED_H

#include "api/push.h"
#include "api/readers.h"

struct ws_feed;

/* Adds the channel. `readers` must outlive the push. */
struct ws_feed *ws_feed_new(struct push *push, struct readers *readers);
/* After the push is destroyed. */
void ws_feed_destroy(struct ws_feed **feed);

#endif
