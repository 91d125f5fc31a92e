#include "node/reader_visit.h"

#include "proto/feed_pack.h"
#include "storage/visit_field.h"

int reader_visit_pack(const struct history_event *event, struct buffer *out)
{
    struct feed_field fields[VISIT_FIELDS];
    size_t count = visit_fields_told(event->visit, event->is_gone, fields);

    return feed_pack_fields("visit", &event->cursor, fields, count, out);
}
