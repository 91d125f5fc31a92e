#include "api/json.h"

#include "proto/limits.h"
#include "tests/support_main.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
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
    ck_assert_int_eq(code_of("[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]", 52),
                     PROBLEM_OK); /* seventeen, side by side */
    ck_assert_int_eq(code_of("[[[[[[[[{\"a\":[[[[[[[[]]]]]]]]}]]]]]]]]", 38),
                     PROBLEM_JSON_INVALID); /* seventeen of two kinds */
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
    json_set_text(&writer, "d", "x");
    json_set_text(&writer, "e", "");
    json_set_text(&writer, "f", NULL);
    json_put_close(&writer, '}');
    (void)buffer_append(&out, "", 1);
    ck_assert_str_eq(out.data, "{\"a\":\"x\\\"\\\\\\n\\u0001\\u0000y\",\"b\":[-9223372036854775808,"
                               "9223372036854775807,0,-10,0.1,"
                               "0.33333333333333331,null,25000,true,null,"
                               "\"18446744073709551615\",null],\"c\":{},"
                               "\"d\":\"x\",\"e\":null,\"f\":null}");
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

    tcase_add_test(tests, test_reading_is_strict);
    tcase_add_test(tests, test_depth_is_bounded);
    tcase_add_test(tests, test_error_names_line_and_column);
    tcase_add_test(tests, test_writing);
    tcase_add_test(tests, test_written_text_is_always_json);
    tcase_add_test(tests, test_camera_ids);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
