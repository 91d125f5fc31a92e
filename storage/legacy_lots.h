/*
 * Lots of a database of the Python central, table `parking_lots`: it is no longer used afterwards.
 * Without this a lot would be unknown until its camera's box is saved again.
 */
#ifndef STORAGE_LEGACY_LOTS_H
#define STORAGE_LEGACY_LOTS_H

#include "proto/problem.h"
#include "storage/store.h"

/*
 * Appends a PARKING_LOT_CONFIG for each lot, inside the transaction of the import. The events are
 * as old as their rows, so that whatever another central has set since wins. A row that makes no
 * sense is left out and logged. 0, or -1 with a problem of the database.
 */
int legacy_lots(struct store *store, struct problem *problem);

#endif
