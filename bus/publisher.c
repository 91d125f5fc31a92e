#include "bus/publisher_internal.h"

#include "bus/curve.h"
#include "bus/inproc.h"
#include "bus/zap.h"
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

/* Facts are heard while somebody is there. With nobody no commit wakes this thread, and where the
 * feed stands is asked once a tick. */
static void follow_facts(struct publisher *publisher)
{
    char topic[FEED_TOPIC];
    bool is_wanted = publisher_live_wants(publisher, topic);

    if (is_wanted == publisher->is_following) {
        return;
    }
    if (is_wanted) {
        zsock_set_subscribe(publisher->facts, "");
        publisher->has_news = true; /* what was committed since the last tick */
    } else {
        zsock_set_unsubscribe(publisher->facts, "");
    }
    publisher->is_following = is_wanted;
}

static bool told_to_stop(zsock_t *pipe)
{
    char *word = zstr_recv(pipe);
    bool stop = word == NULL || strcmp(word, "$TERM") == 0;

    zstr_free(&word);
    return stop;
}

static int bind_failed(const char *address, unsigned port, struct problem *problem)
{
    switch (errno) {
    case EADDRINUSE:
        return problem_set(problem, PROBLEM_PORT_IN_USE,
                           "stop the other program, or choose another port for the bus",
                           "the bus cannot listen on %s:%u: in use", address, port);
    case EADDRNOTAVAIL:
    case ENODEV:
        return problem_set(
            problem, PROBLEM_ADDRESS_UNAVAILABLE, "use an address of this machine as bus.bind",
            "the bus cannot listen on %s:%u: not an address of this machine", address, port);
    case EACCES:
    case EPERM:
        return problem_set(problem, PROBLEM_PERMISSION, "use a port of 1024 or above",
                           "the bus cannot listen on %s:%u: not permitted", address, port);
    default:
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "the bus cannot listen on %s:%u: %s",
                           address, port, zmq_strerror(errno));
    }
}

static void set_options(zsock_t *socket, int type)
{
    zsock_set_sndhwm(socket, LIMIT_BUS_QUEUE);
    zsock_set_rcvhwm(socket, LIMIT_BUS_QUEUE);
    zsock_set_maxmsgsize(socket, LIMIT_BUS_REQUEST);
    zsock_set_handshake_ivl(socket, 5000);
    zsock_set_heartbeat_ivl(socket, 2000);
    zsock_set_heartbeat_timeout(socket, 6000);
    zsock_set_linger(socket, 0);
    if (type == ZMQ_XPUB) {
        zsock_set_xpub_verboser(socket, 1); /* each subscriber is welcomed and counted */
    } else {
        zsock_set_router_mandatory(socket, 1);
        zsock_set_router_handover(socket, 1);
    }
}

/* A listener, or NULL with the problem. */
static zsock_t *listen_at(int type, const struct publisher_args *args, uint16_t port,
                          struct problem *problem)
{
    const struct bus_keys *keys = &args->keys;
    bool v6 = strchr(args->address, ':') != NULL;
    zsock_t *socket = zsock_new(type);

    if (socket == NULL) {
        (void)problem_set(problem, PROBLEM_INTERNAL, NULL, "no socket: %s", zmq_strerror(errno));
        return NULL;
    }
    set_options(socket, type);
    if (v6) {
        zsock_set_ipv6(socket, 1);
    }
    if (keys->present && curve_listen(zsock_resolve(socket), ZAP_DOMAIN_BUS, keys->public_key,
                                      keys->secret_key) != 0) {
        (void)problem_set(problem, PROBLEM_INTERNAL, "Debian's libzmq has CURVE; is this another?",
                          "the bus cannot be encrypted: %s", zmq_strerror(errno));
        zsock_destroy(&socket);
        return NULL;
    }
    if (zsock_bind(socket, v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", args->address, (unsigned)port) <
        0) {
        (void)bind_failed(args->address, port, problem);
        zsock_destroy(&socket);
    }
    return socket;
}

/* The two listeners. 0, or -1 with the problem and none. */
static int open_listeners(struct publisher *publisher, const struct publisher_args *args,
                          struct problem *problem)
{
    if (args->keys.present && zap_admit_bus(args->keys.client_public) != 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL,
                           "no ZAP handler: nobody could use the bus");
    }
    publisher->live = listen_at(ZMQ_XPUB, args, args->port, problem);
    if (publisher->live != NULL) {
        publisher->replay = listen_at(ZMQ_ROUTER, args, args->replay_port, problem);
    }
    if (publisher->replay == NULL) {
        zsock_destroy(&publisher->live);
        return -1;
    }
    return 0;
}

static void open_sources(struct publisher *publisher)
{
    publisher->facts = zsock_new(ZMQ_SUB);
    publisher->reader = zsock_new(ZMQ_DEALER);
    assert(publisher->facts != NULL && publisher->reader != NULL);
    zsock_set_rcvhwm(publisher->facts, LIMIT_FACTS_QUEUE);
    zsock_set_linger(publisher->reader, 0);
    if (zsock_connect(publisher->facts, "%s", FACTS_ENDPOINT) != 0 ||
        zsock_connect(publisher->reader, "%s", FEED_READER) != 0) {
        log_error("INTERNAL", "where=publisher what=\"an inproc name is not bound\"");
    }
    publisher->has_news = true; /* where the feed stands */
}

static void serve(struct publisher *publisher)
{
    zmq_pollitem_t items[] = {{zsock_resolve(publisher->pipe), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->live), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->replay), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->facts), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->reader), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->reports), 0, ZMQ_POLLIN, 0}};
    int64_t tick_ms = clock_mono_ms();

    for (;;) {
        int64_t wait_ms = tick_ms - clock_mono_ms();
        read_on(publisher);
        (void)zmq_poll(items, 6, wait_ms > 0 ? (long)wait_ms : 0); /* EINTR: looked at again */
        if ((items[0].revents & ZMQ_POLLIN) && told_to_stop(publisher->pipe)) {
            return;
        }
        take_facts(publisher);
        take_pages(publisher);
        publisher_live_take(publisher);
        follow_facts(publisher);
        publisher_replay_take(publisher);
        publisher_report_take(publisher);
        if (clock_mono_ms() >= tick_ms) {
            publisher->has_news = true; /* facts may be lost, and a read may have failed */
            publisher_live_position(publisher);
            publisher_replay_tick(publisher);
            tick_ms = clock_mono_ms() + TICK_MS;
        }
    }
}

/* Without a bus there is only that to tell. */
static void wait_for_end(struct publisher *publisher)
{
    zmq_pollitem_t items[] = {{zsock_resolve(publisher->pipe), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve(publisher->reports), 0, ZMQ_POLLIN, 0}};

    do {
        items[0].revents = 0;
        (void)zmq_poll(items, 2, -1); /* EINTR: looked at again */
        publisher_report_take(publisher);
    } while (!(items[0].revents & ZMQ_POLLIN) || !told_to_stop(publisher->pipe));
}

/* Serves, if there is something to serve; then waits for the end. */
static void run(struct publisher *publisher)
{
    const struct publisher_args *args = &publisher->args;
    struct problem problem = {.code = PROBLEM_OK};

    publisher_report_open(publisher);
    if (open_listeners(publisher, args, &problem) != 0) {
        zsock_signal(publisher->pipe, 0);
        (void)zstr_sendx(publisher->pipe, problem_name(problem.code), problem.text, problem.hint,
                         NULL); /* a first message: there is room */
        wait_for_end(publisher);
        return;
    }
    open_sources(publisher);
    log_info("BUS_LISTENING", "address=%s port=%u replay_port=%u encrypted=%s", args->address,
             (unsigned)args->port, (unsigned)args->replay_port, args->keys.present ? "yes" : "no");
    zsock_signal(publisher->pipe, 0);
    (void)zstr_send(publisher->pipe, "OK"); /* likewise */
    serve(publisher);
}

void publisher_actor(zsock_t *pipe, void *args)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);

    (void)prctl(PR_SET_NAME, "publisher");
    assert(publisher != NULL);
    publisher->pipe = pipe;
    memcpy(&publisher->args, args, sizeof publisher->args); /* it lives until the signal */
    run(publisher);
    zsock_destroy(&publisher->live);
    zsock_destroy(&publisher->replay);
    zsock_destroy(&publisher->facts);
    zsock_destroy(&publisher->reader);
    inproc_close(&publisher->reports);
    buffer_free(&publisher->out);
    buffer_free(&publisher->links);
    free(publisher);
}

int publisher_listens(zactor_t *publisher, struct problem *problem)
{
    char *word = NULL, *text = NULL, *hint = NULL;
    int rc = zstr_recvx(publisher, &word, &text, &hint, NULL);

    if (rc < 1 || word == NULL) {
        rc = problem_set(problem, PROBLEM_INTERNAL, NULL, "the bus does not answer");
    } else if (strcmp(word, "OK") == 0) {
        rc = 0;
    } else {
        rc = problem_set(problem, problem_parse(word), hint, "%s", text != NULL ? text : word);
    }
    zstr_free(&word);
    zstr_free(&text);
    zstr_free(&hint);
    return rc;
}
