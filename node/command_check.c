#include "node/commands.h"

#include "node/config.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* What a check found. */
struct finding {
    const char *path;
    bool is_good;
    struct config config;
    struct buffer errors, warnings;
    struct problem problem; /* of the file itself, when there are no errors in it */
};

static json_t *text(const struct buffer *buffer)
{
    return json_stringn(buffer->len > 0 ? buffer->data : "", buffer->len);
}

static void print_json(const struct finding *found)
{
    bool is_unread = !found->is_good && found->errors.len == 0;
    json_t *errors = is_unread ? json_string(found->problem.text) : text(&found->errors);
    json_t *object = json_pack("{s:s, s:b, s:o, s:o}", "file", found->path, "ok", found->is_good,
                               "errors", errors, "warnings", text(&found->warnings));

    if (object != NULL && found->is_good) {
        (void)json_object_set_new(object, "id", json_string(found->config.id.text));
    }
    command_line_json(object);
    json_decref(object);
}

static void print(const struct finding *found)
{
    if (found->errors.len > 0) {
        (void)fwrite(found->errors.data, 1, found->errors.len, stderr);
    }
    if (found->warnings.len > 0) {
        (void)fwrite(found->warnings.data, 1, found->warnings.len, stderr);
    }
    if (found->is_good) {
        (void)printf("%s: OK (id %s, %zu peers)\n", found->path, found->config.id.text,
                     found->config.peer_count);
    }
}

int command_check(const struct command_line *line)
{
    struct finding found = {.path = line->operand_count > 0 ? line->operands[0]
                                                            : command_line_config(line)};

    config_init(&found.config);
    found.is_good = config_check(&found.config, found.path, &found.errors, &found.warnings,
                                 &found.problem) == 0;
    if (line->values[FLAG_JSON] != NULL) {
        print_json(&found);
    } else {
        print(&found);
    }
    if (!found.is_good && found.errors.len == 0) {
        (void)command_line_complain(&found.problem); /* its status is that of every error here */
    }
    config_free(&found.config);
    buffer_free(&found.errors);
    buffer_free(&found.warnings);
    return found.is_good ? 0 : problem_exit_status(PROBLEM_CONFIG_INVALID);
}
