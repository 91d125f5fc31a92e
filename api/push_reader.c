#include "api/push_internal.h"
#include "api/request.h"
#include "api/stack.h"
#include "proto/clock.h"
#include "proto/wire.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READER_DESCRIPTORS 8192 /* highest looked at; they are given out from the lowest */

/* First byte of a frame */
#define FRAME_FIN 0x80
#define FRAME_RESERVED 0x70
#define FRAME_OPCODE 0x0f

/*
 * civetweb does not tell a connection's socket, and its mg_close_connection may be called from
 * another thread only while the reader is certain to be in its loop. So the socket is looked up
 * once by its peer; the close handler joins the writing thread before civetweb closes it.
 */
static int find_socket(const struct mg_connection *connection)
{
    const struct mg_request_info *info = mg_get_request_info(connection);
    long most = sysconf(_SC_OPEN_MAX);
    int found = -1;

    for (int fd = 0; fd < most && fd < READER_DESCRIPTORS; fd++) {
        struct sockaddr_in local, peer;
        socklen_t local_len = sizeof local, peer_len = sizeof peer;
        char text[INET_ADDRSTRLEN];
        if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) != 0 ||
            peer.sin_family != AF_INET || ntohs(peer.sin_port) != info->remote_port ||
            getsockname(fd, (struct sockaddr *)&local, &local_len) != 0 ||
            ntohs(local.sin_port) != info->server_port ||
            inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text) == NULL ||
            strcmp(text, info->remote_addr) != 0) {
            continue;
        }
        if (found >= 0) {
            return -1; /* two of our addresses, one peer port: better none than the wrong one */
        }
        found = fd;
    }
    return found;
}

/* ---- coming ---------------------------------------------------------------------------------- */

static int on_connect(const struct mg_connection *connection, void *argument)
{
    struct push_channel *channel = argument;
    bool fits;

    (void)pthread_mutex_lock(&channel->push->mutex);
    fits = push_fits(channel);
    (void)pthread_mutex_unlock(&channel->push->mutex);
    return fits && find_socket(connection) >= 0 ? 0 : 1;
}

static uint32_t frame_max(const struct push_channel *channel)
{
    return channel->options.frame_max != 0 ? channel->options.frame_max : LIMIT_WS_FRAME;
}

static struct push_client *client_new(struct push_channel *channel,
                                      struct mg_connection *connection, const struct caller *caller)
{
    struct push_client *client = bytes_allocate(1, sizeof *client);
    int64_t now_ms = clock_mono_ms();

    client->channel = channel;
    client->connection = connection;
    client->socket = find_socket(connection);
    client->heard = client->wants = true;
    client->ping_due_ms = now_ms + channel->push->ping_ms;
    client->silence_due_ms = now_ms + channel->options.silence_ms;
    client->caller = *caller;
    client->caller_due_ms = now_ms + LIMIT_WS_CALLER_MS;
    buffer_init(&client->fragments, frame_max(channel));
    (void)pthread_cond_init(&client->changed, &channel->push->monotonic); /* cannot fail */
    return client;
}

/* The mutex is held. */
static void client_free(struct push_client *client)
{
    push_queue_clear(client);
    buffer_free(&client->fragments);
    (void)pthread_cond_destroy(&client->changed);
    free(client);
}

/* Into the list, with its thread. False when it does not fit any more. The mutex is held. */
static bool join(struct push_client *client)
{
    struct push_channel *channel = client->channel;

    if (client->socket < 0 || !push_fits(channel) || push_writer_start(client) != 0) {
        return false;
    }
    channel->clients[channel->count++] = client;
    channel->opened++;
    channel->push->total++;
    if (channel->options.clients_max == 0) {
        channel->push->shared++;
    }
    return true;
}

/* Never a client: says why, and the reader meets the end at once. */
static void turn_away(struct mg_connection *connection, int fd, enum push_code code)
{
    push_writer_refuse(connection, code);
    if (fd >= 0) {
        (void)shutdown(fd, SHUT_RDWR); /* fails only when it is closed already */
    }
}

static void on_ready(struct mg_connection *connection, void *argument)
{
    struct push_channel *channel = argument;
    struct push *push = channel->push;
    struct push_client *client;
    struct request request;
    bool may = true, joined;
    int fd;

    request_init(&request, push->gateway, connection);
    if (push->gateway != NULL) {
        (void)request_origin_allowed(
            &request); /* it was asked already; now whether cookies count */
        caller_find(&request);
        may = caller_may(&request.caller, channel->who); /* it may have ended since the admission */
    }
    client = client_new(channel, connection, &request.caller);
    fd = client->socket;
    (void)pthread_mutex_lock(&push->mutex);
    joined = may && join(client);
    if (!joined) {
        client_free(client);
    }
    (void)pthread_mutex_unlock(&push->mutex);
    if (!joined) {
        turn_away(connection, fd, may ? PUSH_TRY_LATER : PUSH_POLICY);
        return;
    }
    mg_set_user_connection_data(connection, client);
    if (channel->options.open != NULL) {
        channel->options.open(channel->options.context, client, &request);
    }
    (void)pthread_mutex_lock(&push->mutex);
    client->opened = true;
    (void)pthread_cond_signal(&client->changed);
    (void)pthread_mutex_unlock(&push->mutex);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Ends a client that does not keep to the protocol; what it says from now on is not looked at. */
static void refuse(struct push_client *client, enum push_code code)
{
    (void)pthread_mutex_lock(&client->channel->push->mutex);
    client->deaf = true;
    push_queue_close(client, code);
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

static void take_ping(struct push_client *client, const char *data, size_t len)
{
    (void)pthread_mutex_lock(&client->channel->push->mutex);
    memcpy(client->pong, data, len);
    client->pong_len = len;
    client->pong_due = true; /* of several waiting ones the last is answered, as RFC 6455 allows */
    (void)pthread_cond_signal(&client->changed);
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

/* The client says goodbye, or answers ours. */
static void take_close(struct push_client *client, const char *data, size_t len)
{
    unsigned code = PUSH_NORMAL;

    if (len >= 2) {
        code = (unsigned)(unsigned char)data[0] << 8 | (unsigned char)data[1];
    }
    (void)pthread_mutex_lock(&client->channel->push->mutex);
    client->deaf = client->answered = true;
    if (client->state == PUSH_GOING) {
        (void)pthread_cond_signal(&client->changed);
    } else {
        push_queue_clear(client);
        /* a code that may not be sent is not echoed */
        push_queue_close(client, code >= 1000 && code < 5000 && code != 1005 && code != 1006
                                     ? (enum push_code)code
                                     : PUSH_PROTOCOL);
    }
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

static void set_busy(struct push_client *client, bool busy)
{
    (void)pthread_mutex_lock(&client->channel->push->mutex);
    client->silence_due_ms = clock_mono_ms() + client->channel->options.silence_ms;
    client->busy = busy;
    client->heard = true;
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

static void take_text(struct push_client *client, struct slice text)
{
    const struct push_options *options = &client->channel->options;

    if (!wire_is_utf8(text)) {
        refuse(client, PUSH_NOT_TEXT);
        return;
    }
    set_busy(client, true);
    if (options->text != NULL) {
        options->text(options->context, client, text);
    }
    set_busy(client, false);
}

/* A part of a message; civetweb hands out fragments one by one. */
static void take_data(struct push_client *client, int opcode, bool last, struct slice part)
{
    if (opcode == MG_WEBSOCKET_OPCODE_BINARY) {
        refuse(client, PUSH_UNSUPPORTED);
        return;
    }
    if ((opcode == MG_WEBSOCKET_OPCODE_CONTINUATION) != client->fragmented) {
        refuse(client, PUSH_PROTOCOL);
        return;
    }
    if (part.len > frame_max(client->channel)) {
        refuse(client, PUSH_TOO_BIG);
        return;
    }
    if (!client->fragmented && last) {
        take_text(client, part);
        return;
    }
    client->fragmented = !last;
    if (buffer_append(&client->fragments, part.data, part.len) != 0) {
        refuse(client, PUSH_TOO_BIG);
        return;
    }
    if (last) {
        take_text(client, buffer_slice(&client->fragments));
        buffer_clear(&client->fragments);
    }
}

static void take_frame(struct push_client *client, int bits, char *data, size_t len)
{
    int opcode = bits & FRAME_OPCODE;
    bool last = (bits & FRAME_FIN) != 0;
    bool control = opcode >= MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE;

    if ((bits & FRAME_RESERVED) != 0 || opcode > MG_WEBSOCKET_OPCODE_PONG ||
        (opcode > MG_WEBSOCKET_OPCODE_BINARY && !control) ||
        (control && (!last || len > PUSH_PING_BYTES))) {
        refuse(client, PUSH_PROTOCOL);
    } else if (opcode == MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE) {
        take_close(client, data, len);
    } else if (opcode == MG_WEBSOCKET_OPCODE_PING) {
        take_ping(client, data, len);
    } else if (opcode != MG_WEBSOCKET_OPCODE_PONG) {
        take_data(client, opcode, last, (struct slice){data, len});
    } else if (client->channel->options.pong != NULL) {
        client->channel->options.pong(client->channel->options.context, client,
                                      (struct slice){data, len});
    }
}

static int on_data(struct mg_connection *connection, int bits, char *data, size_t len,
                   void *argument)
{
    struct push_client *client = mg_get_user_connection_data(connection);
    bool deaf;

    (void)argument;
    if (client == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&client->channel->push->mutex);
    client->heard = true;
    deaf = client->deaf;
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
    if (!deaf) {
        take_frame(client, bits, data, len);
    } else if ((bits & FRAME_OPCODE) == MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE) {
        take_close(client, data, len);
    }
    return 1; /* the writing thread ends the connection, after its close frame */
}

/* ---- going ----------------------------------------------------------------------------------- */

static void leave(struct push_client *client)
{
    struct push_channel *channel = client->channel;

    for (uint32_t i = 0; i < channel->count; i++) {
        if (channel->clients[i] == client) {
            channel->clients[i] = channel->clients[--channel->count];
            break;
        }
    }
    if (!client->answered || client->state != PUSH_GOING) {
        push_queue_cut(client); /* else a last frame is due; civetweb comes here without waiting */
    }
}

static void on_close(const struct mg_connection *connection, void *argument)
{
    struct push_channel *channel = argument;
    struct push *push = channel->push;
    struct push_client *client = mg_get_user_connection_data(connection);

    if (client == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&push->mutex);
    leave(client);
    (void)pthread_mutex_unlock(&push->mutex);
    (void)pthread_join(client->thread, NULL);
    if (channel->options.close != NULL) {
        channel->options.close(channel->options.context, client);
    }
    mg_set_user_connection_data(connection, NULL);
    (void)pthread_mutex_lock(&push->mutex);
    client_free(client);
    push->total--;
    if (channel->options.clients_max == 0) {
        push->shared--;
    }
    (void)pthread_cond_signal(&push->left);
    (void)pthread_mutex_unlock(&push->mutex);
    stack_trim(); /* the worker waits again */
}

void push_reader_register(struct push_channel *channel, struct mg_context *context)
{
    mg_set_websocket_handler(context, channel->options.path, on_connect, on_ready, on_data,
                             on_close, channel);
    if (channel->options.any_path) {
        mg_set_websocket_handler(context, "/**", on_connect, on_ready, on_data, on_close, channel);
    }
}
