/*
 * Addresses that mean something by themselves: cameras, which cannot log in, and proxies, whose
 * word about the client is believed. Any thread.
 */
#ifndef API_TRUST_H
#define API_TRUST_H

#include "api/api.h"

#include <stdbool.h>

struct trust;

struct trust *trust_new(void);
void trust_destroy(struct trust **trust);

/* Replaces both lists; what is over LIMIT_CAMERAS or LIMIT_PROXIES is left out. */
void trust_set(struct trust *trust, const struct api_trust *addresses);

/* Numeric IPv4 text; false for anything else. */
bool trust_is_camera(struct trust *trust, const char *address);
bool trust_is_proxy(struct trust *trust, const char *address);

#endif
