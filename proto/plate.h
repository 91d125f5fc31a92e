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

#endif
