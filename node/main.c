#include "bus/secret.h"
#include "node/command_help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int carry_out(const struct command_line *line)
{
    switch (line->want) {
    case COMMAND_LINE_HELP:
        command_help_print(line);
        return 0;
    case COMMAND_LINE_VERSION:
        (void)printf("parkmesh %s\n", PARKMESH_VERSION); /* main looks whether stdout took it */
        return 0;
    case COMMAND_LINE_RUN:
    default:
        return line->entry->run(line);
    }
}

int main(int argc, char **argv)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct command_line line;
    int status;

    if (random_start() != 0) {
        (void)problem_set(&problem, PROBLEM_INTERNAL, NULL, "no source of randomness");
        return command_line_complain(&problem);
    }
    if (command_line_parse(&line, argc, argv, &problem) != 0) {
        return command_line_complain(&problem);
    }
    status = carry_out(&line);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)problem_set(&problem, PROBLEM_DB_FAILED, "what was printed is not complete",
                          "cannot write to stdout: %s", strerror(errno));
        return command_line_complain(&problem);
    }
    return status;
}
