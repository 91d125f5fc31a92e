#include "proto/fact.h"

#include "proto/event.h"
#include "proto/limits.h"

#include <stdlib.h>

/* msgpack objects that one element takes, for a reader's LIMIT_ITEMS. */
#define HEAD_ITEMS 5
#define EVENT_ITEMS 4
#define VISIT_ITEMS 11
#define FIXED_ITEMS 17

static void put_integer(msgpack_packer *packer, int64_t value)
{
    if (value == EVENT_NONE) {
        msgpack_pack_nil(packer);
    } else {
        msgpack_pack_int64(packer, value);
    }
}

/* nil is EVENT_NONE */
static int64_t row_integer(struct wire_row *row)
{
    const msgpack_object *object = wire_row_any(row);
    int64_t value = EVENT_NONE;
    if (object && !wire_is_nil(object)) {
        row->bad = !wire_get_i64(object, INT64_MIN, INT64_MAX, &value);
    }
    return value;
}

static void put_visit(msgpack_packer *packer, const struct fact_visit *visit)
{
    msgpack_pack_array(packer, 10);
    wire_put_slice_str(packer, visit->event_id);
    msgpack_pack_int64(packer, visit->history_id);
    msgpack_pack_int64(packer, visit->revision);
    wire_put_slice_str(packer, visit->status);
    wire_put_slice_str(packer, visit->plate_id);
    wire_put_slice_str(packer, visit->plate_view);
    put_integer(packer, visit->entry_ms);
    put_integer(packer, visit->exit_ms);
    put_integer(packer, visit->fee);
    wire_put_slice_str(packer, visit->source_central);
}

static bool read_visit(struct fact_visit *visit, const msgpack_object *object)
{
    struct wire_row row = wire_row(object);

    visit->event_id = wire_row_str(&row, LIMIT_JSON_TEXT);
    visit->history_id = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    visit->revision = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    visit->status = wire_row_str(&row, LIMIT_TEXT);
    visit->plate_id = wire_row_str(&row, LIMIT_JSON_TEXT);
    visit->plate_view = wire_row_str(&row, LIMIT_JSON_TEXT);
    visit->entry_ms = row_integer(&row);
    visit->exit_ms = row_integer(&row);
    visit->fee = row_integer(&row);
    visit->source_central = wire_row_str(&row, LIMIT_JSON_TEXT);
    return !row.bad;
}

static bool read_event(struct fact_event *event, const msgpack_object *object)
{
    struct wire_row row = wire_row(object);

    event->lsn = wire_row_u64(&row, 0, UINT64_MAX);
    event->origin = (enum fact_origin)wire_row_u64(&row, FACT_LOCAL, FACT_SYNC);
    event->run = wire_row_bin(&row, LIMIT_MESSAGE_BYTES);
    return !row.bad && event->run.data;
}

int fact_pack(const struct fact *fact, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    if (fact->head_count > LIMIT_ITEMS || fact->item_count > LIMIT_ITEMS ||
        fact->visit_count > LIMIT_ITEMS ||
        FIXED_ITEMS + fact->head_count * HEAD_ITEMS + fact->item_count * EVENT_ITEMS +
                fact->visit_count * VISIT_ITEMS >
            LIMIT_ITEMS) {
        return -1;
    }
    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 12);
    msgpack_pack_uint64(&packer, fact->batch);
    msgpack_pack_uint64(&packer, fact->lsn);
    wire_put_digest(&packer, &fact->log_digest);
    wire_put_digest(&packer, &fact->state_digest);
    msgpack_pack_uint64(&packer, fact->events);
    msgpack_pack_uint64(&packer, fact->hlc);
    if (fact->own.seq) {
        wire_put_head(&packer, &fact->own);
    } else {
        msgpack_pack_nil(&packer);
    }
    msgpack_pack_array(&packer, fact->head_count);
    for (size_t i = 0; i < fact->head_count; i++) {
        wire_put_head(&packer, &fact->heads[i]);
    }
    msgpack_pack_array(&packer, fact->item_count);
    for (size_t i = 0; i < fact->item_count; i++) {
        msgpack_pack_array(&packer, 3);
        msgpack_pack_uint64(&packer, fact->items[i].lsn);
        msgpack_pack_uint32(&packer, (uint32_t)fact->items[i].origin);
        wire_put_slice_bin(&packer, fact->items[i].run);
    }
    msgpack_pack_array(&packer, fact->visit_count);
    for (size_t i = 0; i < fact->visit_count; i++) {
        put_visit(&packer, &fact->visits[i]);
    }
    msgpack_pack_uint64(&packer, fact->rewinds);
    msgpack_pack_uint64(&packer, fact->rewound);
    if (out->full) {
        out->len = before;
        return -1;
    }
    return 0;
}

/* The fields up to the lists. */
static void read_start(struct fact *fact, struct wire_row *row)
{
    fact->batch = wire_row_u64(row, 0, UINT64_MAX);
    fact->lsn = wire_row_u64(row, 0, UINT64_MAX);
    fact->log_digest = wire_row_digest(row);
    fact->state_digest = wire_row_digest(row);
    fact->events = wire_row_u64(row, 0, UINT64_MAX);
    fact->hlc = wire_row_u64(row, 0, UINT64_MAX);
    if (wire_is_nil(wire_at(row->array, row->next))) {
        (void)wire_row_any(row); /* no own head yet */
    } else {
        fact->own = wire_row_head(row);
    }
}

int fact_unpack(struct fact *fact, struct slice bytes)
{
    *fact = (struct fact){.batch = 0};
    if (wire_open(&fact->wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&fact->wire.root);
    read_start(fact, &row);

    const msgpack_object *list = wire_row_array(&row, LIMIT_ITEMS, &fact->head_count);
    struct wire_row heads = {.array = list, .bad = row.bad};
    fact->heads = bytes_allocate(fact->head_count, sizeof *fact->heads);
    for (size_t i = 0; i < fact->head_count; i++) {
        fact->heads[i] = wire_row_head(&heads);
    }
    row.bad = row.bad || heads.bad;

    list = wire_row_array(&row, LIMIT_ITEMS, &fact->item_count);
    fact->items = bytes_allocate(fact->item_count, sizeof *fact->items);
    for (size_t i = 0; i < fact->item_count && !row.bad; i++) {
        row.bad = !read_event(&fact->items[i], wire_at(list, i));
    }

    list = wire_row_array(&row, LIMIT_ITEMS, &fact->visit_count);
    fact->visits = bytes_allocate(fact->visit_count, sizeof *fact->visits);
    for (size_t i = 0; i < fact->visit_count && !row.bad; i++) {
        row.bad = !read_visit(&fact->visits[i], wire_at(list, i));
    }
    fact->rewinds = wire_row_u64(&row, 0, UINT64_MAX);
    fact->rewound = wire_row_u64(&row, 0, UINT64_MAX);
    if (row.bad) {
        fact_free(fact);
        return -1;
    }
    return 0;
}

void fact_free(struct fact *fact)
{
    free(fact->heads);
    free(fact->items);
    free(fact->visits);
    fact->heads = NULL;
    fact->items = NULL;
    fact->visits = NULL;
    fact->head_count = fact->item_count = fact->visit_count = 0;
    wire_close(&fact->wire);
}

bool fact_visit_is(const struct fact_visit *visit, const char *status)
{
    return visit != NULL && slice_equal(visit->status, slice_text(status));
}

size_t fact_find_visit(const struct fact *fact, struct slice event_id)
{
    size_t i = 0;

    while (i < fact->visit_count && !slice_equal(fact->visits[i].event_id, event_id)) {
        i++;
    }
    return i;
}

size_t fact_find_inside(const struct fact *fact, struct slice plate_id)
{
    size_t i = 0;

    while (i < fact->visit_count && !(slice_equal(fact->visits[i].plate_id, plate_id) &&
                                      fact_visit_is(&fact->visits[i], "IN"))) {
        i++;
    }
    return i;
}
