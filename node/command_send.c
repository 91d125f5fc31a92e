#include "node/commands.h"

#include "node/record_file.h"
#include "node/sender.h"
#include "proto/ids.h"

#include <string.h>
#include <unistd.h>

static int wrong(const char *text)
{
    struct problem problem;

    (void)problem_set(&problem, PROBLEM_USAGE, "parkmesh send --help", "%s", text);
    return command_line_complain(&problem);
}

/* The event that the flags describe. */
static json_t *flag_event(const struct command_line *line)
{
    static const struct {
        const char *type, *kind;
    } KINDS[] = {{"ENTRY", "VEHICLE_ENTRY_PENDING"},
                 {"EXIT", "VEHICLE_EXIT"},
                 {"LOCATION_UPDATE", "LOCATION_UPDATE"}};
    static const struct {
        enum flag flag;
        const char *name;
    } MEMBERS[] = {{FLAG_PLATE, "plate"},
                   {FLAG_CAMERA, "camera_id"},
                   {FLAG_EVENT_ID, "event_id"},
                   {FLAG_TIME, "time"}};
    const char *type = line->values[FLAG_TYPE] != NULL ? line->values[FLAG_TYPE] : "ENTRY";
    json_t *event = json_object();

    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (strcmp(KINDS[i].type, type) == 0) {
            (void)json_object_set_new(event, "kind", json_string(KINDS[i].kind));
        }
    }
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++) {
        const char *value = line->values[MEMBERS[i].flag];
        if (value != NULL) { /* one that is no UTF-8 is missing then, and the central says so */
            (void)json_object_set_new(event, MEMBERS[i].name, json_string(value));
        }
    }
    return event;
}

static int send_flags(const struct command_line *line, struct sender *sender,
                      struct problem *problem)
{
    json_t *event = flag_event(line);

    sender->place = "event";
    int rc = sender_add(sender, 1, event, problem);

    json_decref(event);
    rc = rc == 0 ? sender_flush(sender, problem) : rc;
    if (rc == 0 && sender->refused == 0 && !sender->prints) {
        (void)printf("%s\n", sender->message);
    }
    return rc;
}

static int send_record(void *context, uint64_t line, json_t *record, const struct problem *bad,
                       struct problem *problem)
{
    struct sender *sender = context;

    if (record == NULL) {
        sender_refuse(sender, line, bad);
        return 0;
    }
    return sender_add(sender, line, record, problem);
}

static int send_file(const char *path, struct sender *sender, struct problem *problem)
{
    int rc = sender_read(sender, path, send_record, problem);

    if (rc == 0) {
        rc = sender_flush(sender, problem);
    }
    terminal_progress_end(&sender->progress);
    if (rc == 0) {
        sender_sum(sender);
    }
    return rc;
}

static int send_all(const struct command_line *line, const char *path)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct own_api api;
    struct sender sender = {.api = &api,
                            .goods = &SENDER_EVENTS,
                            .place = "line",
                            .prints = line->values[FLAG_JSON] != NULL,
                            .progress = {.what = "lines"},
                            .run = random_nonzero()};
    int rc = own_api_open(&api, line, &problem);

    if (rc == 0) {
        rc =
            path != NULL ? send_file(path, &sender, &problem) : send_flags(line, &sender, &problem);
    }
    sender_free(&sender);
    own_api_close(&api);
    if (rc != 0) {
        return command_line_complain(&problem);
    }
    return sender.refused > 0 ? problem_exit_status(PROBLEM_FIELD_INVALID) : 0;
}

int command_send(const struct command_line *line)
{
    const char *path = line->operand_count > 0 ? line->operands[0] : NULL;
    bool by_flags = line->values[FLAG_TYPE] != NULL || line->values[FLAG_CAMERA] != NULL ||
                    line->values[FLAG_EVENT_ID] != NULL || line->values[FLAG_TIME] != NULL;

    if (line->values[FLAG_PLATE] != NULL && path != NULL) {
        return wrong("either FILE or --plate");
    }
    if (line->values[FLAG_PLATE] == NULL && by_flags) {
        return wrong("an event needs --plate");
    }
    if (line->values[FLAG_PLATE] == NULL && path == NULL) {
        if (isatty(STDIN_FILENO)) {
            return wrong("which events? --plate, FILE, or stdin");
        }
        path = "-";
    }
    return send_all(line, path);
}
