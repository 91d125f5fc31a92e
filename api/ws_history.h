/*
 * /ws/history: tells pages that something happened. Of the notices within LIMIT_NOTICE_MS a page
 * gets the last: it fetches again after each, and every notice names an `event_type` that makes the
 * view of the lots do so, too. What a page says is not listened to.
 */
#ifndef API_WS_HISTORY_H
#define API_WS_HISTORY_H

#include "api/push.h"
#include "proto/ids.h"

struct ws_history;

/* Adds the channel. Lives until the push is gone. */
struct ws_history *ws_history_new(struct push *push, const struct node_id *node);
void ws_history_destroy(struct ws_history **history);

/* A notice that comes from no fact: `{"type":"history_update","data":{...}}`. Any thread. */
void ws_history_tell(struct ws_history *history, struct slice message);

#endif
