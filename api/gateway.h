/*
 * What all requests of one running server share, and what each worker thread keeps for its life.
 * Filled by api.c before the first request; constant afterwards but for the atomics.
 */
#ifndef API_GATEWAY_H
#define API_GATEWAY_H

#include "api/api.h"
#include "api/cameras.h"
#include "api/desk.h"
#include "api/hashing.h"
#include "api/identity.h"
#include "api/progress.h"
#include "api/push.h"
#include "api/readers.h"
#include "api/throttle.h"
#include "api/trust.h"
#include "proto/bytes.h"

#include <stdatomic.h>

#define GATEWAY_ORIGIN 128 /* bytes of one configured origin, with the NUL */

struct asking;
struct meter;
struct peer_links;
struct refusals;
struct retell;
struct seals;

struct gateway {
    char database[600]; /* path */
    int64_t started_ms; /* monotonic; when the process began to work */
    struct node_id node;
    char version[32];
    char web_dir[512]; /* the page is read from there; "" = the embedded one */
    bool is_open;      /* auth "open": everybody may everything */
    char token[256];
    char origins[API_ORIGINS][GATEWAY_ORIGIN];
    size_t origin_count;
    bool any_origin; /* "*" is configured, or auth is open as in the existing system */
    uint32_t body_bytes;
    struct readers *readers;
    struct trust *trust;
    struct identity *identity;
    struct throttle *throttle;
    struct hashing *hashing;
    struct seals *seals;       /* of requests between centrals */
    struct asking *asking;     /* centrals that wait for a person */
    struct meter *meter;       /* counters for GET /metrics */
    struct refusals *refusals; /* how many are logged */
    struct retell *retell;     /* peers that must hear again where we are */
    struct push *push;
    struct peer_links *peer_links; /* WebSockets of other centrals */
    uint16_t peer_port;            /* on which they may dial any path; 0 = none */
    struct progress *progress;
    struct cameras *cameras; /* borrowed from whoever started the server */
    struct desk *desk;       /* the node's; likewise */
    atomic_uint streams;     /* videos being relayed */
    atomic_bool ready;
    atomic_bool stopping;  /* new work is refused */
    atomic_bool abandon;   /* waiting for the node ends */
    atomic_uint under_way; /* requests being answered */
};

/* A worker's own: its questions to the node and buffers that keep their memory between requests. */
struct worker {
    struct desk_asker *node;
    struct buffer in;       /* request body */
    struct buffer question; /* packed command */
    struct buffer out;      /* answer, with room for its head in front */
    uint64_t named;         /* the last id that it gave to a request; random at the start */
};

#endif
