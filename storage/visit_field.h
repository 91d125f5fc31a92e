/*
 * The facts of a visit under the names and types by which everybody is told of them: HTTP, exports
 * and the bus. Pure.
 */
#ifndef STORAGE_VISIT_FIELD_H
#define STORAGE_VISIT_FIELD_H

#include "proto/feed.h"
#include "storage/visit.h"

#define VISIT_FIELDS 26

/* All of them, in an order that stays; docs/api.md lists them. What is absent has a text without
 * bytes at NULL, EVENT_NONE or NaN. Texts borrow from the visit. */
void visit_fields(const struct visit *visit, struct feed_field out[VISIT_FIELDS]);

/* Those that the feed tells: the present ones; of a visit that is gone its numbers and the status
 * GONE, for names hold plates. Returns how many. */
size_t visit_fields_told(const struct visit *visit, bool is_gone,
                         struct feed_field out[VISIT_FIELDS]);

#endif
