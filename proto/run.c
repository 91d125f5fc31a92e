#include "proto/run.h"

#include "proto/event.h"
#include "proto/limits.h"

#include <stdlib.h>

/* item = [header, body] | [header, nil, body_hash] */
static bool read_item(struct run_item *item, const msgpack_object *object)
{
    struct event event;
    struct wire_row row = wire_row(object);

    item->header = wire_row_bin(&row, LIMIT_HEADER_BYTES);
    item->body = wire_row_bin(&row, LIMIT_BODY_BYTES);
    if (row.bad || !item->header.data || event_unpack_header(&event, item->header)) {
        return false;
    }
    if (item->body.data) {
        item->body_hash = body_hash(item->body);
        return wire_check(item->body);
    }
    item->body_hash = wire_row_digest(&row);
    return !row.bad;
}

/* Recomputes the chain from one end and compares it with the other. */
static bool is_chained(const struct run *run)
{
    struct digest chain = run->chain_before;

    for (size_t i = 0; i < run->count; i++) {
        chain = chain_next(&chain, run->items[i].header, &run->items[i].body_hash);
    }
    return digest_equal(&chain, &run->chain_after);
}

int run_read(struct run *run, const msgpack_object *object)
{
    size_t count = 0;
    struct wire_row row = wire_row(object);

    *run = (struct run){.items = NULL};
    run->stream.node = wire_row_node(&row);
    run->stream.epoch = wire_row_u64(&row, 1, UINT64_MAX);
    run->from = wire_row_u64(&row, 1, LIMIT_SEQ);
    run->chain_before = wire_row_digest(&row);
    run->chain_after = wire_row_digest(&row);
    const msgpack_object *items = wire_row_array(&row, LIMIT_RUN_EVENTS, &count);
    if (row.bad || count == 0 || count - 1 > LIMIT_SEQ - run->from) {
        return -1;
    }
    if (run->from == 1 && !digest_is_zero(&run->chain_before)) {
        return -1; /* nothing comes before the first event */
    }
    run->items = bytes_allocate(count, sizeof *run->items);
    run->count = count;
    for (size_t i = 0; i < count; i++) {
        if (!read_item(&run->items[i], wire_at(items, i))) {
            goto free_run;
        }
    }
    if (!is_chained(run)) {
        goto free_run;
    }
    return 0;

free_run:
    run_free(run);
    return -1;
}

int run_unpack(struct run *run, struct wire *wire, struct slice bytes)
{
    if (bytes.len > LIMIT_MESSAGE_BYTES || wire_open(wire, bytes)) {
        return -1;
    }
    if (run_read(run, &wire->root)) {
        wire_close(wire);
        return -1;
    }
    return 0;
}

void run_free(struct run *run)
{
    free(run->items);
    run->items = NULL;
    run->count = 0;
}

int run_put_item(struct buffer *items, struct slice header, struct slice body,
                 const struct digest *body_hash)
{
    msgpack_packer packer;
    size_t before = items->len;

    wire_packer(&packer, items);
    msgpack_pack_array(&packer, body.data ? 2 : 3);
    wire_put_slice_bin(&packer, header);
    wire_put_slice_bin(&packer, body);
    if (!body.data) {
        wire_put_digest(&packer, body_hash);
    }
    if (items->full) {
        items->len = before;
        return -1;
    }
    return 0;
}

int run_pack(struct buffer *out, const struct stream *stream, uint64_t from,
             const struct digest *chain_before, const struct digest *chain_after,
             const struct buffer *items, size_t count)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 6);
    wire_put_text(&packer, stream->node.text);
    msgpack_pack_uint64(&packer, stream->epoch);
    msgpack_pack_uint64(&packer, from);
    wire_put_digest(&packer, chain_before);
    wire_put_digest(&packer, chain_after);
    msgpack_pack_array(&packer, count);
    if (buffer_append(out, items->data, items->len)) {
        out->len = before;
        return -1;
    }
    return 0;
}

int run_repack(const struct run *run, struct buffer *out)
{
    struct buffer items = {.limit = 0};
    int failed = 0;

    for (size_t i = 0; i < run->count && !failed; i++) {
        const struct run_item *item = &run->items[i];
        failed = run_put_item(&items, item->header, item->body, &item->body_hash);
    }
    if (!failed) {
        failed = run_pack(out, &run->stream, run->from, &run->chain_before, &run->chain_after,
                          &items, run->count);
    }
    buffer_free(&items);
    return failed;
}
