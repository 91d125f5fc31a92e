#include "node/peering.h"

#include "node/decide.h"
#include "node/foreign.h"
#include "node/settings.h"
#include "proto/plate.h"

#include <inttypes.h>
#include <stdio.h>

/* A message under way; the copies live as long as it does. */
struct message {
    struct store *store;
    struct foreign foreign;
    struct foreign_view view;
    struct visit_copy named, other;
    int64_t now_ms;
    struct answer *answer;
    struct problem *problem;
};

bool peering_is_command(enum command_kind kind)
{
    return kind == COMMAND_PEER || kind == COMMAND_PEER_MARK;
}

static int refuse(struct answer *answer, const char *why)
{
    answer_init(answer, PROBLEM_FIELD_INVALID);
    (void)slice_copy(slice_text(why), answer->text, sizeof answer->text);
    return 0;
}

/* Copies a found row into `copy` and points `*seen` at it. 0 or -1. */
static int keep(int found, const struct visit *visit, struct visit_copy *copy,
                const struct visit **seen)
{
    *seen = NULL;
    if (found == 1) {
        visit_copy(copy, visit);
        *seen = &copy->visit;
    }
    return found < 0 ? -1 : 0;
}

static int find_named(struct message *message)
{
    struct foreign_view *view = &message->view;
    struct slice name = slice_text(message->foreign.visit);
    struct visit visit;

    if (name.len == 0) {
        return 0;
    }
    if (store_told(message->store, name, message->foreign.plate, &view->told, message->problem) !=
            0 ||
        keep(store_find_visit(message->store, name, &visit, message->problem), &visit,
             &message->named, &view->named) != 0) {
        return -1;
    }
    if (view->named == NULL || view->named->superseded_by.data == NULL) {
        return 0;
    }
    return keep(
        store_find_visit(message->store, view->named->superseded_by, &visit, message->problem),
        &visit, &message->other, &view->winner);
}

/* What an exit that names nothing known may mean. */
static int find_inside(struct message *message)
{
    struct foreign_view *view = &message->view;
    struct visit visit;

    if (keep(store_find_open(message->store, message->foreign.plate_id, &visit, message->problem),
             &visit, &message->other, &view->open) != 0) {
        return -1;
    }
    if (view->open != NULL) {
        return 0;
    }
    return keep(store_find_read(message->store, message->foreign.plate, &visit, message->problem),
                &visit, &message->other, &view->read);
}

static int inquire(struct message *message)
{
    if (find_named(message) != 0) {
        return -1;
    }
    bool is_loose =
        message->foreign.command->event_kind == EVENT_VEHICLE_EXIT && message->view.named == NULL;
    return is_loose ? find_inside(message) : 0;
}

/* 1 when the log has this event. */
static int is_known(struct message *message, const struct event *event)
{
    struct store_retry retry;

    return event->kind == EVENT_IMPORT
               ? 0
               : store_find_retry(message->store, event, message->now_ms, &retry, message->problem);
}

/* Logs what is new. 0 or -1. */
static int append_all(struct message *message)
{
    struct foreign *foreign = &message->foreign;
    struct answer *answer = message->answer;

    for (size_t i = 0; i < foreign->count; i++) {
        int known = is_known(message, &foreign->events[i]);
        if (known < 0) {
            return -1;
        }
        if (known == 0) {
            if (store_append(message->store, &foreign->events[i], message->now_ms,
                             &answer->position, message->problem) != 0) {
                return -1;
            }
            answer->changed++;
        }
    }
    answer->deduped = answer->changed == 0;
    return answer->changed > 0 ? store_fold(message->store, message->problem) : 0;
}

static int tell(struct store *store, const struct command *command, int64_t now_ms,
                struct answer *answer, struct problem *problem)
{
    struct message message = {
        .store = store, .now_ms = now_ms, .answer = answer, .problem = problem};
    const char *why;

    if (foreign_prepare(&message.foreign, command, &why) != 0) {
        return refuse(answer, why);
    }
    message.view.told.reopened_ms = EVENT_NONE;
    message.view.now_ms = now_ms;
    message.view.hlc = store_hlc(store);
    if (inquire(&message) != 0) {
        return -1;
    }
    foreign_decide(&message.foreign, &message.view);
    (void)snprintf(answer->visit, sizeof answer->visit, "%s", message.foreign.visit);
    if (append_all(&message) == 0) {
        return 0;
    }
    /* A text that fits no event. The first is refused alone; behind one that was logged the batch
     * takes all of it back. */
    if (problem->code != PROBLEM_FIELD_INVALID || answer->changed > 0) {
        return -1;
    }
    problem->code = PROBLEM_OK;
    return refuse(answer, problem->text);
}

static int tell_lot(struct store *store, const struct command *command, int64_t now_ms,
                    struct answer *answer, struct problem *problem)
{
    struct command lot = *command;

    lot.kind = COMMAND_LOT;
    lot.remove = false;
    lot.author = lot.source_central;
    if (settings_decide(store, &lot, now_ms, 0, answer, problem) != 0) {
        return -1;
    }
    answer->deduped = answer->code == PROBLEM_OK && answer->changed == 0;
    return 0;
}

/* Whether the visit has that plate as it is. 1, 0, -1. */
static int is_plate(struct store *store, const struct command *command, struct problem *problem)
{
    struct visit visit;
    char plate[LIMIT_PLATE + 1];
    int found = store_find_visit(store, command->visit, &visit, problem);

    if (found != 1) {
        return found;
    }
    size_t len = plate_reduce(command->plate_text, plate, sizeof plate);
    return slice_equal(visit.plate_id, (struct slice){plate, len}) &&
           (command->plate_view.len == 0 || slice_equal(visit.plate_view, command->plate_view));
}

/*
 * A correction or a deletion, as a person of the other central made it. Row numbers are its own
 * and mean nothing here; only a named visit can be changed. A person's change has no name but the
 * moment at which it was sent.
 */
static int tell_change(struct store *store, const struct node_id *id, const struct command *command,
                       int64_t now_ms, struct answer *answer, struct problem *problem)
{
    struct command change = *command;
    char sent_id[LIMIT_NODE_ID + 32];

    if (command->visit.len == 0) {
        return refuse(answer, "no visit is named");
    }
    change.kind = COMMAND_DELETE;
    change.history_id = 0;
    change.if_match = (struct slice){NULL, 0};
    change.entry_ms = change.exit_ms = EVENT_NONE;
    change.author = command->source_central;
    change.sent_id = (struct slice){NULL, 0};
    if (command->device_ms != EVENT_NONE) {
        (void)snprintf(sent_id, sizeof sent_id, "%.*s_%" PRId64,
                       (int)slice_cut(command->source_central, LIMIT_NODE_ID),
                       command->source_central.data, command->device_ms);
        change.sent_id = slice_text(sent_id);
    }
    if (command->event_kind == EVENT_HISTORY_UPDATE) {
        int same = is_plate(store, command, problem);
        change.kind = COMMAND_EDIT;
        if (same != 0) {
            answer->deduped = same > 0;
            return same < 0 ? -1 : 0;
        }
    }
    return decide(store, id, &change, now_ms, answer, problem);
}

int peering_decide(struct store *store, const struct node_id *id, const struct command *command,
                   int64_t now_ms, struct answer *answer, struct problem *problem)
{
    struct command named = *command;

    answer_init(answer, PROBLEM_OK);
    if (command->kind == COMMAND_PEER_MARK) {
        return store_set_mark(store, command->peer, &command->told, command->heard_ms, now_ms,
                              problem);
    }
    if (named.source_central.len == 0) {
        named.source_central = command->peer;
    }
    switch (command->event_kind) {
    case EVENT_PARKING_LOT_CONFIG:
        return tell_lot(store, &named, now_ms, answer, problem);
    case EVENT_HISTORY_UPDATE:
    case EVENT_HISTORY_DELETE:
        return tell_change(store, id, &named, now_ms, answer, problem);
    default:
        return tell(store, &named, now_ms, answer, problem);
    }
}
