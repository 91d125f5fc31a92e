#include "bus/curve.h"
#include "bus/mesh_internal.h"
#include "bus/zap.h"

#include "proto/clock.h"
#include "proto/log.h"

#include <string.h>

/* Of a draft interface: Debian's header hides the name, the library knows the number. */
#define ZAP_ENFORCE_DOMAIN 93

#define KEY_BYTES 32
#define HANDSHAKE_MS 5000 /* a silent client holds a descriptor no longer */
#define PROBE_MIN_MS 2000 /* of the transport; 256 KB must pass a slow line between two */
#define PROBE_MAX_MS 60000
#define PROBES 3        /* without an answer until the kernel ends a connection */
#define RELEASE_MS 1000 /* libzmq gives a port back in the background */
#define RELEASE_STEP_MS 10

int mesh_link_set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

struct option {
    int option, value;
};

static int set_all(void *socket, const struct option *options, size_t count,
                   struct problem *problem)
{
    for (size_t i = 0; i < count; i++) {
        if (mesh_link_set(socket, options[i].option, options[i].value)) {
            return problem_set(problem, PROBLEM_INTERNAL, NULL, "socket option %d = %d: %s",
                               options[i].option, options[i].value, zmq_strerror(errno));
        }
    }
    return 0;
}

static int set_keys(const struct mesh *mesh, void *socket, bool is_listener,
                    struct problem *problem)
{
    const struct mesh_keys *keys = &mesh->config.keys;
    int failed =
        is_listener
            ? curve_listen(socket, ZAP_DOMAIN, keys->public_key, keys->secret_key)
            : zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->public_key, KEY_BYTES) ||
                  zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, KEY_BYTES) ||
                  zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, KEY_BYTES);

    return failed ? problem_set(problem, PROBLEM_INTERNAL,
                                "Debian's libzmq has CURVE; is this another?",
                                "the mesh cannot be encrypted: %s", zmq_strerror(errno))
                  : 0;
}

int mesh_link_options(struct mesh *mesh, void *socket, bool is_listener, struct problem *problem)
{
    /* Half-open connections are the kernel's to find. ZMTP has heartbeats of its own, but libzmq
     * 4.3 aborts the process when their timer meets a connection that ended while its input was
     * stopped, and handing an id over stops the input of the old connection. */
    int64_t probe_ms = mesh->config.heartbeat_ms;
    probe_ms = probe_ms < PROBE_MIN_MS ? PROBE_MIN_MS : probe_ms;
    probe_ms = probe_ms > PROBE_MAX_MS ? PROBE_MAX_MS : probe_ms;
    const struct option common[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, LIMIT_PEER_QUEUE},
        {ZMQ_RCVHWM, LIMIT_PEER_QUEUE},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, (int)(probe_ms / 1000)},
        {ZMQ_TCP_KEEPALIVE_INTVL, (int)(probe_ms / 1000)},
        {ZMQ_TCP_KEEPALIVE_CNT, PROBES},
        {ZMQ_TCP_MAXRT, (int)probe_ms * PROBES},
    };
    /* HANDOVER: a peer that comes back before we saw its old connection die is heard at once.
     * MANDATORY: sending says when there is nobody. */
    const struct option listener[] = {{ZMQ_ROUTER_HANDOVER, 1}, {ZMQ_ROUTER_MANDATORY, 1}};
    int64_t largest = LIMIT_MESSAGE_BYTES;

    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest)) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "ZMQ_MAXMSGSIZE: %s",
                           zmq_strerror(errno));
    }
    if (set_all(socket, common, sizeof common / sizeof common[0], problem) ||
        (is_listener && set_all(socket, listener, sizeof listener / sizeof listener[0], problem))) {
        return -1;
    }
    return set_keys(mesh, socket, is_listener, problem);
}

/* ---- monitors ---- */

zsock_t *mesh_link_monitor(struct mesh *mesh, zsock_t *socket, int events)
{
    char name[64];
    (void)snprintf(name, sizeof name, "inproc://mesh-monitor-%p-%" PRIu64, (void *)mesh,
                   ++mesh->last_number); /* fits */
    zsock_t *monitor = zsock_new(ZMQ_PAIR);
    /* No mark: libzmq's I/O thread waits when the queue of a monitor is full, and all links with
     * it. Events come at the pace of connections, and every turn of the loop takes them out. */
    if (monitor && !mesh_link_set(zsock_resolve(monitor), ZMQ_RCVHWM, 0) &&
        !zmq_socket_monitor(zsock_resolve(socket), name, events)) {
        if (!zmq_connect(zsock_resolve(monitor), name)) {
            return monitor;
        }
        (void)zmq_socket_monitor(zsock_resolve(socket), NULL, 0); /* stopping cannot fail */
    }
    zsock_destroy(&monitor);
    return NULL;
}

bool mesh_link_event(zsock_t *monitor, int *event, uint32_t *value)
{
    void *socket = zsock_resolve(monitor);
    uint8_t frame[6];
    uint16_t number;
    char address[256]; /* whose it is we know: one monitor a socket */

    int len = zmq_recv(socket, frame, sizeof frame, ZMQ_DONTWAIT);
    if (len != (int)sizeof frame || zmq_recv(socket, address, sizeof address, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    memcpy(&number, frame, sizeof number);
    memcpy(value, frame + sizeof number, sizeof *value);
    *event = number;
    return true;
}

static void drain_router_events(struct mesh *mesh)
{
    int i, event;
    uint32_t value;

    for (i = 0; i < MESH_TURN && mesh_link_event(mesh->router_monitor, &event, &value); i++) {
        mesh_visitor_event(mesh, event, value);
    }
    if (i == MESH_TURN) {
        loop_used(mesh->loop, mesh->router_monitor); /* it may have more */
    }
}

static int on_router_event(zsock_t *monitor, void *argument)
{
    struct mesh *mesh = argument;

    (void)monitor; /* mesh->router_monitor */
    drain_router_events(mesh);
    return mesh_settle(mesh);
}

/* ---- the ROUTER ---- */

bool mesh_link_rest(void *socket, zmq_msg_t *frame)
{
    bool more = zmq_msg_more(frame);
    for (bool again = more; again; again = zmq_msg_more(frame)) {
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            break; /* parts of one message arrive together; this is its end in any case */
        }
    }
    return more;
}

/* "<node>#<boot, 16 hex digits>": what our DEALERs call themselves. */
static bool is_routing_id(struct slice id)
{
    struct node_id node;
    if (id.len < 18 || id.len >= MESH_ROUTING_ID || id.data[id.len - 17] != '#') {
        return false;
    }
    for (size_t i = id.len - 16; i < id.len; i++) {
        if (!strchr("0123456789abcdef", id.data[i]) || !id.data[i]) {
            return false;
        }
    }
    return node_id_parse((struct slice){id.data, id.len - 17}, &node);
}

static struct mesh_link *find_accepted(const struct mesh *mesh, struct slice id)
{
    for (size_t i = 0; i < mesh->link_count; i++) {
        struct mesh_link *link = mesh->links[i];
        if (!link->dial && !link->lost && link->id_len == id.len &&
            memcmp(link->id, id.data, id.len) == 0) {
            return link;
        }
    }
    return NULL;
}

/* A message from an admitted peer. */
static void take_message(struct mesh *mesh, struct slice id, struct slice body, const char *address)
{
    struct mesh_link *link = find_accepted(mesh, id);
    if (!link) {
        if (!is_routing_id(id)) {
            mesh_refuse(mesh, "routing id is not <central>#<boot>", address);
            return;
        }
        link = mesh_link_add(mesh, NULL, id);
        if (!link) {
            mesh_refuse(mesh, "too many links", address);
            return;
        }
        replica_link_up(mesh->replica, link->number, NULL, address, mesh_now());
    }
    replica_message(mesh->replica, link->number, body, mesh_now());
}

/* One message; false when there was none. The frames are gone when this returns: a small message
 * held would hold the whole buffer it was read into. */
static bool read_router(struct mesh *mesh)
{
    void *socket = zsock_resolve(mesh->router);
    zmq_msg_t id, body;

    (void)zmq_msg_init(&id);   /* cannot fail */
    (void)zmq_msg_init(&body); /* cannot fail */
    bool got = zmq_msg_recv(&id, socket, ZMQ_DONTWAIT) >= 0;
    if (got && (!zmq_msg_more(&id) || zmq_msg_recv(&body, socket, ZMQ_DONTWAIT) < 0)) {
        mesh_refuse(mesh, "a message without content", "");
    } else if (got) {
        /* The strings live as long as the frame: ask before the rest replaces it. */
        const char *user = zmq_msg_gets(&body, "User-Id");
        const char *address = mesh_visitor_said(mesh, zmq_msg_get(&body, ZMQ_SRCFD));
        if (!address[0]) {
            const char *ip = zmq_msg_gets(&body, "Peer-Address"); /* has no port */
            address = ip ? ip : "";
        }
        if (zmq_msg_more(&body)) {
            mesh_refuse(mesh, "a message of several frames", address);
            (void)mesh_link_rest(socket, &body); /* known: there is more */
        } else if (!user || strcmp(user, mesh->public_text) != 0) {
            mesh_refuse(mesh, "a message that is not under our key", address);
        } else {
            take_message(mesh, (struct slice){zmq_msg_data(&id), zmq_msg_size(&id)},
                         (struct slice){zmq_msg_data(&body), zmq_msg_size(&body)}, address);
        }
    }
    (void)zmq_msg_close(&body); /* valid message: cannot fail */
    (void)zmq_msg_close(&id);   /* the same */
    return got;
}

static int on_router(zsock_t *socket, void *argument)
{
    struct mesh *mesh = argument;

    (void)socket; /* mesh->router */
    /* A connection's events were written before its first message: they are seen before it, too. */
    drain_router_events(mesh);
    for (int i = 0; i < MESH_TURN && read_router(mesh); i++) {
        mesh_handoff_outputs(mesh);
    }
    return mesh_settle(mesh);
}

static void endpoint_of(const struct mesh_config *config, char *out, size_t size)
{
    bool v6 = strchr(config->bind_ip, ':') != NULL;
    (void)snprintf(out, size, v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", config->bind_ip,
                   (unsigned)config->p2p_port); /* both are bounded: fits */
}

static int bind_failed(const struct mesh_config *config, int error, struct problem *problem)
{
    const char *ip = config->bind_ip;
    unsigned port = config->p2p_port;

    switch (error) {
    case EADDRINUSE:
        return problem_set(problem, PROBLEM_PORT_IN_USE,
                           "stop the other program, or choose another p2p_port",
                           "cannot listen on %s:%u: in use", ip, port);
    case EADDRNOTAVAIL:
    case ENODEV:
        return problem_set(problem, PROBLEM_ADDRESS_UNAVAILABLE,
                           "use an address of this machine as bind or this_central.ip",
                           "cannot listen on %s:%u: not an address of this machine", ip, port);
    case EACCES:
    case EPERM:
        return problem_set(problem, PROBLEM_PERMISSION, "use a p2p_port of 1024 or above",
                           "cannot listen on %s:%u: not permitted", ip, port);
    default:
        return problem_set(problem, PROBLEM_ADDRESS_UNAVAILABLE, NULL, "cannot listen on %s:%u: %s",
                           ip, port, zmq_strerror(error));
    }
}

/* `released`: we ourselves have just let go of this port, which takes libzmq a moment. */
static int bind_to(struct mesh *mesh, const struct mesh_config *config, bool released,
                   struct problem *problem)
{
    char endpoint[96];
    void *socket = zsock_resolve(mesh->router);
    int64_t end_ms = clock_mono_ms() + RELEASE_MS;

    endpoint_of(config, endpoint, sizeof endpoint);
    if (mesh_link_set(socket, ZMQ_IPV6, strchr(config->bind_ip, ':') != NULL)) {
        return bind_failed(config, errno, problem);
    }
    while (zmq_bind(socket, endpoint)) {
        int error = errno;
        if (error != EADDRINUSE || !released || clock_mono_ms() >= end_ms) {
            return bind_failed(config, error, problem);
        }
        zclock_sleep(RELEASE_STEP_MS);
    }
    size_t size = sizeof mesh->address;
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, mesh->address, &size)) {
        (void)slice_copy(slice_text(endpoint), mesh->address, sizeof mesh->address); /* as good */
    }
    mesh->released_port = 0;
    log_info("MESH_LISTENING", "address=%s", mesh->address);
    return 0;
}

int mesh_link_listen(struct mesh *mesh, struct problem *problem)
{
    const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                       ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

    mesh->router = zsock_new(ZMQ_ROUTER);
    if (mesh_link_options(mesh, zsock_resolve(mesh->router), true, problem)) {
        goto close;
    }
    mesh->router_monitor = mesh_link_monitor(mesh, mesh->router, events);
    if (!mesh->router_monitor || loop_watch(mesh->loop, mesh->router, on_router, mesh) ||
        loop_watch(mesh->loop, mesh->router_monitor, on_router_event, mesh)) {
        (void)problem_set(problem, PROBLEM_INTERNAL, NULL, "cannot watch the mesh's sockets");
        goto close;
    }
    if (bind_to(mesh, &mesh->config, mesh->released_port == mesh->config.p2p_port, problem)) {
        goto close;
    }
    return 0;
close:
    mesh_link_close(mesh);
    return -1;
}

int mesh_link_move(struct mesh *mesh, const struct mesh_config *to, struct problem *problem)
{
    char old[sizeof mesh->address];
    bool same_port = to->p2p_port == mesh->config.p2p_port;

    memcpy(old, mesh->address, sizeof old);
    loop_used(mesh->loop, mesh->router);
    /* One port cannot be bound at "*" and at an address at once: then the old one goes first. */
    if (same_port) {
        (void)zmq_unbind(zsock_resolve(mesh->router), old); /* the bind below tells */
    }
    if (bind_to(mesh, to, same_port || mesh->released_port == to->p2p_port, problem)) {
        if (same_port && bind_to(mesh, &mesh->config, true, NULL)) {
            log_error("MESH_LISTENING", "address=%s reason=\"lost, and not to be had again\"", old);
            mesh->address[0] = '\0';
        }
        return -1;
    }
    if (!same_port && zmq_unbind(zsock_resolve(mesh->router), old) == 0) {
        mesh->released_port = mesh->config.p2p_port;
    }
    return 0;
}

void mesh_link_close(struct mesh *mesh)
{
    if (mesh->router_monitor) {
        /* In this order: a monitor that nobody reads stops libzmq. Stopping cannot fail. */
        (void)zmq_socket_monitor(zsock_resolve(mesh->router), NULL, 0);
        mesh_unwatch(mesh, &mesh->router_monitor);
    }
    if (mesh->router) {
        /* Time to say BYE; on failure it is not said. */
        (void)mesh_link_set(zsock_resolve(mesh->router), ZMQ_LINGER, MESH_FAREWELL_MS);
        mesh->released_port = mesh->address[0] ? mesh->config.p2p_port : mesh->released_port;
        mesh_unwatch(mesh, &mesh->router);
    }
    mesh_visitor_forget_all(mesh);
    mesh->address[0] = '\0';
    while (mesh->link_count) {
        free(mesh->links[--mesh->link_count]);
    }
}

/* ---- links ---- */

struct mesh_link *mesh_link_add(struct mesh *mesh, struct mesh_dial *dial, struct slice id)
{
    if (mesh->link_count == LIMIT_LINKS) {
        return NULL;
    }
    struct mesh_link *link = bytes_allocate(1, sizeof *link);
    link->number = ++mesh->last_number;
    link->dial = dial;
    if (!dial) {
        memcpy(link->id, id.data, id.len);
        link->id_len = id.len;
    }
    mesh->links[mesh->link_count++] = link;
    mesh_handoff_wake(mesh);
    return link;
}

struct mesh_link *mesh_link_find(const struct mesh *mesh, uint64_t number)
{
    for (size_t i = 0; i < mesh->link_count; i++) {
        if (mesh->links[i]->number == number) {
            return mesh->links[i];
        }
    }
    return NULL;
}

void mesh_link_forget(struct mesh *mesh, uint64_t number)
{
    for (size_t i = 0; i < mesh->link_count; i++) {
        if (mesh->links[i]->number == number) {
            free(mesh->links[i]);
            mesh->links[i] = mesh->links[--mesh->link_count];
            return;
        }
    }
}

void mesh_link_send(struct mesh *mesh, uint64_t number, struct slice bytes)
{
    struct mesh_link *link = mesh_link_find(mesh, number);
    if (!link || link->lost || bytes.len > LIMIT_MESSAGE_BYTES) {
        mesh->dropped++;
        return;
    }
    zsock_t *through = link->dial ? mesh_dial_socket(link->dial) : mesh->router;
    void *socket = through ? zsock_resolve(through) : NULL;
    int sent = -1;
    loop_used(mesh->loop, through);
    if (socket &&
        (link->dial || zmq_send(socket, link->id, link->id_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0)) {
        sent = zmq_send(socket, bytes.data, bytes.len, ZMQ_DONTWAIT);
    }
    if (sent < 0) {
        mesh->dropped++; /* a hint is lost; what matters is pulled */
        link->lost = socket && !link->dial && errno == EHOSTUNREACH;
    }
}
