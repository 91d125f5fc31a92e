/*
 * GET /api/v1/visits: pages by cursor, and the whole list as CSV or NDJSON. A cursor is the place
 * of the last row in the order of the list, so rows that arrive meanwhile move nothing.
 */
#include "api/handlers.h"

#include "api/filter.h"
#include "api/respond.h"
#include "api/visit_cursor.h"
#include "api/visit_row.h"
#include "proto/event.h"
#include "proto/localtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MOST 1000
/* Rows that one page looks at: a tenth of a second. A page that meets it ends early. */
#define WORK_MOST 50000

enum format {
    FORMAT_JSON,
    FORMAT_CSV,
    FORMAT_NDJSON
};

struct list {
    struct request *request;
    struct json_writer writer;
    enum format format;
    int64_t count;
    struct history_query query;
    char status[LIMIT_TEXT + 1], central[LIMIT_TEXT + 1], lot[LIMIT_TEXT + 1];
    char anomaly[LIMIT_TEXT + 1];
    char plate[LIMIT_TEXT + 1];
};

/* '+' means itself: nobody who writes an offset thinks of it as a blank. */
int visit_list_time(struct request *request, const char *name, int64_t *out)
{
    struct slice raw = request_query(request, name);
    char text[64];

    if (raw.data == NULL) {
        return 0;
    }
    if (request_decode(raw, false, text, sizeof text) &&
        localtime_parse(slice_text(text), out) == 0) {
        return 0;
    }
    return filter_refuse(request, name, "a time like 2026-11-22T08:15:03+07:00 is expected");
}

static int read_plate(struct request *request, struct list *list)
{
    static const struct {
        const char *name;
        enum history_match match;
    } ways[] = {
        {"plate", HISTORY_EXACT}, {"plate_prefix", HISTORY_PREFIX}, {"plate_part", HISTORY_PART}};
    int given = 0;

    for (size_t i = 0; i < 3; i++) {
        if (request_query(request, ways[i].name).data == NULL) {
            continue;
        }
        if (request_query_text(request, ways[i].name, list->plate, sizeof list->plate) != 0) {
            return -1;
        }
        list->query.match = ways[i].match;
        list->query.search = slice_text(list->plate);
        given++;
    }
    if (given > 1) {
        return filter_refuse(request, "plate", "only one of plate, plate_prefix and plate_part");
    }
    return request_query_bool(request, "lookalike", &list->query.look);
}

static int read_span(struct request *request, struct history_query *query)
{
    char by[16] = "entered";

    query->from_ms = INT64_MIN;
    query->to_ms = INT64_MAX;
    if (request_query_text(request, "by", by, sizeof by) != 0 ||
        visit_list_time(request, "from", &query->from_ms) != 0 ||
        visit_list_time(request, "to", &query->to_ms) != 0) {
        return -1;
    }
    query->has_span = true;
    if (strcmp(by, "entered") == 0) {
        query->span = HISTORY_BY_ENTRY;
    } else if (strcmp(by, "left") == 0) {
        query->span = HISTORY_BY_EXIT;
    } else if (strcmp(by, "inside") == 0) {
        query->span = HISTORY_BY_STAY;
    } else {
        return filter_refuse(request, "by", "entered, left or inside");
    }
    return query->from_ms <= query->to_ms ? 0 : filter_refuse(request, "to", "is before from");
}

static int read_cursor(struct request *request, struct history_query *query)
{
    char text[64] = "";

    if (request_query(request, "cursor").data == NULL) {
        return 0;
    }
    if (request_query_text(request, "cursor", text, sizeof text) != 0) {
        return -1;
    }
    query->has_after = visit_cursor_read(text, query->span, &query->after);
    return query->has_after ? 0
                            : filter_refuse(request, "cursor",
                                            "not one of this list; take `next` of its last page");
}

static int read_texts(struct request *request, struct list *list)
{
    enum visit_status status;

    if (request_query_text(request, "status", list->status, sizeof list->status) != 0 ||
        request_query_text(request, "central", list->central, sizeof list->central) != 0 ||
        request_query_text(request, "lot", list->lot, sizeof list->lot) != 0 ||
        request_query_text(request, "anomaly", list->anomaly, sizeof list->anomaly) != 0) {
        return -1;
    }
    if (list->status[0] != '\0' && visit_status_parse(slice_text(list->status), &status) != 0) {
        return filter_refuse(request, "status", "IN, OUT, SUPERSEDED or DELETED");
    }
    if (strcmp(list->anomaly, "any") != 0 &&
        filter_code(request, "anomaly", slice_text(list->anomaly), "any, ") != 0) {
        return -1;
    }
    list->query.status = list->status[0] != '\0' ? list->status : NULL;
    list->query.central = slice_text(list->central);
    list->query.lot = slice_text(list->lot);
    list->query.anomaly = slice_text(list->anomaly);
    return 0;
}

static int read_format(struct request *request, enum format *format)
{
    const char *accept = mg_get_header(request->connection, "Accept");
    char name[16] = "";

    *format = FORMAT_JSON;
    if (request_query_text(request, "format", name, sizeof name) != 0) {
        return -1;
    }
    if (strcmp(name, "csv") == 0 || (name[0] == '\0' && accept && strstr(accept, "text/csv"))) {
        *format = FORMAT_CSV;
    } else if (strcmp(name, "ndjson") == 0 ||
               (name[0] == '\0' && accept && strstr(accept, "application/x-ndjson"))) {
        *format = FORMAT_NDJSON;
    } else if (name[0] != '\0' && strcmp(name, "json") != 0) {
        return filter_refuse(request, "format", "json, csv or ndjson");
    }
    return 0;
}

static int read_query(struct request *request, struct list *list)
{
    static const char *const filters[] = {"plate",   "plate_prefix", "plate_part", "status",
                                          "central", "lot",          "anomaly"};
    struct history_query *query = &list->query;

    if (filter_check(request, filters, sizeof filters / sizeof filters[0]) != 0 ||
        read_format(request, &list->format) != 0 || read_plate(request, list) != 0 ||
        read_span(request, query) != 0 || read_texts(request, list) != 0 ||
        read_cursor(request, query) != 0) {
        return -1;
    }
    query->limit = list->format == FORMAT_JSON ? LIMIT_DEFAULT : -1;
    query->work = list->format == FORMAT_JSON ? WORK_MOST : 0;
    if (request_query(request, "limit").data == NULL) {
        return 0;
    }
    if (request_query_int(request, "limit", &query->limit) != 0) {
        return -1;
    }
    if (query->limit < 1 || (list->format == FORMAT_JSON && query->limit > LIMIT_MOST)) {
        return filter_refuse(request, "limit", "1 to 1000; more with format=csv or ndjson");
    }
    return 0;
}

static int each_visit(void *context, const struct visit *visit)
{
    struct list *list = context;

    list->count++;
    if (list->format == FORMAT_CSV) {
        visit_row_csv(list->writer.out, visit);
    } else if (list->format == FORMAT_NDJSON) {
        list->writer.comma = false;
        visit_row_json(&list->writer, visit);
        (void)buffer_append(list->writer.out, "\n", 1);
    } else {
        visit_row_json(&list->writer, visit);
    }
    return respond_flow(list->request) != 0 ? 1 : 0;
}

static void start(struct list *list)
{
    list->writer = respond_json(list->request);
    if (list->format == FORMAT_CSV) {
        respond_type(list->request, "text/csv; charset=utf-8; header=present");
        visit_row_csv_head(list->writer.out);
    } else if (list->format == FORMAT_NDJSON) {
        respond_type(list->request, "application/x-ndjson; charset=utf-8");
    } else {
        json_put_open(&list->writer, '{');
        json_put_key(&list->writer, "visits");
        json_put_open(&list->writer, '[');
    }
}

static void finish(struct list *list, const struct history_key *next, bool more)
{
    char cursor[VISIT_CURSOR];

    if (list->format == FORMAT_JSON) {
        json_put_close(&list->writer, ']');
        json_set_int(&list->writer, "count", list->count);
        visit_cursor_print(list->query.span, next, cursor);
        json_set_text(&list->writer, "next", more ? cursor : "");
        json_put_close(&list->writer, '}');
    }
    respond_send(list->request, 200);
}

void visit_list_get(struct request *request)
{
    struct list list = {.request = request};
    struct problem problem = {.code = PROBLEM_OK};
    struct history_key next = {0, 0};
    struct history *history;
    bool more = false, dump;
    int rc;

    if (read_query(request, &list) != 0) {
        return;
    }
    dump = list.format != FORMAT_JSON;
    history = readers_take(request->gateway->readers, dump, &problem);
    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    start(&list);
    rc = history_list(history, &list.query, each_visit, &list, &next, &more, &problem);
    readers_give(request->gateway->readers, dump, &history);
    if (rc != 0) {
        respond_cut(request, &problem);
    } else {
        finish(&list, &next, more);
    }
}
