/*
 * Asking the node for a decision: packs a command, waits for the answer, and answers the request
 * itself when that fails. Worker threads.
 */
#ifndef API_DECISION_H
#define API_DECISION_H

#include "api/request.h"
#include "proto/access.h"
#include "proto/command.h"

/* 0 with `*answer`, or -1 after 503 or 500. */
int decision_ask(struct request *request, const struct command *command, struct answer *answer);

/* The same about accounts, sessions and tokens, answering nothing. 0, or -1 with a problem. */
int decision_try(struct request *request, const struct access *access, struct answer *answer,
                 struct problem *problem);

/* The same with the caller's address added; 0 when it was done, -1 after an answer that says why
 * not. */
int decision_access(struct request *request, struct access *access);

/* The members `event_id` and `position` of an answer that logged something. */
void decision_put(struct json_writer *writer, const struct answer *answer);

/* An answer that stored nothing, as an error. */
void decision_refuse(struct request *request, const struct answer *answer);

#endif
