/*
 * SQLite's view of the simulated disks: a VFS with locks and shared memory for the handles of one
 * process.
 */
#include "tests/sim/sim_outside.h"

#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct handle {
    sqlite3_file base; /* first, as SQLite wants it */
    struct sim_disk *disk;
    struct sim_disk_file *file;
    int level;
    unsigned shm_shared, shm_exclusive; /* slots held */
};

static struct handle *of(sqlite3_file *file)
{
    return (struct handle *)(void *)file;
}

static int vfs_unlock(sqlite3_file *base, int level)
{
    struct handle *handle = of(base);
    struct sim_disk_file *file = handle->file;

    if (level < SQLITE_LOCK_RESERVED) {
        file->reserved = file->reserved == handle ? NULL : file->reserved;
        file->pending = file->pending == handle ? NULL : file->pending;
        file->exclusive = file->exclusive == handle ? NULL : file->exclusive;
    }
    if (level == SQLITE_LOCK_NONE && handle->level >= SQLITE_LOCK_SHARED) {
        file->shared--;
    }
    handle->level = level < handle->level ? level : handle->level;
    return SQLITE_OK;
}

static bool is_other(const void *holder, const struct handle *handle)
{
    return holder && holder != handle;
}

static int vfs_lock(sqlite3_file *base, int level)
{
    struct handle *handle = of(base);
    struct sim_disk_file *file = handle->file;

    if (level <= handle->level) {
        return SQLITE_OK;
    }
    if (is_other(file->exclusive, handle) || is_other(file->pending, handle) ||
        (level >= SQLITE_LOCK_RESERVED && is_other(file->reserved, handle))) {
        return SQLITE_BUSY;
    }
    if (handle->level == SQLITE_LOCK_NONE) {
        file->shared++;
        handle->level = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED) {
        file->reserved = handle;
        handle->level = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        file->pending = handle;
        if (file->shared > 1) {
            return SQLITE_BUSY;
        }
        file->exclusive = handle;
        handle->level = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

static int vfs_is_reserved(sqlite3_file *base, int *out)
{
    *out = of(base)->file->reserved != NULL;
    return SQLITE_OK;
}

static void drop_shm(struct handle *handle)
{
    for (unsigned i = 0; i < SQLITE_SHM_NLOCK; i++) {
        if (handle->shm_shared & 1U << i) {
            handle->file->shm_shared[i]--;
        }
        if (handle->shm_exclusive & 1U << i) {
            handle->file->shm_exclusive[i] = NULL;
        }
    }
    handle->shm_shared = handle->shm_exclusive = 0;
}

static int vfs_close(sqlite3_file *base)
{
    drop_shm(of(base));
    return vfs_unlock(base, SQLITE_LOCK_NONE);
}

static int vfs_read(sqlite3_file *base, void *out, int len, sqlite3_int64 at)
{
    return sim_disk_read(of(base)->disk, of(base)->file, out, (size_t)len, (size_t)at);
}

static int vfs_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 at)
{
    return sim_disk_write(of(base)->disk, of(base)->file, bytes, (size_t)len, (size_t)at);
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    return sim_disk_truncate(of(base)->disk, of(base)->file, (size_t)size);
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    (void)flags; /* how thoroughly: always wholly */
    return sim_disk_sync(of(base)->disk, of(base)->file);
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)of(base)->file->size;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int what, void *argument)
{
    (void)base; /* nothing special */
    (void)what;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int vfs_sector_size(sqlite3_file *base)
{
    (void)base; /* all alike */
    return SIM_DISK_PAGE;
}

static int vfs_characteristics(sqlite3_file *base)
{
    (void)base; /* as the unix VFS says of an ordinary disk */
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int vfs_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
    struct sim_disk_file *file = of(base)->file;

    *out = NULL;
    while (extend && file->region_count <= (size_t)region) {
        file->regions = realloc(file->regions, (file->region_count + 1) * sizeof *file->regions);
        unsigned char *made = calloc(1, (size_t)size);
        if (!file->regions || !made) {
            abort();
        }
        file->regions[file->region_count++] = made;
    }
    if ((size_t)region < file->region_count) {
        *out = file->regions[region];
    }
    return SQLITE_OK;
}

static int shm_take(struct handle *handle, unsigned first, unsigned count, bool is_shared)
{
    struct sim_disk_file *file = handle->file;

    for (unsigned i = first; i < first + count; i++) {
        unsigned mine = handle->shm_shared >> i & 1U;
        if (is_other(file->shm_exclusive[i], handle) ||
            (!is_shared && file->shm_shared[i] > mine)) {
            return SQLITE_BUSY;
        }
    }
    for (unsigned i = first; i < first + count; i++) {
        if (!is_shared) {
            file->shm_exclusive[i] = handle;
            handle->shm_exclusive |= 1U << i;
        } else if (!(handle->shm_shared & 1U << i)) {
            file->shm_shared[i]++;
            handle->shm_shared |= 1U << i;
        }
    }
    return SQLITE_OK;
}

static int vfs_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
    struct handle *handle = of(base);
    unsigned first = (unsigned)offset, count = (unsigned)n;
    bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;

    if (flags & SQLITE_SHM_LOCK) {
        return shm_take(handle, first, count, is_shared);
    }
    for (unsigned i = first; i < first + count; i++) {
        if (is_shared && handle->shm_shared & 1U << i) {
            handle->file->shm_shared[i]--;
            handle->shm_shared &= ~(1U << i);
        } else if (!is_shared && handle->shm_exclusive & 1U << i) {
            handle->file->shm_exclusive[i] = NULL;
            handle->shm_exclusive &= ~(1U << i);
        }
    }
    return SQLITE_OK;
}

static void vfs_shm_barrier(sqlite3_file *base)
{
    (void)base; /* one thread */
}

static int vfs_shm_unmap(sqlite3_file *base, int is_last)
{
    (void)is_last; /* the memory goes when the process is gone */
    drop_shm(of(base));
    return SQLITE_OK;
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_is_reserved,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector_size,
    .xDeviceCharacteristics = vfs_characteristics,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *out_flags)
{
    const char *suffix = NULL;
    struct sim_disk *disk = name ? sim_outside_locate(name, &suffix) : NULL;
    struct handle *handle = of(base);

    (void)vfs; /* ours */
    base->pMethods = NULL;
    if (!disk || disk->is_dead) {
        return SQLITE_CANTOPEN;
    }
    *handle = (struct handle){.disk = disk};
    handle->file = sim_disk_find(disk, suffix, (flags & SQLITE_OPEN_CREATE) != 0);
    if (!handle->file) {
        return SQLITE_CANTOPEN;
    }
    if (out_flags) {
        *out_flags = flags;
    }
    base->pMethods = &METHODS;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    const char *suffix = NULL;
    struct sim_disk *disk = sim_outside_locate(name, &suffix);
    struct sim_disk_file *file = disk ? sim_disk_find(disk, suffix, false) : NULL;

    (void)vfs; /* ours */
    if (!file) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    int rc = sim_disk_remove(disk, file);
    file->is_known = file->is_known && !(rc == SQLITE_OK && sync_directory);
    return rc;
}

/* As the unix VFS: an empty file does not count as there. */
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    const char *suffix = NULL;
    struct sim_disk *disk = sim_outside_locate(name, &suffix);
    const struct sim_disk_file *file = disk ? sim_disk_find(disk, suffix, false) : NULL;

    (void)vfs; /* ours */
    *out = file && (flags != SQLITE_ACCESS_EXISTS || file->size > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs; /* ours */
    return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs; /* ours */
    randombytes_buf(out, (size_t)size);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs; /* ours; nobody else moves meanwhile, so waiting is of no use */
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs; /* ours */
    *out = sim_outside_world()->wall_ms + INT64_C(210866760000000);
    return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs; /* nothing to add to SQLite's own text */
    (void)size;
    (void)out;
    return 0;
}

int sim_vfs_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = 200,
        .zName = "sim",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xGetLastError = vfs_error,
        .xCurrentTimeInt64 = vfs_time,
    };

    return sqlite3_vfs_register(&vfs, 1) == SQLITE_OK ? 0 : -1;
}
