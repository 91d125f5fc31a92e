/*
 * Number plates. `view` is what a person reads (trimmed, upper-case); `id` is the comparable form:
 * the view with everything but A-Z and 0-9 removed.
 */
#ifndef PROTO_PLATE_H
#define PROTO_PLATE_H

#include "proto/bytes.h"
#include "proto/limits.h"

struct plate {
    char id[LIMIT_PLATE + 1];
    char view[LIMIT_PLATE + 1];
};

/*
 * Cleans up what a camera or person typed: UTF-8 kept in the view, ASCII letters upper-cased
 * (Vietnamese Đ and other letters as towupper would for Latin-1 Supplement/Extended-A/Additional),
 * surrounding white space removed. Returns 0, or -1 when fewer than LIMIT_PLATE_MIN characters
 * A-Z0-9 remain, the text is longer than LIMIT_PLATE bytes, not UTF-8, or holds control characters.
 */
int plate_parse(struct slice text, struct plate *out);

/* Upper-cases ASCII and drops everything but A-Z0-9 (what a search term is reduced to); at most
 * size - 1 characters. Returns the length. */
size_t plate_reduce(struct slice text, char *out, size_t size);

/*
 * What a text looks like to a camera: upper-cased, without space, '-' and '.', and with one
 * character for each class of those that are taken for each other:
 *   0 O D Q Đ -> 0    1 I L -> 1    2 Z -> 2    5 S -> 5    6 G -> 6    8 B -> 8    U V -> U
 * At most size - 1 bytes; returns the length. A part of the text looks like a part of this.
 */
size_t plate_look(struct slice text, char *out, size_t size);

/* The same without the classes: what a search compares, so that "51f-204.17" is "51F20417". */
size_t plate_bare(struct slice text, char *out, size_t size);

#endif
