#include "node/commands.h"

#include "node/supervisor.h"

int command_run(const struct command_line *line)
{
    struct supervisor_options options = {.config_path = command_line_config(line),
                                         .data_dir = line->values[FLAG_DATA],
                                         .log_format = line->values[FLAG_LOG_FORMAT],
                                         .web_dir = line->values[FLAG_WEB_DIR]};

    return supervisor_run(&options);
}
