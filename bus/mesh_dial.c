/*
 * Dialling. One DEALER for each configured peer; a connection of it that has passed the CURVE
 * handshake is a link. libzmq connects again by itself after a lost connection or an unanswered
 * one. It does not after a refusal, and it would do so for ever, several times a second, where the
 * other side hangs up in the handshake because its secret differs: then the socket is closed, and a
 * new one dials half a minute later.
 *
 * Names are resolved by bus/resolve, never by libzmq, whose I/O thread would wait for the name
 * server with all links.
 */
#include "bus/mesh_internal.h"

#include "proto/clock.h"
#include "proto/ids.h"
#include "proto/log.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 3000  /* else the kernel's own patience: minutes after a healed cut */
#define RECONNECT_MS 200 /* first pause; libzmq doubles it and adds a random part */
#define RECONNECT_MAX_MS 5000
#define REFUSED_MS 30000 /* until a refusing peer is tried again */
#define REFUSED_JITTER_MS 5000
#define UNRESOLVED_MS 5000  /* until a name is asked for again */
#define RESOLVER_MS 60000   /* an answer not here by then is lost */
#define AT_ONCE_MS 50       /* the least pause between two sockets to one peer */
#define UNANSWERED_TELL 2   /* connection attempts until the peer is called unreachable */
#define UNANSWERED_AGAIN 20 /* and it is said again, in case another text replaced it */
#define UNANSWERED_NAME 4   /* and its name is looked up again */
#define UNFINISHED_MAX 3    /* handshakes cut off until that is taken for a refusal */

enum dial_state {
    DIAL_WAITING,    /* until due_ms, without a socket */
    DIAL_RESOLVING,  /* until the resolver answers */
    DIAL_CONNECTING, /* libzmq is at it */
    DIAL_UP
};

struct mesh_dial {
    struct mesh *mesh;
    struct replica_peer peer;
    enum dial_state state;
    int64_t due_ms;  /* monotonic; MESH_NEVER = the socket's events decide */
    zsock_t *dealer; /* NULL while waiting or resolving */
    zsock_t *monitor;
    uint64_t link;       /* 0 = none */
    char ip[48];         /* numeric, what was connected to */
    unsigned unanswered; /* attempts without a TCP connection since the last one */
    unsigned unfinished; /* handshakes cut off by the other side in a row */
    bool removed;        /* no longer configured; during mesh_dial_update */
};

static void tell(struct mesh_dial *dial, enum problem_code code, const char *what)
{
    char address[80];
    char text[300];
    (void)snprintf(address, sizeof address, "%s:%u", dial->peer.ip,
                   (unsigned)dial->peer.p2p_port);             /* fits */
    (void)snprintf(text, sizeof text, "%s %s", address, what); /* a cut text still helps */
    replica_link_error(dial->mesh->replica, &dial->peer.id, address, code, text, mesh_now());
}

static int64_t jitter(int64_t below_ms)
{
    return (int64_t)(random_nonzero() % (uint64_t)below_ms);
}

/* Closes the socket. `polite`: what was sent a moment ago (REJECT, BYE) may still leave. */
static void close_socket(struct mesh_dial *dial, bool polite)
{
    struct mesh *mesh = dial->mesh;
    mesh_link_forget(mesh, dial->link);
    dial->link = 0;
    if (dial->monitor) {
        /* In this order: a monitor that nobody reads stops libzmq. Stopping cannot fail. */
        (void)zmq_socket_monitor(zsock_resolve(dial->dealer), NULL, 0);
        mesh_unwatch(mesh, &dial->monitor);
    }
    if (dial->dealer && polite) {
        (void)mesh_link_set(zsock_resolve(dial->dealer), ZMQ_LINGER,
                            MESH_FAREWELL_MS); /* else it is not said */
    }
    mesh_unwatch(mesh, &dial->dealer);
}

static void wait_until(struct mesh_dial *dial, int64_t pause_ms)
{
    dial->state = DIAL_WAITING;
    dial->due_ms = clock_mono_ms() + pause_ms;
    dial->unanswered = 0;
    dial->unfinished = 0;
}

static void refused(struct mesh_dial *dial, const char *what)
{
    tell(dial, PROBLEM_MESH_MISMATCH, what);
    close_socket(dial, false);
    wait_until(dial, REFUSED_MS - REFUSED_JITTER_MS + jitter(2 * REFUSED_JITTER_MS));
}

/* ---- a socket and its events ---- */

/* Takes one message; it goes to the replica when there is a link. False when there was none. */
static bool read_dealer(struct mesh_dial *dial)
{
    struct mesh *mesh = dial->mesh;
    void *socket = zsock_resolve(dial->dealer);
    zmq_msg_t body;

    (void)zmq_msg_init(&body); /* cannot fail */
    bool got = zmq_msg_recv(&body, socket, ZMQ_DONTWAIT) >= 0;
    if (got && zmq_msg_more(&body)) {
        (void)mesh_link_rest(socket, &body); /* known: there is more */
        mesh_refuse(mesh, "a message of several frames", dial->peer.ip);
    } else if (got && dial->link) {
        replica_message(mesh->replica, dial->link,
                        (struct slice){zmq_msg_data(&body), zmq_msg_size(&body)}, mesh_now());
    }
    (void)zmq_msg_close(&body); /* valid message: cannot fail */
    return got;
}

static void went_up(struct mesh_dial *dial)
{
    struct mesh *mesh = dial->mesh;
    char address[80];
    struct mesh_link *link = mesh_link_add(mesh, dial, (struct slice){NULL, 0});

    if (!link) {
        mesh_refuse(mesh, "too many links", dial->peer.ip);
        close_socket(dial, false);
        wait_until(dial, REFUSED_MS);
        return;
    }
    dial->state = DIAL_UP;
    dial->unanswered = 0;
    dial->unfinished = 0;
    dial->link = link->number;
    (void)snprintf(address, sizeof address, "%s:%u", dial->ip, (unsigned)dial->peer.p2p_port);
    replica_link_up(mesh->replica, link->number, &dial->peer.id, address, mesh_now());
}

static void went_down(struct mesh_dial *dial)
{
    uint64_t link = dial->link;
    if (!link) {
        return;
    }
    dial->link = 0;
    dial->state = DIAL_CONNECTING;
    mesh_link_forget(dial->mesh, link);
    /* What the old connection left behind must not be taken for words of the next. */
    while (read_dealer(dial)) {
    }
    replica_link_down(dial->mesh->replica, link, mesh_now());
}

static void unanswered(struct mesh_dial *dial)
{
    dial->unanswered++;
    if (dial->unanswered % UNANSWERED_AGAIN == UNANSWERED_TELL) {
        tell(dial, PROBLEM_PEER_UNREACHABLE,
             "does not answer; is it running, and is its p2p_port open?");
    }
    if (dial->unanswered >= UNANSWERED_NAME && !resolve_is_numeric(dial->peer.ip)) {
        close_socket(dial, false);
        wait_until(dial, UNRESOLVED_MS + jitter(UNRESOLVED_MS));
    }
}

static void happened(struct mesh_dial *dial, int event)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        went_down(dial); /* nothing, unless an event was lost */
        went_up(dial);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        went_down(dial);
        break;
    case ZMQ_EVENT_CONNECTED:
        dial->unanswered = 0;
        break;
    case ZMQ_EVENT_CLOSED:
        unanswered(dial);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        if (++dial->unfinished >= UNFINISHED_MAX) {
            refused(dial, "hangs up in the handshake; is mesh_secret the same in both?");
        }
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        refused(dial, "refuses our key; is mesh_secret the same in both?");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        refused(dial, "does not speak the mesh's protocol; is p2p_port right, and is mesh_secret "
                      "the same in both?");
        break;
    default:
        break;
    }
}

static void drain_events(struct mesh_dial *dial)
{
    int i, event;
    uint32_t value;
    /* An event may close the socket, and its monitor with it. */
    for (i = 0; i < MESH_TURN && dial->monitor; i++) {
        if (!mesh_link_event(dial->monitor, &event, &value)) {
            break;
        }
        happened(dial, event);
        mesh_handoff_outputs(dial->mesh);
    }
    if (i == MESH_TURN) {
        loop_used(dial->mesh->loop, dial->monitor); /* it may have more */
    }
}

static int on_event(zsock_t *socket, void *argument)
{
    struct mesh_dial *dial = argument;

    (void)socket; /* dial->monitor */
    drain_events(dial);
    return mesh_settle(dial->mesh);
}

static int on_message(zsock_t *socket, void *argument)
{
    struct mesh_dial *dial = argument;

    (void)socket; /* dial->dealer */
    /* The handshake's event was written before the first message: it is seen before it, too. */
    drain_events(dial);
    for (int i = 0; i < MESH_TURN && dial->dealer && read_dealer(dial); i++) {
        mesh_handoff_outputs(dial->mesh);
    }
    return mesh_settle(dial->mesh);
}

static int set_options(struct mesh_dial *dial)
{
    struct mesh *mesh = dial->mesh;
    void *socket = zsock_resolve(dial->dealer);
    char id[MESH_ROUTING_ID];
    int len = snprintf(id, sizeof id, "%s#%016" PRIx64, mesh->config.node.text, mesh->boot);
    int v6 = strchr(dial->ip, ':') != NULL;

    return mesh_link_options(mesh, socket, false, NULL) ||
                   zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, (size_t)len) ||
                   mesh_link_set(socket, ZMQ_IMMEDIATE, 1) || mesh_link_set(socket, ZMQ_IPV6, v6) ||
                   mesh_link_set(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) ||
                   mesh_link_set(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) ||
                   mesh_link_set(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
               ? -1
               : 0;
}

static void connect_to(struct mesh_dial *dial, const char *ip)
{
    const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |
                       ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    struct mesh *mesh = dial->mesh;
    char endpoint[80];
    char why[160];

    (void)snprintf(dial->ip, sizeof dial->ip, "%s", ip); /* numeric: fits */
    (void)snprintf(endpoint, sizeof endpoint, strchr(ip, ':') ? "tcp://[%s]:%u" : "tcp://%s:%u",
                   dial->ip, (unsigned)dial->peer.p2p_port); /* fits */
    if (!mesh->config.keys.present && !resolve_is_loopback(ip)) {
        tell(dial, PROBLEM_MESH_WITHOUT_SECRET,
             "is not dialled: without a mesh_secret only this machine is; parkmesh secret new");
        wait_until(dial, REFUSED_MS);
        return;
    }
    dial->dealer = zsock_new(ZMQ_DEALER);
    if (set_options(dial)) {
        goto failed;
    }
    dial->monitor = mesh_link_monitor(mesh, dial->dealer, events);
    if (!dial->monitor || loop_watch(mesh->loop, dial->monitor, on_event, dial) ||
        loop_watch(mesh->loop, dial->dealer, on_message, dial) ||
        zmq_connect(zsock_resolve(dial->dealer), endpoint)) {
        goto failed;
    }
    dial->state = DIAL_CONNECTING;
    dial->due_ms = MESH_NEVER;
    return;
failed:
    (void)snprintf(why, sizeof why, "cannot be dialled: %s", zmq_strerror(errno)); /* fits */
    tell(dial, PROBLEM_PEER_UNREACHABLE, why);
    close_socket(dial, false);
    wait_until(dial, REFUSED_MS);
}

static void begin(struct mesh_dial *dial)
{
    if (resolve_is_numeric(dial->peer.ip)) {
        connect_to(dial, dial->peer.ip);
    } else if (resolve_ask(dial->mesh->resolve, dial->peer.ip) == 0) {
        dial->state = DIAL_RESOLVING;
        dial->due_ms = clock_mono_ms() + RESOLVER_MS;
    } else {
        wait_until(dial, UNRESOLVED_MS); /* the resolver's queue is full */
    }
}

/* ---- all dials ---- */

zsock_t *mesh_dial_socket(const struct mesh_dial *dial)
{
    return dial->link ? dial->dealer : NULL;
}

void mesh_dial_hang_up(struct mesh_dial *dial, int64_t retry_ms)
{
    close_socket(dial, true);
    wait_until(dial, retry_ms + AT_ONCE_MS + jitter(AT_ONCE_MS));
}

void mesh_dial_resolved(struct mesh *mesh)
{
    struct resolve_answer answer;
    char text[160];

    while (resolve_next(mesh->resolve, &answer)) {
        for (size_t i = 0; i < mesh->dial_count; i++) {
            struct mesh_dial *dial = mesh->dials[i];
            if (dial->state != DIAL_RESOLVING || strcmp(dial->peer.ip, answer.name) != 0) {
                continue;
            }
            if (answer.ip[0]) {
                connect_to(dial, answer.ip);
            } else {
                (void)snprintf(text, sizeof text, "cannot be found: %s", answer.error); /* fits */
                tell(dial, PROBLEM_PEER_UNREACHABLE, text);
                wait_until(dial, UNRESOLVED_MS + jitter(UNRESOLVED_MS));
            }
        }
    }
}

void mesh_dial_tick(struct mesh *mesh, int64_t now_ms)
{
    for (size_t i = 0; i < mesh->dial_count; i++) {
        if (now_ms >= mesh->dials[i]->due_ms) {
            begin(mesh->dials[i]);
        }
    }
}

int64_t mesh_dial_deadline(const struct mesh *mesh)
{
    int64_t due_ms = MESH_NEVER;
    for (size_t i = 0; i < mesh->dial_count; i++) {
        due_ms = mesh->dials[i]->due_ms < due_ms ? mesh->dials[i]->due_ms : due_ms;
    }
    return due_ms;
}

static bool is_same(const struct replica_peer *a, const struct replica_peer *b)
{
    return node_id_compare(&a->id, &b->id) == 0 && strcmp(a->ip, b->ip) == 0 &&
           a->p2p_port == b->p2p_port;
}

static bool is_dialled(const struct mesh *mesh, const struct replica_peer *peer)
{
    for (size_t i = 0; i < mesh->dial_count; i++) {
        if (is_same(&mesh->dials[i]->peer, peer)) {
            return true;
        }
    }
    return false;
}

/* Drops the dials that are not configured as they are. */
static void drop_others(struct mesh *mesh)
{
    size_t kept = 0;

    for (size_t i = 0; i < mesh->dial_count; i++) {
        struct mesh_dial *dial = mesh->dials[i];
        dial->removed = true;
        for (size_t j = 0; j < mesh->config.peer_count && dial->removed; j++) {
            dial->removed = !is_same(&dial->peer, &mesh->config.peers[j]);
        }
        if (!dial->removed) {
            mesh->dials[kept++] = dial;
            continue;
        }
        uint64_t link = dial->link;
        close_socket(dial, true);
        if (link) {
            replica_link_down(mesh->replica, link, mesh_now());
        }
        free(dial);
    }
    mesh->dial_count = kept;
}

void mesh_dial_update(struct mesh *mesh)
{
    drop_others(mesh);
    for (size_t i = 0; i < mesh->config.peer_count; i++) {
        const struct replica_peer *peer = &mesh->config.peers[i];
        if (mesh->dial_count == LIMIT_PEERS || is_dialled(mesh, peer) ||
            node_id_compare(&peer->id, &mesh->config.node) == 0) {
            continue;
        }
        struct mesh_dial *dial = bytes_allocate(1, sizeof *dial);
        dial->mesh = mesh;
        dial->peer = *peer;
        mesh->dials[mesh->dial_count++] = dial;
        begin(dial);
    }
    mesh_handoff_outputs(mesh);
}

void mesh_dial_close_all(struct mesh *mesh)
{
    while (mesh->dial_count) {
        struct mesh_dial *dial = mesh->dials[--mesh->dial_count];
        close_socket(dial, true);
        free(dial);
    }
}
