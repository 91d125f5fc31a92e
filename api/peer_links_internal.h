/*
 * What the peer link's files share. One mutex guards the table: peers, their sockets and the
 * figures of both. Everything that waits (database, node, network) happens outside.
 */
#ifndef API_PEER_LINKS_INTERNAL_H
#define API_PEER_LINKS_INTERNAL_H

#include "api/peer_choice.h"
#include "api/peer_links.h"
#include "api/peer_pages.h"
#include "api/peer_tell.h"
#include "api/zone.h"
#include "proto/limits.h"

#include <pthread.h>

/* With those that are being closed. */
#define PEER_SOCKETS (2 * LIMIT_PEER_SOCKETS)

struct peer;
struct peer_dial;

/* A link that has said who it is. Belongs to the channel or the dialling thread, which takes it out
 * of the table before it ends. */
struct peer_socket {
    struct peer *peer;
    struct push_client *client; /* accepted */
    struct peer_dial *dial;     /* dialled; one of both */
    uint64_t number;            /* counts up with every socket */
    int64_t opened_ms;          /* wall */
    char address[64];
    bool is_ending;
    bool is_busy;             /* a message of it is being dealt with */
    uint64_t pinged, reached; /* message counts that the newest ping and pong name */
    int64_t waits_since_ms;   /* monotonic; since when a ping is not answered; 0 = none is */
    int64_t ping_due_ms, heartbeat_due_ms; /* monotonic */
    int64_t allowance, allowance_ms; /* messages that it may bring now; monotonic, as of when */
    bool is_noted;                   /* something of it was logged as wrong */
};

struct peer {
    struct node_id id;
    bool is_configured;
    bool is_gone; /* no more wanted; freed when nobody uses it */
    struct api_peer entry;
    struct zone *zone; /* NULL = the process's; constant */
    bool is_mesh_up, is_mesh_proven;
    enum peer_probe probe;
    struct peer_dial *dial; /* NULL = is not to be dialled */

    struct peer_socket *sockets[PEER_SOCKETS];
    size_t socket_count;
    int64_t since_ms, heard_ms; /* wall */
    uint64_t pings, answered;   /* sent to it; number of the newest that it answered */
    int64_t answered_ms;        /* monotonic; when that came */
    uint64_t sent, received, refused;
    char last_error[200];
    int64_t lines, lines_ms; /* that may be logged of it now; monotonic, as of when */
    uint64_t unlogged;       /* left out since the last one */

    /* what we ask of it */
    bool wants_rows;      /* a SYNC_REQUEST is due */
    bool has_since;       /* `pages` says since when, because an answer was not all */
    bool waits_for_rows;  /* for the answer */
    int64_t asked_due_ms; /* monotonic: then it is asked again */
    struct peer_pages pages;
    int64_t heard_all_ms; /* it said all that it had at this time of its clock */
    bool heard_all_moved;

    /* what it asks of us */
    bool asks;
    int64_t asks_since_ms;

    /* the telling thread's */
    struct peer_tell *tell;
    uint64_t telling;         /* number of the socket; 0 = none */
    int64_t listens_until_ms; /* monotonic */
    uint64_t news;            /* those of links->news that were looked at */
    bool more;
    int64_t retry_ms, mark_due_ms; /* monotonic */
    struct feed_cursor mark;
    bool has_mark; /* to be stored */
};

struct peer_links {
    struct gateway *gateway;
    struct push_channel *channel;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* monotonic; the telling thread waits for it */
    pthread_t thread;
    atomic_bool stopping;
    bool is_started, is_open, is_running;
    bool is_woken; /* something happened since the last look */
    struct peer *peers[2 * LIMIT_PEERS + LIMIT_PEER_STRANGERS]; /* with those that are gone */
    size_t count;
    uint64_t sockets;  /* ever; numbers them */
    uint64_t news;     /* facts heard */
    unsigned nameless; /* sockets that have not said who they are */
    int64_t mesh_due_ms, refusal_due_ms;
};

/* ---- peer_links.c: the table (the mutex is held unless it says otherwise) -------------------- */

struct peer *peer_links_find(struct peer_links *links, const char *id);
struct peer_choice peer_links_choice(const struct peer_links *links, const struct peer *peer);
/* Takes a socket in. NULL, or why not, for the log. */
const char *peer_links_join(struct peer_links *links, const char *id, struct peer_socket *socket);
/* Takes it out; unknown ones are none. Takes the mutex itself. */
void peer_links_leave(struct peer_links *links, struct peer_socket *socket);
/* The one to speak on, or NULL. */
struct peer_socket *peer_links_best(const struct peer *peer);
void peer_links_wake(struct peer_links *links);
/* Whether a line about it is logged now: one that comes and goes all day fills no disk. */
bool peer_links_may_log(struct peer *peer);
/* Whether a central of that configured address may come from `address`. May ask the resolver, so
 * without the mutex. */
bool peer_links_is_at(const char *configured, const char *address);
void peer_links_say(struct peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* last_error */

/* ---- peer_socket.c: what is done to a socket (the mutex is held) ----------------------------- */

/* False when it has no room now. */
bool peer_socket_offer(struct peer_socket *socket, struct slice text);
void peer_socket_ping(struct peer_socket *socket, uint64_t count);
void peer_socket_close(struct peer_socket *socket, enum push_code code);
/* A pong came. Takes the mutex itself. */
void peer_socket_pong(struct peer_links *links, struct peer_socket *socket, struct slice payload);

/* ---- peer_frame.c: one message, whoever brought it (takes the mutex itself) ------------------ */

/* 0, or the code to close the socket with. `node` and `question` are the thread's. */
int peer_frame_take(struct peer_links *links, struct peer_socket *socket, struct desk_asker *node,
                    struct buffer *question, struct slice text);

/* ---- peer_accept.c --------------------------------------------------------------------------- */

struct push_channel *peer_accept_add(struct peer_links *links, struct push *push);

/* ---- peer_dial.c: a thread for each central that may be dialled ------------------------------ */

struct peer_dial *peer_dial_new(struct peer_links *links, struct peer *peer);
/* Tells it to end (mutex held), which it does soon; then whether it has. */
void peer_dial_stop(struct peer_dial *dial);
bool peer_dial_has_ended(const struct peer_dial *dial);
/* Joins and frees it (mutex not held). */
void peer_dial_destroy(struct peer_dial **dial);
/* Of the socket: peer_socket.c. */
bool peer_dial_offer(struct peer_dial *dial, struct slice text);
void peer_dial_ping(struct peer_dial *dial, struct slice payload);
void peer_dial_close(struct peer_dial *dial, enum push_code code);

/* ---- peer_sender.c: the thread that tells ---------------------------------------------------- */

void *peer_sender_run(void *links);

#endif
