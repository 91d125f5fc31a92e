/*
 * Errors as people see them: where, what, the line with a caret, a hint. The line never shows the
 * value of a secret: these messages end up in journals and in answers to browsers.
 */
#include "node/config_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERRORS_SHOWN 50   /* a foreign file may have thousands */
#define EXCERPT_CHARS 100 /* of a line; longer ones are cut around the caret */
#define EXCERPT_BEFORE 60 /* characters shown before the caret of a long line */

bool config_is_wrong(struct config_wrong *wrong, const char *hint, const char *format, ...)
{
    char text[sizeof wrong->what + 1];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* A cut message still helps. */
    (void)slice_copy(slice_text(len < 0 ? "" : text), wrong->what, sizeof wrong->what);
    (void)slice_copy(slice_text(hint ? hint : ""), wrong->hint, sizeof wrong->hint);
    return false;
}

void config_path_text(const struct config_path *path, char *out, size_t size)
{
    if (!path) {
        (void)slice_copy(slice_text(""), out, size); /* always fits */
        return;
    }
    char parent[200];
    char text[500];
    config_path_text(path->parent, parent, sizeof parent);
    if (path->key) {
        /* A key of the file may be longer than any name: cut. */
        snprintf(text, sizeof text, "%s%s%.200s", parent, path->parent ? "." : "", path->key);
    } else {
        snprintf(text, sizeof text, "%s[%zu]", parent, path->index);
    }
    (void)slice_copy(slice_text(text), out, size); /* cut: only for reading */
}

/* Copies [from, to) with secrets as stars and control characters as blanks; at most EXCERPT_CHARS
 * characters from the `skip`th on. */
static void append_masked(struct buffer *out, struct slice text, size_t from, size_t to,
                          size_t skip)
{
    size_t start = 0;
    size_t end = 0;
    size_t chars = 0;
    bool more = config_find_secret(text, 0, &start, &end);
    for (size_t i = from; i < to; i++) {
        while (more && end <= i) {
            more = config_find_secret(text, end, &start, &end);
        }
        unsigned char c = (unsigned char)text.data[i];
        bool first = (c & 0xC0) != 0x80;
        chars += first;
        if (chars <= skip || chars > skip + EXCERPT_CHARS) {
            continue;
        }
        bool hidden = more && i >= start;
        if (hidden && !first) {
            continue;
        }
        const char shown = hidden ? '*' : c < 0x20 || c == 0x7F ? ' ' : text.data[i];
        (void)buffer_append(out, &shown, 1); /* a full buffer says so itself */
    }
}

/* The line that holds `offset`, without its indentation, and a caret below. */
static void append_excerpt(struct buffer *out, struct slice text, size_t offset)
{
    offset = offset < text.len ? offset : text.len;
    size_t from = offset;
    while (from && text.data[from - 1] != '\n') {
        from--;
    }
    while (from < offset && (text.data[from] == ' ' || text.data[from] == '\t')) {
        from++;
    }
    size_t to = offset;
    while (to < text.len && text.data[to] != '\n' && text.data[to] != '\r') {
        to++;
    }
    size_t line = 0;
    size_t caret = 0;
    config_position((struct slice){text.data + from, to - from}, offset - from, &line, &caret);
    caret--;
    size_t skip = caret > EXCERPT_CHARS - 10 ? caret - EXCERPT_BEFORE : 0;
    (void)buffer_printf(out, "    %s", skip ? "..." : ""); /* as above, and below */
    append_masked(out, text, from, to, skip);
    (void)buffer_printf(out, "\n    %*s^\n", (int)(caret - skip + (skip ? 3 : 0)), "");
}

/* Counts an error and tells whether it is still shown. */
static bool count_error(struct config_report *report, const struct config_wrong *wrong)
{
    if (!report->hint[0]) {
        (void)slice_copy(slice_text(wrong->hint), report->hint, sizeof report->hint);
    }
    report->count++;
    if (report->count == ERRORS_SHOWN + 1) {
        (void)buffer_printf(report->errors, "%s%s more errors are not shown%s",
                            report->name ? report->name : ";", report->name ? ":" : "",
                            report->name ? "\n" : "");
    }
    return report->count <= ERRORS_SHOWN;
}

/* One sentence of the form without a file. */
static void append_sentence(struct config_report *report, const char *where,
                            const struct config_wrong *wrong)
{
    (void)buffer_printf(report->errors, "%s%s%s%s", report->count > 1 ? "; " : "", where,
                        *where ? ": " : "", wrong->what);
}

static void append_hint(struct buffer *out, const struct config_wrong *wrong)
{
    if (wrong->hint[0]) {
        (void)buffer_printf(out, "  hint: %s\n", wrong->hint);
    }
}

/* `path_text` is put before what is wrong, unless empty. */
static void append_message(struct config_report *report, struct buffer *out, size_t offset,
                           const char *kind, const char *path_text,
                           const struct config_wrong *wrong)
{
    size_t line = 0;
    size_t column = 0;
    config_position(report->text, offset, &line, &column);
    (void)buffer_printf(out, "%s:%zu:%zu: %s: %s%s%s\n", report->name, line, column, kind,
                        path_text, *path_text ? ": " : "", wrong->what);
    append_excerpt(out, report->text, offset);
    append_hint(out, wrong);
}

void config_error(struct config_report *report, const struct config_path *path, enum config_at at,
                  const struct config_wrong *wrong)
{
    char text[300];
    config_path_text(at == CONFIG_AT_KEY && path ? path->parent : path, text, sizeof text);
    if (!count_error(report, wrong)) {
        return;
    }
    if (!report->name) {
        append_sentence(report, text, wrong);
        return;
    }
    struct config_place place;
    bool found = config_locate(report->text, path, &place);
    report->told =
        report->told || (found && at == CONFIG_AT_VALUE && place.value == report->watched);
    append_message(report, report->errors, found && at == CONFIG_AT_VALUE ? place.value : place.key,
                   "error CONFIG_INVALID", at == CONFIG_AT_VALUE ? text : "", wrong);
}

void config_error_variable(struct config_report *report, const char *variable,
                           const struct config_wrong *wrong)
{
    if (!count_error(report, wrong)) {
        return;
    }
    if (!report->name) {
        append_sentence(report, variable, wrong);
        return;
    }
    (void)buffer_printf(report->errors, "environment variable %s: error CONFIG_INVALID: %s\n",
                        variable, wrong->what);
    append_hint(report->errors, wrong);
}

void config_error_offset(struct config_report *report, size_t offset,
                         const struct config_wrong *wrong)
{
    if (!count_error(report, wrong)) {
        return;
    }
    if (!report->name) {
        append_sentence(report, "", wrong);
        return;
    }
    append_message(report, report->errors, offset, "error CONFIG_INVALID", "", wrong);
}

void config_warning(struct config_report *report, const struct config_path *path,
                    enum problem_code code, const struct config_wrong *wrong)
{
    if (!report->warnings || !report->name) {
        return;
    }
    struct config_place place;
    char kind[64];
    char text[300];
    (void)config_locate(report->text, path, &place); /* else the nearest parent is shown */
    snprintf(kind, sizeof kind, "warning %s", problem_name(code));
    config_path_text(path, text, sizeof text);
    append_message(report, report->warnings, place.key, kind, text, wrong);
}
