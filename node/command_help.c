#include "node/command_help.h"

#include <stdio.h>
#include <string.h>

static const char INTRODUCTION[] =
    "parkmesh - a car park central that shares one history with its peers\n"
    "\n"
    "Examples:\n"
    "  parkmesh run                                   start with config/p2p_config.json and data/\n"
    "  parkmesh run --config /etc/parkmesh/a.json --data /var/lib/parkmesh\n"
    "  parkmesh check /etc/parkmesh/a.json            all errors of a configuration at once\n"
    "  parkmesh secret new                            a mesh_secret to paste into every central\n"
    "  parkmesh peers add 192.168.1.102               link the running central with another\n"
    "  parkmesh status                                is all well?\n"
    "  parkmesh export --output visits.csv            all visits, for another central or a "
    "spreadsheet\n"
    "\n"
    "Commands:\n";

static const char END[] =
    "\n"
    "Options:\n"
    "  -h, --help     this text; parkmesh COMMAND --help (or help COMMAND) says more\n"
    "  -V, --version  the version\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 data, 69 no central answers, or address in use, 70 our "
    "bug,\n"
    "73 cannot create, 74 I/O error or disk full, 75 try again, 77 permission, 78 configuration,\n"
    "1 refused or different.\n"
    "\n"
    "Data goes to stdout, messages to stderr. Manual: parkmesh(1), parkmesh.json(5).\n";

static bool is_shown(const struct command_entry *entry, const char *group)
{
    size_t len = group != NULL ? strlen(group) : 0;

    return group == NULL || (strncmp(entry->name, group, len) == 0 && entry->name[len] == ' ');
}

static void print_list(const char *group)
{
    for (const struct command_entry *entry = command_line_table(); entry->name != NULL; entry++) {
        if (is_shown(entry, group)) {
            char name[80];
            (void)snprintf(name, sizeof name, "%s%s%s", entry->name,
                           entry->operands[0] != '\0' ? " " : "", entry->operands);
            (void)printf("  %-28s %s\n", name, entry->summary);
        }
    }
}

static void print_flags(const struct command_entry *entry)
{
    (void)printf("\nOptions:\n");
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        const struct flag_text *text = flags_get(flag);
        char name[60];
        if (flag != FLAG_HELP && (entry->flags & FLAG_BIT(flag)) == 0) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%s%s%s", text->name, text->value != NULL ? " " : "",
                       text->value != NULL ? text->value : "");
        (void)printf("  %-20s %s\n", name, text->meaning);
    }
}

static void print_command(const struct command_entry *entry)
{
    (void)printf("parkmesh %s - %s\n\nExamples:\n%s\nUsage: parkmesh %s [OPTIONS]%s%s\n",
                 entry->name, entry->summary, entry->examples, entry->name,
                 entry->operands[0] != '\0' ? " " : "", entry->operands);
    if (entry->text[0] != '\0') {
        (void)printf("\n%s", entry->text);
    }
    print_flags(entry);
    (void)printf("\nExit status: %s\n", entry->statuses);
}

void command_help_print(const struct command_line *line)
{
    if (line->entry != NULL) {
        print_command(line->entry);
    } else if (line->group != NULL) {
        (void)printf("Commands:\n");
        print_list(line->group);
        (void)printf("\nparkmesh %s COMMAND --help says more.\n", line->group);
    } else {
        (void)fputs(INTRODUCTION, stdout); /* main looks whether stdout took it */
        print_list(NULL);
        (void)fputs(END, stdout);
    }
}
