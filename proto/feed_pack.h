/*
 * An event of the feed as the msgpack map that travels on the bus, and what the publisher asks the
 * reader for: pages of such maps. Packed arrays over inproc DEALER -> ROUTER, one frame each way.
 *
 *   request: [token, feed, lsn, topic, most]            feed 0: only where the feed stands
 *   answer:  [token, state, resume feed, resume lsn, now feed, now lsn, next feed, next lsn, more,
 *             [[feed, lsn, topic, map as bin]...]]      state: enum feed_page_state
 */
#ifndef PROTO_FEED_PACK_H
#define PROTO_FEED_PACK_H

#include "proto/feed.h"
#include "proto/wire.h"

#define FEED_READER "inproc://reader-feed"

/* What a map is made from; slices borrow. */
struct feed_source {
    struct feed_cursor cursor;
    struct position position;
    uint32_t kind;
    struct slice header, body;
    bool is_damaged;
};

/* Appends the map {type: "event", cursor, kind, position, fields...}: names and types of
 * docs/api.md. 0 or -1 when `out` is full. */
int feed_pack_event(const struct feed_source *source, struct buffer *out);

/* Appends the map {type, cursor, fields...}. 0 or -1 likewise. */
int feed_pack_fields(const char *type, const struct feed_cursor *cursor,
                     const struct feed_field *fields, size_t count, struct buffer *out);

enum feed_page_state {
    FEED_PAGE_FAILED, /* ask again later */
    FEED_PAGE_KNOWN,
    FEED_PAGE_UNKNOWN /* the cursor is not of this database: see resume */
};

struct feed_page_request {
    uint64_t token;
    struct feed_cursor after;
    char topic[FEED_TOPIC]; /* prefix */
    uint64_t most;          /* items that are of use */
};

struct feed_page_item {
    struct feed_cursor cursor;
    struct slice topic, map;
};

struct feed_page {
    uint64_t token;
    enum feed_page_state state;
    struct feed_cursor resume, now, next;
    bool more;
    struct feed_page_item *items; /* owned after unpacking */
    size_t count;
    struct wire wire;
};

/* Appends one document; reads one. 0 or -1. */
int feed_page_request_pack(const struct feed_page_request *request, struct buffer *out);
int feed_page_request_unpack(struct feed_page_request *request, struct slice bytes);

/* An item as it stands in an answer. 0 or -1. */
int feed_page_put_item(struct buffer *items, const struct feed_cursor *cursor, const char *topic,
                       struct slice map);
/* The answer with `count` items that were put into `items`. 0 or -1. */
int feed_page_pack(const struct feed_page *page, const struct buffer *items, size_t count,
                   struct buffer *out);
/* Our own bytes: -1 means a bug of ours. Slices borrow from `bytes`. */
int feed_page_unpack(struct feed_page *page, struct slice bytes);
void feed_page_free(struct feed_page *page);

#endif
