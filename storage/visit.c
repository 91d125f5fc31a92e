#include "storage/visit.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The length that stands for an absent column in the digest. */
#define ABSENT UINT32_MAX

static const char *const names[] = {
    [VISIT_IN] = "IN",
    [VISIT_OUT] = "OUT",
    [VISIT_SUPERSEDED] = "SUPERSEDED",
    [VISIT_DELETED] = "DELETED",
};

const char *visit_status_name(enum visit_status status)
{
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "";
}

int visit_status_parse(struct slice name, enum visit_status *out)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_equal(name, slice_text(names[i]))) {
            *out = (enum visit_status)i;
            return 0;
        }
    }
    return -1;
}

void visit_init(struct visit *visit)
{
    memset(visit, 0, sizeof *visit);
    visit->entry_ms = EVENT_NONE;
    visit->entry_confidence = NAN;
    visit->exit_ms = EVENT_NONE;
    visit->exit_confidence = NAN;
    visit->last_location_ms = EVENT_NONE;
}

void visit_imported(const struct event *event, const struct node_id *node, struct visit *visit)
{
    visit_init(visit);
    visit->event_id = event->visit;
    visit->source_central =
        event->source_central.len > 0 ? event->source_central : slice_text(node->text);
    visit->edge_id = event->edge_id;
    visit->plate_id = event->plate_id;
    visit->plate_view = event->plate_view;
    visit->entry_ms = event->t_eff;
    visit->entry_camera_id = event->camera_id;
    visit->entry_camera_name = event->camera_name;
    visit->entry_source = event->source;
    visit->entry_confidence = event->confidence;
    visit->last_location = event->location;
    visit->last_location_ms = event->location_ms;
    visit->is_anomaly = event->is_anomaly;
    visit->suspect = (event->clock & EVENT_CLOCK_SUSPECT) != 0;
    visit->status = VISIT_IN;
    if (!slice_equal(event->status, slice_text(visit_status_name(VISIT_OUT)))) {
        return;
    }
    visit->status = VISIT_OUT;
    visit->exit_ms = event->exit_ms;
    visit->exit_central =
        event->exit_central.data != NULL ? event->exit_central : visit->source_central;
    if (visit->exit_central.len == 0) {
        visit->exit_central = (struct slice){NULL, 0};
    }
    visit->exit_camera_id = event->exit_camera_id;
    visit->exit_camera_name = event->exit_camera_name;
    visit->exit_source = event->exit_source;
    visit->exit_confidence = event->exit_confidence;
    visit->fee = event->fee;
}

const size_t visit_texts[VISIT_TEXTS] = {
    offsetof(struct visit, event_id),          offsetof(struct visit, source_central),
    offsetof(struct visit, edge_id),           offsetof(struct visit, plate_id),
    offsetof(struct visit, plate_view),        offsetof(struct visit, entry_camera_id),
    offsetof(struct visit, entry_camera_name), offsetof(struct visit, entry_source),
    offsetof(struct visit, exit_central),      offsetof(struct visit, exit_camera_id),
    offsetof(struct visit, exit_camera_name),  offsetof(struct visit, exit_source),
    offsetof(struct visit, superseded_by),     offsetof(struct visit, last_location),
    offsetof(struct visit, entry_time),        offsetof(struct visit, exit_time),
    offsetof(struct visit, duration),          offsetof(struct visit, last_location_time),
    offsetof(struct visit, created_at),        offsetof(struct visit, updated_at),
};

void visit_copy(struct visit_copy *copy, const struct visit *from)
{
    size_t used = 0;

    copy->visit = *from;
    for (size_t i = 0; i < VISIT_TEXTS; i++) {
        struct slice text;
        memcpy(&text, (const char *)from + visit_texts[i], sizeof text);
        if (!text.data) {
            continue;
        }
        text.len = slice_cut(text, sizeof copy->text - used);
        memcpy(copy->text + used, text.data, text.len);
        text.data = copy->text + used;
        used += text.len;
        memcpy((char *)&copy->visit + visit_texts[i], &text, sizeof text);
    }
}

/* Where the digest's bytes are put together; there is room for all of them. */
struct packing {
    char *at;
};

static void put(struct packing *out, const void *data, size_t len)
{
    memcpy(out->at, data, len);
    out->at += len;
}

static void put_length(struct packing *out, uint32_t len)
{
    const uint8_t bytes[] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
                             (uint8_t)(len >> 24)};
    put(out, bytes, sizeof bytes);
}

static void put_text(struct packing *out, struct slice text)
{
    put_length(out, text.data ? (uint32_t)text.len : ABSENT);
    if (text.len) {
        put(out, text.data, text.len);
    }
}

static void put_bits(struct packing *out, uint64_t bits)
{
    uint8_t bytes[sizeof bits];

    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(bits >> (8 * i));
    }
    put_length(out, sizeof bytes);
    put(out, bytes, sizeof bytes);
}

static void put_integer(struct packing *out, int64_t value)
{
    if (value == EVENT_NONE) {
        put_length(out, ABSENT);
    } else {
        put_bits(out, (uint64_t)value);
    }
}

static void put_real(struct packing *out, double value)
{
    uint64_t bits = 0;

    /* There are many NaNs; all mean absent. */
    if (isnan(value)) {
        put_length(out, ABSENT);
        return;
    }
    memcpy(&bits, &value, sizeof bits);
    put_bits(out, bits);
}

/* Columns of the digest, each of at most 12 bytes and its text. */
#define DIGEST_COLUMNS 23
#define COLUMN_BYTES (sizeof(uint32_t) + sizeof(uint64_t))
#define USUAL_BYTES 2048

/* At least as many bytes as the digest is of. */
static size_t digest_bytes(const struct visit *visit)
{
    size_t bytes = DIGEST_COLUMNS * COLUMN_BYTES;

    for (size_t i = 0; i < VISIT_TEXTS; i++) {
        bytes += ((const struct slice *)(const void *)((const char *)visit + visit_texts[i]))->len;
    }
    return bytes;
}

struct digest visit_digest(const struct visit *visit)
{
    char usual[USUAL_BYTES];
    size_t size = digest_bytes(visit);
    char *bytes = size <= sizeof usual ? usual : bytes_allocate(size, 1);
    struct packing out = {bytes};

    put_text(&out, visit->event_id);
    put_text(&out, visit->source_central);
    put_text(&out, visit->edge_id);
    put_text(&out, visit->plate_id);
    put_text(&out, visit->plate_view);
    put_integer(&out, visit->entry_ms);
    put_text(&out, visit->entry_camera_id);
    put_text(&out, visit->entry_camera_name);
    put_text(&out, visit->entry_source);
    put_real(&out, visit->entry_confidence);
    put_integer(&out, visit->exit_ms);
    put_text(&out, visit->exit_central);
    put_text(&out, visit->exit_camera_id);
    put_text(&out, visit->exit_camera_name);
    put_text(&out, visit->exit_source);
    put_real(&out, visit->exit_confidence);
    put_integer(&out, visit->fee);
    put_text(&out, slice_text(visit_status_name(visit->status))); /* at most ten characters */
    put_text(&out, visit->superseded_by);
    put_text(&out, visit->last_location);
    put_integer(&out, visit->last_location_ms);
    put_bits(&out, visit->is_anomaly);
    put_bits(&out, visit->suspect);
    struct digest digest = body_hash((struct slice){bytes, (size_t)(out.at - bytes)});
    if (bytes != usual) {
        free(bytes);
    }
    return digest;
}
