/*
 * Roles. Viewers, operators and administrators are in order, each includes those before; edges
 * (cameras) and metrics (a Prometheus server) stand beside that order.
 */
#ifndef PROTO_ROLE_H
#define PROTO_ROLE_H

#include "proto/bytes.h"

/* Bits, so that several can be named at once. */
enum role {
    ROLE_ANYONE = 0, /* none is needed */
    ROLE_VIEWER = 1,
    ROLE_OPERATOR = 2,
    ROLE_ADMIN = 4,
    ROLE_EDGE = 8,
    ROLE_METRICS = 16
};

/* Everything that a single role includes, itself among it; 0 for anything else. */
unsigned role_includes(enum role role);

/* The name of a single role, "viewer"; NULL for anything else. */
const char *role_name(enum role role);

/* The role of a name; ROLE_ANYONE for a name that is none. */
enum role role_parse(struct slice name);

#endif
