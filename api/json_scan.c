#include "api/json_scan.h"

#include "proto/limits.h"
#include "proto/wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A text with escapes is unfolded here; a longer one is left to jansson. */
#define SCAN_TEXT 1024
/* Digits of an integer that fits an int64 whatever they are. */
#define SCAN_DIGITS 18
/* Bytes of a number with a fraction, with the NUL. */
#define SCAN_NUMBER 64

struct scan {
    const char *at, *end;
    size_t depth;
};

static json_t *scan_value(struct scan *scan);

static char peek(const struct scan *scan)
{
    return scan->at < scan->end ? *scan->at : '\0'; /* a NUL is refused wherever it is met */
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) {
        scan->at++;
    }
}

/* The next byte that is no white space, when it is `c`. */
static bool take(struct scan *scan, char c)
{
    skip_space(scan);
    if (peek(scan) != c) {
        return false;
    }
    scan->at++;
    return true;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Four hex digits at `at`; -1 for anything else. */
static int32_t read_hex4(const char *at, const char *end)
{
    int32_t value = 0;

    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int c = at[i] | 0x20; /* lower case */
        if (at[i] >= '0' && at[i] <= '9') {
            value = value * 16 + (at[i] - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (c - 'a' + 10);
        } else {
            return -1;
        }
    }
    return value;
}

/* `code` as UTF-8; returns the bytes written, at most 4. */
static size_t put_character(int32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* What follows "\u", one or two halves; `*at` moves behind it. -1 for a lone half or a NUL. */
static int32_t read_escaped_code(const char **at, const char *end)
{
    int32_t code = read_hex4(*at, end), low;

    *at += 4;
    if (code < 0xd800 || code > 0xdfff) {
        return code > 0 ? code : -1;
    }
    if (code > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') {
        return -1;
    }
    low = read_hex4(*at + 2, end);
    *at += 6;
    return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
}

/* The escapes of `raw` unfolded into `room`; absent when one is wrong or there is no room. */
static struct slice unfold(struct slice raw, char room[SCAN_TEXT])
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *at = raw.data, *end = raw.data + raw.len;
    size_t len = 0;

    while (at < end) {
        const char *name;
        if (len + 4 > SCAN_TEXT) {
            return (struct slice){0};
        }
        if (*at != '\\') {
            room[len++] = *at++;
            continue;
        }
        at++; /* what follows is there: the end of the text was found behind it */
        if (*at == 'u') {
            at++;
            int32_t code = read_escaped_code(&at, end);
            if (code < 0) {
                return (struct slice){0};
            }
            len += put_character(code, room + len);
            continue;
        }
        name = strchr(names, *at);
        if (name == NULL) {
            return (struct slice){0};
        }
        room[len++] = values[name - names];
        at++;
    }
    return (struct slice){room, len};
}

/* A text behind its opening quote; borrows from the document, or from `room` (NULL: escapes are
 * left to jansson). Absent when bad. */
static struct slice scan_text(struct scan *scan, char *room)
{
    struct slice raw = {scan->at, 0};
    unsigned char all = 0;
    bool has_escape = false;

    for (; scan->at < scan->end && *scan->at != '"'; scan->at++) {
        unsigned char c = (unsigned char)*scan->at;
        if (c < 0x20) {
            return (struct slice){0};
        }
        if (c == '\\') {
            has_escape = true;
            scan->at++; /* an escaped quote ends nothing; it is never a byte of a character */
            if (scan->at == scan->end || (unsigned char)*scan->at < 0x20) {
                return (struct slice){0};
            }
        }
        all |= (unsigned char)*scan->at;
    }
    if (scan->at == scan->end) {
        return (struct slice){0};
    }
    raw.len = (size_t)(scan->at++ - raw.data);
    if (all >= 0x80 && !wire_is_utf8(raw)) {
        return (struct slice){0};
    }
    if (!has_escape) {
        return raw;
    }
    return room != NULL ? unfold(raw, room) : (struct slice){0};
}

static json_t *scan_string(struct scan *scan)
{
    char room[SCAN_TEXT];
    struct slice text;

    scan->at++;
    text = scan_text(scan, room);
    return text.data != NULL ? json_stringn_nocheck(text.data, text.len) : NULL;
}

/* ---- numbers and words ----------------------------------------------------------------------- */

static size_t count_digits(struct scan *scan)
{
    const char *from = scan->at;

    while (peek(scan) >= '0' && peek(scan) <= '9') {
        scan->at++;
    }
    return (size_t)(scan->at - from);
}

/* A fraction, an exponent or both, behind the digits of a number that began at `from`. */
static json_t *scan_real(struct scan *scan, const char *from)
{
    char text[SCAN_NUMBER];
    double value;

    if (peek(scan) == '.') {
        scan->at++;
        if (count_digits(scan) == 0) {
            return NULL;
        }
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-') {
            scan->at++;
        }
        if (count_digits(scan) == 0) {
            return NULL;
        }
    }
    if (!slice_copy((struct slice){from, (size_t)(scan->at - from)}, text, sizeof text)) {
        return NULL;
    }
    value = strtod(text, NULL); /* the process keeps the "C" locale */
    return isfinite(value) ? json_real(value) : NULL;
}

static json_t *scan_number(struct scan *scan)
{
    const char *from = scan->at, *digits;
    int64_t value = 0;
    size_t count;

    scan->at += peek(scan) == '-';
    digits = scan->at;
    count = count_digits(scan);
    if (count == 0 || (count > 1 && *digits == '0')) {
        return NULL;
    }
    if (peek(scan) == '.' || peek(scan) == 'e' || peek(scan) == 'E') {
        return scan_real(scan, from);
    }
    if (count > SCAN_DIGITS) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        value = value * 10 + (digits[i] - '0');
    }
    return json_integer(*from == '-' ? -value : value);
}

static json_t *scan_word(struct scan *scan, const char *word, json_t *value)
{
    size_t len = strlen(word);

    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0) {
        return NULL;
    }
    scan->at += len;
    return value; /* one of jansson's three constants: not counted */
}

/* ---- containers ------------------------------------------------------------------------------ */

/* One "key": value; false when it is none, or the key is there already. */
static bool scan_member(struct scan *scan, json_t *object)
{
    size_t members = json_object_size(object);
    struct slice key;
    json_t *value;

    if (!take(scan, '"')) {
        return false;
    }
    key = scan_text(scan, NULL); /* no room: this function is in the recursion */
    if (key.data == NULL || !take(scan, ':')) {
        return false;
    }
    value = scan_value(scan);
    return value != NULL && json_object_setn_new_nocheck(object, key.data, key.len, value) == 0 &&
           json_object_size(object) == members + 1;
}

static bool scan_members(struct scan *scan, json_t *object)
{
    if (take(scan, '}')) {
        return true;
    }
    do {
        if (!scan_member(scan, object)) {
            return false;
        }
    } while (take(scan, ','));
    return take(scan, '}');
}

static bool scan_items(struct scan *scan, json_t *array)
{
    if (take(scan, ']')) {
        return true;
    }
    do {
        json_t *item = scan_value(scan);
        if (item == NULL || json_array_append_new(array, item) != 0) {
            return false;
        }
    } while (take(scan, ','));
    return take(scan, ']');
}

static json_t *scan_container(struct scan *scan)
{
    bool is_object = *scan->at == '{', good = false;
    json_t *value;

    if (++scan->depth > LIMIT_DEPTH) {
        return NULL;
    }
    scan->at++;
    value = is_object ? json_object() : json_array();
    if (value != NULL) {
        good = is_object ? scan_members(scan, value) : scan_items(scan, value);
    }
    scan->depth--;
    if (!good) {
        json_decref(value);
        return NULL;
    }
    return value;
}

static json_t *scan_value(struct scan *scan)
{
    skip_space(scan);
    switch (peek(scan)) {
    case '{':
    case '[':
        return scan_container(scan);
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true", json_true());
    case 'f':
        return scan_word(scan, "false", json_false());
    case 'n':
        return scan_word(scan, "null", json_null());
    default:
        return scan_number(scan);
    }
}

json_t *json_scan(struct slice text)
{
    struct scan scan = {text.data, text.data + text.len, 0};
    json_t *value;

    if (text.data == NULL || text.len == 0) {
        return NULL;
    }
    value = scan_value(&scan);
    skip_space(&scan);
    if (scan.at != scan.end) {
        json_decref(value);
        return NULL;
    }
    return value;
}
