/* Whatever the quick reader takes, jansson's reads to the same tree; and it takes what cameras
 * send. */
#include "api/json_tree.h"

#include "proto/limits.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What jansson's own reader makes of a text; NULL when it refuses it. */
static json_t *plain_read(struct slice text)
{
    return json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}

/* Values, kinds of numbers, signs of zero, order of members. */
static bool is_same(const json_t *a, const json_t *b)
{
    size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(17);
    char *text = json_dumps(a, flags), *other = json_dumps(b, flags);
    bool same = text != NULL && other != NULL && strcmp(text, other) == 0 && json_equal(a, b);

    free(text);
    free(other);
    return same;
}

/* True when the quick reader took the text: then jansson's does, and their trees are the same. */
static bool is_taken(struct slice text)
{
    json_t *quick = json_tree_read(text), *plain;

    if (quick == NULL) {
        return false;
    }
    plain = plain_read(text);
    ck_assert_msg(plain != NULL, "taken, but refused: %.*s", (int)text.len, text.data);
    ck_assert_msg(is_same(quick, plain), "read otherwise: %.*s", (int)text.len, text.data);
    json_decref(quick);
    json_decref(plain);
    return true;
}

static const char *const DOCUMENTS[] = {
    "{\"type\":\"edge_event\",\"edge_id\":\"edge-10\",\"camera_id\":10,\"camera_name\":\"North "
    "gate\","
    "\"camera_type\":\"ENTRY\",\"event_id\":\"edge-10_1732345678901_10C000000123\",\"data\":"
    "{\"plate_text\":\"10C000000123\",\"confidence\":0.95,\"source\":\"auto\"}}",
    "{\"type\": \"ENTRY\", \"event_id\": \"c_1\", \"timestamp\": 1730541234.25, \"data\":"
    " {\"plate_text\": \"29A-12345\", \"confidence\": 0.93, \"source\": null, \"good\": true}}",
    "{\"name\": \"C\\u1ed5ng v\\u00e0o\", \"raw\": \"C\xe1\xbb\x95ng \xf0\x9f\x9a\x97\", "
    "\"C\\u1ed5ng\": \"\\u00D0\"}",
    "[0, -0, 1, -1, 999999999999999999, -999999999999999999, 1.5, -0.0, 1e3, 2E-2, 1.25e+10]",
    "\t[\n {} , [ ] ,\r\n\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", false, \"\", \"\x7f\" ] ",
    "{\"\": {\"\": [[[[{\"a\": [null]}]]]]}}",
};

START_TEST(test_usual_documents_are_taken)
{
    ck_assert(is_taken(slice_text(DOCUMENTS[_i])));
}
END_TEST

/* ---- one by one: what yajl takes for more, for less or otherwise ------------------------------
 */

enum reading {
    TAKEN,   /* by the quick reader, and by jansson to the same */
    LEFT,    /* to jansson, which takes it */
    REFUSED, /* by both */
};

static const struct {
    const char *text;
    enum reading reading;
} CASES[] = {
    {"", REFUSED},
    {" ", REFUSED},
    /* scalars; yajl knows of no number that nothing follows */
    {"\"a\"", TAKEN},
    {" null ", TAKEN},
    {"true", TAKEN},
    {"1 ", TAKEN},
    {"1", LEFT},
    {"-1.5", LEFT},
    /* what follows */
    {"{} \r\n\t", TAKEN},
    {"{} x", REFUSED},
    {"{} tru", REFUSED},
    {"{} \"abc", REFUSED},
    {"{}}", REFUSED},
    {"1 2", REFUSED},
    {"[1 2]", REFUSED},
    {"01 ", REFUSED},
    {"[01]", REFUSED},
    {"[]//", REFUSED},
    /* what is missing */
    {"[", REFUSED},
    {"{\"a\":1", REFUSED},
    {"{\"a\"}", REFUSED},
    {"{\"a\":}", REFUSED},
    {"{\"a\":1,}", REFUSED},
    {"[1,]", REFUSED},
    {"[1}", REFUSED},
    {"\"abc", REFUSED},
    {"\"abc\\", REFUSED},
    {"\"\\u00", REFUSED},
    {"tru", REFUSED},
    {"nulll", REFUSED},
    {"{1:2}", REFUSED},
    {"{'a':1}", REFUSED},
    /* names */
    {"{\"a\":1,\"b\":2}", TAKEN},
    {"{\"a\":1,\"a\":2}", REFUSED},
    {"{\"a\":1,\"\\u0061\":2}", REFUSED},
    {"{\"a\":{\"b\":1},\"c\":[],\"a\":[1]}", REFUSED},
    {"{\"a\":{\"a\":{\"a\":1}}}", TAKEN},
    {"{\"\\u00e9\":\"\\u00e8\"}", TAKEN},
    {"{\"a\\u0000\":1}", REFUSED},
    /* numbers */
    {"[9223372036854775807,-9223372036854775808]", TAKEN},
    {"[9223372036854775808]", REFUSED},
    {"[-9223372036854775809]", REFUSED},
    {"[9223372036854775810]", REFUSED},
    {"[9223372036854775879]", REFUSED},
    {"[18446744073709551616]", REFUSED},
    {"[123456789012345678901.0]", TAKEN},
    {"[123456789012345678901e0]", TAKEN},
    {"[-0,0,-0.0,0.0,-0e0]", TAKEN},
    {"[1e5,1E5,1e+5,1e-5,0.1,0.30000000000000004]", TAKEN},
    {"[1e308,1.7976931348623157e308,5e-324,1e-999,0e999]", TAKEN},
    {"[1e309]", REFUSED},
    {"[-1e999]", REFUSED},
    {"[1e99999999999999999999]", REFUSED},
    {"[1.]", REFUSED},
    {"[.5]", REFUSED},
    {"[+1]", REFUSED},
    {"[-]", REFUSED},
    {"[1e]", REFUSED},
    {"[0x10]", REFUSED},
    {"[0x1p3]", REFUSED},
    {"[NaN]", REFUSED},
    {"[-Infinity]", REFUSED},
    {"[1,5]", TAKEN},
    {"00", REFUSED},
    {"[-00]", REFUSED},
    {"[1_000]", REFUSED},
    /* white space, comments, mark of the byte order */
    {" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n", TAKEN},
    {"[1]\v", REFUSED},
    {"\f[1]", REFUSED},
    {"[1,\v2]", REFUSED},
    {"/* a */[1]", REFUSED},
    {"[1] // a", REFUSED},
    {"\xef\xbb\xbf[1]", REFUSED},
    {"[1\xc2\xa0]", REFUSED},
    /* bytes of texts */
    {"\"\x7f\"", TAKEN},
    {"\"\x01\"", REFUSED},
    {"\"\n\"", REFUSED},
    {"\"\t\"", REFUSED},
    {"\"\xff\"", REFUSED},
    {"\"\x80\"", REFUSED},
    {"\"\xc3\"", REFUSED},
    {"\"\xc0\xaf\"", REFUSED},
    {"\"\xc1\xbf\"", REFUSED},
    {"\"\xe0\x80\xaf\"", REFUSED},
    {"\"\xf0\x80\x80\xaf\"", REFUSED},
    {"\"\xed\xa0\x80\"", REFUSED},
    {"\"\xed\xbf\xbf\"", REFUSED},
    {"\"\xed\x9f\xbf\xee\x80\x80\"", TAKEN},
    {"\"\xf4\x8f\xbf\xbf\"", TAKEN},
    {"\"\xf4\x90\x80\x80\"", REFUSED},
    {"\"\xf8\x88\x80\x80\x80\"", REFUSED},
    {"\"\xef\xbf\xbe\xef\xbf\xbf\xef\xb7\x90\"", TAKEN},
    {"{\"\xff\":1}", REFUSED},
    /* escapes */
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", TAKEN},
    {"\"\\u00e9\\u00E9\\u1ED5\\uffff\\uFFFE\\u0001\\u007f\"", TAKEN},
    {"\"\\u0000\"", REFUSED},
    {"\"a\\u0000b\"", REFUSED},
    {"\"\\\\u0000\"", TAKEN},
    {"\"\\\\ud800\"", TAKEN},
    {"\"\\ud83d\\ude97\"", LEFT},
    {"\"\\ud7ff\"", LEFT},
    {"\"\\ud800\"", REFUSED},
    {"\"\\uDC00\"", REFUSED},
    {"\"\\ud800\\u0041\"", REFUSED},
    {"\"\\ud800x\"", REFUSED},
    {"{\"\\ud800\":1}", REFUSED},
    {"\"\\\\\\ud800\"", REFUSED},
    {"\"\\x\"", REFUSED},
    {"\"\\'\"", REFUSED},
    {"\"\\U0041\"", REFUSED},
    {"\"\\u00g0\"", REFUSED},
};

START_TEST(test_odd_texts)
{
    struct slice text = slice_text(CASES[_i].text);
    json_t *plain = plain_read(text);

    ck_assert_msg((plain == NULL) == (CASES[_i].reading == REFUSED), "jansson: %s", text.data);
    ck_assert_msg(is_taken(text) == (CASES[_i].reading == TAKEN), "%s", text.data);
    json_decref(plain);
}
END_TEST

START_TEST(test_nothing_and_nul)
{
    ck_assert_ptr_null(json_tree_read((struct slice){NULL, 0}));
    ck_assert_ptr_null(json_tree_read((struct slice){"[1]\0", 4}));
    ck_assert_ptr_null(json_tree_read((struct slice){"[\0]", 3}));
    ck_assert_ptr_null(json_tree_read((struct slice){"[\"\0\"]", 5}));
    ck_assert(is_taken((struct slice){"[1]]", 3}));
    ck_assert_ptr_null(json_tree_read((struct slice){"[1]", 2}));
}
END_TEST

START_TEST(test_depth)
{
    char text[4 * LIMIT_DEPTH + 16];

    for (size_t n = 1; n <= LIMIT_DEPTH + 2; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        ck_assert(is_taken((struct slice){text, 2 * n}) == (n <= LIMIT_DEPTH));
        ck_assert_ptr_null(json_tree_read((struct slice){text, 2 * n - 1}));
        memcpy(text + n - 1, "{\"a\":1}", 7);
        memset(text + n + 6, ']', n - 1);
        ck_assert(is_taken((struct slice){text, 2 * n + 5}) == (n <= LIMIT_DEPTH));
    }
    ck_assert(is_taken(slice_text("[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]")));
}
END_TEST

/* Numbers of up to 63 bytes are taken, as good as any that means something. */
START_TEST(test_long_numbers)
{
    char text[128];

    for (int len = 50; len < 80; len++) {
        int used = snprintf(text, sizeof text, "[0.%0*d]", len - 2, 1);
        struct slice number = {text, (size_t)used};
        json_t *plain = plain_read(number);
        ck_assert(is_taken(number) == (len <= 63));
        ck_assert_ptr_nonnull(plain);
        json_decref(plain);
    }
}
END_TEST

/* Names of up to 128 bytes are taken; texts of any length. */
START_TEST(test_long_names_and_texts)
{
    char text[4096 + 16];

    for (int len = 120; len < 140; len++) {
        int used = snprintf(text, sizeof text, "{\"%0*d\":1}", len, 0);
        struct slice named = {text, (size_t)used};
        json_t *plain = plain_read(named);
        ck_assert(is_taken(named) == (len <= 128));
        ck_assert_ptr_nonnull(plain);
        json_decref(plain);
        used = snprintf(text, sizeof text, "{\"\\u%04x%0*d\":\"\\n\"}", 0x1ed5, len, 0);
        ck_assert(is_taken((struct slice){text, (size_t)used}) == (len + 3 <= 128));
    }
    (void)snprintf(text, sizeof text, "[\"%04090d\\u1ed5\"]", 0);
    ck_assert(is_taken(slice_text(text)));
}
END_TEST

/* ---- at random --------------------------------------------------------------------------------
 */

static uint32_t draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(*state >> 8) * below) >> 24);
}

static void put(struct buffer *out, const char *text)
{
    ck_assert_int_eq(buffer_append(out, text, strlen(text)), 0);
}

/* A text of pieces that JSON knows, quoted. */
static void put_text(struct buffer *out, uint32_t *state)
{
    static const char *const pieces[] = {
        "a",      "Z9",        " ", "\\u1ed5", "\\u00e0", "\xe1\xbb\x95", "\xf0\x9f\x9a\x97",
        "\\n",    "\\\\",      "/", "\x7f",    "\\\"",    "\\/",          "\\u0001",
        "[{,:}]", "plate_text"};

    put(out, "\"");
    for (uint32_t left = draw(state, 5); left > 0; left--) {
        put(out, pieces[draw(state, sizeof pieces / sizeof pieces[0])]);
    }
    put(out, "\"");
}

static void put_space(struct buffer *out, uint32_t *state)
{
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t", "\r\n"};

    put(out, spaces[draw(state, sizeof spaces / sizeof spaces[0])]);
}

static void put_scalar(struct buffer *out, uint32_t *state)
{
    static const char *const words[] = {"true", "false", "null", "0", "-0", "-0.0", "1e5", "1E-7"};
    int whole = (int)draw(state, 100000);

    switch (draw(state, 4)) {
    case 0:
        put_text(out, state);
        break;
    case 1:
        ck_assert_int_eq(buffer_printf(out, "%s%d", draw(state, 2) ? "-" : "", whole + 1), 0);
        break;
    case 2:
        ck_assert_int_eq(
            buffer_printf(out, "%d.%ue%d", whole, draw(state, 1u << 24), (int)draw(state, 80) - 40),
            0);
        break;
    default:
        put(out, words[draw(state, sizeof words / sizeof words[0])]);
        break;
    }
}

/* A container of up to five values, some of them containers. Names differ by their number. */
static void put_container(struct buffer *out, uint32_t *state, int depth)
{
    bool is_object = draw(state, 2) == 0;
    uint32_t count = draw(state, 6);

    put(out, is_object ? "{" : "[");
    for (uint32_t i = 0; i < count; i++) {
        put(out, i > 0 ? "," : "");
        put_space(out, state);
        if (is_object) {
            put_text(out, state);
            out->len--; /* the quote that ends it */
            ck_assert_int_eq(buffer_printf(out, "%u\"", i), 0);
            put_space(out, state);
            put(out, ":");
            put_space(out, state);
        }
        if (depth < 6 && draw(state, 3) == 0) {
            put_container(out, state, depth + 1);
        } else {
            put_scalar(out, state);
        }
        put_space(out, state);
    }
    put(out, is_object ? "}" : "]");
}

/* Well-formed ones are taken, all of them. */
START_TEST(test_random_documents_are_taken)
{
    uint32_t state = 7;

    for (int round = 0; round < 2000; round++) {
        struct buffer out = {0};
        put_container(&out, &state, 0);
        ck_assert_msg(is_taken(buffer_slice(&out)), "%.*s", (int)out.len, out.data);
        buffer_free(&out);
    }
}
END_TEST

/* Bytes changed, left out and doubled. `room` has one byte more for each change. */
static size_t change(char *room, size_t len, uint32_t *state)
{
    static const char bytes[] = "{}[]\",:\\/0123456789eE+-.utrfndD8 \t\v\x01\x7f\xc3\xa0\xed\xff";

    for (uint32_t times = 1 + draw(state, 3); times > 0 && len > 0; times--) {
        size_t at = draw(state, (uint32_t)len);
        switch (draw(state, 4)) {
        case 0:
            memmove(room + at, room + at + 1, --len - at);
            break;
        case 1:
            memmove(room + at + 1, room + at, len++ - at);
            break;
        default:
            room[at] = bytes[draw(state, sizeof bytes)]; /* the NUL too */
            break;
        }
    }
    return len;
}

/* Changed and cut ones: never more than jansson's reader takes. The memory is as long as the text,
 * so the sanitizer sees a look behind it. */
static size_t compare_changed(struct slice text, uint32_t *state, int rounds)
{
    size_t taken = 0;

    for (int round = 0; round < rounds; round++) {
        char *room = bytes_allocate(1, text.len + 3);
        memcpy(room, text.data, text.len);
        size_t len = change(room, text.len, state);
        size_t cut = draw(state, 2) ? len : draw(state, (uint32_t)len + 1);
        room = bytes_resize(room, cut);
        taken += is_taken((struct slice){room, cut});
        free(room);
    }
    return taken;
}

START_TEST(test_changed_documents)
{
    uint32_t state = (uint32_t)_i + 1;

    ck_assert_uint_gt(compare_changed(slice_text(DOCUMENTS[_i]), &state, 10000), 100);
}
END_TEST

START_TEST(test_changed_random_documents)
{
    uint32_t state = 11;

    for (int round = 0; round < 2000; round++) {
        struct buffer out = {0};
        put_container(&out, &state, 0);
        (void)compare_changed(buffer_slice(&out), &state, 10); /* few may be taken */
        buffer_free(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_tree");
    TCase *tests = tcase_create("json_tree");
    int documents = (int)(sizeof DOCUMENTS / sizeof DOCUMENTS[0]);

    tcase_add_loop_test(tests, test_usual_documents_are_taken, 0, documents);
    tcase_add_loop_test(tests, test_odd_texts, 0, (int)(sizeof CASES / sizeof CASES[0]));
    tcase_add_test(tests, test_nothing_and_nul);
    tcase_add_test(tests, test_depth);
    tcase_add_test(tests, test_long_numbers);
    tcase_add_test(tests, test_long_names_and_texts);
    tcase_add_test(tests, test_random_documents_are_taken);
    tcase_add_loop_test(tests, test_changed_documents, 0, documents);
    tcase_add_test(tests, test_changed_random_documents);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
