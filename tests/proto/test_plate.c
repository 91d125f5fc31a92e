#include "proto/plate.h"

#include "tests/proto/support_suite.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

START_TEST(cleans_up)
{
    static const struct {
        const char *text, *view, *id; /* view NULL: refused */
    } rows[] = {
        {" 51g-123.45 ", "51G-123.45", "51G12345"},
        {"ĐÀ30-123456", "ĐÀ30-123456", "30123456"},
        {"đà30-123456", "ĐÀ30-123456", "30123456"},
        {"\t29a1 234.56\r\n", "29A1 234.56", "29A123456"},
        {"\xC2\xA0"
         "30E-99999\xE3\x80\x80",
         "30E-99999", "30E99999"},
        {"ưỡơ-123456", "ƯỠƠ-123456", "123456"},
        {"80-nn-123-45", "80-NN-123-45", "80NN12345"},
        {"ABCDEF", "ABCDEF", "ABCDEF"},
        {"12345", NULL, NULL}, /* five left */
        {"-----", NULL, NULL},
        {"", NULL, NULL},
        {"   ", NULL, NULL},
        {"đđđđđđ", NULL, NULL},
        {"51G\n12345", NULL, NULL},
        {"51G\x7f"
         "12345",
         NULL, NULL},
        {"51G\xC2\x85"
         "12345",
         NULL, NULL},
        {"51G12345\xff", NULL, NULL},
        {"51G1234\xC4", NULL, NULL},
        {"\xED\xA0\x80"
         "123456",
         NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plate plate;
        int result = plate_parse(slice_text(rows[i].text), &plate);
        ck_assert_msg(result == (rows[i].view ? 0 : -1), "row %zu", i);
        if (rows[i].view) {
            ck_assert_str_eq(plate.view, rows[i].view);
            ck_assert_str_eq(plate.id, rows[i].id);
            struct plate again;
            ck_assert_int_eq(plate_parse(slice_text(plate.view), &again), 0);
            ck_assert_str_eq(again.view, plate.view);
        }
    }
    struct plate plate;
    ck_assert_int_eq(plate_parse((struct slice){NULL, 0}, &plate), -1);
    ck_assert_int_eq(plate_parse((struct slice){"123\0"
                                                "456",
                                                7},
                                 &plate),
                     -1);
}
END_TEST

START_TEST(has_a_length)
{
    char text[LIMIT_PLATE + 3];
    struct plate plate;
    memset(text, 'a', sizeof text);
    ck_assert_int_eq(plate_parse((struct slice){text, LIMIT_PLATE}, &plate), 0);
    ck_assert_uint_eq(strlen(plate.id), LIMIT_PLATE);
    ck_assert_int_eq(plate_parse((struct slice){text, LIMIT_PLATE + 1}, &plate), -1);
    text[0] = text[LIMIT_PLATE + 1] = ' ';
    ck_assert_int_eq(plate_parse((struct slice){text, LIMIT_PLATE + 2}, &plate), 0);
}
END_TEST

/* The C library's table, of a Unicode locale, is the reference for the blocks we know. */
START_TEST(upper_case_is_that_of_unicode)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        return; /* nothing to compare with */
    }
    for (wchar_t c = 0xA0; c <= 0x1EFF; c = c == 0x17F ? 0x1E00 : c + 1) {
        wchar_t wide[] = {c, L'1', L'2', L'3', L'4', L'5', L'6', 0};
        wchar_t expected_wide[] = {
            (wchar_t)towupper((wint_t)c), L'1', L'2', L'3', L'4', L'5', L'6', 0};
        char text[32], expected[32];
        struct plate plate;
        ck_assert(wcstombs(text, wide, sizeof text) < sizeof text);
        ck_assert(wcstombs(expected, expected_wide, sizeof expected) < sizeof expected);
        ck_assert_int_eq(plate_parse(slice_text(text), &plate), 0);
        if (c != 0xA0) {
            ck_assert_msg(strcmp(plate.view, expected) == 0, "U+%04X", (unsigned)c);
        }
    }
}
END_TEST

START_TEST(reduces_search_terms)
{
    char out[8];
    ck_assert_uint_eq(plate_reduce(slice_text(" 51g-1.2đ"), out, sizeof out), 5);
    ck_assert_str_eq(out, "51G12");
    ck_assert_uint_eq(plate_reduce(slice_text("abcdefghij"), out, sizeof out), 7);
    ck_assert_str_eq(out, "ABCDEFG");
    ck_assert_uint_eq(plate_reduce(slice_text("\xff\x80-"), out, sizeof out), 0);
    ck_assert_uint_eq(plate_reduce((struct slice){NULL, 0}, out, sizeof out), 0);
    ck_assert_str_eq(out, "");
    ck_assert_uint_eq(plate_reduce(slice_text("a"), out, 0), 0);
}
END_TEST

static void read_hostile(struct slice bytes)
{
    struct plate plate;
    if (plate_parse(bytes, &plate) == 0) {
        ck_assert_uint_ge(strlen(plate.id), LIMIT_PLATE_MIN);
        ck_assert_uint_le(strlen(plate.view), LIMIT_PLATE);
    }
}

START_TEST(hostile_bytes_are_survived)
{
    suite_hostile(slice_text(" đÀ30-ưỡ\xF0\x9F\x9A\x97-123456 "), 50000, read_hostile);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {cleans_up, has_a_length, upper_case_is_that_of_unicode,
                            reduces_search_terms, hostile_bytes_are_survived};
    return suite_run("plate", tests, sizeof tests / sizeof *tests);
}
