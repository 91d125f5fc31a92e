/*
 * What the bus tells of itself: who subscribes, who is being told what he missed. Volatile. Asked
 * for at BUS_REPORT_ENDPOINT (inproc ROUTER of the publisher): any request bytes, the answer is one
 * packed report.
 *
 *   report = [listening, address, port, replay_port, encrypted, feed, lsn, published, replays,
 *             replayed, unknown, [topic...], [replay...]]
 *   topic = [prefix, subscribers, lsn]
 *   replay = [address, prefix, feed, lsn, sent, begun_ms, under_way]
 */
#ifndef PROTO_BUS_REPORT_H
#define PROTO_BUS_REPORT_H

#include "proto/feed.h"

#define BUS_REPORT_ENDPOINT "inproc://bus-report"

/* A prefix and how many subscribe to it. */
struct bus_topic {
    char prefix[FEED_TOPIC];
    uint64_t subscribers;
    uint64_t lsn; /* of the newest message under it that was published */
};

/* Somebody who asked for what he missed. */
struct bus_replay {
    char address[64]; /* numeric */
    char prefix[FEED_TOPIC];
    struct feed_cursor at; /* told up to here */
    uint64_t sent;         /* messages: as far as known, what was dropped for him, or missed */
    int64_t begun_ms;      /* wall */
    bool is_under_way;
};

struct bus_report {
    bool is_listening; /* false: no bus, and the rest means nothing */
    char address[64];
    uint16_t port, replay_port;
    bool is_encrypted;
    struct feed_cursor at;               /* everything up to here was published */
    uint64_t published;                  /* messages since the bus was started, each counted once */
    uint64_t replays, replayed, unknown; /* begun; messages in them; cursors that were unknown */
    size_t topic_count, replay_count;
    struct bus_topic topics[LIMIT_BUS_TOPICS];
    struct bus_replay recent[LIMIT_BUS_SESSIONS]; /* the newest first */
};

/* 0 or -1 when `out` is full. */
int bus_report_pack(const struct bus_report *report, struct buffer *out);
/* Our own bytes: -1 means a bug of ours. */
int bus_report_unpack(struct bus_report *report, struct slice bytes);

#endif
