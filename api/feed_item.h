/*
 * An event of the feed, or a folded visit, as JSON, with the names that are the same on every way
 * out. Pure.
 */
#ifndef API_FEED_ITEM_H
#define API_FEED_ITEM_H

#include "api/json.h"
#include "storage/history.h"

/* One object; of a visit with `kind` VISIT. */
void feed_item_put(struct json_writer *writer, const struct history_event *event);

/* A member that holds a cursor's text. */
void feed_item_put_cursor(struct json_writer *writer, const char *key,
                          const struct feed_cursor *cursor);

#endif
