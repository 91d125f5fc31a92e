#include "api/revision.h"

#include "api/respond.h"
#include "proto/etag.h"
#include "proto/limits.h"

#include <inttypes.h>
#include <stdio.h>

void revision_show(struct request *request, int64_t revision)
{
    (void)snprintf(request->etag, sizeof request->etag, "%" PRId64, revision); /* fits */
}

int revision_read(struct request *request, struct slice *tags)
{
    *tags = slice_text(mg_get_header(request->connection, "If-Match"));
    if (tags->data == NULL || slice_equal(*tags, slice_text("*"))) {
        *tags = (struct slice){NULL, 0};
        return 0;
    }
    if (tags->len <= LIMIT_TEXT && etag_is_list(*tags)) {
        return 0;
    }
    respond_error(request, PROBLEM_FIELD_INVALID,
                  "If-Match: ETag trong dấu ngoặc kép, cách nhau dấu phẩy");
    return -1;
}
