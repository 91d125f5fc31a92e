/*
 * Pages of the feed for the publisher (proto/feed_pack.h), read by the reader's thread.
 */
#ifndef NODE_READER_FEED_H
#define NODE_READER_FEED_H

#include "storage/history.h"

/* Answers one request into `out`. `history` NULL: FEED_PAGE_FAILED. 0, or -1 when the bytes are no
 * request. */
int reader_feed_answer(struct history *history, struct slice request, struct buffer *out);

#endif
