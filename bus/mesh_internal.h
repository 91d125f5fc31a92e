/*
 * What the files of the mesh actor share. Nobody else includes this; all of it runs on the mesh's
 * thread.
 *
 *   mesh.c          the actor: turns and ticks, pipe commands, start and stop, report
 *   mesh_config.c   the configuration as bytes
 *   mesh_handoff.c  the house: node, reader and facts; what the replica wants done
 *   mesh_visitor.c  who connected to the ROUTER, until it is known whether it is a central
 *   mesh_link.c     the ROUTER, options of all sockets, link numbers, sending
 *   mesh_dial.c     one DEALER per configured peer: names, monitor events, waiting
 */
#ifndef BUS_MESH_INTERNAL_H
#define BUS_MESH_INTERNAL_H

#include "bus/loop.h"
#include "bus/mesh.h"
#include "bus/pace.h"
#include "bus/resolve.h"

#include "proto/limits.h"
#include "proto/problem.h"

#include <zmq.h>

#define MESH_TURN 100        /* messages taken from one socket before the others' turn */
#define MESH_ROUTING_ID 96   /* bytes; "<node>#<boot, 16 hex digits>" is at most 80 */
#define MESH_FAREWELL_MS 500 /* a closed socket may send for so long: REJECT, BYE */
#define MESH_QUIET_MS 10000  /* between log lines about refused bytes */
#define MESH_VISITORS 256    /* accepted connections remembered */
#define MESH_NEVER INT64_MAX /* a deadline that is not set */

struct mesh_dial;

struct mesh_link {
    uint64_t number;
    struct mesh_dial *dial; /* NULL = accepted by the ROUTER */
    size_t id_len;          /* routing id, of an accepted link */
    char id[MESH_ROUTING_ID];
    bool lost; /* a send found it gone; swept after the outputs */
};

/* A connection accepted by the ROUTER. */
struct mesh_visitor {
    int fd;         /* libzmq's */
    bool is_member; /* a message came from it: it passed the handshake */
    char address[64];
};

/* Our copy of the log's vector, asked from the reader. */
struct mesh_vector {
    bool waiting;     /* for the answer; meanwhile facts stay in their queue */
    uint64_t token;   /* of the question */
    int64_t due_ms;   /* monotonic: ask (again) then; MESH_NEVER = no need */
    bool known;       /* the replica has one */
    uint64_t events;  /* in the log when it was read: older facts say nothing new */
    uint64_t rewinds; /* of heads, then; facts of fewer are older, whatever their count */
    bool batch_known; /* a fact was seen since START */
    uint64_t batch;   /* the newest one's */
};

struct mesh {
    zsock_t *pipe;
    struct loop *loop;
    struct mesh_endpoints at; /* all names set */
    uint64_t boot;            /* random, this actor's life */
    bool ending;              /* $TERM */
    int64_t tick_ms;          /* monotonic: promised for then; MESH_NEVER = not */

    bool configured;
    struct mesh_config config;
    char public_text[41]; /* the key in Z85: User-Id of every admitted peer */
    char problem[300];    /* why not running, or a warning; "" */

    zactor_t *zap; /* NULL when somebody else runs it */
    struct resolve *resolve;
    zsock_t *reports;

    /* While running; NULL while stopped. */
    struct replica *replica;
    zsock_t *router, *router_monitor;
    zsock_t *node, *reader, *facts;
    struct mesh_vector vector;
    int64_t rest_ms; /* monotonic: until then facts gather unseen; MESH_NEVER = they do not */
    struct pace pace;
    char address[80]; /* bound, as libzmq says it */
    struct mesh_link *links[LIMIT_LINKS];
    size_t link_count;
    struct mesh_dial *dials[LIMIT_PEERS];
    size_t dial_count;

    struct mesh_visitor visitors[MESH_VISITORS]; /* oldest first */
    size_t visitor_count;
    const char *visitor_failed; /* why the one failed whose DISCONNECTED comes next; NULL = none */
    size_t visitors_denied;     /* by their key; still connected */
    size_t visitors_unnamed;    /* passed the handshake, but no message has told which they are */

    uint16_t released_port; /* given back a moment ago; 0 = none */
    uint64_t last_number;   /* of links, monitors and questions; never reused */
    uint64_t refused;       /* handshakes and messages that never reached the replica */
    uint64_t unlogged;      /* of them, since the last line about them */
    int64_t refused_ms;     /* monotonic: that line */
    uint64_t dropped;       /* messages a full queue did not take */
};

/* ---- mesh.c ---- */

struct replica_now mesh_now(void);
/* After anything that happened: carries out the replica's wishes. What every handler of the loop
 * returns: -1 = end. */
int mesh_settle(struct mesh *mesh);
/* Unwatches and closes. Harmless for NULL. */
void mesh_unwatch(struct mesh *mesh, zsock_t **socket);
/* Counts something from outside that was not let in; logs it, but not always. */
void mesh_refuse(struct mesh *mesh, const char *reason, const char *address);

/* ---- mesh_handoff.c ---- */

int mesh_handoff_open(struct mesh *mesh, struct problem *problem);
void mesh_handoff_close(struct mesh *mesh);
/* Takes the replica's outputs until none is left. */
void mesh_handoff_outputs(struct mesh *mesh);
void mesh_handoff_tick(struct mesh *mesh, int64_t now_ms);
/* Facts are looked at as they come again: there is somebody to tell. */
void mesh_handoff_wake(struct mesh *mesh);
/* Takes the facts that are there, so that a report is not older than needed. */
void mesh_handoff_catch_up(struct mesh *mesh);

/* ---- mesh_visitor.c ---- */

/* A monitor event of the ROUTER. */
void mesh_visitor_event(struct mesh *mesh, int event, uint32_t value);
/* A message came from this descriptor of libzmq (-1 = unknown). Its address, or "". */
const char *mesh_visitor_said(struct mesh *mesh, int fd);
void mesh_visitor_forget_all(struct mesh *mesh);

/* ---- mesh_link.c ---- */

/* What all sockets to other centrals have in common, keys included. */
int mesh_link_options(struct mesh *mesh, void *socket, bool is_listener, struct problem *problem);
int mesh_link_set(void *socket, int option, int value);
/* A PAIR with the monitor events of a socket, read by mesh_link_event. NULL on failure. */
zsock_t *mesh_link_monitor(struct mesh *mesh, zsock_t *socket, int events);
bool mesh_link_event(zsock_t *monitor, int *event, uint32_t *value);

int mesh_link_listen(struct mesh *mesh, struct problem *problem);
/* Listens at another address. libzmq drops the connections accepted at the old one, and their
 * owners dial again; dialled links stay. On failure as before. */
int mesh_link_move(struct mesh *mesh, const struct mesh_config *to, struct problem *problem);
void mesh_link_close(struct mesh *mesh);

/* A new link; NULL when there are too many. `id` only for an accepted one. */
struct mesh_link *mesh_link_add(struct mesh *mesh, struct mesh_dial *dial, struct slice id);
struct mesh_link *mesh_link_find(const struct mesh *mesh, uint64_t number);
void mesh_link_forget(struct mesh *mesh, uint64_t number);
/* Never waits; what a queue does not take is dropped. */
void mesh_link_send(struct mesh *mesh, uint64_t number, struct slice bytes);
/* Takes the rest of a message of several frames, of which `frame` is the newest; true when there
 * was more. */
bool mesh_link_rest(void *socket, zmq_msg_t *frame);

/* ---- mesh_dial.c ---- */

/* Makes the dials be those of the configuration: keeps, drops, adds. */
void mesh_dial_update(struct mesh *mesh);
void mesh_dial_close_all(struct mesh *mesh);
/* The socket to send on, NULL when not connected. */
zsock_t *mesh_dial_socket(const struct mesh_dial *dial);
/* The replica has done with this link. */
void mesh_dial_hang_up(struct mesh_dial *dial, int64_t retry_ms);
void mesh_dial_tick(struct mesh *mesh, int64_t now_ms);
int64_t mesh_dial_deadline(const struct mesh *mesh);
/* The resolver has answers. */
void mesh_dial_resolved(struct mesh *mesh);

#endif
