/*
 * Asking the node for a decision: packs a command, waits for the answer, and answers the request
 * itself when that fails. Worker threads.
 */
#ifndef API_DECISION_H
#define API_DECISION_H

#include "api/request.h"
#include "proto/command.h"

/* 0 with `*answer`, or -1 after 503 or 500. */
int decision_ask(struct request *request, const struct command *command, struct answer *answer);

/* The members `event_id` and `position` of an answer that logged something. */
void decision_put(struct json_writer *writer, const struct answer *answer);

/* An answer that stored nothing, as an error. */
void decision_refuse(struct request *request, const struct answer *answer);

#endif
