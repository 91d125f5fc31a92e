/*
 * Passwords and tokens: made, hashed and compared. Passwords are slow on purpose (Argon2id), so
 * never call credential_hash or credential_check on the node's thread; tokens have 256 random bits
 * and need only a fast hash. Any thread.
 */
#ifndef PROTO_CREDENTIAL_H
#define PROTO_CREDENTIAL_H

#include "proto/bytes.h"

#include <stdbool.h>

#define CREDENTIAL_HASH 128    /* bytes of a password's hash as text, with the NUL */
#define CREDENTIAL_DIGEST 32   /* bytes of a token's hash */
#define CREDENTIAL_TOKEN 48    /* bytes of a token as text, with the NUL */
#define CREDENTIAL_PASSWORD 24 /* bytes of a password made here, with the NUL */

/* Hashes a password into text that says how it was made. 0, or -1 without memory for it. */
int credential_hash(struct slice password, char out[CREDENTIAL_HASH]);

/* Whether `password` made `hash`. With `hash` NULL it takes as long and is false: nobody can tell
 * an unknown account from a wrong password by the time. */
bool credential_check(const char *hash, struct slice password);

/* A new token: `prefix` (at most 4 bytes), then 43 characters. */
void credential_new_token(const char *prefix, char out[CREDENTIAL_TOKEN]);

/* What is stored of a token. */
void credential_digest(struct slice token, unsigned char out[CREDENTIAL_DIGEST]);

/* A new password that a person can type: four groups of five, 99 random bits. */
void credential_new_password(char out[CREDENTIAL_PASSWORD]);

/* Compares two secrets in a time that depends on their lengths only. False when one is empty. */
bool credential_equal(struct slice a, struct slice b);

#endif
