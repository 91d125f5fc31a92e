/*
 * What the files behind storage/history.h share.
 */
#ifndef STORAGE_HISTORY_INTERNAL_H
#define STORAGE_HISTORY_INTERNAL_H

#include "storage/history.h"
#include "storage/sql.h"

/* The handle's database, read-only. */
sqlite3 *history_database(const struct history *history);

#endif
