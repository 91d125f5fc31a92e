#include "api/disk.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

void disk_measure(const char *database, struct disk_use *use)
{
    char path[600];
    struct stat file;
    struct statvfs disk;

    *use = (struct disk_use){-1, 0, -1, -1};
    if (stat(database, &file) == 0) {
        use->database = file.st_size;
    }
    (void)snprintf(path, sizeof path, "%s-wal", database); /* else it is another file's name */
    if (stat(path, &file) == 0) {
        use->wal = file.st_size;
    }
    if (statvfs(database, &disk) == 0) {
        use->free = (int64_t)((uint64_t)disk.f_bavail * disk.f_frsize);
        use->all = (int64_t)((uint64_t)disk.f_blocks * disk.f_frsize);
    }
}
