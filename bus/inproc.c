#include "bus/inproc.h"

int inproc_bind(zsock_t *socket, const char *name)
{
    return zmq_bind(zsock_resolve(socket), name);
}

void inproc_close(zsock_t **socket)
{
    char name[128] = "";
    size_t size = sizeof name;

    if (*socket == NULL) {
        return;
    }
    if (zmq_getsockopt(zsock_resolve(*socket), ZMQ_LAST_ENDPOINT, name, &size) == 0 &&
        name[0] != '\0') {
        (void)zmq_unbind(zsock_resolve(*socket), name); /* else the reaper does it, later */
    }
    zsock_destroy(socket);
}
