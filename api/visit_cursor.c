#include "api/visit_cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "e" or "l" for the order, then time and number. */
void visit_cursor_print(enum history_span span, const struct history_key *key,
                        char out[VISIT_CURSOR])
{
    (void)snprintf(out, VISIT_CURSOR, "%c%016" PRIx64 "%016" PRIx64,
                   span == HISTORY_BY_EXIT ? 'l' : 'e', (uint64_t)key->t, (uint64_t)key->id);
}

bool visit_cursor_read(const char *text, enum history_span span, struct history_key *key)
{
    char half[17], again[VISIT_CURSOR];

    if (strlen(text) != VISIT_CURSOR - 1) {
        return false;
    }
    (void)snprintf(half, sizeof half, "%.16s", text + 1);
    key->t = (int64_t)strtoull(half, NULL, 16);
    key->id = (int64_t)strtoull(text + 17, NULL, 16);
    visit_cursor_print(span, key, again);
    return strcmp(text, again) == 0;
}
