/*
 * Well-formed packed runs, for tests of run and message.
 */
#ifndef TESTS_PROTO_SUPPORT_RUN_H
#define TESTS_PROTO_SUPPORT_RUN_H

#include "proto/ids.h"

/* Appends a run of `count` events of `stream` from `from` on; every third event is erased. */
void support_run(struct buffer *out, const struct stream *stream, uint64_t from, size_t count);

#endif
