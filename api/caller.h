/*
 * Who is calling, and what they may do. A caller that shows who it is has the role of its account
 * or token; any other has what its address gives. Worker threads.
 */
#ifndef API_CALLER_H
#define API_CALLER_H

#include "api/json.h"
#include "proto/bytes.h"
#include "proto/limits.h"

#include <stdbool.h>

struct request;

/* Sets of roles. A route names who may: viewers include operators, and operators administrators;
 * edges (cameras) and metrics (a Prometheus server) stand beside that order. */
enum role {
    ROLE_ANYONE = 0, /* of a route: without any role */
    ROLE_VIEWER = 1,
    ROLE_OPERATOR = 2,
    ROLE_ADMIN = 4,
    ROLE_EDGE = 8,
    ROLE_METRICS = 16
};

enum caller_how {
    CALLER_NOBODY, /* no role */
    CALLER_OPEN,   /* auth "open": everybody may everything */
    CALLER_LOCAL,  /* directly from this machine */
    CALLER_CAMERA, /* directly from the address of a configured camera */
    CALLER_KEY     /* the configured api_token */
};

#define CALLER_NAME 80    /* bytes of a caller's name, with the NUL */
#define CALLER_ADDRESS 64 /* bytes of an address as text, with the NUL */

struct caller {
    enum caller_how how;
    unsigned roles;               /* everything the role includes */
    char name[CALLER_NAME];       /* who it is; "" = nobody in particular */
    char address[CALLER_ADDRESS]; /* where from: the client before a trusted proxy, else the peer */
    bool is_secure;               /* a trusted proxy says that the client came by TLS */
};

/* Fills request->caller from the connection, the headers and, for a WebSocket, the query. */
void caller_find(struct request *request);

/* Everything that a single role includes, itself among it. */
unsigned caller_includes(unsigned role);

/* Whether the caller may use what is for `who`, a set of roles. */
bool caller_may(const struct caller *caller, unsigned who);

/* The name of a single role, "viewer"; NULL for anything else. */
const char *caller_role_name(unsigned role);

/*
 * The author of a change, the one place that decides it: a caller that showed who it is, whatever
 * the body says; for others the member `author` of `body` (NULL = no body), cut to LIMIT_TEXT.
 * Absent when nobody is named. Borrows from both.
 */
struct slice caller_author(const struct request *request, const json_t *body);

#endif
