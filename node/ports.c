#include "node/ports.h"

#include "api/api.h"
#include "proto/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RELEASE_MS 1000
#define MOST (2 * API_LISTENERS + 3)

struct listener {
    const char *key; /* of its port in the file */
    char ip[80];     /* numeric, "localhost" or "*" */
    uint16_t port;   /* 0 = does not listen */
};

/* All that listen; returns how many. */
static size_t collect(const struct config *config, struct listener out[MOST])
{
    char http[API_LISTENERS][80];
    size_t http_count = config_http_listeners(config, http, API_LISTENERS - 1);
    size_t count = 3;

    memset(out, 0, MOST * sizeof out[0]);
    out[0] = (struct listener){.key = "p2p_port", .port = config->p2p_port};
    config_mesh_bind(config, out[0].ip);
    out[1] = (struct listener){.key = "bus.port", .port = config->bus_port};
    config_bus_bind(config, out[1].ip);
    out[2] = (struct listener){.key = "bus.replay_port", .port = config->replay_port};
    config_bus_bind(config, out[2].ip);
    for (size_t i = 0; i < http_count; i++) {
        struct listener *api = &out[count++], *peers = &out[count++];
        *api = (struct listener){.key = "api_port", .port = config->api_port};
        (void)slice_copy((struct slice){http[i], strcspn(http[i], ":")}, api->ip,
                         sizeof api->ip); /* as large */
        *peers = *api;
        peers->key = "ws_peer_port";
        peers->port = config->ws_peer_port;
    }
    return count;
}

/* 0, or why nobody can listen there. What is no numeric address is left to the listener. */
static int try_once(const struct listener *listener)
{
    const int on = 1; /* as the listeners do: a port whose connections are just ending is free */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(listener->port)};
    const char *ip = strcmp(listener->ip, "*") == 0           ? "0.0.0.0"
                     : strcmp(listener->ip, "localhost") == 0 ? "127.0.0.1"
                                                              : listener->ip;
    int fd, error = 0;

    if (listener->port == 0 || inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
        return 0;
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return 0; /* says nothing about the port */
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        error = errno;
    }
    (void)close(fd); /* nothing was sent */
    return error;
}

static int try(const struct listener *listener, bool is_ours)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    int64_t end_ms = clock_mono_ms() + RELEASE_MS;
    int error = try_once(listener);

    while (error == EADDRINUSE && !is_ours && clock_mono_ms() < end_ms) {
        (void)nanosleep(&pause, NULL); /* cut short: tried a little earlier */
        error = try_once(listener);
    }
    return error == EADDRINUSE && is_ours ? 0 : error;
}

static int refuse(const struct listener *listener, int error, struct problem *problem)
{
    unsigned port = listener->port;
    char hint[80];

    switch (error) {
    case EADDRINUSE:
        (void)snprintf(hint, sizeof hint,
                       "stop the program that listens there, or choose another %s", listener->key);
        return problem_set(problem, PROBLEM_PORT_IN_USE, hint,
                           "%s: cannot listen on %s:%u: in use; nothing was changed", listener->key,
                           listener->ip, port);
    case EACCES:
    case EPERM:
        (void)snprintf(hint, sizeof hint, "ports below 1024 need privileges; choose another %s",
                       listener->key);
        return problem_set(problem, PROBLEM_PERMISSION, hint,
                           "%s: may not listen on %s:%u; nothing was changed", listener->key,
                           listener->ip, port);
    default:
        return problem_set(problem, PROBLEM_ADDRESS_UNAVAILABLE,
                           "set bind or this_central.ip to an address of this machine",
                           "%s: cannot listen on %s:%u: %s; nothing was changed", listener->key,
                           listener->ip, port, strerror(error));
    }
}

int ports_check(const struct config *old, const struct config *new, struct problem *problem)
{
    struct listener ours[MOST], wanted[MOST];
    size_t our_count = collect(old, ours), count = collect(new, wanted);

    for (size_t i = 0; i < count; i++) {
        bool is_ours = false;
        int error;

        for (size_t j = 0; j < our_count && !is_ours; j++) {
            is_ours = ours[j].port == wanted[i].port;
        }
        error = try(&wanted[i], is_ours);
        if (error != 0) {
            return refuse(&wanted[i], error, problem);
        }
    }
    return 0;
}
