#include "api/push.h"

#include "api/notice.h"
#include "proto/clock.h"
#include "proto/fact.h"
#include "proto/limits.h"
#include "proto/log.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <czmq.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define PUSH_PATH "/ws/history"
#define PUSH_STACK ((size_t)128 * 1024)
#define PUSH_DESCRIPTORS 8192 /* highest looked at; they are given out from the lowest */
#define PUSH_STOP_MS 1000     /* clients get this long to take the close frame */

/* Close codes of RFC 6455, 7.4.1 */
#define CLOSE_GOING_AWAY 1001
#define CLOSE_PROTOCOL 1002
#define CLOSE_TOO_BIG 1009
#define CLOSE_TRY_LATER 1013

/* One message, shared by the queues of all clients; freed with its last reference. */
struct message {
    unsigned refs; /* under push.mutex */
    size_t len;
    char text[];
};

enum client_state {
    CLIENT_OPEN,
    CLIENT_GOING, /* say 1001 and end */
    CLIENT_CUT    /* write nothing more */
};

struct client {
    struct push *push;
    struct mg_connection *connection;
    int socket; /* to shut it down; -1 = unknown */
    pthread_t thread;
    pthread_cond_t changed;
    enum client_state state;
    struct message *queue[LIMIT_WS_QUEUE]; /* a ring */
    size_t head, count;
};

/* The mutex guards the clients, their queues and states, and the references of messages. */
struct push {
    struct node_id node;
    uint32_t clients_max;
    zactor_t *actor;
    pthread_mutex_t mutex;
    pthread_cond_t left; /* a client was removed */
    struct client **clients;
    uint32_t count;
    bool stopping;
    uint64_t last_batch; /* actor only; 0 = unknown */
};

/* ---- queues (mutex held) --------------------------------------------------------------------- */

static struct message *message_new(struct slice text)
{
    struct message *message = bytes_allocate(1, sizeof *message + text.len);

    message->refs = 1;
    message->len = text.len;
    memcpy(message->text, text.data, text.len);
    return message;
}

static void message_release(struct message *message)
{
    if (--message->refs == 0) {
        free(message);
    }
}

/* Ends a client at once, also when its thread is stuck in a write. */
static void cut(struct client *client)
{
    client->state = CLIENT_CUT;
    if (client->socket >= 0) {
        (void)shutdown(client->socket, SHUT_RDWR); /* fails only when it is closed already */
    }
    (void)pthread_cond_signal(&client->changed);
}

static void enqueue(struct client *client, struct message *message)
{
    if (client->state != CLIENT_OPEN) {
        return;
    }
    if (client->count == LIMIT_WS_QUEUE) {
        log_warn("WS_SLOW", "path=%s queued=%d", PUSH_PATH, LIMIT_WS_QUEUE);
        cut(client);
        return;
    }
    client->queue[(client->head + client->count++) % LIMIT_WS_QUEUE] = message;
    message->refs++;
    (void)pthread_cond_signal(&client->changed);
}

static struct message *dequeue(struct client *client)
{
    struct message *message = client->queue[client->head];

    client->head = (client->head + 1) % LIMIT_WS_QUEUE;
    client->count--;
    return message;
}

/* ---- a client's thread ----------------------------------------------------------------------- */

static bool write_text(struct client *client, const struct message *message)
{
    /* a partly sent frame comes back as a short count */
    return mg_websocket_write(client->connection, MG_WEBSOCKET_OPCODE_TEXT, message->text,
                              message->len) == (int)message->len;
}

static void write_close(struct mg_connection *connection, unsigned code)
{
    char payload[2] = {(char)(code >> 8), (char)(code & 0xff)};

    /* The connection ends now, whether or not the client hears why. */
    (void)mg_websocket_write(connection, MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE, payload, 2);
}

static void *client_run(void *argument)
{
    struct client *client = argument;
    struct push *push = client->push;

    (void)pthread_mutex_lock(&push->mutex);
    for (;;) {
        struct message *message;
        bool written;
        while (client->state == CLIENT_OPEN && client->count == 0) {
            (void)pthread_cond_wait(&client->changed, &push->mutex);
        }
        if (client->state != CLIENT_OPEN) {
            break;
        }
        message = dequeue(client);
        (void)pthread_mutex_unlock(&push->mutex);
        written = write_text(client, message);
        (void)pthread_mutex_lock(&push->mutex);
        message_release(message);
        if (!written) {
            cut(client);
        }
    }
    if (client->state == CLIENT_GOING) {
        (void)pthread_mutex_unlock(&push->mutex);
        write_close(client->connection, CLOSE_GOING_AWAY);
        (void)pthread_mutex_lock(&push->mutex);
        cut(client);
    }
    (void)pthread_mutex_unlock(&push->mutex);
    return NULL;
}

/*
 * civetweb does not tell a connection's socket, and its mg_close_connection may be called from
 * another thread only while the reader is certain to be in its loop. So the socket is looked up
 * once by its peer, in the ready handler; the close handler joins our thread before civetweb closes
 * it.
 */
static int find_socket(const struct mg_request_info *info)
{
    long most = sysconf(_SC_OPEN_MAX);
    int found = -1;

    for (int fd = 0; fd < most && fd < PUSH_DESCRIPTORS; fd++) {
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

static int client_start(struct client *client)
{
    pthread_attr_t attributes;
    int rc;

    if (pthread_attr_init(&attributes) != 0) {
        return -1;
    }
    rc = pthread_attr_setstacksize(&attributes, PUSH_STACK);
    if (rc == 0) {
        rc = pthread_create(&client->thread, &attributes, client_run, client);
    }
    (void)pthread_attr_destroy(&attributes); /* cannot fail on Linux */
    return rc == 0 ? 0 : -1;
}

static void client_free(struct client *client)
{
    while (client->count > 0) {
        message_release(dequeue(client));
    }
    (void)pthread_cond_destroy(&client->changed);
    free(client);
}

/* ---- civetweb's callbacks (worker threads) --------------------------------------------------- */

static int on_connect(const struct mg_connection *connection, void *argument)
{
    (void)connection;
    return push_full(argument) ? 1 : 0;
}

static void on_ready(struct mg_connection *connection, void *argument)
{
    struct push *push = argument;
    struct client *client = bytes_allocate(1, sizeof *client);
    struct message *hello = message_new(notice_resync());
    bool accepted;

    client->push = push;
    client->connection = connection;
    client->socket = find_socket(mg_get_request_info(connection));
    (void)pthread_cond_init(&client->changed, NULL); /* cannot fail on Linux */
    (void)pthread_mutex_lock(&push->mutex);
    enqueue(client, hello);
    accepted = !push->stopping && push->count < push->clients_max && client_start(client) == 0;
    if (accepted) {
        push->clients[push->count++] = client;
    }
    message_release(hello);
    if (!accepted) {
        client_free(client);
    }
    (void)pthread_mutex_unlock(&push->mutex);
    if (!accepted) {
        write_close(connection, CLOSE_TRY_LATER); /* the client closes; else the pings find it */
    }
}

static int refuse_frame(struct mg_connection *connection, unsigned code)
{
    write_close(connection, code);
    return 0;
}

static int on_data(struct mg_connection *connection, int bits, char *data, size_t len,
                   void *argument)
{
    int opcode = bits & 0x0f;

    (void)argument;
    if (opcode == MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE) {
        /* echoed; a failure only means that the client did not wait for it */
        (void)mg_websocket_write(connection, MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE, data,
                                 len >= 2 ? 2 : 0);
        return 0;
    }
    if (len > LIMIT_WS_FRAME) {
        return refuse_frame(connection, CLOSE_TOO_BIG);
    }
    if ((opcode > MG_WEBSOCKET_OPCODE_BINARY && opcode < MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE) ||
        opcode > MG_WEBSOCKET_OPCODE_PONG || (bits & 0x70) != 0) {
        return refuse_frame(connection, CLOSE_PROTOCOL);
    }
    return 1; /* what clients say is not listened to */
}

static void on_close(const struct mg_connection *connection, void *argument)
{
    struct push *push = argument;
    struct client *client = NULL;

    (void)pthread_mutex_lock(&push->mutex);
    for (uint32_t i = 0; i < push->count && client == NULL; i++) {
        if (push->clients[i]->connection == connection) {
            client = push->clients[i];
            push->clients[i] = push->clients[--push->count];
        }
    }
    if (client != NULL) {
        cut(client);
    }
    (void)pthread_mutex_unlock(&push->mutex);
    if (client == NULL) {
        return;
    }
    (void)pthread_join(client->thread, NULL);
    (void)pthread_mutex_lock(&push->mutex);
    client_free(client);
    (void)pthread_cond_signal(&push->left);
    (void)pthread_mutex_unlock(&push->mutex);
}

/* ---- the actor ------------------------------------------------------------------------------- */

static void broadcast(void *context, struct slice text)
{
    struct push *push = context;
    struct message *message = message_new(text);

    (void)pthread_mutex_lock(&push->mutex);
    for (uint32_t i = 0; i < push->count; i++) {
        enqueue(push->clients[i], message);
    }
    message_release(message);
    (void)pthread_mutex_unlock(&push->mutex);
}

static bool has_clients(struct push *push)
{
    bool some;

    (void)pthread_mutex_lock(&push->mutex);
    some = push->count > 0;
    (void)pthread_mutex_unlock(&push->mutex);
    return some;
}

static void take_fact(struct push *push, struct slice bytes)
{
    struct fact fact;

    /* Nobody looks: not worth unpacking. Who comes later fetches everything first. */
    if (!has_clients(push)) {
        push->last_batch = 0;
        return;
    }
    if (fact_unpack(&fact, bytes) != 0) {
        log_error("FACT_INVALID", "bytes=%zu", bytes.len);
        return;
    }
    if (push->last_batch != 0 && fact.batch != push->last_batch + 1) {
        broadcast(push, notice_resync());
    } else {
        notice_each(&fact, &push->node, broadcast, push);
    }
    push->last_batch = fact.batch;
    fact_free(&fact);
}

static void drain_facts(struct push *push, zsock_t *facts)
{
    zmq_msg_t frame;

    (void)zmq_msg_init(&frame); /* cannot fail */
    while (zmq_msg_recv(&frame, zsock_resolve(facts), ZMQ_DONTWAIT) >= 0) {
        take_fact(push, (struct slice){zmq_msg_data(&frame), zmq_msg_size(&frame)});
    }
    (void)zmq_msg_close(&frame);
}

static bool told_to_stop(zsock_t *pipe)
{
    char *command = zstr_recv(pipe);
    bool stop = command == NULL || strcmp(command, "$TERM") == 0;

    zstr_free(&command);
    return stop;
}

static void push_actor(zsock_t *pipe, void *argument)
{
    struct push *push = argument;
    zsock_t *facts = zsock_new(ZMQ_SUB);
    zpoller_t *poller;
    bool stop = false;

    (void)prctl(PR_SET_NAME, "push");
    assert(facts != NULL);
    zsock_set_rcvhwm(facts, LIMIT_FACTS_QUEUE);
    zsock_set_subscribe(facts, "");
    if (zsock_connect(facts, "%s", FACTS_ENDPOINT) != 0) {
        log_error("FACTS_UNAVAILABLE", "endpoint=%s", FACTS_ENDPOINT);
    }
    poller = zpoller_new(pipe, facts, NULL);
    assert(poller != NULL);
    zpoller_set_nonstop(poller, true);
    zsock_signal(pipe, 0);
    while (!stop) {
        void *ready = zpoller_wait(poller, -1);
        if (ready == pipe) {
            stop = told_to_stop(pipe);
        } else if (ready == facts) {
            drain_facts(push, facts);
        }
    }
    zpoller_destroy(&poller);
    zsock_destroy(&facts);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct push *push_new(const struct node_id *node, uint32_t clients_max)
{
    struct push *push = bytes_allocate(1, sizeof *push);
    pthread_condattr_t attributes;

    push->node = *node;
    push->clients_max = clients_max;
    push->clients = bytes_allocate(clients_max, sizeof(struct client *));
    /* None of these can fail with valid arguments on Linux. */
    (void)pthread_mutex_init(&push->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&push->left, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    push->actor = zactor_new(push_actor, push);
    assert(push->actor != NULL);
    return push;
}

void push_serve(struct push *push, struct mg_context *context)
{
    mg_set_websocket_handler(context, PUSH_PATH, on_connect, on_ready, on_data, on_close, push);
}

bool push_full(struct push *push)
{
    bool full;

    (void)pthread_mutex_lock(&push->mutex);
    full = push->stopping || push->count >= push->clients_max;
    (void)pthread_mutex_unlock(&push->mutex);
    return full;
}

void push_stop(struct push *push)
{
    struct timespec until;
    int rc = 0;

    zactor_destroy(&push->actor);
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PUSH_STOP_MS / 1000;
    (void)pthread_mutex_lock(&push->mutex);
    push->stopping = true;
    for (uint32_t i = 0; i < push->count; i++) {
        if (push->clients[i]->state == CLIENT_OPEN) {
            push->clients[i]->state = CLIENT_GOING;
        }
        (void)pthread_cond_signal(&push->clients[i]->changed);
    }
    while (push->count > 0 && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&push->left, &push->mutex, &until);
    }
    for (uint32_t i = 0; i < push->count; i++) {
        cut(push->clients[i]);
    }
    (void)pthread_mutex_unlock(&push->mutex);
}

void push_destroy(struct push **push)
{
    if (*push == NULL) {
        return;
    }
    zactor_destroy(&(*push)->actor);
    (void)pthread_cond_destroy(&(*push)->left);
    (void)pthread_mutex_destroy(&(*push)->mutex);
    free((*push)->clients);
    free(*push);
    *push = NULL;
}
