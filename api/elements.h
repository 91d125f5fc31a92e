/*
 * The elements of staff and subscription lists as people and pages write them: what they must have,
 * and what of them decides. Pure, JSON values in and texts out; any thread.
 */
#ifndef API_ELEMENTS_H
#define API_ELEMENTS_H

#include "proto/event.h"

#include <jansson.h>

/* Whether the list may come into force: an array of at most LIMIT_ELEMENTS objects with distinct
 * ids. 0, or -1 with a sentence that names element, field and reason. */
int elements_check(enum event_kind kind, const json_t *list, char *error, size_t size);

/* Makes one element of a file of the existing system pass elements_check, by adding what is missing
 * and dropping optional fields that are wrong. `spare_id` is given to one without a usable id.
 * False when it is no use: no object, or a subscription without a plate. */
bool elements_mend(enum event_kind kind, json_t *element, int64_t spare_id);

/* The element's id as text: of a number its decimal digits. False when it has no usable one. */
bool elements_id(const json_t *element, char out[LIMIT_ELEMENT_ID + 1]);

/* The element as the log keeps it: compact, keys sorted, so that equal elements are equal texts.
 * Malloc'ed by jansson, for free(). */
char *elements_text(const json_t *element);

/* Fills what decides of a checked subscription: plate_id, valid_from_ms and valid_to_ms by the days
 * of this process's zone. `plate` holds the text. */
void elements_subscription(const json_t *element, struct event *event, char plate[LIMIT_PLATE + 1]);

#endif
