#include "proto/handoff.h"

#include <stdlib.h>

/* Takes back what was appended since `before` if not all of it fitted. */
static int finish(struct buffer *out, size_t before)
{
    if (out->full) {
        out->len = before;
        return -1;
    }
    return 0;
}

int apply_request_pack(const struct apply_request *request, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    if (!request->token) {
        msgpack_pack_array(&packer, 3);
        msgpack_pack_uint64(&packer, 0);
        wire_put_text(&packer, request->peer.text);
        msgpack_pack_int64(&packer, request->wall_ms);
    } else if (!request->origin) {
        msgpack_pack_array(&packer, 5);
        msgpack_pack_uint64(&packer, request->token);
        wire_put_text(&packer, request->moved.stream.node.text);
        msgpack_pack_uint64(&packer, request->moved.stream.epoch);
        msgpack_pack_uint64(&packer, request->moved.seq);
        wire_put_digest(&packer, &request->chain);
    } else {
        msgpack_pack_array(&packer, request->is_repair ? 4 : 3);
        msgpack_pack_uint64(&packer, request->token);
        msgpack_pack_uint32(&packer, (uint32_t)request->origin);
        wire_put_slice_bin(&packer, request->run);
        if (request->is_repair) {
            msgpack_pack_true(&packer);
        }
    }
    return finish(out, before);
}

int apply_request_unpack(struct apply_request *request, struct slice bytes)
{
    struct wire wire;

    *request = (struct apply_request){.token = 0};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    size_t count = wire_count(&wire.root);
    request->token = wire_row_u64(&row, 0, UINT64_MAX);
    if (!request->token) {
        request->peer = wire_row_node(&row);
        request->wall_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    } else if (count == 5) {
        request->moved.stream.node = wire_row_node(&row);
        request->moved.stream.epoch = wire_row_u64(&row, 1, UINT64_MAX);
        request->moved.seq = wire_row_u64(&row, 1, LIMIT_SEQ);
        request->chain = wire_row_digest(&row);
    } else {
        request->origin = (enum fact_origin)wire_row_u64(&row, FACT_LOCAL, FACT_SYNC);
        request->run = wire_row_bin(&row, LIMIT_MESSAGE_BYTES);
        row.bad = row.bad || !request->run.data;
        request->is_repair = count == 4 && wire_row_bool(&row);
    }
    wire_close(&wire); /* what was read points into `bytes` */
    return row.bad ? -1 : 0;
}

int apply_answer_pack(const struct apply_answer *answer, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint64(&packer, answer->token);
    msgpack_pack_uint32(&packer, (uint32_t)answer->outcome);
    return finish(out, before);
}

int apply_answer_unpack(struct apply_answer *answer, struct slice bytes)
{
    struct wire wire;

    *answer = (struct apply_answer){.token = 0};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    answer->token = wire_row_u64(&row, 1, UINT64_MAX);
    answer->outcome = (enum apply_outcome)wire_row_u64(&row, APPLY_DONE, APPLY_REFUSED);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

int read_request_pack(const struct read_request *request, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;
    bool is_run = request->verb == READ_RUN;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, is_run ? 7 : 2);
    msgpack_pack_uint64(&packer, request->token);
    msgpack_pack_uint32(&packer, (uint32_t)request->verb);
    if (is_run) {
        wire_put_text(&packer, request->stream.node.text);
        msgpack_pack_uint64(&packer, request->stream.epoch);
        msgpack_pack_uint64(&packer, request->from);
        msgpack_pack_uint64(&packer, request->max_bytes);
        msgpack_pack_uint64(&packer, request->max_events);
    }
    return finish(out, before);
}

int read_request_unpack(struct read_request *request, struct slice bytes)
{
    struct wire wire;

    *request = (struct read_request){.token = 0};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    request->token = wire_row_u64(&row, 0, UINT64_MAX);
    request->verb = (enum read_verb)wire_row_u64(&row, READ_RUN, READ_VECTOR);
    if (request->verb == READ_RUN) {
        request->stream.node = wire_row_node(&row);
        request->stream.epoch = wire_row_u64(&row, 1, UINT64_MAX);
        request->from = wire_row_u64(&row, 1, LIMIT_SEQ);
        request->max_bytes = wire_row_u64(&row, 0, LIMIT_MESSAGE_BYTES);
        request->max_events = wire_row_u64(&row, 0, LIMIT_RUN_EVENTS);
    }
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

/* Heads in pages, each a document of its own: a whole vector has more objects than LIMIT_ITEMS. */
static void put_heads(msgpack_packer *packer, const struct head *heads, size_t count)
{
    struct buffer page = {.limit = 0};
    msgpack_packer page_packer;

    msgpack_pack_array(packer, (count + LIMIT_VECTOR_PAGE - 1) / LIMIT_VECTOR_PAGE);
    for (size_t first = 0; first < count; first += LIMIT_VECTOR_PAGE) {
        size_t last = count - first < LIMIT_VECTOR_PAGE ? count : first + LIMIT_VECTOR_PAGE;
        buffer_clear(&page);
        wire_packer(&page_packer, &page);
        msgpack_pack_array(&page_packer, last - first);
        for (size_t i = first; i < last; i++) {
            wire_put_head(&page_packer, &heads[i]);
        }
        wire_put_slice_bin(packer, buffer_slice(&page));
    }
    buffer_free(&page);
}

static int read_page(struct read_answer *answer, struct slice page)
{
    struct wire wire;

    if (!page.data || wire_open(&wire, page)) {
        return -1;
    }
    size_t count = wire_count(&wire.root);
    if (count > LIMIT_VECTOR_PAGE) {
        wire_close(&wire);
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    for (size_t i = 0; i < count; i++) {
        answer->heads[answer->count++] = wire_row_head(&row);
    }
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

static int read_heads(struct read_answer *answer, struct wire_row *row)
{
    size_t pages = 0;
    const msgpack_object *list = wire_row_array(row, LIMIT_HEADS / LIMIT_VECTOR_PAGE + 1, &pages);

    if (row->bad) {
        return -1;
    }
    struct wire_row items = wire_row(list);
    answer->heads = bytes_allocate(pages * LIMIT_VECTOR_PAGE, sizeof *answer->heads);
    for (size_t i = 0; i < pages; i++) {
        if (read_page(answer, wire_row_bin(&items, LIMIT_MESSAGE_BYTES))) {
            return -1;
        }
    }
    return 0;
}

int read_answer_pack(const struct read_answer *answer, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;
    uint32_t sizes[] = {[READ_FAILED] = 2, [READ_RUN] = 4, [READ_VECTOR] = 7};

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, sizes[answer->verb]);
    msgpack_pack_uint64(&packer, answer->token);
    msgpack_pack_uint32(&packer, (uint32_t)answer->verb);
    if (answer->verb == READ_RUN) {
        wire_put_slice_bin(&packer, answer->run);
        msgpack_pack_uint64(&packer, answer->damaged);
    } else if (answer->verb == READ_VECTOR) {
        msgpack_pack_uint64(&packer, answer->events);
        wire_put_digest(&packer, &answer->log_digest);
        wire_put_digest(&packer, &answer->state_digest);
        put_heads(&packer, answer->heads, answer->count);
        msgpack_pack_uint64(&packer, answer->rewinds);
    }
    return finish(out, before);
}

int read_answer_unpack(struct read_answer *answer, struct slice bytes)
{
    struct wire wire;

    *answer = (struct read_answer){.token = 0};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    answer->token = wire_row_u64(&row, 0, UINT64_MAX);
    answer->verb = (enum read_verb)wire_row_u64(&row, READ_FAILED, READ_VECTOR);
    if (answer->verb == READ_RUN) {
        answer->run = wire_row_bin(&row, LIMIT_MESSAGE_BYTES);
        answer->damaged = wire_row_u64(&row, 0, LIMIT_SEQ);
    } else if (answer->verb == READ_VECTOR) {
        answer->events = wire_row_u64(&row, 0, UINT64_MAX);
        answer->log_digest = wire_row_digest(&row);
        answer->state_digest = wire_row_digest(&row);
        row.bad = read_heads(answer, &row) != 0;
        answer->rewinds = wire_row_u64(&row, 0, UINT64_MAX);
    }
    wire_close(&wire);
    if (row.bad) {
        read_answer_free(answer);
        return -1;
    }
    return 0;
}

void read_answer_free(struct read_answer *answer)
{
    free(answer->heads);
    answer->heads = NULL;
    answer->count = 0;
}
