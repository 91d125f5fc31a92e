/*
 * A CURVE listener whose door stays shut when no ZAP handler (bus/zap) answers for it.
 */
#ifndef BUS_CURVE_H
#define BUS_CURVE_H

#include <stdint.h>

/* Sets keys, ZAP domain and ZMQ_ZAP_ENFORCE_DOMAIN before the bind; the last is read back, not
 * believed. `socket` is libzmq's. 0, or -1 with errno: do not bind. */
int curve_listen(void *socket, const char *domain, const uint8_t public_key[32],
                 const uint8_t secret_key[32]);

#endif
