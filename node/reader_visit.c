#include "node/reader_visit.h"

#include "proto/event.h"
#include "proto/feed_pack.h"
#include "proto/tariff.h"

#define TEXT(key, value)                              \
    (struct feed_field)                               \
    {                                                 \
        .name = key, .type = FEED_TEXT, .text = value \
    }
#define INTEGER(key, value)                                 \
    (struct feed_field)                                     \
    {                                                       \
        .name = key, .type = FEED_INTEGER, .integer = value \
    }
#define REAL(key, value)                              \
    (struct feed_field)                               \
    {                                                 \
        .name = key, .type = FEED_REAL, .real = value \
    }
#define TIME(key, value)                                 \
    (struct feed_field)                                  \
    {                                                    \
        .name = key, .type = FEED_TIME, .integer = value \
    }
#define BOOL(key, value)                                 \
    (struct feed_field)                                  \
    {                                                    \
        .name = key, .type = FEED_BOOL, .integer = value \
    }

static int pack_gone(const struct history_event *event, struct buffer *out)
{
    const struct feed_field fields[] = {
        INTEGER("id", event->visit->id),
        INTEGER("revision", event->visit->revision),
        TEXT("status", slice_text("GONE")),
    };

    return feed_pack_fields("visit", &event->cursor, fields, sizeof fields / sizeof fields[0], out);
}

int reader_visit_pack(const struct history_event *event, struct buffer *out)
{
    const struct visit *visit = event->visit;

    if (event->is_gone) {
        return pack_gone(event, out);
    }
    int64_t duration_s =
        visit->exit_ms == EVENT_NONE ? EVENT_NONE : tariff_seconds(visit->entry_ms, visit->exit_ms);
    const struct feed_field fields[] = {
        INTEGER("id", visit->id),
        INTEGER("revision", visit->revision),
        TEXT("status", slice_text(visit_status_name(visit->status))),
        TEXT("event_id", visit->event_id),
        TEXT("plate_id", visit->plate_id),
        TEXT("plate_view", visit->plate_view),
        TIME("entry_time", visit->entry_ms),
        TEXT("entry_central", visit->source_central),
        TEXT("entry_camera_id", visit->entry_camera_id),
        TEXT("entry_camera_name", visit->entry_camera_name),
        TEXT("entry_source", visit->entry_source),
        REAL("entry_confidence", visit->entry_confidence),
        TIME("exit_time", visit->exit_ms),
        TEXT("exit_central", visit->exit_central),
        TEXT("exit_camera_id", visit->exit_camera_id),
        TEXT("exit_camera_name", visit->exit_camera_name),
        TEXT("exit_source", visit->exit_source),
        REAL("exit_confidence", visit->exit_confidence),
        INTEGER("duration_s", duration_s),
        INTEGER("fee", visit->fee == EVENT_NONE ? 0 : visit->fee),
        TEXT("lot", visit->last_location),
        TIME("lot_time", visit->last_location_ms),
        TEXT("superseded_by", visit->superseded_by),
        BOOL("is_anomaly", visit->is_anomaly),
        BOOL("suspect", visit->suspect),
        TEXT("edge_id", visit->edge_id),
    };

    return feed_pack_fields("visit", &event->cursor, fields, sizeof fields / sizeof fields[0], out);
}
