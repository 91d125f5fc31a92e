/*
 * A disk that is slow or breaks on demand: preloaded into a central, it stands between SQLite and
 * the C library. The test holds the same page of memory and turns the faults on and off while the
 * central runs (tests/faults/disk.py). Only files whose name contains ".db" are meant, so that the
 * log and the sockets stay as they are.
 */
#define _GNU_SOURCE /* RTLD_NEXT, pread64 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* disk.py knows this layout. */
struct disk {
    int32_t sync_errno;    /* fsync and fdatasync fail with it; 0 = they work */
    int32_t write_errno;   /* pwrite and ftruncate fail with it */
    int32_t read_errno;    /* read and pread fail with it */
    int32_t sync_delay_us; /* an honest but slow disk */
    int32_t which;         /* 0 = every file, 1 = only the WAL, 2 = only the database itself */
    int32_t spare;         /* so many calls go well before the first failure */
    int32_t failed;        /* calls that failed so far; written here, read by the test */
};

typedef int (*sync_fn)(int);
typedef int (*truncate_fn)(int, off_t);
typedef ssize_t (*write_fn)(int, const void *, size_t, off_t);
typedef ssize_t (*plain_read_fn)(int, void *, size_t);
typedef ssize_t (*read_fn)(int, void *, size_t, off_t);

/* A preloaded library has no other place for it. Set before main, never changed; until then, other
 * libraries' constructors meet a disk in order. */
static struct disk none;
static volatile struct disk *disk = &none;

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("PARKMESH_DISK");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page = MAP_FAILED;

    if (fd >= 0) {
        page = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (page == MAP_FAILED) {
        (void)fputs("disk: PARKMESH_DISK names no usable file\n", stderr);
        abort();
    }
    disk = page;
}

/* ISO C has no cast between pointers to objects and to functions. */
static void next_function(const char *name, void *out)
{
    void *address = dlsym(RTLD_NEXT, name);
    if (!address) {
        abort();
    }
    memcpy(out, &address, sizeof address);
}

static bool is_meant(int fd)
{
    char link[64], name[4200];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, name, sizeof name - 1);
    if (len < 0) {
        return false;
    }
    name[len] = '\0';
    bool wal = strstr(name, ".db-wal") != NULL;
    bool database = !wal && len > 3 && strcmp(name + len - 3, ".db") == 0;
    return disk->which == 1 ? wal : disk->which == 2 ? database : strstr(name, ".db") != NULL;
}

/* Whether this call fails; errno is set then. */
static bool fails(int fd, int32_t with)
{
    if (with == 0 || !is_meant(fd)) {
        return false;
    }
    if (disk->spare > 0) {
        disk->spare = disk->spare - 1;
        return false;
    }
    disk->failed = disk->failed + 1;
    errno = with;
    return true;
}

static int synchronise(const char *name, int fd)
{
    sync_fn next;
    int32_t delay = disk->sync_delay_us;

    next_function(name, &next);
    if (fails(fd, disk->sync_errno)) {
        return -1;
    }
    if (delay > 0) {
        usleep((useconds_t)delay);
    }
    return next(fd);
}

int fsync(int fd)
{
    return synchronise("fsync", fd);
}

int fdatasync(int fd)
{
    return synchronise("fdatasync", fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    write_fn next;
    next_function("pwrite", &next);
    return fails(fd, disk->write_errno) ? -1 : next(fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
    write_fn next;
    next_function("pwrite64", &next);
    return fails(fd, disk->write_errno) ? -1 : next(fd, bytes, len, at);
}

int ftruncate(int fd, off_t size)
{
    truncate_fn next;
    next_function("ftruncate", &next);
    return fails(fd, disk->write_errno) ? -1 : next(fd, size);
}

int ftruncate64(int fd, off_t size)
{
    truncate_fn next;
    next_function("ftruncate64", &next);
    return fails(fd, disk->write_errno) ? -1 : next(fd, size);
}

ssize_t read(int fd, void *out, size_t len)
{
    plain_read_fn next;
    next_function("read", &next);
    return fails(fd, disk->read_errno) ? -1 : next(fd, out, len);
}

ssize_t pread(int fd, void *out, size_t len, off_t at)
{
    read_fn next;
    next_function("pread", &next);
    return fails(fd, disk->read_errno) ? -1 : next(fd, out, len, at);
}

ssize_t pread64(int fd, void *out, size_t len, off_t at)
{
    read_fn next;
    next_function("pread64", &next);
    return fails(fd, disk->read_errno) ? -1 : next(fd, out, len, at);
}
