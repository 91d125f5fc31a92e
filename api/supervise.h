/*
 * Asking the supervisor: the configuration, the mesh on and off. Both answer the request themselves
 * when they return -1. `*ask` holds what `*answer` borrows; the caller gives it to ask_destroy in
 * every case. Worker threads.
 */
#ifndef API_SUPERVISE_H
#define API_SUPERVISE_H

#include "api/request.h"
#include "proto/command.h"

/* 0 with an answer that may hold a problem. */
int supervise_call(struct request *request, const struct supervisor_request *question,
                   struct ask **ask, struct supervisor_answer *answer);

/* The same, when a problem is answered with its HTTP status. */
int supervise_ask(struct request *request, const struct supervisor_request *question,
                  struct ask **ask, struct supervisor_answer *answer);

#endif
