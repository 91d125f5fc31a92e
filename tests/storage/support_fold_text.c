/*
 * What goes into a fold and what comes out, as text.
 */
#include "support_fold.h"

#include <check.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Of slices in printf. */
#define TEXT(slice) (slice).data ? (int)(slice).len : 1, (slice).data ? (slice).data : "-"

/* The assertions of check send a message each: too slow for every word. */
static void put_bytes(struct buffer *out, const char *data, size_t len)
{
    if (buffer_append(out, data, len)) {
        ck_abort_msg("a text of a test is too long");
    }
}

static void put(struct buffer *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

static void put_visit_text(struct buffer *out, const struct visit *visit)
{
    buffer_printf(out, "%.*s %.*s %s %" PRId64, TEXT(visit->event_id), TEXT(visit->plate_id),
                  visit_status_name(visit->status), visit->entry_ms);
    if (visit->exit_ms != EVENT_NONE) {
        buffer_printf(out, "-%" PRId64, visit->exit_ms);
    }
    if (visit->fee) {
        buffer_printf(out, " fee=%" PRId64, visit->fee);
    }
    if (visit->exit_camera_id.data) {
        buffer_printf(out, " exitcam=%.*s", TEXT(visit->exit_camera_id));
    }
    if (visit->superseded_by.data) {
        buffer_printf(out, " by=%.*s", TEXT(visit->superseded_by));
    }
    if (visit->last_location.data) {
        buffer_printf(out, " loc=%.*s:%" PRId64, TEXT(visit->last_location),
                      visit->last_location_ms);
    }
    put(out, visit->is_anomaly ? " weak" : "");
    put(out, visit->suspect ? " suspect" : "");
}

void fold_case_text(const struct fold_output *output, struct buffer *out)
{
    put(out, "");
    for (size_t i = 0; i < output->visit_count; i++) {
        put(out, i ? "; " : "");
        put_visit_text(out, &output->visits[i]);
    }
    for (size_t i = 0; i < output->anomaly_count; i++) {
        const struct fold_anomaly *anomaly = &output->anomalies[i];
        put(out, i ? "; " : " | ");
        buffer_printf(out, "%s %.*s", anomaly_name(anomaly->code), TEXT(anomaly->visit));
        if (anomaly->other.data) {
            buffer_printf(out, ">%.*s", TEXT(anomaly->other));
        }
    }
    put_bytes(out, "", 1);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void put_name(struct buffer *out, const char *name)
{
    put(out, ",\"");
    put(out, name);
    put(out, "\":");
}

static void put_number(struct buffer *out, int64_t value)
{
    char text[24];
    char *at = text + sizeof text - 1;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    *at = '\0';
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) {
        *--at = '-';
    }
    put(out, at);
}

/* Texts of tests need no escapes. */
static void put_text(struct buffer *out, const char *name, struct slice text)
{
    if (text.data) {
        put_name(out, name);
        put(out, "\"");
        put_bytes(out, text.data, text.len);
        put(out, "\"");
    }
}

static void put_integer(struct buffer *out, const char *name, int64_t value)
{
    if (value != EVENT_NONE) {
        put_name(out, name);
        put_number(out, value);
    }
}

static void put_real(struct buffer *out, const char *name, double value)
{
    if (!isnan(value)) {
        put_name(out, name);
        buffer_printf(out, "%.17g", value);
    }
}

static void put_flag(struct buffer *out, const char *name, bool value)
{
    put_name(out, name);
    put(out, value ? "true" : "false");
}

static void put_position(struct buffer *out, const struct position *position)
{
    put(out, "\"node\":\"");
    put(out, position->stream.node.text);
    put(out, "\"");
    put_name(out, "epoch");
    buffer_printf(out, "%" PRIu64, position->stream.epoch);
    put_integer(out, "seq", (int64_t)position->seq);
}

static void put_supersedes(struct buffer *out, const struct event *event)
{
    struct position seen[LIMIT_SUPERSEDES];
    size_t count = event_supersedes(event, seen);

    if (!event->supersedes.data) {
        return;
    }
    put(out, ",\"supersedes\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "%s[\"%s\",%" PRIu64 ",%" PRIu64 "]", i ? "," : "",
                      seen[i].stream.node.text, seen[i].stream.epoch, seen[i].seq);
    }
    put(out, "]");
}

static void put_moved(struct buffer *out, const struct event *event)
{
    struct position former;

    if (event_moved_from(event, &former)) {
        buffer_printf(out, ",\"moved_from\":[[\"%s\",%" PRIu64 ",%" PRIu64 "]]",
                      former.stream.node.text, former.stream.epoch, former.seq);
    }
}

static void put_event(struct buffer *out, const struct fold_event *source)
{
    const struct event *event = &source->event;
    char spare[24];

    put(out, "{");
    put_position(out, &source->position);
    put_text(out, "kind", slice_text(event_kind_name(event->kind, spare)));
    put_integer(out, "hlc", (int64_t)event->hlc);
    put_integer(out, "t_eff", event->t_eff);
    put_integer(out, "clock", event->clock);
    put_flag(out, "redacted", event->redacted);
    put_text(out, "body", source->body);
    put_text(out, "visit", event->visit);
    put_text(out, "plate_id", event->plate_id);
    put_text(out, "plate_view", event->plate_view);
    put_text(out, "source_central", event->source_central);
    put_text(out, "edge_id", event->edge_id);
    put_text(out, "camera_id", event->camera_id);
    put_text(out, "camera_name", event->camera_name);
    put_text(out, "source", event->source);
    put_real(out, "confidence", event->confidence);
    put_integer(out, "fee", event->fee);
    put_integer(out, "free_s", event->free_s);
    put_integer(out, "per_hour", event->per_hour);
    put_integer(out, "entry_ms", event->entry_ms);
    put_integer(out, "exit_ms", event->exit_ms);
    put_text(out, "location", event->location);
    put_integer(out, "location_ms", event->location_ms);
    put_text(out, "status", event->status);
    put_flag(out, "is_anomaly", event->is_anomaly);
    put_text(out, "exit_central", event->exit_central);
    put_text(out, "exit_camera_id", event->exit_camera_id);
    put_text(out, "exit_camera_name", event->exit_camera_name);
    put_text(out, "exit_source", event->exit_source);
    put_real(out, "exit_confidence", event->exit_confidence);
    put_supersedes(out, event);
    put_moved(out, event);
    put(out, "}");
}

static void put_settings(const struct fold_case *test, struct buffer *out)
{
    put(out, "],\"plates\":[");
    for (size_t i = 0; i < test->plate_count; i++) {
        buffer_printf(out, "%s\"%s\"", i ? "," : "", test->plates[i]);
    }
    put(out, "],\"tariffs\":[");
    for (size_t i = 0; i < test->tariff_count; i++) {
        const struct fold_tariff *tariff = &test->tariffs[i];
        put(out, i ? ",{" : "{");
        put_position(out, &tariff->position);
        put_integer(out, "t", tariff->t);
        put_integer(out, "hlc", (int64_t)tariff->hlc);
        put_integer(out, "free_s", tariff->tariff.free_s);
        put_integer(out, "per_hour", tariff->tariff.per_hour);
        put(out, "}");
    }
    put(out, "],\"subscriptions\":[");
    for (size_t i = 0; i < test->subscription_count; i++) {
        const struct fold_subscription *update = &test->subscriptions[i];
        put(out, i ? ",{" : "{");
        put_position(out, &update->position);
        put_integer(out, "t", update->t);
        put_integer(out, "hlc", (int64_t)update->hlc);
        put_text(out, "item", update->item);
        put_text(out, "status", slice_text(update->active ? "active" : "inactive"));
        put_text(out, "plate_id", update->plate_id);
        put_integer(out, "valid_from_ms", update->from_ms);
        put_integer(out, "valid_to_ms", update->to_ms);
        put(out, "}");
    }
    put(out, "],\"clock_fixes\":[");
    for (size_t i = 0; i < test->fix_count; i++) {
        const struct fold_clock_fix *fix = &test->fixes[i];
        buffer_printf(out,
                      "%s{\"node\":\"%s\",\"epoch\":%" PRIu64 ",\"from\":%" PRIu64
                      ",\"to\":%" PRIu64 ",\"offset_ms\":%" PRId64 "}",
                      i ? "," : "", fix->node.text, fix->epoch, fix->from, fix->to, fix->offset_ms);
    }
    put(out, "]");
}

void fold_case_input_json(const struct fold_case *test, struct buffer *out)
{
    put(out, "\"events\":[");
    for (size_t i = 0; i < test->event_count; i++) {
        put(out, i ? "," : "");
        put_event(out, &test->events[i]);
    }
    put_settings(test, out);
}

static void put_visit(struct buffer *out, const struct visit *visit)
{
    put(out, "{\"status\":");
    buffer_printf(out, "\"%s\"", visit_status_name(visit->status));
    put_text(out, "event_id", visit->event_id);
    put_text(out, "source_central", visit->source_central);
    put_text(out, "edge_id", visit->edge_id);
    put_text(out, "plate_id", visit->plate_id);
    put_text(out, "plate_view", visit->plate_view);
    put_integer(out, "entry_ms", visit->entry_ms);
    put_text(out, "entry_camera_id", visit->entry_camera_id);
    put_text(out, "entry_camera_name", visit->entry_camera_name);
    put_text(out, "entry_source", visit->entry_source);
    put_real(out, "entry_confidence", visit->entry_confidence);
    put_integer(out, "exit_ms", visit->exit_ms);
    put_text(out, "exit_central", visit->exit_central);
    put_text(out, "exit_camera_id", visit->exit_camera_id);
    put_text(out, "exit_camera_name", visit->exit_camera_name);
    put_text(out, "exit_source", visit->exit_source);
    put_real(out, "exit_confidence", visit->exit_confidence);
    put_integer(out, "fee", visit->fee);
    put_text(out, "superseded_by", visit->superseded_by);
    put_text(out, "last_location", visit->last_location);
    put_integer(out, "last_location_ms", visit->last_location_ms);
    put_flag(out, "is_anomaly", visit->is_anomaly);
    put_flag(out, "suspect", visit->suspect);
    put(out, "}");
}

static void put_anomaly(struct buffer *out, const struct fold_anomaly *anomaly)
{
    put(out, "{");
    put_position(out, &anomaly->position);
    put_text(out, "code", slice_text(anomaly_name(anomaly->code)));
    put_text(out, "plate_id", anomaly->plate_id);
    put_text(out, "visit", anomaly->visit);
    put_text(out, "other", anomaly->other);
    put_integer(out, "t", anomaly->t);
    put(out, "}");
}

void fold_case_output_json(const struct fold_output *output, struct buffer *out)
{
    put(out, "\"visits\":[");
    for (size_t i = 0; i < output->visit_count; i++) {
        put(out, i ? "," : "");
        put_visit(out, &output->visits[i]);
    }
    put(out, "],\"anomalies\":[");
    for (size_t i = 0; i < output->anomaly_count; i++) {
        put(out, i ? "," : "");
        put_anomaly(out, &output->anomalies[i]);
    }
    put(out, "]");
}
