/*
 * What every test program of proto/ needs: a main of one line, and hostile bytes.
 */
#ifndef TESTS_PROTO_SUPPORT_SUITE_H
#define TESTS_PROTO_SUPPORT_SUITE_H

#include "proto/bytes.h"

#include <check.h>

/* The bytes of a string literal, without its NUL: in a table, and as an expression. */
/* clang-format off */
#define SUITE_LITERAL(text) {text, sizeof text - 1}
#define SUITE_BYTES(text) ((struct slice)SUITE_LITERAL(text))
/* clang-format on */

/* Runs the tests, one process each. Returns the exit status. */
int suite_run(const char *name, const TTest *const *tests, size_t count);

/* The next number of a fixed sequence (splitmix64); `state` is the seed. */
uint64_t suite_random(uint64_t *state);

/* Calls `read` with every truncation of `valid`, with every single byte changed, and with `rounds`
 * random mixtures; each time in memory that ends where the bytes end, so that the sanitizer sees a
 * read past them. */
void suite_hostile(struct slice valid, size_t rounds, void (*read)(struct slice bytes));

#endif
