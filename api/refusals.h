/*
 * How many refusals are logged: whoever sends nonsense as fast as the network allows must not fill
 * the disk with lines about it. Of each code LIMIT_REFUSALS lines are written in
 * LIMIT_REFUSALS_MS; the others are counted, and the next line tells how many they were. Any
 * thread.
 */
#ifndef API_REFUSALS_H
#define API_REFUSALS_H

#include "proto/problem.h"

#include <stdbool.h>
#include <stdint.h>

struct refusals;

struct refusals *refusals_new(void);
void refusals_destroy(struct refusals **refusals);

/* Whether a line about `code` is written now; if so, `*left_out` = how many before it were not.
 * `now_ms`: monotonic. */
bool refusals_take(struct refusals *refusals, enum problem_code code, int64_t now_ms,
                   uint64_t *left_out);

/* Those of `code` that no line has told of; forgets them. */
uint64_t refusals_untold(struct refusals *refusals, enum problem_code code);

/* A line about each code that has some. */
void refusals_log_untold(struct refusals *refusals);

#endif
