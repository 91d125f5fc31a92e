#include "proto/credential.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Sized for a central on a small PC: 32 MiB and three passes take some 50 ms of one core, and the
 * API runs two at once. Stronger than the least that OWASP asks of Argon2id (19 MiB, two). */
#define PASSES 3
#define MEMORY ((size_t)32 * 1024 * 1024)

/* No I, L, O, 0 or 1: it is read from a screen and typed. */
static const char LETTERS[] = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
#define GROUPS 4
#define GROUP 5

int credential_hash(struct slice password, char out[CREDENTIAL_HASH])
{
    static_assert(CREDENTIAL_HASH >= crypto_pwhash_STRBYTES, "the hash fits");
    return crypto_pwhash_str_alg(out, password.data, password.len, PASSES, MEMORY,
                                 crypto_pwhash_ALG_ARGON2ID13);
}

bool credential_check(const char *hash, struct slice password)
{
    char none[CREDENTIAL_HASH];

    if (hash == NULL) {
        (void)credential_hash(password, none); /* only for its time */
        return false;
    }
    return crypto_pwhash_str_verify(hash, password.data, password.len) == 0;
}

void credential_new_token(const char *prefix, char out[CREDENTIAL_TOKEN])
{
    unsigned char random[32];
    size_t len = strlen(prefix);

    assert(len <= 4);
    randombytes_buf(random, sizeof random);
    memcpy(out, prefix, len);
    (void)sodium_bin2base64(out + len, CREDENTIAL_TOKEN - len, random, sizeof random,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
}

void credential_digest(struct slice token, unsigned char out[CREDENTIAL_DIGEST])
{
    (void)crypto_generichash(out, CREDENTIAL_DIGEST, (const unsigned char *)token.data, token.len,
                             NULL, 0); /* fails only for lengths that are not ours */
}

void credential_new_password(char out[CREDENTIAL_PASSWORD])
{
    size_t len = 0;

    for (size_t i = 0; i < (size_t)GROUPS * GROUP; i++) {
        if (i > 0 && i % GROUP == 0) {
            out[len++] = '-';
        }
        out[len++] = LETTERS[randombytes_uniform(sizeof LETTERS - 1)];
    }
    out[len] = '\0';
}

bool credential_equal(struct slice a, struct slice b)
{
    return a.len == b.len && a.len > 0 && sodium_memcmp(a.data, b.data, a.len) == 0;
}
