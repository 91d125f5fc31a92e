/*
 * Import of a database of the Python central, in place. Its tables `history`, `history_changes` and
 * `p2p_sync_state` stay under a name with the prefix `legacy_`; `events`, `cameras`, `parking_lots`
 * and `vehicles` stay as they are. Each old visit becomes one IMPORT event of this central, each
 * lot one PARKING_LOT_CONFIG.
 */
#ifndef STORAGE_LEGACY_H
#define STORAGE_LEGACY_H

#include "proto/problem.h"
#include "storage/store.h"

#include <sqlite3.h>

/* Copies the database to `<path>.before-parkmesh` unless that exists. Outside a transaction. Here
 * and below: 0, or -1 with a problem. Node thread. */
int legacy_backup(sqlite3 *db, const char *path, struct problem *problem);

/* Makes room for our tables, inside the transaction of the import. */
int legacy_set_aside(sqlite3 *db, struct problem *problem);

/* Appends the events and folds them, inside the same transaction and an adopted batch. A row that
 * makes no sense is mended and logged; none is dropped. */
int legacy_import(struct store *store, struct problem *problem);

#endif
