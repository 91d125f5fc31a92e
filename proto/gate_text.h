/*
 * What people are told of an entry or exit that was recorded: the `message` of the camera's answer
 * and of the notice to pages, which show the same. Pure.
 */
#ifndef PROTO_GATE_TEXT_H
#define PROTO_GATE_TEXT_H

#include "proto/bytes.h"

#include <stdbool.h>

/* Writes the sentence, cut to `size` bytes with its NUL. `plate_view`: the plate as people read it;
 * borrowed for the call. */
void gate_text_done(bool is_exit, struct slice plate_view, char *out, size_t size);

#endif
