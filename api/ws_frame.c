#define _GNU_SOURCE /* memmem */
#include "api/ws_frame.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ANSWER_MAX 8192 /* bytes of a handshake's answer */
#define CONTROL_MAX 125 /* payload of a control frame */
#define BIT_LAST 0x80
#define BIT_MASK 0x80
#define BITS_RESERVED 0x70
#define BITS_OPCODE 0x0f

/* ---- handshake ------------------------------------------------------------------------------- */

static void encode(const uint8_t bytes[16], char out[25])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;

    for (size_t i = 0; i < 16; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;
        three |= i + 1 < 16 ? (uint32_t)bytes[i + 1] << 8 : 0;
        three |= i + 2 < 16 ? bytes[i + 2] : 0;
        out[at++] = digits[three >> 18];
        out[at++] = digits[three >> 12 & 63];
        out[at++] = i + 1 < 16 ? digits[three >> 6 & 63] : '=';
        out[at++] = i + 2 < 16 ? digits[three & 63] : '=';
    }
    out[at] = '\0';
}

void ws_frame_put_request(struct buffer *out, const char *host, unsigned port, const char *path,
                          const uint8_t nonce[16])
{
    char key[25];

    encode(nonce, key);
    (void)buffer_printf(out,
                        "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n",
                        path, host, port, key); /* a few hundred bytes into an empty buffer */
}

/* Whether one of the header lines is "Upgrade: websocket", whatever its case. */
static bool upgrades(struct slice head)
{
    static const char wanted[] = "\nupgrade:";

    for (size_t i = 0; i + sizeof wanted - 1 < head.len; i++) {
        const char *value = head.data + i + sizeof wanted - 1;
        size_t left = head.len - i - (sizeof wanted - 1);
        if (strncasecmp(head.data + i, wanted, sizeof wanted - 1) != 0) {
            continue;
        }
        while (left > 0 && (*value == ' ' || *value == '\t')) {
            value++;
            left--;
        }
        return left >= 9 && strncasecmp(value, "websocket", 9) == 0;
    }
    return false;
}

/* Sec-WebSocket-Accept is not compared: it is there against caches in between, of which a link
 * inside a company has none, and the first message shows at once who is there. */
int ws_frame_read_answer(struct slice bytes, size_t *size)
{
    const char *end = bytes.data != NULL ? memmem(bytes.data, bytes.len, "\r\n\r\n", 4) : NULL;
    struct slice head = {bytes.data, end != NULL ? (size_t)(end - bytes.data) + 2 : 0};

    if (end == NULL) {
        return bytes.len < ANSWER_MAX ? 0 : -1;
    }
    *size = head.len + 2;
    if (head.len < 12 || memcmp(head.data, "HTTP/1.1 101", 12) != 0 || !upgrades(head)) {
        return -1;
    }
    return 1;
}

/* ---- frames ---------------------------------------------------------------------------------- */

void ws_frame_put(struct buffer *out, enum ws_opcode opcode, struct slice payload,
                  const uint8_t mask[4])
{
    unsigned char head[14] = {(unsigned char)(BIT_LAST | (unsigned)opcode)};
    size_t size = 2, bytes = payload.len < 126 ? 0 : payload.len < 65536 ? 2 : 8, start;

    head[1] = (unsigned char)(BIT_MASK | (bytes == 0 ? payload.len : bytes == 2 ? 126 : 127));
    for (size_t i = bytes; i-- > 0;) {
        head[size++] = (unsigned char)((uint64_t)payload.len >> (8 * i));
    }
    memcpy(head + size, mask, 4);
    if (buffer_append(out, head, size + 4) != 0) {
        return; /* `full` says so */
    }
    start = out->len;
    if (payload.len == 0 || buffer_append(out, payload.data, payload.len) != 0) {
        return;
    }
    for (size_t i = 0; i < payload.len; i++) {
        out->data[start + i] = (char)((unsigned char)out->data[start + i] ^ mask[i % 4]);
    }
}

static bool is_known(unsigned opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

enum ws_reading ws_frame_read(struct slice bytes, size_t max, struct ws_frame *out)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    unsigned opcode, extra;
    uint64_t len;
    size_t head = 2;

    if (bytes.len < 2) {
        return WS_MORE;
    }
    opcode = at[0] & BITS_OPCODE;
    len = at[1] & 0x7fu;
    /* what a server sends is not masked; no extension was agreed on */
    if ((at[0] & BITS_RESERVED) != 0 || (at[1] & BIT_MASK) != 0 || !is_known(opcode) ||
        (opcode >= WS_CLOSE && ((at[0] & BIT_LAST) == 0 || len > CONTROL_MAX))) {
        return WS_WRONG;
    }
    extra = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (bytes.len < head + extra) {
        return WS_MORE;
    }
    if (extra > 0) {
        len = 0;
        for (unsigned i = 0; i < extra; i++) {
            len = len << 8 | at[head + i];
        }
        head += extra;
    }
    if (len > max) {
        return WS_TOO_LARGE;
    }
    if (bytes.len - head < len) {
        return WS_MORE;
    }
    *out = (struct ws_frame){.opcode = (enum ws_opcode)opcode,
                             .is_last = (at[0] & BIT_LAST) != 0,
                             .payload = {bytes.data + head, (size_t)len},
                             .size = head + (size_t)len};
    return WS_FRAME;
}
