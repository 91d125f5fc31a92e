/*
 * Questions to the supervisor: configuration, start and stop of the mesh. The socket is new each
 * time: these requests are rare, and few workers ever see one.
 */
#ifndef API_SUPERVISE_H
#define API_SUPERVISE_H

#include "api/ask.h"
#include "api/request.h"
#include "proto/command.h"

/* 0 with `*answer`, which borrows from `*ask` and may hold a problem; -1 after an answer to the
 * request. `*ask` is to be destroyed in both cases. */
int supervise_call(struct request *request, const struct supervisor_request *question,
                   struct ask **ask, struct supervisor_answer *answer);

/* The same, when a problem is the answer to the request. */
int supervise_ask(struct request *request, const struct supervisor_request *question,
                  struct ask **ask, struct supervisor_answer *answer);

/* The configuration as GET /api/p2p/config shows it. Owned; NULL after an answer. */
json_t *supervise_config(struct request *request);

#endif
