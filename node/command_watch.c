#include "node/commands.h"

#include "node/own_api.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PAUSE_NS 500000000

struct watch {
    const struct own_api *api;
    const char *topic; /* NULL = all */
    char cursor[80];   /* the newest that was told */
    bool as_json;
    int64_t left; /* events until the end; less than 0 = no end */
};

/* Of a visit: where and when it was last at a gate, and what became of it. */
static void print_visit(const json_t *visit, const char *plate)
{
    const char *end = own_api_text(visit, "exit_time")[0] != '\0' ? "exit" : "entry";
    char time[16], central[16], kind[32];

    (void)snprintf(time, sizeof time, "%s_time", end);
    (void)snprintf(central, sizeof central, "%s_central", end);
    (void)snprintf(kind, sizeof kind, "VISIT %s", own_api_text(visit, "status"));
    (void)printf("%s  %-24s  %-24s %-12s %s\n", own_api_text(visit, "cursor"),
                 own_api_text(visit, time), kind, plate, own_api_text(visit, central));
}

static void print(const struct watch *watch, const json_t *event)
{
    const char *plate = own_api_text(event, "plate_view");

    if (watch->as_json) {
        command_line_json(event);
        return;
    }
    plate = plate[0] != '\0' ? plate : own_api_text(event, "plate_id");
    if (strcmp(own_api_text(event, "kind"), "VISIT") == 0) {
        print_visit(event, plate);
        return;
    }
    (void)printf("%s  %s  %-24s %-12s %s\n", own_api_text(event, "cursor"),
                 own_api_text(event, "time"), own_api_text(event, "kind"), plate,
                 own_api_text(json_object_get(event, "position"), "node"));
}

/* The next page, NULL with a problem. Without a cursor: where the feed stands. */
static json_t *next_page(const struct watch *watch, struct problem *problem)
{
    struct buffer path = {0};
    json_t *page;

    (void)buffer_printf(&path, "/api/v1/events?limit=1000&wait=20"); /* all of it is short */
    if (watch->cursor[0] != '\0') {
        (void)buffer_printf(&path, "&after=");
        own_api_escape(&path, watch->cursor);
    }
    if (watch->topic != NULL) {
        (void)buffer_printf(&path, "&topic=");
        own_api_escape(&path, watch->topic);
    }
    (void)buffer_append(&path, "", 1);
    page = own_api_ask(watch->api, "GET", path.data, (struct slice){0}, problem);
    buffer_free(&path);
    return page;
}

/* False when nobody wants more: enough was told, or nobody reads. */
static bool take_page(struct watch *watch, const json_t *page)
{
    const json_t *events = json_object_get(page, "events");

    for (size_t i = 0; i < json_array_size(events) && watch->left != 0; i++) {
        print(watch, json_array_get(events, i));
        watch->left--;
    }
    (void)snprintf(watch->cursor, sizeof watch->cursor, "%s", own_api_text(page, "next"));
    return fflush(stdout) == 0 && watch->left != 0;
}

static int follow(struct watch *watch, struct problem *problem)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    bool is_away = false;

    for (;;) {
        json_t *page = next_page(watch, problem);
        if (page != NULL) {
            bool more = take_page(watch, page);
            json_decref(page);
            is_away = false;
            if (!more) {
                return 0;
            }
            continue;
        }
        if (!own_api_may_pass(problem->code)) {
            return -1;
        }
        if (!is_away) {
            (void)fprintf(stderr, "parkmesh: %s; waiting, nothing will be missed\n", problem->text);
        }
        is_away = true;
        (void)nanosleep(&pause, NULL); /* cut short: asked a little earlier */
    }
}

int command_watch(const struct command_line *line)
{
    static const int64_t RANGE[2] = {1, INT64_MAX};
    struct problem problem = {.code = PROBLEM_OK};
    struct own_api api;
    struct watch watch = {.api = &api,
                          .topic = line->values[FLAG_TOPIC],
                          .as_json = line->values[FLAG_JSON] != NULL,
                          .left = -1};
    const char *after = line->values[FLAG_AFTER] != NULL ? line->values[FLAG_AFTER] : "";
    int rc = command_line_number(line, FLAG_LIMIT, RANGE, &watch.left, &problem);

    if (rc == 0 && !slice_copy(slice_text(after), watch.cursor, sizeof watch.cursor)) {
        rc = problem_set(&problem, PROBLEM_USAGE, NULL, "\"%.60s\" is no cursor", after);
    }
    if (rc != 0) {
        return command_line_complain(&problem);
    }
    rc = own_api_open(&api, line, &problem);
    if (rc == 0) {
        rc = follow(&watch, &problem);
    }
    own_api_close(&api);
    return rc == 0 ? 0 : command_line_complain(&problem);
}
