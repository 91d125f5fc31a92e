/*
 * JSON with jansson (strict: UTF-8, control characters, duplicate keys), which recurses: nesting is
 * counted before. Its messages are put into words for somebody who edits a file by hand.
 */
#include "node/config_internal.h"

#include "proto/limits.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOUND_MAX 24 /* bytes of the offending token that are shown */

struct slice config_without_mark(struct slice text)
{
    if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0) {
        return (struct slice){text.data + 3, text.len - 3};
    }
    return text;
}

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Counts brackets outside strings. False at the byte that is too much. */
static bool check_nesting(struct slice text, struct config_wrong *wrong, size_t *offset)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        *offset = i;
        if (c == '\0') {
            return config_is_wrong(wrong, "save the file as UTF-8 text", "a NUL byte");
        }
        if (in_string) {
            in_string = c != '"' && c != '\n';
            i += c == '\\' && i + 1 < text.len && text.data[i + 1] != '\0';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > LIMIT_DEPTH) {
                return config_is_wrong(wrong, NULL, "nested deeper than %d levels", LIMIT_DEPTH);
            }
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        }
    }
    return true;
}

/* The token that jansson complains about, from the "near '...'" of its message; absent when it
 * cannot be found again in the text, or may be part of a secret. */
static struct slice offending(struct slice text, const json_error_t *error)
{
    const struct slice none = {NULL, 0};
    const char *near = strstr(error->text, " near '");
    size_t at = error->position > 0 ? (size_t)error->position : 0;
    if (!near) {
        return none;
    }
    near += strlen(" near '");
    size_t len = strlen(near);
    len -= len && near[len - 1] == '\'';
    if (!len || len > at || at > text.len || memcmp(text.data + at - len, near, len) != 0) {
        return none;
    }
    return (struct slice){text.data + at - len, len};
}

static bool is_secret(struct slice text, size_t offset)
{
    size_t start = 0;
    size_t end = 0;
    while (config_find_secret(text, end, &start, &end)) {
        if (start <= offset + 1 && offset <= end) { /* its opening quote included */
            return true;
        }
    }
    return false;
}

/* Behind the last byte before `at` that is no white space. */
static size_t end_before(struct slice text, size_t at)
{
    while (at && memchr(" \t\r\n", text.data[at - 1], 4)) {
        at--;
    }
    return at;
}

/* `said` is jansson's message, `found` the token as text. */
static void explain(const char *said, const char *found, char previous, struct config_wrong *wrong)
{
    char first = found[0];
    char hint[80] = "";
    if (previous == ',' && (first == '}' || first == ']')) {
        snprintf(hint, sizeof hint, "remove the comma before %c", first);
    } else if (first == '/' || first == '#') {
        snprintf(hint, sizeof hint, "comments are not allowed; use a key like \"_remark\"");
    } else if (first == '\'') {
        snprintf(hint, sizeof hint, "use double quotes");
    }
    if (strncmp(said, "string or '}' expected", 22) == 0) {
        (void)config_is_wrong(wrong, *hint ? hint : "keys stand in double quotes",
                              "expected a key, found %s", found);
    } else if (strncmp(said, "'}' expected", 12) == 0 || strncmp(said, "']' expected", 12) == 0) {
        (void)config_is_wrong(wrong, *hint ? hint : "is a comma missing before it?",
                              "expected ',' or '%c', found %s", said[1], found);
    } else if (strncmp(said, "':' expected", 12) == 0) {
        (void)config_is_wrong(wrong, hint, "expected ':', found %s", found);
    } else if (strncmp(said, "unexpected token", 16) == 0 ||
               strncmp(said, "invalid token", 13) == 0) {
        (void)config_is_wrong(wrong, *hint ? hint : "texts stand in double quotes",
                              "expected a value, found %s", found);
    } else if (strncmp(said, "end of file expected", 20) == 0) {
        (void)config_is_wrong(wrong, "is there a } too many?", "expected the end, found %s", found);
    } else if (strncmp(said, "premature end of input", 22) == 0) {
        (void)config_is_wrong(wrong, "is a } or ] missing?", "the text ends too early");
    } else if (strncmp(said, "unexpected newline", 18) == 0) {
        (void)config_is_wrong(wrong, "close the text with a \"",
                              "a text goes over the end of line");
    } else if (strncmp(said, "'[' or '{' expected", 19) == 0) {
        (void)config_is_wrong(wrong,
                              "the smallest file is {\"this_central\": {\"id\": \"central-1\"}}",
                              "expected '{', found %s", found);
    } else if (strncmp(said, "too big ", 8) == 0 ||
               strncmp(said, "real number overflow", 20) == 0) {
        (void)config_is_wrong(wrong, NULL, "the number is too big");
    } else if (strncmp(said, "duplicate object key", 20) == 0) {
        (void)config_is_wrong(wrong, "remove one of the two", "the key %s is there twice", found);
    } else {
        const char *near = strstr(said, " near '"); /* may show a secret */
        (void)config_is_wrong(wrong, hint, "%.*s", (int)(near ? near - said : 100), said);
    }
}

json_t *config_load_json(struct slice text, struct config_wrong *wrong, size_t *offset)
{
    *offset = 0;
    if (text.len > LIMIT_CONFIG_BYTES) {
        (void)config_is_wrong(wrong, NULL, "%zu bytes, at most %d are read", text.len,
                              LIMIT_CONFIG_BYTES);
        return NULL;
    }
    if (!check_nesting(text, wrong, offset)) {
        return NULL;
    }
    json_error_t error = {.position = 0};
    json_t *document =
        json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (document) {
        return document;
    }
    struct slice token = offending(text, &error);
    char found[FOUND_MAX + 1] = "something else";
    if (strstr(error.text, " near end of file") || strstr(error.text, "premature end")) {
        *offset = end_before(text, text.len);
        (void)slice_copy(slice_text("the end"), found, sizeof found); /* fits */
    } else if (token.data) {
        *offset = (size_t)(token.data - text.data);
        if (!is_secret(text, *offset)) {
            (void)slice_copy(token, found, sizeof found); /* cut: only for reading */
        }
    } else if (error.position > 0 && (size_t)error.position <= text.len) {
        *offset = (size_t)error.position - 1;
        while (*offset && is_number_char(text.data[*offset]) &&
               is_number_char(text.data[*offset - 1])) {
            (*offset)--; /* of a long number it names the end */
        }
    }
    size_t previous = end_before(text, *offset);
    explain(error.text, found, previous ? text.data[previous - 1] : '\0', wrong);
    return NULL;
}

/* The number at `at`, of a text that ends with NUL, as long as before and not too big. False when
 * it is none, or was not. */
static bool put_nearest(char *at, size_t len)
{
    char *end = NULL;
    const char *nearest = NULL;
    errno = 0;
    long long whole = strtoll(at, &end, 10);
    if (end == at + len && errno == ERANGE) {
        nearest = whole < 0 ? "-9223372036854775808" : "9223372036854775807";
    } else if (end != at + len) {
        double real = strtod(at, &end);
        nearest = end != at + len || !isinf(real) ? NULL : real < 0 ? "-1e308" : "1e308";
    }
    if (!nearest) {
        return false;
    }
    memset(at, ' ', len);
    memcpy(at, nearest, strlen(nearest)); /* what is too big has as many bytes */
    return true;
}

json_t *config_load_nearest(struct slice text)
{
    struct config_wrong wrong;
    size_t offset = 0;
    bool changed = false;
    json_t *document = NULL;
    if (text.len > LIMIT_CONFIG_BYTES) {
        return NULL;
    }
    char *copy = bytes_allocate(text.len + 1, 1);
    if (text.len) {
        memcpy(copy, text.data, text.len);
    }
    for (size_t i = 0, len = 1; i < text.len; i += len, len = 1) {
        if (copy[i] == '"') {
            for (; i + len < text.len && copy[i + len] != '"'; len++) {
                len += copy[i + len] == '\\';
            }
            len++;
        } else if (is_number_char(copy[i])) {
            for (; is_number_char(copy[i + len]); len++) {
            }
            changed = put_nearest(copy + i, len) || changed;
        }
    }
    if (changed) {
        document = config_load_json((struct slice){copy, text.len}, &wrong, &offset);
    }
    explicit_bzero(copy, text.len); /* it may hold secrets */
    free(copy);
    return document;
}
