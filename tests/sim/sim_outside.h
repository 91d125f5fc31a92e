/*
 * What the code under test takes from outside: clocks, random numbers, files. The linker sends its
 * calls here (--wrap), SQLite's go to a VFS (sim_vfs.c), libsodium's to a generator; all of it
 * follows from the seed. Paths below /sim/<place>/ are on the disk of that place.
 *
 * The one world of the process is remembered in this file, as the libraries give no other way.
 */
#ifndef TESTS_SIM_OUTSIDE_H
#define TESTS_SIM_OUTSIDE_H

#include "tests/sim/sim_disk.h"

struct sim_outside {
    struct sim_disk *disks; /* by place */
    size_t disk_count;
    struct sim_random random; /* of libsodium and SQLite */
    int64_t mono_ms, wall_ms; /* as the process that runs now sees them */
    const char *bug;          /* the planted one (sim_bug.c); "" = none */
    uint64_t bug_calls;
};

/* Before anything else of the process uses SQLite or libsodium. Borrows. 0 or -1. */
int sim_outside_begin(struct sim_outside *outside);

/* The one that began; for calls that carry no context. */
struct sim_outside *sim_outside_world(void);

/* "/sim/<place>/parkmesh.db" */
void sim_outside_path(size_t place, char out[48]);

/* The disk of a path and, in `*suffix`, what follows the database's name in it (borrowed from
 * `path`); NULL for a path of the real world. */
struct sim_disk *sim_outside_locate(const char *path, const char **suffix);

/* sim_vfs.c: makes the simulated disks SQLite's default file system. 0 or -1. */
int sim_vfs_register(void);

#endif
