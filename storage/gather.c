#include "storage/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_NAME "parkmesh-gather"
/* The largest write that SQLite itself ever makes is a page of 64 KiB, and its unix VFS keeps only
 * 17 bits of a write's length. */
#define GATHER_BYTES 65536

/* Memory layout of an opened WAL file: this, then the file of the VFS below. */
struct gather {
    sqlite3_file base; /* first, as SQLite wants it */
    sqlite3_file *real;
    unsigned char *bytes; /* GATHER_BYTES; what real does not hold yet */
    sqlite3_int64 at;     /* where they belong */
    int len;
    bool has_header;  /* the first bytes of the file were written since the last sync here */
    bool owing, owes; /* gather_owe */
};

static struct gather *of(sqlite3_file *file)
{
    return (struct gather *)(void *)file;
}

/* A used-up quota is a full disk; SQLite knows ENOSPC only and takes it for a broken one. */
static int put(struct gather *gather, const void *bytes, int len, sqlite3_int64 at)
{
    sqlite3_file *real = gather->real;
    int error = 0;
    int rc = real->pMethods->xWrite(real, bytes, len, at);
    bool quota = rc == SQLITE_IOERR_WRITE &&
                 real->pMethods->xFileControl(real, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK &&
                 error == EDQUOT;
    return quota ? SQLITE_FULL : rc;
}

/* Writes what was gathered. After a failure it is forgotten: SQLite takes the frames for unwritten
 * and will overwrite their place. */
static int flush(struct gather *gather)
{
    int len = gather->len;

    gather->len = 0;
    return len > 0 ? put(gather, gather->bytes, len, gather->at) : SQLITE_OK;
}

static int gather_close(sqlite3_file *file)
{
    struct gather *gather = of(file);
    int written = flush(gather);
    int closed = gather->real->pMethods->xClose(gather->real);

    free(gather->bytes);
    return written != SQLITE_OK ? written : closed;
}

static int gather_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    int rc = flush(of(file));
    return rc != SQLITE_OK ? rc : of(file)->real->pMethods->xRead(of(file)->real, out, len, at);
}

static int gather_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct gather *gather = of(file);
    bool follows = gather->len > 0 && at == gather->at + gather->len;

    gather->has_header = gather->has_header || at == 0;
    if (!follows || len > GATHER_BYTES - gather->len) {
        int rc = flush(gather);
        if (rc != SQLITE_OK) {
            return rc;
        }
        gather->at = at;
    }
    if (len > GATHER_BYTES) {
        return put(gather, bytes, len, at);
    }
    memcpy(gather->bytes + gather->len, bytes, (size_t)len);
    gather->len += len;
    return SQLITE_OK;
}

static int gather_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = flush(of(file));
    return rc != SQLITE_OK ? rc : of(file)->real->pMethods->xTruncate(of(file)->real, size);
}

static int gather_sync(sqlite3_file *file, int flags)
{
    struct gather *gather = of(file);
    int rc = flush(gather);

    if (rc == SQLITE_OK && gather->owing && !gather->has_header) {
        gather->owes = true;
        return SQLITE_OK;
    }
    gather->has_header = false;
    return rc != SQLITE_OK ? rc : gather->real->pMethods->xSync(gather->real, flags);
}

static int gather_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int rc = flush(of(file));
    return rc != SQLITE_OK ? rc : of(file)->real->pMethods->xFileSize(of(file)->real, size);
}

static int gather_control(sqlite3_file *file, int what, void *argument)
{
    int rc = flush(of(file));
    return rc != SQLITE_OK ? rc
                           : of(file)->real->pMethods->xFileControl(of(file)->real, what, argument);
}

/* SQLite never locks a WAL file; passed on all the same. */
static int gather_lock(sqlite3_file *file, int level)
{
    return of(file)->real->pMethods->xLock(of(file)->real, level);
}

static int gather_unlock(sqlite3_file *file, int level)
{
    return of(file)->real->pMethods->xUnlock(of(file)->real, level);
}

static int gather_is_reserved(sqlite3_file *file, int *reserved)
{
    return of(file)->real->pMethods->xCheckReservedLock(of(file)->real, reserved);
}

static int gather_sector_size(sqlite3_file *file)
{
    return of(file)->real->pMethods->xSectorSize(of(file)->real);
}

static int gather_characteristics(sqlite3_file *file)
{
    return of(file)->real->pMethods->xDeviceCharacteristics(of(file)->real);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 1, /* shared memory and mapping belong to the main file */
    .xClose = gather_close,
    .xRead = gather_read,
    .xWrite = gather_write,
    .xTruncate = gather_truncate,
    .xSync = gather_sync,
    .xFileSize = gather_size,
    .xLock = gather_lock,
    .xUnlock = gather_unlock,
    .xCheckReservedLock = gather_is_reserved,
    .xFileControl = gather_control,
    .xSectorSize = gather_sector_size,
    .xDeviceCharacteristics = gather_characteristics,
};

static int gather_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *out_flags)
{
    sqlite3_vfs *below = vfs->pAppData;
    struct gather *gather = of(file);
    int rc;

    if ((flags & SQLITE_OPEN_WAL) == 0) {
        return below->xOpen(below, name, file, flags, out_flags);
    }
    *gather = (struct gather){.real = (sqlite3_file *)(void *)(gather + 1)};
    gather->bytes = malloc(GATHER_BYTES);
    if (!gather->bytes) {
        return SQLITE_NOMEM;
    }
    rc = below->xOpen(below, name, gather->real, flags, out_flags);
    if (rc != SQLITE_OK) {
        free(gather->bytes);
        return rc; /* pMethods stays NULL: SQLite will not close it */
    }
    gather->base.pMethods = &METHODS;
    return SQLITE_OK;
}

const char *gather_vfs(void)
{
    static sqlite3_vfs vfs; /* SQLite keeps a pointer to it for the life of the process */
    sqlite3_vfs *below = sqlite3_vfs_find(NULL);

    if (sqlite3_vfs_find(GATHER_NAME)) {
        return GATHER_NAME;
    }
    if (!below) {
        return NULL;
    }
    vfs = *below; /* everything but opening is the VFS's below */
    vfs.zName = GATHER_NAME;
    vfs.pNext = NULL;
    vfs.pAppData = below;
    vfs.szOsFile = below->szOsFile + (int)sizeof(struct gather);
    vfs.xOpen = gather_open;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? GATHER_NAME : NULL;
}

struct gather *gather_wal(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);

    return rc == SQLITE_OK && file && file->pMethods == &METHODS ? of(file) : NULL;
}

void gather_owe(struct gather *wal, bool owing)
{
    wal->owing = owing;
    wal->owes = wal->owes && !owing;
}

bool gather_owes(const struct gather *wal)
{
    return wal->owes;
}

int gather_sync_owed(struct gather *wal)
{
    return wal->real->pMethods->xSync(wal->real, SQLITE_SYNC_NORMAL);
}
