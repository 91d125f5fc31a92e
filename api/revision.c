#include "api/revision.h"

#include "api/respond.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void revision_show(struct request *request, int64_t revision)
{
    (void)snprintf(request->etag, sizeof request->etag, "%" PRId64, revision); /* fits */
}

int revision_match(struct request *request, int64_t *revision)
{
    struct slice tag;
    char text[24] = "", *end;

    *revision = 0;
    if (request_if_match(request, &tag) != 0) {
        return -1;
    }
    if (tag.data == NULL) {
        return 0;
    }
    errno = 0;
    if (slice_copy(tag, text, sizeof text) && text[0] >= '1' && text[0] <= '9') {
        *revision = strtoll(text, &end, 10);
        if (errno == 0 && *end == '\0') {
            return 0;
        }
    }
    respond_error(request, PROBLEM_PRECONDITION_FAILED, "If-Match không khớp");
    return -1;
}
