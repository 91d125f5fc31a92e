/*
 * JSON from outside. What parses can be written text by text and parses again; depth and bad bytes
 * never reach the library's recursion.
 */
#include "api/json.h"
#include "api/json_tree.h"

#include "proto/limits.h"
#include "tests/fuzz/support_source.h"

/* Any bytes become a JSON string that reads back. */
static void check_writing(struct slice bytes)
{
    struct buffer out = {0};
    struct json_writer writer = json_writer(&out);
    struct problem problem;
    json_t *value;

    json_put_open(&writer, '[');
    json_put_text(&writer, bytes);
    json_put_id(&writer, bytes);
    json_put_close(&writer, ']');
    if (!out.full) {
        /* an escaped NUL is written, but never read */
        bool has_nul = false;
        for (size_t i = 0; i < bytes.len; i++) {
            has_nul = has_nul || bytes.data[i] == '\0';
        }
        value = json_read(buffer_slice(&out), &problem);
        source_require(has_nul ? value == NULL : json_array_size(value) == 2);
        json_decref(value);
    }
    buffer_free(&out);
}

/* The quick reader takes nothing that jansson's refuses, and reads nothing otherwise. */
static void check_quick(struct slice text)
{
    json_t *quick = json_tree_read(text), *plain;

    if (quick != NULL) {
        plain = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        source_require(plain != NULL && json_equal(quick, plain));
        json_decref(quick);
        json_decref(plain);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct problem problem = {.code = PROBLEM_OK};
    json_t *value = json_read(text, &problem);

    check_quick(text);
    source_require((value == NULL) == (problem.code == PROBLEM_JSON_INVALID));
    if (json_is_object(value)) {
        struct slice plate = json_member_text(json_object_get(value, "data"), "plate_text");
        if (plate.data != NULL) {
            check_writing(plate);
        }
    }
    json_decref(value);
    if (size > 0) {
        check_writing(text);
    }
    return 0;
}
