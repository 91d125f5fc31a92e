#include "node/parking.h"

#include "proto/clock.h"
#include "proto/etag.h"
#include "proto/gate_text.h"
#include "proto/localtime.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A clock before the first release, or a day behind what the log has already seen, is a dead
 * battery, not a drift. */
#define CLOCK_EARLIEST_MS 1735689600000LL /* 2025-01-01 UTC */
#define CLOCK_BEHIND_MS (24LL * 3600 * 1000)

void parking_visit_name(const struct node_id *node, int64_t ms, const char *plate_id,
                        char out[LIMIT_EVENT_ID + 1])
{
    (void)snprintf(out, LIMIT_EVENT_ID + 1, "%s_%" PRId64 "_%s", node->text, ms, plate_id);
}

static int refuse(struct parking *parking, enum problem_code code, const char *text)
{
    answer_init(&parking->answer, code);
    (void)snprintf(parking->answer.text, sizeof parking->answer.text, "%s", text);
    parking->answer.gate = parking->command->gate;
    return -1;
}

bool parking_is_beyond(int64_t t_ms, int64_t now_ms, uint64_t hlc)
{
    int64_t latest_ms = now_ms > hlc_ms(hlc) ? now_ms : hlc_ms(hlc);

    return latest_ms >= CLOCK_EARLIEST_MS && t_ms > latest_ms + LIMIT_PEOPLE_EARLY_MS;
}

void parking_stamp(struct event *event, int64_t now_ms, uint64_t hlc)
{
    event->t_eff = now_ms;
    event->clock = 0;
    if (now_ms < CLOCK_EARLIEST_MS || now_ms < hlc_ms(hlc) - CLOCK_BEHIND_MS) {
        event->clock |= EVENT_CLOCK_SUSPECT;
    }
}

/* What our clock showed when that of the device, which is known to be wrong, showed `device_ms`.
 * How wrong is not known exactly; nothing is reported before it happened. */
static int64_t by_our_clock(int64_t device_ms, int64_t clock_ms, int64_t now_ms)
{
    bool is_date = device_ms > -COMMAND_CLOCK_MAX && device_ms < COMMAND_CLOCK_MAX;
    int64_t ms = is_date ? device_ms - clock_ms : now_ms;

    return ms < now_ms ? ms : now_ms;
}

/* The device's time when it is plausible, else the central's own; with the clock's quality. */
static void stamp_time(struct event *event, int64_t device_ms, const struct parking_view *view,
                       int64_t clock_ms)
{
    parking_stamp(event, view->now_ms, view->hlc);
    if (device_ms == EVENT_NONE) {
        return;
    }
    if (clock_ms != 0) {
        device_ms = by_our_clock(device_ms, clock_ms, view->now_ms);
    }
    if (device_ms >= view->now_ms - LIMIT_DEVICE_LATE_MS &&
        device_ms <= view->now_ms + LIMIT_DEVICE_EARLY_MS) {
        event->t_eff = device_ms;
        event->clock |= EVENT_CLOCK_DEVICE;
    }
}

static int take_plate(struct parking *parking, struct slice text)
{
    if (plate_parse(text, &parking->plate) != 0) {
        char message[300];
        int shown = (int)slice_cut(text, 40);
        const char *plate = text.data != NULL ? text.data : "";
        if (text.len > LIMIT_PLATE) {
            (void)snprintf(
                message, sizeof message,
                "Không thể nhận dạng biển số \"%.*s…\": quá dài (%zu byte, nhiều nhất %d)", shown,
                plate, text.len, LIMIT_PLATE);
        } else {
            (void)snprintf(
                message, sizeof message,
                "Không thể nhận dạng biển số \"%.*s\": cần ít nhất %d chữ cái hoặc chữ số", shown,
                plate, LIMIT_PLATE_MIN);
        }
        return refuse(parking, PROBLEM_PLATE_UNUSABLE, message);
    }
    parking->event.plate_id = slice_text(parking->plate.id);
    parking->event.plate_view = slice_text(parking->plate.view);
    return 0;
}

static uint32_t kind_of(const struct command *command)
{
    switch (command->kind) {
    case COMMAND_EDIT:
        return EVENT_HISTORY_UPDATE;
    case COMMAND_DELETE:
        return EVENT_HISTORY_DELETE;
    case COMMAND_UNDELETE:
        return EVENT_HISTORY_UNDELETE;
    case COMMAND_TARIFF:
        return EVENT_CONFIG_UPDATE;
    case COMMAND_STAFF:
    case COMMAND_SUBSCRIPTIONS:
    case COMMAND_LOT:    /* node/settings */
    case COMMAND_IMPORT: /* node/visit_import */
    case COMMAND_PEER:   /* node/peering */
    case COMMAND_PEER_MARK:
    case COMMAND_PROBE: /* node/batch */
    case COMMAND_GATE:
        break;
    }
    switch (command->gate) {
    case GATE_EXIT:
        return EVENT_VEHICLE_EXIT;
    case GATE_LOCATION:
        return EVENT_LOCATION_UPDATE;
    case GATE_UPDATE:
        return EVENT_HISTORY_UPDATE;
    case GATE_DELETE:
        return EVENT_HISTORY_DELETE;
    case GATE_ENTRY:
    case GATE_DETECTION: /* the existing system treats a bare detection as an entry */
        break;
    }
    return EVENT_VEHICLE_ENTRY_PENDING;
}

static void take_camera(struct event *event, const struct command *command)
{
    event->camera_id = command->camera_id;
    event->camera_name = command->camera_name;
    event->camera_type = command->camera_type;
    event->edge_id = command->edge_id;
    event->source = command->source;
    event->confidence = command->confidence;
    event->sent_id = command->sent_id;
    event->retry_key = command->retry_key;
    event->device_ms = command->device_ms;
}

static int prepare_gate(struct parking *parking, const struct command *command,
                        const struct parking_view *view)
{
    struct event *event = &parking->event;

    take_camera(event, command);
    if (event->source.data == NULL) {
        event->source = slice_text("manual");
    }
    stamp_time(event, command->device_ms, view, command->clock_ms);
    if (command->gate == GATE_LOCATION) {
        event->location = command->location;
        if (command->location_ms != EVENT_NONE &&
            (command->device_ms < command->location_ms ||
             command->device_ms >= command->location_ms + 1000)) {
            stamp_time(event, command->location_ms, view,
                       command->clock_ms); /* else the same, less exact */
        }
        if (event->location.len == 0) {
            return refuse(parking, PROBLEM_FIELD_INVALID,
                          "LOCATION_UPDATE needs data.location or camera_name");
        }
    }
    return take_plate(parking, command->plate_text);
}

/* A change made at a camera box names its visit by event_id; its row numbers mean nothing here. */
static int prepare_edge_change(struct parking *parking, const struct command *command,
                               const struct parking_view *view)
{
    if (command->sent_id.len == 0) {
        return refuse(parking, PROBLEM_DELETE_WITHOUT_ID,
                      "a camera's UPDATE or DELETE must name the visit by event_id");
    }
    parking->event.camera_id = command->camera_id;
    parking->event.edge_id = command->edge_id;
    parking->event.sent_id = command->sent_id;
    parking->event.device_ms = command->device_ms;
    parking->event.t_eff = view->now_ms;
    (void)snprintf(parking->author, sizeof parking->author, "edge-%.*s",
                   (int)command->camera_id.len,
                   command->camera_id.data != NULL ? command->camera_id.data : "");
    parking->event.author = slice_text(parking->author);
    return command->gate == GATE_UPDATE ? take_plate(parking, command->plate_text) : 0;
}

int parking_prepare(struct parking *parking, const struct command *command,
                    const struct parking_view *view)
{
    parking->command = command;
    parking->visit[0] = '\0';
    parking->author[0] = '\0';
    event_init(&parking->event, kind_of(command));
    answer_init(&parking->answer, PROBLEM_OK);
    parking->answer.gate = command->gate;

    if (command->kind == COMMAND_GATE) {
        if (command->gate == GATE_UPDATE || command->gate == GATE_DELETE) {
            return prepare_edge_change(parking, command, view);
        }
        return prepare_gate(parking, command, view);
    }
    parking_stamp(&parking->event, view->now_ms, view->hlc);
    parking->event.author = command->author;
    parking->event.reason = command->reason;
    parking->event.source_central = command->source_central; /* node/peering has one */
    if (command->sent_id.len > 0) {
        parking->event.sent_id = command->sent_id;
    }
    if (command->kind == COMMAND_TARIFF) {
        parking->event.free_s = command->tariff.free_s;
        parking->event.per_hour = command->tariff.per_hour;
        parking->answer.tariff = command->tariff;
    }
    if (command->kind == COMMAND_EDIT) {
        struct slice text = command->plate_view.len > 0 ? command->plate_view : command->plate_text;
        parking->event.entry_ms = command->entry_ms; /* so that a repetition is compared */
        parking->event.exit_ms = command->exit_ms;
        return text.len > 0 ? take_plate(parking, text) : 0;
    }
    return 0;
}

static void take_visit(struct answer *answer, const struct visit *visit)
{
    (void)slice_copy(visit->event_id, answer->visit, sizeof answer->visit);
    (void)slice_copy(visit->plate_id, answer->plate_id, sizeof answer->plate_id);
    (void)slice_copy(visit->plate_view, answer->plate_view, sizeof answer->plate_view);
    answer->history_id = visit->id;
    answer->entry_ms = visit->entry_ms;
    answer->exit_ms = visit->exit_ms;
    answer->fee = visit->fee;
}

void parking_repeat(struct parking *parking, const char *visit_name, const struct visit *visit)
{
    parking->answer.deduped = true;
    (void)snprintf(parking->answer.visit, sizeof parking->answer.visit, "%s", visit_name);
    if (visit != NULL) {
        take_visit(&parking->answer, visit);
    }
    (void)snprintf(parking->answer.text, sizeof parking->answer.text,
                   "Sự kiện đã được ghi trước đó");
}

/* Names the visit: as the camera did, else by a name of our own. */
static void name_visit(struct parking *parking, const struct parking_view *view)
{
    if (parking->event.sent_id.len > 0) {
        parking->event.visit = parking->event.sent_id;
        return;
    }
    parking_visit_name(&view->node, view->now_ms, parking->plate.id, parking->visit);
    parking->event.visit = slice_text(parking->visit);
}

/* The visit that an exit closes as far as this central knows, or NULL. */
static const struct visit *exit_target(const struct parking_view *view)
{
    if (view->named != NULL && view->named->status == VISIT_IN) {
        return view->named;
    }
    if (view->named != NULL && view->named->status == VISIT_OUT) {
        return NULL; /* a repeated exit must not close the plate's next visit */
    }
    return view->open;
}

/*
 * An exit that happens now closes what is open now, even when a clock elsewhere says that the car
 * entered later (the fold then flags EXIT_BEFORE_ENTRY). One that a camera had queued belongs to
 * its own time.
 */
static bool reaches(const struct event *exit, const struct visit *target, int64_t now_ms)
{
    return exit->t_eff >= target->entry_ms || now_ms - exit->t_eff <= LIMIT_DEVICE_EARLY_MS;
}

static void decide_exit(struct parking *parking, const struct parking_view *view)
{
    const struct visit *target = exit_target(view);
    struct event *event = &parking->event;

    if (target == NULL || !reaches(event, target, view->now_ms)) {
        name_visit(parking, view);
        return;
    }
    (void)slice_copy(target->event_id, parking->visit, sizeof parking->visit);
    event->visit = slice_text(parking->visit);
    event->closes = event->visit;
    event->entry_ms = target->entry_ms;
    if (view->subscription[0] != '\0') {
        (void)snprintf(parking->subscription, sizeof parking->subscription, "%s",
                       view->subscription);
        event->item = slice_text(parking->subscription);
        event->fee = 0; /* whatever the tariff: it does not say by which one */
        return;
    }
    event->free_s = view->tariff.free_s;
    event->per_hour = view->tariff.per_hour;
    event->fee = tariff_fee(&view->tariff, tariff_seconds(target->entry_ms, event->t_eff));
}

/* A change carries the visit's whole corrected state, so that the last writer's word is complete.
 */
static void carry_corrections(struct event *event, const struct command *command,
                              const struct parking_view *view)
{
    bool from_people = command->kind == COMMAND_EDIT;

    event->entry_ms = from_people && command->entry_ms != EVENT_NONE ? command->entry_ms
                                                                     : view->corrected_entry_ms;
    event->exit_ms =
        from_people && command->exit_ms != EVENT_NONE ? command->exit_ms : view->corrected_exit_ms;
    if (command->exit_ms != EVENT_REOPEN && event->exit_ms == EVENT_REOPEN) {
        event->exit_ms = EVENT_NONE; /* a reopening stays in force by itself; twice undoes more */
    }
    event->fee = view->corrected_fee;
}

/* Whether the author saw the visit as it is. */
static bool is_as_seen(const struct command *command, const struct visit *named)
{
    char etag[33];

    digest_hex(&named->digest, etag);
    return etag_is_seen(command->if_match, etag);
}

static int refuse_inside(struct parking *parking, const struct visit *open)
{
    char text[300];

    (void)snprintf(text, sizeof text, "Xe %s đang ở trong bãi với lượt khác (%.*s)",
                   parking->plate.view, (int)open->event_id.len, open->event_id.data);
    return refuse(parking, PROBLEM_PLATE_INSIDE, text);
}

/* The times that the visit would have. */
static bool is_backwards(const struct event *change, const struct visit *named)
{
    int64_t entry_ms = change->entry_ms != EVENT_NONE ? change->entry_ms : named->entry_ms;

    return change->kind == EVENT_HISTORY_UPDATE && change->exit_ms >= 0 &&
           change->exit_ms < entry_ms;
}

/* Of the times that the author gave; those that were there are nobody's fault now. */
static int check_times(struct parking *parking, const struct parking_view *view)
{
    const struct command *command = parking->command;

    if (command->kind != COMMAND_EDIT) {
        return 0;
    }
    if (parking_is_beyond(command->entry_ms, view->now_ms, view->hlc)) {
        return refuse(parking, PROBLEM_FIELD_INVALID,
                      "entry_time: thời điểm vào quá xa trong tương lai (hơn một ngày)");
    }
    if (parking_is_beyond(command->exit_ms, view->now_ms, view->hlc)) {
        return refuse(parking, PROBLEM_FIELD_INVALID,
                      "exit_time: thời điểm ra quá xa trong tương lai (hơn một ngày)");
    }
    if (command->exit_ms != EVENT_NONE && is_backwards(&parking->event, view->named)) {
        return refuse(parking, PROBLEM_FIELD_INVALID,
                      "exit_time: thời điểm ra trước thời điểm vào");
    }
    return 0;
}

static int decide_change(struct parking *parking, const struct parking_view *view)
{
    struct event *event = &parking->event;
    const struct visit *named = view->named;
    bool is_undelete = event->kind == EVENT_HISTORY_UNDELETE;

    if (named == NULL || (named->status == VISIT_DELETED) != is_undelete) {
        return refuse(parking, PROBLEM_VISIT_UNKNOWN, "Không tìm thấy lượt gửi xe");
    }
    if (!is_as_seen(parking->command, named)) {
        return refuse(parking, PROBLEM_PRECONDITION_FAILED,
                      "Lượt gửi xe đã thay đổi; hãy đọc lại rồi sửa");
    }
    if (event->plate_id.data == NULL) { /* delete, undelete: the plate as it is */
        (void)slice_copy(named->plate_id, parking->plate.id, sizeof parking->plate.id);
        (void)slice_copy(named->plate_view, parking->plate.view, sizeof parking->plate.view);
        event->plate_id = slice_text(parking->plate.id);
        event->plate_view = slice_text(parking->plate.view);
    }
    bool opens = named->status == VISIT_IN || parking->command->exit_ms == EVENT_REOPEN;
    if (event->kind == EVENT_HISTORY_UPDATE && opens && view->open != NULL &&
        !slice_equal(view->open->event_id, named->event_id)) {
        return refuse_inside(parking, view->open);
    }
    (void)slice_copy(named->event_id, parking->visit, sizeof parking->visit);
    event->visit = slice_text(parking->visit);
    event->before = view->before;
    event->supersedes = view->supersedes;
    carry_corrections(event, parking->command, view);
    return check_times(parking, view);
}

int parking_decide(struct parking *parking, const struct parking_view *view)
{
    switch (parking->event.kind) {
    case EVENT_VEHICLE_ENTRY_PENDING:
        /* a second entry under a known name is logged, and answered as the repetition it is */
        parking->answer.deduped = view->named != NULL;
        name_visit(parking, view);
        return 0;
    case EVENT_VEHICLE_EXIT:
        parking->answer.deduped = view->named != NULL && view->named->status == VISIT_OUT;
        decide_exit(parking, view);
        return 0;
    case EVENT_LOCATION_UPDATE:
        name_visit(parking, view);
        return 0;
    case EVENT_HISTORY_UPDATE:
    case EVENT_HISTORY_DELETE:
    case EVENT_HISTORY_UNDELETE:
        return decide_change(parking, view);
    default:
        return 0;
    }
}

static void complete_entry(struct parking *parking, const struct visit *visit,
                           const struct visit *winner)
{
    struct answer *answer = &parking->answer;
    const char *view = parking->plate.view;

    if (visit != NULL && visit->status == VISIT_SUPERSEDED && winner != NULL) {
        char text[LOCALTIME_TEXT];
        localtime_text(winner->entry_ms, text);
        answer->code = PROBLEM_ALREADY_INSIDE;
        answer->entry_ms = winner->entry_ms;
        (void)slice_copy(winner->event_id, answer->visit, sizeof answer->visit);
        answer->history_id = winner->id;
        (void)snprintf(answer->text, sizeof answer->text, "Xe %s đã ở trong bãi (vào lúc %s)", view,
                       text);
        return;
    }
    gate_text_done(false, slice_text(view), answer->text, sizeof answer->text);
}

static void complete_exit(struct parking *parking, const struct visit *visit)
{
    struct answer *answer = &parking->answer;
    const char *view = parking->plate.view;

    if (visit != NULL && visit->status == VISIT_OUT) {
        gate_text_done(true, slice_text(view), answer->text, sizeof answer->text);
        return;
    }
    answer->code = PROBLEM_NO_OPEN_VISIT;
    answer->entry_ms = answer->exit_ms = answer->fee = EVENT_NONE; /* of a visit it did not close */
    (void)snprintf(answer->text, sizeof answer->text,
                   "Xe %s không có lượt VÀO nào đang mở; lượt RA đã được ghi lại để đối chiếu",
                   view);
}

void parking_complete(struct parking *parking, const struct position *position,
                      const struct visit *visit, const struct visit *winner)
{
    struct answer *answer = &parking->answer;

    answer->position = *position;
    (void)slice_copy(parking->event.visit, answer->visit, sizeof answer->visit);
    if (visit != NULL) {
        take_visit(answer, visit);
    }
    if (parking->command->kind == COMMAND_GATE && parking->event.plate_id.data != NULL) {
        (void)slice_copy(parking->event.plate_id, answer->plate_id, sizeof answer->plate_id);
        (void)slice_copy(parking->event.plate_view, answer->plate_view, sizeof answer->plate_view);
    }
    if (parking->event.kind == EVENT_VEHICLE_ENTRY_PENDING) {
        complete_entry(parking, visit, winner);
    } else if (parking->event.kind == EVENT_VEHICLE_EXIT) {
        complete_exit(parking, visit);
    } else if (parking->event.kind == EVENT_LOCATION_UPDATE) {
        (void)snprintf(answer->text, sizeof answer->text, "Xe %s ở %.*s", parking->plate.view,
                       (int)slice_cut(parking->event.location, 100), parking->event.location.data);
    }
}
