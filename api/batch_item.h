/*
 * One item of POST /api/v1/events as a command: as cameras say it (`type`, `data`), or with the
 * names of the feed (`kind`, `plate`, `time`). Pure.
 */
#ifndef API_BATCH_ITEM_H
#define API_BATCH_ITEM_H

#include "api/camera_event.h"

struct batch_item {
    struct camera_event
        reading;       /* its command borrows from the rest; its problem says what failed */
    json_t *converted; /* owned; NULL for an item as cameras say it */
    char key[LIMIT_RETRY_KEY + 1];
};

/* Reads one. `otherwise` is the retry key of an item that names none ("" = none). 0, or -1 with
 * item->reading.problem. The item borrows from `json`; batch_item_free in both cases. */
int batch_item_read(struct batch_item *item, const json_t *json, const char *otherwise);
void batch_item_free(struct batch_item *item);

#endif
