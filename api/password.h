/*
 * Passwords in requests: checked for length, hashed and compared on the worker, few at once. Worker
 * threads.
 */
#ifndef API_PASSWORD_H
#define API_PASSWORD_H

#include "api/request.h"
#include "proto/credential.h"

/* Hashes a password that somebody chose. 0, or -1 after an answer: too short or long (400), too
 * many others are being hashed (503). */
int password_hash(struct request *request, struct slice password, char out[CREDENTIAL_HASH]);

/* 1 when `password` made `hash`, 0 when not; NULL is never right and takes as long. -1 after a 503.
 */
int password_check(struct request *request, const char *hash, struct slice password);

#endif
