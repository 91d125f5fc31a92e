#include "proto/wire.h"

#include "proto/limits.h"

#include <math.h>
#include <string.h>

/* Longest text of our own that is repaired when it is not UTF-8; the rest is cut. */
#define REPAIR_BYTES 1024

/* What a document needs in the zone besides its objects: rounding, and at least something. */
#define ZONE_LEAST 64

void wire_packer(msgpack_packer *packer, struct buffer *buffer)
{
    msgpack_packer_init(packer, buffer, buffer_msgpack_write);
}

/*
 * The results of msgpack_pack_* are those of buffer_append, and the buffer remembers a failure:
 * who packs looks at `full` once, at the end.
 */

/* Marker and length of a text, as short as it goes. Returns their bytes. */
static size_t text_head(size_t len, uint8_t head[5])
{
    size_t width = len < 32 ? 0 : len <= UINT8_MAX ? 1 : len <= UINT16_MAX ? 2 : 4;

    head[0] = (uint8_t)(width == 0 ? 0xA0U | len : 0xD9U + width / 2);
    for (size_t i = 0; i < width; i++) {
        head[1 + i] = (uint8_t)(len >> 8 * (width - 1 - i));
    }
    return 1 + width;
}

/* Written without the library's calls: most of what a message of the bus has are texts. */
void wire_put_slice_str(msgpack_packer *packer, struct slice text)
{
    struct buffer *out = packer->data;
    uint8_t head[5] = {(uint8_t)(0xA0U | text.len)};

    if (!text.data) {
        msgpack_pack_nil(packer);
        return;
    }
    size_t width = text.len < 32 ? 1 : text_head(text.len, head);
    char *room = text.len <= UINT32_MAX ? buffer_extend(out, width + text.len) : NULL;
    if (!room) {
        out->full = true;
        return;
    }
    room[0] = (char)head[0];
    for (size_t i = 1; i < width; i++) {
        room[i] = (char)head[i];
    }
    memcpy(room + width, text.data, text.len);
}

void wire_put_slice_bin(msgpack_packer *packer, struct slice bytes)
{
    if (bytes.data) {
        msgpack_pack_bin_with_body(packer, bytes.data, bytes.len);
    } else {
        msgpack_pack_nil(packer);
    }
}

void wire_put_text(msgpack_packer *packer, const char *text)
{
    struct slice slice = slice_text(text);
    if (!text || wire_is_utf8(slice)) {
        wire_put_slice_str(packer, slice);
        return;
    }
    char repaired[REPAIR_BYTES];
    slice.len = slice.len < sizeof repaired ? slice.len : sizeof repaired;
    for (size_t i = 0; i < slice.len; i++) {
        repaired[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
    }
    wire_put_slice_str(packer, (struct slice){repaired, slice.len});
}

void wire_put_digest(msgpack_packer *packer, const struct digest *digest)
{
    msgpack_pack_bin_with_body(packer, digest->bytes, sizeof digest->bytes);
}

void wire_put_head(msgpack_packer *packer, const struct head *head)
{
    msgpack_pack_array(packer, 4);
    wire_put_text(packer, head->stream.node.text);
    msgpack_pack_uint64(packer, head->stream.epoch);
    msgpack_pack_uint64(packer, head->seq);
    wire_put_digest(packer, &head->chain);
}

/* What one object's first bytes announce. */
struct announced {
    size_t head;    /* bytes of the marker and its length */
    uint64_t bytes; /* bytes of payload behind */
    uint64_t items; /* objects inside */
    bool container;
    bool bad;
};

static uint64_t big_endian(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* Markers 0xC0..0xDF. `at` has `left` >= 1 bytes. */
static struct announced read_marker(const uint8_t *at, size_t left)
{
    enum {
        BAD,
        PLAIN,
        BYTES,
        ARRAY,
        MAP
    };
    /* What follows a marker: a value of `width` bytes, or a length of so many. */
    static const struct {
        uint8_t kind, width;
    } markers[32] = {
        {PLAIN, 0}, {BAD, 0},   {PLAIN, 0}, {PLAIN, 0}, /* nil, never used, false, true */
        {BYTES, 1}, {BYTES, 2}, {BYTES, 4},             /* bin */
        {BAD, 0},   {BAD, 0},   {BAD, 0},               /* ext */
        {PLAIN, 4}, {PLAIN, 8},                         /* float */
        {PLAIN, 1}, {PLAIN, 2}, {PLAIN, 4}, {PLAIN, 8}, /* uint */
        {PLAIN, 1}, {PLAIN, 2}, {PLAIN, 4}, {PLAIN, 8}, /* int */
        {BAD, 0},   {BAD, 0},   {BAD, 0},   {BAD, 0},   /* fixext */
        {BAD, 0},   {BYTES, 1}, {BYTES, 2}, {BYTES, 4}, /* fixext, str */
        {ARRAY, 2}, {ARRAY, 4}, {MAP, 2},   {MAP, 4},
    };
    uint8_t kind = markers[*at - 0xC0].kind;
    size_t width = markers[*at - 0xC0].width;

    if (kind == BAD || left - 1 < width) {
        return (struct announced){.bad = true};
    }
    uint64_t value = kind == PLAIN ? 0 : big_endian(at + 1, width);
    return (struct announced){.head = 1 + width,
                              .bytes = kind == BYTES ? value : 0,
                              .items = kind == ARRAY ? value
                                       : kind == MAP ? value * 2
                                                     : 0,
                              .container = kind == ARRAY || kind == MAP};
}

/* Most objects by far: a small integer or a text of less than 32 bytes. Their length; 0 for others.
 */
static size_t short_len(uint8_t marker)
{
    if (marker < 0x80 || marker >= 0xE0) {
        return 1;
    }
    return marker >= 0xA0 && marker < 0xC0 ? 1 + (marker & 0x1FU) : 0;
}

static struct announced read_announced(const uint8_t *at, size_t left)
{
    uint8_t marker = *at;
    size_t len = short_len(marker);

    if (len) {
        return (struct announced){.head = 1, .bytes = len - 1};
    }
    if (marker < 0x90) { /* small map */
        return (struct announced){.head = 1, .items = (marker & 0x0FU) * 2U, .container = true};
    }
    if (marker < 0xA0) { /* small array */
        return (struct announced){.head = 1, .items = marker & 0x0FU, .container = true};
    }
    return read_marker(at, left);
}

static bool is_map_marker(uint8_t marker)
{
    return (marker >= 0x80 && marker < 0x90) || marker >= 0xDE;
}

/* Length of the whole object at the start of `bytes`, and how many it is made of, itself included;
 * 0 when it is not well-formed. */
static size_t object_len(struct slice bytes, size_t *count)
{
    uint64_t open[LIMIT_DEPTH]; /* objects still due in each open container */
    size_t depth = 0;
    size_t items = 0;
    const uint8_t *at = (const uint8_t *)bytes.data;
    size_t left = bytes.data ? bytes.len : 0;

    do {
        if (left == 0 || items++ == LIMIT_ITEMS) {
            return 0;
        }
        size_t len = depth && open[depth - 1] > 1 ? short_len(*at) : 0;
        if (len && len <= left) { /* inside, and not the last there */
            at += len;
            left -= len;
            open[depth - 1]--;
            continue;
        }
        struct announced object = read_announced(at, left);
        if (object.bad) {
            return 0;
        }
        at += object.head;
        left -= object.head;
        /* Every object inside takes at least a byte. */
        if (object.bytes > left || object.items > left) {
            return 0;
        }
        at += object.bytes;
        left -= object.bytes;
        if (object.container && depth == LIMIT_DEPTH) {
            return 0;
        }
        if (depth) {
            open[depth - 1]--;
        }
        if (object.items) {
            open[depth++] = object.items;
        }
        while (depth && open[depth - 1] == 0) {
            depth--;
        }
    } while (depth);
    *count = items;
    return bytes.len - left;
}

bool wire_check(struct slice bytes)
{
    size_t count = 0, len = object_len(bytes, &count);
    return len && len == bytes.len;
}

int wire_open(struct wire *wire, struct slice bytes)
{
    size_t offset = 0, count = 0;

    if (object_len(bytes, &count) != bytes.len || bytes.len == 0) {
        return -1;
    }
    /* A small document takes a small chunk: events are opened one by one and often. Only objects
     * go into the zone, texts stay where they are. */
    size_t chunk = MSGPACK_ZONE_CHUNK_SIZE;
    if (count < (MSGPACK_ZONE_CHUNK_SIZE - ZONE_LEAST) / sizeof(msgpack_object)) {
        chunk = count * sizeof(msgpack_object) + ZONE_LEAST;
    }
    if (!msgpack_zone_init(&wire->zone, chunk)) {
        return -1;
    }
    msgpack_unpack_return result =
        msgpack_unpack(bytes.data, bytes.len, &offset, &wire->zone, &wire->root);
    if (result != MSGPACK_UNPACK_SUCCESS || offset != bytes.len) {
        msgpack_zone_destroy(&wire->zone);
        return -1;
    }
    return 0;
}

void wire_close(struct wire *wire)
{
    msgpack_zone_destroy(&wire->zone);
    wire->root = (msgpack_object){.type = MSGPACK_OBJECT_NIL};
}

int wire_walk_open(struct wire_walk *walk, struct slice bytes, msgpack_object_type type)
{
    *walk = (struct wire_walk){.left = 0};
    if (!wire_check(bytes)) {
        return -1;
    }
    struct announced outer = read_announced((const uint8_t *)bytes.data, bytes.len);
    bool is_map = is_map_marker((uint8_t)bytes.data[0]);
    if (!outer.container || is_map != (type == MSGPACK_OBJECT_MAP)) {
        return -1;
    }
    walk->rest = (struct slice){bytes.data + outer.head, bytes.len - outer.head};
    walk->left = outer.items;
    return 0;
}

/* The bits of a value of `width` bytes, its sign carried on. */
static int64_t sign_extended(uint64_t bits, size_t width)
{
    unsigned shift = 64 - 8 * (unsigned)width;
    uint64_t up = bits << shift;
    int64_t value;

    memcpy(&value, &up, sizeof value);
    return value >> shift;
}

static void set_integer(msgpack_object *out, int64_t value)
{
    if (value >= 0) {
        out->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        out->via.u64 = (uint64_t)value;
    } else {
        out->type = MSGPACK_OBJECT_NEGATIVE_INTEGER;
        out->via.i64 = value;
    }
}

static void set_float(msgpack_object *out, uint64_t bits, size_t width)
{
    uint32_t half = (uint32_t)bits;
    float narrow;

    if (width == 8) {
        out->type = MSGPACK_OBJECT_FLOAT64;
        memcpy(&out->via.f64, &bits, sizeof out->via.f64);
        return;
    }
    memcpy(&narrow, &half, sizeof narrow);
    out->type = MSGPACK_OBJECT_FLOAT32;
    out->via.f64 = (double)narrow;
}

static void set_bytes(msgpack_object *out, bool is_text, const uint8_t *at, uint64_t len)
{
    if (is_text) {
        out->type = MSGPACK_OBJECT_STR;
        out->via.str.ptr = (const char *)at;
        out->via.str.size = (uint32_t)len;
    } else {
        out->type = MSGPACK_OBJECT_BIN;
        out->via.bin.ptr = (const char *)at;
        out->via.bin.size = (uint32_t)len;
    }
}

/* A scalar with a marker of its own: 0xC0..0xDF, none of the containers. */
static void read_scalar(const uint8_t *at, const struct announced *object, msgpack_object *out)
{
    uint8_t marker = *at;
    size_t width = object->head - 1;

    if (marker == 0xC2 || marker == 0xC3) {
        out->type = MSGPACK_OBJECT_BOOLEAN;
        out->via.boolean = marker == 0xC3;
    } else if (marker == 0xCA || marker == 0xCB) {
        set_float(out, big_endian(at + 1, width), width);
    } else if (marker >= 0xCC && marker <= 0xCF) {
        out->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        out->via.u64 = big_endian(at + 1, width);
    } else if (marker >= 0xD0 && marker <= 0xD3) {
        set_integer(out, sign_extended(big_endian(at + 1, width), width));
    } else if (marker >= 0xC4) {
        set_bytes(out, marker >= 0xD9, at + object->head, object->bytes);
    } /* else nil */
}

/* Behind an object of `len` bytes. */
static void advance(struct wire_walk *walk, size_t len, struct slice *packed)
{
    if (packed) {
        *packed = (struct slice){walk->rest.data, len};
    }
    walk->rest = (struct slice){walk->rest.data + len, walk->rest.len - len};
    walk->left--;
}

bool wire_walk_next(struct wire_walk *walk, msgpack_object *out, struct slice *packed)
{
    const uint8_t *at = (const uint8_t *)walk->rest.data;

    out->type = MSGPACK_OBJECT_NIL;
    if (walk->left == 0) {
        return false;
    }
    size_t len = short_len(*at);
    if (len) {
        if (*at - 0xA0U < 0x20) {
            set_bytes(out, true, at + 1, len - 1);
        } else {
            set_integer(out, *at < 0x80 ? *at : *at - 0x100);
        }
        advance(walk, len, packed);
        return true;
    }
    struct announced object = read_announced(at, walk->rest.len);
    size_t items;
    len = object.container ? object_len(walk->rest, &items) : object.head + object.bytes;
    if (object.container) {
        bool is_map = is_map_marker(*at);
        out->type = is_map ? MSGPACK_OBJECT_MAP : MSGPACK_OBJECT_ARRAY;
        out->via.array = (msgpack_object_array){0}; /* nothing inside is told; a map looks alike */
    } else {
        read_scalar(at, &object, out);
    }
    advance(walk, len, packed);
    return true;
}

bool wire_get_u64(const msgpack_object *object, uint64_t min, uint64_t max, uint64_t *out)
{
    if (!object || object->type != MSGPACK_OBJECT_POSITIVE_INTEGER || object->via.u64 < min ||
        object->via.u64 > max) {
        return false;
    }
    *out = object->via.u64;
    return true;
}

bool wire_get_i64(const msgpack_object *object, int64_t min, int64_t max, int64_t *out)
{
    int64_t value = 0;

    if (object && object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX) {
        value = (int64_t)object->via.u64;
    } else if (object && object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        value = object->via.i64;
    } else {
        return false;
    }
    if (value < min || value > max) {
        return false;
    }
    *out = value;
    return true;
}

bool wire_get_double(const msgpack_object *object, double *out)
{
    if (!object) {
        return false;
    }
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        *out = (double)object->via.u64;
    } else if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        *out = (double)object->via.i64;
    } else if ((object->type == MSGPACK_OBJECT_FLOAT32 || object->type == MSGPACK_OBJECT_FLOAT64) &&
               isfinite(object->via.f64)) {
        *out = object->via.f64;
    } else {
        return false;
    }
    return true;
}

bool wire_get_bool(const msgpack_object *object, bool *out)
{
    if (!object || object->type != MSGPACK_OBJECT_BOOLEAN) {
        return false;
    }
    *out = object->via.boolean;
    return true;
}

bool wire_get_str(const msgpack_object *object, size_t max, struct slice *out)
{
    if (!object || object->type != MSGPACK_OBJECT_STR || object->via.str.size > max) {
        return false;
    }
    struct slice text = {object->via.str.size ? object->via.str.ptr : "", object->via.str.size};
    if (!wire_is_utf8(text)) {
        return false;
    }
    *out = text;
    return true;
}

bool wire_get_bin(const msgpack_object *object, size_t max, struct slice *out)
{
    if (!object || object->type != MSGPACK_OBJECT_BIN || object->via.bin.size > max) {
        return false;
    }
    *out = (struct slice){object->via.bin.size ? object->via.bin.ptr : "", object->via.bin.size};
    return true;
}

const msgpack_object *wire_at(const msgpack_object *array, size_t index)
{
    return index < wire_count(array) ? &array->via.array.ptr[index] : NULL;
}

size_t wire_count(const msgpack_object *array)
{
    return array && array->type == MSGPACK_OBJECT_ARRAY ? array->via.array.size : 0;
}

bool wire_is_nil(const msgpack_object *object)
{
    return !object || object->type == MSGPACK_OBJECT_NIL;
}

size_t wire_map_count(const msgpack_object *map)
{
    return map && map->type == MSGPACK_OBJECT_MAP ? map->via.map.size : 0;
}

const msgpack_object_kv *wire_map_at(const msgpack_object *map, size_t index)
{
    return index < wire_map_count(map) ? &map->via.map.ptr[index] : NULL;
}

/* Length of the character at `at`, 0 when it is none (RFC 3629: shortest form, no surrogates). */
static size_t character(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    size_t len = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;

    if (len == 0 || len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool bad = (first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] > 0x9F) ||
               (first == 0xF0 && at[1] < 0x90) || (first == 0xF4 && at[1] > 0x8F);
    return bad ? 0 : len;
}

/* Eight characters of ASCII, none of them a NUL. */
static bool is_plain(const uint8_t *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return ((word | (word - ones)) & tops) == 0; /* a NUL, and nothing else, borrows into its top */
}

bool wire_is_utf8(struct slice text)
{
    const uint8_t *bytes = (const uint8_t *)text.data;

    for (size_t at = 0; at < text.len;) {
        if (text.len - at >= 8 && is_plain(bytes + at)) {
            at += 8;
            continue;
        }
        size_t len = bytes[at] == 0     ? 0
                     : bytes[at] < 0x80 ? 1
                                        : character(bytes + at, text.len - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}
