#include "proto/bytes.h"

#include "proto/limits.h"
#include "tests/proto/support_suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(absent_differs_from_empty)
{
    struct slice absent = {NULL, 0};
    struct slice empty = slice_text("");

    ck_assert(slice_equal(absent, absent));
    ck_assert(slice_equal(empty, empty));
    ck_assert(!slice_equal(absent, empty));
    ck_assert_int_lt(slice_compare(absent, empty), 0);
    ck_assert_int_gt(slice_compare(empty, absent), 0);
    ck_assert_ptr_null(slice_text(NULL).data);
}
END_TEST

START_TEST(compares_as_bytes)
{
    static const char *const ascending[] = {"", "A", "AA", "AB", "B", "a", "\x80"};
    for (size_t i = 0; i < sizeof ascending / sizeof *ascending; i++) {
        for (size_t j = 0; j < sizeof ascending / sizeof *ascending; j++) {
            int order = slice_compare(slice_text(ascending[i]), slice_text(ascending[j]));
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}
END_TEST

START_TEST(cuts_between_characters)
{
    /* text, room, what is left of it */
    static const struct {
        const char *text;
        size_t size;
        const char *expected;
        bool whole;
    } rows[] = {
        {"abc", 4, "abc", true},
        {"abc", 3, "ab", false},
        {"abc", 1, "", false},
        {"giờ", 6, "giờ", true},
        {"giờ", 5, "gi", false},
        {"giờ", 4, "gi", false},
        {"giờ", 3, "gi", false},
        {"Đ", 2, "", false},
        {"x\xF0\x9F\x9A\x97", 5, "x", false},
        {"\x80\x80\x80\x80", 4, "\x80\x80\x80", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[16];
        ck_assert(slice_copy(slice_text(rows[i].text), out, rows[i].size) == rows[i].whole);
        ck_assert_str_eq(out, rows[i].expected);
    }
    char none = 'x';
    ck_assert(!slice_copy(slice_text("a"), &none, 0));
    ck_assert_int_eq(none, 'x');
}
END_TEST

START_TEST(joins_what_fits)
{
    const struct slice parts[] = {
        slice_text("Xe "), {NULL, 0}, slice_text("30A"), slice_text(" giờ")};
    /* room, what is left */
    static const struct {
        size_t size;
        const char *expected;
    } rows[] = {{13, "Xe 30A giờ"}, {12, "Xe 30A gi"}, {8, "Xe 30A "}, {5, "Xe 3"}, {1, ""}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[16];
        slice_join(parts, sizeof parts / sizeof *parts, out, rows[i].size);
        ck_assert_str_eq(out, rows[i].expected);
    }
}
END_TEST

START_TEST(memory_is_never_null)
{
    char *memory = bytes_resize(bytes_allocate(0, 0), 4);
    memcpy(memory, "1234", 4);
    memory = bytes_resize(memory, 100000);
    ck_assert(memcmp(memory, "1234", 4) == 0);
    memory = bytes_resize(memory, 0);
    ck_assert_ptr_nonnull(memory);
    free(memory);
    memory = bytes_resize(NULL, 1);
    ck_assert_ptr_nonnull(memory);
    free(memory);
}
END_TEST

START_TEST(buffer_grows_and_keeps)
{
    struct buffer buffer = {0};
    for (int i = 0; i < 10000; i++) {
        ck_assert_int_eq(buffer_printf(&buffer, "%04d", i), 0);
    }
    ck_assert_uint_eq(buffer.len, 40000);
    ck_assert(memcmp(buffer.data + 4 * 9999, "9999", 4) == 0);
    buffer_clear(&buffer);
    ck_assert_uint_eq(buffer_slice(&buffer).len, 0);
    ck_assert_int_eq(buffer_append(&buffer, NULL, 0), 0);
    buffer_free(&buffer);
    ck_assert_ptr_nonnull(buffer_slice(&buffer).data);
}
END_TEST

START_TEST(buffer_stops_at_its_ceiling)
{
    struct buffer buffer;
    buffer_init(&buffer, 10);
    ck_assert_int_eq(buffer_append(&buffer, "12345678", 8), 0);
    ck_assert_int_eq(buffer_append(&buffer, "123", 3), -1);
    ck_assert(buffer.full);
    /* Nothing after a refusal, so that what is there is a start of what was meant. */
    ck_assert_int_eq(buffer_append(&buffer, "1", 1), -1);
    ck_assert_int_eq(buffer_printf(&buffer, "%d", 1), -1);
    ck_assert_uint_eq(buffer.len, 8);
    buffer_clear(&buffer);
    ck_assert_int_eq(buffer_append(&buffer, "1234567890", 10), 0);
    buffer_free(&buffer);
    ck_assert_uint_eq(buffer.limit, 10);
}
END_TEST

START_TEST(buffer_is_extended_in_place)
{
    struct buffer buffer;
    buffer_init(&buffer, 300);
    for (int i = 0; i < 30; i++) {
        char *at = buffer_extend(&buffer, 10);
        ck_assert_ptr_nonnull(at);
        ck_assert_ptr_eq(at, buffer.data + 10 * i);
        memset(at, 'a' + i % 26, 10);
    }
    ck_assert_uint_eq(buffer.len, 300);
    ck_assert_int_eq(buffer.data[299], 'd');
    ck_assert_ptr_null(buffer_extend(&buffer, 1));
    ck_assert(buffer.full);
    ck_assert_uint_eq(buffer.len, 300);
    buffer_clear(&buffer);
    ck_assert_ptr_nonnull(buffer_extend(&buffer, 300));
    buffer_free(&buffer);
}
END_TEST

START_TEST(buffer_has_a_ceiling_by_default)
{
    struct buffer buffer = {0};
    char *block = calloc(1, LIMIT_MESSAGE_BYTES);
    ck_assert_ptr_nonnull(block);
    ck_assert_int_eq(buffer_msgpack_write(&buffer, block, LIMIT_MESSAGE_BYTES), 0);
    ck_assert_int_eq(buffer_msgpack_write(&buffer, block, 1), -1);
    free(block);
    buffer_free(&buffer);
}
END_TEST

/* As printf writes them. */
START_TEST(signed_numbers_as_text)
{
    static const int64_t numbers[] = {0, 7, -1, -10, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[DECIMAL_TEXT], wanted[DECIMAL_TEXT];
        int len = snprintf(wanted, sizeof wanted, "%" PRId64, numbers[i]);
        ck_assert_uint_eq(decimal_signed(numbers[i], text), (size_t)len);
        ck_assert_str_eq(text, wanted);
    }
}
END_TEST

int main(void)
{
    const TTest *tests[] = {absent_differs_from_empty,
                            compares_as_bytes,
                            cuts_between_characters,
                            joins_what_fits,
                            memory_is_never_null,
                            buffer_grows_and_keeps,
                            buffer_stops_at_its_ceiling,
                            buffer_is_extended_in_place,
                            buffer_has_a_ceiling_by_default,
                            signed_numbers_as_text};
    return suite_run("bytes", tests, sizeof tests / sizeof *tests);
}
