/*
 * Rows of table element as the writer and the readers both see them.
 */
#ifndef STORAGE_ELEMENT_H
#define STORAGE_ELEMENT_H

#include "storage/settings.h"
#include "storage/sql.h"

/* ?1 the kind. What another version wrote and is no JSON object is left out. */
#define ELEMENT_LIST_SQL                                                    \
    "SELECT item, json FROM element WHERE kind = ?1 AND in_force = 1"       \
    " AND status IS NOT '" EVENT_REMOVED "' AND CASE WHEN json_valid(json)" \
    " THEN json_type(json) = 'object' END"

/* Runs a bound statement of ELEMENT_LIST_SQL to its end, as settings_elements. */
int element_each(struct sql *sql, settings_element_fn each, void *context, struct digest *etag,
                 struct problem *problem);

#endif
