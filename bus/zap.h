/*
 * Our ZAP handler (https://rfc.zeromq.org/spec/27): libzmq asks it about each CURVE client, and it
 * admits exactly one public key in each domain. A small actor of its own, which no signal ends,
 * because a CURVE listener whose handler is gone would be either open or dead. One per process.
 *
 * Listeners set their domain and option ZMQ_ZAP_ENFORCE_DOMAIN (bus/curve), so that without a
 * handler nobody is admitted. Messages of an admitted peer carry the metadata "User-Id": its public
 * key in Z85.
 */
#ifndef BUS_ZAP_H
#define BUS_ZAP_H

#include <czmq.h>
#include <stdint.h>

#define ZAP_DOMAIN "parkmesh"         /* of the mesh */
#define ZAP_DOMAIN_BUS "parkmesh-bus" /* of the bus and its replays */

/* For zactor_new; `args` is unused (NULL). Admits nobody until zap_admit. */
void zap_actor(zsock_t *pipe, void *args);

/* From now on admits clients of the mesh with this public key and nobody else; connections that
 * exist stay.
 * 0, or -1 when the handler could not be set up (a second one in this process). */
int zap_admit(zactor_t *zap, const uint8_t public_key[32]);

/* The same for the bus, from any thread. Waits at most a second for the handler, which need not be
 * this thread's. */
int zap_admit_bus(const uint8_t public_key[32]);

#endif
