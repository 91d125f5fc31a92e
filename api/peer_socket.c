#include "api/peer_links_internal.h"

#include "proto/clock.h"

#include <string.h>

/* Bytes of a ping: the count of messages before it, which many pings may share, and its own number,
 * by which a test knows the answer to its ping from that to an earlier one. */
#define NUMBER 8 /* most significant first */
#define PAYLOAD (2 * NUMBER)

bool peer_socket_offer(struct peer_socket *socket, struct slice text)
{
    bool taken = socket->client != NULL ? push_offer(socket->client, text)
                                        : peer_dial_offer(socket->dial, text);

    socket->peer->sent += taken;
    return taken;
}

static void put_number(char out[NUMBER], uint64_t number)
{
    for (size_t i = 0; i < NUMBER; i++) {
        out[i] = (char)(number >> (56 - 8 * i));
    }
}

static uint64_t get_number(const char *bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < NUMBER; i++) {
        number = number << 8 | (unsigned char)bytes[i];
    }
    return number;
}

void peer_socket_ping(struct peer_socket *socket, uint64_t count)
{
    char payload[PAYLOAD];
    int64_t now_ms = clock_mono_ms();

    put_number(payload, count);
    put_number(payload + NUMBER, ++socket->peer->pings);
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
    struct peer *peer;
    uint64_t count, number;

    if (payload.len != PAYLOAD) {
        return;
    }
    count = get_number(payload.data);
    number = get_number(payload.data + NUMBER);
    (void)pthread_mutex_lock(&links->mutex);
    peer = socket->peer;
    if (count <= socket->pinged && count >= socket->reached && number <= peer->pings) {
        socket->reached = count;
        socket->waits_since_ms = count == socket->pinged ? 0 : clock_mono_ms();
        if (number > peer->answered) {
            peer->answered = number;
            peer->answered_ms = clock_mono_ms();
        }
        peer_links_wake(links);
    }
    (void)pthread_mutex_unlock(&links->mutex);
}
