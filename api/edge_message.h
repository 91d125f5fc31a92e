/*
 * What camera boxes are told about a fact. A box keeps a table of its own, by `event_id`, and does
 * what existing boxes do: it drops any message whose top-level `event_id` it knows. So an ENTRY and
 * an EXIT carry theirs there; a correction and a deletion carry it in `data`, and never a row
 * number, because a box would look for a row of its own under it. Pure.
 */
#ifndef API_EDGE_MESSAGE_H
#define API_EDGE_MESSAGE_H

#include "proto/bytes.h"
#include "proto/fact.h"
#include "storage/history.h"

enum edge_message_kind {
    EDGE_MESSAGE_INSIDE, /* ENTRY: can be had again from the visits that are inside now */
    EDGE_MESSAGE_OTHER
};

/* Called once a message, in order. `sender`: the box that reported it here, "" for none; it knows
 * already. */
typedef void (*edge_message_fn)(void *context, enum edge_message_kind kind, const char *sender,
                                struct slice text);

/* The messages of a fact. `node` is this central. */
void edge_message_each(const struct fact *fact, const struct node_id *node, edge_message_fn each,
                       void *context);

/* An ENTRY about a visit that is inside, for a box that has just come. */
void edge_message_inside(const struct visit *visit, const struct node_id *node, struct buffer *out);

#endif
