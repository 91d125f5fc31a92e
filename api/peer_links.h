/*
 * The peer link: WebSockets between this central and centrals of the existing system, as those
 * speak it (docs/api.md, "Peer link"). They come to /ws/p2p, or are dialled; api/peer_choice says
 * who may. Without any proof of who is there: so only configured centrals from their addresses,
 * unless `ws_peers` is open.
 *
 * What is said to a central comes from the database (api/peer_tell), on the newest of its sockets;
 * what it says becomes commands (api/peer_hear). One thread says everything; each socket that was
 * dialled has a thread, each that was accepted a worker and a writer of the push.
 */
#ifndef API_PEER_LINKS_H
#define API_PEER_LINKS_H

#include "api/api.h"
#include "api/gateway.h"

struct peer_links;

/* Adds the channel /ws/p2p to the gateway's push, and borrows the gateway. Nobody is linked yet.
 * The caller owns it; these life functions are the main thread's. */
struct peer_links *peer_links_new(struct gateway *gateway, const struct api_peers *peers);
/* Begins to dial and to tell. */
void peer_links_start(struct peer_links *links);
/* Something was committed; false when no link is up that it could be told over. From the thread
 * that listens to facts. */
bool peer_links_fact(struct peer_links *links);
/* Ends every thread of its own; before push_stop. */
void peer_links_stop(struct peer_links *links);
/* After the push is gone. */
void peer_links_destroy(struct peer_links **links);

/* Who may be linked from now on. Links that are not wanted any more end. Any thread. */
void peer_links_set(struct peer_links *links, const struct api_peers *peers);

/* False: nobody is linked until it is true again, as at first. Any thread. */
void peer_links_run(struct peer_links *links, bool runs);

/* One central: configured, or linked now. */
struct peer_link_report {
    struct node_id id;
    char ip[64]; /* as configured, else where it came from */
    uint16_t api_port;
    bool is_configured;
    const char *link, *why;  /* as in struct peer_choice */
    unsigned sockets;        /* open; 0 = not linked */
    char direction[12];      /* of the one that is spoken on: "dialled", "accepted" */
    int64_t since_ms;        /* wall; when that was opened, or the last one closed; 0 = never */
    int64_t heard_ms;        /* wall; 0 = never */
    uint64_t sent, received; /* messages since the start */
    uint64_t refused;        /* of those received, messages and rows that mean nothing */
    char last_error[200];    /* why there is no link, or what was wrong last; "" = nothing */
};

#define PEER_LINK_REPORTS (LIMIT_PEERS + LIMIT_PEER_STRANGERS) /* at most */
/* Returns the count. Any thread. */
size_t peer_links_report(struct peer_links *links, struct peer_link_report *out, size_t max);

/* Sends a HEARTBEAT and a ping to a central and waits for the answer to a ping that was sent since:
 * milliseconds, -1 when it is not linked by WebSocket, -2 when it does not answer within
 * LIMIT_PROBE_MS. Any thread. */
int64_t peer_links_test(struct peer_links *links, const char *id);

/* True while at least one is open. Any thread. */
bool peer_links_used(struct peer_links *links);

#endif
