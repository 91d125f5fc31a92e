/*
 * Rows of table element as the writer and the readers both see them.
 */
#ifndef STORAGE_ELEMENT_H
#define STORAGE_ELEMENT_H

#include "storage/fold.h"
#include "storage/memory.h"
#include "storage/settings.h"
#include "storage/sql.h"

/* ?1 the kind. What another version wrote and is no JSON object is left out. */
#define ELEMENT_LIST_SQL                                                    \
    "SELECT item, json FROM element WHERE kind = ?1 AND in_force = 1"       \
    " AND status IS NOT '" EVENT_REMOVED "' AND CASE WHEN json_valid(json)" \
    " THEN json_type(json) = 'object' END"

/* ?1 SUBSCRIPTION_UPDATE, ?2 a plate: all updates of every element that has ever had it, as
 * element_subscription reads them. */
#define ELEMENT_SUBSCRIPTION_SQL                                                     \
    "SELECT item, t, hlc, node, epoch, seq, status, plate, valid_from, valid_to,"    \
    " CASE WHEN json_valid(json) THEN json_extract(json, '$.type') END FROM element" \
    " WHERE kind = ?1 AND item IN (SELECT item FROM element WHERE plate = ?2 AND kind = ?1)"

/* The current row; its texts are copied. False when the row is none of ours. */
bool element_subscription(const struct sql *sql, struct arena *arena,
                          struct fold_subscription *out);

/* Runs a bound statement of ELEMENT_LIST_SQL to its end, as settings_elements. */
int element_each(struct sql *sql, settings_element_fn each, void *context, struct digest *etag,
                 struct problem *problem);

#endif
