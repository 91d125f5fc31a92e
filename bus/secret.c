#include "bus/secret.h"

#include <sodium.h>
#include <string.h>

/* docs/protocol.md fixes these four for ever: other values are another mesh. */
#define ARGON2_PASSES 3
#define ARGON2_BYTES (16U * 1024 * 1024)
#define SALT "parkmesh-mesh-v1"
#define BUS_SALT "parkmesh-bus--v1"
#define PUBLIC_TEXT "parkmesh without a mesh_secret"

/* Of the mesh: 32 CURVE secret key, 16 for the mesh id, 16 for the key of seals. Of the bus: 32
 * secret key of the bus, 32 that of its subscribers. */
#define DERIVED 64
#define HTTP_KEY_BYTES 16
#define HTTP_SALT "parkmesh-http-v1"
#define SHARE 32 /* characters of a new secret after its prefix, 5 bits each */

_Static_assert(sizeof SALT - 1 == crypto_pwhash_argon2id_SALTBYTES, "Argon2id takes 16 bytes");
_Static_assert(sizeof BUS_SALT == sizeof SALT, "Argon2id takes 16 bytes");

static int stretch(const char *text, const char *salt, uint8_t out[DERIVED])
{
    return sodium_init() < 0 ||
                   crypto_pwhash_argon2id(out, DERIVED, text, strlen(text),
                                          (const unsigned char *)salt, ARGON2_PASSES, ARGON2_BYTES,
                                          crypto_pwhash_argon2id_ALG_ARGON2ID13)
               ? -1
               : 0;
}

int secret_derive(const char *secret, struct mesh_keys *keys)
{
    uint8_t derived[DERIVED];
    const char *text = secret && *secret ? secret : PUBLIC_TEXT;

    memset(keys, 0, sizeof *keys);
    if (stretch(text, SALT, derived)) {
        return -1;
    }
    memcpy(keys->secret_key, derived, sizeof keys->secret_key);
    int failed = crypto_scalarmult_base(keys->public_key, keys->secret_key) ||
                 crypto_generichash(keys->mesh_id.bytes, sizeof keys->mesh_id.bytes,
                                    derived + sizeof keys->secret_key, sizeof keys->mesh_id.bytes,
                                    NULL, 0) ||
                 crypto_generichash(keys->http_key, sizeof keys->http_key,
                                    (const unsigned char *)HTTP_SALT, sizeof HTTP_SALT - 1,
                                    derived + sizeof keys->secret_key + sizeof keys->mesh_id.bytes,
                                    HTTP_KEY_BYTES);
    sodium_memzero(derived, sizeof derived);
    keys->present = secret && *secret;
    return failed ? -1 : 0;
}

int secret_derive_bus(const char *secret, struct bus_keys *keys)
{
    uint8_t derived[DERIVED];

    memset(keys, 0, sizeof *keys);
    if (!secret || !*secret) {
        return 0;
    }
    if (stretch(secret, BUS_SALT, derived)) {
        return -1;
    }
    memcpy(keys->secret_key, derived, sizeof keys->secret_key);
    memcpy(keys->client_secret, derived + sizeof keys->secret_key, sizeof keys->client_secret);
    int failed = crypto_scalarmult_base(keys->public_key, keys->secret_key) ||
                 crypto_scalarmult_base(keys->client_public, keys->client_secret);
    sodium_memzero(derived, sizeof derived);
    keys->present = true;
    return failed ? -1 : 0;
}

void secret_new(char out[SECRET_TEXT])
{
    /* Crockford's base 32: nothing that looks like something else, safe in a URL and a shell. */
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    static const char prefix[] = "pm1-";
    uint8_t random[SHARE];

    if (sodium_init() < 0) {
        out[0] = '\0'; /* no random numbers: an empty secret is refused where it is used */
        return;
    }
    randombytes_buf(random, sizeof random);
    memcpy(out, prefix, sizeof prefix - 1);
    for (size_t i = 0; i < SHARE; i++) {
        out[sizeof prefix - 1 + i] = alphabet[random[i] & 31];
    }
    out[sizeof prefix - 1 + SHARE] = '\0';
    sodium_memzero(random, sizeof random);
}
