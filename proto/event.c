/*
 * One table says where each body field lives in `struct event`, what it is and how long it may be.
 * Packing, unpacking and emptying walk that table, so a new field is one line here, one key and one
 * member in the header.
 */
#include "proto/event.h"

#include "proto/wire.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SALT_BYTES 16

enum field_type {
    TEXT,
    REAL,
    INTEGER,
    UNSIGNED,
    BOOLEAN,
    POSITIONS
};

struct field {
    enum event_key key;
    enum field_type type;
    size_t offset;
    size_t max; /* bytes of a TEXT */
};

/* In key order without a gap: the field of a key is fields[key - 1]. */
#define FIELDS(X)                                           \
    X(VISIT, TEXT, visit, LIMIT_EVENT_ID)                   \
    X(PLATE_ID, TEXT, plate_id, LIMIT_PLATE)                \
    X(PLATE_VIEW, TEXT, plate_view, LIMIT_PLATE)            \
    X(SOURCE_CENTRAL, TEXT, source_central, LIMIT_TEXT)     \
    X(EDGE_ID, TEXT, edge_id, LIMIT_TEXT)                   \
    X(CAMERA_ID, TEXT, camera_id, LIMIT_TEXT)               \
    X(CAMERA_NAME, TEXT, camera_name, LIMIT_TEXT)           \
    X(CAMERA_TYPE, TEXT, camera_type, LIMIT_TEXT)           \
    X(CONFIDENCE, REAL, confidence, 0)                      \
    X(SOURCE, TEXT, source, LIMIT_TEXT)                     \
    X(SENT_ID, TEXT, sent_id, LIMIT_TEXT)                   \
    X(DEVICE_MS, INTEGER, device_ms, 0)                     \
    X(FEE, INTEGER, fee, 0)                                 \
    X(FREE_S, INTEGER, free_s, 0)                           \
    X(PER_HOUR, INTEGER, per_hour, 0)                       \
    X(SUPERSEDES, POSITIONS, supersedes, 0)                 \
    X(AUTHOR, TEXT, author, LIMIT_TEXT)                     \
    X(REASON, TEXT, reason, LIMIT_TEXT)                     \
    X(ENTRY_MS, INTEGER, entry_ms, 0)                       \
    X(EXIT_MS, INTEGER, exit_ms, 0)                         \
    X(LOCATION, TEXT, location, LIMIT_TEXT)                 \
    X(LOCATION_MS, INTEGER, location_ms, 0)                 \
    X(IS_ANOMALY, BOOLEAN, is_anomaly, 0)                   \
    X(BEFORE, TEXT, before, LIMIT_JSON_TEXT)                \
    X(EXIT_CAMERA_ID, TEXT, exit_camera_id, LIMIT_TEXT)     \
    X(EXIT_CAMERA_NAME, TEXT, exit_camera_name, LIMIT_TEXT) \
    X(EXIT_CONFIDENCE, REAL, exit_confidence, 0)            \
    X(EXIT_SOURCE, TEXT, exit_source, LIMIT_TEXT)           \
    X(STATUS, TEXT, status, LIMIT_TEXT)                     \
    X(TARGET_NODE, TEXT, target_node, LIMIT_TEXT)           \
    X(TARGET_EPOCH, UNSIGNED, target_epoch, 0)              \
    X(TARGET_FROM, UNSIGNED, target_from, 0)                \
    X(TARGET_TO, UNSIGNED, target_to, 0)                    \
    X(OFFSET_MS, INTEGER, offset_ms, 0)                     \
    X(CAPACITY, INTEGER, capacity, 0)                       \
    X(JSON, TEXT, json, LIMIT_JSON_TEXT)                    \
    X(CLOSES, TEXT, closes, LIMIT_EVENT_ID)                 \
    X(MOVED_FROM, POSITIONS, moved_from, 0)                 \
    X(ITEM, TEXT, item, LIMIT_ELEMENT_ID)                   \
    X(VALID_FROM_MS, INTEGER, valid_from_ms, 0)             \
    X(VALID_TO_MS, INTEGER, valid_to_ms, 0)                 \
    X(RETRY_KEY, TEXT, retry_key, LIMIT_RETRY_KEY)          \
    X(EXIT_CENTRAL, TEXT, exit_central, LIMIT_TEXT)

static const struct field fields[] = {
#define X(key, type, member, max) {EVENT_KEY_##key, type, offsetof(struct event, member), max},
    FIELDS(X)
#undef X
};

/* An event with every field absent, to be copied: events are unpacked by the million. */
#define ABSENT_TEXT \
    {               \
        NULL, 0     \
    }
#define ABSENT_POSITIONS \
    {                    \
        NULL, 0          \
    }
#define ABSENT_REAL NAN
#define ABSENT_INTEGER EVENT_NONE
#define ABSENT_UNSIGNED 0
#define ABSENT_BOOLEAN false
static const struct event nothing = {
#define X(key, type, member, max) .member = ABSENT_##type,
    FIELDS(X)
#undef X
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)
_Static_assert(FIELD_COUNT == EVENT_KEY_EXIT_CENTRAL, "one field per key, in order");
_Static_assert(EVENT_KEY_SALT < 64, "known keys fit a bit set");

static const void *member(const struct event *event, const struct field *field)
{
    return (const char *)event + field->offset;
}

static void *member_for_change(struct event *event, const struct field *field)
{
    return (char *)event + field->offset;
}

void event_init(struct event *event, uint32_t kind)
{
    *event = nothing;
    event->kind = kind;
}

const char *event_kind_name(uint32_t kind, char *spare)
{
    switch (kind) {
#define X(name, number) \
    case number:        \
        return #name;
        EVENT_KINDS(X)
#undef X
    default:
        (void)snprintf(spare, 24, "KIND_%" PRIu32, kind); /* at most 15 characters */
        return spare;
    }
}

bool event_kind_is_known(uint32_t kind)
{
    char spare[24];
    return event_kind_name(kind, spare) != spare;
}

uint32_t event_kind_parse(struct slice name)
{
#define X(name_, number)                         \
    if (slice_equal(name, slice_text(#name_))) { \
        return number;                           \
    }
    EVENT_KINDS(X)
#undef X
    return 0;
}

static bool is_integer(int64_t value)
{
    return value >= -LIMIT_INTEGER && value <= LIMIT_INTEGER;
}

static bool is_absent(const struct event *event, const struct field *field)
{
    const void *value = member(event, field);

    switch (field->type) {
    case TEXT:
    case POSITIONS:
        return !((const struct slice *)value)->data;
    case REAL:
        return isnan(*(const double *)value);
    case INTEGER:
        return *(const int64_t *)value == EVENT_NONE;
    case UNSIGNED:
        return *(const uint64_t *)value == 0;
    case BOOLEAN:
        return !*(const bool *)value;
    }
    return true;
}

/* Reads packed positions: their count, or SIZE_MAX when they are malformed. */
static size_t read_positions(struct slice packed, struct position *out)
{
    struct wire wire;
    size_t count = 0;

    if (wire_open(&wire, packed)) {
        return SIZE_MAX;
    }
    bool bad = wire.root.type != MSGPACK_OBJECT_ARRAY || wire_count(&wire.root) > LIMIT_SUPERSEDES;
    while (!bad && count < wire_count(&wire.root)) {
        struct wire_row row = wire_row(wire_at(&wire.root, count));
        out[count].stream.node = wire_row_node(&row);
        out[count].stream.epoch = wire_row_u64(&row, 1, UINT64_MAX);
        out[count].seq = wire_row_u64(&row, 1, LIMIT_SEQ);
        bad = row.bad;
        count++;
    }
    wire_close(&wire);
    return bad ? SIZE_MAX : count;
}

static bool are_positions(struct slice packed)
{
    struct position positions[LIMIT_SUPERSEDES];
    return read_positions(packed, positions) != SIZE_MAX;
}

/* Packs a value; false when it passes a limit. */
static bool put_value(msgpack_packer *packer, const struct event *event, const struct field *field)
{
    const void *value = member(event, field);
    struct slice text;

    switch (field->type) {
    case TEXT:
        text = *(const struct slice *)value;
        wire_put_slice_str(packer, text);
        return text.len <= field->max && wire_is_utf8(text);
    case REAL:
        msgpack_pack_double(packer, *(const double *)value);
        return isfinite(*(const double *)value);
    case INTEGER:
        msgpack_pack_int64(packer, *(const int64_t *)value);
        return is_integer(*(const int64_t *)value);
    case UNSIGNED:
        msgpack_pack_uint64(packer, *(const uint64_t *)value);
        return true;
    case BOOLEAN:
        msgpack_pack_true(packer);
        return true;
    case POSITIONS:
        text = *(const struct slice *)value;
        return are_positions(text) && buffer_append(packer->data, text.data, text.len) == 0;
    }
    return false;
}

static bool pack_header(const struct event *event, struct buffer *header)
{
    msgpack_packer packer;

    if (event->kind == 0 || event->hlc > LIMIT_SEQ || !is_integer(event->t_eff)) {
        return false;
    }
    wire_packer(&packer, header);
    msgpack_pack_array(&packer, 5);
    msgpack_pack_uint32(&packer, EVENT_VERSION);
    msgpack_pack_uint32(&packer, event->kind);
    msgpack_pack_uint64(&packer, event->hlc);
    msgpack_pack_int64(&packer, event->t_eff);
    msgpack_pack_uint32(&packer, event->clock);
    return !header->full && header->len <= LIMIT_HEADER_BYTES;
}

static bool pack_body(const struct event *event, struct buffer *body)
{
    msgpack_packer packer;
    const struct field *present[FIELD_COUNT];
    size_t count = 0;
    uint8_t salt[SALT_BYTES];

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!is_absent(event, &fields[i])) {
            present[count++] = &fields[i];
        }
    }
    wire_packer(&packer, body);
    msgpack_pack_map(&packer, count + 1);
    for (size_t i = 0; i < count; i++) {
        msgpack_pack_uint32(&packer, (uint32_t)present[i]->key);
        if (!put_value(&packer, event, present[i])) {
            return false;
        }
    }
    randombytes_buf(salt, sizeof salt);
    msgpack_pack_uint32(&packer, EVENT_KEY_SALT);
    msgpack_pack_bin_with_body(&packer, salt, sizeof salt);
    return !body->full && body->len <= LIMIT_BODY_BYTES;
}

int event_pack(const struct event *event, struct buffer *header, struct buffer *body)
{
    buffer_clear(header);
    buffer_clear(body);
    if (event->redacted || !pack_header(event, header) || !pack_body(event, body)) {
        buffer_clear(header);
        buffer_clear(body);
        return -1;
    }
    return 0;
}

static bool get_value(const msgpack_object *value, struct event *event, const struct field *field)
{
    void *out = member_for_change(event, field);

    switch (field->type) {
    case TEXT:
        return wire_get_str(value, field->max, out);
    case REAL:
        return wire_get_double(value, out);
    case INTEGER:
        return wire_get_i64(value, -LIMIT_INTEGER, LIMIT_INTEGER, out);
    case UNSIGNED:
        return wire_get_u64(value, 0, UINT64_MAX, out);
    case BOOLEAN:
        return wire_get_bool(value, out);
    case POSITIONS:
        return false; /* kept packed: see read_body */
    }
    return false;
}

int event_pack_supersedes(const struct position *positions, size_t count, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    if (count > LIMIT_SUPERSEDES) {
        return -1;
    }
    wire_packer(&packer, out);
    msgpack_pack_array(&packer, count);
    for (size_t i = 0; i < count; i++) {
        msgpack_pack_array(&packer, 3);
        wire_put_text(&packer, positions[i].stream.node.text);
        msgpack_pack_uint64(&packer, positions[i].stream.epoch);
        msgpack_pack_uint64(&packer, positions[i].seq);
    }
    if (out->full) {
        out->len = before;
        return -1;
    }
    return 0;
}

size_t event_supersedes(const struct event *event, struct position out[LIMIT_SUPERSEDES])
{
    size_t count = event->supersedes.data ? read_positions(event->supersedes, out) : 0;
    return count == SIZE_MAX ? 0 : count;
}

static bool is_salt(const msgpack_object *value)
{
    struct slice salt = {NULL, 0};
    return wire_get_bin(value, SALT_BYTES, &salt) && salt.len == SALT_BYTES;
}

static bool read_body(struct event *event, struct wire_walk *map)
{
    uint64_t seen = 0; /* a bit per known key */
    msgpack_object name, value;
    struct slice packed;

    while (wire_walk_next(map, &name, NULL) && wire_walk_next(map, &value, &packed)) {
        uint64_t key = 0;
        if (!wire_get_u64(&name, 1, EVENT_KEY_SALT, &key) ||
            (key > FIELD_COUNT && key != EVENT_KEY_SALT)) {
            continue; /* of a newer version */
        }
        bool good = !(seen & UINT64_C(1) << key);
        seen |= UINT64_C(1) << key;
        if (key == EVENT_KEY_SALT) {
            good = good && is_salt(&value);
        } else if (fields[key - 1].type == POSITIONS) {
            memcpy(member_for_change(event, &fields[key - 1]), &packed, sizeof packed);
            good = good && are_positions(packed);
        } else {
            good = good && get_value(&value, event, &fields[key - 1]);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

/* The version is there and counts from 1: newer ones only add at the end. */
static bool read_header(struct wire_walk *array, struct event *event)
{
    msgpack_object version, kind, hlc, t_eff, clock;
    uint64_t number = 0, name = 0, bits = 0;
    /* What is missing is nil, which no accessor takes. */
    (void)wire_walk_next(array, &version, NULL);
    (void)wire_walk_next(array, &kind, NULL);
    (void)wire_walk_next(array, &hlc, NULL);
    (void)wire_walk_next(array, &t_eff, NULL);
    (void)wire_walk_next(array, &clock, NULL);
    bool good = wire_get_u64(&version, 1, UINT32_MAX, &number) &&
                wire_get_u64(&kind, 1, UINT32_MAX, &name) &&
                wire_get_u64(&hlc, 0, LIMIT_SEQ, &event->hlc) &&
                wire_get_i64(&t_eff, -LIMIT_INTEGER, LIMIT_INTEGER, &event->t_eff) &&
                wire_get_u64(&clock, 0, UINT32_MAX, &bits);
    event->kind = (uint32_t)name;
    event->clock = (uint32_t)bits;
    return good;
}

bool event_check_header(struct slice header)
{
    struct wire_walk array;
    struct event event; /* only what the header has is written */

    return header.len <= LIMIT_HEADER_BYTES &&
           !wire_walk_open(&array, header, MSGPACK_OBJECT_ARRAY) && read_header(&array, &event);
}

int event_unpack_header(struct event *event, struct slice header)
{
    struct wire_walk array;

    event_init(event, 0);
    if (header.len > LIMIT_HEADER_BYTES || wire_walk_open(&array, header, MSGPACK_OBJECT_ARRAY)) {
        return -1;
    }
    return read_header(&array, event) ? 0 : -1;
}

int event_unpack(struct event *event, struct slice header, struct slice body)
{
    struct wire_walk map;

    if (event_unpack_header(event, header)) {
        return -1;
    }
    event->redacted = !body.data;
    if (event->redacted) {
        return 0;
    }
    if (body.len > LIMIT_BODY_BYTES || wire_walk_open(&map, body, MSGPACK_OBJECT_MAP)) {
        return -1;
    }
    return read_body(event, &map) ? 0 : -1;
}

static bool is_bytes(const struct field *field)
{
    return field->type == TEXT || field->type == POSITIONS;
}

size_t event_text_bytes(const struct event *event)
{
    size_t bytes = 0;

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (is_bytes(&fields[i])) {
            bytes += ((const struct slice *)member(event, &fields[i]))->len;
        }
    }
    return bytes;
}

void event_copy(const struct event *from, char *memory, struct event *out)
{
    *out = *from;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        struct slice *text = member_for_change(out, &fields[i]);
        if (!is_bytes(&fields[i]) || !text->data) {
            continue;
        }
        memcpy(memory, text->data, text->len);
        text->data = memory;
        memory += text->len;
    }
}

bool event_moved_from(const struct event *event, struct position *out)
{
    struct position positions[LIMIT_SUPERSEDES];
    size_t count = event->moved_from.data ? read_positions(event->moved_from, positions) : 0;

    if (count == 0 || count == SIZE_MAX) {
        return false;
    }
    *out = positions[0];
    return true;
}

/* The length of a map's first bytes, which hold its size; 0 when it is no map. */
static size_t map_head(struct slice body)
{
    uint8_t tag = body.len ? (uint8_t)body.data[0] : 0;

    if (tag >= 0x80 && tag < 0x90) {
        return 1;
    }
    return tag == 0xde ? 3 : (tag == 0xdf ? 5 : 0);
}

static bool has_key(const msgpack_object *map, uint64_t wanted)
{
    for (size_t i = 0; i < wire_map_count(map); i++) {
        uint64_t key = 0;
        if (wire_get_u64(&wire_map_at(map, i)->key, 0, UINT64_MAX, &key) && key == wanted) {
            return true;
        }
    }
    return false;
}

void event_move(struct slice body, const struct position *position, struct buffer *out)
{
    struct wire wire;
    msgpack_packer packer;
    size_t head = map_head(body);

    buffer_clear(out);
    if (head && wire_open(&wire, body) == 0) {
        bool is_moved = has_key(&wire.root, EVENT_KEY_MOVED_FROM);
        bool has_source = has_key(&wire.root, EVENT_KEY_SOURCE_CENTRAL);
        size_t count = wire_map_count(&wire.root);
        wire_close(&wire);
        if (!is_moved) {
            wire_packer(&packer, out);
            msgpack_pack_map(&packer, count + (has_source ? 1 : 2));
            buffer_append(out, body.data + head, body.len - head);
            if (!has_source) {
                msgpack_pack_uint32(&packer, EVENT_KEY_SOURCE_CENTRAL);
                wire_put_text(&packer, position->stream.node.text);
            }
            msgpack_pack_uint32(&packer, EVENT_KEY_MOVED_FROM);
            if (event_pack_supersedes(position, 1, out) == 0 && !out->full &&
                out->len <= LIMIT_BODY_BYTES && wire_check(buffer_slice(out))) {
                return;
            }
            buffer_clear(out);
        }
    }
    buffer_append(out, body.data, body.len); /* as long as one that was stored before: it fits */
}
