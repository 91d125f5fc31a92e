/*
 * The threads of a central, started from a configuration and stopped in order. Main thread only.
 */
#ifndef NODE_SERVICES_H
#define NODE_SERVICES_H

#include "api/api.h"
#include "api/desk.h"
#include "bus/secret.h"
#include "node/bus.h"
#include "node/config.h"
#include "proto/problem.h"

#include <czmq.h>

struct services {
    zactor_t *node, *reader, *mesh;
    struct bus bus;
    struct api *api;
    struct cameras *cameras;
    struct desk *desk; /* where the node is asked */
    bool mesh_runs;
    int64_t started_ms;    /* monotonic; of the first start, 0 before */
    char database[600];    /* path */
    const char *web_dir;   /* of the command line, or NULL */
    struct mesh_keys keys; /* derived from `keys_secret` */
    char keys_secret[256];
};

/* Starts what is not running. 0, or -1 with a problem; what had been started keeps running until
 * services_stop. */
int services_start(struct services *services, const struct config *config, struct problem *problem);

/* Stops everything, politely. Safe on a partly started one. */
void services_stop(struct services *services);

/* Follows a change from `old` to `new`: only what differs is touched. On failure the old state is
 * restored and -1 returned with the problem; when even that fails, `*lost` is set and the process
 * should end. */
int services_change(struct services *services, const struct config *old, const struct config *new,
                    bool *lost, struct problem *problem);

/* True when following the change closes connections (id, ports, listeners), so that whoever asked
 * for it must be answered first. */
bool services_change_is_disruptive(const struct config *old, const struct config *new);

/* The mesh alone; the API goes on. */
int services_mesh_start(struct services *services, struct problem *problem);
int services_mesh_stop(struct services *services, struct problem *problem);

#endif
