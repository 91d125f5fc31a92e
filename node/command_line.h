/*
 * The command line: one table of commands, from which arguments are read, help is printed and the
 * shell completes words. Main thread.
 */
#ifndef NODE_COMMAND_LINE_H
#define NODE_COMMAND_LINE_H

#include "node/flags.h"
#include "proto/problem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command_line;

/* Carries a command out; returns the exit status. Data goes to stdout, which the caller flushes;
 * everything else to stderr. */
typedef int (*command_line_fn)(const struct command_line *line);

/* A row of the table. */
struct command_entry {
    const char *name;     /* one word, or two: "secret new" */
    const char *operands; /* as the usage line has them, "" = none */
    size_t least, most;   /* operands */
    uint64_t flags;       /* FLAG_BIT of each; FLAG_HELP always */
    const char *summary;  /* a line */
    const char *examples; /* lines, each with its meaning behind it */
    const char *text;     /* what else there is to know, lines; "" = nothing */
    const char *statuses; /* exit statuses beside those of every command */
    command_line_fn run;
};

/* Whether a flag may be given with a command. */
bool command_line_takes(const struct command_entry *entry, enum flag flag);

/* The table, ended by a NULL name. */
const struct command_entry *command_line_table(void);

enum command_line_want {
    COMMAND_LINE_RUN,    /* `entry` */
    COMMAND_LINE_HELP,   /* of `entry`, of all of `group`, else of everything */
    COMMAND_LINE_VERSION /* of the program */
};

/* What was asked for. Texts are borrowed from the arguments. */
struct command_line {
    enum command_line_want want;
    const struct command_entry *entry; /* NULL = none */
    const char *group;                 /* first word of commands with two; NULL = none */
    const char *values[FLAG_COUNT];    /* NULL = not given; "" = given, of a flag without a value */
    char **operands;                   /* in their order, in the place of the arguments */
    size_t operand_count;
};

/* Reads the arguments of main and reorders them. 0, or -1 with USAGE, which says what was probably
 * meant. */
int command_line_parse(struct command_line *line, int argc, char **argv, struct problem *problem);

/* The number given with a flag; without it `*out` stays. `range` is the least and the most. 0, or
 * -1 with USAGE. */
int command_line_number(const struct command_line *line, enum flag flag, const int64_t range[2],
                        int64_t *out, struct problem *problem);

/* --config, else its default; never NULL. */
const char *command_line_config(const struct command_line *line);

/* Prints a value as a line of JSON on stdout; main looks whether stdout took it. */
void command_line_json(const json_t *value);

/* Tells a problem on stderr and returns its exit status, 1 for a code that has none. */
int command_line_complain(const struct problem *problem);

#endif
