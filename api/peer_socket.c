#include "api/peer_links_internal.h"

#include "proto/clock.h"

#include <string.h>

#define PAYLOAD 8 /* bytes of a ping: the count, most significant first */

bool peer_socket_offer(struct peer_socket *socket, struct slice text)
{
    bool taken = socket->client != NULL ? push_offer(socket->client, text)
                                        : peer_dial_offer(socket->dial, text);

    socket->peer->sent += taken;
    return taken;
}

void peer_socket_ping(struct peer_socket *socket, uint64_t count)
{
    char payload[PAYLOAD];
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < PAYLOAD; i++) {
        payload[i] = (char)(count >> (56 - 8 * i));
    }
    socket->pinged = count;
    socket->ping_due_ms = now_ms + LIMIT_PEER_PING_MS;
    if (socket->waits_since_ms == 0) {
        socket->waits_since_ms = now_ms;
    }
    if (socket->client != NULL) {
        push_ping(socket->client, (struct slice){payload, PAYLOAD});
    } else {
        peer_dial_ping(socket->dial, (struct slice){payload, PAYLOAD});
    }
}

void peer_socket_close(struct peer_socket *socket, enum push_code code)
{
    if (socket->is_ending) {
        return;
    }
    socket->is_ending = true;
    if (socket->client != NULL) {
        push_close(socket->client, code);
    } else {
        peer_dial_close(socket->dial, code);
    }
}

/* A pong that answers no ping of ours says only that somebody is there. */
void peer_socket_pong(struct peer_links *links, struct peer_socket *socket, struct slice payload)
{
    uint64_t count = 0;

    for (size_t i = 0; i < PAYLOAD && payload.len == PAYLOAD; i++) {
        count = count << 8 | (unsigned char)payload.data[i];
    }
    (void)pthread_mutex_lock(&links->mutex);
    if (payload.len == PAYLOAD && count <= socket->pinged && count >= socket->reached) {
        socket->reached = count;
        socket->waits_since_ms = count == socket->pinged ? 0 : clock_mono_ms();
        socket->peer->answered_ms = clock_mono_ms();
        peer_links_wake(links);
    }
    (void)pthread_mutex_unlock(&links->mutex);
}
