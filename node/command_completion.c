/*
 * What the shell may offer, one candidate a line. Nothing printed: file names. The shell's part is
 * packaging/parkmesh.bash.
 */
#include "node/commands.h"

#include <stdio.h>
#include <string.h>

static void offer(const char *candidate, size_t len, const char *start)
{
    if (strncmp(candidate, start, strlen(start)) == 0) {
        (void)printf("%.*s\n", (int)len, candidate);
    }
}

/* Words of names at place `place`, of commands whose first word is `group` when it is the second.
 */
static void offer_names(const char *group, const char *start)
{
    const char *last = "";

    for (const struct command_entry *entry = command_line_table(); entry->name != NULL; entry++) {
        const char *word = entry->name;
        size_t len = strcspn(word, " ");
        if (group != NULL) {
            if (strlen(group) != len || strncmp(word, group, len) != 0 || word[len] == '\0') {
                continue;
            }
            word += len + 1;
            len = strlen(word);
        } else if (strncmp(word, last, len) == 0 && last[len] == ' ') {
            continue; /* commands of one group stand together */
        }
        offer(word, len, start);
        last = entry->name;
    }
}

static void offer_words(const char *words, const char *start)
{
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        offer(words, len, start);
        words += len + (words[len] == ' ');
    }
}

static const struct command_entry *find(char **words, size_t count, size_t *used)
{
    for (const struct command_entry *entry = command_line_table(); entry->name != NULL; entry++) {
        size_t len = strcspn(entry->name, " ");
        bool two = entry->name[len] == ' ';
        if (strlen(words[0]) == len && strncmp(entry->name, words[0], len) == 0 &&
            (!two || (count > 1 && strcmp(entry->name + len + 1, words[1]) == 0))) {
            *used = two ? 2 : 1;
            return entry;
        }
    }
    return NULL;
}

static void offer_rest(const struct command_entry *entry, const char *before, const char *start)
{
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        const struct flag_text *text = flags_get(flag);
        if (before != NULL && command_line_takes(entry, flag) && text->value != NULL &&
            strcmp(text->name, before) == 0) {
            offer_words(text->words != NULL ? text->words : "", start);
            return;
        }
    }
    for (enum flag flag = 0; flag < FLAG_COUNT && start[0] == '-'; flag++) {
        if (command_line_takes(entry, flag)) {
            offer(flags_get(flag)->name, strlen(flags_get(flag)->name), start);
        }
    }
}

int command_completion(const struct command_line *line)
{
    size_t count = line->operand_count, used = 0;
    char **words = line->operands;

    if (count > 1 && strcmp(words[0], "help") == 0) { /* of the command that follows */
        count--;
        words++;
    }
    if (count < 2) {
        offer_names(NULL, count == 1 ? words[0] : "");
        return 0;
    }
    const struct command_entry *entry = find(words, count - 1, &used);
    if (entry != NULL) {
        offer_rest(entry, count - 1 > used ? words[count - 2] : NULL, words[count - 1]);
    } else if (count == 2) {
        offer_names(words[0], words[1]);
    }
    return 0;
}
