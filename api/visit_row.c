#include "api/visit_row.h"

#include "proto/event.h"
#include "proto/localtime.h"
#include "storage/visit_field.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Behind the facts of the visit: what this central has to say of its row. */
enum {
    ETAG = VISIT_FIELDS,
    CREATED_AT,
    UPDATED_AT,
    COLUMNS
};

/* The columns of a visit, with the texts that live here. */
struct row {
    struct feed_field columns[COLUMNS];
    char etag[33], created_at[32], updated_at[32];
};

void visit_row_etag(const struct visit *visit, char out[33])
{
    digest_hex(&visit->digest, out);
}

void visit_row_time(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[LOCALTIME_RFC3339];

    json_put_key(writer, key);
    if (ms == EVENT_NONE) {
        json_put_nothing(writer);
        return;
    }
    localtime_rfc3339(ms, text);
    json_put_string(writer, text);
}

/* "2026-11-22 01:15:03", UTC, as RFC 3339; anything else as it is. */
static struct slice stamp(struct slice text, char out[32])
{
    if (text.len != 19 || text.data[10] != ' ') {
        return text;
    }
    (void)snprintf(out, 32, "%.10sT%.8sZ", text.data, text.data + 11);
    return slice_text(out);
}

static void take(const struct visit *visit, struct row *row)
{
    struct feed_field *columns = row->columns;

    visit_fields(visit, columns);
    visit_row_etag(visit, row->etag);
    columns[ETAG] =
        (struct feed_field){.name = "etag", .type = FEED_TEXT, .text = slice_text(row->etag)};
    columns[CREATED_AT] = (struct feed_field){.name = "created_at",
                                              .text = stamp(visit->created_at, row->created_at)};
    columns[UPDATED_AT] = (struct feed_field){.name = "updated_at",
                                              .text = stamp(visit->updated_at, row->updated_at)};
}

static void put_column(struct json_writer *writer, const struct feed_field *column)
{
    if (column->type == FEED_TIME) {
        visit_row_time(writer, column->name, column->integer);
        return;
    }
    json_put_key(writer, column->name);
    if (column->type == FEED_TEXT) {
        json_put_text(writer, column->text);
    } else if (column->type == FEED_ID) {
        json_put_id(writer, column->text);
    } else if (column->type == FEED_REAL) {
        json_put_number(writer, column->real);
    } else if (column->type == FEED_BOOL) {
        json_put_bool(writer, column->integer != 0);
    } else if (column->integer == EVENT_NONE) {
        json_put_nothing(writer);
    } else {
        json_put_int(writer, column->integer);
    }
}

void visit_row_json(struct json_writer *writer, const struct visit *visit)
{
    struct row row;

    take(visit, &row);
    json_put_open(writer, '{');
    for (size_t i = 0; i < COLUMNS; i++) {
        put_column(writer, &row.columns[i]);
    }
    json_put_close(writer, '}');
}

/* A spreadsheet runs what begins like this; behind apostrophes too, so that who reads the file
 * takes just the one away that was put there. */
static bool is_formula(struct slice text)
{
    size_t i = 0;

    while (i < text.len && text.data[i] == '\'') {
        i++;
    }
    return i < text.len && text.data[i] != '\0' && strchr("=+-@\t\r\n|", text.data[i]) != NULL;
}

/* What fails shows in the buffer. */
static void csv_text(struct buffer *out, struct slice text)
{
    if (text.len == 0) {
        return;
    }
    (void)buffer_append(out, "\"", 1);
    if (is_formula(text)) {
        (void)buffer_append(out, "'", 1);
    }
    for (size_t i = 0; i < text.len; i++) {
        (void)buffer_append(out, "\"\"", text.data[i] == '"' ? 2 : 0);
        if (text.data[i] != '"') {
            (void)buffer_append(out, &text.data[i], 1);
        }
    }
    (void)buffer_append(out, "\"", 1);
}

static void csv_column(struct buffer *out, const struct feed_field *column)
{
    char text[LOCALTIME_RFC3339], number[JSON_NUMBER];

    if (column->type == FEED_TEXT || column->type == FEED_ID) {
        csv_text(out, column->text);
    } else if (column->type == FEED_REAL) {
        if (isfinite(column->real)) {
            (void)json_number_text(column->real, number);
            (void)buffer_printf(out, "%s", number);
        }
    } else if (column->type == FEED_BOOL) {
        (void)buffer_printf(out, "%s", column->integer ? "true" : "false");
    } else if (column->integer == EVENT_NONE) {
        return;
    } else if (column->type == FEED_TIME) {
        localtime_rfc3339(column->integer, text);
        (void)buffer_printf(out, "%s", text);
    } else {
        (void)buffer_printf(out, "%" PRId64, column->integer);
    }
}

void visit_row_csv_head(struct buffer *out)
{
    struct visit nothing;
    struct row row;

    visit_init(&nothing);
    take(&nothing, &row);
    for (size_t i = 0; i < COLUMNS; i++) {
        (void)buffer_printf(out, "%s%s", i > 0 ? "," : "", row.columns[i].name);
    }
    (void)buffer_append(out, "\r\n", 2);
}

void visit_row_csv(struct buffer *out, const struct visit *visit)
{
    struct row row;

    take(visit, &row);
    for (size_t i = 0; i < COLUMNS; i++) {
        (void)buffer_append(out, ",", i > 0 ? 1 : 0);
        csv_column(out, &row.columns[i]);
    }
    (void)buffer_append(out, "\r\n", 2);
}
