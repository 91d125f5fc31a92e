#include "node/reader_visit.h"

#include "proto/feed_pack.h"
#include "storage/visit_field.h"

/* Only numbers are left: names hold plates. */
static int pack_gone(const struct history_event *event, struct buffer *out)
{
    const struct feed_field fields[] = {
        {.name = "id", .type = FEED_INTEGER, .integer = event->visit->id},
        {.name = "revision", .type = FEED_INTEGER, .integer = event->visit->revision},
        {.name = "status", .type = FEED_TEXT, .text = slice_text("GONE")},
    };

    return feed_pack_fields("visit", &event->cursor, fields, sizeof fields / sizeof fields[0], out);
}

int reader_visit_pack(const struct history_event *event, struct buffer *out)
{
    struct feed_field fields[VISIT_FIELDS];

    if (event->is_gone) {
        return pack_gone(event, out);
    }
    visit_fields(event->visit, fields);
    return feed_pack_fields("visit", &event->cursor, fields, VISIT_FIELDS, out);
}
