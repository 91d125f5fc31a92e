#include "tests/sim/sim_disk.h"

#include "proto/bytes.h"

#include <sqlite3.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

static void forget_old(struct sim_disk_file *file)
{
    file->old_count = 0;
    if (file->old_of_count) {
        memset(file->old_of, 0, file->old_of_count * sizeof *file->old_of);
    }
}

static void free_file(struct sim_disk_file *file)
{
    free(file->bytes);
    free(file->old);
    free(file->old_of);
    for (size_t i = 0; i < file->region_count; i++) {
        free(file->regions[i]);
    }
    free(file->regions);
    *file = (struct sim_disk_file){.size = 0};
}

void sim_disk_free(struct sim_disk *disk)
{
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        free_file(&disk->files[i]);
    }
}

struct sim_disk_file *sim_disk_find(struct sim_disk *disk, const char *suffix, bool create)
{
    struct sim_disk_file *spare = NULL;

    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        struct sim_disk_file *file = &disk->files[i];
        if (file->exists && strcmp(file->suffix, suffix) == 0) {
            return file;
        }
        if (!file->exists && (!spare || strcmp(file->suffix, suffix) == 0)) {
            spare = file; /* a removed file of this name comes first: its old bytes are known */
        }
    }
    if (!create) {
        return NULL;
    }
    assert(spare && strlen(suffix) < sizeof spare->suffix);
    if (strcmp(spare->suffix, suffix) != 0) {
        free_file(spare);
        (void)slice_copy(slice_text(suffix), spare->suffix, sizeof spare->suffix);
    }
    spare->exists = true;
    return spare;
}

size_t sim_disk_used(const struct sim_disk *disk)
{
    size_t used = 0;
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        used += disk->files[i].exists ? disk->files[i].size : 0;
    }
    return used;
}

static void reserve(struct sim_disk_file *file, size_t size)
{
    if (size > file->capacity) {
        size_t capacity = file->capacity ? file->capacity : 65536;
        while (capacity < size) {
            capacity *= 2;
        }
        file->bytes = realloc(file->bytes, capacity);
        assert(file->bytes);
        memset(file->bytes + file->capacity, 0, capacity - file->capacity);
        file->capacity = capacity;
    }
}

/* ---- what a power cut brings back ---- */

static struct sim_disk_old *keep_page(struct sim_disk_file *file, size_t page)
{
    if (page >= file->old_of_count) {
        size_t count = (page + 64) * 2;
        file->old_of = realloc(file->old_of, count * sizeof *file->old_of);
        assert(file->old_of);
        memset(file->old_of + file->old_of_count, 0,
               (count - file->old_of_count) * sizeof *file->old_of);
        file->old_of_count = count;
    }
    if (file->old_of[page]) {
        return &file->old[file->old_of[page] - 1];
    }
    if (file->old_count == file->old_capacity) {
        file->old_capacity = file->old_capacity ? file->old_capacity * 2 : 16;
        file->old = realloc(file->old, file->old_capacity * sizeof *file->old);
        assert(file->old);
    }
    struct sim_disk_old *old = &file->old[file->old_count++];
    file->old_of[page] = (uint32_t)file->old_count;
    old->page = page;
    old->is_lost = false;
    size_t at = page * SIM_DISK_PAGE;
    size_t shown = at < file->size ? file->size - at : 0;
    shown = shown < SIM_DISK_PAGE ? shown : SIM_DISK_PAGE;
    memset(old->bytes, 0, sizeof old->bytes);
    if (shown) {
        memcpy(old->bytes, file->bytes + at, shown);
    }
    return old;
}

/* Every page that [at, at + len) touches and that the disk holds. What is written again will get
 * there with the next sync. */
static void keep(struct sim_disk_file *file, size_t at, size_t len)
{
    for (size_t page = at / SIM_DISK_PAGE; page * SIM_DISK_PAGE < at + len; page++) {
        bool is_known = page < file->old_of_count && file->old_of[page];
        if (page * SIM_DISK_PAGE < file->synced_size || is_known) {
            keep_page(file, page)->is_lost = false;
        }
    }
}

/* ---- operations ---- */

/* Counts down to the injected error; true when this operation meets it. */
static bool meets(struct sim_disk *disk, enum sim_disk_error kind)
{
    if (disk->error == SIM_DISK_WELL ||
        (disk->error == SIM_DISK_POWER_CUT ? kind == SIM_DISK_READ_FAILS : disk->error != kind)) {
        return false;
    }
    if (disk->error_in > 1) {
        disk->error_in--;
        return false;
    }
    disk->met = disk->error;
    disk->is_dead = disk->error == SIM_DISK_POWER_CUT;
    disk->error = SIM_DISK_WELL;
    disk->had_error = true;
    return true;
}

int sim_disk_read(struct sim_disk *disk, const struct sim_disk_file *file, void *out, size_t len,
                  size_t at)
{
    if (disk->is_dead || meets(disk, SIM_DISK_READ_FAILS)) {
        return SQLITE_IOERR_READ;
    }
    size_t there = at < file->size ? file->size - at : 0;
    there = there < len ? there : len;
    if (there) {
        memcpy(out, file->bytes + at, there);
    }
    if (there < len) {
        memset((char *)out + there, 0, len - there);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

int sim_disk_write(struct sim_disk *disk, struct sim_disk_file *file, const void *bytes, size_t len,
                   size_t at)
{
    disk->writes++;
    if (disk->is_dead) {
        return SQLITE_IOERR_WRITE;
    }
    bool fails = meets(disk, SIM_DISK_WRITE_FAILS);
    if (fails) {
        len = len / 2 / SIM_DISK_SECTOR * SIM_DISK_SECTOR; /* a part of it went through */
    }
    if (at + len > file->size && disk->room != SIZE_MAX &&
        sim_disk_used(disk) + (at + len - file->size) > disk->room) {
        disk->fulls++;
        return SQLITE_FULL;
    }
    keep(file, at, len);
    if (at + len > file->size) {
        reserve(file, at + len);
        memset(file->bytes + file->size, 0, at + len - file->size);
        file->size = at + len;
    }
    if (len) {
        memcpy(file->bytes + at, bytes, len);
    }
    return fails ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

int sim_disk_truncate(struct sim_disk *disk, struct sim_disk_file *file, size_t size)
{
    if (disk->is_dead) {
        return SQLITE_IOERR_TRUNCATE;
    }
    if (size < file->size) {
        keep(file, size, file->size - size);
        memset(file->bytes + size, 0, file->size - size);
        file->size = size;
    }
    return SQLITE_OK;
}

/* The kernel drops what it could not write and calls it clean. */
static void lose_sync(struct sim_disk_file *file)
{
    for (size_t page = file->synced_size / SIM_DISK_PAGE; page * SIM_DISK_PAGE < file->size;
         page++) {
        size_t at = page * SIM_DISK_PAGE;
        size_t held = at < file->synced_size ? file->synced_size - at : 0;
        if (page >= file->old_of_count || !file->old_of[page]) {
            memset(keep_page(file, page)->bytes + held, 0, SIM_DISK_PAGE - held);
        }
    }
    for (size_t i = 0; i < file->old_count; i++) {
        file->old[i].is_lost = true;
    }
}

int sim_disk_sync(struct sim_disk *disk, struct sim_disk_file *file)
{
    disk->syncs++;
    if (disk->is_dead) {
        return SQLITE_IOERR_FSYNC;
    }
    if (meets(disk, SIM_DISK_SYNC_FAILS)) {
        lose_sync(file);
        return SQLITE_IOERR_FSYNC;
    }
    size_t lost = 0;
    for (size_t i = 0; i < file->old_count; i++) {
        if (file->old[i].is_lost) {
            file->old[lost++] = file->old[i];
        }
    }
    forget_old(file);
    file->old_count = lost;
    for (size_t i = 0; i < lost; i++) {
        file->old_of[file->old[i].page] = (uint32_t)i + 1;
    }
    file->synced_size = file->size;
    file->is_known = true;
    return SQLITE_OK;
}

int sim_disk_remove(struct sim_disk *disk, struct sim_disk_file *file)
{
    if (disk->is_dead) {
        return SQLITE_IOERR_DELETE;
    }
    (void)sim_disk_truncate(disk, file, 0);
    file->exists = false;
    return SQLITE_OK;
}

struct sim_disk_armed sim_disk_disarm(struct sim_disk *disk)
{
    struct sim_disk_armed armed = {disk->error, disk->is_dead};

    disk->error = SIM_DISK_WELL;
    disk->is_dead = false;
    return armed;
}

void sim_disk_arm(struct sim_disk *disk, struct sim_disk_armed armed)
{
    disk->error = armed.error;
    disk->is_dead = armed.is_dead;
}

/* ---- ends ---- */

static void drop_locks(struct sim_disk_file *file)
{
    for (size_t i = 0; i < file->region_count; i++) {
        free(file->regions[i]);
    }
    free(file->regions);
    file->regions = NULL;
    file->region_count = 0;
    file->shared = 0;
    file->reserved = file->pending = file->exclusive = NULL;
    memset(file->shm_shared, 0, sizeof file->shm_shared);
    memset(file->shm_exclusive, 0, sizeof file->shm_exclusive);
}

void sim_disk_settle(struct sim_disk *disk)
{
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        drop_locks(&disk->files[i]);
    }
    disk->is_dead = false;
    disk->had_error = false;
    disk->error = SIM_DISK_WELL;
}

static void bring_back(struct sim_disk_file *file, struct sim_random *random, unsigned lost)
{
    size_t size = file->size;

    if (file->size > file->synced_size && sim_random_chance(random, lost)) {
        size = file->synced_size + (size_t)sim_random_below(random, file->size - file->synced_size);
    } else if (file->size < file->synced_size && sim_random_chance(random, lost)) {
        size = file->synced_size;
    }
    for (size_t at = file->synced_size / SIM_DISK_SECTOR * SIM_DISK_SECTOR; at < file->size;
         at += SIM_DISK_SECTOR) {
        if (at >= file->synced_size && sim_random_chance(random, lost)) {
            size_t len = file->size - at < SIM_DISK_SECTOR ? file->size - at : SIM_DISK_SECTOR;
            memset(file->bytes + at, 0, len);
        }
    }
    reserve(file, file->synced_size);
    for (size_t i = 0; i < file->old_count; i++) {
        const struct sim_disk_old *old = &file->old[i];
        for (size_t at = 0; at < SIM_DISK_PAGE; at += SIM_DISK_SECTOR) {
            size_t where = old->page * SIM_DISK_PAGE + at;
            if (where + SIM_DISK_SECTOR <= file->capacity &&
                (old->is_lost || sim_random_chance(random, lost))) {
                memcpy(file->bytes + where, old->bytes + at, SIM_DISK_SECTOR);
            }
        }
    }
    memset(file->bytes + size, 0, file->capacity - size);
    file->size = size;
}

void sim_disk_lose(struct sim_disk *disk, struct sim_random *random)
{
    static const unsigned shares[] = {100, 100, 0, 50, 10, 90};
    unsigned lost = shares[sim_random_below(random, sizeof shares / sizeof *shares)];

    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        struct sim_disk_file *file = &disk->files[i];
        bool was = file->exists;
        if (!file->exists && file->is_known && sim_random_chance(random, lost)) {
            file->exists = true; /* its removal had not reached the disk */
        } else if (file->exists && !file->is_known && sim_random_chance(random, lost)) {
            file->exists = false;
        }
        if (file->exists && file->bytes) {
            bring_back(file, random, was ? lost : 100);
        }
        forget_old(file);
        file->synced_size = file->size;
        file->is_known = file->exists;
    }
    sim_disk_settle(disk);
}

void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from)
{
    size_t room = to->room;

    sim_disk_free(to);
    *to = (struct sim_disk){.room = room};
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        const struct sim_disk_file *source = &from->files[i];
        struct sim_disk_file *file = &to->files[i];
        if (!source->exists) {
            continue;
        }
        memcpy(file->suffix, source->suffix, sizeof file->suffix);
        file->exists = file->is_known = true;
        reserve(file, source->size ? source->size : 1);
        if (source->size) {
            memcpy(file->bytes, source->bytes, source->size);
        }
        file->size = file->synced_size = source->size;
    }
}
