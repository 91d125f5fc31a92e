#include "proto/event.h"

#include "proto/wire.h"
#include "tests/proto/support_suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An event with every field, the texts all different. */
static void fill(struct event *event, struct buffer *supersedes)
{
    static const struct position seen[] = {{{{"central-1"}, 77}, 5}, {{{"z"}, UINT64_MAX}, 1}};
    event_init(event, EVENT_IMPORT);
    event->hlc = UINT64_C(117658094345256960);
    event->t_eff = INT64_C(1795335303123);
    event->clock = EVENT_CLOCK_DEVICE | EVENT_CLOCK_SUSPECT;
    struct slice *texts[] = {&event->visit,          &event->plate_id,    &event->plate_view,
                             &event->source_central, &event->edge_id,     &event->camera_id,
                             &event->camera_name,    &event->camera_type, &event->source,
                             &event->sent_id,        &event->author,      &event->reason,
                             &event->before,         &event->json,        &event->closes,
                             &event->location,       &event->status,      &event->exit_central,
                             &event->exit_camera_id, &event->exit_source, &event->exit_camera_name,
                             &event->target_node};
    static const char *const words[] = {"ánh", "b", "Đ51", "d",        "e",  "f",   "g", "h",
                                        "i",   "j", "k",   "lời nhắn", "{}", "[1]", "o", "p",
                                        "q",   "r", "s",   "t",        "u",  "v"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = slice_text(words[i]);
    }
    int64_t *integers[] = {&event->device_ms,   &event->fee,       &event->free_s,
                           &event->per_hour,    &event->entry_ms,  &event->exit_ms,
                           &event->location_ms, &event->offset_ms, &event->capacity};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        *integers[i] = i % 2 ? -(int64_t)i * INT64_C(1000000007) : (int64_t)i;
    }
    event->confidence = 0.875;
    event->exit_confidence = 0;
    event->is_anomaly = true;
    event->target_epoch = UINT64_MAX;
    event->target_from = 1;
    event->target_to = 2;
    buffer_clear(supersedes);
    ck_assert_int_eq(event_pack_supersedes(seen, 2, supersedes), 0);
    event->supersedes = buffer_slice(supersedes);
}

static bool same_double(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static void check_same(const struct event *a, const struct event *b)
{
    ck_assert_uint_eq(a->kind, b->kind);
    ck_assert_uint_eq(a->hlc, b->hlc);
    ck_assert_int_eq(a->t_eff, b->t_eff);
    ck_assert_uint_eq(a->clock, b->clock);
#define TEXT(name) ck_assert_msg(slice_equal(a->name, b->name), #name)
    TEXT(visit), TEXT(plate_id), TEXT(plate_view), TEXT(source_central), TEXT(edge_id);
    TEXT(camera_id), TEXT(camera_name), TEXT(camera_type), TEXT(source), TEXT(sent_id);
    TEXT(author), TEXT(reason), TEXT(before), TEXT(json), TEXT(closes), TEXT(location);
    TEXT(status), TEXT(exit_central), TEXT(exit_camera_id), TEXT(exit_camera_name),
        TEXT(exit_source);
    TEXT(target_node), TEXT(supersedes);
#undef TEXT
#define INTEGER(name) ck_assert_msg(a->name == b->name, #name)
    INTEGER(device_ms), INTEGER(fee), INTEGER(free_s), INTEGER(per_hour), INTEGER(entry_ms);
    INTEGER(exit_ms), INTEGER(location_ms), INTEGER(offset_ms), INTEGER(capacity);
    INTEGER(is_anomaly), INTEGER(target_epoch), INTEGER(target_from), INTEGER(target_to);
    INTEGER(redacted);
#undef INTEGER
    ck_assert(same_double(a->confidence, b->confidence));
    ck_assert(same_double(a->exit_confidence, b->exit_confidence));
}

struct packed {
    struct buffer header, body, supersedes;
};

static void packed_free(struct packed *packed)
{
    buffer_free(&packed->header);
    buffer_free(&packed->body);
    buffer_free(&packed->supersedes);
}

START_TEST(every_field_comes_back)
{
    struct packed packed = {{0}, {0}, {0}};
    struct event event, got;
    fill(&event, &packed.supersedes);
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
    ck_assert_int_eq(event_unpack(&got, buffer_slice(&packed.header), buffer_slice(&packed.body)),
                     0);
    check_same(&event, &got);
    ck_assert_uint_lt(packed.header.len, 40);

    struct position seen[LIMIT_SUPERSEDES];
    ck_assert_uint_eq(event_supersedes(&got, seen), 2);
    ck_assert_str_eq(seen[0].stream.node.text, "central-1");
    ck_assert_uint_eq(seen[0].stream.epoch, 77);
    ck_assert_uint_eq(seen[0].seq, 5);
    ck_assert_uint_eq(seen[1].stream.epoch, UINT64_MAX);

    /* A copy says the same when the bytes it was made of are gone. */
    struct event copy;
    size_t bytes = event_text_bytes(&event);
    char *memory = malloc(bytes);
    ck_assert_ptr_nonnull(memory);
    event_copy(&got, memory, &copy);
    check_same(&event, &copy);
    ck_assert_ptr_eq(copy.visit.data, memory);
    event_init(&got, EVENT_VEHICLE_EXIT);
    event_copy(&got, memory, &copy);
    check_same(&got, &copy);
    free(memory);

    /* Again into the same buffers: replaced, with other salt. */
    char *first = malloc(packed.body.len);
    ck_assert_ptr_nonnull(first);
    memcpy(first, packed.body.data, packed.body.len);
    size_t len = packed.body.len;
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
    ck_assert_uint_eq(packed.body.len, len);
    ck_assert(memcmp(first, packed.body.data, len - 16) == 0);
    ck_assert(memcmp(first, packed.body.data, len) != 0);
    free(first);
    packed_free(&packed);
}
END_TEST

START_TEST(absent_fields_stay_absent)
{
    struct packed packed = {{0}, {0}, {0}};
    struct event event, got;
    struct position seen[LIMIT_SUPERSEDES];
    event_init(&event, EVENT_VEHICLE_EXIT);
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
    ck_assert_uint_eq(packed.body.len, 20); /* the map, the salt's key and the salt */
    ck_assert_int_eq(event_unpack(&got, buffer_slice(&packed.header), buffer_slice(&packed.body)),
                     0);
    check_same(&event, &got);
    ck_assert(!got.redacted);
    ck_assert_uint_eq(event_supersedes(&got, seen), 0);

    /* Empty is not absent. */
    event.reason = slice_text("");
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
    ck_assert_int_eq(event_unpack(&got, buffer_slice(&packed.header), buffer_slice(&packed.body)),
                     0);
    ck_assert(got.reason.data && got.reason.len == 0);
    packed_free(&packed);
}
END_TEST

START_TEST(an_erased_body_is_absent)
{
    struct packed packed = {{0}, {0}, {0}};
    struct event event, got;
    fill(&event, &packed.supersedes);
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
    ck_assert_int_eq(event_unpack(&got, buffer_slice(&packed.header), (struct slice){NULL, 0}), 0);
    ck_assert(got.redacted);
    ck_assert_uint_eq(got.kind, EVENT_IMPORT);
    ck_assert_ptr_null(got.visit.data);
    ck_assert(got.fee == EVENT_NONE && isnan(got.confidence));
    ck_assert_int_eq(event_pack(&got, &packed.header, &packed.body), -1);
    packed_free(&packed);
}
END_TEST

/* Each field at its limit and one past it; the buffers are empty after a refusal. */
START_TEST(fields_have_limits)
{
    struct packed packed = {{0}, {0}, {0}};
    struct event event, got;
    static const struct {
        size_t offset, max;
    } rows[] = {
        {offsetof(struct event, visit), LIMIT_EVENT_ID},
        {offsetof(struct event, closes), LIMIT_EVENT_ID},
        {offsetof(struct event, plate_id), LIMIT_PLATE},
        {offsetof(struct event, plate_view), LIMIT_PLATE},
        {offsetof(struct event, camera_name), LIMIT_TEXT},
        {offsetof(struct event, reason), LIMIT_TEXT},
        {offsetof(struct event, before), LIMIT_JSON_TEXT},
        {offsetof(struct event, json), LIMIT_JSON_TEXT},
    };
    char *text = calloc(1, LIMIT_JSON_TEXT + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', LIMIT_JSON_TEXT + 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        event_init(&event, EVENT_VEHICLE_EXIT);
        struct slice value = {text, rows[i].max};
        memcpy((char *)&event + rows[i].offset, &value, sizeof value);
        ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
        ck_assert_int_eq(
            event_unpack(&got, buffer_slice(&packed.header), buffer_slice(&packed.body)), 0);
        value.len++;
        memcpy((char *)&event + rows[i].offset, &value, sizeof value);
        ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), -1);
        ck_assert_uint_eq(packed.header.len + packed.body.len, 0);
    }
    free(text);
    packed_free(&packed);
}
END_TEST

START_TEST(bad_values_are_not_packed)
{
    struct packed packed = {{0}, {0}, {0}};
    struct event event;
    for (int i = 0; i < 9; i++) {
        event_init(&event, EVENT_VEHICLE_EXIT);
        switch (i) {
        case 0:
            event.reason = slice_text("\xff");
            break;
        case 1:
            event.confidence = (double)INFINITY;
            break;
        case 2:
            event.fee = INT64_MAX;
            break;
        case 3:
            event.t_eff = EVENT_NONE;
            break;
        case 4:
            event.kind = 0;
            break;
        case 5:
            event.supersedes = slice_text("\xc0");
            break;
        case 6:
            event.supersedes = slice_text("\x91\x93\xa1-\x01\x01"); /* "-" is no central */
            break;
        case 7:
            event.hlc = UINT64_MAX;
            break;
        default:
            event.supersedes = (struct slice){"\x91\x93\xa1z\x01\x00", 6}; /* seq 0 */
            break;
        }
        ck_assert_msg(event_pack(&event, &packed.header, &packed.body) == -1, "case %d", i);
    }
    packed_free(&packed);
}
END_TEST

START_TEST(supersedes_has_a_limit)
{
    struct packed packed = {{0}, {0}, {0}};
    struct event event, got;
    struct position many[LIMIT_SUPERSEDES + 1];
    struct position back[LIMIT_SUPERSEDES];
    for (size_t i = 0; i <= LIMIT_SUPERSEDES; i++) {
        many[i] = (struct position){.stream = {.epoch = UINT64_MAX - i}, .seq = i + 1};
        (void)snprintf(many[i].stream.node.text, sizeof many[i].stream.node.text, "%063zu", i);
    }
    event_init(&event, EVENT_HISTORY_UPDATE);
    ck_assert_int_eq(event_pack_supersedes(many, LIMIT_SUPERSEDES + 1, &packed.supersedes), -1);
    ck_assert_int_eq(event_pack_supersedes(many, LIMIT_SUPERSEDES, &packed.supersedes), 0);
    event.supersedes = buffer_slice(&packed.supersedes);
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
    ck_assert_int_eq(event_unpack(&got, buffer_slice(&packed.header), buffer_slice(&packed.body)),
                     0);
    ck_assert_uint_eq(event_supersedes(&got, back), LIMIT_SUPERSEDES);
    for (size_t i = 0; i < LIMIT_SUPERSEDES; i++) {
        ck_assert_int_eq(position_compare(&many[i], &back[i]), 0);
    }
    /* One more, packed by somebody else. */
    packed.supersedes.data[2] = LIMIT_SUPERSEDES + 1;
    msgpack_packer packer;
    wire_packer(&packer, &packed.supersedes);
    ck_assert_int_eq(buffer_append(&packed.supersedes, "\x93\xa1z\x01\x01", 5), 0);
    event.supersedes = buffer_slice(&packed.supersedes);
    ck_assert(wire_check(event.supersedes));
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), -1);
    packed_free(&packed);
}
END_TEST

#define HEADER "\x95\x01\x03\x05\x07\x01"
START_TEST(foreign_headers)
{
    static const struct {
        struct slice header;
        int result;
    } rows[] = {
        {SUITE_LITERAL(HEADER), 0},
        {SUITE_LITERAL("\x96\x02\x63\x05\xf0\x01\xa1x"), 0}, /* newer: kind 99, one element more */
        {SUITE_LITERAL("\x95\x01\x03\x05\xd3\xe0\0\0\0\0\0\0\0\x01"), 0}, /* t_eff -2^61 */
        {SUITE_LITERAL("\x95\x01\x03\x05\xd3\x80\0\0\0\0\0\0\0\x01"), -1},
        {SUITE_LITERAL("\x95\x00\x03\x05\x07\x01"), -1}, /* version 0 */
        {SUITE_LITERAL("\x95\x01\x00\x05\x07\x01"), -1}, /* kind 0 */
        {SUITE_LITERAL("\x95\x01\xff\x05\x07\x01"), -1},
        {SUITE_LITERAL("\x95\x01\x03\xff\x07\x01"), -1},
        {SUITE_LITERAL("\x95\x01\x03\x05\xc0\x01"), -1},
        {SUITE_LITERAL("\x95\x01\x03\x05\x07\xc2"), -1},
        {SUITE_LITERAL("\x95\x01\xcf\x00\x00\x00\x01\x00\x00\x00\x00\x05\x07\x01"),
         -1}, /* kind 2^32 */
        {SUITE_LITERAL("\x94\x01\x03\x05\x07"), -1},
        {SUITE_LITERAL("\x80"), -1},
        {SUITE_LITERAL(""), -1},
        {SUITE_LITERAL(HEADER "\xc0"), -1},
    };
    struct event event;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(event_unpack_header(&event, rows[i].header) == rows[i].result, "row %zu", i);
    }
    ck_assert_int_eq(event_unpack_header(&event, (struct slice){NULL, 0}), -1);

    char large[LIMIT_HEADER_BYTES + 1] = "\x96\x01\x03\x05\x07\x01\xc5";
    for (size_t len = LIMIT_HEADER_BYTES; len <= LIMIT_HEADER_BYTES + 1; len++) {
        large[7] = (char)((len - 9) >> 8);
        large[8] = (char)(len - 9);
        ck_assert_int_eq(event_unpack_header(&event, (struct slice){large, len}),
                         len > LIMIT_HEADER_BYTES ? -1 : 0);
    }
}
END_TEST

START_TEST(foreign_bodies)
{
    static const struct {
        struct slice body;
        int result;
    } rows[] = {
        {SUITE_LITERAL("\x80"), 0},
        {SUITE_LITERAL("\x81\x01\xa1v"), 0},
        {SUITE_LITERAL("\x81\x3e\xc0"), 0},                      /* unknown key 62 */
        {SUITE_LITERAL("\x82\xcd\x01\x00\x91\x01\xa1k\xc0"), 0}, /* unknown keys 256 and "k" */
        {SUITE_LITERAL("\x82\xff\xc0\x3e\x07"), 0},              /* unknown keys -1 and 62 */
        {SUITE_LITERAL("\x82\x3e\xc0\x3e\xc0"), 0},              /* unknown, twice */
        {SUITE_LITERAL("\x81\x09\x01"), 0}, /* a whole number is a float, too */
        {SUITE_LITERAL("\x81\x17\xc2"), 0},
        {SUITE_LITERAL("\x81\x10\x90"), 0},
        {SUITE_LITERAL("\x81\x10\x91\x94\xa1z\x01\x01\xc0"), 0}, /* a longer position */
        {SUITE_LITERAL("\x81\x3f\xc4\x10"
                       "0123456789abcdef"),
         0},
        {SUITE_LITERAL("\x82\x01\xa1v\x01\xa1w"), -1}, /* known, twice */
        {SUITE_LITERAL("\x82\x10\x90\x10\x90"), -1},
        {SUITE_LITERAL("\x82\x3f\xc4\x10"
                       "0123456789abcdef"
                       "\x3f\xc4\x10"
                       "0123456789abcdef"),
         -1},
        {SUITE_LITERAL("\x81\x3f\xc4\x0f"
                       "0123456789abcde"),
         -1},
        {SUITE_LITERAL("\x81\x01\x01"), -1}, /* wrong types */
        {SUITE_LITERAL("\x81\x01\xc0"), -1},
        {SUITE_LITERAL("\x81\x01\xc4\x01v"), -1},
        {SUITE_LITERAL("\x81\x01\xa1\xff"), -1},
        {SUITE_LITERAL("\x81\x0c\xa1x"), -1},
        {SUITE_LITERAL("\x81\x0c\xcb\0\0\0\0\0\0\0\0"), -1},
        {SUITE_LITERAL("\x81\x0c\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), -1},
        {SUITE_LITERAL("\x81\x0c\xd3\x80\0\0\0\0\0\0\0"), -1},
        {SUITE_LITERAL("\x81\x09\xcb\x7f\xf8\0\0\0\0\0\0"), -1},
        {SUITE_LITERAL("\x81\x17\x01"), -1},
        {SUITE_LITERAL("\x81\x1f\xff"), -1},
        {SUITE_LITERAL("\x81\x10\x91\x93\xa1z\x00\x01"), -1},
        {SUITE_LITERAL("\x81\x10\x91\x92\xa1z\x01"), -1},
        {SUITE_LITERAL("\x81\x10\x80"), -1},
        {SUITE_LITERAL("\x90"), -1},
        {SUITE_LITERAL("\xc0"), -1},
        {SUITE_LITERAL(""), -1},
    };
    struct event event;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(event_unpack(&event, SUITE_BYTES(HEADER), rows[i].body) == rows[i].result,
                      "row %zu", i);
    }
}
END_TEST

START_TEST(kinds_have_names)
{
    char spare[24];
    ck_assert_str_eq(event_kind_name(EVENT_VEHICLE_EXIT, spare), "VEHICLE_EXIT");
    ck_assert_str_eq(event_kind_name(99, spare), "KIND_99");
    ck_assert_str_eq(event_kind_name(UINT32_MAX, spare), "KIND_4294967295");
    ck_assert(event_kind_is_known(EVENT_RETIRE) && !event_kind_is_known(EVENT_RETIRE + 1));
    ck_assert(!event_kind_is_known(0) && !event_kind_is_known(UINT32_MAX));
    for (uint32_t kind = 1; kind <= EVENT_RETIRE; kind++) {
        ck_assert_uint_eq(event_kind_parse(slice_text(event_kind_name(kind, spare))), kind);
    }
    ck_assert_uint_eq(event_kind_parse(slice_text("vehicle_exit")), 0);
    ck_assert_uint_eq(event_kind_parse((struct slice){NULL, 0}), 0);
}
END_TEST

static void read_as_body(struct slice bytes)
{
    struct event event;
    struct position seen[LIMIT_SUPERSEDES];
    if (event_unpack(&event, SUITE_BYTES(HEADER), bytes) == 0) {
        ck_assert_uint_le(event_supersedes(&event, seen), LIMIT_SUPERSEDES);
        ck_assert(!event.visit.data || event.visit.len <= LIMIT_EVENT_ID);
        ck_assert(isnan(event.confidence) || isfinite(event.confidence));
    }
}

static void read_as_header(struct slice bytes)
{
    struct event event;
    if (event_unpack(&event, bytes, SUITE_BYTES("\x80")) == 0) {
        ck_assert_uint_ne(event.kind, 0);
    }
}

START_TEST(hostile_bytes_are_survived)
{
    struct packed packed = {{0}, {0}, {0}};
    struct event event;
    fill(&event, &packed.supersedes);
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
    suite_hostile(buffer_slice(&packed.header), 5000, read_as_header);
    suite_hostile(buffer_slice(&packed.body), 20000, read_as_body);
    for (size_t len = 1; len < packed.body.len; len++) {
        ck_assert_int_eq(event_unpack(&event, buffer_slice(&packed.header),
                                      (struct slice){packed.body.data, len}),
                         -1);
    }
    packed_free(&packed);
}
END_TEST

START_TEST(a_moved_event_says_where_it_was)
{
    struct packed packed = {0};
    struct buffer moved = {0}, again = {0};
    struct event event, got;
    struct position before = {{{"central-9"}, UINT64_MAX}, 7}, read;

    fill(&event, &packed.supersedes);
    event.source_central = (struct slice){NULL, 0};
    ck_assert_int_eq(event_pack(&event, &packed.header, &packed.body), 0);
    event_move(buffer_slice(&packed.body), &before, &moved);
    ck_assert_int_eq(event_unpack(&got, buffer_slice(&packed.header), buffer_slice(&moved)), 0);
    ck_assert(slice_equal(got.source_central, slice_text("central-9")));
    ck_assert(event_moved_from(&got, &read));
    ck_assert_int_eq(position_compare(&before, &read), 0);
    ck_assert(slice_equal(got.visit, event.visit));
    ck_assert_int_eq(memcmp(moved.data + 3, packed.body.data + 3, packed.body.len - 3), 0);
    /* Once is enough: the first place is the one that others may have named. */
    before.seq = 8;
    event_move(buffer_slice(&moved), &before, &again);
    ck_assert(slice_equal(buffer_slice(&moved), buffer_slice(&again)));
    /* What is no map is left alone. */
    event_move(slice_text("\x01"), &before, &again);
    ck_assert(slice_equal(slice_text("\x01"), buffer_slice(&again)));
    buffer_free(&moved);
    buffer_free(&again);
    packed_free(&packed);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {a_moved_event_says_where_it_was,
                            every_field_comes_back,
                            absent_fields_stay_absent,
                            an_erased_body_is_absent,
                            fields_have_limits,
                            bad_values_are_not_packed,
                            supersedes_has_a_limit,
                            foreign_headers,
                            foreign_bodies,
                            kinds_have_names,
                            hostile_bytes_are_survived};
    return suite_run("event", tests, sizeof tests / sizeof *tests);
}
