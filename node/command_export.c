#include "node/commands.h"

#include "node/export_file.h"
#include "node/own_api.h"
#include "node/terminal.h"
#include "proto/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define QUIET_MS 60000
#define PATIENCE_MS 30000 /* a central that is restarted answers again by then */
#define PAUSE_NS 300000000
#define ERROR_BYTES (64 * 1024)

struct export
{
    struct own_api api;
    struct export_file file;
    struct terminal_progress progress;
    struct buffer path;  /* of the request, without a cursor and without a NUL */
    int status;          /* of the answer under way */
    struct buffer error; /* what was answered instead of visits */
};

/* ---- one answer ------------------------------------------------------------------------------ */

static int begin(void *context, int status, const char *content_type)
{
    struct export *export = context;

    (void)content_type;
    export->status = status;
    buffer_clear(&export->error);
    export_file_start(&export->file);
    return 0;
}

static int part(void *context, struct slice bytes)
{
    struct export *export = context;
    int rc = export->status >= 400 ? buffer_append(&export->error, bytes.data, bytes.len)
                                   : export_file_take(&export->file, bytes);

    terminal_progress(&export->progress, export->file.rows);
    return rc;
}

/* Asks for what is behind the rows that are there. 0 when all came, or -1. */
static int fetch(struct export *export, struct problem *problem)
{
    const struct call_stream stream = {.begin = begin, .part = part, .context = export};
    struct call call = {.stream = &stream, .total_ms = -1, .quiet_ms = QUIET_MS};
    struct buffer path = {0};
    char cursor[VISIT_CURSOR];
    int known = export_file_cursor(&export->file, cursor, problem), rc;

    if (known < 0) {
        return -1;
    }
    (void)buffer_append(&path, export->path.data, export->path.len); /* all of it is short */
    if (known == 1) {
        (void)buffer_printf(&path, "&cursor=%s", cursor);
    }
    (void)buffer_append(&path, "", 1);
    rc = own_api_call(&export->api, &call, path.data, NULL, problem);
    if (call.outcome == CALL_ANSWERED && export->status >= 400) {
        rc = own_api_refused(export->status, buffer_slice(&export->error), problem);
    } else if (export->file.is_broken) {
        *problem = export->file.problem;
        rc = problem->code == PROBLEM_OK ? 0 : -1;
    }
    call_free(&call);
    buffer_free(&path);
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void hint(const struct export *export, struct problem *problem)
{
    const struct export_file *file = &export->file;

    if (file->rows == 0) {
        return;
    }
    if (file->final == NULL) {
        (void)snprintf(problem->hint, sizeof problem->hint,
                       "what was printed is not complete; with --output FILE an export can go on");
    } else {
        (void)snprintf(problem->hint, sizeof problem->hint,
                       "%" PRIu64
                       " visits are in %.150s; do the same again: it goes on behind them",
                       file->rows, file->part);
    }
}

/* Goes on when the central restarts or was busy, until it is away for long. */
static int follow(struct export *export, struct problem *problem)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    bool said = false;

    for (;;) {
        uint64_t before = export->file.rows;
        if (fetch(export, problem) == 0) {
            return 0;
        }
        terminal_progress_end(&export->progress);
        if (export->file.rows > before) {
            until_ms = clock_mono_ms() + PATIENCE_MS;
            said = false;
        }
        if (!own_api_may_pass(problem->code)) {
            return -1;
        }
        if (clock_mono_ms() > until_ms) {
            hint(export, problem);
            return -1;
        }
        if (!said) {
            (void)fprintf(stderr, "parkmesh: %s; trying for %d s\n", problem->text,
                          PATIENCE_MS / 1000);
        }
        said = true;
        (void)nanosleep(&pause, NULL); /* cut short: asked a little earlier */
    }
}

/* How many there are, for the bar; 0 when that cannot be told. */
static uint64_t count_visits(const struct own_api *api, const struct command_line *line)
{
    const char *from = line->values[FLAG_FROM], *to = line->values[FLAG_TO];
    struct buffer path = {0};
    struct problem unread;

    (void)buffer_printf(&path, "/api/v1/stats?by=all&from="); /* all of it is short */
    own_api_escape(&path, from != NULL ? from : "1970-01-02T00:00:00Z");
    (void)buffer_printf(&path, "&to=");
    own_api_escape(&path, to != NULL ? to : "9999-12-30T00:00:00Z");
    (void)buffer_append(&path, "", 1);
    json_t *answer = own_api_ask(api, "GET", path.data, (struct slice){0}, &unread);
    const json_t *all = json_array_get(json_object_get(answer, "groups"), 0);
    json_int_t count = json_integer_value(json_object_get(all, "entries"));
    json_decref(answer);
    buffer_free(&path);
    return count > 0 ? (uint64_t)count : 0;
}

static void write_path(const struct command_line *line, const char *format, struct buffer *path)
{
    static const struct {
        enum flag flag;
        const char *name;
    } QUERY[] = {{FLAG_FROM, "from"}, {FLAG_TO, "to"}};

    (void)buffer_printf(path, "/api/v1/visits?format=%s", format); /* bounded by the arguments */
    for (size_t i = 0; i < sizeof QUERY / sizeof *QUERY; i++) {
        if (line->values[QUERY[i].flag] != NULL) {
            (void)buffer_printf(path, "&%s=", QUERY[i].name);
            own_api_escape(path, line->values[QUERY[i].flag]);
        }
    }
}

static int run(const struct command_line *line, struct export *export, struct problem *problem)
{
    struct buffer query = {0};
    int rc;

    /* another central has other visits, and other numbers for them */
    (void)buffer_printf(&query, "%s %.*s", export->api.id.text, (int)export->path.len,
                        export->path.data);
    rc = export_file_open(&export->file, line->values[FLAG_OUTPUT], buffer_slice(&query), problem);
    buffer_free(&query);
    if (rc != 0) {
        return -1;
    }
    if (export->file.rows > 0) {
        (void)fprintf(stderr, "parkmesh: going on behind %" PRIu64 " visits of %s\n",
                      export->file.rows, export->file.part);
    }
    if (terminal_shows_progress()) {
        export->progress.all = count_visits(&export->api, line);
    }
    rc = follow(export, problem);
    terminal_progress_end(&export->progress);
    if (rc == 0) {
        rc = export_file_finish(&export->file, problem);
    }
    if (rc == 0 && export->file.final != NULL) {
        (void)fprintf(stderr, "parkmesh: %" PRIu64 " visits in %s\n", export->file.rows,
                      export->file.final);
    }
    return rc;
}

int command_export(const struct command_line *line)
{
    const char *format = line->values[FLAG_FORMAT] != NULL ? line->values[FLAG_FORMAT]
                         : line->values[FLAG_JSON] != NULL ? "ndjson"
                                                           : "csv";
    struct problem problem = {.code = PROBLEM_OK};
    struct export export = {.progress = {.what = "visits"},
                            .file = {.is_csv = strcmp(format, "csv") == 0}};
    int rc = own_api_open(&export.api, line, &problem);

    buffer_init(&export.error, ERROR_BYTES);
    if (rc == 0) {
        write_path(line, format, &export.path);
        rc = run(line, &export, &problem);
    }
    export_file_close(&export.file);
    own_api_close(&export.api);
    buffer_free(&export.path);
    buffer_free(&export.error);
    return rc == 0 ? 0 : command_line_complain(&problem);
}
