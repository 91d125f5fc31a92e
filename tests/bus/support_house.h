/*
 * A fake house for the mesh: what node and reader do for it, on a log in memory. It checks chains
 * as storage does, answers HANDOFF requests and publishes facts.
 */
#ifndef TESTS_BUS_SUPPORT_HOUSE_H
#define TESTS_BUS_SUPPORT_HOUSE_H

#include "bus/mesh.h"

#include <czmq.h>

struct house {
    char node[80], reader[80], facts[80], report[80]; /* inproc names */
    struct mesh_endpoints endpoints;                  /* the same, for mesh_actor */
    zactor_t *actor;
};

/* `name` makes the inproc names unique in this process. */
void house_open(struct house *house, const char *name, const char *node_id);
void house_close(struct house *house);

/* Commits `events` of its own, `batch` in a commit, and returns when all facts are out. */
void house_write(struct house *house, size_t events, size_t batch);
/* While true, nothing is stored: every run is answered by APPLY_REFUSED. */
void house_refuse(struct house *house, bool refuse);
/* Events in the log; its digest as hex in `digest` (33 bytes, may be NULL). */
size_t house_count(struct house *house, char *digest);
/* How many of them came as FACT_SYNC: asked for, not pushed. */
size_t house_pulled(struct house *house);

#endif
