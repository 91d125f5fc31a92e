/*
 * Texts made from the table of commands.
 */
#ifndef NODE_COMMAND_HELP_H
#define NODE_COMMAND_HELP_H

#include "node/command_line.h"

/* Prints what `line` wants help of, on stdout. */
void command_help_print(const struct command_line *line);

#endif
