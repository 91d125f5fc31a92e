/*
 * What a database takes up, and what room is left. Any thread.
 */
#ifndef API_DISK_H
#define API_DISK_H

#include <stdint.h>

/* Bytes; less than 0 = not known. */
struct disk_use {
    int64_t database, wal, free, all;
};

void disk_measure(const char *database, struct disk_use *use);

#endif
