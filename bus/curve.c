#include "bus/curve.h"

#include <string.h>
#include <zmq.h>

#define ZAP_ENFORCE_DOMAIN 93 /* a draft option that Debian's zmq.h does not name */
#define KEY_BYTES 32

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

int curve_listen(void *socket, const char *domain, const uint8_t public_key[32],
                 const uint8_t secret_key[32])
{
    int enforced = 0;
    size_t size = sizeof enforced;

    return set_int(socket, ZMQ_CURVE_SERVER, 1) ||
                   zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) ||
                   set_int(socket, ZAP_ENFORCE_DOMAIN, 1) ||
                   zmq_getsockopt(socket, ZAP_ENFORCE_DOMAIN, &enforced, &size) || enforced != 1 ||
                   zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, KEY_BYTES) ||
                   zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, KEY_BYTES)
               ? -1
               : 0;
}
