/*
 * GET /api/v1/conflicts: what the fold listed for a person to look at: both sides, the rule, and
 * what to do. Where the visit stands by itself (an orphan exit), there is one side.
 */
#include "api/handlers.h"

#include "api/filter.h"
#include "api/respond.h"
#include "api/rule.h"
#include "api/visit_row.h"
#include "proto/event.h"
#include "proto/plate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 50
#define CURSOR_TEXT 512

struct list {
    struct request *request;
    struct json_writer writer;
    struct history *sides; /* reads the visits of a conflict */
    int64_t count, limit;
    int64_t to_ms;
    char cursor[CURSOR_TEXT]; /* of the last row */
};

/* Only letters that need no escaping in a query: time.node.epoch.seq.code.plate */
static void print_cursor(const struct history_conflict *row, char out[CURSOR_TEXT])
{
    (void)snprintf(out, CURSOR_TEXT, "%" PRId64 "~%.*s~%" PRIu64 "~%" PRIu64 "~%.*s~%.*s", row->t,
                   (int)row->node.len, row->node.data, row->epoch, row->seq, (int)row->code.len,
                   row->code.data, (int)row->plate_id.len, row->plate_id.data);
}

/* The text up to the next '~'; moves behind it. */
static struct slice part(char **text)
{
    char *end = strchr(*text, '~');
    struct slice found = {*text, end != NULL ? (size_t)(end - *text) : strlen(*text)};

    *text = end != NULL ? end + 1 : *text + found.len;
    return found;
}

static int read_cursor(struct request *request, char text[CURSOR_TEXT],
                       struct history_conflict *after)
{
    char again[CURSOR_TEXT], *rest = text;

    after->t = strtoll(part(&rest).data, NULL, 10);
    after->node = part(&rest);
    after->epoch = strtoull(part(&rest).data, NULL, 10);
    after->seq = strtoull(part(&rest).data, NULL, 10);
    after->code = part(&rest);
    after->plate_id = part(&rest);
    print_cursor(after, again);
    if (strcmp(text, again) == 0) {
        return 0;
    }
    respond_error(request, PROBLEM_PARAMETER_INVALID,
                  "cursor: not one of this list; take `next` of its last page");
    return -1;
}

static void put_side(struct list *list, const char *key, struct slice event_id)
{
    struct problem problem;
    struct visit visit;

    json_put_key(&list->writer, key);
    if (event_id.len > 0 && history_find(list->sides, event_id, &visit, &problem) == 1) {
        visit_row_json(&list->writer, &visit);
    } else {
        json_put_nothing(&list->writer);
    }
}

static int each_conflict(void *context, const struct history_conflict *row)
{
    struct list *list = context;
    struct json_writer *writer = &list->writer;

    print_cursor(row, list->cursor);
    if (row->t >= list->to_ms) {
        return 0;
    }
    list->count++;
    json_put_open(writer, '{');
    json_set_slice(writer, "code", row->code);
    json_set_text(writer, "text", rule_text(row->code));
    json_set_text(writer, "advice", rule_advice(row->code));
    json_set_slice(writer, "plate_id", row->plate_id);
    visit_row_time(writer, "time", row->t);
    json_set_slice(writer, "event_id", row->visit);
    json_set_slice(writer, "other_event_id", row->other);
    put_side(list, "visit", row->visit);
    put_side(list, "other", row->other);
    json_put_key(writer, "position");
    json_put_open(writer, '{');
    json_set_slice(writer, "node", row->node);
    json_put_key(writer, "epoch");
    json_put_u64(writer, row->epoch);
    json_set_int(writer, "seq", (int64_t)row->seq);
    json_put_close(writer, '}');
    json_put_close(writer, '}');
    return respond_flow(list->request) != 0 ? 1 : 0;
}

struct filter {
    struct history_conflicts query;
    char code[LIMIT_TEXT + 1], plate[LIMIT_TEXT + 1], reduced[LIMIT_PLATE + 1],
        visit[LIMIT_EVENT_ID + 1];
    char cursor[CURSOR_TEXT];
    int64_t to_ms;
};

static int read_filter(struct request *request, struct filter *filter)
{
    static const char *const filters[] = {"code", "plate", "event_id"};
    struct history_conflicts *query = &filter->query;

    *filter = (struct filter){.query = {.limit = LIMIT_DEFAULT, .from_ms = INT64_MIN},
                              .to_ms = INT64_MAX};
    if (filter_check(request, filters, sizeof filters / sizeof filters[0]) != 0 ||
        request_query_int(request, "limit", &query->limit) != 0 ||
        request_query_text(request, "code", filter->code, sizeof filter->code) != 0 ||
        request_query_text(request, "plate", filter->plate, sizeof filter->plate) != 0 ||
        request_query_text(request, "event_id", filter->visit, sizeof filter->visit) != 0 ||
        request_query_text(request, "cursor", filter->cursor, sizeof filter->cursor) != 0 ||
        visit_list_time(request, "from", &query->from_ms) != 0 ||
        visit_list_time(request, "to", &filter->to_ms) != 0 ||
        filter_code(request, "code", slice_text(filter->code), "") != 0) {
        return -1;
    }
    if (query->limit < 1 || query->limit > LIMIT_PAGE_ROWS) {
        respond_error(request, PROBLEM_PARAMETER_INVALID, "limit: 1 to 256");
        return -1;
    }
    if (plate_reduce(slice_text(filter->plate), filter->reduced, sizeof filter->reduced) == 0 &&
        filter->plate[0] != '\0') {
        return filter_refuse(request, "plate", "letters or digits are expected");
    }
    query->code = slice_text(filter->code);
    query->plate = slice_text(filter->reduced);
    query->visit = slice_text(filter->visit);
    query->has_after = filter->cursor[0] != '\0';
    if (!query->has_after && filter->to_ms != INT64_MAX) {
        query->has_after = true; /* start below the end of the span */
        query->after = (struct history_conflict){.t = filter->to_ms,
                                                 .node = slice_text(""),
                                                 .code = slice_text(""),
                                                 .plate_id = slice_text("")};
        return 0;
    }
    return query->has_after ? read_cursor(request, filter->cursor, &query->after) : 0;
}

void conflicts_get(struct request *request)
{
    struct list list = {.request = request};
    struct filter filter;
    struct problem problem = {.code = PROBLEM_OK};
    bool more = false;
    int rc;

    if (read_filter(request, &filter) != 0) {
        return;
    }
    list.to_ms = filter.to_ms;
    list.sides = readers_take(request->gateway->readers, false, &problem);
    if (list.sides == NULL) {
        respond_problem(request, &problem);
        return;
    }
    list.writer = respond_json(request);
    json_put_open(&list.writer, '{');
    json_put_key(&list.writer, "conflicts");
    json_put_open(&list.writer, '[');
    rc = history_conflicts(list.sides, &filter.query, each_conflict, &list, &more, &problem);
    readers_give(request->gateway->readers, false, &list.sides);
    if (rc != 0) {
        respond_cut(request, &problem);
        return;
    }
    json_put_close(&list.writer, ']');
    json_set_int(&list.writer, "count", list.count);
    json_set_text(&list.writer, "next", more ? list.cursor : "");
    json_put_close(&list.writer, '}');
    respond_send(request, 200);
}
