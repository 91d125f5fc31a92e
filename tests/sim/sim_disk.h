/*
 * A disk in memory that can do what disks do: lose what was not synced, in part and out of order,
 * fail, fill up, be copied and be put back from an old copy.
 *
 * Each file keeps what programs see (`bytes`) and, for each page written since the last sync, what
 * a power cut may bring back. A failed sync is as Linux does it: what was written stays visible and
 * counts as clean, but is not on the disk until it is written again.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "tests/sim/sim_random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_DISK_FILES 8
#define SIM_DISK_PAGE 4096
#define SIM_DISK_SECTOR 512 /* written wholly or not at all */

/* A page as the disk holds it. */
struct sim_disk_old {
    size_t page;
    bool is_lost; /* a sync of it failed: later ones do not count for it */
    unsigned char bytes[SIM_DISK_PAGE];
};

struct sim_disk_file {
    char
        suffix[16]; /* "" = the database itself, "-wal" ...; of a free place in the table: unused */
    bool exists;
    bool is_known; /* its name is on the disk */
    unsigned char *bytes;
    size_t size, capacity;
    size_t synced_size;
    struct sim_disk_old *old; /* pages that differ from the disk and begin below synced_size */
    size_t old_count, old_capacity;
    uint32_t *old_of; /* page -> place in `old` + 1; 0 = none */
    size_t old_of_count;

    /* of the running process: locks and shared memory of SQLite */
    unsigned shared;
    void *reserved, *pending, *exclusive; /* the handle that holds it */
    unsigned char **regions;
    size_t region_count;
    unsigned shm_shared[8];
    void *shm_exclusive[8];
};

enum sim_disk_error {
    SIM_DISK_WELL,
    SIM_DISK_POWER_CUT,   /* nothing works from then on */
    SIM_DISK_WRITE_FAILS, /* once, as the two below */
    SIM_DISK_SYNC_FAILS,
    SIM_DISK_READ_FAILS
};

struct sim_disk {
    struct sim_disk_file files[SIM_DISK_FILES];
    bool is_dead;                  /* of the running process: its power is gone */
    bool had_error;                /* an injected error was met since the start: */
    enum sim_disk_error met;       /* this one, the last */
    size_t room;                   /* bytes in all; SIZE_MAX = enough */
    enum sim_disk_error error;     /* the one that comes ... */
    uint64_t error_in;             /* ... at this operation from now, from 1 */
    uint64_t writes, syncs, fulls; /* so far; refused for want of room */
};

void sim_disk_free(struct sim_disk *disk);

/* The file with this suffix, created when `create`; NULL when there is none. */
struct sim_disk_file *sim_disk_find(struct sim_disk *disk, const char *suffix, bool create);
size_t sim_disk_used(const struct sim_disk *disk);

/* What the process does. 0, or an SQLite result code. */
int sim_disk_read(struct sim_disk *disk, const struct sim_disk_file *file, void *out, size_t len,
                  size_t at);
int sim_disk_write(struct sim_disk *disk, struct sim_disk_file *file, const void *bytes, size_t len,
                   size_t at);
int sim_disk_truncate(struct sim_disk *disk, struct sim_disk_file *file, size_t size);
int sim_disk_sync(struct sim_disk *disk, struct sim_disk_file *file);
int sim_disk_remove(struct sim_disk *disk, struct sim_disk_file *file);

/* Whoever looks at the disk from outside meets no error: takes the armed one, and arms it again. */
struct sim_disk_armed {
    enum sim_disk_error error;
    bool is_dead;
};
struct sim_disk_armed sim_disk_disarm(struct sim_disk *disk);
void sim_disk_arm(struct sim_disk *disk, struct sim_disk_armed armed);

/* The process is gone; what it wrote is there. Locks and shared memory go with it. */
void sim_disk_settle(struct sim_disk *disk);
/* The power was cut: some, all or none of what was not synced is gone. Settles, too. */
void sim_disk_lose(struct sim_disk *disk, struct sim_random *random);
/* `to` becomes what `from` shows now, all of it synced. */
void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from);

#endif
