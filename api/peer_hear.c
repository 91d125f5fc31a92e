#include "api/peer_hear.h"

#include "proto/command.h"
#include "proto/event.h"
#include "proto/limits.h"

#include <string.h>

#define WINDOW 256 /* rows under way: one commit of the node takes as many at least */

/* ---- commands -------------------------------------------------------------------------------- */

static void fill_visit(struct command *command, const struct envelope_visit *visit)
{
    command->visit = visit->event_id;
    command->plate_text = visit->plate_id;
    command->plate_view = visit->plate_view;
    command->edge_id = visit->edge_id;
    command->camera_type = visit->camera_type;
    command->entry_ms = visit->entry.ms;
    command->exit_ms = visit->exit.ms;
    command->fee = visit->fee;
    command->location = visit->location;
    command->location_ms = visit->location_ms;
    command->is_anomaly = visit->is_anomaly;
    command->is_out = visit->is_out;
}

static void fill_row(struct command *command, const struct envelope_visit *row)
{
    command->event_kind = EVENT_IMPORT;
    fill_visit(command, row);
    if (row->source_central.data != NULL) {
        command->source_central = row->source_central;
    }
    command->camera_id = row->entry.camera_id;
    command->camera_name = row->entry.camera_name;
    command->source = row->entry.source;
    command->confidence = row->entry.confidence;
    command->exit_camera_id = row->exit.camera_id;
    command->exit_camera_name = row->exit.camera_name;
    command->exit_source = row->exit.source;
    command->exit_confidence = row->exit.confidence;
}

static void fill_lot(struct command *command, const struct envelope_lot *lot)
{
    command->location = lot->name;
    command->capacity = lot->capacity;
    command->camera_id = lot->camera_id;
    command->camera_type = lot->camera_type;
    command->edge_id = lot->edge_id;
}

static void start(struct command *command, const struct peer_hearing *hearing,
                  const struct envelope *envelope)
{
    command_init(command, COMMAND_PEER);
    command->peer = slice_text(hearing->peer);
    command->source_central = envelope->source_central;
    command->device_ms = envelope->sent_ms;
}

/* False for a message that is no event. */
static bool fill(struct command *command, const struct peer_hearing *hearing,
                 const struct envelope *envelope)
{
    start(command, hearing, envelope);
    fill_visit(command, &envelope->visit);
    switch (envelope->type) {
    case ENVELOPE_VEHICLE_ENTRY_PENDING:
        command->event_kind = EVENT_VEHICLE_ENTRY_PENDING;
        return true;
    case ENVELOPE_VEHICLE_EXIT:
        command->event_kind = EVENT_VEHICLE_EXIT;
        if (envelope->visit.source_central.data != NULL) {
            command->source_central = envelope->visit.source_central;
        }
        return true;
    case ENVELOPE_LOCATION_UPDATE:
        command->event_kind = EVENT_LOCATION_UPDATE;
        return true;
    case ENVELOPE_PARKING_LOT_CONFIG:
        command->event_kind = EVENT_PARKING_LOT_CONFIG;
        fill_lot(command, &envelope->lot);
        return true;
    case ENVELOPE_HISTORY_UPDATE:
        command->event_kind = EVENT_HISTORY_UPDATE;
        return envelope->visit.event_id.data != NULL;
    case ENVELOPE_HISTORY_DELETE:
        command->event_kind = EVENT_HISTORY_DELETE;
        return envelope->visit.event_id.data != NULL;
    case ENVELOPE_VEHICLE_ENTRY_CONFIRMED:
        command->event_kind = EVENT_VEHICLE_ENTRY_CONFIRMED;
        command->entry_ms = envelope->sent_ms;
        return envelope->visit.event_id.data != NULL && envelope->sent_ms != EVENT_NONE;
    case ENVELOPE_UNKNOWN:
    case ENVELOPE_HEARTBEAT:
    case ENVELOPE_SYNC_REQUEST:
    case ENVELOPE_SYNC_RESPONSE:
    case ENVELOPE_CONFIG_UPDATE:
    case ENVELOPE_SUBSCRIPTION_UPDATE:
    case ENVELOPE_ERROR:
        break;
    }
    return false;
}

/* ---- the node -------------------------------------------------------------------------------- */

/* 1 when it is under way, 0 when it can be no command (a text is too long), -1. */
static int ask(struct peer_hearing *hearing, const struct command *command, struct problem *problem)
{
    buffer_clear(hearing->question);
    if (command_pack(command, hearing->question) != 0) {
        hearing->refused++;
        return 0;
    }
    return desk_send(hearing->node, buffer_slice(hearing->question), LIMIT_COMMAND_WAIT_MS,
                     problem) == 0
               ? 1
               : -1;
}

/* 0, 1 with a problem when it is not stored now, -1 when nothing under way will be answered. */
static int receive(struct peer_hearing *hearing, struct problem *problem)
{
    struct answer answer;
    struct slice bytes;

    if (desk_receive(hearing->node, LIMIT_COMMAND_WAIT_MS, &bytes, problem) != 0) {
        return -1;
    }
    if (answer_unpack(&answer, bytes) != 0) {
        (void)problem_set(problem, PROBLEM_INTERNAL, NULL, "an answer that is none");
        return 1;
    }
    if (problem_http_status(answer.code) >= 500) {
        (void)problem_set(problem, answer.code, NULL, "%s", answer.text);
        return 1;
    }
    if (problem_http_status(answer.code) >= 400) {
        hearing->refused++;
    } else if (answer.deduped) {
        hearing->repeated++;
    } else {
        hearing->stored++;
    }
    return 0;
}

/* A row, or nothing when it is none. */
static int send_row(struct peer_hearing *hearing, const struct envelope *envelope, size_t index,
                    const struct zone *zone, struct peer_heard_rows *rows, struct problem *problem)
{
    struct envelope_visit row;
    struct command command;

    if (envelope_row(envelope, index, zone, &row, problem) != 0) {
        hearing->refused++;
        return 0;
    }
    if (row.created_ms != EVENT_NONE) {
        bool is_first = rows->newest_ms == EVENT_NONE;
        rows->oldest_ms =
            is_first || row.created_ms < rows->oldest_ms ? row.created_ms : rows->oldest_ms;
        rows->newest_ms =
            is_first || row.created_ms > rows->newest_ms ? row.created_ms : rows->newest_ms;
    }
    start(&command, hearing, envelope);
    fill_row(&command, &row);
    return ask(hearing, &command, problem);
}

/* After the first that is not stored no more are sent, but all answers are taken. */
static int hear_rows(struct peer_hearing *hearing, const struct envelope *envelope,
                     const struct zone *zone, struct peer_heard_rows *rows, struct problem *problem)
{
    struct problem ignored;
    size_t waiting = 0, next = 0;
    int failed = 0;

    rows->count = envelope_rows(envelope);
    while (failed >= 0 && (waiting > 0 || (next < rows->count && failed == 0))) {
        if (next < rows->count && failed == 0 && waiting < WINDOW) {
            int rc = send_row(hearing, envelope, next++, zone, rows, problem);
            waiting += rc > 0;
            failed = rc < 0 ? rc : failed;
        } else {
            int rc = receive(hearing, failed == 0 ? problem : &ignored);
            waiting--;
            failed = rc != 0 ? rc : failed;
        }
    }
    return failed == 0 ? 0 : -1;
}

int peer_hear(struct peer_hearing *hearing, const struct envelope *envelope,
              const struct zone *zone, struct peer_heard_rows *rows, struct problem *problem)
{
    struct command command;
    int rc;

    *rows = (struct peer_heard_rows){.oldest_ms = EVENT_NONE, .newest_ms = EVENT_NONE};
    if (envelope->type == ENVELOPE_SYNC_RESPONSE) {
        return hear_rows(hearing, envelope, zone, rows, problem);
    }
    if (!fill(&command, hearing, envelope)) {
        return 0;
    }
    rc = ask(hearing, &command, problem);
    return rc <= 0 ? rc : receive(hearing, problem) == 0 ? 0 : -1;
}
