#include "bus/publisher_internal.h"

#include "proto/clock.h"
#include "proto/fact.h"
#include "proto/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define TICK_MS 1000
#define LIVE 0 /* the token of pages that are published */

void publisher_put(msgpack_packer *packer, const char *key, const char *text)
{
    wire_put_text(packer, key);
    wire_put_text(packer, text);
}

void publisher_put_cursor(msgpack_packer *packer, const char *key, const struct feed_cursor *cursor)
{
    char text[FEED_CURSOR_TEXT];

    feed_cursor_text(cursor, text);
    publisher_put(packer, key, text);
}

int publisher_ask(struct publisher *publisher, const struct feed_page_request *request)
{
    buffer_clear(&publisher->out);
    if (feed_page_request_pack(request, &publisher->out) != 0) {
        return -1;
    }
    return zmq_send(zsock_resolve(publisher->reader), publisher->out.data, publisher->out.len,
                    ZMQ_DONTWAIT) < 0
               ? -1
               : 0;
}

static void read_on(struct publisher *publisher)
{
    struct feed_page_request request = {.token = LIVE, .after = publisher->at, .most = UINT64_MAX};

    if (publisher->is_reading || !publisher->has_news) {
        return;
    }
    if (!publisher_live_wants(publisher, request.topic)) {
        request.after.feed = 0; /* nobody is there: only where the feed stands */
    }
    publisher->has_news = publisher->is_stale = false;
    publisher->is_reading = publisher_ask(publisher, &request) == 0;
}

static void take_pages(struct publisher *publisher)
{
    zmq_msg_t frame;
    struct feed_page page;

    (void)zmq_msg_init(&frame); /* cannot fail */
    while (zmq_msg_recv(&frame, zsock_resolve(publisher->reader), ZMQ_DONTWAIT) >= 0) {
        if (feed_page_unpack(&page, (struct slice){zmq_msg_data(&frame), zmq_msg_size(&frame)})) {
            log_error("INTERNAL", "where=publisher what=\"malformed page\"");
            continue;
        }
        if (page.token == LIVE) {
            publisher->is_reading = false;
            publisher->has_news = publisher->has_news || publisher->is_stale;
            if (!publisher->is_stale) {
                publisher_live_page(publisher, &page);
            }
        } else {
            publisher_replay_page(publisher, &page);
        }
        feed_page_free(&page);
    }
    (void)zmq_msg_close(&frame);
    publisher_replay_go_on(publisher);
}

/* A fact says only that there is more; what, the log tells. */
static void take_facts(struct publisher *publisher)
{
    zmq_msg_t frame;

    (void)zmq_msg_init(&frame); /* cannot fail */
    while (zmq_msg_recv(&frame, zsock_resolve(publisher->facts), ZMQ_DONTWAIT) >= 0) {
        publisher->has_news = true;
    }
    (void)zmq_msg_close(&frame);
}

static bool told_to_stop(zsock_t *pipe)
{
    char *word = zstr_recv(pipe);
    bool stop = word == NULL || strcmp(word, "$TERM") == 0;

    zstr_free(&word);
    return stop;
}

/* Options that hold for both listeners, before the bind. */
static zsock_t *listen_at(int type, const char *address, uint16_t port)
{
    zsock_t *socket = zsock_new(type);

    if (socket == NULL) {
        return NULL;
    }
    zsock_set_sndhwm(socket, LIMIT_BUS_QUEUE);
    zsock_set_rcvhwm(socket, LIMIT_BUS_QUEUE);
    zsock_set_maxmsgsize(socket, LIMIT_BUS_REQUEST);
    zsock_set_handshake_ivl(socket, 5000);
    zsock_set_heartbeat_ivl(socket, 2000);
    zsock_set_heartbeat_timeout(socket, 6000);
    zsock_set_linger(socket, 0);
    if (type == ZMQ_XPUB) {
        zsock_set_xpub_verbose(socket, 1); /* each subscriber is welcomed, not only the first */
    } else {
        zsock_set_router_mandatory(socket, 1);
        zsock_set_router_handover(socket, 1);
    }
    if (zsock_bind(socket, "tcp://%s:%u", address, (unsigned)port) < 0) {
        log_warn("BUS_UNAVAILABLE", "address=%s port=%u reason=\"%s\"", address, (unsigned)port,
                 zmq_strerror(errno));
        zsock_destroy(&socket);
    }
    return socket;
}

static void open_sockets(struct publisher *publisher, const struct publisher_args *args)
{
    publisher->live = listen_at(ZMQ_XPUB, args->address, args->port);
    publisher->replay =
        publisher->live != NULL ? listen_at(ZMQ_ROUTER, args->address, args->replay_port) : NULL;
    if (publisher->replay == NULL) {
        zsock_destroy(&publisher->live);
        return;
    }
    publisher->facts = zsock_new(ZMQ_SUB);
    publisher->reader = zsock_new(ZMQ_DEALER);
    assert(publisher->facts != NULL && publisher->reader != NULL);
    zsock_set_rcvhwm(publisher->facts, LIMIT_FACTS_QUEUE);
    zsock_set_subscribe(publisher->facts, "");
    zsock_set_linger(publisher->reader, 0);
    if (zsock_connect(publisher->facts, "%s", FACTS_ENDPOINT) != 0 ||
        zsock_connect(publisher->reader, "%s", FEED_READER) != 0) {
        log_error("INTERNAL", "where=publisher what=\"an inproc name is not bound\"");
    }
    publisher->has_news = true; /* where the feed stands */
    log_info("BUS_LISTENING", "address=%s port=%u replay_port=%u", args->address,
             (unsigned)args->port, (unsigned)args->replay_port);
}

static void serve(struct publisher *publisher)
{
    zmq_pollitem_t items[] = {{zsock_resolve(publisher->pipe), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->live), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->replay), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->facts), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->reader), 0, ZMQ_POLLIN, 0}};
    int64_t tick_ms = clock_mono_ms();

    for (;;) {
        int64_t wait_ms = tick_ms - clock_mono_ms();
        read_on(publisher);
        (void)zmq_poll(items, 5, wait_ms > 0 ? (long)wait_ms : 0); /* EINTR: looked at again */
        if ((items[0].revents & ZMQ_POLLIN) && told_to_stop(publisher->pipe)) {
            return;
        }
        take_facts(publisher);
        take_pages(publisher);
        publisher_live_take(publisher);
        publisher_replay_take(publisher);
        if (clock_mono_ms() >= tick_ms) {
            publisher->has_news = true; /* facts may be lost, and a read may have failed */
            publisher_live_position(publisher);
            publisher_replay_go_on(publisher);
            tick_ms = clock_mono_ms() + TICK_MS;
        }
    }
}

void publisher_actor(zsock_t *pipe, void *args)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);

    (void)prctl(PR_SET_NAME, "publisher");
    assert(publisher != NULL);
    publisher->pipe = pipe;
    open_sockets(publisher, args);
    zsock_signal(pipe, 0);
    if (publisher->live != NULL) {
        serve(publisher);
    } else {
        while (!told_to_stop(pipe)) {
            ;
        }
    }
    zsock_destroy(&publisher->live);
    zsock_destroy(&publisher->replay);
    zsock_destroy(&publisher->facts);
    zsock_destroy(&publisher->reader);
    buffer_free(&publisher->out);
    buffer_free(&publisher->links);
    free(publisher);
}
