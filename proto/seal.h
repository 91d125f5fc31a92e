/*
 * The seal of an HTTP request from one central to another: that its sender holds the mesh secret,
 * over method, target, body and time (docs/protocol.md, section 2). It says "a member", not which
 * one, and hides nothing.
 */
#ifndef PROTO_SEAL_H
#define PROTO_SEAL_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define SEAL_HEADER "X-ParkMesh-Seal"
#define SEAL_KEY 32  /* bytes */
#define SEAL_MAC 32  /* bytes */
#define SEAL_TEXT 96 /* "1 1795361269000 <64 hex digits>" with its NUL */

/* What is sealed. The target is the path with its query, as in the request line. */
struct seal_subject {
    struct slice method, target, body;
    int64_t wall_ms; /* of the sender */
};

/* Writes the header's value. 0, or -1 when there are no hashes to be had. */
int seal_make(const uint8_t key[SEAL_KEY], const struct seal_subject *subject, char out[SEAL_TEXT]);

/* True when `text` seals `subject` (whose wall_ms is then set from it) and its time is within
 * LIMIT_SEAL_MS of `now_ms`. `mac` identifies the request: the same one again is a replay. */
bool seal_check(const uint8_t key[SEAL_KEY], struct seal_subject *subject, const char *text,
                int64_t now_ms, uint8_t mac[SEAL_MAC]);

#endif
