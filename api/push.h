/*
 * WebSockets. A channel is one path with its hooks; its clients are whoever is connected there.
 * Each client has a bounded queue and a thread that writes it, because a write blocks for as long
 * as a client does not read: a slow client is cut and never delays anyone. A fact goes to the
 * channels that somebody listens to.
 *
 * What a client has to keep to is the same everywhere: text frames of UTF-8 (else 1003, 1007), no
 * message over LIMIT_WS_FRAME or what the channel allows (1009), an answer to the ping that comes
 * every LIMIT_WS_PING_MS, and the session, token or camera's address of the handshake still valid,
 * with the same role (1008; looked up every LIMIT_WS_CALLER_MS).
 */
#ifndef API_PUSH_H
#define API_PUSH_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct push;
struct push_channel;
struct push_client;
struct fact;
struct gateway;
struct mg_context;
struct request;
struct worker;

/* Close codes of RFC 6455, 7.4.1 */
enum push_code {
    PUSH_NORMAL = 1000,
    PUSH_GOING_AWAY = 1001,
    PUSH_PROTOCOL = 1002,
    PUSH_UNSUPPORTED = 1003, /* binary */
    PUSH_NOT_TEXT = 1007,    /* not UTF-8, or not what the channel speaks */
    PUSH_POLICY = 1008,
    PUSH_TOO_BIG = 1009,
    PUSH_TRY_LATER = 1013
};

#define PUSH_TAG 64         /* bytes of a tag, with the NUL */
#define PUSH_PING_BYTES 125 /* payload of a control frame */

/*
 * One channel. Every hook may be NULL. A client's hooks: `open` first, `close` last and alone;
 * between them `text` on the client's worker thread, `silence` and `room` on its writing thread, so
 * these two kinds may run at the same time. What blocks in a hook delays this client only. No hook
 * is called with a lock held.
 */
struct push_options {
    const char *path;     /* has a line with method WS in the route table */
    uint32_t clients_max; /* places of its own; 0 = shares those of push_new with the others */
    uint32_t notice_ms;   /* between two notices (push_notice) to one client */
    uint32_t silence_ms;  /* without a message until `silence`, and between its calls; 0 = never */
    uint32_t frame_max;   /* bytes of one message from a client; 0 = LIMIT_WS_FRAME */
    bool any_path;        /* also whatever path no other channel has; push_admit is asked first */
    void *context;        /* for the hooks; outlives the push */

    /* Before the handshake. 0 = go on; -1 after it answered the request itself. */
    int (*admit)(void *context, struct request *request);
    /* Connected. `request` is the handshake, for its parameters; it must not be answered. */
    void (*open)(void *context, struct push_client *client, struct request *request);
    /* A whole message. After push_close: those that were sent before the client heard of it. */
    void (*text)(void *context, struct push_client *client, struct slice text);
    /* The answer to a push_ping: everything queued before it has been read. Worker thread. */
    void (*pong)(void *context, struct push_client *client, struct slice payload);
    void (*silence)(void *context, struct push_client *client);
    /* The queue is empty, and: `open` has just ended, push_offer was refused, or push_wake was
     * called since. */
    void (*room)(void *context, struct push_client *client);
    /* Something was committed; NULL = some facts were missed. Only while there are clients. The
     * thread that brings facts, which all channels share: no blocking here. */
    void (*fact)(void *context, const struct fact *fact);
    /* Gone. After it returns nobody may use `client`. */
    void (*close)(void *context, struct push_client *client);
};

/* No channels yet. `ping_ms` 0 = LIMIT_WS_PING_MS. */
struct push *push_new(uint32_t clients_max, uint32_t ping_ms);

/* Adds a channel; before push_serve. The options are copied. */
struct push_channel *push_add(struct push *push, const struct push_options *options);

/* How many clients fit in all channels together: each holds a worker of the server. */
uint32_t push_places(const struct push *push);

/* Registers the WebSocket handlers. `gateway` is that of the requests which `open` gets; NULL in a
 * test. */
void push_serve(struct push *push, struct mg_context *context, struct gateway *gateway);

/* A fact as it came (proto/fact.h). False when no page wants to hear any. One thread, until
 * push_destroy. */
bool push_fact(struct push *push, struct slice bytes);

/* Figures of one channel since the start. */
struct push_figures {
    const char *path;
    uint32_t open;    /* clients now */
    uint64_t opened;  /* clients ever */
    uint64_t slow;    /* cut, because they did not take what was queued */
    uint64_t silent;  /* cut, because they did not answer a ping */
    uint64_t dropped; /* messages that slow ones did not get any more */
};

/* Those of the channel `index` (from 0); false behind the last one. Any thread. */
bool push_figures(struct push *push, size_t index, struct push_figures *out);

/* Before the handshake on `path`: true when it may go on, false after an answer: 503 when no more
 * clients fit, else what the channel's `admit` said. Worker threads. */
bool push_admit(struct push *push, struct request *request, const char *path);

/* Closes every client with 1001; returns when they have gone or cannot. Main
 * thread; then the server is stopped, then push_destroy. */
void push_stop(struct push *push);
void push_destroy(struct push **push);

/* ---- to everybody on a channel (any thread) -------------------------------------------------- */

void push_all(struct push_channel *channel, struct slice text);
/* To each that has claimed a tag, but not to the one that has claimed `except` ("" = to all). */
void push_tagged(struct push_channel *channel, const char *except, struct slice text);
/* Of the notices within notice_ms a client gets the last one only. */
void push_notice(struct push_channel *channel, struct slice text);
/* Has `room` called for each. */
void push_wake(struct push_channel *channel);
uint32_t push_count(struct push_channel *channel);

/* ---- to one client (any thread, until its `close` hook has returned) ------------------------- */

/* Queues. A client whose queue is full is cut. */
void push_send(struct push_client *client, struct slice text);
/* Queues while half of the queue is free, else returns false; `room` comes when it is empty. */
bool push_offer(struct push_client *client, struct slice text);
/* Queues a ping; `pong` gets its payload back, at most PUSH_PING_BYTES. */
void push_ping(struct push_client *client, struct slice payload);
/* As push_notice. */
void push_notify(struct push_client *client, struct slice text);
/* Has `room` called. */
void push_wake_one(struct push_client *client);
/* Sends what is queued, then the close frame, and ends. Repeated: the first code counts. */
void push_close(struct push_client *client, enum push_code code);

/* Gives the client a name for push_tagged. Whoever had it before on this channel loses it: true. */
bool push_claim(struct push_client *client, const char *tag);
/* A pointer of the channel's own, NULL at first. */
void push_set_own(struct push_client *client, void *own);
void *push_own(const struct push_client *client);
/* The worker that serves the client: only in `open` and `text`. */
struct worker *push_worker(const struct push_client *client);

#endif
