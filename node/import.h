/*
 * Settings of the existing system, which keeps them as files in the data directory: staff.json,
 * subscriptions.json, parking_fees.json. Main thread, before the node starts.
 */
#ifndef NODE_IMPORT_H
#define NODE_IMPORT_H

#include "storage/store.h"

/*
 * Takes each file over whose kind of setting the log does not have from anywhere. The events are as
 * old as their file, so that whatever is set at any central later, or was set meanwhile, wins. What
 * is no use in a file is left out and told in the log; files stay where they are. 0, or -1 with a
 * problem of the database.
 */
int import_settings(struct store *store, const char *data_dir, int64_t now_ms,
                    struct problem *problem);

#endif
