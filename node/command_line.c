#include "node/command_line.h"

#include "node/spelling.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_DEFAULT "config/p2p_config.json"
#define NAME_BYTES 80 /* of a command's name with a blank */

/* ---- commands -------------------------------------------------------------------------------- */

static const struct command_entry *find(const char *name)
{
    const struct command_entry *entry = command_line_table();

    while (entry->name != NULL && strcmp(entry->name, name) != 0) {
        entry++;
    }
    return entry->name != NULL ? entry : NULL;
}

static bool is_of_group(const struct command_entry *entry, const char *group)
{
    size_t len = strlen(group);

    return strncmp(entry->name, group, len) == 0 && entry->name[len] == ' ';
}

static bool is_group(const char *word)
{
    const struct command_entry *entry = command_line_table();

    while (entry->name != NULL && !is_of_group(entry, word)) {
        entry++;
    }
    return entry->name != NULL;
}

/* The part of a name that a word of the arguments would be. */
static void part_of(const struct command_entry *entry, const char *group, char out[NAME_BYTES])
{
    const char *start = group != NULL ? entry->name + strlen(group) + 1 : entry->name;

    (void)snprintf(out, NAME_BYTES, "%.*s", (int)strcspn(start, " "), start);
}

static int unknown_command(const char *group, const char *word, struct problem *problem)
{
    size_t near = SPELLING_FAR;
    char nearest[NAME_BYTES] = "", hint[2 * NAME_BYTES];

    for (const struct command_entry *entry = command_line_table(); entry->name != NULL; entry++) {
        char name[NAME_BYTES];
        if (group != NULL && !is_of_group(entry, group)) {
            continue;
        }
        part_of(entry, group, name);
        size_t far = spelling_distance(name, word);
        if (far < near && far < strlen(name)) {
            near = far;
            (void)snprintf(nearest, sizeof nearest, "%s", name);
        }
    }
    const char *before = group != NULL ? group : "", *blank = group != NULL ? " " : "";
    if (nearest[0] != '\0') {
        (void)snprintf(hint, sizeof hint, "did you mean \"parkmesh %s%s%s\"?", before, blank,
                       nearest);
    } else {
        (void)snprintf(hint, sizeof hint, "parkmesh %s%s--help", before, blank);
    }
    return problem_set(problem, PROBLEM_USAGE, hint, "unknown command \"%s%s%.40s\"", before, blank,
                       word);
}

/* "run, check, status": the words that may stand first, or behind the word of a group. */
static void list_words(const char *group, char *out, size_t size)
{
    char name[NAME_BYTES], last[NAME_BYTES] = "";
    size_t used = 0;

    out[0] = '\0';
    for (const struct command_entry *entry = command_line_table(); entry->name != NULL; entry++) {
        if (group != NULL && !is_of_group(entry, group)) {
            continue;
        }
        part_of(entry, group, name);
        if (strcmp(name, last) != 0 && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", name);
        }
        (void)snprintf(last, sizeof last, "%s", name);
    }
}

static int need_word(const char *group, struct problem *problem)
{
    char words[200], hint[300];

    list_words(group, words, sizeof words);
    (void)snprintf(hint, sizeof hint, "%s; parkmesh %s%s--help says what they do", words,
                   group != NULL ? group : "", group != NULL ? " " : "");
    return group != NULL
               ? problem_set(problem, PROBLEM_USAGE, hint, "\"%s\" needs another word", group)
               : problem_set(problem, PROBLEM_USAGE, hint, "which command?");
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Takes the words of the command's name; `*argc` and `*argv` are then what is behind it. */
static int take_name(struct command_line *line, int *argc, char ***argv, struct problem *problem)
{
    const char *word = (*argv)[0];
    int used = 1;

    line->entry = find(word);
    if (line->entry == NULL && is_group(word)) {
        char name[NAME_BYTES];
        line->group = word;
        if (*argc < 2 && line->want == COMMAND_LINE_HELP) {
            return 0;
        }
        if (*argc < 2) {
            return need_word(word, problem);
        }
        if (is_help((*argv)[1])) {
            line->want = COMMAND_LINE_HELP;
            return 0;
        }
        (void)snprintf(name, sizeof name, "%s %s", word, (*argv)[1]); /* cut: it is unknown */
        line->entry = find(name);
        used = 2;
    }
    if (line->entry == NULL) {
        return unknown_command(line->group, (*argv)[used - 1], problem);
    }
    *argc -= used;
    *argv += used;
    return 0;
}

/* ---- flags ----------------------------------------------------------------------------------- */

bool command_line_takes(const struct command_entry *entry, enum flag flag)
{
    return flag == FLAG_HELP || (entry->flags & FLAG_BIT(flag)) != 0;
}

/* The flag that begins a word, FLAG_COUNT for none. */
static enum flag find_flag(const struct command_entry *entry, const char *word)
{
    size_t len = strcspn(word, "=");

    if (strcmp(word, "-h") == 0) {
        return FLAG_HELP;
    }
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        const char *name = flags_get(flag)->name;
        if (command_line_takes(entry, flag) && strlen(name) == len &&
            strncmp(name, word, len) == 0) {
            return flag;
        }
    }
    return FLAG_COUNT;
}

static int unknown_flag(const struct command_entry *entry, const char *word,
                        struct problem *problem)
{
    char name[NAME_BYTES], hint[2 * NAME_BYTES];
    const char *nearest = NULL;
    size_t near = SPELLING_FAR;

    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        size_t far = spelling_distance(flags_get(flag)->name, name);
        if (command_line_takes(entry, flag) && far < near) {
            near = far;
            nearest = flags_get(flag)->name;
        }
    }
    if (nearest != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean %s?", nearest);
    } else {
        (void)snprintf(hint, sizeof hint, "parkmesh %s --help", entry->name);
    }
    return problem_set(problem, PROBLEM_USAGE, hint, "%s does not take %s", entry->name, name);
}

static bool is_one_of(const char *words, const char *value)
{
    size_t len = strlen(value);

    while (*words != '\0') {
        size_t end = strcspn(words, " ");
        if (end == len && strncmp(words, value, len) == 0) {
            return true;
        }
        words += end + (words[end] == ' ');
    }
    return false;
}

/* Takes the flag at `*i` and its value. */
static int take_flag(struct command_line *line, int argc, char **argv, int *i,
                     struct problem *problem)
{
    const char *word = argv[*i], *value = strchr(word, '=');
    enum flag flag = find_flag(line->entry, word);

    if (flag == FLAG_COUNT) {
        return unknown_flag(line->entry, word, problem);
    }
    const struct flag_text *text = flags_get(flag);
    if (text->value == NULL) {
        line->values[flag] = "";
        return value == NULL
                   ? 0
                   : problem_set(problem, PROBLEM_USAGE, NULL, "%s takes no value", text->name);
    }
    if (value == NULL && *i + 1 < argc) {
        value = argv[++*i];
    } else if (value != NULL) {
        value++;
    }
    if (value == NULL) {
        return problem_set(problem, PROBLEM_USAGE, text->meaning, "%s needs %s", text->name,
                           text->value);
    }
    if (flag == FLAG_DATA && value[0] == '\0') { /* often a variable that is not set */
        return problem_set(problem, PROBLEM_USAGE, text->meaning, "%s is empty", text->name);
    }
    if (text->words != NULL && text->words[0] != '\0' && !is_one_of(text->words, value)) {
        return problem_set(problem, PROBLEM_USAGE, NULL, "%s is one of %s, not \"%.60s\"",
                           text->name, text->words, value);
    }
    line->values[flag] = value;
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int take_rest(struct command_line *line, int argc, char **argv, struct problem *problem)
{
    bool only_operands = false;

    line->operands = argv;
    for (int i = 0; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (only_operands || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[line->operand_count++] = argv[i]; /* never in front of what is still read */
        } else if (take_flag(line, argc, argv, &i, problem) != 0) {
            return -1;
        }
    }
    if (line->values[FLAG_HELP] != NULL) {
        line->want = COMMAND_LINE_HELP;
        return 0;
    }
    const struct command_entry *entry = line->entry;
    if (line->operand_count > entry->most) {
        return problem_set(problem, PROBLEM_USAGE, NULL, "%s does not take \"%.60s\"", entry->name,
                           line->operands[entry->most]);
    }
    if (line->operand_count < entry->least) {
        char hint[NAME_BYTES];
        (void)snprintf(hint, sizeof hint, "parkmesh %s --help", entry->name);
        return problem_set(problem, PROBLEM_USAGE, hint, "%s needs %s", entry->name,
                           entry->operands);
    }
    return 0;
}

int command_line_parse(struct command_line *line, int argc, char **argv, struct problem *problem)
{
    *line = (struct command_line){.want = COMMAND_LINE_RUN};
    if (argc < 2) {
        return need_word(NULL, problem);
    }
    argc--;
    argv++;
    if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) {
        line->want = COMMAND_LINE_VERSION;
        return 0;
    }
    if (is_help(argv[0])) {
        line->want = COMMAND_LINE_HELP;
        return 0;
    }
    if (strcmp(argv[0], "help") == 0) {
        line->want = COMMAND_LINE_HELP;
        argc--;
        argv++;
        return argc > 0 ? take_name(line, &argc, &argv, problem) : 0;
    }
    if (argv[0][0] == '-') {
        return problem_set(problem, PROBLEM_USAGE, "a command comes first: parkmesh --help",
                           "unknown option %.60s", argv[0]);
    }
    if (take_name(line, &argc, &argv, problem) != 0) {
        return -1;
    }
    return line->want == COMMAND_LINE_HELP ? 0 : take_rest(line, argc, argv, problem);
}

int command_line_number(const struct command_line *line, enum flag flag, const int64_t range[2],
                        int64_t *out, struct problem *problem)
{
    const char *text = line->values[flag];
    char *end = NULL;
    long long number;

    if (text == NULL) {
        return 0;
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < range[0] || number > range[1]) {
        return problem_set(problem, PROBLEM_USAGE, NULL,
                           "%s is a number from %" PRId64 " to %" PRId64 ", not \"%.60s\"",
                           flags_get(flag)->name, range[0], range[1], text);
    }
    *out = number;
    return 0;
}

const char *command_line_config(const struct command_line *line)
{
    return line->values[FLAG_CONFIG] != NULL ? line->values[FLAG_CONFIG] : CONFIG_DEFAULT;
}

void command_line_json(const json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY); /* main looks, see above */
    (void)puts("");
}

int command_line_complain(const struct problem *problem)
{
    int status = problem_exit_status(problem->code);

    (void)fprintf(stderr, "parkmesh: error %s: %s\n", problem_name(problem->code), problem->text);
    if (problem->hint[0] != '\0') {
        (void)fprintf(stderr, "  hint: %s\n", problem->hint);
    }
    return status != 0 ? status : 1;
}
