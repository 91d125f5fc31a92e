#include "tests/sim/sim_outside.h"

#include "proto/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ROOT "/sim/"
#define DATABASE "/parkmesh.db"
#define DESCRIPTORS 1000000 /* ours begin here: disk * SIM_DISK_FILES + file */

static struct sim_outside *world;

struct sim_outside *sim_outside_world(void)
{
    return world;
}

void sim_outside_path(size_t place, char out[48])
{
    (void)snprintf(out, 48, ROOT "%zu" DATABASE, place);
}

struct sim_disk *sim_outside_locate(const char *path, const char **suffix)
{
    char *end = NULL;

    if (!world || strncmp(path, ROOT, sizeof ROOT - 1) != 0) {
        return NULL;
    }
    unsigned long place = strtoul(path + sizeof ROOT - 1, &end, 10);
    if (place >= world->disk_count || strncmp(end, DATABASE, sizeof DATABASE - 1) != 0) {
        return NULL;
    }
    *suffix = end + sizeof DATABASE - 1;
    return &world->disks[place];
}

/* ---- clocks ---- */

int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_mono_ms(void);

int64_t __wrap_clock_wall_ms(void)
{
    return world->wall_ms;
}

int64_t __wrap_clock_mono_ms(void)
{
    return world->mono_ms;
}

/* ---- random numbers ---- */

static const char *random_name(void)
{
    return "sim";
}

static uint32_t random_word(void)
{
    return (uint32_t)(sim_random_next(&world->random) >> 32);
}

static void random_bytes(void *const out, const size_t size)
{
    unsigned char *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(sim_random_next(&world->random) >> 56);
    }
}

/* ---- files that the store opens by itself: the lock, the reserve ---- */

int __real_stat(const char *path, struct stat *out);
int __wrap_stat(const char *path, struct stat *out);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_statvfs(const char *path, struct statvfs *out);
int __wrap_statvfs(const char *path, struct statvfs *out);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __real_posix_fallocate(int fd, off_t at, off_t len);
int __wrap_posix_fallocate(int fd, off_t at, off_t len);

static int missing(void)
{
    errno = ENOENT;
    return -1;
}

int __wrap_stat(const char *path, struct stat *out)
{
    const char *suffix = NULL;
    struct sim_disk *disk = sim_outside_locate(path, &suffix);
    const struct sim_disk_file *file = disk ? sim_disk_find(disk, suffix, false) : NULL;

    if (!disk) {
        return __real_stat(path, out);
    }
    if (!file) {
        return missing();
    }
    *out = (struct stat){.st_mode = S_IFREG | 0600, .st_size = (off_t)file->size};
    return 0;
}

int __wrap_access(const char *path, int mode)
{
    const char *suffix = NULL;
    struct sim_disk *disk = sim_outside_locate(path, &suffix);

    if (!disk) {
        return __real_access(path, mode);
    }
    return sim_disk_find(disk, suffix, false) ? 0 : missing();
}

int __wrap_unlink(const char *path)
{
    const char *suffix = NULL;
    struct sim_disk *disk = sim_outside_locate(path, &suffix);
    struct sim_disk_file *file = disk ? sim_disk_find(disk, suffix, false) : NULL;

    if (!disk) {
        return __real_unlink(path);
    }
    return !file || sim_disk_remove(disk, file) ? missing() : 0;
}

int __wrap_statvfs(const char *path, struct statvfs *out)
{
    const char *suffix = NULL;
    struct sim_disk *disk = sim_outside_locate(path, &suffix);

    if (!disk) {
        return __real_statvfs(path, out);
    }
    size_t used = sim_disk_used(disk);
    size_t room = disk->room == SIZE_MAX ? (size_t)1 << 40 : disk->room;
    *out = (struct statvfs){.f_frsize = SIM_DISK_PAGE,
                            .f_bavail = room > used ? (room - used) / SIM_DISK_PAGE : 0};
    return 0;
}

int __wrap_open(const char *path, int flags, ...)
{
    const char *suffix = NULL;
    struct sim_disk *disk = sim_outside_locate(path, &suffix);
    va_list arguments;

    va_start(arguments, flags);
    int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (!disk) {
        return __real_open(path, flags, mode);
    }
    const struct sim_disk_file *file = sim_disk_find(disk, suffix, (flags & O_CREAT) != 0);
    if (!file || disk->is_dead) {
        return missing();
    }
    return DESCRIPTORS + (int)(disk - world->disks) * SIM_DISK_FILES + (int)(file - disk->files);
}

int __wrap_close(int fd)
{
    return fd >= DESCRIPTORS ? 0 : __real_close(fd);
}

/* One process a place: nobody else can hold it. */
int __wrap_flock(int fd, int operation)
{
    return fd >= DESCRIPTORS ? 0 : __real_flock(fd, operation);
}

static struct sim_disk_file *of_descriptor(int fd, struct sim_disk **disk)
{
    *disk = &world->disks[(fd - DESCRIPTORS) / SIM_DISK_FILES];
    return &(*disk)->files[(fd - DESCRIPTORS) % SIM_DISK_FILES];
}

int __wrap_posix_fallocate(int fd, off_t at, off_t len)
{
    static const char zero[1] = {0};

    if (fd < DESCRIPTORS) {
        return __real_posix_fallocate(fd, at, len);
    }
    struct sim_disk *disk = NULL;
    struct sim_disk_file *file = of_descriptor(fd, &disk);
    return sim_disk_write(disk, file, zero, 1, (size_t)(at + len) - 1) ? ENOSPC : 0;
}

ssize_t __real_pread(int fd, void *out, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *out, size_t len, off_t at);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static int io_error(void)
{
    errno = EIO;
    return -1;
}

ssize_t __wrap_pread(int fd, void *out, size_t len, off_t at)
{
    struct sim_disk *disk = NULL;

    if (fd < DESCRIPTORS) {
        return __real_pread(fd, out, len, at);
    }
    const struct sim_disk_file *file = of_descriptor(fd, &disk);
    size_t there = (size_t)at < file->size ? file->size - (size_t)at : 0;
    there = there < len ? there : len;
    if (sim_disk_read(disk, file, out, there, (size_t)at)) {
        return io_error();
    }
    return (ssize_t)there;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    struct sim_disk *disk = NULL;

    if (fd < DESCRIPTORS) {
        return __real_pwrite(fd, bytes, len, at);
    }
    struct sim_disk_file *file = of_descriptor(fd, &disk);
    return sim_disk_write(disk, file, bytes, len, (size_t)at) ? io_error() : (ssize_t)len;
}

int __wrap_fsync(int fd)
{
    struct sim_disk *disk = NULL;

    if (fd < DESCRIPTORS) {
        return __real_fsync(fd);
    }
    struct sim_disk_file *file = of_descriptor(fd, &disk);
    return sim_disk_sync(disk, file) ? io_error() : 0;
}

int sim_outside_begin(struct sim_outside *outside)
{
    static randombytes_implementation implementation = {
        .implementation_name = random_name, .random = random_word, .buf = random_bytes};

    world = outside;
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* as the store does, before the start */
    if (randombytes_set_implementation(&implementation) || sodium_init() < 0) {
        return -1;
    }
    return sim_vfs_register();
}
