/*
 * Reading MessagePack that comes from outside: a structural walk before anything is allocated,
 * then accessors with ranges. Nothing else in the program touches `msgpack_object.via`.
 * Writing uses msgpack_packer over a `struct buffer` (buffer_msgpack_write).
 *
 * Spec: https://github.com/msgpack/msgpack/blob/master/spec.md. Ext types are refused.
 */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "proto/bytes.h"
#include "proto/ids.h"

#include <msgpack.h>

/* A packer that appends to `buffer`. */
void wire_packer(msgpack_packer *packer, struct buffer *buffer);

void wire_put_slice_str(msgpack_packer *packer, struct slice text);  /* nil when absent */
void wire_put_slice_bin(msgpack_packer *packer, struct slice bytes); /* nil when absent */
/* nil for NULL; bytes that are not UTF-8 become '?', so that a reader never refuses our text */
void wire_put_text(msgpack_packer *packer, const char *text);
void wire_put_digest(msgpack_packer *packer, const struct digest *digest); /* bin 16 */
void wire_put_head(msgpack_packer *packer, const struct head *head); /* [node, epoch, seq, chain] */

/* True when `bytes` hold exactly one well-formed document: depth <= LIMIT_DEPTH, items <=
 * LIMIT_ITEMS, every announced length within what is left, no ext, nothing behind it. Allocates
 * nothing and does not recurse. */
bool wire_check(struct slice bytes);

/* A parsed document. Strings and binaries point into the bytes given to wire_open, which must
 * outlive it. */
struct wire {
    msgpack_zone zone;
    msgpack_object root;
};

/* Checks and parses. 0, or -1 (then nothing needs closing). */
int wire_open(struct wire *wire, struct slice bytes);
void wire_close(struct wire *wire);

/* A passage over the objects of one container, with no memory of its own: for documents that are
 * opened by the million. */
struct wire_walk {
    struct slice rest;
    uint64_t left; /* objects to come */
};

/* Starts at the first object inside a document, an array or a map (`type`). 0, or -1 when the bytes
 * are no document (wire_check) or another one. */
int wire_walk_open(struct wire_walk *walk, struct slice bytes, msgpack_object_type type);
/* The next object, for the accessors below; of a container only its type is told. `packed`, if not
 * NULL, gets its bytes. A map's come in turns: key, value. False at the end; then `*out` is nil. */
bool wire_walk_next(struct wire_walk *walk, msgpack_object *out, struct slice *packed);

/* Accessors: true and `*out` when the object is of that type and in range. */
bool wire_get_u64(const msgpack_object *object, uint64_t min, uint64_t max, uint64_t *out);
bool wire_get_i64(const msgpack_object *object, int64_t min, int64_t max, int64_t *out);
bool wire_get_double(const msgpack_object *object, double *out); /* finite; integers too */
bool wire_get_bool(const msgpack_object *object, bool *out);
bool wire_get_str(const msgpack_object *object, size_t max, struct slice *out); /* valid UTF-8 */
bool wire_get_bin(const msgpack_object *object, size_t max, struct slice *out);

/* The `index`-th element of an array, or NULL when absent (older writers send fewer). */
const msgpack_object *wire_at(const msgpack_object *array, size_t index);
/* Number of elements; 0 for anything but an array. */
size_t wire_count(const msgpack_object *array);
/* Entries of a map in the order written; 0 and NULL for anything else. A key may occur twice. */
size_t wire_map_count(const msgpack_object *map);
const msgpack_object_kv *wire_map_at(const msgpack_object *map, size_t index);
bool wire_is_nil(const msgpack_object *object); /* also for NULL */

/* True when the bytes are valid UTF-8 without NUL. */
bool wire_is_utf8(struct slice text);

/*
 * A row: the elements of one array, read one after the other. The first element that is missing or
 * not as asked for makes the row bad; from then on every call returns zero. So a record is read
 * straight down and judged once, at its end.
 */
struct wire_row {
    const msgpack_object *array;
    size_t next;
    bool bad;
};

/* A row at its first element; bad when `array` is none. */
struct wire_row wire_row(const msgpack_object *array);
/* The next element as it is, or NULL. */
const msgpack_object *wire_row_any(struct wire_row *row);
uint64_t wire_row_u64(struct wire_row *row, uint64_t min, uint64_t max);
int64_t wire_row_i64(struct wire_row *row, int64_t min, int64_t max);
double wire_row_double(struct wire_row *row); /* nil is NaN */
bool wire_row_bool(struct wire_row *row);
struct slice wire_row_str(struct wire_row *row, size_t max); /* nil is absent */
struct slice wire_row_bin(struct wire_row *row, size_t max);
/* A text of at most LIMIT_TEXT bytes, cut to what `out` holds. */
void wire_row_text(struct wire_row *row, char *out, size_t size);
struct digest wire_row_digest(struct wire_row *row);
struct node_id wire_row_node(struct wire_row *row);
struct head wire_row_head(struct wire_row *row); /* [node, epoch, seq, chain] */
/* The next element, an array of at most `max` elements; their number in `*count`. */
const msgpack_object *wire_row_array(struct wire_row *row, size_t max, size_t *count);

#endif
