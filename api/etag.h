/*
 * ETag and If-Match of what can be edited: a revision in quotes. Worker threads.
 */
#ifndef API_ETAG_H
#define API_ETAG_H

#include "api/request.h"

/* Adds the header ETag to the answer. */
void etag_add(struct request *request, int64_t revision);

/* The revision that If-Match asks for; 0 when there is none, or "*". 0, or -1 after a 412 for
 * anything that was never a tag of ours. */
int etag_match(struct request *request, int64_t *revision);

#endif
