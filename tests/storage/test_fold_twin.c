/*
 * The fold against its second implementation, tests/fold.py, on random sets of events.
 */
#include "support_fold.h"
#include "tests/support_main.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PYTHON "/usr/bin/python3"
#define CASES 4000

static void write_case(FILE *file, struct buffer *line, uint64_t seed)
{
    struct fold_case test = {0};
    struct fold_output output;

    fold_case_random(&test, seed);
    struct fold_input input = fold_case_input(&test);
    fold(&input, &output);
    buffer_clear(line);
    buffer_printf(line, "{\"seed\":%llu,", (unsigned long long)seed);
    fold_case_input_json(&test, line);
    buffer_printf(line, ",");
    fold_case_output_json(&output, line);
    buffer_printf(line, "}\n");
    ck_assert(!line->full && fwrite(line->data, 1, line->len, file) == line->len);
    fold_free(&output);
    fold_case_free(&test);
}

/* The exit status of `fold.py --check path`. */
static int run_twin(char *path)
{
    char program[] = PYTHON;
    char check[] = "--check";
    char script[] = PARKMESH_SOURCE_DIR "/tests/fold.py";
    char *const arguments[] = {program, script, check, path, NULL};
    int status = 0;

    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        execv(PYTHON, arguments);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(test_twin_agrees)
{
    char path[] = "/tmp/fold-twin-XXXXXX";
    struct buffer line = {0};
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    FILE *file = fdopen(descriptor, "w");
    ck_assert_ptr_nonnull(file);

    for (uint64_t seed = 1; seed <= CASES; seed++) {
        write_case(file, &line, seed);
    }
    buffer_free(&line);
    ck_assert_int_eq(fclose(file), 0);
    int status = run_twin(path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_msg(status == 0, "fold.py differs or did not run (status %d)", status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fold_twin");
    TCase *tests = tcase_create("agreement");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_twin_agrees);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
