/*
 * The one table of what the server answers: method, path, who may, handler. Paths match exactly,
 * segment by segment, case-sensitively; `{…}` takes one segment. `{event_id}` alone takes one with
 * an encoded slash. A new endpoint is one line here and one handler in api/handlers.h.
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api/request.h"

struct route {
    const char *method; /* "GET" ..., or "WS" for a WebSocket */
    const char *path;
    unsigned who;                             /* set of roles; ROLE_ANYONE = needs none */
    void (*handler)(struct request *request); /* answers exactly once; NULL for WebSockets */
};

enum route_result {
    ROUTE_FOUND,
    ROUTE_UNKNOWN, /* 404 */
    ROUTE_METHOD,  /* 405: the path exists with other methods, listed in `allow` */
    ROUTE_SLASH    /* 307: the path exists without its trailing slash */
};

/* Finds the route of a raw (still percent-encoded) path. The decoded `{…}` segment goes into
 * request->parameter. `allow` >= 64 bytes. */
enum route_result route_find(struct request *request, const char *method, struct slice path,
                             const struct route **route, char allow[64]);

/* The table itself, for those who compare it with something: `index` from 0, NULL at its end. */
const struct route *route_at(size_t index);
/* The reverse; for NULL their number. */
size_t route_index(const struct route *route);

#endif
