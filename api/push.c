#include "api/push.h"

#include "api/push_internal.h"
#include "api/respond.h"
#include "api/route.h"
#include "proto/fact.h"
#include "proto/log.h"

#include <civetweb.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUSH_STOP_MS 1000 /* clients get this long to take the close frame */

/* ---- to everybody ---------------------------------------------------------------------------- */

void push_all(struct push_channel *channel, struct slice text)
{
    struct push_message *message = push_queue_message(text);

    (void)pthread_mutex_lock(&channel->push->mutex);
    for (uint32_t i = 0; i < channel->count; i++) {
        (void)push_queue_put(channel->clients[i], message);
    }
    push_queue_release(message);
    (void)pthread_mutex_unlock(&channel->push->mutex);
}

void push_tagged(struct push_channel *channel, const char *except, struct slice text)
{
    struct push_message *message = push_queue_message(text);

    (void)pthread_mutex_lock(&channel->push->mutex);
    for (uint32_t i = 0; i < channel->count; i++) {
        const char *tag = channel->clients[i]->tag;
        if (tag[0] != '\0' && strcmp(tag, except) != 0) {
            (void)push_queue_put(channel->clients[i], message);
        }
    }
    push_queue_release(message);
    (void)pthread_mutex_unlock(&channel->push->mutex);
}

void push_notice(struct push_channel *channel, struct slice text)
{
    struct push_message *message = push_queue_message(text);

    (void)pthread_mutex_lock(&channel->push->mutex);
    for (uint32_t i = 0; i < channel->count; i++) {
        push_queue_notice(channel->clients[i], message);
    }
    push_queue_release(message);
    (void)pthread_mutex_unlock(&channel->push->mutex);
}

static void wake(struct push_client *client)
{
    client->wants = true;
    (void)pthread_cond_signal(&client->changed);
}

void push_wake(struct push_channel *channel)
{
    (void)pthread_mutex_lock(&channel->push->mutex);
    for (uint32_t i = 0; i < channel->count; i++) {
        wake(channel->clients[i]);
    }
    (void)pthread_mutex_unlock(&channel->push->mutex);
}

uint32_t push_count(struct push_channel *channel)
{
    uint32_t count;

    (void)pthread_mutex_lock(&channel->push->mutex);
    count = channel->count;
    (void)pthread_mutex_unlock(&channel->push->mutex);
    return count;
}

bool push_figures(struct push *push, size_t index, struct push_figures *out)
{
    const struct push_channel *channel = &push->channels[index];

    if (index >= push->channel_count) {
        return false;
    }
    (void)pthread_mutex_lock(&push->mutex);
    *out = (struct push_figures){.path = channel->options.path,
                                 .open = channel->count,
                                 .opened = channel->opened,
                                 .slow = channel->slow,
                                 .silent = channel->silent,
                                 .dropped = channel->dropped};
    (void)pthread_mutex_unlock(&push->mutex);
    return true;
}

/* ---- to one client --------------------------------------------------------------------------- */

void push_send(struct push_client *client, struct slice text)
{
    struct push_message *message = push_queue_message(text);

    (void)pthread_mutex_lock(&client->channel->push->mutex);
    (void)push_queue_put(client, message);
    push_queue_release(message);
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

bool push_offer(struct push_client *client, struct slice text)
{
    struct push_message *message = push_queue_message(text);
    bool taken;

    (void)pthread_mutex_lock(&client->channel->push->mutex);
    taken = push_queue_has_room(client) && push_queue_put(client, message);
    client->wants = client->wants || !taken;
    push_queue_release(message);
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
    return taken;
}

void push_ping(struct push_client *client, struct slice payload)
{
    struct push_message *message;

    payload.len = payload.len > PUSH_PING_BYTES ? PUSH_PING_BYTES : payload.len;
    message = push_queue_message(payload);
    message->opcode = MG_WEBSOCKET_OPCODE_PING;
    (void)pthread_mutex_lock(&client->channel->push->mutex);
    (void)push_queue_put(client, message);
    push_queue_release(message);
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

void push_notify(struct push_client *client, struct slice text)
{
    struct push_message *message = push_queue_message(text);

    (void)pthread_mutex_lock(&client->channel->push->mutex);
    push_queue_notice(client, message);
    push_queue_release(message);
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

void push_wake_one(struct push_client *client)
{
    (void)pthread_mutex_lock(&client->channel->push->mutex);
    wake(client);
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

void push_close(struct push_client *client, enum push_code code)
{
    (void)pthread_mutex_lock(&client->channel->push->mutex);
    push_queue_close(client, code);
    (void)pthread_mutex_unlock(&client->channel->push->mutex);
}

bool push_claim(struct push_client *client, const char *tag)
{
    struct push_channel *channel = client->channel;
    bool replaced = false;

    (void)pthread_mutex_lock(&channel->push->mutex);
    for (uint32_t i = 0; i < channel->count; i++) {
        struct push_client *other = channel->clients[i];
        if (other != client && strcmp(other->tag, tag) == 0) {
            other->tag[0] = '\0';
            replaced = true;
        }
    }
    (void)snprintf(client->tag, sizeof client->tag, "%s", tag);
    (void)pthread_mutex_unlock(&channel->push->mutex);
    return replaced;
}

void push_set_own(struct push_client *client, void *own)
{
    client->own = own;
}

void *push_own(const struct push_client *client)
{
    return client->own;
}

struct worker *push_worker(const struct push_client *client)
{
    return mg_get_thread_pointer(client->connection);
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* Whether anybody wants to hear a fact. */
static bool has_listeners(struct push *push)
{
    bool some = false;

    (void)pthread_mutex_lock(&push->mutex);
    for (size_t i = 0; i < push->channel_count && !some; i++) {
        some = push->channels[i].options.fact != NULL && push->channels[i].count > 0;
    }
    (void)pthread_mutex_unlock(&push->mutex);
    return some;
}

static void tell_channels(struct push *push, const struct fact *fact)
{
    for (size_t i = 0; i < push->channel_count; i++) {
        struct push_channel *channel = &push->channels[i];
        if (channel->options.fact != NULL && push_count(channel) > 0) {
            channel->options.fact(channel->options.context, fact);
        }
    }
}

bool push_fact(struct push *push, struct slice bytes)
{
    struct fact fact;

    /* Nobody looks: not worth unpacking. Who comes later fetches everything first. */
    if (!has_listeners(push)) {
        push->last_batch = 0;
        return false;
    }
    if (fact_unpack(&fact, bytes) != 0) {
        log_error("FACT_INVALID", "bytes=%zu", bytes.len);
        return true;
    }
    if (push->last_batch != 0 && fact.batch != push->last_batch + 1) {
        tell_channels(push, NULL);
    } else {
        tell_channels(push, &fact);
    }
    push->last_batch = fact.batch;
    fact_free(&fact);
    return true;
}

/* ---- coming ---------------------------------------------------------------------------------- */

static uint32_t places_of(const struct push_channel *channel)
{
    return channel->options.clients_max != 0 ? channel->options.clients_max
                                             : channel->push->clients_max;
}

bool push_fits(const struct push_channel *channel)
{
    uint32_t taken = channel->options.clients_max != 0 ? channel->count : channel->push->shared;

    return !channel->push->stopping && taken < places_of(channel) &&
           channel->count < places_of(channel);
}

bool push_admit(struct push *push, struct request *request, const char *path)
{
    for (size_t i = 0; i < push->channel_count; i++) {
        struct push_channel *channel = &push->channels[i];
        bool fits;
        if (strcmp(channel->options.path, path) != 0) {
            continue;
        }
        (void)pthread_mutex_lock(&push->mutex);
        fits = push_fits(channel);
        (void)pthread_mutex_unlock(&push->mutex);
        if (!fits) {
            respond_error(request, PROBLEM_BUSY, "Quá nhiều kết nối WebSocket");
            return false;
        }
        return channel->options.admit == NULL ||
               channel->options.admit(channel->options.context, request) == 0;
    }
    respond_error(request, PROBLEM_NOT_FOUND, "no such path");
    return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct push *push_new(uint32_t clients_max, uint32_t ping_ms)
{
    struct push *push = bytes_allocate(1, sizeof *push);

    push->clients_max = clients_max;
    push->ping_ms = ping_ms != 0 ? ping_ms : LIMIT_WS_PING_MS;
    /* None of these can fail with valid arguments on Linux. */
    (void)pthread_mutex_init(&push->mutex, NULL);
    (void)pthread_condattr_init(&push->monotonic);
    (void)pthread_condattr_setclock(&push->monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&push->left, &push->monotonic);
    return push;
}

struct push_channel *push_add(struct push *push, const struct push_options *options)
{
    struct push_channel *channel = &push->channels[push->channel_count];

    assert(push->channel_count < PUSH_CHANNELS && push->gateway == NULL);
    push->channel_count++;
    channel->push = push;
    channel->options = *options;
    channel->clients = bytes_allocate(places_of(channel), sizeof(struct push_client *));
    return channel;
}

uint32_t push_places(const struct push *push)
{
    uint32_t places = push->clients_max;

    for (size_t i = 0; i < push->channel_count; i++) {
        places += push->channels[i].options.clients_max;
    }
    return places;
}

static unsigned who_may(const char *path)
{
    const struct route *route;

    for (size_t i = 0; (route = route_at(i)) != NULL; i++) {
        if (strcmp(route->method, "WS") == 0 && strcmp(route->path, path) == 0) {
            return route->who;
        }
    }
    return ROLE_ANYONE;
}

void push_serve(struct push *push, struct mg_context *context, struct gateway *gateway)
{
    push->gateway = gateway;
    for (size_t i = 0; i < push->channel_count; i++) {
        push->channels[i].who = who_may(push->channels[i].options.path);
        push_reader_register(&push->channels[i], context);
    }
}

/* The mutex is held. */
static void close_all(struct push *push, void (*end)(struct push_client *client))
{
    for (size_t i = 0; i < push->channel_count; i++) {
        for (uint32_t j = 0; j < push->channels[i].count; j++) {
            end(push->channels[i].clients[j]);
        }
    }
}

static void say_going_away(struct push_client *client)
{
    push_queue_close(client, PUSH_GOING_AWAY);
}

void push_stop(struct push *push)
{
    struct timespec until;
    int rc = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PUSH_STOP_MS / 1000;
    (void)pthread_mutex_lock(&push->mutex);
    push->stopping = true;
    close_all(push, say_going_away);
    while (push->total > 0 && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&push->left, &push->mutex, &until);
    }
    close_all(push, push_queue_cut);
    (void)pthread_mutex_unlock(&push->mutex);
}

void push_destroy(struct push **push)
{
    if (*push == NULL) {
        return;
    }
    for (size_t i = 0; i < (*push)->channel_count; i++) {
        free((*push)->channels[i].clients);
    }
    (void)pthread_cond_destroy(&(*push)->left);
    (void)pthread_condattr_destroy(&(*push)->monotonic);
    (void)pthread_mutex_destroy(&(*push)->mutex);
    free(*push);
    *push = NULL;
}
