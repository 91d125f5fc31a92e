/*
 * A whole mesh for tests: real mesh actors, each with a fake house behind it. Several run in one
 * process on addresses 127.0.0.n and share the process's ZAP handler. Everything that fails ends
 * the test; every wait has a deadline.
 */
#ifndef TESTS_BUS_SUPPORT_CENTRAL_H
#define TESTS_BUS_SUPPORT_CENTRAL_H

#include "tests/bus/support_house.h"

#include "proto/report.h"

#include <check.h>

#define CENTRAL_PATIENCE_MS 20000
#define CENTRAL_HEARTBEAT_MS 500
#define CENTRAL_PEERS 4

struct central {
    struct house house;
    struct mesh_config config; /* its peers are `peers` */
    struct replica_peer peers[CENTRAL_PEERS];
    zactor_t *mesh;
    zsock_t *asker;
};

/* First in each test that uses CZMQ: our signal handling, random numbers. */
void central_begin(void);
/* The process's ZAP handler, for these keys. */
zactor_t *central_doorkeeper(const struct mesh_keys *keys);
/* A port of `ip` where nobody listens, never one twice (the kernel chooses at random). */
uint16_t central_free_port(const char *ip);

/* The configuration alone. */
void central_set_up(struct central *central, const char *id, const char *ip, uint16_t port,
                    const char *secret);
void central_add_peer(struct central *central, const char *id, const char *ip, uint16_t port);
void central_know(struct central *central, const struct central *other);

/* Two that know each other, and their door. Returns the doorkeeper. */
zactor_t *central_pair(struct central *a, struct central *b, const char *secret);

/* `name` is for inproc endpoints. Run: house and mesh, nothing configured. Start: that, CONFIGURE
 * and START. */
void central_run(struct central *central, const char *name);
void central_start(struct central *central, const char *name);
void central_stop(struct central *central);

/* A command, and its answer in `out`: "" for OK, else "CODE text". Returns `out`. */
const char *central_tell(struct central *central, const char *command, char *out, size_t size);
const char *central_configure(struct central *central, char *out, size_t size);

/* To be freed by mesh_report_free. */
struct mesh_report central_report(struct central *central);
/* PEER_UNKNOWN when not in the report. */
struct peer_report central_peer(struct central *central, const char *id);

/* Until all hold this many events and the same digest. */
void central_wait_equal(struct central **centrals, size_t count, size_t events);
void central_wait_state(struct central *central, const char *id, enum peer_state state);
/* Until the peer is anything but connected. */
void central_wait_gone(struct central *central, const char *id);
void central_wait_problem(struct central *central, const char *id, enum problem_code code);
/* Until more than this was refused; returns how much. */
uint64_t central_wait_refused(struct central *central, uint64_t more_than);

/* Runs the tests, one process each. Returns the exit status. */
int central_suite(const char *name, const TTest *const *tests, size_t count);

#endif
