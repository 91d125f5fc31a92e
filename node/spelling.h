/*
 * How far a word is from another, for "did you mean". Pure.
 */
#ifndef NODE_SPELLING_H
#define NODE_SPELLING_H

#include <stddef.h>

#define SPELLING_FAR 3 /* so many typing errors make another word */

/* Insertions, deletions, replacements and swaps of neighbours that make one word the other. Words
 * longer than 40 bytes are near to nothing. */
size_t spelling_distance(const char *a, const char *b);

#endif
