/*
 * The end of every unit test's main: all tests run, and their result is the program's.
 */
#ifndef TESTS_SUPPORT_MAIN_H
#define TESTS_SUPPORT_MAIN_H

#include <check.h>
#include <stddef.h>

/* Runs all of a suite, one process each, and frees it. Returns the exit status: EXIT_FAILURE if
 * any test failed. How much is told, CK_VERBOSITY may say. */
int main_run(Suite *suite);

/* The same for a list of tests. Each has this many seconds; 0 leaves it to CK_DEFAULT_TIMEOUT. */
int main_run_list(const char *name, const TTest *const *tests, size_t count, double seconds);

#endif
