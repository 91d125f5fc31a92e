/*
 * Lines of the local audit for changes that are no events: configuration, mesh. Worker threads.
 */
#ifndef API_AUDIT_H
#define API_AUDIT_H

#include "api/request.h"
#include "proto/access.h"
#include "proto/command.h"

/* Notes a change that was made: by whom as caller_author says, about `subject`, with `detail` (""
 * = none; never a secret). When the line cannot be written the log tells it: the change stands. */
void audit_note(struct request *request, enum audit_kind kind, const json_t *body,
                const char *subject, const char *detail);

/* The same for what the supervisor was asked to do and did. Of a configuration it names the members
 * at the top, and never a value, for some are secrets. */
void audit_supervised(struct request *request, const struct supervisor_request *question);

#endif
