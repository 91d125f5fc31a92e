/*
 * Messages of the peer link. What is read keeps the limits and can be said again: the new text
 * reads back with the same meaning.
 */
#include "api/envelope.h"
#include "proto/event.h"
#include "proto/limits.h"
#include "tests/fuzz/support_source.h"

#include <math.h>

/* A name that other centrals have cut or cleaned may differ; these may not. */
static void check_visit(const struct envelope_visit *visit)
{
    source_require(visit->event_id.len <= LIMIT_EVENT_ID);
    source_require(visit->source_central.len <= LIMIT_NODE_ID);
    source_require(visit->plate_id.len <= LIMIT_PLATE && visit->plate_view.len <= LIMIT_PLATE);
    source_require(visit->edge_id.len <= LIMIT_TEXT && visit->camera_type.len <= LIMIT_TEXT);
    source_require(visit->location.len <= LIMIT_TEXT);
    source_require(visit->fee == EVENT_NONE || (visit->fee >= 0 && visit->fee <= LIMIT_INTEGER));
    source_require(!visit->is_out || visit->exit.ms != EVENT_NONE);
}

static void check_again(struct buffer *out, enum envelope_type type,
                        const struct envelope_visit *visit)
{
    struct envelope envelope;
    struct problem problem;

    source_require(!out->full);
    source_require(envelope_read(&envelope, buffer_slice(out), NULL, &problem) == 0);
    source_require(envelope.type == type);
    source_require(slice_equal(envelope.event_id, visit->event_id));
    source_require(slice_equal(envelope.visit.plate_id, visit->plate_id));
    /* texts hold whole seconds, so a time that was read from one is the same again */
    source_require(type != ENVELOPE_VEHICLE_ENTRY_PENDING ||
                   envelope.visit.entry.ms / 1000 == visit->entry.ms / 1000);
    envelope_free(&envelope);
    buffer_clear(out);
}

static void check_rows(const struct envelope *envelope, const struct envelope_head *head)
{
    struct buffer out = {0};
    struct json_writer writer = envelope_open_rows(&out, head);
    struct envelope again;
    struct problem problem;
    size_t good = 0;

    for (size_t i = 0; i < envelope_rows(envelope); i++) {
        struct envelope_visit row;
        if (envelope_row(envelope, i, NULL, &row, &problem) == 0) {
            check_visit(&row);
            source_require(row.plate_id.len > 0 && row.entry.ms != EVENT_NONE);
            envelope_put_row(&writer, head, &row);
            good++;
        }
    }
    envelope_close_rows(&writer);
    if (!out.full) {
        source_require(envelope_read(&again, buffer_slice(&out), NULL, &problem) == 0);
        source_require(envelope_rows(&again) == good);
        envelope_free(&again);
    }
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct envelope_head head = {.central = "central-1", .now_ms = 1};
    struct slice text = {(const char *)data, size};
    struct envelope envelope;
    struct problem problem = {.code = PROBLEM_OK};
    struct buffer out = {0};
    char id[LIMIT_NODE_ID + 1];

    (void)envelope_read_identity(text, id, sizeof id, &problem); /* any outcome will do */
    if (envelope_read(&envelope, text, NULL, &problem) != 0) {
        source_require(problem.code == PROBLEM_JSON_INVALID ||
                       problem.code == PROBLEM_TYPE_UNKNOWN ||
                       problem.code == PROBLEM_FIELD_INVALID);
        return 0;
    }
    check_visit(&envelope.visit);
    if (envelope.type == ENVELOPE_VEHICLE_ENTRY_PENDING) {
        envelope_put_entry(&out, &head, &envelope.visit);
        check_again(&out, envelope.type, &envelope.visit);
    } else if (envelope.type == ENVELOPE_VEHICLE_EXIT) {
        envelope_put_exit(&out, &head, &envelope.visit);
        check_again(&out, envelope.type, &envelope.visit);
    } else if (envelope.type == ENVELOPE_LOCATION_UPDATE) {
        envelope_put_location(&out, &head, &envelope.visit);
        check_again(&out, envelope.type, &envelope.visit);
    } else if (envelope.type == ENVELOPE_PARKING_LOT_CONFIG) {
        source_require(envelope.lot.capacity >= 0 && envelope.lot.capacity <= LIMIT_CAPACITY);
    }
    check_rows(&envelope, &head);
    buffer_free(&out);
    envelope_free(&envelope);
    return 0;
}
