#include "api/peer_hear.h"
#include "api/peer_links_internal.h"
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/log.h"

#include <time.h>

/* ---- how much one link may bring ------------------------------------------------------------- */

/* Too many messages wait in the sender's own buffers. */
static void pace(struct peer_links *links, struct peer_socket *socket)
{
    const struct timespec pause = {.tv_nsec = 1000000000 / LIMIT_PEER_RATE};
    int64_t now_ms = clock_mono_ms(), gained;
    bool waits;

    (void)pthread_mutex_lock(&links->mutex);
    gained = (now_ms - socket->allowance_ms) * LIMIT_PEER_RATE / 1000;
    if (gained > 0) {
        socket->allowance += gained;
        socket->allowance_ms = now_ms;
    }
    if (socket->allowance > LIMIT_PEER_BURST) {
        socket->allowance = LIMIT_PEER_BURST;
    }
    waits = socket->allowance <= 0;
    socket->allowance -= !waits;
    (void)pthread_mutex_unlock(&links->mutex);
    if (waits) {
        (void)nanosleep(&pause, NULL); /* an early return only lets it be a little faster */
    }
}

/* ---- what is wrong --------------------------------------------------------------------------- */

/* Logged once for each link; the figures count on. */
static void note(struct peer_links *links, struct peer_socket *socket, uint64_t refused,
                 const struct problem *problem)
{
    char quoted[400];
    bool first;

    (void)pthread_mutex_lock(&links->mutex);
    socket->peer->refused += refused;
    first = !socket->is_noted && peer_links_may_log(socket->peer);
    socket->is_noted = true;
    peer_links_say(socket->peer, "%s: %s", problem_name(problem->code), problem->text);
    (void)pthread_mutex_unlock(&links->mutex);
    if (first) {
        log_warn("PEER_MESSAGE_REFUSED", "peer=%s address=%s code=%s problem=%s",
                 socket->peer->id.text, socket->address, problem_name(problem->code),
                 log_quote(problem->text, quoted, sizeof quoted));
    }
}

/* ---- its answer to our question -------------------------------------------------------------- */

static void take_answer(struct peer *peer, const struct envelope *envelope,
                        const struct peer_heard_rows *rows)
{
    if (!peer->waits_for_rows) {
        return; /* nobody asked */
    }
    peer->waits_for_rows = false;
    switch (peer_pages_take(&peer->pages, rows->count, rows->oldest_ms, rows->newest_ms)) {
    case PEER_PAGES_MORE:
        peer->has_since = peer->wants_rows = true;
        break;
    case PEER_PAGES_STUCK:
        log_warn("PEER_ROWS_MISSED",
                 "peer=%s text=\"so many visits of one instant that it does "
                 "not give all\"",
                 peer->id.text);
        peer->has_since = peer->wants_rows = true;
        break;
    case PEER_PAGES_ALL:
        if (envelope->sent_ms != EVENT_NONE) {
            peer->heard_all_ms = envelope->sent_ms;
            peer->heard_all_moved = true;
        }
        break;
    }
}

/* ---- one message ----------------------------------------------------------------------------- */

static void set_busy(struct peer_links *links, struct peer_socket *socket, bool is_busy)
{
    (void)pthread_mutex_lock(&links->mutex);
    socket->is_busy = is_busy;
    if (socket->waits_since_ms != 0) {
        socket->waits_since_ms = clock_mono_ms(); /* its pong may lie behind this message */
    }
    socket->peer->heard_ms = clock_wall_ms();
    (void)pthread_mutex_unlock(&links->mutex);
}

static void conclude(struct peer_links *links, struct peer_socket *socket,
                     const struct envelope *envelope, const struct peer_heard_rows *rows)
{
    struct peer *peer = socket->peer;

    (void)pthread_mutex_lock(&links->mutex);
    if (envelope->type == ENVELOPE_SYNC_REQUEST) {
        peer->asks_since_ms = peer->asks && peer->asks_since_ms < envelope->since_ms
                                  ? peer->asks_since_ms
                                  : envelope->since_ms;
        peer->asks = true;
    } else if (envelope->type == ENVELOPE_SYNC_RESPONSE) {
        take_answer(peer, envelope, rows);
    }
    peer_links_wake(links);
    (void)pthread_mutex_unlock(&links->mutex);
}

static int hear(struct peer_links *links, struct peer_socket *socket, struct peer_hearing *hearing,
                const struct envelope *envelope)
{
    struct peer_heard_rows rows;
    struct problem problem = {.code = PROBLEM_OK};
    int rc;

    set_busy(links, socket, true);
    rc = peer_hear(hearing, envelope, socket->peer->zone, &rows, &problem);
    set_busy(links, socket, false);
    if (rc != 0) {
        (void)pthread_mutex_lock(&links->mutex);
        if (peer_links_may_log(socket->peer)) { /* it dials again, and all rows are asked for */
            log_warn("PEER_MESSAGE_LOST", "peer=%s code=%s", socket->peer->id.text,
                     problem_name(problem.code));
        }
        (void)pthread_mutex_unlock(&links->mutex);
        return PUSH_TRY_LATER;
    }
    if (hearing->refused > 0) {
        (void)problem_set(&problem, PROBLEM_FIELD_INVALID, NULL, "%s: %llu of it mean nothing",
                          envelope_type_name(envelope->type), (unsigned long long)hearing->refused);
        note(links, socket, hearing->refused, &problem);
    }
    conclude(links, socket, envelope, &rows);
    return 0;
}

int peer_frame_take(struct peer_links *links, struct peer_socket *socket, struct desk_asker *node,
                    struct buffer *question, struct slice text)
{
    struct peer_hearing hearing = {
        .peer = socket->peer->id.text, .node = node, .question = question};
    struct envelope envelope;
    struct problem problem;
    int rc;

    pace(links, socket);
    (void)pthread_mutex_lock(&links->mutex);
    socket->peer->received++;
    (void)pthread_mutex_unlock(&links->mutex);
    if (envelope_read(&envelope, text, socket->peer->zone, &problem) != 0) {
        note(links, socket, 1, &problem);
        return problem.code == PROBLEM_JSON_INVALID ? PUSH_NORMAL : 0;
    }
    rc = hear(links, socket, &hearing, &envelope);
    envelope_free(&envelope);
    return rc;
}
