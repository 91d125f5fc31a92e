/*
 * The place of a visit in a list, as the text that `next` and `cursor` of GET /api/v1/visits are.
 * Pure.
 */
#ifndef API_VISIT_CURSOR_H
#define API_VISIT_CURSOR_H

#include "storage/history.h"

#define VISIT_CURSOR 34 /* bytes with the NUL */

/* `key`: of a visit in the list: its number at this central, and the time by which the list is in
 * order (`span`): that of leaving for HISTORY_BY_EXIT, else of entry. */
void visit_cursor_print(enum history_span span, const struct history_key *key,
                        char out[VISIT_CURSOR]);

/* False for a text that is no cursor of such a list. */
bool visit_cursor_read(const char *text, enum history_span span, struct history_key *key);

#endif
