/*
 * What a central of the existing system is told, made from the database and nothing else: the feed
 * from where it has proven to have read, and visits since an instant when it asks. So a broken
 * link, a restart and a second gateway cost repetitions, which it ignores, and no visit.
 *
 * How it takes things: an open visit as VEHICLE_ENTRY_PENDING; a closed one as a row of a
 * SYNC_RESPONSE, which it inserts as open, and a VEHICLE_EXIT behind it. It cannot be told of
 * corrections and deletions: its messages for them name rows by numbers of the sender. What it said
 * itself is not told to it. One thread.
 */
#ifndef API_PEER_TELL_H
#define API_PEER_TELL_H

#include "api/zone.h"
#include "proto/bytes.h"
#include "proto/feed.h"
#include "proto/problem.h"

#include <stdbool.h>
#include <stdint.h>

struct history;
struct peer_tell;

/* `zone` is borrowed; NULL = the process's. */
struct peer_tell *peer_tell_new(const char *own, const char *peer, const struct zone *zone);
void peer_tell_destroy(struct peer_tell **tell);

/* Another socket, which has read nothing yet: what was under way is forgotten, and all begins where
 * the peer has proven to have read; at a first meeting with the visits of LIMIT_PEER_FIRST_MS. */
void peer_tell_restart(struct peer_tell *tell);

/* It asks for what happened since an instant. Of several unanswered questions the earliest is
 * answered. */
void peer_tell_asked(struct peer_tell *tell, int64_t since_ms);

/* Makes the next messages. 1 when there are some or more to look at, 0 when all is told, -1 with a
 * problem; to be called again then. */
int peer_tell_more(struct peer_tell *tell, struct history *history, int64_t now_ms,
                   struct problem *problem);

/* The next message that was made, absent = none; and that it is on its way. */
struct slice peer_tell_next(const struct peer_tell *tell);
void peer_tell_sent(struct peer_tell *tell);

/* Messages sent since it was made, these and others on the same socket (HEARTBEAT ...), which are
 * counted here. It goes on over restarts, so that a late proof of another socket proves nothing. */
uint64_t peer_tell_count(const struct peer_tell *tell);
void peer_tell_count_one(struct peer_tell *tell);

/* The first `count` of them have reached its library. */
void peer_tell_reached(struct peer_tell *tell, uint64_t count);

/* True, once for each, when the place moved up to which it has read all. */
bool peer_tell_mark(struct peer_tell *tell, struct feed_cursor *out);

#endif
