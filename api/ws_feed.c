#include "api/ws_feed.h"

#include "api/feed_query.h"
#include "api/respond.h"
#include "proto/log.h"

#include <stdlib.h>

struct ws_feed {
    struct readers *readers;
    struct push_channel *channel;
};

/* One client; the writing thread's but for the open and close hooks. */
struct follower {
    struct feed_query query; /* `after` moves on */
    bool is_greeted;
    struct buffer text; /* of one message */
};

/* ---- messages -------------------------------------------------------------------------------- */

static struct slice event_message(struct follower *follower, const struct history_event *event)
{
    struct json_writer writer = json_writer(&follower->text);

    buffer_clear(&follower->text);
    json_put_open(&writer, '{');
    json_set_text(&writer, "type", event->visit != NULL ? "visit" : "event");
    json_put_key(&writer, event->visit != NULL ? "visit" : "event");
    feed_item_put(&writer, event);
    json_put_close(&writer, '}');
    return buffer_slice(&follower->text);
}

static struct slice position_message(struct follower *follower, const struct history_feed *feed)
{
    struct json_writer writer = json_writer(&follower->text);

    buffer_clear(&follower->text);
    json_put_open(&writer, '{');
    json_set_text(&writer, "type", "position");
    feed_item_put_cursor(&writer, "next", &follower->query.after);
    feed_item_put_cursor(&writer, "now", &feed->now);
    feed_item_put_cursor(&writer, "beginning", &feed->beginning);
    json_put_close(&writer, '}');
    return buffer_slice(&follower->text);
}

/* ---- reading on ------------------------------------------------------------------------------ */

static enum history_offer nothing(void *context, const struct history_event *event)
{
    (void)context;
    (void)event;
    return HISTORY_REFUSED;
}

/* Where the feed stands, and whether `after` (or NULL) is a place in it. */
static int look(struct ws_feed *feed, const struct feed_cursor *after, struct history_feed *out,
                struct problem *problem)
{
    struct history *history = readers_take(feed->readers, false, problem);
    int rc = -1;

    if (history != NULL) {
        rc = history_feed(history, after, NULL, nothing, NULL, out, problem);
        readers_give(feed->readers, false, &history);
    }
    return rc;
}

static enum history_offer take(void *context, const struct history_event *event)
{
    struct push_client *client = context;

    return push_offer(client, event_message(push_own(client), event)) ? HISTORY_TAKEN
                                                                      : HISTORY_REFUSED;
}

/* What the database does not give now is asked for again; a client whose place is gone, or whose
 * database fails, is sent away and meets the reason at its next handshake. */
static void fail(struct push_client *client, const struct problem *problem)
{
    if (problem->code == PROBLEM_BUSY) {
        push_wake_one(client);
    } else {
        log_problem(LOG_LEVEL_WARN, problem);
        push_close(client, PUSH_TRY_LATER);
    }
}

static void on_room(void *context, struct push_client *client)
{
    struct ws_feed *feed = context;
    struct follower *follower = push_own(client);
    struct feed_cursor after = follower->query.after;
    struct problem problem;
    struct history_feed at;
    struct history *history = readers_take(feed->readers, false, &problem);
    int rc = -1;

    if (history != NULL) {
        rc = history_feed(history, follower->query.has_after ? &after : NULL,
                          &follower->query.filter, take, client, &at, &problem);
        readers_give(feed->readers, false, &history);
    }
    if (rc != 0) {
        fail(client, &problem);
        return;
    }
    if (!at.is_known) {
        push_close(client, PUSH_TRY_LATER);
        return;
    }
    follower->query.after = at.next;
    follower->query.has_after = true;
    if (!follower->is_greeted) {
        follower->is_greeted = push_offer(client, position_message(follower, &at));
    }
    if (at.more || !follower->is_greeted) {
        push_wake_one(client);
    }
}

/* Now and then, so that a client whose filter lets nothing pass moves on, too. */
static void on_silence(void *context, struct push_client *client)
{
    struct follower *follower = push_own(client);
    struct problem problem;
    struct history_feed at;

    if (!follower->query.has_after) {
        return;
    }
    if (look(context, NULL, &at, &problem) == 0) {
        /* refused: then there is enough to read already */
        (void)push_offer(client, position_message(follower, &at));
    }
}

/* ---- coming and going ------------------------------------------------------------------------ */

static int on_admit(void *context, struct request *request)
{
    struct feed_query query;
    struct problem problem;
    struct history_feed at;

    if (feed_query_read(request, &query) != 0) {
        return -1;
    }
    if (look(context, query.has_after ? &query.after : NULL, &at, &problem) != 0) {
        respond_problem(request, &problem);
        return -1;
    }
    if (!at.is_known) {
        feed_query_refuse(request, &query.after, &at);
        return -1;
    }
    return 0;
}

static void on_open(void *context, struct push_client *client, struct request *request)
{
    struct follower *follower = bytes_allocate(1, sizeof *follower);

    (void)context;
    push_set_own(client, follower);
    if (feed_query_read(request, &follower->query) != 0) {
        push_close(client, PUSH_POLICY); /* it was well in `admit`, so this is never met */
    }
}

static void on_close(void *context, struct push_client *client)
{
    struct follower *follower = push_own(client);

    (void)context;
    buffer_free(&follower->text);
    free(follower);
}

static void on_fact(void *context, const struct fact *fact)
{
    const struct ws_feed *feed = context;

    (void)fact;
    push_wake(feed->channel);
}

struct ws_feed *ws_feed_new(struct push *push, struct readers *readers)
{
    struct ws_feed *feed = bytes_allocate(1, sizeof *feed);
    const struct push_options options = {.path = "/ws/events",
                                         .silence_ms = LIMIT_FEED_POSITION_MS,
                                         .context = feed,
                                         .admit = on_admit,
                                         .open = on_open,
                                         .silence = on_silence,
                                         .room = on_room,
                                         .fact = on_fact,
                                         .close = on_close};

    feed->readers = readers;
    feed->channel = push_add(push, &options);
    return feed;
}

void ws_feed_destroy(struct ws_feed **feed)
{
    free(*feed);
    *feed = NULL;
}
