/*
 * A visit of another system, or of an export, into the log. Node thread.
 */
#ifndef NODE_VISIT_IMPORT_H
#define NODE_VISIT_IMPORT_H

#include "proto/command.h"
#include "storage/store.h"

/*
 * Carries a COMMAND_IMPORT out within a batch of the store: appends the IMPORT unless the visit is
 * as it says already, or the log has an IMPORT that said the same (`deduped`). Both make a second
 * import change nothing, also when the visit was corrected meanwhile. A visit that left before it
 * entered, or has a time more than a day ahead, is refused unless it is here so or its clock is
 * said to be suspect. 0 with the answer,
 * also when it was refused; -1 with `problem`, and the caller undoes what may have been written.
 */
int visit_import_decide(struct store *store, const struct node_id *node,
                        const struct command *command, int64_t now_ms, struct answer *answer,
                        struct problem *problem);

#endif
