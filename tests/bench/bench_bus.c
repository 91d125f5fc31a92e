/*
 * The bus as subscribers see it, and raw ZeroMQ doing the same with nothing behind it.
 *
 *   bench_bus live ADDRESS PORT TOPIC SUBSCRIBERS SECONDS   counts what comes live
 *   bench_bus replay ADDRESS PORT AFTER TOPIC               everything behind a cursor
 *   bench_bus raw-live SUBSCRIBERS MESSAGES BYTES           XPUB to so many SUB, over TCP
 *   bench_bus raw-replay MESSAGES BYTES                     ROUTER to DEALER, with the same credit
 *
 * Each prints one JSON object. `live` first prints a line when every subscriber has its welcome.
 * Bodies are not unpacked: what a subscriber does with them is not the bus's.
 */
#include "proto/bytes.h"
#include "proto/clock.h"
#include "proto/wire.h"

#include <czmq.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 20000
#define CREDIT 10000
#define TOP_UP 5000
#define MOST 256 /* subscribers */

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_bus: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

static zsock_t *dial(int type, const char *address, const char *port)
{
    zsock_t *socket = zsock_new(type);

    if (socket == NULL) {
        die("no socket");
    }
    zsock_set_rcvhwm(socket, 0); /* what is measured is the other side */
    if (type == ZMQ_DEALER) {
        zsock_set_rcvhwm(socket, CREDIT * 2);
    }
    if (zsock_connect(socket, "tcp://%s:%s", address, port) != 0) {
        die("cannot connect");
    }
    return socket;
}

/* Takes what is there; counts messages of three frames, which carry events. */
static uint64_t drain(zsock_t *socket, uint64_t *others)
{
    uint64_t events = 0;
    zmq_msg_t frame;

    (void)zmq_msg_init(&frame); /* cannot fail */
    for (int frames = 0; zmq_msg_recv(&frame, zsock_resolve(socket), ZMQ_DONTWAIT) >= 0;) {
        frames++;
        if (!zmq_msg_more(&frame)) {
            events += frames == 3;
            *others += frames != 3;
            frames = 0;
        }
    }
    (void)zmq_msg_close(&frame);
    return events;
}

struct crowd {
    zsock_t *sockets[MOST];
    zmq_pollitem_t items[MOST];
    uint64_t counts[MOST], others[MOST];
    int size;
};

static void gather(struct crowd *crowd, int size, const char *address, const char *port,
                   const char *topic)
{
    memset(crowd, 0, sizeof *crowd);
    crowd->size = size < MOST ? size : MOST;
    for (int i = 0; i < crowd->size; i++) {
        crowd->sockets[i] = dial(ZMQ_SUB, address, port);
        zsock_set_subscribe(crowd->sockets[i], topic);
        crowd->items[i] = (zmq_pollitem_t){zsock_resolve(crowd->sockets[i]), 0, ZMQ_POLLIN, 0};
    }
}

/* What came since the last call. */
static uint64_t listen_for(struct crowd *crowd, int wait_ms)
{
    uint64_t came = 0;

    if (zmq_poll(crowd->items, crowd->size, wait_ms) < 0) {
        die("poll");
    }
    for (int i = 0; i < crowd->size; i++) {
        uint64_t events = drain(crowd->sockets[i], &crowd->others[i]);
        crowd->counts[i] += events;
        came += events;
    }
    return came;
}

static void disperse(struct crowd *crowd)
{
    for (int i = 0; i < crowd->size; i++) {
        zsock_destroy(&crowd->sockets[i]);
    }
}

static bool all_welcome(const struct crowd *crowd)
{
    for (int i = 0; i < crowd->size; i++) {
        if (crowd->others[i] == 0) {
            return false;
        }
    }
    return true;
}

static void live(char **args)
{
    static struct crowd crowd;
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    uint64_t least = UINT64_MAX, most = 0;

    gather(&crowd, atoi(args[3]), args[0], args[1], args[2]);
    while (!all_welcome(&crowd)) {
        (void)listen_for(&crowd, 100);
        if (clock_mono_ms() > end_ms) {
            die("no welcome");
        }
    }
    (void)printf("ready\n");
    (void)fflush(stdout);
    int64_t start_ms = 0, last_ms = 0;
    end_ms = clock_mono_ms() + (int64_t)(strtod(args[4], NULL) * 1000);
    while (clock_mono_ms() < end_ms) {
        if (listen_for(&crowd, 50) > 0) {
            last_ms = clock_mono_ms();
            start_ms = start_ms != 0 ? start_ms : last_ms;
        }
    }
    for (int i = 0; i < crowd.size; i++) {
        least = crowd.counts[i] < least ? crowd.counts[i] : least;
        most = crowd.counts[i] > most ? crowd.counts[i] : most;
    }
    double seconds = last_ms > start_ms ? (double)(last_ms - start_ms) / 1e3 : 1;
    (void)printf("{\"subscribers\": %d, \"least\": %" PRIu64 ", \"most\": %" PRIu64
                 ", \"per_s\": %.0f}\n",
                 crowd.size, least, most, (double)least / seconds);
    disperse(&crowd);
}

/* ---- replay ---------------------------------------------------------------------------------- */

static void ask(zsock_t *socket, const char *op, const char *after, const char *topic,
                uint64_t credit)
{
    struct buffer out = {0};
    msgpack_packer packer;

    wire_packer(&packer, &out);
    msgpack_pack_map(&packer, after != NULL ? 4 : 2);
    wire_put_text(&packer, "op");
    wire_put_text(&packer, op);
    if (after != NULL) {
        wire_put_text(&packer, "after");
        wire_put_text(&packer, after);
        wire_put_text(&packer, "topic");
        wire_put_text(&packer, topic);
    }
    wire_put_text(&packer, "credit");
    msgpack_pack_uint64(&packer, credit);
    if (zmq_send(zsock_resolve(socket), out.data, out.len, 0) < 0) {
        die("cannot ask");
    }
    buffer_free(&out);
}

/* "live" is the only message as short as this. */
#define LIVE_BYTES 70

static void report(uint64_t count, uint64_t bytes, int64_t start_ms)
{
    double seconds = (double)(clock_mono_ms() - start_ms) / 1e3;

    (void)printf("{\"messages\": %" PRIu64
                 ", \"bytes\": %.0f, \"seconds\": %.2f, \"per_s\": %.0f}\n",
                 count, count > 0 ? (double)bytes / (double)count : 0, seconds,
                 (double)count / (seconds > 0 ? seconds : 1));
}

/* Reads until a short message, or `most` messages. */
static void read_replay(zsock_t *socket, uint64_t most)
{
    int64_t start_ms = clock_mono_ms();
    uint64_t count = 0, bytes = 0;
    zmq_msg_t frame;

    zsock_set_rcvtimeo(socket, PATIENCE_MS);
    (void)zmq_msg_init(&frame); /* cannot fail */
    while (count < most && zmq_msg_recv(&frame, zsock_resolve(socket), 0) > LIVE_BYTES) {
        bytes += zmq_msg_size(&frame);
        if (++count % TOP_UP == 0) {
            ask(socket, "credit", NULL, NULL, TOP_UP);
        }
    }
    (void)zmq_msg_close(&frame);
    report(count, bytes, start_ms);
}

static void replay(char **args)
{
    zsock_t *socket = dial(ZMQ_DEALER, args[0], args[1]);

    ask(socket, "replay", args[2], args[3], CREDIT);
    read_replay(socket, UINT64_MAX);
    zsock_destroy(&socket);
}

/* ---- raw ZeroMQ ------------------------------------------------------------------------------ */

struct load {
    zsock_t *socket;
    uint64_t messages;
    size_t bytes;
};

static char payload[65536];

/* As the bus sends: topic, body, links. */
static void *publish(void *arg)
{
    const struct load *load = arg;
    void *socket = zsock_resolve(load->socket);

    for (uint64_t i = 0; i < load->messages; i++) {
        if (zmq_send(socket, "v1.central-1.VEHICLE_EXIT", 25, ZMQ_SNDMORE) < 0 ||
            zmq_send(socket, payload, load->bytes, ZMQ_SNDMORE) < 0 ||
            zmq_send(socket, payload, 8, 0) < 0) {
            die("publish");
        }
    }
    return NULL;
}

static void *answer(void *arg)
{
    const struct load *load = arg;
    void *socket = zsock_resolve(load->socket);
    uint64_t credit = 0;
    char id[256] = "";
    size_t id_len = 0;

    for (uint64_t sent = 0; sent < load->messages;) {
        zmsg_t *request;
        while ((request = credit == 0 ? zmsg_recv(load->socket) : zmsg_recv_nowait(load->socket)) !=
               NULL) {
            id_len = zframe_size(zmsg_first(request));
            memcpy(id, zframe_data(zmsg_first(request)), id_len);
            credit += credit == 0 && sent == 0 ? CREDIT : TOP_UP;
            zmsg_destroy(&request);
        }
        for (int i = 0; i < 500 && credit > 0 && sent < load->messages; i++, credit--, sent++) {
            if (zmq_send(socket, id, id_len, ZMQ_SNDMORE) < 0 ||
                zmq_send(socket, payload, load->bytes, 0) < 0) {
                die("answer");
            }
        }
    }
    return NULL;
}

static pthread_t start(struct load *load, void *(*run)(void *), char port[16])
{
    pthread_t thread;

    zsock_set_sndhwm(load->socket, CREDIT);
    int bound = zsock_bind(load->socket, "tcp://127.0.0.1:*");
    if (bound < 0) {
        die("cannot bind");
    }
    (void)snprintf(port, 16, "%d", bound);
    if (run == answer && pthread_create(&thread, NULL, run, load) != 0) {
        die("no thread");
    }
    return thread;
}

static void raw_live(char **args)
{
    static struct crowd crowd;
    struct load load = {.socket = zsock_new(ZMQ_XPUB),
                        .messages = strtoull(args[1], NULL, 10),
                        .bytes = strtoull(args[2], NULL, 10)};
    char port[16];
    pthread_t thread;
    uint64_t wanted;

    zsock_set_xpub_nodrop(load.socket, 1);
    zsock_set_xpub_verbose(load.socket, 1);
    (void)start(&load, publish, port);
    gather(&crowd, atoi(args[0]), "127.0.0.1", port, "v1.");
    for (int i = 0; i < crowd.size; i++) {
        zframe_t *subscription =
            zframe_recv(load.socket); /* nothing is sent before all are there */
        zframe_destroy(&subscription);
    }
    int64_t start_ms = clock_mono_ms();
    if (pthread_create(&thread, NULL, publish, &load) != 0) {
        die("no thread");
    }
    wanted = load.messages * (uint64_t)crowd.size;
    for (uint64_t came = 0; came < wanted;) {
        came += listen_for(&crowd, 100);
    }
    report(load.messages, load.messages * load.bytes, start_ms);
    (void)pthread_join(thread, NULL);
    disperse(&crowd);
    zsock_destroy(&load.socket);
}

static void raw_replay(char **args)
{
    struct load load = {.socket = zsock_new(ZMQ_ROUTER),
                        .messages = strtoull(args[0], NULL, 10),
                        .bytes = strtoull(args[1], NULL, 10)};
    char port[16];
    pthread_t thread = start(&load, answer, port);
    zsock_t *socket = dial(ZMQ_DEALER, "127.0.0.1", port);

    ask(socket, "replay", "", "", CREDIT);
    read_replay(socket, load.messages);
    (void)pthread_join(thread, NULL);
    zsock_destroy(&socket);
    zsock_destroy(&load.socket);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int arguments;
        void (*run)(char **args);
    } modes[] = {{"live", 5, live},
                 {"replay", 4, replay},
                 {"raw-live", 3, raw_live},
                 {"raw-replay", 2, raw_replay}};

    zsys_handler_set(NULL);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (argc > 1 && strcmp(argv[1], modes[i].name) == 0 && argc == modes[i].arguments + 2) {
            modes[i].run(argv + 2);
            return 0;
        }
    }
    (void)fprintf(stderr, "usage: bench_bus live|replay|raw-live|raw-replay ARGUMENTS\n");
    return 2;
}
