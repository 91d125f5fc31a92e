/*
 * A visit of the feed as the msgpack map that travels on the bus.
 */
#ifndef NODE_READER_VISIT_H
#define NODE_READER_VISIT_H

#include "storage/history.h"

/* Appends the map {type: "visit", cursor, fields...} of an event that is a visit: names and types
 * of docs/bus.md. 0 or -1 when `out` is full. */
int reader_visit_pack(const struct history_event *event, struct buffer *out);

#endif
