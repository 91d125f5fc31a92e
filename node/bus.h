/*
 * The bus of a central as its configuration wants it. Main thread only.
 */
#ifndef NODE_BUS_H
#define NODE_BUS_H

#include "bus/publisher.h"
#include "node/config.h"
#include "proto/problem.h"

struct bus {
    zactor_t *publisher;
    struct publisher_args args; /* what it was started with */
    char secret[256];           /* that the keys in `args` are of */
};

/* Starts it. A port that is taken leaves the central without a bus, which is logged. The mesh must
 * run: it keeps the door. 0, or -1 with a problem when there is no memory for the keys. */
int bus_start(struct bus *bus, const struct config *config, struct problem *problem);

/* Follows a change: starts anew when anything of it differs. 0, or -1 with the problem; then it is
 * as before. */
int bus_follow(struct bus *bus, const struct config *config, struct problem *problem);

void bus_stop(struct bus *bus);

#endif
