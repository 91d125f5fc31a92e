/*
 * The configuration, for commands that look for a database or a running central. Main thread.
 */
#ifndef NODE_COMMAND_CONFIG_H
#define NODE_COMMAND_CONFIG_H

#include "node/command_line.h"
#include "node/config.h"

/* Reads the FILE of --config, and takes the directory of --data instead of its data_dir. The
 * process's zone becomes that of the central. 0, or -1 with CONFIG_INVALID or CONFIG_UNREADABLE.
 * End with config_free in either case. */
int command_config_read(struct config *config, const struct command_line *line,
                        struct problem *problem);

#endif
