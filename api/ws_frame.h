/*
 * Pure: the dialling side of a WebSocket (RFC 6455) as bytes: the handshake, frames out (masked),
 * frames in. For the peer link; whoever connects to us is civetweb's.
 */
#ifndef API_WS_FRAME_H
#define API_WS_FRAME_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

/* The request of the handshake. `nonce`: 16 random bytes. */
void ws_frame_put_request(struct buffer *out, const char *host, unsigned port, const char *path,
                          const uint8_t nonce[16]);

/* The answer: 1 when the other side speaks WebSocket, with the length of the answer; 0 when more of
 * it is needed; -1 when it does not. */
int ws_frame_read_answer(struct slice bytes, size_t *size);

/* One whole frame of ours. `mask`: 4 random bytes. */
void ws_frame_put(struct buffer *out, enum ws_opcode opcode, struct slice payload,
                  const uint8_t mask[4]);

struct ws_frame {
    enum ws_opcode opcode;
    bool is_last;         /* of its message */
    struct slice payload; /* borrows */
    size_t size;          /* bytes of the whole frame */
};

enum ws_reading {
    WS_FRAME,    /* one frame stands at the start */
    WS_MORE,     /* more bytes are needed */
    WS_WRONG,    /* not as RFC 6455 says (1002) */
    WS_TOO_LARGE /* it announces more than `max` (1009) */
};
enum ws_reading ws_frame_read(struct slice bytes, size_t max, struct ws_frame *out);

#endif
