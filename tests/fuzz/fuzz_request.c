/*
 * The request line of HTTP as far as it is ours: the path is routed and its parameter decoded, the
 * query is searched and its values decoded. Input: method byte, then path '?' query.
 */
#include "api/request.h"
#include "api/route.h"

#include "proto/wire.h"
#include "tests/fuzz/support_source.h"

#include <stdlib.h>
#include <string.h>

#define SMALL 8

/* Decoded text is whole UTF-8 without control characters, within its room. */
static void check_decoding(struct slice text, bool plus)
{
    char out[LIMIT_EVENT_ID + 1];
    char few[SMALL];

    if (request_decode(text, plus, out, sizeof out)) {
        size_t len = strlen(out);
        source_require(len <= text.len && wire_is_utf8((struct slice){out, len}));
        for (size_t i = 0; i < len; i++) {
            source_require((unsigned char)out[i] >= 0x20);
        }
        source_require(request_decode(text, plus, few, sizeof few) == (len < sizeof few));
    }
}

static void check_route(struct request *request, const char *method, struct slice path)
{
    const struct route *route = NULL;
    char allow[64];
    enum route_result result = route_find(request, method, path, &route, allow);

    source_require((result == ROUTE_FOUND) == (route != NULL));
    source_require(result != ROUTE_METHOD || allow[0] != '\0');
    source_require(strlen(allow) < sizeof allow);
    if (result == ROUTE_FOUND) {
        source_require(strcmp(route->method, method) == 0);
        source_require(wire_is_utf8(slice_text(request->parameter)));
    }
}

static void check_query(struct request *request)
{
    static const char *const names[] = {"limit",           "offset",       "search", "status",
                                        "in_parking_only", "access_token", "date",   ""};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct slice raw = request_query(request, names[i]);
        if (raw.data) {
            check_decoding(raw, true);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "WS", "get", ""};

    if (size < 2 || memchr(data, '\0', size)) {
        return 0; /* the library ends the line there */
    }
    char *line = source_exact((struct slice){(const char *)data, size});
    char *copy = bytes_allocate(size + 1, 1);
    memcpy(copy, line, size);
    char *question = strchr(copy + 1, '?');
    struct mg_request_info info = {.request_method = methods[data[0] % 8],
                                   .query_string = question ? question + 1 : NULL};
    struct request request = {.info = &info};
    struct slice path = {line + 1, question ? (size_t)(question - copy) - 1 : size - 1};
    check_route(&request, info.request_method, path);
    check_decoding(path, false);
    check_query(&request);
    free(copy);
    free(line);
    return 0;
}
