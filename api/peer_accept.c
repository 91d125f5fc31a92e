/*
 * Centrals that come to us. At the handshake only their address is known; the first message says
 * who it is.
 */
#include "api/peer_links_internal.h"

#include "api/envelope.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSAL_LOG_MS 60000 /* between two lines about whoever is refused */

struct visitor {
    struct peer_socket socket; /* in the table once `named` */
    bool named;                /* worker thread only */
    atomic_bool has_name;      /* the same for the other thread */
};

static void log_refusal(struct peer_links *links, const char *address, const char *id,
                        const char *why)
{
    char quoted[2 * LIMIT_NODE_ID + 8];
    int64_t now_ms = clock_mono_ms();
    bool due;

    (void)pthread_mutex_lock(&links->mutex);
    due = now_ms >= links->refusal_due_ms;
    if (due) {
        links->refusal_due_ms = now_ms + REFUSAL_LOG_MS;
    }
    (void)pthread_mutex_unlock(&links->mutex);
    if (due) {
        log_warn("PEER_REFUSED", "address=%s peer=%s problem=\"%s\"", address,
                 log_quote(id, quoted, sizeof quoted), why);
    }
}

/* ---- who may come ---------------------------------------------------------------------------- */

/* One more, or one less, that has not said who it is. */
static void count_nameless(struct peer_links *links, int change)
{
    (void)pthread_mutex_lock(&links->mutex);
    links->nameless += (unsigned)change;
    (void)pthread_mutex_unlock(&links->mutex);
}

/* The addresses of those that may be linked; the ids are checked when they are said. */
static size_t list_addresses(struct peer_links *links, char (*out)[64], bool *any, bool *crowded)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&links->mutex);
    *crowded = links->nameless >= LIMIT_PEER_NAMELESS;
    *any = links->is_open && links->is_running;
    for (size_t i = 0; i < links->count; i++) {
        const struct peer *peer = links->peers[i];
        if (!peer->is_gone && peer->is_configured && count < LIMIT_PEERS &&
            peer_links_choice(links, peer).may_link) {
            memcpy(out[count++], peer->entry.ip, sizeof out[0]);
        }
    }
    (void)pthread_mutex_unlock(&links->mutex);
    return count;
}

static int on_admit(void *context, struct request *request)
{
    struct peer_links *links = context;
    char(*addresses)[64] = bytes_allocate(LIMIT_PEERS, sizeof *addresses);
    bool may, crowded;
    size_t count = list_addresses(links, addresses, &may, &crowded);

    for (size_t i = 0; i < count && !may; i++) {
        may = peer_links_is_at(addresses[i], request->caller.address);
    }
    free(addresses);
    if (may && !crowded) {
        return 0;
    }
    if (may) {
        respond_error(request, PROBLEM_BUSY, "Quá nhiều kết nối chưa cho biết là central nào");
        return -1;
    }
    log_refusal(links, request->caller.address, "", "no central is to be linked from there");
    respond_error(request, PROBLEM_FORBIDDEN,
                  "Central ở địa chỉ này không được phép kết nối (peer_centrals, ws_peers)");
    return -1;
}

static void on_open(void *context, struct push_client *client, struct request *request)
{
    struct visitor *visitor = bytes_allocate(1, sizeof *visitor);

    visitor->socket.client = client;
    (void)snprintf(visitor->socket.address, sizeof visitor->socket.address, "%s",
                   request->caller.address);
    push_set_own(client, visitor);
    count_nameless(context, 1);
}

/* ---- who it is ------------------------------------------------------------------------------- */

/* Where a central of this id has to come from: "" = from anywhere. */
static void required_address(struct peer_links *links, const char *id, char out[64])
{
    const struct peer *peer;

    out[0] = '\0';
    (void)pthread_mutex_lock(&links->mutex);
    peer = peer_links_find(links, id);
    if (peer != NULL && peer->is_configured && !links->is_open) {
        memcpy(out, peer->entry.ip, sizeof peer->entry.ip);
    }
    (void)pthread_mutex_unlock(&links->mutex);
}

static void identify(struct peer_links *links, struct push_client *client, struct slice text)
{
    struct visitor *visitor = push_own(client);
    char id[LIMIT_NODE_ID + 1] = "", address[64];
    struct problem problem;
    const char *why;

    if (envelope_read_identity(text, id, sizeof id, &problem) != 0) {
        log_refusal(links, visitor->socket.address, id, "it does not say who it is");
        push_close(client, problem.code == PROBLEM_JSON_INVALID ? PUSH_NORMAL : PUSH_POLICY);
        return;
    }
    required_address(links, id, address);
    if (address[0] != '\0' && !peer_links_is_at(address, visitor->socket.address)) {
        why = "this central does not live there";
    } else {
        (void)pthread_mutex_lock(&links->mutex);
        why = peer_links_join(links, id, &visitor->socket);
        (void)pthread_mutex_unlock(&links->mutex);
    }
    if (why != NULL) {
        log_refusal(links, visitor->socket.address, id, why);
        push_close(client, PUSH_POLICY);
        return;
    }
    visitor->named = true;
    count_nameless(links, -1);
    atomic_store(&visitor->has_name, true);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static void on_text(void *context, struct push_client *client, struct slice text)
{
    struct peer_links *links = context;
    struct visitor *visitor = push_own(client);
    struct worker *worker = push_worker(client);
    int code;

    if (!visitor->named) {
        identify(links, client, text);
        return;
    }
    code = peer_frame_take(links, &visitor->socket, worker->node, &worker->question, text);
    if (code != 0) {
        (void)pthread_mutex_lock(&links->mutex);
        peer_socket_close(&visitor->socket, (enum push_code)code);
        (void)pthread_mutex_unlock(&links->mutex);
    }
}

static void on_pong(void *context, struct push_client *client, struct slice payload)
{
    struct visitor *visitor = push_own(client);

    if (visitor->named) {
        peer_socket_pong(context, &visitor->socket, payload);
    }
}

static void on_silence(void *context, struct push_client *client)
{
    const struct visitor *visitor = push_own(client);

    (void)context;
    if (!atomic_load(&visitor->has_name)) {
        push_close(client, PUSH_POLICY);
    }
}

static void on_room(void *context, struct push_client *client)
{
    struct peer_links *links = context;

    (void)client;
    (void)pthread_mutex_lock(&links->mutex);
    peer_links_wake(links);
    (void)pthread_mutex_unlock(&links->mutex);
}

static void on_close(void *context, struct push_client *client)
{
    struct visitor *visitor = push_own(client);

    if (visitor->named) {
        peer_links_leave(context, &visitor->socket);
    } else {
        count_nameless(context, -1);
    }
    free(visitor);
}

struct push_channel *peer_accept_add(struct peer_links *links, struct push *push)
{
    const struct push_options options = {.path = "/ws/p2p",
                                         .clients_max = LIMIT_WS_PEERS,
                                         .silence_ms = LIMIT_PEER_IDENTIFY_MS,
                                         .frame_max = LIMIT_PEER_FRAME,
                                         .any_path = true,
                                         .context = links,
                                         .admit = on_admit,
                                         .open = on_open,
                                         .text = on_text,
                                         .pong = on_pong,
                                         .silence = on_silence,
                                         .room = on_room,
                                         .close = on_close};

    return push_add(push, &options);
}
