#include "api/json_tree.h"

#include "proto/limits.h"
#include "proto/wire.h"

#include <yajl/yajl_parse.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Longest name of a member, and number with its NUL; texts with longer ones are left to jansson. */
#define TREE_KEY 128
#define TREE_NUMBER 64

struct tree {
    json_t *root;              /* owns every value so far */
    json_t *open[LIMIT_DEPTH]; /* the containers around the next value; borrowed from `root` */
    size_t depth;              /* how many of them are open */
    size_t key_len;
    char key[TREE_KEY]; /* of the next value, when that is a member; without a NUL */
};

/* ---- what yajl calls: 1 to go on, 0 to leave the text to jansson ------------------------------
 */

/* Takes the value, NULL included. */
static int put_value(struct tree *tree, json_t *value)
{
    json_t *parent;
    size_t size;

    if (tree->depth == 0) {
        tree->root = value;
        return value != NULL;
    }
    parent = tree->open[tree->depth - 1];
    if (json_is_array(parent)) {
        return json_array_append_new(parent, value) == 0;
    }
    size = json_object_size(parent); /* stays what it is for a second member of a name */
    return json_object_setn_new_nocheck(parent, tree->key, tree->key_len, value) == 0 &&
           json_object_size(parent) > size;
}

static int put_null(void *tree)
{
    return put_value(tree, json_null());
}

static int put_bool(void *tree, int value)
{
    return put_value(tree, json_boolean(value));
}

/* yajl multiplies past the end of a long long, so it only says where the number is. */
static int put_number(void *tree, const char *number, size_t len)
{
    char text[TREE_NUMBER];
    char *end;
    long long whole;
    double real;

    if (!slice_copy((struct slice){number, len}, text, sizeof text)) {
        return 0;
    }
    errno = 0;
    whole = strtoll(text, &end, 10);
    if (*end == '\0') {
        return errno == 0 && put_value(tree, json_integer(whole));
    }
    real = strtod(text, &end);                               /* the process keeps the "C" locale */
    return *end == '\0' && put_value(tree, json_real(real)); /* NULL for what is not finite */
}

static int put_string(void *tree, const unsigned char *text, size_t len)
{
    return put_value(tree, json_stringn_nocheck((const char *)text, len));
}

/* A copy: yajl overwrites a name with escapes when it reads the value. */
static int keep_key(void *ctx, const unsigned char *key, size_t len)
{
    struct tree *tree = ctx;

    if (len > sizeof tree->key) {
        return 0;
    }
    memcpy(tree->key, key, len);
    tree->key_len = len;
    return 1;
}

static int open_container(struct tree *tree, json_t *container)
{
    if (tree->depth == LIMIT_DEPTH) {
        json_decref(container);
        return 0;
    }
    if (!put_value(tree, container)) {
        return 0;
    }
    tree->open[tree->depth++] = container;
    return 1;
}

static int open_object(void *tree)
{
    return open_container(tree, json_object());
}

static int open_array(void *tree)
{
    return open_container(tree, json_array());
}

static int close_container(void *ctx)
{
    struct tree *tree = ctx;

    tree->depth--; /* yajl closes only what it opened */
    return 1;
}

/* ---- memory of yajl, which checks none --------------------------------------------------------
 */

static void *allocate(void *ctx, size_t size)
{
    (void)ctx;
    return bytes_allocate(1, size);
}

static void *resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    return bytes_resize(memory, size);
}

static void release(void *ctx, void *memory)
{
    (void)ctx;
    free(memory);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Escapes of a NUL, which jansson refuses, and of surrogates: yajl makes a '?' of a lone one. */
static bool has_odd_escape(struct slice text)
{
    const char *at = text.data, *end = text.data + text.len;

    while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        if (end - at >= 6 && at[1] == 'u' &&
            (at[2] == 'd' || at[2] == 'D' || memcmp(at + 2, "0000", 4) == 0)) {
            return true;
        }
        at += 2; /* what is escaped begins no escape */
    }
    return false;
}

/* What yajl would take and jansson would not, or not as the same: bytes that are no UTF-8, NULs,
 * white space that JSON does not know, some escapes. */
static bool is_odd(struct slice text)
{
    return memchr(text.data, '\v', text.len) != NULL || memchr(text.data, '\f', text.len) != NULL ||
           has_odd_escape(text) || !wire_is_utf8(text);
}

static bool is_space(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\n' && text.data[i] != '\r' &&
            text.data[i] != '\t') {
            return false;
        }
    }
    return true;
}

/* Reads one value and stops behind it; true when that is all of the text. yajl_complete_parse would
 * let a text without an end follow, and take 2 KiB for it. */
static bool read_whole(yajl_handle reader, const struct tree *tree, struct slice text)
{
    size_t used;

    if (yajl_config(reader, yajl_allow_trailing_garbage, 1) == 0 ||
        yajl_config(reader, yajl_dont_validate_strings, 1) == 0 || /* looked at before */
        yajl_parse(reader, (const unsigned char *)text.data, text.len) != yajl_status_ok ||
        tree->root == NULL || tree->depth > 0) {
        return false;
    }
    used = yajl_get_bytes_consumed(reader);
    return is_space((struct slice){text.data + used, text.len - used});
}

json_t *json_tree_read(struct slice text)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = put_null,
        .yajl_boolean = put_bool,
        .yajl_number = put_number,
        .yajl_string = put_string,
        .yajl_start_map = open_object,
        .yajl_map_key = keep_key,
        .yajl_end_map = close_container,
        .yajl_start_array = open_array,
        .yajl_end_array = close_container,
    };
    yajl_alloc_funcs memory = {allocate, resize, release, NULL}; /* yajl copies it */
    struct tree tree;
    yajl_handle reader;
    bool whole;

    if (text.len == 0 || text.data == NULL || is_odd(text)) {
        return NULL;
    }
    tree.root = NULL; /* the rest is written before it is read */
    tree.depth = 0;
    reader = yajl_alloc(&callbacks, &memory, &tree);
    if (reader == NULL) {
        return NULL;
    }
    whole = read_whole(reader, &tree, text);
    yajl_free(reader);
    if (!whole) {
        json_decref(tree.root);
        return NULL;
    }
    return tree.root;
}
