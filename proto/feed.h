/*
 * The feed: every event of a central's log in the order of its commits, for whoever follows it by
 * HTTP, WebSocket or the bus.
 *
 * A cursor is (feed, lsn). `lsn` counts up with every event that this database takes in; `feed` is
 * random, minted at each start of the process and recorded with its first lsn in the very
 * transaction that opens the database. So a database that went back in time gives its numbers again
 * under another name, and a cursor never means two events.
 *
 * Folded visits are in the feed, too, for who asks for them: each change of a visit takes the next
 * lsn, behind the events of its commit, and gives up the one that it had. So a visit is in the feed
 * once, where it changed last, and a cursor means one revision of it.
 */
#ifndef PROTO_FEED_H
#define PROTO_FEED_H

#include "proto/bytes.h"
#include "proto/event.h"
#include "proto/ids.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct feed_cursor {
    uint64_t feed; /* never 0 */
    uint64_t lsn;  /* of the event; as a place to go on from, of the last one seen */
};

/* "9f1c6e0b6a0d4f1f:4711": 16 lower-case hex digits, a colon, decimal; and a NUL. */
#define FEED_CURSOR_TEXT 38
void feed_cursor_text(const struct feed_cursor *cursor, char out[FEED_CURSOR_TEXT]);
/* False for anything but that layout. */
bool feed_cursor_parse(struct slice text, struct feed_cursor *out);

/* "v1.<central>.<KIND>": what an event is about, for prefixes. The central is the one whose stream
 * holds the event; the kind as event_kind_name says it. */
#define FEED_TOPIC (3 + LIMIT_NODE_ID + 1 + 32)
void feed_topic(const struct node_id *node, uint32_t kind, char out[FEED_TOPIC]);
/* "v1.<central>.VISIT": the folded visit, under the central where the vehicle came in; "-" stands
 * for a name that is no id. */
void feed_visit_topic(struct slice central, char out[FEED_TOPIC]);

/* What may have a topic with this prefix: a sum of these; 0: nothing ever. */
#define FEED_EVENTS 1U
#define FEED_VISITS 2U
unsigned feed_topic_tells(const char *prefix);

/* Which events somebody wants; everything absent: all. */
struct feed_filter {
    uint32_t kinds[LIMIT_FEED_KINDS]; /* any of them; with kind_count 0, all */
    size_t kind_count;
    struct node_id central; /* "" = all */
    char topic[FEED_TOPIC]; /* the topic begins with it; "" = all */
    bool has_visits;        /* folded visits beside the events; kinds do not matter to them */
    bool no_events;         /* nothing but folded visits */
};
bool feed_filter_matches(const struct feed_filter *filter, const struct node_id *node,
                         uint32_t kind);
/* The same for a visit, by the central where the vehicle came in. */
bool feed_filter_matches_visit(const struct feed_filter *filter, struct slice central);

enum feed_type {
    FEED_TEXT,
    FEED_ID, /* text; of a camera: shown as a number in JSON where it is one */
    FEED_INTEGER,
    FEED_UNSIGNED, /* 64 bits: as decimal text, for readers whose numbers are doubles */
    FEED_REAL,
    FEED_BOOL,
    FEED_TIME, /* ms UTC; shown as RFC 3339 */
    FEED_JSON, /* text that holds a JSON document */
    FEED_POSITIONS
};

/* A named field of an event. */
struct feed_field {
    const char *name;
    enum feed_type type;
    struct slice text;             /* FEED_TEXT, FEED_ID, FEED_JSON */
    int64_t integer;               /* FEED_INTEGER, FEED_TIME, FEED_BOOL */
    uint64_t number;               /* FEED_UNSIGNED */
    double real;                   /* FEED_REAL, finite */
    const struct position *places; /* FEED_POSITIONS */
    size_t place_count;
};
typedef void (*feed_field_fn)(void *context, const struct feed_field *field);

/* Every field that the event has, header first (`time`, `time_source`, `suspect`, `redacted`), then
 * the body's, in an order that stays. docs/api.md lists names and types; they are the same on every
 * way out. Fields that only a newer version knows are not told. Slices live during the callback. */
void feed_each_field(const struct event *event, feed_field_fn each, void *context);

#endif
