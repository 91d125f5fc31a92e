/*
 * The thread that says everything: HEARTBEATs, pings, questions for rows, and what peer_tell makes.
 * A slow central has no room in its socket's queue; it is passed over until it has.
 */
#include "api/peer_links_internal.h"

#include "api/ask.h"
#include "api/envelope.h"
#include "proto/clock.h"
#include "proto/command.h"
#include "proto/event.h"
#include "proto/log.h"
#include "proto/report.h"
#include "storage/history.h"

#include <stdlib.h>
#include <string.h>

#define MESH_EVERY_MS 1000 /* between two looks at the mesh */
#define MESH_WAIT_MS 500
#define LISTEN_MS 3000     /* at a new link, to what it says before it is told anything */
#define RETRY_MS 200       /* after a database that was busy */
#define MARK_EVERY_MS 2000 /* between two marks of a peer */
#define MARK_WAIT_MS 2000
#define PING_EVERY 16 /* messages, while many are told */

struct sender {
    struct peer_links *links;
    struct desk_asker *node;
    struct ask *mesh;
    struct buffer text, question;
    int64_t now_ms; /* monotonic, of this round */
};

/* ---- what is over (the mutex is held) -------------------------------------------------------- */

static void forget(struct peer_links *links, size_t index)
{
    struct peer *peer = links->peers[index];

    links->peers[index] = links->peers[--links->count];
    peer_tell_destroy(&peer->tell);
    zone_destroy(&peer->zone);
    free(peer);
}

/* Peers that nobody uses any more. The mutex is given back around joining. */
static void reap(struct peer_links *links)
{
    for (size_t i = 0; i < links->count;) {
        struct peer *peer = links->peers[i];
        bool is_over = peer->socket_count == 0 && (peer->is_gone || !peer->is_configured);
        if (is_over && peer->dial != NULL && peer_dial_has_ended(peer->dial)) {
            struct peer_dial *dial = peer->dial;
            peer->dial = NULL;
            (void)pthread_mutex_unlock(&links->mutex);
            peer_dial_destroy(&dial);
            (void)pthread_mutex_lock(&links->mutex);
            i = 0; /* the table may be another one now */
        } else if (is_over && peer->dial == NULL && !atomic_load(&links->stopping)) {
            forget(links, i);
        } else {
            i++;
        }
    }
}

/* ---- the mesh -------------------------------------------------------------------------------- */

static const struct peer_report *find_report(const struct mesh_report *report,
                                             const struct node_id *id)
{
    for (size_t i = 0; i < report->count; i++) {
        if (node_id_compare(&report->peers[i].id, id) == 0) {
            return &report->peers[i];
        }
    }
    return NULL;
}

static bool asks_mesh(const struct peer_links *links)
{
    for (size_t i = 0; i < links->count; i++) {
        if (links->peers[i]->is_configured && links->peers[i]->entry.link == API_LINK_AUTO) {
            return true;
        }
    }
    return false;
}

/* Who is reached by the mesh gets no WebSocket beside it. */
static void follow_mesh(struct peer_links *links, const struct mesh_report *report)
{
    for (size_t i = 0; i < links->count; i++) {
        struct peer *peer = links->peers[i];
        const struct peer_report *found = find_report(report, &peer->id);
        peer->is_mesh_up = found != NULL && found->state == PEER_CONNECTED;
        /* a link may have come and gone between two looks */
        peer->is_mesh_proven = peer->is_mesh_proven || peer->is_mesh_up ||
                               (found != NULL && found->state == PEER_DISCONNECTED);
    }
}

static void end_unwanted(struct peer_links *links)
{
    for (size_t i = 0; i < links->count; i++) {
        struct peer *peer = links->peers[i];
        for (size_t j = 0; j < peer->socket_count; j++) {
            if (peer->is_gone || !peer_links_choice(links, peer).may_link) {
                peer_socket_close(peer->sockets[j], PUSH_NORMAL);
            }
        }
    }
}

static void look_at_mesh(struct sender *sender)
{
    struct peer_links *links = sender->links;
    struct mesh_report report = {.running = false};
    struct problem problem;
    struct slice bytes;
    bool answered;

    if (sender->now_ms < links->mesh_due_ms) {
        return;
    }
    links->mesh_due_ms = sender->now_ms + MESH_EVERY_MS;
    if (asks_mesh(links)) {
        (void)pthread_mutex_unlock(&links->mutex);
        answered = ask_call(sender->mesh, slice_text("?"), MESH_WAIT_MS, &bytes, &problem) == 0 &&
                   mesh_report_unpack(&report, bytes) == 0;
        (void)pthread_mutex_lock(&links->mutex);
        if (answered) {
            follow_mesh(links, &report);
            mesh_report_free(&report);
        }
    }
    end_unwanted(links);
}

/* ---- questions for rows ---------------------------------------------------------------------- */

static int oldest_entry(void *context, const struct visit *visit)
{
    int64_t *oldest_ms = context;

    *oldest_ms = visit->entry_ms < *oldest_ms ? visit->entry_ms : *oldest_ms;
    return 0;
}

/* Since when it may know what we do not: since it last said all it had, and since the oldest visit
 * that is open here entered, because it offers rows by when they were written, not changed. */
static int since_when(const struct sender *sender, const struct peer *peer, int64_t *since_ms,
                      struct problem *problem)
{
    int64_t floor_ms = clock_wall_ms() - LIMIT_PEER_FIRST_MS, oldest_ms = INT64_MAX;
    const struct history_query inside = {
        .limit = -1, .status = "IN", .has_span = true, .from_ms = floor_ms, .to_ms = INT64_MAX};
    struct history_mark mark;
    struct history *history = readers_take(sender->links->gateway->readers, false, problem);
    int rc;

    if (history == NULL) {
        return -1;
    }
    rc = history_mark(history, slice_text(peer->id.text), &mark, problem) < 0 ||
                 history_each(history, &inside, oldest_entry, &oldest_ms, problem) != 0
             ? -1
             : 0;
    readers_give(sender->links->gateway->readers, false, &history);
    *since_ms = mark.heard_ms != EVENT_NONE ? mark.heard_ms : floor_ms;
    *since_ms = oldest_ms < *since_ms ? oldest_ms : *since_ms;
    *since_ms -= LIMIT_PEER_BACK_MS;
    return rc;
}

static struct envelope_head head_of(const struct sender *sender, const struct peer *peer)
{
    return (struct envelope_head){sender->links->gateway->node.text, clock_wall_ms(), peer->zone};
}

/* Says `sender->text` on the socket that is told to; false when it has no room. */
static bool say(struct sender *sender, struct peer *peer, struct peer_socket *socket)
{
    if (!peer_socket_offer(socket, buffer_slice(&sender->text))) {
        return false;
    }
    if (socket->number == peer->telling) {
        peer_tell_count_one(peer->tell);
    }
    return true;
}

/* The mutex is given back around the database. */
static void ask_for_rows(struct sender *sender, struct peer *peer)
{
    struct envelope_head head = head_of(sender, peer);
    struct problem problem;
    struct peer_socket *best;
    int rc = 0;

    if (peer->waits_for_rows && sender->now_ms >= peer->asked_due_ms) {
        peer->waits_for_rows = false; /* it went lost, or came to a socket that was dead */
        peer->wants_rows = true;
    }
    if (!peer->wants_rows || peer->waits_for_rows) {
        return;
    }
    if (!peer->has_since) {
        int64_t since_ms = 0;
        (void)pthread_mutex_unlock(&sender->links->mutex);
        rc = since_when(sender, peer, &since_ms, &problem);
        (void)pthread_mutex_lock(&sender->links->mutex);
        peer_pages_start(&peer->pages, peer->zone, since_ms);
    }
    best = peer_links_best(peer);
    if (rc != 0 || best == NULL) {
        peer->retry_ms = sender->now_ms + RETRY_MS;
        return;
    }
    buffer_clear(&sender->text);
    envelope_put_sync_request(&sender->text, &head,
                              peer->pages.since_ms > 0 ? peer->pages.since_ms : 0);
    if (say(sender, peer, best)) {
        peer->wants_rows = peer->has_since = false;
        peer->waits_for_rows = true;
        peer->asked_due_ms = sender->now_ms + LIMIT_PEER_REASK_MS;
    }
}

/* ---- signs of life (the mutex is held) ------------------------------------------------------- */

static void keep_alive(struct sender *sender, struct peer *peer, struct peer_socket *socket)
{
    struct envelope_head head = head_of(sender, peer);

    if (socket->is_ending) {
        return;
    }
    if (socket->waits_since_ms != 0 && !socket->is_busy &&
        sender->now_ms - socket->waits_since_ms > LIMIT_PEER_PONG_MS) {
        if (peer_links_may_log(peer)) {
            log_info("PEER_SILENT", "peer=%s address=%s", peer->id.text, socket->address);
        }
        peer_links_say(peer, "no answer to a ping");
        peer_socket_close(socket, PUSH_POLICY);
        return;
    }
    if (sender->now_ms >= socket->heartbeat_due_ms) {
        buffer_clear(&sender->text);
        envelope_put_heartbeat(&sender->text, &head);
        (void)say(sender, peer, socket); /* without room there is enough to read already */
        socket->heartbeat_due_ms = sender->now_ms + LIMIT_PEER_PING_MS;
    }
    if (sender->now_ms >= socket->ping_due_ms) {
        peer_socket_ping(socket, socket->number == peer->telling ? peer_tell_count(peer->tell)
                                                                 : socket->pinged);
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

/* The socket to speak on; when it is another one than before, all that was not proven is said to it
 * again. */
static struct peer_socket *turn_to_best(struct peer *peer)
{
    struct peer_socket *best = peer_links_best(peer);

    if (best == NULL) {
        peer->telling = 0;
    } else if (best->number != peer->telling) {
        peer->telling = best->number;
        peer_tell_restart(peer->tell);
        peer->listens_until_ms = clock_mono_ms() + LISTEN_MS;
        peer->more = true;
        /* what was said on it before, it may have been the best once, proves nothing of this */
        best->reached = peer_tell_count(peer->tell);
        peer_socket_ping(best, best->reached);
    }
    if (best != NULL && peer->asks) {
        peer->asks = false;
        peer_tell_asked(peer->tell, peer->asks_since_ms);
        peer->more = true;
    }
    return best;
}

static bool may_say(const struct peer *peer, const struct peer_socket *best)
{
    return peer_tell_count(peer->tell) - best->reached < LIMIT_PEER_WINDOW;
}

/* It inserts the rows that it is told without looking at what is inside already. So what it has is
 * heard first, for a moment: then the losing one of two entries is not told to it any more. */
static bool listens(const struct sender *sender, const struct peer *peer)
{
    return (peer->wants_rows || peer->waits_for_rows) && sender->now_ms < peer->listens_until_ms;
}

/* What was made already, as far as there is room. True when all of it is on its way. */
static bool say_made(struct peer *peer, struct peer_socket *best)
{
    struct slice text = peer_tell_next(peer->tell);

    while (text.data != NULL && may_say(peer, best) && peer_socket_offer(best, text)) {
        peer_tell_sent(peer->tell);
        if (peer_tell_count(peer->tell) - best->pinged >= PING_EVERY) {
            peer_socket_ping(best, peer_tell_count(peer->tell));
        }
        text = peer_tell_next(peer->tell);
    }
    if (text.data == NULL && peer_tell_count(peer->tell) > best->pinged &&
        best->waits_since_ms == 0) {
        peer_socket_ping(best, peer_tell_count(peer->tell)); /* the last ones */
    }
    return text.data == NULL;
}

/* Makes more. The mutex is given back around the database. */
static void make_more(struct sender *sender, struct peer *peer)
{
    struct peer_links *links = sender->links;
    struct problem problem;
    struct history *history;
    uint64_t news = links->news;
    int rc = -1;

    (void)pthread_mutex_unlock(&links->mutex);
    history = readers_take(links->gateway->readers, false, &problem);
    if (history != NULL) {
        rc = peer_tell_more(peer->tell, history, clock_wall_ms(), &problem);
        readers_give(links->gateway->readers, false, &history);
    }
    (void)pthread_mutex_lock(&links->mutex);
    if (rc < 0) {
        peer->retry_ms = sender->now_ms + RETRY_MS;
        peer_links_say(peer, "%s: %s", problem_name(problem.code), problem.text);
        return;
    }
    peer->news = news;
    peer->more = rc > 0;
}

/* Stores what is known of both directions. The mutex is given back around the node. */
static void store_mark(struct sender *sender, struct peer *peer)
{
    struct peer_links *links = sender->links;
    struct command command;
    struct problem problem;
    struct slice bytes;
    int rc;

    peer->has_mark = peer_tell_mark(peer->tell, &peer->mark) || peer->has_mark;
    if ((!peer->has_mark && !peer->heard_all_moved) || sender->now_ms < peer->mark_due_ms) {
        return;
    }
    command_init(&command, COMMAND_PEER_MARK);
    command.peer = slice_text(peer->id.text);
    if (peer->has_mark) {
        command.told = peer->mark;
    }
    if (peer->heard_all_moved) {
        command.heard_ms = peer->heard_all_ms;
    }
    peer->has_mark = peer->heard_all_moved = false;
    peer->mark_due_ms = sender->now_ms + MARK_EVERY_MS;
    buffer_clear(&sender->question);
    if (command_pack(&command, &sender->question) != 0) {
        return;
    }
    (void)pthread_mutex_unlock(&links->mutex);
    rc = desk_call(sender->node, buffer_slice(&sender->question), MARK_WAIT_MS, &bytes, &problem);
    (void)pthread_mutex_lock(&links->mutex);
    if (rc != 0) { /* the next one tells it all */
        log_debug("PEER_MARK", "peer=%s code=%s", peer->id.text, problem_name(problem.code));
    }
}

/* One peer. True when there is more to do at once. */
static bool serve(struct sender *sender, struct peer *peer)
{
    struct peer_socket *best = turn_to_best(peer);

    for (size_t i = 0; i < peer->socket_count; i++) {
        keep_alive(sender, peer, peer->sockets[i]);
    }
    best = turn_to_best(peer);
    if (best == NULL || peer->is_gone) {
        return false;
    }
    peer_tell_reached(peer->tell, best->reached);
    store_mark(sender, peer);
    if (sender->now_ms < peer->retry_ms) {
        return false;
    }
    ask_for_rows(sender, peer);
    best = turn_to_best(peer); /* the mutex was given back */
    if (best == NULL || !say_made(peer, best) || !may_say(peer, best) || listens(sender, peer) ||
        (!peer->more && peer->news == sender->links->news)) {
        return false;
    }
    make_more(sender, peer);
    return true;
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Until somebody wakes us; what is due by the clock is looked at now and then. */
static void wait_a_little(struct sender *sender)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
    until.tv_nsec += (long)RETRY_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    /* the time-out is an outcome like any other */
    (void)pthread_cond_timedwait(&sender->links->changed, &sender->links->mutex, &until);
}

void *peer_sender_run(void *argument)
{
    struct peer_links *links = argument;
    struct sender sender = {.links = links,
                            .node = desk_asker_new(links->gateway->desk, &links->stopping),
                            .mesh = ask_new(MESH_REPORT_ENDPOINT, &links->stopping)};

    (void)pthread_mutex_lock(&links->mutex);
    while (!atomic_load(&links->stopping)) {
        bool more = false;
        links->is_woken = false;
        sender.now_ms = clock_mono_ms();
        reap(links);
        look_at_mesh(&sender);
        for (size_t i = 0; i < links->count; i++) {
            more = serve(&sender, links->peers[i]) || more;
        }
        if (!more && !links->is_woken && !atomic_load(&links->stopping)) {
            wait_a_little(&sender);
        }
    }
    (void)pthread_mutex_unlock(&links->mutex);
    desk_asker_destroy(&sender.node);
    ask_destroy(&sender.mesh);
    buffer_free(&sender.text);
    buffer_free(&sender.question);
    return NULL;
}
