#include "storage/visit_field.h"

#include "proto/event.h"
#include "proto/tariff.h"

#include <math.h>
#include <string.h>

/* clang-format off */
#define FIELD(key, kind, member, value) {.name = (key), .type = (kind), .member = (value)}
/* clang-format on */
#define TEXT(key, value) FIELD(key, FEED_TEXT, text, value)
#define ID(key, value) FIELD(key, FEED_ID, text, value)
#define INTEGER(key, value) FIELD(key, FEED_INTEGER, integer, value)
#define REAL(key, value) FIELD(key, FEED_REAL, real, value)
#define TIME(key, value) FIELD(key, FEED_TIME, integer, value)
#define BOOL(key, value) FIELD(key, FEED_BOOL, integer, value)

static int64_t duration(const struct visit *visit)
{
    return visit->exit_ms == EVENT_NONE ? EVENT_NONE
                                        : tariff_seconds(visit->entry_ms, visit->exit_ms);
}

void visit_fields(const struct visit *visit, struct feed_field out[VISIT_FIELDS])
{
    const struct feed_field all[VISIT_FIELDS] = {
        TEXT("event_id", visit->event_id),
        TEXT("status", slice_text(visit_status_name(visit->status))),
        TEXT("plate_id", visit->plate_id),
        TEXT("plate_view", visit->plate_view),
        TIME("entry_time", visit->entry_ms),
        TEXT("entry_central", visit->source_central),
        ID("entry_camera_id", visit->entry_camera_id),
        TEXT("entry_camera_name", visit->entry_camera_name),
        TEXT("entry_source", visit->entry_source),
        REAL("entry_confidence", visit->entry_confidence),
        TIME("exit_time", visit->exit_ms),
        TEXT("exit_central", visit->exit_central),
        ID("exit_camera_id", visit->exit_camera_id),
        TEXT("exit_camera_name", visit->exit_camera_name),
        TEXT("exit_source", visit->exit_source),
        REAL("exit_confidence", visit->exit_confidence),
        INTEGER("duration_s", duration(visit)),
        INTEGER("fee", visit->fee == EVENT_NONE ? 0 : visit->fee),
        TEXT("lot", visit->last_location),
        TIME("lot_time", visit->last_location_ms),
        TEXT("superseded_by", visit->superseded_by),
        BOOL("is_anomaly", visit->is_anomaly),
        BOOL("suspect", visit->suspect),
        TEXT("edge_id", visit->edge_id),
        INTEGER("id", visit->id),
        INTEGER("revision", visit->revision),
    };
    memcpy(out, all, sizeof all);
}

static bool is_absent(const struct feed_field *field)
{
    switch (field->type) {
    case FEED_TEXT:
    case FEED_ID:
    case FEED_JSON:
        return field->text.data == NULL;
    case FEED_INTEGER:
    case FEED_TIME:
        return field->integer == EVENT_NONE;
    case FEED_BOOL:
        return field->integer == 0;
    case FEED_REAL:
        return !isfinite(field->real);
    case FEED_UNSIGNED:
    case FEED_POSITIONS:
        break;
    }
    return false;
}

size_t visit_fields_told(const struct visit *visit, bool is_gone,
                         struct feed_field out[VISIT_FIELDS])
{
    size_t count = 0;

    if (is_gone) {
        out[0] = (struct feed_field)INTEGER("id", visit->id);
        out[1] = (struct feed_field)INTEGER("revision", visit->revision);
        out[2] = (struct feed_field)TEXT("status", slice_text("GONE"));
        return 3;
    }
    visit_fields(visit, out);
    for (size_t i = 0; i < VISIT_FIELDS; i++) {
        if (!is_absent(&out[i])) {
            out[count++] = out[i];
        }
    }
    return count;
}
