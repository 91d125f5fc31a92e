#include "api/etag.h"

#include "api/respond.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void etag_add(struct request *request, int64_t revision)
{
    char value[32];

    (void)snprintf(value, sizeof value, "\"%" PRId64 "\"", revision);
    respond_header(request, "ETag", value);
}

int etag_match(struct request *request, int64_t *revision)
{
    const char *header = mg_get_header(request->connection, "If-Match");
    char *end;

    *revision = 0;
    if (header == NULL || strcmp(header, "*") == 0) {
        return 0;
    }
    if (header[0] == '"' && strchr("123456789", header[1]) != NULL && header[1] != '\0') {
        errno = 0;
        *revision = strtoll(header + 1, &end, 10);
        if (errno == 0 && strcmp(end, "\"") == 0) {
            return 0;
        }
    }
    respond_error(request, PROBLEM_REVISION_MISMATCH, "If-Match không khớp");
    return -1;
}
