/*
 * Foreign events. The first byte is the length of the header, the rest is the body. What can be
 * read can be packed again, and reading that gives the same event.
 */
#include "proto/event.h"

#include "proto/wire.h"
#include "tests/fuzz/support_source.h"

#include <string.h>

#define SALT_BYTES 16
/* A body may grow by its salt, and by whole numbers that become floats. */
#define GROWTH_BYTES 64

static void check_repacked(const struct event *event)
{
    struct buffer header = {0}, body = {0}, header_again = {0}, body_again = {0};
    struct event again;

    source_require(event_pack(event, &header, &body) == 0);
    source_require(event_unpack(&again, buffer_slice(&header), buffer_slice(&body)) == 0);
    source_require(event_pack(&again, &header_again, &body_again) == 0);
    source_require(slice_equal(buffer_slice(&header), buffer_slice(&header_again)));
    source_require(body.len == body_again.len);
    source_require(memcmp(body.data, body_again.data, body.len - SALT_BYTES) == 0);
    buffer_free(&header);
    buffer_free(&body);
    buffer_free(&header_again);
    buffer_free(&body_again);
}

/* What may be read may be moved, and then still be read. */
static void check_moved(struct slice header, struct slice body)
{
    const struct position from = {{{"a"}, 1}, 1};
    struct buffer moved = {.limit = 0};
    struct event event;

    event_move(body, &from, &moved);
    source_require(moved.len <= LIMIT_BODY_BYTES);
    source_require(event_unpack(&event, header, buffer_slice(&moved)) == 0);
    buffer_free(&moved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event event;
    struct position seen[LIMIT_SUPERSEDES];
    char spare[24];

    if (size == 0 || data[0] > size - 1) {
        return 0;
    }
    const char *bytes = (const char *)data;
    struct slice header = {bytes + 1, data[0]};
    struct slice body = {bytes + 1 + data[0], size - 1 - data[0]};

    if (event_unpack(&event, header, (struct slice){NULL, 0}) == 0) {
        source_require(event.redacted && !event.visit.data);
        source_require(strlen(event_kind_name(event.kind, spare)) > 0);
    }
    if (event_unpack(&event, header, body) == 0) {
        source_require(wire_check(header) && wire_check(body));
        source_require(event_supersedes(&event, seen) <= LIMIT_SUPERSEDES);
        check_moved(header, body);
        if (body.len + GROWTH_BYTES <= LIMIT_BODY_BYTES) {
            check_repacked(&event);
        }
    }
    return 0;
}
