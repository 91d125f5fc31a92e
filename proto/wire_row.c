/*
 * Rows: arrays read straight down. Built on the accessors alone.
 */
#include "proto/wire.h"

#include "proto/limits.h"

#include <math.h>
#include <string.h>

struct wire_row wire_row(const msgpack_object *array)
{
    return (struct wire_row){
        .array = array,
        .bad = !array || array->type != MSGPACK_OBJECT_ARRAY,
    };
}

const msgpack_object *wire_row_any(struct wire_row *row)
{
    const msgpack_object *object = row->bad ? NULL : wire_at(row->array, row->next++);
    row->bad = !object;
    return object;
}

uint64_t wire_row_u64(struct wire_row *row, uint64_t min, uint64_t max)
{
    uint64_t value = 0;
    row->bad = !wire_get_u64(wire_row_any(row), min, max, &value);
    return value;
}

int64_t wire_row_i64(struct wire_row *row, int64_t min, int64_t max)
{
    int64_t value = 0;
    row->bad = !wire_get_i64(wire_row_any(row), min, max, &value);
    return value;
}

double wire_row_double(struct wire_row *row)
{
    double value = (double)NAN;
    const msgpack_object *object = wire_row_any(row);
    if (object && !wire_is_nil(object)) {
        row->bad = !wire_get_double(object, &value);
    }
    return value;
}

bool wire_row_bool(struct wire_row *row)
{
    bool value = false;
    row->bad = !wire_get_bool(wire_row_any(row), &value);
    return value;
}

struct slice wire_row_str(struct wire_row *row, size_t max)
{
    struct slice value = {NULL, 0};
    const msgpack_object *object = wire_row_any(row);
    if (object && !wire_is_nil(object)) {
        row->bad = !wire_get_str(object, max, &value);
    }
    return value;
}

struct slice wire_row_bin(struct wire_row *row, size_t max)
{
    struct slice value = {NULL, 0};
    const msgpack_object *object = wire_row_any(row);
    if (object && !wire_is_nil(object)) {
        row->bad = !wire_get_bin(object, max, &value);
    }
    return value;
}

void wire_row_text(struct wire_row *row, char *out, size_t size)
{
    (void)slice_copy(wire_row_str(row, LIMIT_TEXT), out, size); /* a longer one may be cut */
}

struct digest wire_row_digest(struct wire_row *row)
{
    struct digest digest = {{0}};
    struct slice bytes = wire_row_bin(row, sizeof digest.bytes);
    if (bytes.len == sizeof digest.bytes) {
        memcpy(digest.bytes, bytes.data, sizeof digest.bytes);
    } else {
        row->bad = true;
    }
    return digest;
}

struct node_id wire_row_node(struct wire_row *row)
{
    struct node_id node = {{0}};
    if (!node_id_parse(wire_row_str(row, LIMIT_NODE_ID), &node)) {
        row->bad = true;
    }
    return node;
}

struct head wire_row_head(struct wire_row *row)
{
    struct wire_row inner = wire_row(wire_row_any(row));
    struct head head;

    head.stream.node = wire_row_node(&inner);
    head.stream.epoch = wire_row_u64(&inner, 1, UINT64_MAX);
    head.seq = wire_row_u64(&inner, 0, LIMIT_SEQ);
    head.chain = wire_row_digest(&inner);
    /* A stream without events has nothing to chain. */
    if (inner.bad || (head.seq == 0 && !digest_is_zero(&head.chain))) {
        row->bad = true;
        return (struct head){.seq = 0};
    }
    return head;
}

const msgpack_object *wire_row_array(struct wire_row *row, size_t max, size_t *count)
{
    const msgpack_object *array = wire_row_any(row);
    *count = wire_count(array);
    if (!array || array->type != MSGPACK_OBJECT_ARRAY || *count > max) {
        row->bad = true;
        *count = 0;
        return NULL;
    }
    return array;
}
