#include "api/peer_links_internal.h"

#include "proto/clock.h"
#include "proto/log.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEST_POLL_NS 5000000

/* ---- the table ------------------------------------------------------------------------------- */

struct peer *peer_links_find(struct peer_links *links, const char *id)
{
    for (size_t i = 0; i < links->count; i++) {
        if (!links->peers[i]->is_gone && strcmp(links->peers[i]->id.text, id) == 0) {
            return links->peers[i];
        }
    }
    return NULL;
}

void peer_links_wake(struct peer_links *links)
{
    links->is_woken = true;
    (void)pthread_cond_signal(&links->changed);
}

bool peer_links_may_log(struct peer *peer)
{
    int64_t now_ms = clock_mono_ms(), gained = (now_ms - peer->lines_ms) / LIMIT_PEER_LINE_MS;

    if (gained > 0) {
        peer->lines =
            peer->lines + gained < LIMIT_PEER_LINES ? peer->lines + gained : LIMIT_PEER_LINES;
        peer->lines_ms = now_ms;
    }
    if (peer->lines <= 0) {
        peer->unlogged++;
        return false;
    }
    peer->lines--;
    if (peer->unlogged > 0) {
        log_info("PEER_LEFT_OUT", "peer=%s lines=%" PRIu64, peer->id.text, peer->unlogged);
        peer->unlogged = 0;
    }
    return true;
}

void peer_links_say(struct peer *peer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(peer->last_error, sizeof peer->last_error, format, arguments); /* may be cut */
    va_end(arguments);
}

struct peer_socket *peer_links_best(const struct peer *peer)
{
    struct peer_socket *best = NULL;

    for (size_t i = 0; i < peer->socket_count; i++) {
        struct peer_socket *socket = peer->sockets[i];
        if (!socket->is_ending && (best == NULL || socket->number > best->number)) {
            best = socket;
        }
    }
    return best;
}

struct peer_choice peer_links_choice(const struct peer_links *links, const struct peer *peer)
{
    struct peer_case now = {.link = peer->entry.link,
                            .is_running = links->is_running,
                            .is_mesh_up = peer->is_mesh_up,
                            .is_mesh_proven = peer->is_mesh_proven,
                            .is_linked = peer_links_best(peer) != NULL,
                            .probe = peer->probe};

    return peer_choice(&now);
}

static struct peer *peer_new(struct peer_links *links, const struct api_peer *entry,
                             bool is_configured)
{
    struct peer *peer = bytes_allocate(1, sizeof *peer);

    peer->id = entry->id;
    peer->entry = *entry;
    peer->is_configured = is_configured;
    peer->zone = zone_new(entry->timezone);
    peer->lines = LIMIT_PEER_LINES;
    peer->lines_ms = clock_mono_ms();
    peer->tell = peer_tell_new(links->gateway->node.text, peer->id.text, peer->zone);
    links->peers[links->count++] = peer;
    return peer;
}

static void peer_free(struct peer *peer)
{
    peer_tell_destroy(&peer->tell);
    zone_destroy(&peer->zone);
    free(peer);
}

/* ---- sockets come and go --------------------------------------------------------------------- */

static struct peer *stranger(struct peer_links *links, const struct node_id *id)
{
    struct api_peer entry = {.id = *id, .link = API_LINK_WEBSOCKET};
    size_t strangers = 0;

    for (size_t i = 0; i < links->count; i++) {
        strangers += !links->peers[i]->is_configured;
    }
    return links->is_open && strangers < LIMIT_PEER_STRANGERS ? peer_new(links, &entry, false)
                                                              : NULL;
}

/* The oldest one gives way. */
static void make_room(struct peer *peer)
{
    struct peer_socket *oldest = NULL;
    size_t open = 0;

    for (size_t i = 0; i < peer->socket_count; i++) {
        struct peer_socket *socket = peer->sockets[i];
        open += !socket->is_ending;
        if (!socket->is_ending && (oldest == NULL || socket->number < oldest->number)) {
            oldest = socket;
        }
    }
    if (open >= LIMIT_PEER_SOCKETS) {
        peer_socket_close(oldest, PUSH_NORMAL);
    }
}

const char *peer_links_join(struct peer_links *links, const char *id, struct peer_socket *socket)
{
    int64_t now_ms = clock_mono_ms();
    struct node_id node;
    struct peer *peer;

    if (!node_id_parse(slice_text(id), &node)) {
        return "no id of a central";
    }
    if (node_id_compare(&node, &links->gateway->node) == 0) {
        return "it uses the id of this central";
    }
    peer = peer_links_find(links, id);
    if (peer == NULL) {
        peer = stranger(links, &node);
    }
    if (peer == NULL) {
        return "it is not in peer_centrals";
    }
    if (atomic_load(&links->stopping) || !peer_links_choice(links, peer).may_link) {
        return "this central is not to be linked by WebSocket";
    }
    make_room(peer);
    if (peer->socket_count == PEER_SOCKETS) {
        return "too many sockets of this central";
    }
    socket->peer = peer;
    socket->number = ++links->sockets;
    socket->opened_ms = peer->since_ms = clock_wall_ms();
    socket->ping_due_ms = socket->heartbeat_due_ms = now_ms + LIMIT_PEER_PING_MS;
    socket->allowance = LIMIT_PEER_BURST;
    socket->allowance_ms = now_ms;
    peer->sockets[peer->socket_count++] = socket;
    peer->wants_rows = true;
    peer->last_error[0] = '\0';
    if (peer_links_may_log(peer)) {
        log_info("PEER_LINKED", "peer=%s address=%s direction=%s", peer->id.text, socket->address,
                 socket->client != NULL ? "accepted" : "dialled");
    }
    peer_links_wake(links);
    return NULL;
}

void peer_links_leave(struct peer_links *links, struct peer_socket *socket)
{
    struct peer *peer = socket->peer;

    (void)pthread_mutex_lock(&links->mutex);
    for (size_t i = 0; peer != NULL && i < peer->socket_count; i++) {
        if (peer->sockets[i] == socket) {
            peer->sockets[i] = peer->sockets[--peer->socket_count];
            peer->since_ms = clock_wall_ms();
            peer->wants_rows = peer->wants_rows || peer->waits_for_rows;
            peer->waits_for_rows = false;
            if (peer_links_may_log(peer)) {
                log_info("PEER_UNLINKED", "peer=%s address=%s", peer->id.text, socket->address);
            }
            break;
        }
    }
    socket->peer = NULL;
    peer_links_wake(links);
    (void)pthread_mutex_unlock(&links->mutex);
}

static bool is_loopback(struct in_addr address)
{
    return ntohl(address.s_addr) >> 24 == 127;
}

bool peer_links_is_at(const char *configured, const char *address)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    struct in_addr from, wanted;
    bool is_at = false;

    if (inet_pton(AF_INET, address, &from) != 1) {
        return false;
    }
    if (inet_pton(AF_INET, configured, &wanted) == 1) {
        /* who calls an address of the own machine comes from 127.0.0.1 unless it says otherwise */
        return from.s_addr == wanted.s_addr ||
               (from.s_addr == htonl(INADDR_LOOPBACK) && is_loopback(wanted));
    }
    if (getaddrinfo(configured, NULL, &hints, &found) != 0) {
        return false;
    }
    for (const struct addrinfo *one = found; one != NULL && !is_at; one = one->ai_next) {
        struct sockaddr_in in;
        memcpy(&in, one->ai_addr, sizeof in); /* AF_INET was asked for */
        is_at = in.sin_addr.s_addr == from.s_addr;
    }
    freeaddrinfo(found);
    return is_at;
}

/* ---- configuration --------------------------------------------------------------------------- */

static bool is_same(const struct api_peer *a, const struct api_peer *b)
{
    return strcmp(a->ip, b->ip) == 0 && a->api_port == b->api_port && a->link == b->link &&
           strcmp(a->timezone, b->timezone) == 0;
}

static void let_go(struct peer *peer)
{
    peer->is_gone = true;
    if (peer->dial != NULL) {
        peer_dial_stop(peer->dial);
    }
    for (size_t i = 0; i < peer->socket_count; i++) {
        peer_socket_close(peer->sockets[i], PUSH_NORMAL);
    }
}

/* The entry of that id, or NULL. */
static const struct api_peer *entry_of(const struct api_peers *peers, const struct node_id *id)
{
    for (size_t i = 0; i < peers->count; i++) {
        if (node_id_compare(&peers->items[i].id, id) == 0) {
            return &peers->items[i];
        }
    }
    return NULL;
}

static void add(struct peer_links *links, const struct api_peer *entry, bool is_mesh_proven)
{
    struct peer *peer;

    if (links->count == sizeof links->peers / sizeof links->peers[0]) {
        log_warn("PEER_ENTRY_LEFT_OUT", "peer=%s",
                 entry->id.text); /* until those that go have gone */
        return;
    }
    peer = peer_new(links, entry, true);
    peer->is_mesh_proven = is_mesh_proven;
    if (entry->link != API_LINK_MESH && links->is_started) {
        peer->dial = peer_dial_new(links, peer);
    }
}

/* The mutex is held. */
static void follow(struct peer_links *links, const struct api_peers *peers)
{
    size_t present = links->count;

    links->is_open = peers->is_open;
    for (size_t i = 0; i < present; i++) {
        struct peer *peer = links->peers[i];
        const struct api_peer *entry = entry_of(peers, &peer->id);
        if (!peer->is_gone && (peer->is_configured ? entry == NULL || !is_same(entry, &peer->entry)
                                                   : entry != NULL || !peers->is_open)) {
            let_go(peer);
            if (entry != NULL) {
                add(links, entry, peer->is_mesh_proven);
            }
        }
    }
    for (size_t i = 0; i < peers->count; i++) {
        if (peer_links_find(links, peers->items[i].id.text) == NULL) {
            add(links, &peers->items[i], false);
        }
    }
    links->mesh_due_ms = 0;
}

void peer_links_set(struct peer_links *links, const struct api_peers *peers)
{
    (void)pthread_mutex_lock(&links->mutex);
    follow(links, peers);
    peer_links_wake(links);
    (void)pthread_mutex_unlock(&links->mutex);
}

void peer_links_run(struct peer_links *links, bool runs)
{
    (void)pthread_mutex_lock(&links->mutex);
    links->is_running = runs;
    links->mesh_due_ms = 0; /* what is not wanted any more ends at the next look */
    peer_links_wake(links);
    (void)pthread_mutex_unlock(&links->mutex);
}

/* ---- what is said of it ---------------------------------------------------------------------- */

static void report(const struct peer_links *links, const struct peer *peer,
                   struct peer_link_report *out)
{
    const struct peer_socket *best = peer_links_best(peer);
    struct peer_choice choice = peer_links_choice(links, peer);

    *out = (struct peer_link_report){
        .id = peer->id,
        .api_port = peer->entry.api_port,
        .is_configured = peer->is_configured,
        .link = choice.link,
        .why = peer->is_configured ? choice.why : "ws_peers là open: central nào cũng được nhận",
        .since_ms = best != NULL ? best->opened_ms : peer->since_ms,
        .heard_ms = peer->heard_ms,
        .sent = peer->sent,
        .received = peer->received,
        .refused = peer->refused};
    (void)snprintf(out->ip, sizeof out->ip, "%s",
                   peer->is_configured || best == NULL ? peer->entry.ip : best->address);
    for (size_t i = 0; i < peer->socket_count; i++) {
        out->sockets += !peer->sockets[i]->is_ending;
    }
    if (best != NULL) {
        (void)snprintf(out->direction, sizeof out->direction, "%s",
                       best->client != NULL ? "accepted" : "dialled");
    }
    memcpy(out->last_error, peer->last_error, sizeof out->last_error);
}

size_t peer_links_report(struct peer_links *links, struct peer_link_report *out, size_t max)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&links->mutex);
    for (size_t i = 0; i < links->count && count < max; i++) {
        if (!links->peers[i]->is_gone) {
            report(links, links->peers[i], &out[count++]);
        }
    }
    (void)pthread_mutex_unlock(&links->mutex);
    return count;
}

/* What is due on the socket that is spoken on is sent by the telling thread at once. `pings`: how
 * many were sent before that. */
static bool make_due(struct peer_links *links, const char *id, uint64_t *pings)
{
    struct peer *peer;
    struct peer_socket *best;

    (void)pthread_mutex_lock(&links->mutex);
    peer = peer_links_find(links, id);
    best = peer != NULL ? peer_links_best(peer) : NULL;
    if (best != NULL) {
        *pings = peer->pings;
        best->heartbeat_due_ms = best->ping_due_ms = 0;
        peer_links_wake(links);
    }
    (void)pthread_mutex_unlock(&links->mutex);
    return best != NULL;
}

/* When a ping was answered that was sent after so many; -1 = none yet. */
static int64_t answered_at(struct peer_links *links, const char *id, uint64_t pings)
{
    const struct peer *peer;
    int64_t at_ms;

    (void)pthread_mutex_lock(&links->mutex);
    peer = peer_links_find(links, id);
    at_ms = peer != NULL && peer->answered > pings ? peer->answered_ms : -1;
    (void)pthread_mutex_unlock(&links->mutex);
    return at_ms;
}

int64_t peer_links_test(struct peer_links *links, const char *id)
{
    const struct timespec pause = {.tv_nsec = TEST_POLL_NS};
    int64_t since_ms = clock_mono_ms(), at_ms;
    uint64_t pings = 0;

    if (!make_due(links, id, &pings)) {
        return -1;
    }
    while (clock_mono_ms() - since_ms < LIMIT_PROBE_MS && !atomic_load(&links->stopping)) {
        at_ms = answered_at(links, id, pings);
        if (at_ms >= since_ms) {
            return at_ms - since_ms;
        }
        (void)nanosleep(&pause, NULL); /* cut short: looked at a little earlier */
    }
    return -2;
}

bool peer_links_used(struct peer_links *links)
{
    bool used = false;

    (void)pthread_mutex_lock(&links->mutex);
    for (size_t i = 0; i < links->count && !used; i++) {
        used = links->peers[i]->socket_count > 0;
    }
    (void)pthread_mutex_unlock(&links->mutex);
    return used;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct peer_links *peer_links_new(struct gateway *gateway, const struct api_peers *peers)
{
    struct peer_links *links = bytes_allocate(1, sizeof *links);
    pthread_condattr_t monotonic;

    links->gateway = gateway;
    /* None of these can fail with valid arguments on Linux. */
    (void)pthread_mutex_init(&links->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&links->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    links->is_running = true;
    follow(links, peers);
    links->channel = peer_accept_add(links, gateway->push);
    return links;
}

bool peer_links_fact(struct peer_links *links)
{
    bool is_linked = false;

    (void)pthread_mutex_lock(&links->mutex);
    links->news++;
    for (size_t i = 0; i < links->count && !is_linked; i++) {
        is_linked = links->peers[i]->socket_count > 0;
    }
    if (is_linked) {
        peer_links_wake(links);
    }
    (void)pthread_mutex_unlock(&links->mutex);
    return is_linked;
}

void peer_links_start(struct peer_links *links)
{
    (void)pthread_mutex_lock(&links->mutex);
    links->is_started = pthread_create(&links->thread, NULL, peer_sender_run, links) == 0;
    for (size_t i = 0; links->is_started && i < links->count; i++) {
        struct peer *peer = links->peers[i];
        if (peer->is_configured && !peer->is_gone && peer->entry.link != API_LINK_MESH) {
            peer->dial = peer_dial_new(links, peer);
        }
    }
    if (!links->is_started) {
        log_error("PEER_LINKS_OFF", "problem=\"no thread\"");
    }
    (void)pthread_mutex_unlock(&links->mutex);
}

/* One that is there yet. */
static struct peer_dial *take_dial(struct peer_links *links)
{
    struct peer_dial *dial = NULL;

    (void)pthread_mutex_lock(&links->mutex);
    for (size_t i = 0; i < links->count && dial == NULL; i++) {
        dial = links->peers[i]->dial;
        links->peers[i]->dial = NULL;
    }
    (void)pthread_mutex_unlock(&links->mutex);
    return dial;
}

void peer_links_stop(struct peer_links *links)
{
    bool was_started;

    (void)pthread_mutex_lock(&links->mutex);
    atomic_store(&links->stopping, true);
    was_started = links->is_started;
    links->is_started = false;
    for (size_t i = 0; i < links->count; i++) {
        if (links->peers[i]->dial != NULL) {
            peer_dial_stop(links->peers[i]->dial);
        }
    }
    peer_links_wake(links);
    (void)pthread_mutex_unlock(&links->mutex);
    if (was_started) {
        (void)pthread_join(links->thread, NULL);
    }
    for (struct peer_dial *dial = take_dial(links); dial != NULL; dial = take_dial(links)) {
        peer_dial_destroy(&dial);
    }
}

void peer_links_destroy(struct peer_links **links)
{
    if (*links == NULL) {
        return;
    }
    for (size_t i = 0; i < (*links)->count; i++) {
        peer_free((*links)->peers[i]);
    }
    (void)pthread_cond_destroy(&(*links)->changed);
    (void)pthread_mutex_destroy(&(*links)->mutex);
    free(*links);
    *links = NULL;
}
