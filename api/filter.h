/*
 * Parameters of /api/v1 that narrow a list. One that is given and empty is a variable that a script
 * did not fill: taken as "any" it would hand out everything. The pages of the existing system do
 * send empty ones, so its paths go on without this.
 */
#ifndef API_FILTER_H
#define API_FILTER_H

#include "api/request.h"

/* The parameter has at most `most` bytes, whatever they are. 0, or -1 after a 422 that says so; the
 * paths of the existing system use this, too. */
int filter_length(struct request *request, const char *name, size_t most);

/* None of `names` is given without a value, or with more than LIMIT_TEXT bytes. 0, or -1 after a
 * 422 that names it. */
int filter_check(struct request *request, const char *const *names, size_t count);

/* The 422 for a value: "name: why". Returns -1. */
int filter_refuse(struct request *request, const char *name, const char *why);

/* `code` is one that the list of conflicts may have; "" is absent. `more`: what else is known here,
 * followed by ", ", or "". 0, or -1 after a 422 with what is allowed. */
int filter_code(struct request *request, const char *name, struct slice code, const char *more);

#endif
