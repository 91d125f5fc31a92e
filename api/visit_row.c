#include "api/visit_row.h"

#include "proto/event.h"
#include "proto/localtime.h"
#include "proto/tariff.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum cell_kind {
    CELL_TEXT,
    CELL_ID, /* a number where it is one */
    CELL_INTEGER,
    CELL_NUMBER,
    CELL_TIME,
    CELL_BOOL
};

struct cell {
    const char *name;
    enum cell_kind kind;
    struct slice text;
    int64_t integer; /* EVENT_NONE = absent; CELL_TIME: ms */
    double number;
};

#define CELLS 29
#define TEXT(key, value)                              \
    (struct cell)                                     \
    {                                                 \
        .name = key, .kind = CELL_TEXT, .text = value \
    }
#define ID(key, value)                              \
    (struct cell)                                   \
    {                                               \
        .name = key, .kind = CELL_ID, .text = value \
    }
#define INTEGER(key, value)                                 \
    (struct cell)                                           \
    {                                                       \
        .name = key, .kind = CELL_INTEGER, .integer = value \
    }
#define NUMBER(key, value)                                \
    (struct cell)                                         \
    {                                                     \
        .name = key, .kind = CELL_NUMBER, .number = value \
    }
#define TIME(key, value)                                 \
    (struct cell)                                        \
    {                                                    \
        .name = key, .kind = CELL_TIME, .integer = value \
    }
#define BOOL(key, value)                                 \
    (struct cell)                                        \
    {                                                    \
        .name = key, .kind = CELL_BOOL, .integer = value \
    }

void visit_row_etag(const struct visit *visit, char out[33])
{
    digest_hex(&visit->digest, out);
}

static int64_t duration(const struct visit *visit)
{
    return visit->exit_ms == EVENT_NONE ? EVENT_NONE
                                        : tariff_seconds(visit->entry_ms, visit->exit_ms);
}

static void fill(const struct visit *visit, const char *etag, struct cell cells[CELLS])
{
    const struct cell all[CELLS] = {
        TEXT("event_id", visit->event_id),
        TEXT("status", slice_text(visit_status_name(visit->status))),
        TEXT("plate_id", visit->plate_id),
        TEXT("plate_view", visit->plate_view),
        TIME("entry_time", visit->entry_ms),
        TEXT("entry_central", visit->source_central),
        ID("entry_camera_id", visit->entry_camera_id),
        TEXT("entry_camera_name", visit->entry_camera_name),
        TEXT("entry_source", visit->entry_source),
        NUMBER("entry_confidence", visit->entry_confidence),
        TIME("exit_time", visit->exit_ms),
        TEXT("exit_central", visit->exit_central),
        ID("exit_camera_id", visit->exit_camera_id),
        TEXT("exit_camera_name", visit->exit_camera_name),
        TEXT("exit_source", visit->exit_source),
        NUMBER("exit_confidence", visit->exit_confidence),
        INTEGER("duration_s", duration(visit)),
        INTEGER("fee", visit->fee == EVENT_NONE ? 0 : visit->fee),
        TEXT("lot", visit->last_location),
        TIME("lot_time", visit->last_location_ms),
        TEXT("superseded_by", visit->superseded_by),
        BOOL("is_anomaly", visit->is_anomaly),
        BOOL("suspect", visit->suspect),
        TEXT("edge_id", visit->edge_id),
        INTEGER("id", visit->id),
        INTEGER("revision", visit->revision),
        TEXT("etag", slice_text(etag)),
        TEXT("created_at", visit->created_at),
        TEXT("updated_at", visit->updated_at),
    };
    memcpy(cells, all, sizeof all);
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

static void put_cell(struct json_writer *writer, const struct cell *cell)
{
    if (cell->kind == CELL_TIME) {
        visit_row_time(writer, cell->name, cell->integer);
        return;
    }
    json_put_key(writer, cell->name);
    if (cell->kind == CELL_TEXT) {
        json_put_text(writer, cell->text);
    } else if (cell->kind == CELL_ID) {
        json_put_id(writer, cell->text);
    } else if (cell->kind == CELL_NUMBER) {
        json_put_number(writer, cell->number);
    } else if (cell->kind == CELL_BOOL) {
        json_put_bool(writer, cell->integer != 0);
    } else if (cell->integer == EVENT_NONE) {
        json_put_nothing(writer);
    } else {
        json_put_int(writer, cell->integer);
    }
}

/* The cells of a visit, with texts that live in `etag` and `stamps`. */
static void take(const struct visit *visit, char etag[33], char stamps[2][32],
                 struct cell cells[CELLS])
{
    visit_row_etag(visit, etag);
    fill(visit, etag, cells);
    for (size_t i = 0; i < 2; i++) {
        cells[CELLS - 2 + i].text = stamp(cells[CELLS - 2 + i].text, stamps[i]);
    }
}

void visit_row_json(struct json_writer *writer, const struct visit *visit)
{
    struct cell cells[CELLS];
    char etag[33], stamps[2][32];

    take(visit, etag, stamps, cells);
    json_put_open(writer, '{');
    for (size_t i = 0; i < CELLS; i++) {
        put_cell(writer, &cells[i]);
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

static void csv_cell(struct buffer *out, const struct cell *cell)
{
    char text[LOCALTIME_RFC3339], number[JSON_NUMBER];

    if (cell->kind == CELL_TEXT || cell->kind == CELL_ID) {
        csv_text(out, cell->text);
    } else if (cell->kind == CELL_NUMBER) {
        if (isfinite(cell->number)) {
            (void)json_number_text(cell->number, number);
            (void)buffer_printf(out, "%s", number);
        }
    } else if (cell->kind == CELL_BOOL) {
        (void)buffer_printf(out, "%s", cell->integer ? "true" : "false");
    } else if (cell->integer == EVENT_NONE) {
        return;
    } else if (cell->kind == CELL_TIME) {
        localtime_rfc3339(cell->integer, text);
        (void)buffer_printf(out, "%s", text);
    } else {
        (void)buffer_printf(out, "%" PRId64, cell->integer);
    }
}

void visit_row_csv_head(struct buffer *out)
{
    struct cell cells[CELLS];
    struct visit nothing;

    visit_init(&nothing);
    fill(&nothing, NULL, cells);
    for (size_t i = 0; i < CELLS; i++) {
        (void)buffer_printf(out, "%s%s", i > 0 ? "," : "", cells[i].name);
    }
    (void)buffer_append(out, "\r\n", 2);
}

void visit_row_csv(struct buffer *out, const struct visit *visit)
{
    struct cell cells[CELLS];
    char etag[33], stamps[2][32];

    take(visit, etag, stamps, cells);
    for (size_t i = 0; i < CELLS; i++) {
        (void)buffer_append(out, ",", i > 0 ? 1 : 0);
        csv_cell(out, &cells[i]);
    }
    (void)buffer_append(out, "\r\n", 2);
}
