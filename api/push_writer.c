/*
 * Only this thread writes to its client, so frames never mix; pongs and the close frame wait their
 * turn here, too.
 */
#include "api/push_internal.h"
#include "proto/clock.h"
#include "proto/log.h"

#include <civetweb.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define WRITER_STACK ((size_t)128 * 1024)

static bool write_frame(struct mg_connection *connection, int opcode, const char *data, size_t len)
{
    /* a partly sent frame comes back as a short count; an empty one as its two bytes of head */
    return mg_websocket_write(connection, opcode, data, len) == (len > 0 ? (int)len : 2);
}

static bool write_close(struct mg_connection *connection, enum push_code code)
{
    char payload[2] = {(char)((unsigned)code >> 8), (char)((unsigned)code & 0xff)};

    return write_frame(connection, MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE, payload, sizeof payload);
}

void push_writer_refuse(struct mg_connection *connection, enum push_code code)
{
    (void)write_close(connection, code); /* it ends now, whether or not the client hears why */
}

/* ---- waiting (mutex held) -------------------------------------------------------------------- */

static void wait_until(struct push_client *client, int64_t until_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};

    /* The time-out is an outcome like any other: the caller looks again. */
    (void)pthread_cond_timedwait(&client->changed, &client->channel->push->mutex, &until);
}

/* When there is something to do even if nothing comes. */
static int64_t next_due(const struct push_client *client)
{
    int64_t due = client->ping_due_ms;

    if (client->caller_due_ms < due) {
        due = client->caller_due_ms;
    }
    if (client->notice != NULL && client->notice_due_ms < due) {
        due = client->notice_due_ms;
    }
    if (client->channel->options.silence_ms > 0 && client->silence_due_ms < due) {
        due = client->silence_due_ms;
    }
    return due;
}

/* ---- one turn (mutex held; given back around writes and hooks) ------------------------------- */

static void write_unlocked(struct push_client *client, int opcode, const char *data, size_t len)
{
    pthread_mutex_t *mutex = &client->channel->push->mutex;
    bool written;

    (void)pthread_mutex_unlock(mutex);
    written = write_frame(client->connection, opcode, data, len);
    (void)pthread_mutex_lock(mutex);
    if (!written) {
        push_queue_cut(client);
    }
}

static void ping(struct push_client *client, int64_t now_ms)
{
    if (!client->heard && !client->busy) {
        log_info("WS_SILENT", "path=%s", client->channel->options.path);
        client->channel->silent++;
        push_queue_cut(client);
        return;
    }
    client->heard = false;
    client->ping_due_ms = now_ms + client->channel->push->ping_ms;
    write_unlocked(client, MG_WEBSOCKET_OPCODE_PING, NULL, 0);
}

static void call(struct push_client *client, void (*hook)(void *, struct push_client *))
{
    pthread_mutex_t *mutex = &client->channel->push->mutex;

    (void)pthread_mutex_unlock(mutex);
    hook(client->channel->options.context, client);
    (void)pthread_mutex_lock(mutex);
}

/* Whoever logged out, was removed or may something else now comes again, if it may. */
static void look_up(struct push_client *client, int64_t now_ms)
{
    pthread_mutex_t *mutex = &client->channel->push->mutex;
    bool holds;

    client->caller_due_ms = now_ms + LIMIT_WS_CALLER_MS;
    (void)pthread_mutex_unlock(mutex);
    holds = caller_holds(client->channel->push->gateway, &client->caller);
    (void)pthread_mutex_lock(mutex);
    if (!holds && client->state == PUSH_OPEN) {
        log_info("WS_CALLER_ENDED", "path=%s caller=%s", client->channel->options.path,
                 client->caller.name);
        push_queue_clear(client);
        client->deaf = true;
        push_queue_close(client, PUSH_POLICY);
    }
}

/* False when there was nothing to do. */
static bool take_turn(struct push_client *client, int64_t now_ms)
{
    const struct push_options *options = &client->channel->options;
    struct push_message *message;

    if (client->pong_due) {
        char payload[PUSH_PING_BYTES];
        memcpy(payload, client->pong, client->pong_len);
        client->pong_due = false;
        write_unlocked(client, MG_WEBSOCKET_OPCODE_PONG, payload, client->pong_len);
        return true;
    }
    if (client->state == PUSH_OPEN && now_ms >= client->caller_due_ms) {
        look_up(client, now_ms);
        return true;
    }
    message = push_queue_take(client, now_ms);
    if (message != NULL) {
        write_unlocked(client, message->opcode, message->text, message->len);
        push_queue_release(message);
        return true;
    }
    if (client->state != PUSH_OPEN) {
        return false;
    }
    if (client->wants && client->opened && options->room != NULL) {
        client->wants = false;
        call(client, options->room);
        return true;
    }
    if (now_ms >= client->ping_due_ms) {
        ping(client, now_ms);
        return true;
    }
    if (options->silence_ms > 0 && now_ms >= client->silence_due_ms) {
        client->silence_due_ms = now_ms + options->silence_ms;
        if (options->silence != NULL) {
            call(client, options->silence);
        }
        return true;
    }
    return false;
}

/* The close frame, and time for the client to take it and to say goodbye, too. */
static void say_goodbye(struct push_client *client)
{
    struct push *push = client->channel->push;
    int64_t until_ms = clock_mono_ms() + LIMIT_WS_CLOSE_MS;
    bool written;

    (void)pthread_mutex_unlock(&push->mutex);
    written = write_close(client->connection, client->code);
    (void)pthread_mutex_lock(&push->mutex);
    while (written && client->state == PUSH_GOING && !client->answered &&
           clock_mono_ms() < until_ms) {
        wait_until(client, until_ms);
    }
    push_queue_cut(client);
}

static void *run(void *argument)
{
    struct push_client *client = argument;
    pthread_mutex_t *mutex = &client->channel->push->mutex;

    (void)pthread_mutex_lock(mutex);
    while (client->state != PUSH_CUT) {
        if (take_turn(client, clock_mono_ms())) {
            continue;
        }
        if (client->state == PUSH_GOING) {
            say_goodbye(client);
        } else if (client->state == PUSH_OPEN) {
            wait_until(client, next_due(client));
        }
    }
    (void)pthread_mutex_unlock(mutex);
    return NULL;
}

int push_writer_start(struct push_client *client)
{
    pthread_attr_t attributes;
    int rc;

    if (pthread_attr_init(&attributes) != 0) {
        return -1;
    }
    rc = pthread_attr_setstacksize(&attributes, WRITER_STACK);
    if (rc == 0) {
        rc = pthread_create(&client->thread, &attributes, run, client);
    }
    (void)pthread_attr_destroy(&attributes); /* cannot fail on Linux */
    return rc == 0 ? 0 : -1;
}
