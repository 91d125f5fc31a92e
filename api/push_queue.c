#include "api/push_internal.h"
#include "proto/clock.h"
#include "proto/log.h"

#include <civetweb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct push_message *push_queue_message(struct slice text)
{
    struct push_message *message = bytes_allocate(1, sizeof *message + text.len);

    message->refs = 1;
    message->opcode = MG_WEBSOCKET_OPCODE_TEXT;
    message->len = text.len;
    memcpy(message->text, text.data, text.len);
    return message;
}

void push_queue_release(struct push_message *message)
{
    if (--message->refs == 0) {
        free(message);
    }
}

void push_queue_cut(struct push_client *client)
{
    client->state = PUSH_CUT;
    (void)shutdown(client->socket, SHUT_RDWR); /* fails only when it is closed already */
    (void)pthread_cond_signal(&client->changed);
}

void push_queue_close(struct push_client *client, enum push_code code)
{
    if (client->state == PUSH_OPEN) {
        client->state = PUSH_GOING;
        client->code = code;
        (void)pthread_cond_signal(&client->changed);
    }
}

bool push_queue_put(struct push_client *client, struct push_message *message)
{
    if (client->state != PUSH_OPEN) {
        return false;
    }
    if (client->count == LIMIT_WS_QUEUE || client->bytes + message->len > LIMIT_WS_QUEUE_BYTES) {
        log_warn("WS_SLOW", "path=%s messages=%zu bytes=%zu", client->channel->options.path,
                 client->count, client->bytes);
        client->channel->slow++;
        client->channel->dropped += client->count + 1;
        push_queue_cut(client);
        return false;
    }
    client->queue[(client->head + client->count++) % LIMIT_WS_QUEUE] = message;
    client->bytes += message->len;
    message->refs++;
    (void)pthread_cond_signal(&client->changed);
    return true;
}

bool push_queue_has_room(const struct push_client *client)
{
    return client->count < LIMIT_WS_QUEUE / 2 && client->bytes < LIMIT_WS_QUEUE_BYTES / 2;
}

void push_queue_notice(struct push_client *client, struct push_message *message)
{
    if (client->state != PUSH_OPEN) {
        return;
    }
    if (client->notice != NULL) {
        push_queue_release(client->notice);
    } else {
        (void)pthread_cond_signal(&client->changed);
    }
    client->notice = message;
    message->refs++;
}

struct push_message *push_queue_take(struct push_client *client, int64_t now_ms)
{
    struct push_message *message;

    if (client->count > 0) {
        message = client->queue[client->head];
        client->head = (client->head + 1) % LIMIT_WS_QUEUE;
        client->count--;
        client->bytes -= message->len;
        return message;
    }
    if (client->notice == NULL || (now_ms < client->notice_due_ms && client->state == PUSH_OPEN)) {
        return NULL;
    }
    message = client->notice;
    client->notice = NULL;
    client->notice_due_ms = now_ms + client->channel->options.notice_ms;
    return message;
}

void push_queue_clear(struct push_client *client)
{
    for (; client->count > 0; client->count--) {
        push_queue_release(client->queue[client->head]);
        client->head = (client->head + 1) % LIMIT_WS_QUEUE;
    }
    client->bytes = 0;
    if (client->notice != NULL) {
        push_queue_release(client->notice);
        client->notice = NULL;
    }
}
