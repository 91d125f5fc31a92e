/*
 * Commands beside `run`: each takes its arguments (argv[0] is its name) and returns the exit
 * status.
 */
#ifndef NODE_COMMANDS_H
#define NODE_COMMANDS_H

/* verify [--data DIR] [--json]: 0 whole, 65 damaged, else the problem's status. */
int command_verify(int argc, char **argv);

/* diff --peer ID [--config FILE] [--json]: 0 equal, 1 different, 64 usage or no such peer, 69 no
 * central runs here or the peer is not connected, 75 no answer. */
int command_diff(int argc, char **argv);

/* account reset NAME [--config FILE] [--data DIR]: a new password, printed once. 0, else the
 * problem's status. */
int command_account(int argc, char **argv);

#endif
