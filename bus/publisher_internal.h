/*
 * What the publisher's files share.
 */
#ifndef BUS_PUBLISHER_INTERNAL_H
#define BUS_PUBLISHER_INTERNAL_H

#include "bus/publisher.h"
#include "proto/bus_report.h"
#include "proto/feed_pack.h"

/* A prefix that somebody has subscribed to. */
struct publisher_topic {
    char text[FEED_TOPIC]; /* "" = free place */
    bool is_valid;         /* some topic of ours can begin so */
    uint64_t subscribers;
    uint64_t last; /* lsn of the newest event under it that was published */
};

/* A subscriber that is being told what it missed. */
struct publisher_session {
    bool is_open;
    bool is_reading; /* a page was asked for */
    bool is_judged;  /* its cursor was looked at, for which no credit is needed */
    bool is_resting; /* left alone until the next tick */
    uint64_t token;  /* of this session, never given twice */
    uint64_t page;   /* token of the page that it waits for */
    size_t id_len;
    char id[256]; /* its routing id */
    struct feed_cursor after;
    char topic[FEED_TOPIC];
    uint64_t credit; /* events that it is willing to take */
    int64_t heard_ms;
    char address[64]; /* whence it asked */
    int64_t begun_ms; /* wall */
    uint64_t sent;    /* messages */
};

struct publisher {
    zsock_t *pipe, *facts, *reader, *live, *replay, *reports;
    struct publisher_args args;
    uint64_t published, replayed, unknown; /* messages, messages, cursors; since the start */
    bool is_reading;                       /* a page for `live` was asked for */
    bool is_stale;     /* what is being read was chosen before somebody subscribed: read it again */
    bool is_following; /* facts are heard */
    bool has_news;     /* there is more to read than was asked for */
    struct feed_cursor at, now; /* `at`: everything up to here was published; feed 0 = not known */
    uint64_t tokens, pages;     /* the newest of sessions and of pages */
    struct publisher_topic topics[LIMIT_BUS_TOPICS];
    struct publisher_session sessions[LIMIT_BUS_SESSIONS];
    struct buffer out, links;
};

/* publisher_live.c: the XPUB side */
/* The prefix that all subscribed ones begin with. False when there is none. */
bool publisher_live_wants(const struct publisher *publisher, char topic[FEED_TOPIC]);
/* Reads what subscribers say and welcomes the new ones. */
void publisher_live_take(struct publisher *publisher);
/* Publishes a page, or notes where the feed stands. */
void publisher_live_page(struct publisher *publisher, const struct feed_page *page);
/* Tells every prefix where the feed is. */
void publisher_live_position(struct publisher *publisher);

/* publisher_replay.c: the ROUTER side */
void publisher_replay_take(struct publisher *publisher);
void publisher_replay_page(struct publisher *publisher, const struct feed_page *page);
/* Goes on with sessions that have credit, and forgets silent ones. */
void publisher_replay_go_on(struct publisher *publisher);
/* The same, and tries again with those that were left alone. Once a second. */
void publisher_replay_tick(struct publisher *publisher);

/* publisher_report.c: what people see of it */
void publisher_report_open(struct publisher *publisher);
void publisher_report_take(struct publisher *publisher);

/* publisher.c */
/* Asks the reader for a page; the answer comes by its token. 0 or -1. */
int publisher_ask(struct publisher *publisher, const struct feed_page_request *request);
/* A map's member: key and text. */
void publisher_put(msgpack_packer *packer, const char *key, const char *text);
void publisher_put_cursor(msgpack_packer *packer, const char *key,
                          const struct feed_cursor *cursor);

#endif
