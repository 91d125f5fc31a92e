#include "api/json.h"
#include "api/json_scan.h"

#include "proto/limits.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum problem_code code_of(const char *text, size_t len)
{
    struct problem problem = {.code = PROBLEM_OK};
    json_t *value = json_read((struct slice){text, len}, &problem);

    json_decref(value);
    return problem.code;
}

START_TEST(test_reading_is_strict)
{
    static const char *const bad[] = {"",         "{",           "{\"a\":1,\"a\":2}",
                                      "[1,]",     "01",          "NaN",
                                      "1e999",    "{'a':1}",     "\"\x01\"",
                                      "\"\xff\"", "\"\\ud800\"", "\"\\u0000\"",
                                      "1 2",      "{\"a\":1}x",  "18446744073709551616"};
    static const char *const good[] = {"{}", "[]", "1", "null",
                                       " {\"a\":[1,2,{\"b\":\"\\u00e9\"}]} "};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(code_of(bad[i], strlen(bad[i])) == PROBLEM_JSON_INVALID, "%s", bad[i]);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(code_of(good[i], strlen(good[i])) == PROBLEM_OK, "%s", good[i]);
    }
    ck_assert_int_eq(code_of("{}\0", 3), PROBLEM_JSON_INVALID);
    ck_assert_int_eq(code_of(NULL, 0), PROBLEM_JSON_INVALID);
}
END_TEST

/* What jansson's own reader makes of a text; NULL when it refuses it. */
static json_t *plain_read(struct slice text)
{
    return json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}

/* Whatever the quick reader accepts, jansson's accepts, and the values are equal. */
static void compare_readers(struct slice text)
{
    json_t *quick = json_scan(text), *plain;

    if (quick == NULL) {
        return;
    }
    plain = plain_read(text);
    ck_assert_msg(plain != NULL, "accepted, but refused: %.*s", (int)text.len, text.data);
    ck_assert_msg(json_equal(quick, plain), "read otherwise: %.*s", (int)text.len, text.data);
    json_decref(quick);
    json_decref(plain);
}

static const char *const DOCUMENTS[] = {
    "{\"type\": \"ENTRY\", \"event_id\": \"c_1\", \"timestamp\": 1730541234.25, \"data\":"
    " {\"plate_text\": \"29A-12345\", \"confidence\": 0.93, \"source\": null, \"good\": true}}",
    "{\"name\": \"C\\u1ed5ng v\\u00e0o\", \"car\": \"\\ud83d\\ude97\", \"raw\": "
    "\"C\xe1\xbb\x95ng\"}",
    "[0, -0, 1, -1, 999999999999999999, -999999999999999999, 1.5, -0.0, 1e3, 2E-2, 1.25e+10]",
    "\t[\n {} , [ ] ,\r\n\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", false, \"\", \"\x7f\" ] ",
    "{\"\": {\"\": [[[[{\"a\": [null]}]]]]}}",
};

/* These are not left to jansson. */
START_TEST(test_usual_documents_are_read_quickly)
{
    json_t *value = json_scan(slice_text(DOCUMENTS[_i]));

    ck_assert_ptr_nonnull(value);
    json_decref(value);
    compare_readers(slice_text(DOCUMENTS[_i]));
}
END_TEST

/* Bytes changed, left out, doubled and cut: never more than jansson's reader takes. */
START_TEST(test_quick_reading_accepts_no_more)
{
    static const char bytes[] = "{}[]\",:\\/0123456789eE+-.utrfn \t\x01\x7f\xc3\xa0\xed\xff";
    struct slice text = slice_text(DOCUMENTS[_i]);
    uint32_t state = (uint32_t)_i + 1;

    for (int round = 0; round < 40000; round++) {
        char changed[512];
        size_t len = text.len;
        memcpy(changed, text.data, len);
        for (uint32_t times = 1 + state % 3; times > 0; times--) {
            state = state * 1664525 + 1013904223;
            size_t at = (state >> 8) % len;
            state = state * 1664525 + 1013904223;
            char with = bytes[(state >> 8) % sizeof bytes]; /* the NUL too */
            switch (state >> 30) {
            case 0:
                memmove(changed + at, changed + at + 1, --len - at);
                break;
            case 1:
                memmove(changed + at + 1, changed + at, len++ - at);
                break;
            default:
                changed[at] = with;
                break;
            }
        }
        compare_readers((struct slice){changed, len});
        compare_readers((struct slice){changed, (state >> 8) % len});
    }
}
END_TEST

START_TEST(test_what_is_left_to_jansson)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "{\"a\":1,\"a\":2}",
                                        "[1,]",
                                        "01",
                                        "-",
                                        "1e999",
                                        "\"\x01\"",
                                        "\"\\",
                                        "\"\xff\"",
                                        "[1 2]",
                                        "1.",
                                        "\"\\u00",
                                        "\"\\u0000\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "tru",
                                        "nulll",
                                        "[",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{1:2}",
                                        "[1}",
                                        "1e",
                                        "{\"a\":1,}",
                                        "\"\\ud800\\u0041\"",
                                        "9999999999999999999",
                                        "+1",
                                        ".5",
                                        "\"\\x\""};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(json_scan(slice_text(texts[i])) == NULL, "%s", texts[i]);
    }
    ck_assert_ptr_null(json_scan((struct slice){NULL, 0}));
    ck_assert_ptr_null(json_scan((struct slice){"[1]\0", 4}));
}
END_TEST

START_TEST(test_depth_is_bounded)
{
    char text[100001];
    int depths[] = {LIMIT_DEPTH, LIMIT_DEPTH + 1, 50000};

    for (size_t i = 0; i < 3; i++) {
        size_t n = (size_t)depths[i];
        memset(text, '[', n);
        memset(text + n, ']', n);
        ck_assert_int_eq(code_of(text, 2 * n),
                         n <= LIMIT_DEPTH ? PROBLEM_OK : PROBLEM_JSON_INVALID);
    }
    ck_assert_int_eq(code_of("\"[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[\"", 31), PROBLEM_OK);
}
END_TEST

START_TEST(test_error_names_line_and_column)
{
    struct problem problem;

    ck_assert_ptr_null(json_read(slice_text("{\n  \"a\": tru\n}"), &problem));
    ck_assert_ptr_nonnull(strstr(problem.text, "line 2 column"));
    ck_assert_ptr_null(json_read((struct slice){"{\n \0}", 5}, &problem));
    ck_assert_ptr_nonnull(strstr(problem.text, "line 2 column 2"));
    ck_assert_ptr_null(json_read_object(slice_text("[1]"), &problem));
    ck_assert_int_eq(problem.code, PROBLEM_FIELD_INVALID);
}
END_TEST

START_TEST(test_writing)
{
    struct buffer out = {0};
    struct json_writer writer = json_writer(&out);

    json_put_open(&writer, '{');
    json_put_key(&writer, "a");
    json_put_text(&writer, (struct slice){"x\"\\\n\x01\x00y", 7});
    json_put_key(&writer, "b");
    json_put_open(&writer, '[');
    json_put_int(&writer, INT64_MIN);
    json_put_int(&writer, INT64_MAX);
    json_put_int(&writer, 0);
    json_put_int(&writer, -10);
    json_put_number(&writer, 0.1);
    json_put_number(&writer, 1.0 / 3);
    json_put_number(&writer, NAN);
    json_put_number(&writer, 25000);
    json_put_bool(&writer, true);
    json_put_nothing(&writer);
    json_put_u64(&writer, UINT64_MAX);
    json_put_string(&writer, NULL);
    json_put_close(&writer, ']');
    json_put_key(&writer, "c");
    json_put_open(&writer, '{');
    json_put_close(&writer, '}');
    json_put_close(&writer, '}');
    (void)buffer_append(&out, "", 1);
    ck_assert_str_eq(out.data, "{\"a\":\"x\\\"\\\\\\n\\u0001\\u0000y\",\"b\":[-9223372036854775808,"
                               "9223372036854775807,0,-10,0.1,"
                               "0.33333333333333331,null,25000,true,null,"
                               "\"18446744073709551615\",null],\"c\":{}}");
    buffer_free(&out);
}
END_TEST

/* Whatever the bytes, what is written is JSON that reads back. */
START_TEST(test_written_text_is_always_json)
{
    uint32_t state = 1;

    for (int round = 0; round < 20000; round++) {
        struct buffer out = {0};
        struct json_writer writer = json_writer(&out);
        unsigned char bytes[12];
        size_t len;
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 1664525 + 1013904223;
            bytes[i] = (unsigned char)(state >> 24);
            if (i % 3 == 0) {
                bytes[i] |= 0xc0;
            }
        }
        state = state * 1664525 + 1013904223;
        len = (state >> 24) % (sizeof bytes + 1);
        for (size_t i = 0; i < len; i++) {
            if (bytes[i] == 0) {
                bytes[i] = 'x';
            }
        }
        json_put_text(&writer, (struct slice){(const char *)bytes, len});
        ck_assert_int_eq(code_of(out.data, out.len), PROBLEM_OK);
        buffer_free(&out);
    }
}
END_TEST

START_TEST(test_camera_ids)
{
    static const struct {
        const char *id, *json;
    } rows[] = {{"3", "3"},         {"0", "0"},
                {"007", "\"007\""}, {"cam-x", "\"cam-x\""},
                {"", "\"\""},       {"-1", "\"-1\""},
                {NULL, "null"},     {"1234567890123456", "\"1234567890123456\""}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer out = {0};
        struct json_writer writer = json_writer(&out);
        json_put_id(&writer, slice_text(rows[i].id));
        ck_assert(slice_equal(buffer_slice(&out), slice_text(rows[i].json)));
        buffer_free(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("json");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, test_reading_is_strict);
    tcase_add_loop_test(tests, test_usual_documents_are_read_quickly, 0,
                        (int)(sizeof DOCUMENTS / sizeof DOCUMENTS[0]));
    tcase_add_loop_test(tests, test_quick_reading_accepts_no_more, 0,
                        (int)(sizeof DOCUMENTS / sizeof DOCUMENTS[0]));
    tcase_add_test(tests, test_what_is_left_to_jansson);
    tcase_add_test(tests, test_depth_is_bounded);
    tcase_add_test(tests, test_error_names_line_and_column);
    tcase_add_test(tests, test_writing);
    tcase_add_test(tests, test_written_text_is_always_json);
    tcase_add_test(tests, test_camera_ids);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
