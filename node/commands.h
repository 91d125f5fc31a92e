/*
 * What the commands do: each as command_line_fn says. Exit statuses are in the table of commands
 * (node/command_table.c), where people read them.
 */
#ifndef NODE_COMMANDS_H
#define NODE_COMMANDS_H

#include "node/command_line.h"

int command_run(const struct command_line *line);
int command_check(const struct command_line *line);
int command_secret(const struct command_line *line);
int command_bus(const struct command_line *line);
int command_verify(const struct command_line *line);
int command_diff(const struct command_line *line);
int command_account(const struct command_line *line);
int command_status(const struct command_line *line);
int command_peers_list(const struct command_line *line);
int command_peers_add(const struct command_line *line);
int command_peers_accept(const struct command_line *line);
int command_peers_test(const struct command_line *line);
int command_peers_remove(const struct command_line *line);
int command_send(const struct command_line *line);
int command_watch(const struct command_line *line);
int command_export(const struct command_line *line);
int command_import(const struct command_line *line);
int command_simulate(const struct command_line *line);
int command_completion(const struct command_line *line);

#endif
