/*
 * What people, cameras and browsers call: HTTP and WebSocket on api_port (civetweb), the push of
 * facts to WebSocket clients. Reads come from storage/history.h handles, writes go to the node as
 * commands (proto/command.h, api/desk.h), configuration goes to the supervisor, mesh state comes as
 * reports.
 */
#ifndef API_API_H
#define API_API_H

#include "proto/ids.h"
#include "proto/limits.h"
#include "proto/problem.h"

#include <stdbool.h>
#include <stdint.h>

struct api;
struct cameras;
struct desk;

#define API_LISTENERS 4
#define API_ORIGINS 16

/* Addresses that mean something by themselves: numeric IPv4, network order. */
struct api_trust {
    const uint32_t *cameras; /* callers from there are edges */
    size_t camera_count;
    const uint32_t *proxies; /* believed about the client that they forward */
    size_t proxy_count;
};

/* How a central is to be reached. */
enum api_link {
    API_LINK_AUTO, /* the mesh when it speaks it, else as the existing centrals do */
    API_LINK_MESH,
    API_LINK_WEBSOCKET /* as the existing centrals do */
};

struct api_peer {
    struct node_id id;
    char ip[64]; /* numeric or a name */
    uint16_t api_port;
    enum api_link link;
    char timezone[64]; /* of the times that it writes; "" = this process's */
};

/* Who may be linked by WebSocket. */
struct api_peers {
    const struct api_peer *items;
    size_t count; /* at most LIMIT_PEERS */
    bool is_open; /* also centrals that are none of them */
};

/* Texts are borrowed for the duration of api_start only. */
struct api_options {
    const char *listeners[API_LISTENERS]; /* "127.0.0.1:8000"; NULL-terminated */
    const char *database;                 /* path, opened read-only */
    int64_t started_ms;                   /* monotonic; when the process began to work */
    struct node_id node;
    struct cameras *cameras; /* must outlive the server */
    struct desk *desk;       /* the node's; likewise */
    const char *version;
    const char *web_dir; /* the page's files while working on them; NULL = the embedded ones */
    bool is_open;        /* every address may everything, as in the existing system; warned about */
    const char *api_token; /* who sends it is an administrator; NULL = none */
    struct api_trust trust;
    const char *cors_origins[API_ORIGINS + 1]; /* "http://10.0.0.5:3000" or "*"; NULL-terminated */
    struct api_peers peers;
    uint16_t peer_port; /* on the listeners' addresses, for centrals that dial any path; 0 = none */
    /* 0 = the default of limits.h */
    uint32_t http_threads, ws_clients, readers, body_bytes, ws_ping_ms;
};

/* Starts listening. NULL with a problem: PORT_IN_USE, ADDRESS_UNAVAILABLE, PERMISSION (naming the
 * address), DB_*. FACTS_ENDPOINT must be bound. Main thread. */
struct api *api_start(const struct api_options *options, struct problem *problem);

/* Readiness as /readyz tells it; starts false. Any thread. */
void api_set_ready(struct api *api, bool ready);

/* The key of seals between centrals (proto/seal.h, 32 bytes), NULL = none: then nothing is sealed,
 * and no seal holds. Any thread. */
void api_set_mesh_key(struct api *api, const uint8_t *key);

/* Follows changed addresses. Any thread. */
void api_set_trust(struct api *api, const struct api_trust *trust);

/* Follows changed centrals: links that are not wanted any more end, others begin. Any thread. */
void api_set_peers(struct api *api, const struct api_peers *peers);

/* False: nobody is linked by WebSocket until it is true again, as after the start. Any thread. */
void api_run_peers(struct api *api, bool runs);

/* A change that other centrals were told of was taken back: soon, and not in this thread, all are
 * told where this one is by the configuration in force. Main thread. */
void api_tell_peers(struct api *api);

/* Refuses new work (503 STOPPING), lets answers under way finish (at most a second), closes
 * WebSockets with 1001, stops. Main thread; the node must still be running. */
void api_stop(struct api **api);

#endif
