/*
 * The operator's one mesh secret and what is derived from it: the CURVE key pair that every link
 * uses on both sides, and the mesh id in HELLO. Likewise the secret of the bus.
 *
 * Argon2id (RFC 9106; libsodium crypto_pwhash) with the parameters of docs/protocol.md turns the
 * text into 64 bytes: 32 are the CURVE secret key, 16 of the rest hash to the mesh id.
 */
#ifndef BUS_SECRET_H
#define BUS_SECRET_H

#include "proto/ids.h"

struct mesh_keys {
    bool present; /* false: no secret; the mesh binds to loopback only, with keys everybody knows */
    uint8_t public_key[32], secret_key[32];
    struct digest mesh_id;
    uint8_t http_key[32]; /* of seals (proto/seal.h) */
};

/* What the bus and its subscribers prove themselves with. A subscriber gets the public key of the
 * bus and the pair of the subscribers: it can read the bus, and pass for it to nobody. */
struct bus_keys {
    bool present; /* false: no secret, no encryption; on loopback only */
    uint8_t public_key[32], secret_key[32];
    uint8_t client_public[32], client_secret[32];
};

/* Derives from `bus.secret`, as long as secret_derive. NULL or "": no keys. -1 when out of memory.
 */
int secret_derive_bus(const char *secret, struct bus_keys *keys);

/* Shortest secret accepted, in bytes. */
#define SECRET_MIN 16

/* Derives (about 50 ms, 16 MiB for that time). NULL or "" derives from a fixed, public text and
 * leaves `present` false. -1 when out of memory. */
int secret_derive(const char *secret, struct mesh_keys *keys);

/* A new random secret: "pm1-" and 32 characters of an unambiguous alphabet (160 bits). */
#define SECRET_TEXT 40
void secret_new(char out[SECRET_TEXT]);

#endif
