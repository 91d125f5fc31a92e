#include "api/handlers.h"

#include "api/decision.h"
#include "api/filter.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/localtime.h"

#include <stdlib.h>
#include <string.h>

/* An answer with more rows than this counts as a dump: it may hold a database handle for long. */
#define VISITS_DUMP_ROWS 1000

/* ---- rows ------------------------------------------------------------------------------------ */

/* Every column of the existing system under its name, then what is new. */
static void put_row(struct json_writer *writer, const struct visit *visit)
{
    json_put_open(writer, '{');
    json_set_int(writer, "id", visit->id);
    json_set_slice(writer, "event_id", visit->event_id);
    json_set_slice(writer, "source_central", visit->source_central);
    json_set_slice(writer, "edge_id", visit->edge_id);
    json_set_slice(writer, "plate_id", visit->plate_id);
    json_set_slice(writer, "plate_view", visit->plate_view);
    json_set_slice(writer, "entry_time", visit->entry_time);
    json_set_id(writer, "entry_camera_id", visit->entry_camera_id);
    json_set_slice(writer, "entry_camera_name", visit->entry_camera_name);
    json_set_number(writer, "entry_confidence", visit->entry_confidence);
    json_set_slice(writer, "entry_source", visit->entry_source);
    json_set_slice(writer, "exit_time", visit->exit_time);
    json_set_id(writer, "exit_camera_id", visit->exit_camera_id);
    json_set_slice(writer, "exit_camera_name", visit->exit_camera_name);
    json_set_number(writer, "exit_confidence", visit->exit_confidence);
    json_set_slice(writer, "exit_source", visit->exit_source);
    json_set_slice(writer, "duration", visit->duration);
    json_set_int(writer, "fee", visit->fee == EVENT_NONE ? 0 : visit->fee);
    json_set_slice(writer, "status", slice_text(visit_status_name(visit->status)));
    json_set_slice(writer, "sync_status", slice_text(visit->synced ? "SYNCED" : "LOCAL"));
    json_set_slice(writer, "created_at", visit->created_at);
    json_set_slice(writer, "updated_at", visit->updated_at);
    json_set_slice(writer, "last_location", visit->last_location);
    json_set_slice(writer, "last_location_time", visit->last_location_time);
    json_set_int(writer, "is_anomaly", visit->is_anomaly ? 1 : 0); /* clients test for === 1 */
    json_set_slice(writer, "exit_central", visit->exit_central);
    json_set_slice(writer, "superseded_by", visit->superseded_by);
    json_set_known(writer, "entry_ms", visit->entry_ms, EVENT_NONE);
    json_set_known(writer, "exit_ms", visit->exit_ms, EVENT_NONE);
    json_set_int(writer, "revision", visit->revision);
    json_set_bool(writer, "suspect", visit->suspect);
    json_put_close(writer, '}');
}

/* A list under way: rows go out as they come, the count follows them. */
struct listing {
    struct request *request;
    struct json_writer writer;
    int64_t count;
};

static void listing_start(struct listing *listing, struct request *request, const char *name)
{
    *listing = (struct listing){.request = request, .writer = respond_json(request)};
    json_put_open(&listing->writer, '{');
    json_set_bool(&listing->writer, "success", true);
    json_put_key(&listing->writer, name);
    json_put_open(&listing->writer, '[');
}

/* 1 stops: the client is gone. */
static int listing_next(struct listing *listing)
{
    listing->count++;
    return respond_flow(listing->request) != 0 ? 1 : 0;
}

static int each_visit(void *context, const struct visit *visit)
{
    struct listing *listing = context;

    put_row(&listing->writer, visit);
    return listing_next(listing);
}

/* ---- GET /api/parking/history ---------------------------------------------------------------- */

struct filter {
    struct history_query query;
    char status[32], search[LIMIT_TEXT + 1];
};

static int read_filter(struct request *request, struct filter *filter)
{
    struct history_query *query = &filter->query;
    bool inside_only = false, entries_only = false;

    *filter = (struct filter){.query = {.limit = 100, .now_ms = clock_wall_ms()}};
    if (request_query_int(request, "limit", &query->limit) != 0 ||
        request_query_int(request, "offset", &query->offset) != 0 ||
        request_query_bool(request, "today_only", &query->today_only) != 0 ||
        request_query_bool(request, "in_parking_only", &inside_only) != 0 ||
        request_query_bool(request, "entries_only", &entries_only) != 0 ||
        request_query_text(request, "status", filter->status, sizeof filter->status) != 0 ||
        filter_length(request, "search", LIMIT_TEXT) != 0 ||
        request_query_text(request, "search", filter->search, sizeof filter->search) != 0) {
        return -1;
    }
    if (query->limit < 0) {
        query->limit = -1;
    }
    if (query->offset < 0) {
        query->offset = 0;
    }
    if (inside_only) {
        query->status = "IN";
    } else if (!entries_only && filter->status[0] != '\0') {
        query->status = filter->status;
    }
    if (filter->search[0] != '\0') {
        query->search = slice_text(filter->search);
    }
    return 0;
}

void visits_list(struct request *request)
{
    struct filter filter;
    struct listing listing;
    struct history *history;
    struct history_stats stats;
    struct problem problem = {.code = PROBLEM_OK};
    bool dump;
    int rc;

    if (read_filter(request, &filter) != 0) {
        return;
    }
    dump = filter.query.limit < 0 || filter.query.limit > VISITS_DUMP_ROWS;
    history = readers_take(request->gateway->readers, dump, &problem);
    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    rc = history_stats(history, filter.query.now_ms, &stats, &problem);
    listing_start(&listing, request, "history");
    if (rc == 0) {
        rc = history_each(history, &filter.query, each_visit, &listing, &problem);
    }
    readers_give(request->gateway->readers, dump, &history);
    if (rc != 0) {
        respond_cut(request, &problem);
        return;
    }
    json_put_close(&listing.writer, ']');
    json_set_int(&listing.writer, "count", listing.count);
    json_put_key(&listing.writer, "stats");
    json_put_open(&listing.writer, '{');
    money_put_stats(&listing.writer, &stats);
    json_put_close(&listing.writer, '}');
    json_put_close(&listing.writer, '}');
    respond_send(request, 200);
}

/* ---- GET /api/parking/state ------------------------------------------------------------------ */

void visits_inside(struct request *request)
{
    struct history_query query = {.limit = -1, .now_ms = clock_wall_ms(), .status = "IN"};
    struct listing listing;
    struct history_stats stats;
    struct problem problem = {.code = PROBLEM_OK};
    struct history *history = readers_take(request->gateway->readers, true, &problem);
    int rc;

    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    rc = history_stats(history, query.now_ms, &stats, &problem);
    listing_start(&listing, request, "vehicles_in_parking");
    if (rc == 0) {
        rc = history_each(history, &query, each_visit, &listing, &problem);
    }
    readers_give(request->gateway->readers, true, &history);
    if (rc != 0) {
        respond_cut(request, &problem);
        return;
    }
    json_put_close(&listing.writer, ']');
    json_put_key(&listing.writer, "stats");
    json_put_open(&listing.writer, '{');
    money_put_stats(&listing.writer, &stats);
    json_put_close(&listing.writer, '}');
    json_put_close(&listing.writer, '}');
    respond_send(request, 200);
}

/* ---- GET /api/parking/history/changes -------------------------------------------------------- */

/* A row as somebody saw it. It may come from another central, so it is looked at before it is taken
 * as JSON. */
static void put_seen(struct json_writer *writer, const char *key, struct slice json)
{
    json_t *value = json.len > 0 ? json_read_object(json, NULL) : NULL;

    json_put_key(writer, key);
    if (value != NULL) {
        json_put_raw(writer, json);
    } else {
        json_put_nothing(writer);
    }
    json_decref(value);
}

/* The row as it was seen, with the new plate; for free(). NULL when there is no new plate, or bytes
 * that are no text. */
static char *with_new_plate(const struct history_change *change)
{
    const struct slice *id = &change->new_plate_id, *view = &change->new_plate_view;
    char *text = NULL;
    json_t *row;

    if (id->data == NULL || view->data == NULL || change->old_data.len == 0 ||
        (slice_equal(change->old_plate_id, *id) && slice_equal(change->old_plate_view, *view))) {
        return NULL;
    }
    row = json_read_object(change->old_data, NULL);
    if (row != NULL && json_object_set_new(row, "plate_id", json_stringn(id->data, id->len)) == 0 &&
        json_object_set_new(row, "plate_view", json_stringn(view->data, view->len)) == 0) {
        text = json_dumps(row, JSON_COMPACT);
    }
    json_decref(row);
    return text;
}

/* The row that a change of the plate was to make. A change of times alone is not told here; the
 * visit's story has it. */
static void put_wanted(struct json_writer *writer, const struct history_change *change)
{
    char *text = change->new_data.len == 0 ? with_new_plate(change) : NULL;

    put_seen(writer, "new_data", text != NULL ? slice_text(text) : change->new_data);
    free(text);
}

static int each_change(void *context, const struct history_change *change)
{
    struct listing *listing = context;
    struct json_writer *writer = &listing->writer;

    json_put_open(writer, '{');
    json_set_int(writer, "id", change->id);
    json_set_known(writer, "history_id", change->history_id, 0);
    json_set_slice(writer, "event_id", change->event_id);
    json_set_slice(writer, "change_type", change->change_type);
    json_set_slice(writer, "old_plate_id", change->old_plate_id);
    json_set_slice(writer, "old_plate_view", change->old_plate_view);
    json_set_slice(writer, "new_plate_id", change->new_plate_id);
    json_set_slice(writer, "new_plate_view", change->new_plate_view);
    put_seen(writer, "old_data", change->old_data);
    put_wanted(writer, change);
    json_set_slice(writer, "changed_at", change->changed_at);
    json_set_slice(writer, "changed_by", change->changed_by);
    json_set_slice(writer, "reason", change->reason);
    json_set_slice(writer, "source_central", change->source_central);
    json_put_close(writer, '}');
    return listing_next(listing);
}

void visits_changes(struct request *request)
{
    struct listing listing;
    struct problem problem = {.code = PROBLEM_OK};
    struct history *history;
    int64_t limit = 100, offset = 0, history_id = 0;
    bool dump;
    int rc;

    if (request_query_int(request, "limit", &limit) != 0 ||
        request_query_int(request, "offset", &offset) != 0 ||
        request_query_int(request, "history_id", &history_id) != 0) {
        return;
    }
    dump = limit < 0 || limit > VISITS_DUMP_ROWS;
    history = readers_take(request->gateway->readers, dump, &problem);
    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    listing_start(&listing, request, "changes");
    rc = history_changes(history, history_id, limit < 0 ? -1 : limit, offset < 0 ? 0 : offset,
                         each_change, &listing, &problem);
    readers_give(request->gateway->readers, dump, &history);
    if (rc != 0) {
        respond_cut(request, &problem);
        return;
    }
    json_put_close(&listing.writer, ']');
    json_set_int(&listing.writer, "count", listing.count);
    json_put_close(&listing.writer, '}');
    respond_send(request, 200);
}

/* ---- PUT and DELETE /api/parking/history/{id} ------------------------------------------------ */

/* A corrected time. 0, or -1 when it is there and is none. */
static int read_time(const json_t *object, const char *key, int64_t *out)
{
    const json_t *member = json_object_get(object, key);

    *out = EVENT_NONE;
    if (member == NULL || json_is_null(member)) {
        return 0;
    }
    return localtime_parse(json_member_text(object, key), out);
}

static int read_edit(struct request *request, const json_t *body, struct command *command)
{
    command->plate_text = json_member_text(body, "plate_id");
    command->plate_view = json_member_text(body, "plate_view");
    if (command->plate_text.len == 0 || command->plate_view.len == 0) {
        respond_error(request, PROBLEM_FIELD_INVALID, "plate_id và plate_view là bắt buộc");
        return -1;
    }
    if (command->plate_text.len > LIMIT_TEXT || command->plate_view.len > LIMIT_TEXT) {
        respond_error(request, PROBLEM_PLATE_UNUSABLE, "Biển số quá dài");
        return -1;
    }
    if (read_time(body, "entry_time", &command->entry_ms) != 0 ||
        read_time(body, "exit_time", &command->exit_ms) != 0) {
        respond_error(request, PROBLEM_FIELD_INVALID,
                      "entry_time và exit_time phải có dạng YYYY-MM-DD HH:MM:SS");
        return -1;
    }
    return 0;
}

/* Asks for the change and answers the request. */
static void change(struct request *request, struct command *command, const json_t *body)
{
    struct json_writer writer;
    struct answer answer;

    command->author = caller_author(request, body);
    command->reason = request_reason(body);
    if (decision_ask(request, command, &answer) != 0) {
        return;
    }
    if (answer.code != PROBLEM_OK) {
        decision_refuse(request, &answer);
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    decision_put(&writer, &answer);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* The row that the path names. 0, or -1 after an answer. */
static int read_id(struct request *request, struct command *command)
{
    if (request_path_id(request, "history_id", &command->history_id) != 0) {
        return -1;
    }
    if (command->history_id > 0) {
        return 0;
    }
    respond_error(request, PROBLEM_VISIT_UNKNOWN, "Không tìm thấy lượt gửi xe");
    return -1;
}

void visits_edit(struct request *request)
{
    struct command command;
    json_t *body;

    command_init(&command, COMMAND_EDIT);
    if (read_id(request, &command) != 0) {
        return;
    }
    body = request_object(request);
    if (body == NULL) {
        return;
    }
    if (read_edit(request, body, &command) == 0) {
        change(request, &command, body);
    }
    json_decref(body);
}

/* Existing pages send no body; a newer one may say who and why. */
void visits_delete(struct request *request)
{
    struct command command;
    json_t *body;

    command_init(&command, COMMAND_DELETE);
    if (read_id(request, &command) != 0 || request_optional_object(request, &body) != 0) {
        return;
    }
    change(request, &command, body);
    json_decref(body);
}
