#include "proto/feed_pack.h"

#include "proto/localtime.h"

#include <stdlib.h>
#include <string.h>

/* A map under way: its size is known at its end, and a size of up to 65,535 takes three bytes. */
#define MAP_HEAD 3

struct map {
    struct buffer *out;
    msgpack_packer packer;
    size_t begin; /* where it begins in `out` */
    size_t members;
};

static void open_map(struct map *map, struct buffer *out)
{
    *map = (struct map){.out = out, .begin = out->len};
    wire_packer(&map->packer, out);
    (void)buffer_append(out, "\xde\0\0", MAP_HEAD); /* `full` is looked at in close_map */
}

/* 0, or -1 when `out` is full; then it holds what it held before. */
static int close_map(struct map *map)
{
    char *head = map->out->data + map->begin;

    if (map->out->full) {
        map->out->len = map->begin;
        return -1;
    }
    if (map->members < 16) { /* as short as it goes, as everywhere */
        head[0] = (char)(0x80 | map->members);
        memmove(head + 1, head + MAP_HEAD, map->out->len - map->begin - MAP_HEAD);
        map->out->len -= MAP_HEAD - 1;
        return 0;
    }
    head[1] = (char)(map->members >> 8);
    head[2] = (char)map->members;
    return 0;
}

static void put_key(msgpack_packer *packer, const char *name)
{
    wire_put_slice_str(packer, slice_text(name));
}

static void put_member(msgpack_packer *packer, const char *name, const char *text)
{
    put_key(packer, name);
    wire_put_slice_str(packer, slice_text(text));
}

static void put_unsigned(msgpack_packer *packer, uint64_t value)
{
    char text[DECIMAL_TEXT];
    size_t len = decimal_text(value, text);

    wire_put_slice_str(packer, (struct slice){text, len});
}

static void put_position(msgpack_packer *packer, const struct position *position)
{
    msgpack_pack_map(packer, 3);
    put_member(packer, "node", position->stream.node.text);
    put_key(packer, "epoch");
    put_unsigned(packer, position->stream.epoch);
    put_key(packer, "seq");
    msgpack_pack_uint64(packer, position->seq);
}

static void put_time(msgpack_packer *packer, int64_t ms)
{
    char text[UTCTIME_RFC3339];

    utctime_rfc3339(ms, text);
    wire_put_slice_str(packer, (struct slice){text, UTCTIME_RFC3339 - 1});
}

static void put_field(void *context, const struct feed_field *field)
{
    struct map *map = context;
    msgpack_packer *packer = &map->packer;

    map->members++;
    put_key(packer, field->name);
    switch (field->type) {
    case FEED_TEXT:
    case FEED_ID:
    case FEED_JSON: /* stays a text here */
        wire_put_slice_str(packer, field->text);
        break;
    case FEED_INTEGER:
        msgpack_pack_int64(packer, field->integer);
        break;
    case FEED_UNSIGNED:
        put_unsigned(packer, field->number);
        break;
    case FEED_REAL:
        msgpack_pack_double(packer, field->real);
        break;
    case FEED_BOOL:
        msgpack_pack_true(packer);
        break;
    case FEED_TIME:
        put_time(packer, field->integer);
        break;
    case FEED_POSITIONS:
        msgpack_pack_array(packer, field->place_count);
        for (size_t i = 0; i < field->place_count; i++) {
            put_position(packer, &field->places[i]);
        }
        break;
    }
}

/* What every map begins with. */
static void put_begin(struct map *map, const char *type, const struct feed_cursor *cursor)
{
    char text[FEED_CURSOR_TEXT];

    feed_cursor_text(cursor, text);
    put_member(&map->packer, "type", type);
    put_member(&map->packer, "cursor", text);
    map->members += 2;
}

int feed_pack_event(const struct feed_source *source, struct buffer *out)
{
    char spare[24];
    struct event event;
    struct map map;
    const char *flag = source->is_damaged ? "damaged" : NULL;

    if (flag == NULL && event_unpack(&event, source->header, source->body) != 0) {
        flag = "unreadable";
    }
    open_map(&map, out);
    put_begin(&map, "event", &source->cursor);
    put_member(&map.packer, "kind", event_kind_name(source->kind, spare));
    put_key(&map.packer, "position");
    put_position(&map.packer, &source->position);
    map.members += 2;
    if (flag != NULL) {
        put_key(&map.packer, flag);
        msgpack_pack_true(&map.packer);
        map.members++;
    } else {
        feed_each_field(&event, put_field, &map);
    }
    return close_map(&map);
}

int feed_pack_fields(const char *type, const struct feed_cursor *cursor,
                     const struct feed_field *fields, size_t count, struct buffer *out)
{
    struct map map;

    open_map(&map, out);
    put_begin(&map, type, cursor);
    for (size_t i = 0; i < count; i++) {
        put_field(&map, &fields[i]);
    }
    return close_map(&map);
}

/* ---- between publisher and reader ------------------------------------------------------------ */

static void put_cursor(msgpack_packer *packer, const struct feed_cursor *cursor)
{
    msgpack_pack_uint64(packer, cursor->feed);
    msgpack_pack_uint64(packer, cursor->lsn);
}

static struct feed_cursor row_cursor(struct wire_row *row)
{
    struct feed_cursor cursor = {.feed = 0};

    cursor.feed = wire_row_u64(row, 0, UINT64_MAX);
    cursor.lsn = wire_row_u64(row, 0, UINT64_MAX);
    return cursor;
}

int feed_page_request_pack(const struct feed_page_request *request, struct buffer *out)
{
    msgpack_packer packer;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 5);
    msgpack_pack_uint64(&packer, request->token);
    put_cursor(&packer, &request->after);
    wire_put_text(&packer, request->topic);
    msgpack_pack_uint64(&packer, request->most);
    return out->full ? -1 : 0;
}

int feed_page_request_unpack(struct feed_page_request *request, struct slice bytes)
{
    struct wire wire;

    *request = (struct feed_page_request){.token = 0};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    request->token = wire_row_u64(&row, 0, UINT64_MAX);
    request->after = row_cursor(&row);
    wire_row_text(&row, request->topic, sizeof request->topic);
    request->most = wire_row_u64(&row, 0, UINT64_MAX);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

int feed_page_put_item(struct buffer *items, const struct feed_cursor *cursor, const char *topic,
                       struct slice map)
{
    msgpack_packer packer;
    size_t before = items->len;

    wire_packer(&packer, items);
    msgpack_pack_array(&packer, 4);
    put_cursor(&packer, cursor);
    wire_put_text(&packer, topic);
    wire_put_slice_bin(&packer, map);
    if (items->full) {
        items->len = before;
        items->full = false;
        return -1;
    }
    return 0;
}

int feed_page_pack(const struct feed_page *page, const struct buffer *items, size_t count,
                   struct buffer *out)
{
    msgpack_packer packer;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 10);
    msgpack_pack_uint64(&packer, page->token);
    msgpack_pack_uint32(&packer, (uint32_t)page->state);
    put_cursor(&packer, &page->resume);
    put_cursor(&packer, &page->now);
    put_cursor(&packer, &page->next);
    if (page->more) {
        msgpack_pack_true(&packer);
    } else {
        msgpack_pack_false(&packer);
    }
    msgpack_pack_array(&packer, count);
    (void)buffer_append(out, items->data, items->len); /* `full` is looked at below */
    return out->full ? -1 : 0;
}

static void read_items(struct feed_page *page, struct wire_row *row)
{
    const msgpack_object *list = wire_row_array(row, LIMIT_FEED_PAGE, &page->count);

    page->items = bytes_allocate(page->count, sizeof *page->items);
    for (size_t i = 0; i < page->count && !row->bad; i++) {
        struct wire_row item = wire_row(wire_at(list, i));
        page->items[i].cursor = row_cursor(&item);
        page->items[i].topic = wire_row_str(&item, FEED_TOPIC);
        page->items[i].map = wire_row_bin(&item, LIMIT_MESSAGE_BYTES);
        row->bad = item.bad;
    }
}

int feed_page_unpack(struct feed_page *page, struct slice bytes)
{
    *page = (struct feed_page){.token = 0};
    if (wire_open(&page->wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&page->wire.root);
    page->token = wire_row_u64(&row, 0, UINT64_MAX);
    page->state = (enum feed_page_state)wire_row_u64(&row, FEED_PAGE_FAILED, FEED_PAGE_UNKNOWN);
    page->resume = row_cursor(&row);
    page->now = row_cursor(&row);
    page->next = row_cursor(&row);
    page->more = wire_row_bool(&row);
    read_items(page, &row);
    if (row.bad) {
        feed_page_free(page);
        return -1;
    }
    return 0;
}

void feed_page_free(struct feed_page *page)
{
    free(page->items);
    page->items = NULL;
    page->count = 0;
    wire_close(&page->wire);
}
