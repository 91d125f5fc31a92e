/*
 * One item of POST /api/v1/events as a command: as cameras say it (`type`, `data`), or with the
 * names of the feed (`kind`, `plate`, `time`). Pure.
 */
#ifndef API_BATCH_ITEM_H
#define API_BATCH_ITEM_H

#include "api/camera_event.h"

/* Packs the command for `json` into `question` (behind what it holds). `key` is the retry key of an
 * item that names none ("" = none), and afterwards that of this one. 0, or -1 with what
 * camera_event_read says, FIELD_INVALID or INTERNAL. */
int batch_item_pack(const json_t *json, char key[LIMIT_RETRY_KEY + 1], struct buffer *question,
                    struct problem *problem);

#endif
