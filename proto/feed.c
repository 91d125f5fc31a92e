#include "proto/feed.h"

#include <math.h>
#include <string.h>

#define FEED_HEX 16 /* digits of the feed in a cursor */

void feed_cursor_text(const struct feed_cursor *cursor, char out[FEED_CURSOR_TEXT])
{
    for (int i = 0; i < FEED_HEX; i++) {
        out[i] = "0123456789abcdef"[cursor->feed >> 4 * (FEED_HEX - 1 - i) & 0xF];
    }
    out[FEED_HEX] = ':';
    (void)decimal_text(cursor->lsn, out + FEED_HEX + 1);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool feed_cursor_parse(struct slice text, struct feed_cursor *out)
{
    *out = (struct feed_cursor){.feed = 0};
    if (text.len < FEED_HEX + 2 || text.len >= FEED_CURSOR_TEXT || text.data[FEED_HEX] != ':') {
        return false;
    }
    for (size_t i = 0; i < FEED_HEX; i++) {
        int digit = hex(text.data[i]);
        if (digit < 0) {
            return false;
        }
        out->feed = out->feed << 4 | (uint64_t)digit;
    }
    for (size_t i = FEED_HEX + 1; i < text.len; i++) {
        int digit = hex(text.data[i]);
        if (digit < 0 || digit > 9 || out->lsn > (LIMIT_SEQ - 9) / 10) {
            return false;
        }
        out->lsn = out->lsn * 10 + (uint64_t)digit;
    }
    return out->feed != 0;
}

/* "v1.<central>.<name>"; both parts have their limits. */
static void put_topic(const char *central, const char *name, char out[FEED_TOPIC])
{
    size_t len = strlen(central);

    memcpy(out, "v1.", 3);
    memcpy(out + 3, central, len);
    out[3 + len] = '.';
    memcpy(out + 3 + len + 1, name, strlen(name) + 1);
}

void feed_topic(const struct node_id *node, uint32_t kind, char out[FEED_TOPIC])
{
    char spare[24];

    put_topic(node->text, event_kind_name(kind, spare), out);
}

void feed_visit_topic(struct slice central, char out[FEED_TOPIC])
{
    struct node_id node;

    put_topic(node_id_parse(central, &node) ? node.text : "-", "VISIT", out);
}

/* What may be called so: "" and "V" are the beginning of several names. */
static unsigned names_tell(const char *begin)
{
    static const char *const kinds[] = {
#define X(name, number) #name,
        EVENT_KINDS(X)
#undef X
    };
    size_t len = strlen(begin);
    unsigned told = strncmp("VISIT", begin, len) == 0 ? FEED_VISITS : 0;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        told |= strncmp(kinds[i], begin, len) == 0 ? FEED_EVENTS : 0;
    }
    if (strncmp("KIND_", begin, len < 5 ? len : 5) == 0) { /* a number follows */
        told |= FEED_EVENTS;
    }
    return told;
}

unsigned feed_topic_tells(const char *prefix)
{
    struct node_id node;
    size_t len = strlen(prefix);

    if (strncmp(prefix, "v1.", len < 3 ? len : 3) != 0) {
        return 0;
    }
    const char *central = len > 3 ? prefix + 3 : "";
    const char *dot = strchr(central, '.');
    struct slice id = {central, dot != NULL ? (size_t)(dot - central) : strlen(central)};
    if (slice_equal(id, slice_text("-"))) {
        return dot == NULL ? FEED_VISITS : names_tell(dot + 1) & FEED_VISITS;
    }
    if ((id.len > 0 || dot != NULL) && !node_id_parse(id, &node)) {
        return 0;
    }
    return dot == NULL ? FEED_EVENTS | FEED_VISITS : names_tell(dot + 1);
}

bool feed_filter_matches_visit(const struct feed_filter *filter, struct slice central)
{
    char topic[FEED_TOPIC];

    if (!filter->has_visits || (filter->central.text[0] != '\0' &&
                                !slice_equal(central, slice_text(filter->central.text)))) {
        return false;
    }
    feed_visit_topic(central, topic);
    return strncmp(topic, filter->topic, strlen(filter->topic)) == 0;
}

bool feed_filter_matches(const struct feed_filter *filter, const struct node_id *node,
                         uint32_t kind)
{
    bool wanted = filter->kind_count == 0 && !filter->no_events;

    for (size_t i = 0; i < filter->kind_count && !wanted && !filter->no_events; i++) {
        wanted = filter->kinds[i] == kind;
    }
    if (!wanted ||
        (filter->central.text[0] != '\0' && strcmp(filter->central.text, node->text) != 0)) {
        return false;
    }
    if (filter->topic[0] == '\0') {
        return true;
    }
    char topic[FEED_TOPIC];
    feed_topic(node, kind, topic);
    return strncmp(topic, filter->topic, strlen(filter->topic)) == 0;
}

/* ---- fields ---------------------------------------------------------------------------------- */

struct teller {
    feed_field_fn each;
    void *context;
};

static void tell_text(const struct teller *teller, const char *name, struct slice text)
{
    if (text.data != NULL) {
        const struct feed_field field = {.name = name, .type = FEED_TEXT, .text = text};
        teller->each(teller->context, &field);
    }
}

static void tell_json(const struct teller *teller, const char *name, struct slice text)
{
    if (text.data != NULL) {
        const struct feed_field field = {.name = name, .type = FEED_JSON, .text = text};
        teller->each(teller->context, &field);
    }
}

static void tell_number(const struct teller *teller, const char *name, enum feed_type type,
                        int64_t value)
{
    if (value != EVENT_NONE) {
        const struct feed_field field = {.name = name, .type = type, .integer = value};
        teller->each(teller->context, &field);
    }
}

static void tell_flag(const struct teller *teller, const char *name, bool is_set)
{
    if (is_set) {
        tell_number(teller, name, FEED_BOOL, 1);
    }
}

static void tell_unsigned(const struct teller *teller, const char *name, uint64_t value)
{
    if (value != 0) {
        const struct feed_field field = {.name = name, .type = FEED_UNSIGNED, .number = value};
        teller->each(teller->context, &field);
    }
}

static void tell_real(const struct teller *teller, const char *name, double value)
{
    if (isfinite(value)) {
        const struct feed_field field = {.name = name, .type = FEED_REAL, .real = value};
        teller->each(teller->context, &field);
    }
}

static void tell_places(const struct teller *teller, const char *name,
                        const struct position *places, size_t count)
{
    if (count > 0) {
        const struct feed_field field = {
            .name = name, .type = FEED_POSITIONS, .places = places, .place_count = count};
        teller->each(teller->context, &field);
    }
}

static void tell_entry(const struct teller *teller, const struct event *event)
{
    tell_text(teller, "event_id", event->visit);
    tell_text(teller, "plate_id", event->plate_id);
    tell_text(teller, "plate_view", event->plate_view);
    tell_text(teller, "source_central", event->source_central);
    tell_text(teller, "edge_id", event->edge_id);
    tell_text(teller, "camera_id", event->camera_id);
    tell_text(teller, "camera_name", event->camera_name);
    tell_text(teller, "camera_type", event->camera_type);
    tell_real(teller, "confidence", event->confidence);
    tell_text(teller, "source", event->source);
    tell_text(teller, "sent_id", event->sent_id);
    tell_text(teller, "key", event->retry_key);
    tell_number(teller, "device_time", FEED_TIME, event->device_ms);
    tell_number(teller, "entry_time", FEED_TIME, event->entry_ms);
}

static void tell_exit(const struct teller *teller, const struct event *event)
{
    if (event->exit_ms == EVENT_REOPEN) {
        tell_flag(teller, "reopened", true);
    } else {
        tell_number(teller, "exit_time", FEED_TIME, event->exit_ms);
    }
    tell_text(teller, "exit_central", event->exit_central);
    tell_text(teller, "exit_camera_id", event->exit_camera_id);
    tell_text(teller, "exit_camera_name", event->exit_camera_name);
    tell_real(teller, "exit_confidence", event->exit_confidence);
    tell_text(teller, "exit_source", event->exit_source);
    tell_text(teller, "closes", event->closes);
    tell_number(teller, "fee", FEED_INTEGER, event->fee);
    tell_number(teller, "free_s", FEED_INTEGER, event->free_s);
    tell_number(teller, "fee_per_hour", FEED_INTEGER, event->per_hour);
    tell_text(teller, "status", event->status);
    tell_text(teller, "location", event->location);
    tell_number(teller, "location_time", FEED_TIME, event->location_ms);
    tell_flag(teller, "is_anomaly", event->is_anomaly);
}

static void tell_change(const struct teller *teller, const struct event *event)
{
    struct position places[LIMIT_SUPERSEDES];

    tell_text(teller, "author", event->author);
    tell_text(teller, "reason", event->reason);
    tell_json(teller, "before", event->before);
    tell_text(teller, "item", event->item);
    tell_json(teller, "settings", event->json);
    tell_number(teller, "valid_from", FEED_TIME, event->valid_from_ms);
    tell_number(teller, "valid_to", FEED_TIME, event->valid_to_ms);
    tell_places(teller, "supersedes", places, event_supersedes(event, places));
    tell_text(teller, "target_node", event->target_node);
    tell_unsigned(teller, "target_epoch", event->target_epoch);
    tell_unsigned(teller, "target_from", event->target_from);
    tell_unsigned(teller, "target_to", event->target_to);
    tell_number(teller, "offset_ms", FEED_INTEGER, event->offset_ms);
    tell_number(teller, "capacity", FEED_INTEGER, event->capacity);
    if (event_moved_from(event, places)) {
        tell_places(teller, "moved_from", places, 1);
    }
}

void feed_each_field(const struct event *event, feed_field_fn each, void *context)
{
    const struct teller teller = {each, context};
    bool by_device = (event->clock & EVENT_CLOCK_DEVICE) != 0;

    tell_number(&teller, "time", FEED_TIME, event->t_eff);
    tell_text(&teller, "time_source", slice_text(by_device ? "device" : "central"));
    tell_flag(&teller, "suspect", (event->clock & EVENT_CLOCK_SUSPECT) != 0);
    if (event->redacted) {
        tell_flag(&teller, "redacted", true);
        return;
    }
    tell_entry(&teller, event);
    tell_exit(&teller, event);
    tell_change(&teller, event);
}
