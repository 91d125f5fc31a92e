/*
 * What browsers are told about a fact: `{"type":"history_update","data":{...}}` messages. Pure.
 */
#ifndef API_NOTICE_H
#define API_NOTICE_H

#include "proto/bytes.h"
#include "proto/fact.h"

/* Notices per commit; more become one `resync`, because a page fetches again after each. */
#define NOTICE_MAX 100

/* Called once a message, in order. */
typedef void (*notice_fn)(void *context, struct slice message);

/* The messages of a fact: one per gate event and change (local or live), one per other visit that
 * changed. `node` is this central. */
void notice_each(const struct fact *fact, const struct node_id *node, notice_fn each,
                 void *context);

/* "Fetch again": after a gap, and for a client that has just come. */
struct slice notice_resync(void);

#endif
