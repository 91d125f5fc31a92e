#include "proto/seal.h"

#include "proto/limits.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "1"
#define HEX (2 * SEAL_MAC)

_Static_assert(SEAL_KEY >= crypto_generichash_KEYBYTES_MIN &&
                   SEAL_KEY <= crypto_generichash_KEYBYTES_MAX,
               "BLAKE2b takes keys of this length");

static int add(crypto_generichash_state *state, struct slice part)
{
    return crypto_generichash_update(state, (const unsigned char *)part.data, part.len);
}

/* Each part ends where the next begins, whatever it holds: method and target have no line feed,
 * which is refused here, and the body comes last. */
static int compute(const uint8_t key[SEAL_KEY], const struct seal_subject *subject,
                   uint8_t mac[SEAL_MAC])
{
    crypto_generichash_state state;
    char time[32];
    const struct slice end = slice_text("\n");

    if (memchr(subject->method.data, '\n', subject->method.len) != NULL ||
        memchr(subject->target.data, '\n', subject->target.len) != NULL) {
        return -1;
    }
    (void)snprintf(time, sizeof time, "%" PRId64, subject->wall_ms);
    return crypto_generichash_init(&state, key, SEAL_KEY, SEAL_MAC) ||
                   add(&state, slice_text("parkmesh-http-" VERSION "\n")) ||
                   add(&state, subject->method) || add(&state, end) ||
                   add(&state, subject->target) || add(&state, end) ||
                   add(&state, slice_text(time)) || add(&state, end) ||
                   (subject->body.len > 0 && add(&state, subject->body)) ||
                   crypto_generichash_final(&state, mac, SEAL_MAC)
               ? -1
               : 0;
}

int seal_make(const uint8_t key[SEAL_KEY], const struct seal_subject *subject, char out[SEAL_TEXT])
{
    uint8_t mac[SEAL_MAC];
    char hex[HEX + 1];

    if (compute(key, subject, mac) != 0) {
        return -1;
    }
    (void)sodium_bin2hex(hex, sizeof hex, mac, sizeof mac); /* fits */
    (void)snprintf(out, SEAL_TEXT, VERSION " %" PRId64 " %s", subject->wall_ms, hex);
    return 0;
}

bool seal_check(const uint8_t key[SEAL_KEY], struct seal_subject *subject, const char *text,
                int64_t now_ms, uint8_t mac[SEAL_MAC])
{
    uint8_t given[SEAL_MAC];
    size_t len = 0;
    char *end;

    if (strncmp(text, VERSION " ", 2) != 0 || text[2] < '0' || text[2] > '9') {
        return false;
    }
    subject->wall_ms = strtoll(text + 2, &end, 10); /* too large is too far away */
    if (*end != ' ' || subject->wall_ms > LIMIT_INTEGER || strlen(end + 1) != HEX ||
        sodium_hex2bin(given, sizeof given, end + 1, HEX, NULL, &len, NULL) != 0 ||
        len != sizeof given || compute(key, subject, mac) != 0) {
        return false;
    }
    return sodium_memcmp(given, mac, SEAL_MAC) == 0 && subject->wall_ms > now_ms - LIMIT_SEAL_MS &&
           subject->wall_ms < now_ms + LIMIT_SEAL_MS;
}
