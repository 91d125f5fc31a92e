#include "proto/wire.h"

#include "proto/limits.h"
#include "tests/proto/support_suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(accepts_one_whole_document)
{
    static const struct {
        struct slice bytes;
        bool good;
    } rows[] = {
        {SUITE_LITERAL("\x00"), true},
        {SUITE_LITERAL("\xc0"), true},
        {SUITE_LITERAL("\x90"), true},
        {SUITE_LITERAL("\x80"), true},
        {SUITE_LITERAL("\xff"), true},
        {SUITE_LITERAL("\xa1x"), true},
        {SUITE_LITERAL("\xc4\x01\xff"), true},
        {SUITE_LITERAL("\xcb\0\0\0\0\0\0\0\0"), true},
        {SUITE_LITERAL("\xcf\0\0\0\0\0\0\0\0"), true},
        {SUITE_LITERAL("\x92\x01\x91\x02"), true},
        {SUITE_LITERAL("\x81\xa1k\x93\x01\x02\x03"), true},
        {SUITE_LITERAL("\xdc\x00\x01\xc0"), true},
        {SUITE_LITERAL("\xdf\0\0\0\0"), true},
        {SUITE_LITERAL(""), false},
        {SUITE_LITERAL("\x00\x00"), false},             /* something behind it */
        {SUITE_LITERAL("\xc1"), false},                 /* never used */
        {SUITE_LITERAL("\xa2x"), false},                /* string too short */
        {SUITE_LITERAL("\xc4"), false},                 /* length missing */
        {SUITE_LITERAL("\xdb\xff\xff\xff\xff"), false}, /* announces 4 GiB */
        {SUITE_LITERAL("\xdd\x10\x00\x00\x00"), false}, /* announces 268 million objects */
        {SUITE_LITERAL("\xdf\xff\xff\xff\xff"), false},
        {SUITE_LITERAL("\x92\x01"), false},
        {SUITE_LITERAL("\x81\x01"), false},
        {SUITE_LITERAL("\xcb\0\0\0"), false},
        {SUITE_LITERAL("\xd4\x01\x00"), false}, /* ext */
        {SUITE_LITERAL("\xc7\x00\x01"), false},
        {SUITE_LITERAL("\xd8\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire wire;
        ck_assert_msg(wire_check(rows[i].bytes) == rows[i].good, "row %zu", i);
        ck_assert_msg((wire_open(&wire, rows[i].bytes) == 0) == rows[i].good, "row %zu", i);
        if (rows[i].good) {
            wire_close(&wire);
        }
    }
    ck_assert(!wire_check((struct slice){NULL, 0}));
}
END_TEST

START_TEST(nesting_has_a_limit)
{
    char nested[LIMIT_DEPTH + 2];
    memset(nested, '\x91', sizeof nested);
    nested[LIMIT_DEPTH] = '\xc0';
    ck_assert(wire_check((struct slice){nested, LIMIT_DEPTH + 1}));
    nested[LIMIT_DEPTH] = '\x90';
    ck_assert(!wire_check((struct slice){nested, LIMIT_DEPTH + 1}));
    nested[LIMIT_DEPTH] = '\x91';
    nested[LIMIT_DEPTH + 1] = '\xc0';
    ck_assert(!wire_check((struct slice){nested, LIMIT_DEPTH + 2}));
}
END_TEST

START_TEST(objects_have_a_limit)
{
    struct buffer buffer = {0};
    ck_assert_int_eq(buffer_append(&buffer, "\xdd\x00\x00\xff\xff", 5), 0);
    for (int i = 0; i < 65535; i++) {
        ck_assert_int_eq(buffer_append(&buffer, "\xc0", 1), 0);
    }
    ck_assert(wire_check(buffer_slice(&buffer))); /* LIMIT_ITEMS with the array itself */
    memcpy(buffer.data, "\xdd\x00\x01\x00\x00", 5);
    ck_assert_int_eq(buffer_append(&buffer, "\xc0", 1), 0);
    ck_assert(!wire_check(buffer_slice(&buffer)));
    buffer_free(&buffer);
}
END_TEST

/* What the walk accepts, the library must accept with the same length, and nothing must read
 * outside. */
static void check_object(const msgpack_object *told, const msgpack_object *object)
{
    ck_assert_int_eq(told->type, object->type);
    if (told->type != MSGPACK_OBJECT_ARRAY && told->type != MSGPACK_OBJECT_MAP &&
        !((told->type == MSGPACK_OBJECT_FLOAT32 || told->type == MSGPACK_OBJECT_FLOAT64) &&
          isnan(told->via.f64))) {
        ck_assert(msgpack_object_equal(*told, *object));
    }
}

static void check_walk(const msgpack_object *container, struct slice bytes)
{
    struct wire_walk walk;
    msgpack_object told;

    ck_assert_int_eq(wire_walk_open(&walk, bytes, container->type), 0);
    for (size_t i = 0; i < wire_count(container); i++) {
        ck_assert(wire_walk_next(&walk, &told, NULL));
        check_object(&told, wire_at(container, i));
    }
    for (size_t i = 0; i < wire_map_count(container); i++) {
        ck_assert(wire_walk_next(&walk, &told, NULL));
        check_object(&told, &wire_map_at(container, i)->key);
        ck_assert(wire_walk_next(&walk, &told, NULL));
        check_object(&told, &wire_map_at(container, i)->val);
    }
    ck_assert(!wire_walk_next(&walk, &told, NULL));
}

/* Both ways of reading are one. */
static void check_agrees(struct slice bytes)
{
    struct wire wire;
    if (wire_check(bytes)) {
        ck_assert_int_eq(wire_open(&wire, bytes), 0);
        if (wire.root.type == MSGPACK_OBJECT_ARRAY || wire.root.type == MSGPACK_OBJECT_MAP) {
            check_walk(&wire.root, bytes);
        }
        wire_close(&wire);
    }
}

START_TEST(texts_have_the_shortest_head)
{
    static const size_t lengths[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 70000};
    static char text[70000];
    struct buffer ours = {0}, theirs = {0};
    msgpack_packer packer;

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        buffer_clear(&ours);
        buffer_clear(&theirs);
        wire_packer(&packer, &ours);
        wire_put_slice_str(&packer, (struct slice){text, lengths[i]});
        wire_packer(&packer, &theirs);
        msgpack_pack_str_with_body(&packer, text, lengths[i]);
        ck_assert(slice_equal(buffer_slice(&ours), buffer_slice(&theirs)));
    }
    buffer_free(&ours);
    buffer_init(&ours, 5);
    wire_packer(&packer, &ours);
    wire_put_slice_str(&packer, (struct slice){text, 5});
    ck_assert(ours.full && ours.len == 0);
    buffer_clear(&ours);
    wire_put_slice_str(&packer, (struct slice){text, 4});
    ck_assert(!ours.full && ours.len == 5);
    buffer_free(&ours);
    buffer_free(&theirs);
}
END_TEST

START_TEST(hostile_bytes_are_refused)
{
    struct buffer buffer = {0};
    msgpack_packer packer;
    wire_packer(&packer, &buffer);
    msgpack_pack_array(&packer, 14);
    msgpack_pack_float(&packer, 1.25F);
    msgpack_pack_int(&packer, -1);
    msgpack_pack_int(&packer, -128);
    msgpack_pack_int(&packer, -30000);
    msgpack_pack_int64(&packer, INT64_MIN);
    msgpack_pack_int(&packer, 200);
    msgpack_pack_false(&packer);
    wire_put_text(&packer, "text");
    wire_put_slice_bin(&packer, SUITE_BYTES("\0\1\2"));
    msgpack_pack_map(&packer, 2);
    msgpack_pack_int(&packer, 1);
    msgpack_pack_array(&packer, 0);
    msgpack_pack_int(&packer, -100000);
    msgpack_pack_double(&packer, 1.5);
    msgpack_pack_true(&packer);
    msgpack_pack_nil(&packer);
    msgpack_pack_uint64(&packer, UINT64_MAX);
    msgpack_pack_str_with_body(&packer, "0123456789012345678901234567890123456789", 40);
    ck_assert(wire_check(buffer_slice(&buffer)));
    for (size_t len = 0; len < buffer.len; len++) {
        ck_assert(!wire_check((struct slice){buffer.data, len}));
    }
    suite_hostile(buffer_slice(&buffer), 20000, check_agrees);
    buffer_free(&buffer);
}
END_TEST

static const msgpack_object *open_one(struct wire *wire, struct slice bytes)
{
    ck_assert_int_eq(wire_open(wire, bytes), 0);
    return &wire->root;
}

START_TEST(numbers_have_ranges)
{
    struct wire wire;
    uint64_t u = 0;
    int64_t i = 0;
    double d = 0;

    const msgpack_object *object =
        open_one(&wire, SUITE_BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"));
    ck_assert(wire_get_u64(object, 0, UINT64_MAX, &u) && u == UINT64_MAX);
    ck_assert(!wire_get_u64(object, 0, 5, &u));
    ck_assert(!wire_get_i64(object, INT64_MIN, INT64_MAX, &i));
    ck_assert(wire_get_double(object, &d) && d > 1e19);
    wire_close(&wire);

    object = open_one(&wire, SUITE_BYTES("\xd3\x80\0\0\0\0\0\0\0"));
    ck_assert(wire_get_i64(object, INT64_MIN, INT64_MAX, &i) && i == INT64_MIN);
    ck_assert(!wire_get_i64(object, INT64_MIN + 1, INT64_MAX, &i));
    ck_assert(!wire_get_u64(object, 0, UINT64_MAX, &u));
    wire_close(&wire);

    object = open_one(&wire, SUITE_BYTES("\xca\x3f\xc0\0\0")); /* 1.5 as float32 */
    ck_assert(wire_get_double(object, &d) && fabs(d - 1.5) < 1e-9);
    ck_assert(!wire_get_i64(object, INT64_MIN, INT64_MAX, &i));
    wire_close(&wire);

    static const struct slice not_finite[] = {SUITE_LITERAL("\xcb\x7f\xf0\0\0\0\0\0\0"),
                                              SUITE_LITERAL("\xcb\x7f\xf8\0\0\0\0\0\0"),
                                              SUITE_LITERAL("\xca\xff\x80\0\0")};
    for (size_t k = 0; k < 3; k++) {
        object = open_one(&wire, not_finite[k]);
        ck_assert(!wire_get_double(object, &d));
        wire_close(&wire);
    }
}
END_TEST

START_TEST(types_are_not_mixed)
{
    struct wire wire;
    struct slice slice;
    bool truth = false;
    const msgpack_object *object = open_one(&wire, SUITE_BYTES("\x94\xa1x\xc4\x01x\xc3\xc0"));

    ck_assert(wire_get_str(wire_at(object, 0), 1, &slice) && slice.len == 1);
    ck_assert(!wire_get_str(wire_at(object, 0), 0, &slice));
    ck_assert(!wire_get_bin(wire_at(object, 0), 1, &slice));
    ck_assert(wire_get_bin(wire_at(object, 1), 1, &slice));
    ck_assert(!wire_get_bin(wire_at(object, 1), 0, &slice));
    ck_assert(!wire_get_str(wire_at(object, 1), 1, &slice));
    ck_assert(wire_get_bool(wire_at(object, 2), &truth) && truth);
    ck_assert(!wire_get_bool(wire_at(object, 3), &truth));
    ck_assert(wire_is_nil(wire_at(object, 3)));
    ck_assert(wire_is_nil(wire_at(object, 4)));
    ck_assert(!wire_is_nil(wire_at(object, 0)));
    ck_assert_uint_eq(wire_count(wire_at(object, 0)), 0);
    ck_assert_ptr_null(wire_at(wire_at(object, 0), 0));
    ck_assert_ptr_null(wire_at(NULL, 0));
    ck_assert(!wire_get_str(NULL, 1, &slice) && !wire_get_bin(NULL, 1, &slice));
    wire_close(&wire);

    object = open_one(&wire, SUITE_BYTES("\x92\xa0\xc4\x00"));
    ck_assert(wire_get_str(wire_at(object, 0), 0, &slice) && slice.data && slice.len == 0);
    ck_assert(wire_get_bin(wire_at(object, 1), 0, &slice) && slice.data && slice.len == 0);
    wire_close(&wire);
}
END_TEST

START_TEST(knows_utf8)
{
    static const struct {
        struct slice text;
        bool good;
    } rows[] = {
        {SUITE_LITERAL(""), true},
        {SUITE_LITERAL("abc giờ Đ \xF0\x9F\x9A\x97"), true},
        {SUITE_LITERAL("\xC2\x80"), true},
        {SUITE_LITERAL(
             "\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"),
         true},
        {SUITE_LITERAL("a\0b"), false},
        {SUITE_LITERAL("12345678\x7f\x01 giờ 12345678 Đ12345678"), true},
        {SUITE_LITERAL("1234567\0"), false}, /* eight bytes are looked at together */
        {SUITE_LITERAL("\0\x01\x01\x01\x01\x01\x01\x01"), false},
        {SUITE_LITERAL("12345678123\x80"
                       "5678"),
         false},
        {SUITE_LITERAL("12345678123456\xC3\xA9 12345\xC3"), false},
        {SUITE_LITERAL("\x80"), false},
        {SUITE_LITERAL("\xC1\xBF"), false},         /* overlong */
        {SUITE_LITERAL("\xE0\x9F\xBF"), false},     /* overlong */
        {SUITE_LITERAL("\xF0\x8F\xBF\xBF"), false}, /* overlong */
        {SUITE_LITERAL("\xED\xA0\x80"), false},     /* surrogate */
        {SUITE_LITERAL("\xF4\x90\x80\x80"), false}, /* beyond U+10FFFF */
        {SUITE_LITERAL("\xF5\x80\x80\x80"), false},
        {SUITE_LITERAL("\xC3"), false},
        {SUITE_LITERAL("\xE1\x80"), false},
        {SUITE_LITERAL("\xF1\x80\x80"), false},
        {SUITE_LITERAL("\xC3("), false},
        {SUITE_LITERAL("\xFF"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(wire_is_utf8(rows[i].text) == rows[i].good, "row %zu", i);
    }
    for (size_t at = 0; at < 24; at++) { /* wherever it stands in a longer text */
        char text[24];
        memset(text, 'x', sizeof text);
        text[at] = '\0';
        ck_assert(!wire_is_utf8((struct slice){text, sizeof text}));
        text[at] = '\x80';
        ck_assert(!wire_is_utf8((struct slice){text, sizeof text}));
        text[at] = '\x7f';
        ck_assert(wire_is_utf8((struct slice){text, sizeof text}));
    }
}
END_TEST

START_TEST(own_texts_are_repaired)
{
    struct buffer buffer = {0};
    msgpack_packer packer;
    struct wire wire;
    struct slice text;
    wire_packer(&packer, &buffer);
    msgpack_pack_array(&packer, 3);
    wire_put_text(&packer, "bad \xff end");
    wire_put_text(&packer, NULL);
    wire_put_text(&packer, "giờ");
    const msgpack_object *object = open_one(&wire, buffer_slice(&buffer));
    ck_assert(wire_get_str(wire_at(object, 0), 100, &text));
    ck_assert(slice_equal(text, slice_text("bad ? end")));
    ck_assert(wire_is_nil(wire_at(object, 1)));
    ck_assert(wire_get_str(wire_at(object, 2), 100, &text));
    ck_assert(slice_equal(text, slice_text("giờ")));
    wire_close(&wire);
    buffer_free(&buffer);
}
END_TEST

START_TEST(a_walk_passes_over_what_is_nested)
{
    struct slice map = SUITE_BYTES("\x83\x01\x92\x05\x06\xa1k\x80\x02\xc4\x02zz"), packed;
    struct wire_walk walk;
    msgpack_object object;

    ck_assert_int_eq(wire_walk_open(&walk, map, MSGPACK_OBJECT_ARRAY), -1);
    ck_assert_int_eq(wire_walk_open(&walk, map, MSGPACK_OBJECT_MAP), 0);
    ck_assert(wire_walk_next(&walk, &object, NULL));
    ck_assert(wire_walk_next(&walk, &object, &packed));
    ck_assert_int_eq(object.type, MSGPACK_OBJECT_ARRAY);
    ck_assert_uint_eq(wire_count(&object), 0);
    ck_assert(slice_equal(packed, SUITE_BYTES("\x92\x05\x06")));
    ck_assert(wire_walk_next(&walk, &object, &packed));
    ck_assert(slice_equal(packed, SUITE_BYTES("\xa1k")));
    ck_assert(wire_walk_next(&walk, &object, &packed));
    ck_assert_int_eq(object.type, MSGPACK_OBJECT_MAP);
    ck_assert(wire_walk_next(&walk, &object, NULL));
    ck_assert(wire_walk_next(&walk, &object, &packed));
    ck_assert(slice_equal(packed, SUITE_BYTES("\xc4\x02zz")));
    ck_assert(!wire_walk_next(&walk, &object, &packed));
    ck_assert(wire_is_nil(&object));
    ck_assert_int_eq(wire_walk_open(&walk, SUITE_BYTES("\x05"), MSGPACK_OBJECT_ARRAY), -1);
    ck_assert_int_eq(wire_walk_open(&walk, SUITE_BYTES("\xa1k"), MSGPACK_OBJECT_MAP), -1);
    ck_assert_int_eq(wire_walk_open(&walk, SUITE_BYTES("\x92\x01"), MSGPACK_OBJECT_ARRAY), -1);
    ck_assert_int_eq(wire_walk_open(&walk, (struct slice){NULL, 0}, MSGPACK_OBJECT_MAP), -1);
}
END_TEST

START_TEST(maps_are_counted)
{
    struct slice map = SUITE_BYTES("\x83\x01\x92\x05\x06\xa1k\x80\x02\xc4\x02zz");
    struct wire wire;
    const msgpack_object *object = open_one(&wire, map);
    ck_assert_uint_eq(wire_map_count(object), 3);
    ck_assert_ptr_nonnull(wire_map_at(object, 2));
    ck_assert_ptr_null(wire_map_at(object, 3));
    ck_assert_uint_eq(wire_map_count(NULL), 0);
    wire_close(&wire);
}
END_TEST

START_TEST(a_row_is_judged_at_its_end)
{
    struct wire wire;
    struct head head = {.stream = {{"central-1"}, 9}, .seq = 3, .chain = {{7}}};
    struct buffer buffer = {0};
    msgpack_packer packer;
    wire_packer(&packer, &buffer);
    msgpack_pack_array(&packer, 6);
    msgpack_pack_int(&packer, -4);
    wire_put_text(&packer, "abcdef");
    wire_put_head(&packer, &head);
    msgpack_pack_nil(&packer);
    msgpack_pack_nil(&packer);
    msgpack_pack_true(&packer);

    struct wire_row row = wire_row(open_one(&wire, buffer_slice(&buffer)));
    char text[4];
    ck_assert_int_eq(wire_row_i64(&row, -5, 5), -4);
    wire_row_text(&row, text, sizeof text);
    ck_assert_str_eq(text, "abc");
    struct head got = wire_row_head(&row);
    ck_assert(stream_compare(&got.stream, &head.stream) == 0 && got.seq == 3);
    ck_assert(digest_equal(&got.chain, &head.chain));
    ck_assert(isnan(wire_row_double(&row)));
    ck_assert_ptr_null(wire_row_str(&row, 5).data);
    ck_assert(wire_row_bool(&row));
    ck_assert(!row.bad);

    /* One step too far: bad, and so for ever. */
    ck_assert_uint_eq(wire_row_u64(&row, 0, 5), 0);
    ck_assert(row.bad);
    row.next = 0;
    ck_assert_int_eq(wire_row_i64(&row, -5, 5), 0);
    ck_assert(isnan(wire_row_double(&row)));
    ck_assert(!wire_row_bool(&row));
    ck_assert_uint_eq(wire_row_head(&row).seq, 0);
    ck_assert(row.bad);
    ck_assert(wire_row(wire_at(&wire.root, 0)).bad);
    wire_close(&wire);
    buffer_free(&buffer);
}
END_TEST

START_TEST(a_head_without_events_has_no_chain)
{
    struct head head = {.stream = {{"a"}, 9}};
    for (int i = 0; i < 2; i++) {
        struct buffer buffer = {0};
        msgpack_packer packer;
        struct wire wire;
        wire_packer(&packer, &buffer);
        msgpack_pack_array(&packer, 1);
        head.chain.bytes[0] = (uint8_t)i;
        wire_put_head(&packer, &head);
        struct wire_row row = wire_row(open_one(&wire, buffer_slice(&buffer)));
        (void)wire_row_head(&row);
        ck_assert_int_eq(row.bad, i == 1);
        wire_close(&wire);
        buffer_free(&buffer);
    }
}
END_TEST

int main(void)
{
    const TTest *tests[] = {accepts_one_whole_document,
                            nesting_has_a_limit,
                            objects_have_a_limit,
                            hostile_bytes_are_refused,
                            numbers_have_ranges,
                            types_are_not_mixed,
                            knows_utf8,
                            own_texts_are_repaired,
                            a_walk_passes_over_what_is_nested,
                            maps_are_counted,
                            texts_have_the_shortest_head,
                            a_row_is_judged_at_its_end,
                            a_head_without_events_has_no_chain};
    return suite_run("wire", tests, sizeof tests / sizeof *tests);
}
