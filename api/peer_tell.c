#include "api/peer_tell.h"

#include "api/envelope.h"
#include "proto/event.h"
#include "proto/limits.h"
#include "storage/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS 64 /* places remembered until they are proven; then some are left out */
#define TOLD_MOST (2 * LIMIT_PEER_ROWS)
/* A batch passes one message by the rows and the exits of a batch. */
#define OUTBOX_BYTES (4 * LIMIT_PEER_SAY)

/* A place in the feed, told completely by the first `count` messages. */
struct point {
    uint64_t count;
    struct feed_cursor cursor;
};

/* What was told in this batch; the feed names a visit by each of its events. */
struct told {
    char what; /* 'E'ntry, e'X'it, 'L'ocation */
    char visit[LIMIT_EVENT_ID + 1];
};

struct peer_tell {
    char own[LIMIT_NODE_ID + 1], peer[LIMIT_NODE_ID + 1];
    const struct zone *zone;

    bool has_begun;          /* `at` means something */
    bool was_ours;           /* it went back to the existing system and lacks what it logged here */
    bool is_first;           /* nothing is proven before the walk has ended */
    struct feed_cursor at;   /* told up to here, as far as messages were made */
    struct feed_cursor mark; /* proven; feed 0 = nothing */
    bool mark_moved;
    struct point points[POINTS];
    size_t point_count;
    uint64_t count;

    bool walks, answers; /* since an instant; because it asked */
    int64_t since_ms;
    struct history_place place;
    size_t rows_walked;
    bool asked; /* again, meanwhile */
    int64_t asked_ms;

    struct buffer outbox; /* messages, each with its NUL */
    size_t next;
    struct buffer rows;        /* a SYNC_RESPONSE that is being made */
    struct json_writer writer; /* of it */
    size_t row_count;
    struct buffer behind; /* messages that have to follow it */
    struct told told[TOLD_MOST];
    size_t told_count;
    int64_t now_ms;
};

struct peer_tell *peer_tell_new(const char *own, const char *peer, const struct zone *zone)
{
    struct peer_tell *tell = bytes_allocate(1, sizeof *tell);

    (void)slice_copy(slice_text(own), tell->own, sizeof tell->own);
    (void)slice_copy(slice_text(peer), tell->peer, sizeof tell->peer);
    tell->zone = zone;
    buffer_init(&tell->outbox, OUTBOX_BYTES);
    buffer_init(&tell->rows, LIMIT_PEER_SAY);
    buffer_init(&tell->behind, LIMIT_PEER_SAY);
    return tell;
}

void peer_tell_destroy(struct peer_tell **tell)
{
    if (*tell == NULL) {
        return;
    }
    buffer_free(&(*tell)->outbox);
    buffer_free(&(*tell)->rows);
    buffer_free(&(*tell)->behind);
    free(*tell);
    *tell = NULL;
}

void peer_tell_restart(struct peer_tell *tell)
{
    buffer_clear(&tell->outbox);
    buffer_clear(&tell->rows);
    buffer_clear(&tell->behind);
    tell->next = tell->row_count = tell->told_count = tell->point_count = 0;
    tell->has_begun = tell->is_first = tell->walks = tell->answers = tell->asked = false;
}

void peer_tell_asked(struct peer_tell *tell, int64_t since_ms)
{
    if (!tell->asked || since_ms < tell->asked_ms) {
        tell->asked_ms = since_ms;
    }
    tell->asked = true;
}

/* ---- messages -------------------------------------------------------------------------------- */

static struct envelope_head head_of(const struct peer_tell *tell)
{
    return (struct envelope_head){tell->own, tell->now_ms, tell->zone};
}

/* Ends a message that was appended to a list. One that does not fit was none: every text of it is
 * bounded far below the list's ceiling, so this is never met. */
static void end_message(struct buffer *list, size_t before)
{
    if (list->full || buffer_append(list, "", 1) != 0) {
        list->len = before;
        list->full = false;
    }
}

static void fill_entry(const struct visit *visit, struct envelope_visit *out)
{
    envelope_visit_init(out);
    out->event_id = visit->event_id;
    out->source_central = visit->source_central;
    out->plate_id = visit->plate_id;
    out->plate_view = visit->plate_view;
    out->edge_id = visit->edge_id.data != NULL ? visit->edge_id : visit->entry_camera_id;
    out->entry.ms = visit->entry_ms;
    out->entry.camera_id = visit->entry_camera_id;
    out->entry.camera_name = visit->entry_camera_name;
    out->entry.source = visit->entry_source;
    out->entry.confidence = visit->entry_confidence;
    out->location = visit->last_location;
    out->location_ms = visit->last_location_ms;
    out->is_anomaly = visit->is_anomaly;
}

static void put_entry(struct peer_tell *tell, const struct visit *visit)
{
    struct envelope_head head = head_of(tell);
    struct envelope_visit message;
    size_t before = tell->outbox.len;

    fill_entry(visit, &message);
    if (visit->entry_camera_id.data != NULL) {
        message.edge_id = visit->entry_camera_id;
    }
    envelope_put_entry(&tell->outbox, &head, &message);
    end_message(&tell->outbox, before);
}

static void put_exit(struct peer_tell *tell, const struct visit *visit)
{
    struct envelope_head head = head_of(tell);
    struct envelope_visit message;
    size_t before = tell->behind.len;

    fill_entry(visit, &message);
    message.source_central = visit->exit_central;
    message.edge_id = visit->exit_camera_id;
    message.exit.ms = visit->exit_ms;
    message.fee = visit->fee;
    envelope_put_exit(&tell->behind, &head, &message);
    end_message(&tell->behind, before);
}

static void put_location(struct peer_tell *tell, struct buffer *list, const struct visit *visit)
{
    struct envelope_head head = head_of(tell);
    struct envelope_visit message;
    size_t before = list->len;

    fill_entry(visit, &message);
    envelope_put_location(list, &head, &message);
    end_message(list, before);
}

static void put_lot(struct peer_tell *tell, const struct event *event)
{
    struct envelope_head head = head_of(tell);
    const struct envelope_lot lot = {.name = event->location,
                                     .capacity =
                                         event->capacity != EVENT_NONE ? event->capacity : 0,
                                     .camera_id = event->camera_id,
                                     .camera_type = event->camera_type,
                                     .edge_id = event->edge_id};
    size_t before = tell->outbox.len;

    envelope_put_lot(&tell->outbox, &head, &lot);
    end_message(&tell->outbox, before);
}

/* The rows that were gathered, and what has to follow them. */
static void flush(struct peer_tell *tell)
{
    size_t before = tell->outbox.len;

    if (tell->row_count > 0) {
        envelope_close_rows(&tell->writer);
        (void)buffer_append(&tell->outbox, tell->rows.data, tell->rows.len);
        end_message(&tell->outbox, before);
        (void)buffer_append(&tell->outbox, tell->behind.data, tell->behind.len); /* it has room */
    }
    buffer_clear(&tell->rows);
    buffer_clear(&tell->behind);
    tell->row_count = 0;
}

static void put_row(struct peer_tell *tell, const struct visit *visit)
{
    struct envelope_head head = head_of(tell);
    struct envelope_visit row;

    if (tell->row_count++ == 0) {
        tell->writer = envelope_open_rows(&tell->rows, &head);
    }
    fill_entry(visit, &row);
    envelope_put_row(&tell->writer, &head, &row);
    if (visit->status == VISIT_OUT) {
        put_exit(tell, visit);
    } else if (visit->last_location.data != NULL && visit->last_location_ms != EVENT_NONE) {
        put_location(tell, &tell->behind, visit); /* rows bring no places */
    }
}

static bool is_full(const struct peer_tell *tell)
{
    return tell->row_count >= LIMIT_PEER_ROWS || tell->told_count >= TOLD_MOST ||
           tell->rows.len > LIMIT_PEER_SAY / 2 || tell->behind.len > LIMIT_PEER_SAY / 2 ||
           tell->outbox.len > LIMIT_PEER_SAY;
}

static bool is_peer(const struct peer_tell *tell, struct slice central)
{
    return slice_equal(central, slice_text(tell->peer));
}

/* ---- since an instant ------------------------------------------------------------------------ */

/* What happened at that central alone it knows better, unless it was one of ours meanwhile. */
static bool is_its_own(const struct peer_tell *tell, const struct visit *visit)
{
    return !tell->was_ours && is_peer(tell, visit->source_central) &&
           (visit->status == VISIT_IN || is_peer(tell, visit->exit_central));
}

static int walk_row(void *context, const struct visit *visit)
{
    struct peer_tell *tell = context;

    if (is_full(tell)) {
        return 1;
    }
    if (!is_its_own(tell, visit)) {
        put_row(tell, visit);
        tell->rows_walked++;
    }
    return 0;
}

static void start_walk(struct peer_tell *tell, int64_t since_ms, bool answers)
{
    tell->walks = true;
    tell->answers = answers;
    tell->since_ms = since_ms;
    tell->rows_walked = 0;
    memset(&tell->place, 0, sizeof tell->place);
}

/* An answer without rows is one, too. */
static void end_walk(struct peer_tell *tell)
{
    struct envelope_head head = head_of(tell);
    size_t before = tell->outbox.len;

    if (tell->answers && tell->rows_walked == 0) {
        struct json_writer writer = envelope_open_rows(&tell->outbox, &head);
        envelope_close_rows(&writer);
        end_message(&tell->outbox, before);
    }
    tell->walks = tell->answers = tell->is_first = false;
}

static int walk(struct peer_tell *tell, struct history *history, struct problem *problem)
{
    bool more = false;
    int rc = history_since(history, tell->since_ms, &tell->place, LIMIT_PEER_ROWS, walk_row, tell,
                           &more, problem);

    flush(tell);
    if (rc < 0) {
        return -1;
    }
    if (rc == 0 && !more) {
        end_walk(tell);
    }
    return 0;
}

/* ---- the feed -------------------------------------------------------------------------------- */

/* True when it was told in this batch already. */
static bool note(struct peer_tell *tell, char what, struct slice visit)
{
    struct told *next = &tell->told[tell->told_count];

    for (size_t i = 0; i < tell->told_count; i++) {
        if (tell->told[i].what == what && slice_equal(visit, slice_text(tell->told[i].visit))) {
            return true;
        }
    }
    next->what = what;
    if (slice_copy(visit, next->visit, sizeof next->visit)) {
        tell->told_count++;
    }
    return false;
}

static void tell_visit(struct peer_tell *tell, const struct history_news *news)
{
    const struct visit *visit = news->visit;

    if (visit->status == VISIT_OUT) {
        if (!is_its_own(tell, visit) && !note(tell, 'X', visit->event_id)) {
            put_row(tell, visit);
        }
        return;
    }
    if (visit->status != VISIT_IN) {
        return; /* it cannot be told of these */
    }
    if (news->event.kind == EVENT_LOCATION_UPDATE) {
        if (visit->last_location.data != NULL && visit->last_location_ms != EVENT_NONE &&
            !note(tell, 'L', visit->event_id)) {
            flush(tell);
            put_location(tell, &tell->outbox, visit);
        }
    } else if ((tell->was_ours || !is_peer(tell, visit->source_central)) && !visit->is_anomaly &&
               !note(tell, 'E', visit->event_id)) {
        flush(tell); /* what left before this came must have left there, too */
        put_entry(tell, visit);
    }
}

static int take_news(void *context, const struct history_news *news)
{
    struct peer_tell *tell = context;

    if (is_full(tell)) {
        return 1;
    }
    if (is_peer(tell, news->central) &&
        !is_peer(tell, slice_text(news->position.stream.node.text))) {
        return 0; /* it said so itself, to us or to another gateway */
    }
    if (news->event.kind == EVENT_PARKING_LOT_CONFIG) {
        if (news->event.location.data != NULL &&
            !slice_equal(news->event.status, slice_text(EVENT_REMOVED))) {
            put_lot(tell, &news->event);
        }
    } else if (news->visit != NULL) {
        tell_visit(tell, news);
    }
    return 0;
}

/* How often a place is remembered follows from how many fit; with more messages than that under
 * way the proof comes in larger steps. */
static void remember(struct peer_tell *tell)
{
    if (tell->is_first || tell->point_count == POINTS) {
        return;
    }
    if (tell->point_count > 0 && tell->points[tell->point_count - 1].count == tell->count) {
        tell->point_count--; /* nothing was said since */
    }
    tell->points[tell->point_count++] = (struct point){tell->count, tell->at};
}

/* 1 when there is more. */
static int follow(struct peer_tell *tell, struct history *history, struct problem *problem)
{
    struct history_feed feed = {.is_known = false};
    int rc;

    tell->told_count = 0;
    rc = history_news(history, &tell->at, take_news, tell, &feed, problem);
    flush(tell);
    if (rc < 0) {
        return -1;
    }
    if (!feed.is_known) {
        tell->has_begun = false; /* the database went back in time */
        tell->mark.feed = 0;
        return 1;
    }
    tell->at = feed.next;
    return rc > 0 || feed.more;
}

static enum history_offer nothing(void *context, const struct history_event *event)
{
    (void)context;
    (void)event;
    return HISTORY_REFUSED;
}

/* Where to go on: what was proven and stored; else from now on, behind what happened of late. */
static int begin(struct peer_tell *tell, struct history *history, struct problem *problem)
{
    struct history_mark mark;
    struct history_feed feed;

    if (history_mark(history, slice_text(tell->peer), &mark, problem) < 0 ||
        history_feed(history, mark.told.feed != 0 ? &mark.told : NULL, NULL, nothing, NULL, &feed,
                     problem) != 0) {
        return -1;
    }
    tell->has_begun = true;
    tell->was_ours = mark.has_log;
    if (mark.told.feed != 0 && feed.is_known) {
        tell->at = tell->mark = mark.told;
        return 0;
    }
    tell->at = feed.now;
    tell->is_first = true;
    start_walk(tell, tell->now_ms - LIMIT_PEER_FIRST_MS, false);
    return 0;
}

int peer_tell_more(struct peer_tell *tell, struct history *history, int64_t now_ms,
                   struct problem *problem)
{
    int more;

    tell->now_ms = now_ms;
    if (peer_tell_next(tell).data != NULL) {
        return 1;
    }
    if (!tell->has_begun && begin(tell, history, problem) != 0) {
        return -1;
    }
    if (!tell->walks && tell->asked) {
        tell->asked = false;
        start_walk(tell, tell->asked_ms, true);
    }
    more = follow(tell, history, problem);
    if (more < 0 || (tell->walks && walk(tell, history, problem) != 0)) {
        return -1;
    }
    if (tell->outbox.len == 0) {
        remember(tell);
    }
    return more != 0 || tell->walks || tell->asked || tell->outbox.len > 0;
}

/* ---- on its way ------------------------------------------------------------------------------ */

struct slice peer_tell_next(const struct peer_tell *tell)
{
    return tell->next < tell->outbox.len ? slice_text(tell->outbox.data + tell->next)
                                         : (struct slice){0};
}

void peer_tell_sent(struct peer_tell *tell)
{
    tell->next += strlen(tell->outbox.data + tell->next) + 1;
    tell->count++;
    if (tell->next >= tell->outbox.len) {
        buffer_clear(&tell->outbox);
        tell->next = 0;
        remember(tell);
    }
}

uint64_t peer_tell_count(const struct peer_tell *tell)
{
    return tell->count;
}

void peer_tell_count_one(struct peer_tell *tell)
{
    tell->count++;
}

void peer_tell_reached(struct peer_tell *tell, uint64_t count)
{
    size_t proven = 0;

    while (proven < tell->point_count && tell->points[proven].count + LIMIT_PEER_UNREAD <= count) {
        tell->mark = tell->points[proven++].cursor;
        tell->mark_moved = true;
    }
    memmove(tell->points, tell->points + proven,
            (tell->point_count - proven) * sizeof tell->points[0]);
    tell->point_count -= proven;
}

bool peer_tell_mark(struct peer_tell *tell, struct feed_cursor *out)
{
    bool moved = tell->mark_moved;

    tell->mark_moved = false;
    *out = tell->mark;
    return moved;
}
