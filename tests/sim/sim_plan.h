/*
 * The schedule of a run: how many centrals, how they are linked, and a list of steps (load and
 * faults) with their times. It follows from the seed, can be written and read as text, and any part
 * of it is a schedule, too, so that a failing one can be made small.
 */
#ifndef TESTS_SIM_PLAN_H
#define TESTS_SIM_PLAN_H

#include "tests/sim/sim_random.h"

#include <stddef.h>
#include <stdio.h>

#define SIM_CENTRALS 6
#define SIM_STEP_MAX 1000

/*  X(NAME, weight among its like, how long it lasts: longest in ms; 0 = a moment)  */
#define SIM_LOADS(X)                                           \
    X(ENTRY, 30, 0)                                            \
    X(EXIT, 22, 0)                                             \
    X(SEEN, 4, 0)                                              \
    X(EDIT, 12, 0)                                             \
    X(DELETE, 3, 0)                                            \
    X(UNDELETE, 3, 0)                                          \
    X(EDGE_UPDATE, 2, 0)                                       \
    X(EDGE_DELETE, 2, 0)                                       \
    X(TARIFF, 2, 0)                                            \
    X(SUBSCRIBE, 3, 0)                                         \
    X(CLOCK_FIX, 1, 0)                                         \
    X(REDACT, 1, 0)                                            \
    X(FUTURE, 2, 0) /* events of kinds that nobody knows */    \
    X(POISON, 2, 0) /* a request that cannot be carried out */ \
    X(BURST, 2, 0)  /* many entries at once */
#define SIM_FAULTS(X)                                                             \
    X(LOSS, 6, 20000)     /* messages between two are lost */                     \
    X(TWICE, 3, 20000)    /* or come twice */                                     \
    X(DISORDER, 4, 20000) /* or overtake each other */                            \
    X(DELAY, 4, 20000)                                                            \
    X(RESET, 10, 0)     /* connections break and swallow what is under way */     \
    X(HALVES, 5, 25000) /* partitions */                                          \
    X(ONE_WAY, 5, 25000)                                                          \
    X(RING, 3, 25000)                                                             \
    X(CHAIN, 3, 25000)                                                            \
    X(ALONE, 7, 25000)     /* sometimes again and again */                        \
    X(STOP, 4, 8000)       /* processes end: politely, */                         \
    X(KILL, 10, 8000)      /* with what they wrote, */                            \
    X(POWER, 10, 8000)     /* with what they synced, */                           \
    X(TORN, 14, 8000)      /* in the middle of writing, the power cut, */         \
    X(IO_ERROR, 5, 4000)   /* by an error of the disk, */                         \
    X(SYNC_ERROR, 4, 4000) /* of a sync */                                        \
    X(BACKUP, 8, 0)                                                               \
    X(RESTORE, 5, 5000) /* the last backup is put back */                         \
    X(CLONE, 4, 20000)  /* a copy of the disk runs elsewhere under the same id */ \
    X(EMPTY, 3, 5000)   /* a new disk */                                          \
    X(CLOCK, 5, 30000)  /* a wall clock jumps: minutes, */                        \
    X(YEARS, 3, 30000)  /* years */                                               \
    X(FULL, 6, 15000)   /* the disk is full */                                    \
    X(HANG, 5, 15000)   /* a process stands still */                              \
    X(SLOW, 4, 20000)   /* its disk is slow */                                    \
    X(NEWER, 4, 30000)  /* a central speaks a newer version */                    \
    X(LOOK, 6, 0)       /* compares everything at this moment */

enum sim_step_kind {
#define X(name, weight, for_ms) SIM_STEP_##name,
    SIM_LOADS(X)
    SIM_FAULTS(X)
#undef X
        SIM_STEP_COUNT
};

struct sim_step {
    int64_t at_ms; /* from the start */
    enum sim_step_kind kind;
    unsigned place, other; /* any number: taken modulo the centrals there are */
    int64_t for_ms;
    uint64_t arg; /* the seed of whatever else it needs */
};

struct sim_plan {
    uint64_t seed;
    unsigned centrals, shape;
    int64_t heartbeat_ms, seconds; /* until everything is mended */
    unsigned loss;                 /* per cent, everywhere, until then */
    unsigned lost_facts;           /* per cent of commits that the mesh does not hear of at once */
    char bug[32];                  /* planted: see sim_main.c; "" = none */
    struct sim_step steps[SIM_STEP_MAX];
    size_t count;
};

/* `seconds` 0 = as the seed has it. */
void sim_plan_make(struct sim_plan *plan, uint64_t seed, int64_t seconds);
const char *sim_plan_name(enum sim_step_kind kind);
bool sim_plan_is_load(enum sim_step_kind kind);
void sim_plan_write(const struct sim_plan *plan, FILE *out);
/* 0, or -1 when the text is no schedule. */
int sim_plan_read(struct sim_plan *plan, FILE *in);

#endif
