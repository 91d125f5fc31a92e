/*
 * What happened elsewhere or before: visits of an export, of a database of the Python central or of
 * any list, and events of the past week. All of it is sent to the running central, which recognises
 * what it has; so to go on after an interruption is to do the same again.
 */
#include "node/commands.h"

#include "api/json.h"
#include "api/visit_row.h"
#include "node/record_file.h"
#include "node/sender.h"
#include "proto/clock.h"
#include "proto/ids.h"
#include "proto/limits.h"
#include "proto/localtime.h"
#include "storage/legacy_rows.h"

#include <inttypes.h>
#include <string.h>

/* ---- files of records ------------------------------------------------------------------------ */

static bool is_event(const json_t *record)
{
    return json_object_get(record, "kind") != NULL || json_object_get(record, "type") != NULL;
}

/* The central takes its own clock instead of a time that it does not believe: for events of the
 * past that would be wrong, so they are not sent. */
static int check_time(const json_t *event, struct problem *problem)
{
    const json_t *stamp = json_object_get(event, "timestamp");
    int64_t ms, now_ms = clock_wall_ms();

    if (json_is_number(stamp)) {
        ms = (int64_t)(json_number_value(stamp) * 1000);
    } else if (localtime_parse(json_member_text(event, "time"), &ms) != 0) {
        return problem_set(problem, PROBLEM_FIELD_INVALID, NULL,
                           "an event of the past needs a time, RFC 3339 with an offset");
    }
    if (ms < now_ms - LIMIT_DEVICE_LATE_MS || ms > now_ms + LIMIT_DEVICE_EARLY_MS) {
        return problem_set(problem, PROBLEM_FIELD_INVALID, NULL,
                           "a central believes events of the past 7 days only; visits may be of "
                           "any age");
    }
    return 0;
}

static int import_record(void *context, uint64_t line, json_t *record, const struct problem *bad,
                         struct problem *problem)
{
    struct sender *sender = context;
    struct problem late;

    if (record == NULL) {
        sender_refuse(sender, line, bad);
        return 0;
    }
    if (sender_aim(sender, is_event(record) ? &SENDER_EVENTS : &SENDER_VISITS, problem) != 0) {
        return -1;
    }
    if (is_event(record) && check_time(record, &late) != 0) {
        sender_refuse(sender, line, &late);
        return 0;
    }
    return sender_add(sender, line, record, problem);
}

/* ---- a database of the Python central -------------------------------------------------------- */

/* Times that the central takes only from who says that a clock was wrong. Here one was. */
static bool is_odd(const struct event *event)
{
    int64_t last_ms = clock_wall_ms() + LIMIT_PEOPLE_EARLY_MS;

    return event->t_eff > last_ms || event->exit_ms > last_ms ||
           (event->exit_ms != EVENT_NONE && event->exit_ms < event->t_eff);
}

/* As an export would tell the visit of a row. What the row does not say of its central, it says of
 * ours, as when that database was taken over at the start. NULL with a problem. */
static json_t *row_record(const struct legacy_row *row, const struct node_id *node,
                          struct problem *problem)
{
    struct buffer text = {0};
    struct json_writer writer = json_writer(&text);
    struct visit visit;
    struct event event = row->event;

    event.exit_central = legacy_rows_exit_central(&event, node);
    event.clock |= is_odd(&event) ? EVENT_CLOCK_SUSPECT : 0;
    visit_imported(&event, node, &visit);
    visit_row_json(&writer, &visit);
    json_t *record = json_read_object(buffer_slice(&text), problem);
    buffer_free(&text);
    return record;
}

static int import_row(const struct legacy_row *row, struct sender *sender, struct problem *problem)
{
    struct problem bad;
    json_t *record = row_record(row, &sender->api->id, &bad);
    int rc = 0;

    if (row->mended[0] != '\0') {
        terminal_progress_end(&sender->progress);
        (void)fprintf(stderr, "parkmesh: row %" PRId64 ": %s made no sense and was mended\n",
                      row->id, row->mended);
    }
    if (record == NULL) {
        sender_refuse(sender, (uint64_t)row->id, &bad);
    } else {
        rc = sender_add(sender, (uint64_t)row->id, record, problem);
    }
    json_decref(record);
    return rc;
}

static int import_database(const char *path, struct sender *sender, struct problem *problem)
{
    struct legacy_rows *rows;
    struct legacy_row row;
    int64_t last = 0;
    int more;

    if (legacy_rows_open(path, &rows, &last, problem) != 0) {
        return -1;
    }
    sender->place = "row";
    sender->progress = (struct terminal_progress){.what = "rows", .all = (uint64_t)last};
    while ((more = legacy_rows_next(rows, &row, problem)) > 0) {
        if (import_row(&row, sender, problem) != 0) {
            more = -1;
            break;
        }
    }
    legacy_rows_close(&rows);
    return more;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int import(const char *path, struct sender *sender, struct problem *problem)
{
    int rc = record_file_is_database(path) ? import_database(path, sender, problem)
                                           : sender_read(sender, path, import_record, problem);

    if (rc == 0) {
        rc = sender_flush(sender, problem);
    }
    terminal_progress_end(&sender->progress);
    if (rc == 0) {
        sender_sum(sender);
    }
    return rc;
}

int command_import(const struct command_line *line)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct own_api api;
    struct sender sender = {.api = &api,
                            .goods = &SENDER_VISITS,
                            .place = "line",
                            .prints = line->values[FLAG_JSON] != NULL,
                            .progress = {.what = "lines"},
                            .run = random_nonzero()};
    int rc = own_api_open(&api, line, &problem);

    if (rc == 0) {
        rc = import(line->operands[0], &sender, &problem);
    }
    sender_free(&sender);
    own_api_close(&api);
    if (rc != 0) {
        return command_line_complain(&problem);
    }
    return sender.refused > 0 ? problem_exit_status(PROBLEM_FIELD_INVALID) : 0;
}
