/*
 * Visits to import, as JSON: what is taken is an IMPORT that the node can read, and says the same
 * when it is told as an export tells it.
 */
#include "api/json.h"
#include "api/visit_item.h"
#include "api/visit_row.h"
#include "proto/event.h"
#include "tests/fuzz/support_source.h"

#include <stdlib.h>

/* Years that text has in every zone. */
#define LEAST_MS (INT64_C(-62167219200000) + INT64_C(172800000))
#define MOST_MS (INT64_C(253402300799999) - INT64_C(172800000))

static bool is_told(int64_t ms)
{
    return ms == EVENT_NONE || (ms >= LEAST_MS && ms <= MOST_MS);
}

/* The digest of the visit that a JSON text imports; false when it is refused. */
static bool read_visit(struct slice text, struct digest *digest, struct buffer *told)
{
    static const struct node_id NODE = {"central-1"};
    struct buffer question = {0};
    struct problem problem;
    struct command command;
    struct event event;
    struct visit visit;
    json_t *json = json_read(text, &problem);
    bool taken = json != NULL && visit_item_pack(json, &question, &problem) == 0;

    if (taken) {
        if (command_unpack(&command, buffer_slice(&question)) != 0 ||
            event_unpack(&event, command.header, command.body) != 0 || event.kind != EVENT_IMPORT ||
            event.visit.len == 0 || event.plate_id.len == 0) {
            abort();
        }
        struct json_writer writer = json_writer(told);
        visit_imported(&event, &NODE, &visit);
        visit.fee = visit.fee == EVENT_NONE ? 0 : visit.fee; /* the fold's to find */
        taken =
            is_told(visit.entry_ms) && is_told(visit.exit_ms) && is_told(visit.last_location_ms);
        *digest = visit_digest(&visit);
        visit_row_json(&writer, &visit);
    }
    json_decref(json);
    buffer_free(&question);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer told = {0}, again = {0};
    struct digest one, two;

    if (read_visit((struct slice){(const char *)data, size}, &one, &told)) {
        if (told.full || !read_visit(buffer_slice(&told), &two, &again) ||
            !digest_equal(&one, &two)) {
            abort();
        }
    }
    buffer_free(&told);
    buffer_free(&again);
    return 0;
}
