/*
 * The fuzzer's bytes as a source of decisions: numbers, choices, pieces. When they are used up,
 * everything is 0 or empty, so any input is a whole story.
 */
#ifndef TESTS_FUZZ_SUPPORT_SOURCE_H
#define TESTS_FUZZ_SUPPORT_SOURCE_H

#include "proto/bytes.h"

/* What the engine calls, and what the replay does. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t left;
};

/* Aborts, which is a finding, when the condition does not hold. */
void source_require(bool condition);

uint8_t source_u8(struct source *source);
uint64_t source_u64(struct source *source);
/* 0..bound-1 from one byte; `bound` 1..256. */
size_t source_below(struct source *source, size_t bound);
bool source_bool(struct source *source);
/* The next bytes, at most `max`, as many as one length byte (or two, for a larger `max`) says. */
struct slice source_piece(struct source *source, size_t max);
/* A number of the kind that breaks things: small ones, edges of integers, or any. */
int64_t source_i64(struct source *source);
/* A copy that ends where the bytes end, so that a read past them is seen. Freed by the
 * caller with free(). */
char *source_exact(struct slice bytes);

#endif
