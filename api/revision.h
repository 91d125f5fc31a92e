/*
 * The revision of what can be edited, as ETag and If-Match. Worker threads.
 */
#ifndef API_REVISION_H
#define API_REVISION_H

#include "api/request.h"

/* Adds it to the answer. */
void revision_show(struct request *request, int64_t revision);

/* The states that a change is for: the tags of If-Match as sent (proto/etag), absent without that
 * header or for "*". Borrows from the request. 0, or -1 after a 400 for what is no list of tags. */
int revision_read(struct request *request, struct slice *tags);

#endif
