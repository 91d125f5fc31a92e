/*
 * Who is at the door: connections accepted by the ROUTER until they are gone, so that those who are
 * no centrals are counted, with an address where there is one.
 *
 * libzmq tells little. ACCEPTED and DISCONNECTED carry the descriptor, the outcome of the handshake
 * does not, and a client that does not even speak ZMTP is dropped without an outcome. But events
 * of one connection come in order and a failure is followed by its DISCONNECTED at once, so the two
 * are joined; a DISCONNECTED of somebody who never passed the handshake is a refusal, too.
 *
 * What can not be had: the address of a client that was dropped before we asked for it (a
 * descriptor is asked a moment after libzmq accepted it), and which of several connections passed a
 * handshake until its first message names the descriptor. Then the count may be short, never long.
 */
#include "bus/mesh_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* "10.0.0.2:49152", "[fe80::1]:49152", or "" when it has gone. */
static void address_of(int fd, char *out, size_t size)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    char ip[INET6_ADDRSTRLEN] = "";
    socklen_t len = sizeof peer;

    out[0] = '\0';
    memset(&peer, 0, sizeof peer);
    if (getpeername(fd, &peer.any, &len)) {
        return;
    }
    if (peer.any.sa_family == AF_INET && inet_ntop(AF_INET, &peer.v4.sin_addr, ip, sizeof ip)) {
        (void)snprintf(out, size, "%s:%u", ip, (unsigned)ntohs(peer.v4.sin_port)); /* fits */
    } else if (peer.any.sa_family == AF_INET6 &&
               inet_ntop(AF_INET6, &peer.v6.sin6_addr, ip, sizeof ip)) {
        (void)snprintf(out, size, "[%s]:%u", ip, (unsigned)ntohs(peer.v6.sin6_port)); /* fits */
    }
}

static struct mesh_visitor *find(struct mesh *mesh, int fd)
{
    for (size_t i = 0; i < mesh->visitor_count; i++) {
        if (mesh->visitors[i].fd == fd) {
            return &mesh->visitors[i];
        }
    }
    return NULL;
}

static void forget(struct mesh *mesh, struct mesh_visitor *visitor)
{
    size_t place = (size_t)(visitor - mesh->visitors);
    mesh->visitor_count--;
    memmove(visitor, visitor + 1, (mesh->visitor_count - place) * sizeof *visitor);
}

static void came(struct mesh *mesh, int fd)
{
    struct mesh_visitor *visitor = find(mesh, fd);

    if (visitor) {
        forget(mesh, visitor); /* an event was lost */
    }
    if (mesh->visitor_count == MESH_VISITORS) {
        forget(mesh, mesh->visitors); /* the one that came longest ago */
    }
    visitor = &mesh->visitors[mesh->visitor_count++];
    *visitor = (struct mesh_visitor){.fd = fd};
    address_of(fd, visitor->address, sizeof visitor->address);
}

static void failed(struct mesh *mesh, const char *reason)
{
    if (mesh->visitor_failed) {
        mesh_refuse(mesh, mesh->visitor_failed, ""); /* its DISCONNECTED was lost */
    }
    mesh->visitor_failed = reason;
}

static void left(struct mesh *mesh, int fd)
{
    struct mesh_visitor *visitor = find(mesh, fd);
    const char *address = visitor ? visitor->address : "";

    if (mesh->visitor_failed) {
        mesh_refuse(mesh, mesh->visitor_failed, address);
        mesh->visitor_failed = NULL;
    } else if (!visitor || visitor->is_member) {
        /* forgotten, or a central that leaves */
    } else if (mesh->visitors_denied) {
        mesh->visitors_denied--; /* counted when it was denied */
    } else if (mesh->visitors_unnamed) {
        mesh->visitors_unnamed--; /* it passed, and said nothing */
    } else {
        mesh_refuse(mesh, "it does not speak the mesh's protocol", address);
    }
    if (visitor) {
        forget(mesh, visitor);
    }
}

void mesh_visitor_event(struct mesh *mesh, int event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        came(mesh, (int)value);
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        mesh->visitors_unnamed++;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        failed(mesh, "it hung up in the handshake, or said nothing");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        failed(mesh, "handshake failed: another mesh_secret, or no central");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        mesh->visitors_denied++; /* it is told, and hangs up later */
        mesh->refused++;         /* bus/zap has logged it, with the address */
        break;
    case ZMQ_EVENT_DISCONNECTED:
        left(mesh, (int)value);
        break;
    default:
        break;
    }
}

const char *mesh_visitor_said(struct mesh *mesh, int fd)
{
    struct mesh_visitor *visitor = fd >= 0 ? find(mesh, fd) : NULL;

    if (!visitor) {
        return "";
    }
    if (!visitor->is_member) {
        visitor->is_member = true;
        mesh->visitors_unnamed -= mesh->visitors_unnamed > 0;
    }
    return visitor->address;
}

void mesh_visitor_forget_all(struct mesh *mesh)
{
    mesh->visitor_count = 0;
    mesh->visitor_failed = NULL;
    mesh->visitors_denied = mesh->visitors_unnamed = 0;
}
