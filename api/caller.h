/*
 * Who is calling, and what they may do. A caller that shows who it is has the role of its account
 * or token; any other has what its address gives. Worker threads.
 */
#ifndef API_CALLER_H
#define API_CALLER_H

#include "api/json.h"
#include "proto/bytes.h"
#include "proto/credential.h"
#include "proto/limits.h"
#include "proto/role.h"

#include <stdbool.h>

struct gateway;
struct request;

enum caller_how {
    CALLER_NOBODY, /* no role */
    CALLER_OPEN,   /* auth "open": everybody may everything */
    CALLER_LOCAL,  /* directly from this machine, under a name that only it has */
    CALLER_CAMERA, /* directly from the address of a configured camera */
    CALLER_KEY,    /* the configured api_token */
    CALLER_TOKEN,  /* a token of this central */
    CALLER_SESSION /* an account that logged in */
};

#define CALLER_NAME 80    /* bytes of a caller's name, with the NUL */
#define CALLER_ADDRESS 64 /* bytes of an address as text, with the NUL */

struct caller {
    enum caller_how how;
    unsigned roles;               /* everything the role includes */
    char name[CALLER_NAME];       /* who it is; "" = nobody in particular */
    char address[CALLER_ADDRESS]; /* where from: the client before a trusted proxy, else the peer */
    unsigned char digest[CREDENTIAL_DIGEST]; /* of what it showed; _TOKEN, _SESSION */
    bool is_secure;                          /* a trusted proxy says that the client came by TLS */
};

/* Fills request->caller from the connection, the headers and, for a WebSocket, the query. */
void caller_find(struct request *request);

/* Whether the session, token or camera's address still opens what it did: not after a logout, a
 * changed password, an expiry, another role, the camera's removal. True for others. Any thread. */
bool caller_holds(const struct gateway *gateway, const struct caller *caller);

/* Whether the caller showed valid credentials. */
bool caller_is_authenticated(const struct caller *caller);

/* The name of the cookie that holds the session. Centrals on one host share its cookies, so each
 * has a name of its own. */
#define CALLER_COOKIE (LIMIT_NODE_ID + 16)
void caller_cookie_name(const struct gateway *gateway, char out[CALLER_COOKIE]);

/* Whether the caller may use what is for `who`, a set of roles. */
bool caller_may(const struct caller *caller, unsigned who);

/*
 * The author of a change, the one place that decides it: a caller that showed who it is, whatever
 * the body says; for others the member `author` of `body` (NULL = no body), cut to LIMIT_TEXT.
 * Absent when nobody is named. Borrows from both.
 */
struct slice caller_author(const struct request *request, const json_t *body);

#endif
