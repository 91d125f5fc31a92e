#include "node/command_line.h"

#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 12

static struct command_line line;
static struct problem problem;

/* Reads words separated by blanks, behind the program's name. */
static int parse(const char *text)
{
    static char copy[400];
    static char *words[WORDS];
    static char name[] = "parkmesh";
    char *save = NULL;
    int count = 1;

    ck_assert_uint_lt(strlen(text), sizeof copy);
    strcpy(copy, text); /* it was measured */
    words[0] = name;
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        ck_assert_int_lt(count, WORDS);
        words[count++] = word;
    }
    problem = (struct problem){.code = PROBLEM_OK};
    return command_line_parse(&line, count, words, &problem);
}

START_TEST(good)
{
    ck_assert_int_eq(parse("run --config a.json --data=d"), 0);
    ck_assert_str_eq(line.entry->name, "run");
    ck_assert_str_eq(line.values[FLAG_CONFIG], "a.json");
    ck_assert_str_eq(line.values[FLAG_DATA], "d");
    ck_assert_ptr_null(line.values[FLAG_LOG_FORMAT]);
    ck_assert_str_eq(command_line_config(&line), "a.json");

    ck_assert_int_eq(parse("secret new --json"), 0);
    ck_assert_str_eq(line.entry->name, "secret new");
    ck_assert_str_eq(line.values[FLAG_JSON], "");

    ck_assert_int_eq(parse("check a.json --json"), 0);
    ck_assert_uint_eq(line.operand_count, 1);
    ck_assert_str_eq(line.operands[0], "a.json");
    ck_assert_int_eq(parse("check --json -- --json"), 0);
    ck_assert_uint_eq(line.operand_count, 1);
    ck_assert_str_eq(line.operands[0], "--json");
    ck_assert_int_eq(parse("check -"), 0);
    ck_assert_str_eq(line.operands[0], "-");
    ck_assert_int_eq(parse("check"), 0);
    ck_assert_str_eq(command_line_config(&line), "config/p2p_config.json");
}
END_TEST

START_TEST(help)
{
    static const struct {
        const char *words, *entry, *group;
    } rows[] = {{"--help", NULL, NULL},         {"-h", NULL, NULL},
                {"run --help", "run", NULL},    {"run -h --data d", "run", NULL},
                {"secret -h", NULL, "secret"},  {"secret new -h", "secret new", "secret"},
                {"check a b -h", "check", NULL}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(parse(rows[i].words) == 0, "%s: %s", rows[i].words, problem.text);
        ck_assert_int_eq(line.want, COMMAND_LINE_HELP);
        ck_assert_pstr_eq(line.entry ? line.entry->name : NULL, rows[i].entry);
        ck_assert_pstr_eq(line.group, rows[i].group);
    }
    ck_assert_int_eq(parse("-V"), 0);
    ck_assert_int_eq(line.want, COMMAND_LINE_VERSION);
}
END_TEST

START_TEST(bad)
{
    static const struct {
        const char *words, *text, *hint;
    } rows[] = {{"", "which command", "--help"},
                {"chekc", "unknown command \"chekc\"", "did you mean \"parkmesh check\"?"},
                {"xyzzyx", "unknown command", "parkmesh --help"},
                {"--jsno", "unknown option --jsno", "a command comes first"},
                {"secret", "needs another word", "parkmesh secret --help"},
                {"secret nwe", "\"secret nwe\"", "did you mean \"parkmesh secret new\"?"},
                {"secrets new", "unknown command", "did you mean \"parkmesh secret\"?"},
                {"run --confgi x", "run does not take --confgi", "did you mean --config?"},
                {"run --confgi=x", "run does not take --confgi", "did you mean --config?"},
                {"run --json", "run does not take --json", "parkmesh run --help"},
                {"run --config", "--config needs FILE", ""},
                {"run --log-format xml", "text json", ""},
                {"run --data=", "--data is empty", "data directory"},
                {"check --json=1", "--json takes no value", ""},
                {"run extra", "run does not take \"extra\"", ""},
                {"check a b", "check does not take \"b\"", ""}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(parse(rows[i].words) == -1, "%s", rows[i].words);
        ck_assert_int_eq(problem.code, PROBLEM_USAGE);
        ck_assert_msg(strstr(problem.text, rows[i].text), "%s: %s", rows[i].words, problem.text);
        ck_assert_msg(strstr(problem.hint, rows[i].hint), "%s: %s", rows[i].words, problem.hint);
    }
}
END_TEST

START_TEST(table)
{
    for (const struct command_entry *entry = command_line_table(); entry->name; entry++) {
        ck_assert(entry->run != NULL);
        ck_assert_uint_le(entry->least, entry->most);
        ck_assert_msg(strncmp(entry->examples, "  parkmesh ", 11) == 0, "%s", entry->name);
        ck_assert_msg((entry->operands[0] != '\0') == (entry->most > 0), "%s", entry->name);
        ck_assert_msg(strlen(entry->summary) < 60, "%s", entry->name);
        ck_assert_uint_eq(entry->flags >> FLAG_COUNT, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("command_line");
    TCase *test = tcase_create("all");

    suite_add_tcase(suite, test);
    tcase_add_test(test, good);
    tcase_add_test(test, help);
    tcase_add_test(test, bad);
    tcase_add_test(test, table);
    return main_run(suite);
}
