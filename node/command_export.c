#include "node/commands.h"

#include "node/own_api.h"
#include "node/terminal.h"

#include <stdio.h>
#include <string.h>

#define QUIET_MS 60000
#define ERROR_BYTES (64 * 1024)

struct export
{
    int status; /* of the answer */
    struct terminal_progress progress;
    uint64_t rows;
    struct buffer error; /* what was answered instead of visits */
};

static int begin(void *context, int status, const char *content_type)
{
    struct export *export = context;

    (void)content_type;
    export->status = status;
    return 0;
}

static int part(void *context, struct slice bytes)
{
    struct export *export = context;

    if (export->status >= 400) {
        return buffer_append(&export->error, bytes.data, bytes.len);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        export->rows += bytes.data[i] == '\n';
    }
    terminal_progress(&export->progress, export->rows);
    return fwrite(bytes.data, 1, bytes.len, stdout) == bytes.len ? 0 : -1;
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
    (void)buffer_append(path, "", 1);
}

static int run(const struct own_api *api, const char *path, struct export *export,
               struct problem *problem)
{
    const struct call_stream stream = {.begin = begin, .part = part, .context = export};
    struct call call = {.stream = &stream, .total_ms = -1, .quiet_ms = QUIET_MS};
    int rc = own_api_call(api, &call, path, NULL, problem);

    if (call.outcome == CALL_ANSWERED && export->status >= 400) {
        rc = own_api_refused(export->status, buffer_slice(&export->error), problem);
    } else if (call.outcome == CALL_ENDED) {
        rc = 0; /* stdout is full or closed, as main will say */
    } else if (rc != 0 && export->rows > 0) {
        (void)snprintf(problem->hint, sizeof problem->hint,
                       "what was printed is not complete; export again");
    }
    terminal_progress_end(&export->progress);
    call_free(&call);
    return rc;
}

int command_export(const struct command_line *line)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct export export = {.progress = {.what = "lines"}};
    struct buffer path = {0};
    struct own_api api;
    const char *format = line->values[FLAG_FORMAT] != NULL ? line->values[FLAG_FORMAT]
                         : line->values[FLAG_JSON] != NULL ? "ndjson"
                                                           : "csv";
    int rc = own_api_open(&api, command_line_config(line), &problem);

    buffer_init(&export.error, ERROR_BYTES);
    if (rc == 0) {
        write_path(line, format, &path);
        rc = run(&api, path.data, &export, &problem);
    }
    own_api_close(&api);
    buffer_free(&path);
    buffer_free(&export.error);
    return rc == 0 ? 0 : command_line_complain(&problem);
}
