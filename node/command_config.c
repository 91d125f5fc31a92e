#include "node/command_config.h"

#include "proto/localtime.h"

#include <stdio.h>

int command_config_read(struct config *config, const struct command_line *line,
                        struct problem *problem)
{
    const char *file = command_line_config(line), *data = line->values[FLAG_DATA];
    struct buffer errors = {0}, warnings = {0};
    int rc;

    *problem = (struct problem){.code = PROBLEM_OK};
    config_init(config);
    rc = config_check(config, file, &errors, &warnings, problem);
    if (rc != 0 && errors.len > 0) {
        rc = problem_set(problem, PROBLEM_CONFIG_INVALID, "parkmesh check FILE tells them",
                         "%s has errors", file);
    }
    buffer_free(&errors);
    buffer_free(&warnings);
    if (rc != 0) {
        return -1;
    }
    if (data != NULL && (size_t)snprintf(config->data_dir, sizeof config->data_dir, "%s", data) >=
                            sizeof config->data_dir) {
        return problem_set(problem, PROBLEM_USAGE, NULL, "the path of --data is too long");
    }
    (void)localtime_set_zone(config->timezone); /* checked when it was read */
    return 0;
}
