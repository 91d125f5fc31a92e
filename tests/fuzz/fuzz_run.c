/*
 * Foreign runs of events. What is accepted keeps every limit, and comes back the same when it is
 * packed again from its parts.
 */
#include "proto/run.h"
#include "tests/fuzz/support_source.h"

#include <stdlib.h>

static void check_items(const struct run *run, struct buffer *items)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct run_item *item = &run->items[i];
        source_require(item->header.len <= LIMIT_HEADER_BYTES);
        source_require(item->body.len <= LIMIT_BODY_BYTES);
        source_require(run_put_item(items, item->header, item->body, &item->body_hash) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run, again;
    struct wire wire, wire_again;
    struct buffer items = {.limit = 0}, first = {.limit = 0}, second = {.limit = 0};

    if (run_unpack(&run, &wire, (struct slice){(const char *)data, size})) {
        return 0;
    }
    source_require(run.count >= 1 && run.count <= LIMIT_RUN_EVENTS);
    source_require(run.from >= 1 && run.from + run.count - 1 <= LIMIT_SEQ && run.stream.epoch);
    check_items(&run, &items);
    source_require(run_pack(&first, &run.stream, run.from, &run.chain_before, &run.chain_after,
                            &items, run.count) == 0);
    source_require(run_unpack(&again, &wire_again, buffer_slice(&first)) == 0);
    buffer_clear(&items);
    check_items(&again, &items);
    source_require(run_pack(&second, &again.stream, again.from, &again.chain_before,
                            &again.chain_after, &items, again.count) == 0);
    source_require(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    run_free(&run);
    run_free(&again);
    wire_close(&wire);
    wire_close(&wire_again);
    buffer_free(&items);
    buffer_free(&first);
    buffer_free(&second);
    return 0;
}
