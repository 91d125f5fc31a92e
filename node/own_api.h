/*
 * A command of the command line asks the running central over its own HTTP port. Main thread.
 */
#ifndef NODE_OWN_API_H
#define NODE_OWN_API_H

#include "api/call.h"
#include "node/command_line.h"
#include "proto/ids.h"
#include "proto/problem.h"

#include <jansson.h>

/* The running central of a configuration. */
struct own_api {
    char base[100];          /* "http://127.0.0.1:8000" */
    char authorization[300]; /* the header with the api_token; "" = none */
    uint32_t body_bytes;     /* the largest request that it takes */
    struct node_id id;       /* as configured */
};

/* Finds the address, of those where the configuration listens, at which a central answers. 0, or -1
 * with what command_config_read says, or PEER_UNREACHABLE: no central runs. End with own_api_close
 * in either case. */
int own_api_open(struct own_api *api, const struct command_line *line, struct problem *problem);
void own_api_close(struct own_api *api);

/* One request; `call` as for call_all but for its url and headers, which come from `path` and
 * `content_type` (NULL = JSON). 0 when an answer with a status below 400 came; -1 with a problem:
 * what the central said, or that it does not answer. */
int own_api_call(const struct own_api *api, struct call *call, const char *path,
                 const char *content_type, struct problem *problem);

/* The object that was answered to a request without a content type; NULL with a problem. `body` is
 * JSON, an absent one sends none. The caller releases it with json_decref. */
json_t *own_api_ask(const struct own_api *api, const char *method, const char *path,
                    struct slice body, struct problem *problem);

/* Whether the same may work in a moment: the central is busy, restarts, or was cut off. */
bool own_api_may_pass(enum problem_code code);

/* What an answer of status 400 or more says went wrong. Returns -1. */
int own_api_refused(int status, struct slice answer, struct problem *problem);

/* The text of a member; "" when there is none. Borrows. */
const char *own_api_text(const json_t *object, const char *key);

/* Appends `text` as part of a path or query. */
void own_api_escape(struct buffer *out, const char *text);

#endif
