/*
 * A WebSocket that we open: connecting, with names resolved, and the handshake, both bounded in
 * time. civetweb's client waits up to 30 s for a server that accepts and says nothing, and libcurl
 * of Debian 12 speaks no WebSocket; so libcurl resolves and connects, and api/ws_frame has the
 * bytes. One thread each.
 */
#ifndef API_WS_DIAL_H
#define API_WS_DIAL_H

#include "proto/bytes.h"

#include <stdatomic.h>
#include <stdint.h>

struct ws_dial;

struct ws_dial_to {
    const char *ip; /* numeric or a name */
    uint16_t port;
    const char *path;
    const atomic_bool *abandon; /* when it becomes true, opening ends soon */
};

/* Opened: what came behind the handshake is in `rest`. NULL with the reason in `error`. */
struct ws_dial *ws_dial_open(const struct ws_dial_to *to, struct buffer *rest, char *error,
                             size_t size);

/* To read and write frames on, not blocking. It belongs to the object. */
int ws_dial_socket(const struct ws_dial *dial);

void ws_dial_close(struct ws_dial **dial);

#endif
