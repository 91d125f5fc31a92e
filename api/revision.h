/*
 * The revision of what can be edited, as ETag and If-Match. Worker threads.
 */
#ifndef API_REVISION_H
#define API_REVISION_H

#include "api/request.h"

/* Adds it to the answer. */
void revision_show(struct request *request, int64_t revision);

/* The revision that If-Match asks for; 0 when it asks for none. 0, or -1 after a 400 or, for a tag
 * that was never one of ours, a 412. */
int revision_match(struct request *request, int64_t *revision);

#endif
