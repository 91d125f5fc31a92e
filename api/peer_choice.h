/*
 * Pure: by which link a configured central is reached, the mesh or a WebSocket, and why. Never by
 * both, because then each event would come twice.
 */
#ifndef API_PEER_CHOICE_H
#define API_PEER_CHOICE_H

#include "api/api.h"

#include <stdbool.h>

/* What answered at its api_port when it was asked who it is. */
enum peer_probe {
    PEER_PROBE_NONE,     /* not asked yet */
    PEER_PROBE_SILENT,   /* nobody, or not in time */
    PEER_PROBE_PARKMESH, /* a central that speaks the mesh */
    PEER_PROBE_FOREIGN   /* something else: a central of the existing system */
};

struct peer_case {
    enum api_link link;    /* as configured */
    bool is_running;       /* the peer links are on */
    bool is_mesh_up;       /* the mesh reaches it now */
    bool is_mesh_proven;   /* it did since this process started */
    bool is_linked;        /* a WebSocket is open */
    enum peer_probe probe; /* the newest */
};

struct peer_choice {
    bool may_link; /* a WebSocket may be, also one that the other side opens */
    bool probe;    /* ask who is there before dialling */
    bool dial;
    const char *link; /* "mesh", "websocket", or "none" while it is not known */
    const char *why;  /* for people, Vietnamese */
};

/* What holds now. Texts are static. */
struct peer_choice peer_choice(const struct peer_case *now);

#endif
