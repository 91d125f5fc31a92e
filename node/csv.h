/*
 * Rows of CSV (RFC 4180): fields between commas, in quotes where they hold one, a quote twice
 * within quotes. Pure.
 */
#ifndef NODE_CSV_H
#define NODE_CSV_H

#include "proto/bytes.h"

/* Splits a row in place into texts with a NUL. The count, at most `most`; or -1 for more, or for a
 * quote that does not end. */
int csv_split(char *row, char **fields, int most);

/* Whether what was read so far ends within quotes, so that the next line belongs to the row. */
bool csv_is_open(struct slice row);

#endif
