#include "api/json.h"

#include "api/json_tree.h"
#include "proto/event.h"
#include "proto/limits.h"
#include "proto/localtime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 1e11 /* that still are a date */

/* ---- reading --------------------------------------------------------------------------------- */

/* Line and column (from 1, in bytes) of an offset. */
static void locate(struct slice text, size_t offset, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        *column += 1;
        if (text.data[i] == '\n') {
            *line += 1;
            *column = 1;
        }
    }
}

/* Offset of the first bracket that nests too deep, or of a NUL (which jansson would skip as white
 * space); the length when there is none. */
static size_t find_excess(struct slice text)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\0') {
            return i;
        }
        if (in_string) {
            if (c == '\\' && i + 1 < text.len) {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > LIMIT_DEPTH) {
                return i;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return text.len;
}

json_t *json_read(struct slice text, struct problem *problem)
{
    json_error_t error;
    json_t *value = json_tree_read(text);
    size_t excess;
    int line = 1, column = 1;

    if (value != NULL) {
        return value;
    }
    excess = find_excess(text);
    if (excess < text.len) {
        locate(text, excess, &line, &column);
        (void)problem_set(
            problem, PROBLEM_JSON_INVALID, NULL, "JSON không hợp lệ: %s: line %d column %d",
            text.data[excess] == '\0' ? "NUL byte" : "nested too deeply", line, column);
        return NULL;
    }
    value = json_loadb(text.data != NULL ? text.data : "", text.len,
                       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL) {
        /* jansson's column counts characters up to the end of the offending token */
        (void)problem_set(problem, PROBLEM_JSON_INVALID, NULL,
                          "JSON không hợp lệ: %s: line %d column %d", error.text,
                          error.line > 0 ? error.line : 1, error.column > 0 ? error.column : 1);
        return NULL;
    }
    return value;
}

json_t *json_read_object(struct slice text, struct problem *problem)
{
    json_t *value = json_read(text, problem);

    if (value != NULL && !json_is_object(value)) {
        json_decref(value);
        (void)problem_set(problem, PROBLEM_FIELD_INVALID, NULL, "JSON phải là một object");
        return NULL;
    }
    return value;
}

struct slice json_member_text(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    if (!json_is_string(member)) {
        return (struct slice){0};
    }
    return (struct slice){json_string_value(member), json_string_length(member)};
}

int64_t json_seconds(const json_t *value)
{
    double seconds = json_is_number(value) ? json_number_value(value) : 0;

    return seconds > 0 && seconds < SECONDS_MAX ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct json_writer json_writer(struct buffer *out)
{
    return (struct json_writer){.out = out, .comma = false};
}

/* A full buffer remembers it; whoever sends it looks there. */
static void put(struct json_writer *writer, const char *data, size_t len)
{
    (void)buffer_append(writer->out, data, len);
}

/* Room for the `len` bytes of a value, behind the comma that it may need; NULL when full. */
static char *make_room(struct json_writer *writer, size_t len)
{
    size_t comma = writer->comma ? 1 : 0;
    char *at = buffer_extend(writer->out, comma + len);

    writer->comma = true;
    if (at != NULL && comma > 0) {
        *at = ',';
    }
    return at != NULL ? at + comma : NULL;
}

static void put_value(struct json_writer *writer, const char *data, size_t len)
{
    char *at = make_room(writer, len);

    if (at != NULL && len > 0) {
        memcpy(at, data, len);
    }
}

void json_put_open(struct json_writer *writer, char bracket)
{
    put_value(writer, &bracket, 1);
    writer->comma = false;
}

void json_put_close(struct json_writer *writer, char bracket)
{
    put(writer, &bracket, 1);
    writer->comma = true;
}

void json_put_key(struct json_writer *writer, const char *key)
{
    size_t len = strlen(key);
    char *at = make_room(writer, len + 3);

    if (at != NULL) {
        at[0] = '"';
        memcpy(at + 1, key, len);
        at[len + 1] = '"';
        at[len + 2] = ':';
    }
    writer->comma = false;
}

/* Length of the well-formed UTF-8 character at `at` (first byte >= 0x80), or 0. */
static size_t character(const unsigned char *at, size_t left)
{
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    unsigned second_min = 0x80, second_max = 0xbf;

    if (at[0] < 0xc2 || at[0] > 0xf4 || left < len) {
        return 0;
    }
    if (at[0] == 0xe0) {
        second_min = 0xa0; /* overlong */
    } else if (at[0] == 0xed) {
        second_max = 0x9f; /* surrogate */
    } else if (at[0] == 0xf0) {
        second_min = 0x90;
    } else if (at[0] == 0xf4) {
        second_max = 0x8f;
    }
    if (at[1] < second_min || at[1] > second_max) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

static void put_escape(struct json_writer *writer, unsigned char c)
{
    char escape[8];

    switch (c) {
    case '"':
        put(writer, "\\\"", 2);
        break;
    case '\\':
        put(writer, "\\\\", 2);
        break;
    case '\n':
        put(writer, "\\n", 2);
        break;
    default:
        if (c >= 0x80) {
            put(writer, "\xef\xbf\xbd", 3);
        } else {
            (void)snprintf(escape, sizeof escape, "\\u%04x", c);
            put(writer, escape, 6);
        }
        break;
    }
}

/* Bytes at the start of a text that stand for themselves in JSON. */
static size_t plain_len(struct slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t i = 0;

    while (i < text.len) {
        size_t step = 1;
        if (bytes[i] < 0x20 || bytes[i] >= 0x7f || bytes[i] == '"' || bytes[i] == '\\') {
            step = bytes[i] >= 0x80 ? character(bytes + i, text.len - i) : 0;
        }
        if (step == 0) {
            break;
        }
        i += step;
    }
    return i;
}

static void put_escaped(struct json_writer *writer, struct slice text)
{
    put_value(writer, "\"", 1);
    while (text.len > 0) {
        size_t plain = plain_len(text);
        put(writer, text.data, plain);
        if (plain < text.len) {
            put_escape(writer, (unsigned char)text.data[plain++]);
        }
        text = (struct slice){text.data + plain, text.len - plain};
    }
    put(writer, "\"", 1);
}

void json_put_text(struct json_writer *writer, struct slice text)
{
    char *at;

    if (text.data == NULL) {
        json_put_nothing(writer);
        return;
    }
    if (plain_len(text) < text.len) {
        put_escaped(writer, text);
        return;
    }
    at = make_room(writer, text.len + 2);
    if (at != NULL) {
        at[0] = '"';
        memcpy(at + 1, text.data, text.len);
        at[text.len + 1] = '"';
    }
}

void json_put_string(struct json_writer *writer, const char *text)
{
    json_put_text(writer, slice_text(text));
}

void json_put_int(struct json_writer *writer, int64_t value)
{
    char text[DECIMAL_TEXT];
    size_t len = decimal_signed(value, text);

    put_value(writer, text, len);
}

int json_number_text(double value, char out[JSON_NUMBER])
{
    int len = snprintf(out, JSON_NUMBER, "%.15g", value);

    if (strtod(out, NULL) < value || strtod(out, NULL) > value) {
        len = snprintf(out, JSON_NUMBER, "%.17g", value);
    }
    return len;
}

void json_put_number(struct json_writer *writer, double value)
{
    char text[JSON_NUMBER];
    int len;

    if (!isfinite(value)) {
        json_put_nothing(writer);
        return;
    }
    len = json_number_text(value, text);
    put_value(writer, text, (size_t)len);
}

void json_put_bool(struct json_writer *writer, bool value)
{
    put_value(writer, value ? "true" : "false", value ? 4 : 5);
}

void json_put_nothing(struct json_writer *writer)
{
    put_value(writer, "null", 4);
}

void json_put_raw(struct json_writer *writer, struct slice json)
{
    put_value(writer, json.data, json.len);
}

void json_put_u64(struct json_writer *writer, uint64_t value)
{
    char text[DECIMAL_TEXT + 2] = "\"";
    size_t len = decimal_text(value, text + 1);

    text[len + 1] = '"';
    put_value(writer, text, len + 2);
}

void json_put_id(struct json_writer *writer, struct slice text)
{
    bool decimal = text.data != NULL && text.len > 0 && text.len <= 15 &&
                   (text.data[0] != '0' || text.len == 1);

    for (size_t i = 0; decimal && i < text.len; i++) {
        decimal = text.data[i] >= '0' && text.data[i] <= '9';
    }
    if (!decimal) {
        json_put_text(writer, text);
        return;
    }
    put_value(writer, text.data, text.len);
}

void json_set_text(struct json_writer *writer, const char *key, const char *text)
{
    json_put_key(writer, key);
    json_put_string(writer, text != NULL && text[0] != '\0' ? text : NULL);
}

void json_set_int(struct json_writer *writer, const char *key, int64_t value)
{
    json_put_key(writer, key);
    json_put_int(writer, value);
}

void json_set_known(struct json_writer *writer, const char *key, int64_t value, int64_t none)
{
    json_put_key(writer, key);
    if (value == none) {
        json_put_nothing(writer);
    } else {
        json_put_int(writer, value);
    }
}

void json_set_bool(struct json_writer *writer, const char *key, bool value)
{
    json_put_key(writer, key);
    json_put_bool(writer, value);
}

void json_set_number(struct json_writer *writer, const char *key, double value)
{
    json_put_key(writer, key);
    json_put_number(writer, value);
}

void json_set_slice(struct json_writer *writer, const char *key, struct slice text)
{
    json_put_key(writer, key);
    json_put_text(writer, text);
}

void json_set_id(struct json_writer *writer, const char *key, struct slice text)
{
    json_put_key(writer, key);
    json_put_id(writer, text);
}

void json_set_local(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[LOCALTIME_TEXT] = "";

    if (ms != EVENT_NONE) {
        localtime_text(ms, text);
    }
    json_set_text(writer, key, text);
}

void json_set_time(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[UTCTIME_RFC3339] = "";

    if (ms > 0) {
        utctime_rfc3339(ms, text);
    }
    json_set_text(writer, key, text);
}

void json_put_position(struct json_writer *writer, const struct position *position)
{
    json_put_open(writer, '{');
    json_set_text(writer, "node", position->stream.node.text);
    json_put_key(writer, "epoch");
    json_put_u64(writer, position->stream.epoch);
    json_set_int(writer, "seq", (int64_t)position->seq);
    json_put_close(writer, '}');
}

void json_set_position(struct json_writer *writer, const char *key, const struct position *position)
{
    json_put_key(writer, key);
    json_put_position(writer, position);
}
