/*
 * A line is built on the stack and written by one write(2), so lines of several threads never mix.
 * First the format is rendered and made harmless (no control characters, valid UTF-8); the text
 * form is that, the JSON form reads the pairs out of it again.
 */
#include "proto/log.h"

#include "proto/bytes.h"
#include "proto/wire.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 2000
/* Kept free in a JSON line for its end, `,"cut":true}` and the newline. */
#define JSON_END_BYTES 16

static atomic_int least_level = LOG_LEVEL_INFO;
static atomic_int line_format = LOG_FORMAT_TEXT;

struct line {
    char text[LINE_BYTES];
    size_t len;
    size_t limit;
    bool cut; /* something did not fit */
};

void log_setup(enum log_level least, enum log_format format)
{
    atomic_store(&least_level, (int)least);
    atomic_store(&line_format, (int)format);
}

static void put(struct line *line, const char *data, size_t len)
{
    if (line->cut || len > line->limit - line->len) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->len, data, len);
    line->len += len;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Makes rendered text harmless in place: a peer's or camera's words must not start a new line or
 * steer a terminal. */
static void clean(char *text, size_t len)
{
    bool utf8 = wire_is_utf8((struct slice){text, len});
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8)) {
            text[i] = '?';
        }
    }
}

static size_t put_escape(struct line *line, struct slice text, size_t at, bool quoted)
{
    char c = text.data[at];
    size_t left = text.len - at;

    if (quoted && c == '\\' && left > 1 && strchr("\"\\/bfnrt", text.data[at + 1])) {
        put(line, text.data + at, 2);
        return 2;
    }
    if (quoted && c == '\\' && left > 5 && text.data[at + 1] == 'u' &&
        strspn(text.data + at + 2, "0123456789abcdefABCDEF") >= 4) {
        put(line, text.data + at, 6);
        return 6;
    }
    if (c == '"' || c == '\\') {
        put(line, "\\", 1);
    }
    put(line, &c, 1);
    return 1;
}

/* A JSON string. Text that was `quoted` has its escapes already. */
static void put_string(struct line *line, struct slice text, bool quoted)
{
    put(line, "\"", 1);
    for (size_t at = 0; at < text.len;) {
        at += put_escape(line, text, at, quoted);
    }
    put(line, "\"", 1);
}

static size_t digits(struct slice text, size_t at)
{
    size_t from = at;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9') {
        at++;
    }
    return at - from;
}

/* A number as JSON writes it. */
static bool is_number(struct slice text)
{
    size_t at = text.len && text.data[0] == '-' ? 1 : 0;
    size_t whole = digits(text, at);
    if (whole == 0 || (whole > 1 && text.data[at] == '0')) {
        return false;
    }
    at += whole;
    if (at < text.len && text.data[at] == '.') {
        size_t fraction = digits(text, at + 1);
        if (fraction == 0) {
            return false;
        }
        at += 1 + fraction;
    }
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        at += at < text.len && (text.data[at] == '+' || text.data[at] == '-') ? 1 : 0;
        size_t exponent = digits(text, at);
        if (exponent == 0) {
            return false;
        }
        at += exponent;
    }
    return at == text.len;
}

static bool is_bare(struct slice value)
{
    return is_number(value) || slice_equal(value, slice_text("true")) ||
           slice_equal(value, slice_text("false"));
}

static void put_member(struct line *line, struct slice key, struct slice value, bool quoted)
{
    static const char *const ours[] = {"time", "level", "code", "cut"};
    size_t before = line->len;

    put_text(line, ",\"");
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (slice_equal(key, slice_text(ours[i]))) {
            put_text(line, "_");
        }
    }
    for (size_t at = 0; at < key.len;) {
        at += put_escape(line, key, at, false);
    }
    put_text(line, "\":");
    if (!quoted && is_bare(value)) {
        put(line, value.data, value.len);
    } else {
        put_string(line, value, quoted);
    }
    if (line->cut) {
        line->len = before;
    }
}

/* Length of the text up to the closing quote, which may be missing after a cut. */
static size_t quoted_len(struct slice text)
{
    size_t at = 0;
    while (at < text.len && text.data[at] != '"') {
        at += text.data[at] == '\\' && at + 1 < text.len ? 2 : 1;
    }
    return at;
}

/* Turns `key=value key="va lue"` into members; words without a key end up in one "text". */
static void put_members(struct line *line, struct slice pairs)
{
    while (pairs.len) {
        if (*pairs.data == ' ') {
            pairs.data++;
            pairs.len--;
            continue;
        }
        const char *space = memchr(pairs.data, ' ', pairs.len);
        size_t word = space ? (size_t)(space - pairs.data) : pairs.len;
        const char *equals = memchr(pairs.data, '=', word);
        if (!equals || equals == pairs.data) {
            put_member(line, slice_text("text"), pairs, false);
            return;
        }
        struct slice key = {pairs.data, (size_t)(equals - pairs.data)};
        struct slice value = {equals + 1, pairs.len - key.len - 1};
        bool quoted = value.len && *value.data == '"';
        size_t used = word;
        if (quoted) {
            value.data++;
            value.len--;
            size_t len = quoted_len(value);
            used = key.len + 2 + len + (len < value.len ? 1 : 0);
            value.len = len;
        } else {
            value.len = word - key.len - 1;
        }
        put_member(line, key, value, quoted);
        pairs.data += used;
        pairs.len -= used;
    }
}

static void put_time(struct line *line)
{
    struct timespec now;
    struct tm tm;
    char text[80];

    if (clock_gettime(CLOCK_REALTIME, &now) || !gmtime_r(&now.tv_sec, &tm)) {
        put_text(line, "0000-00-00T00:00:00.000Z");
        return;
    }
    int len = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                       (int)(now.tv_nsec / 1000000));
    put(line, text, len > 0 && (size_t)len < sizeof text ? (size_t)len : 0);
}

static void build_json(struct line *line, const char *level, const char *code, struct slice pairs)
{
    line->limit = LINE_BYTES - JSON_END_BYTES;
    put_text(line, "{\"time\":\"");
    put_time(line);
    put_text(line, "\",\"level\":\"");
    put_text(line, level);
    put_text(line, "\",\"code\":\"");
    put_text(line, code);
    put_text(line, "\"");
    put_members(line, pairs);
    bool cut = line->cut;
    line->limit = LINE_BYTES;
    line->cut = false;
    put_text(line, cut ? ",\"cut\":true}\n" : "}\n");
}

static void build_text(struct line *line, const char *level, const char *code, struct slice pairs)
{
    line->limit = LINE_BYTES - 1;
    put_time(line);
    put_text(line, " ");
    put_text(line, level);
    put_text(line, " ");
    put_text(line, code);
    if (pairs.len) {
        put_text(line, " ");
        put(line, pairs.data, slice_cut(pairs, line->limit - line->len));
    }
    line->text[line->len++] = '\n';
}

void log_line(enum log_level level, const char *code, const char *format, ...)
{
    static const char *const levels[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    char pairs[LINE_BYTES + 1];
    struct line line = {.len = 0};

    if ((int)level < atomic_load(&least_level) || (size_t)level >= sizeof levels / sizeof *levels) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int rendered = vsnprintf(pairs, sizeof pairs, format, arguments);
    va_end(arguments);
    size_t len = rendered < 0 ? 0 : (size_t)rendered;
    if (len >= sizeof pairs) {
        len = slice_cut((struct slice){pairs, sizeof pairs - 1}, sizeof pairs - 4);
    }
    clean(pairs, len);
    pairs[len] = '\0';

    if (atomic_load(&line_format) == LOG_FORMAT_JSON) {
        build_json(&line, levels[level], code, (struct slice){pairs, len});
    } else {
        build_text(&line, levels[level], code, (struct slice){pairs, len});
    }
    ssize_t written = write(STDERR_FILENO, line.text, line.len);
    (void)written; /* there is nobody left to tell */
}

const char *log_quote(const char *text, char *out, size_t size)
{
    size_t at = 0;

    out[at++] = '"';
    for (const char *c = text ? text : ""; *c; c++) {
        char escaped[7];
        unsigned char byte = (unsigned char)*c;
        if (byte == '"' || byte == '\\') {
            (void)snprintf(escaped, sizeof escaped, "\\%c", byte); /* fits, as below */
        } else if (byte < 0x20 || byte == 0x7F) {
            (void)snprintf(escaped, sizeof escaped, "\\u%04x", byte);
        } else {
            /* A character is taken whole or not at all. */
            size_t len = slice_cut(slice_text(c), byte < 0x80   ? 1
                                                  : byte < 0xE0 ? 2
                                                  : byte < 0xF0 ? 3
                                                                : 4);
            (void)slice_copy((struct slice){c, len ? len : 1}, escaped, sizeof escaped);
            c += len ? len - 1 : 0;
        }
        size_t len = strlen(escaped);
        if (len + 2 > size - at) {
            break;
        }
        memcpy(out + at, escaped, len);
        at += len;
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}

void log_problem(enum log_level level, const struct problem *problem)
{
    /* A quote can double each byte, and six-fold a control character. */
    char text[sizeof problem->text * 2];
    char hint[sizeof problem->hint * 2];

    log_quote(problem->text, text, sizeof text);
    if (problem->hint[0]) {
        log_quote(problem->hint, hint, sizeof hint);
        log_line(level, problem_name(problem->code), "text=%s hint=%s", text, hint);
    } else {
        log_line(level, problem_name(problem->code), "text=%s", text);
    }
}
