/*
 * What the push's files share. One mutex guards the channels' lists of clients, the clients' queues
 * and states, and the references of messages; hooks and writes happen outside.
 */
#ifndef API_PUSH_INTERNAL_H
#define API_PUSH_INTERNAL_H

#include "api/caller.h"
#include "api/push.h"
#include "proto/limits.h"

#include <pthread.h>

#define PUSH_CHANNELS 8

/* One message, shared by the queues of all clients; freed with its last reference. */
struct push_message {
    unsigned refs;
    int opcode; /* text, or a ping that waits its turn */
    size_t len;
    char text[];
};

enum push_state {
    PUSH_OPEN,
    PUSH_GOING, /* write what is queued, say `code`, end */
    PUSH_CUT    /* write nothing more */
};

struct push_client {
    struct push_channel *channel;
    struct mg_connection *connection;
    int socket;           /* to shut it down */
    struct caller caller; /* of the handshake */
    pthread_t thread;
    pthread_cond_t changed;
    enum push_state state;
    enum push_code code;
    bool deaf;     /* what comes now is not to be understood any more */
    bool answered; /* the client has said goodbye */
    bool opened;   /* the open hook has returned */
    bool wants;    /* `room` is due as soon as the queue is empty */
    char tag[PUSH_TAG];
    void *own;

    struct push_message *queue[LIMIT_WS_QUEUE]; /* a ring */
    size_t head, count, bytes;
    struct push_message *notice; /* the latest, or NULL */
    char pong[PUSH_PING_BYTES];  /* to be echoed */
    size_t pong_len;
    bool pong_due;
    int64_t notice_due_ms, ping_due_ms, silence_due_ms; /* monotonic */
    int64_t caller_due_ms; /* likewise: when the caller is looked up again */
    bool heard;            /* since the last ping */
    bool busy;             /* its last message is being dealt with, nothing is read meanwhile */

    struct buffer fragments; /* of a message; worker thread only */
    bool fragmented;
};

struct push_channel {
    struct push *push;
    struct push_options options;
    unsigned who; /* set of roles, of its route; ROLE_ANYONE in a test without routes */
    struct push_client **clients;
    uint32_t count;
    uint64_t opened, slow, silent, dropped; /* of push_figures */
};

struct push {
    struct gateway *gateway;
    uint32_t clients_max, ping_ms;
    pthread_mutex_t mutex;
    pthread_condattr_t monotonic;
    pthread_cond_t left; /* a client was removed */
    struct push_channel channels[PUSH_CHANNELS];
    size_t channel_count;
    uint32_t shared; /* clients of channels without places of their own */
    uint32_t total;
    bool stopping;
    uint64_t last_batch; /* of the thread that brings facts; 0 = unknown */
};

/* ---- push_queue.c: what waits for a client (mutex held) -------------------------------------- */

struct push_message *push_queue_message(struct slice text);
void push_queue_release(struct push_message *message);
/* False when the client is not open, or was cut because its queue is full. */
bool push_queue_put(struct push_client *client, struct push_message *message);
/* True when half of the queue is free. */
bool push_queue_has_room(const struct push_client *client);
void push_queue_notice(struct push_client *client, struct push_message *message);
/* The next to write, or NULL. The caller releases it. */
struct push_message *push_queue_take(struct push_client *client, int64_t now_ms);
void push_queue_clear(struct push_client *client);
/* Ends a client at once, also when its thread is stuck in a write. */
void push_queue_cut(struct push_client *client);
/* Begins an orderly end. */
void push_queue_close(struct push_client *client, enum push_code code);

/* ---- push_writer.c: the thread that writes to one client ------------------------------------- */

/* Starts it (mutex held). 0 or -1. */
int push_writer_start(struct push_client *client);
/* One close frame, for whoever never became a client. */
void push_writer_refuse(struct mg_connection *connection, enum push_code code);

/* ---- push_reader.c: civetweb's callbacks, worker threads ------------------------------------- */

void push_reader_register(struct push_channel *channel, struct mg_context *context);

/* ---- push.c ---------------------------------------------------------------------------------- */

/* True when one more fits on this channel (mutex held). */
bool push_fits(const struct push_channel *channel);

#endif
