/*
 * Packing what was unpacked: the packed form of what can be read is stable.
 */
#ifndef TESTS_FUZZ_SUPPORT_AGAIN_H
#define TESTS_FUZZ_SUPPORT_AGAIN_H

#include "proto/bytes.h"

/* Unpacks `bytes` and appends the packed form to `out`. -1: not to be read; nothing appended. */
typedef int (*again_fn)(struct slice bytes, struct buffer *out);

/* Reads, packs, reads and packs; both packed forms must be the same. */
void again_check(again_fn again, struct slice bytes);

#endif
