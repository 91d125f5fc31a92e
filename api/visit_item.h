/*
 * One item of POST /api/v1/visits, with the names of GET /api/v1/visits, as a command to import it.
 * Pure but for the salt of the event.
 */
#ifndef API_VISIT_ITEM_H
#define API_VISIT_ITEM_H

#include "api/json.h"
#include "proto/command.h"

/*
 * Packs the command for `json` into `question` (behind what it holds). 0, or -1 with FIELD_INVALID,
 * PLATE_UNUSABLE, or INTERNAL. Members that are no facts of the visit (id, revision, etag, ...) are
 * not looked at.
 */
int visit_item_pack(const json_t *json, struct buffer *question, struct problem *problem);

/* The answer as members of an open object. */
void visit_item_put(struct json_writer *writer, const struct answer *answer);

#endif
