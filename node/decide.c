#include "node/decide.h"

#include "node/parking.h"
#include "node/peering.h"
#include "node/settings.h"
#include "node/visit_import.h"
#include "proto/etag.h"

/* What a decision is made from; the copies live as long as the decision. */
struct inquiry {
    struct store *store;
    struct parking parking;
    struct parking_view view;
    struct visit_copy named, open;
    struct buffer before, supersedes;
    struct problem *problem;
};

/* Copies a found row into `copy` and points `*seen` at it. 0 or -1. */
static int keep(int found, const struct visit *visit, struct visit_copy *copy,
                const struct visit **seen)
{
    *seen = NULL;
    if (found < 0) {
        return -1;
    }
    if (found == 1) {
        visit_copy(copy, visit);
        *seen = &copy->visit;
    }
    return 0;
}

/* The visit that a command names: by row number, by name, or by the id that the camera sent. */
static int find_named(struct inquiry *inquiry, const struct command *command)
{
    struct visit visit;
    struct slice name = command->kind == COMMAND_GATE ? command->sent_id : command->visit;
    int found = 0;

    if (name.len > 0) {
        found = store_find_state(inquiry->store, name, &visit, inquiry->problem);
    } else if (command->kind != COMMAND_GATE && command->history_id > 0) {
        found = store_find_row(inquiry->store, command->history_id, &visit, inquiry->problem);
    }
    return keep(found, &visit, &inquiry->named, &inquiry->view.named);
}

static int find_open(struct inquiry *inquiry)
{
    struct visit visit;
    int found = 0;

    const struct visit *named = inquiry->view.named;
    char plate[LIMIT_PLATE + 1] = "";

    if (inquiry->parking.event.plate_id.data != NULL) {
        (void)slice_copy(inquiry->parking.event.plate_id, plate, sizeof plate);
    } else if (named != NULL) { /* a change that keeps the plate */
        (void)slice_copy(named->plate_id, plate, sizeof plate);
    }
    if (plate[0] != '\0') {
        found = store_find_open(inquiry->store, plate, &visit, inquiry->problem);
    }
    return keep(found, &visit, &inquiry->open, &inquiry->view.open);
}

static int find_changes(struct inquiry *inquiry)
{
    struct position seen[LIMIT_SUPERSEDES];
    struct parking_view *view = &inquiry->view;
    struct slice name = view->named->event_id;
    int count = store_changes_seen(inquiry->store, name, seen, inquiry->problem);

    if (count < 0 ||
        store_visit_json(inquiry->store, name, &inquiry->before, inquiry->problem) < 0 ||
        store_correction(inquiry->store, name, &view->corrected_entry_ms, &view->corrected_exit_ms,
                         &view->corrected_fee, inquiry->problem) != 0) {
        return -1;
    }
    if (count > 0) {
        if (event_pack_supersedes(seen, (size_t)count, &inquiry->supersedes) != 0) {
            return problem_set(inquiry->problem, PROBLEM_INTERNAL, NULL, "supersedes too long");
        }
        view->supersedes = buffer_slice(&inquiry->supersedes);
    }
    view->before = buffer_slice(&inquiry->before);
    return 0;
}

static int inquire_exit(struct inquiry *inquiry)
{
    struct parking_view *view = &inquiry->view;
    int64_t at_ms = inquiry->parking.event.t_eff;
    bool is_clear = view->named != NULL && view->named->status == VISIT_IN;

    if (!is_clear && find_open(inquiry) != 0) {
        return -1;
    }
    const struct visit *target = is_clear ? view->named : view->open;
    if (target != NULL && store_subscription(inquiry->store, target->plate_id, at_ms,
                                             view->subscription, inquiry->problem) < 0) {
        return -1;
    }
    return store_tariff(inquiry->store, at_ms, &view->tariff, inquiry->problem) < 0 ? -1 : 0;
}

static int inquire_change(struct inquiry *inquiry)
{
    if (inquiry->view.named == NULL) {
        return 0;
    }
    return find_open(inquiry) != 0 ? -1 : find_changes(inquiry);
}

/* What parking_decide looks at for this kind of event, and no more: each question costs a gate
 * some microseconds. */
static int inquire(struct inquiry *inquiry, const struct command *command)
{
    if (find_named(inquiry, command) != 0) {
        return -1;
    }
    switch (inquiry->parking.event.kind) {
    case EVENT_VEHICLE_EXIT:
        return inquire_exit(inquiry);
    case EVENT_HISTORY_UPDATE:
    case EVENT_HISTORY_DELETE:
    case EVENT_HISTORY_UNDELETE:
        return inquire_change(inquiry);
    default:
        return 0;
    }
}

/* The row as the fold left it, and the one that superseded it. */
static int complete(struct inquiry *inquiry, const struct position *position)
{
    const struct visit *winner;
    struct visit visit;
    struct slice name = inquiry->parking.event.visit;
    int found = 0;

    if (name.data != NULL) {
        found = store_find_state(inquiry->store, name, &visit, inquiry->problem);
    }
    if (found < 0) {
        return -1;
    }
    if (found == 0 || visit.superseded_by.data == NULL) {
        parking_complete(&inquiry->parking, position, found == 1 ? &visit : NULL, NULL);
        return 0;
    }
    visit_copy(&inquiry->named, &visit);
    if (keep(store_find_state(inquiry->store, inquiry->named.visit.superseded_by, &visit,
                              inquiry->problem),
             &visit, &inquiry->open, &winner) != 0) {
        return -1;
    }
    parking_complete(&inquiry->parking, position, &inquiry->named.visit, winner);
    return 0;
}

/* A person's key names one change: answered as the repetition of another, a wish would be lost.
 * What another central says is what it is; its keys are made of times. */
static bool misuses_key(const struct command *command, const struct store_retry *retry)
{
    return command->kind == COMMAND_EDIT && command->source_central.data == NULL && retry->differs;
}

/*
 * 1 when the command repeats an earlier event and was answered, 0 when not, -1 on failure. A camera
 * that lost the first answer gets its verdict: what went wrong then is not well because it is said
 * twice.
 */
static int answer_repeat(struct inquiry *inquiry, const struct command *command, int64_t now_ms)
{
    struct parking *parking = &inquiry->parking;
    struct store_retry retry;
    int found;

    if (command->kind != COMMAND_GATE && command->sent_id.len == 0) {
        return 0;
    }
    found = store_find_retry(inquiry->store, &parking->event, now_ms, &retry, inquiry->problem);
    if (found != 1) {
        return found;
    }
    if (misuses_key(command, &retry)) {
        answer_init(&parking->answer, PROBLEM_KEY_REUSED);
        (void)slice_copy(slice_text("Idempotency-Key này đã dùng cho một thay đổi khác"),
                         parking->answer.text, sizeof parking->answer.text);
        return 1;
    }
    parking->event.visit = slice_text(retry.visit);
    if (complete(inquiry, &retry.position) != 0) {
        return -1;
    }
    if (parking->answer.code == PROBLEM_OK) {
        parking_repeat(parking, retry.visit, NULL);
    }
    parking->answer.deduped = true;
    return 1;
}

/* A text that fits no event: nothing was written, and nobody else is concerned. */
static int refuse_field(struct inquiry *inquiry)
{
    struct answer *answer = &inquiry->parking.answer;
    enum gate_type gate = answer->gate;

    answer_init(answer, PROBLEM_FIELD_INVALID);
    answer->gate = gate;
    (void)slice_copy(slice_text(inquiry->problem->text), answer->text, sizeof answer->text);
    inquiry->problem->code = PROBLEM_OK;
    return 0;
}

static int append(struct inquiry *inquiry, int64_t now_ms)
{
    struct position position;

    if (store_append(inquiry->store, &inquiry->parking.event, now_ms, &position,
                     inquiry->problem) != 0) {
        return inquiry->problem->code == PROBLEM_FIELD_INVALID ? refuse_field(inquiry) : -1;
    }
    if (store_fold(inquiry->store, inquiry->problem) != 0) {
        return -1;
    }
    return complete(inquiry, &position);
}

/* 1 when the author of a tariff saw another one than is in force: answered. 0, -1. */
static int is_stale(struct inquiry *inquiry, const struct command *command, int64_t now_ms)
{
    struct answer *answer = &inquiry->parking.answer;
    char tag[40];

    if (command->kind != COMMAND_TARIFF || command->if_match.data == NULL) {
        return 0;
    }
    if (store_tariff(inquiry->store, now_ms, &inquiry->view.tariff, inquiry->problem) < 0) {
        return -1;
    }
    tariff_tag(&inquiry->view.tariff, tag, sizeof tag);
    if (etag_is_seen(command->if_match, tag)) {
        return 0;
    }
    answer_init(answer, PROBLEM_PRECONDITION_FAILED);
    answer->tariff = inquiry->view.tariff;
    (void)slice_copy(slice_text("Bảng phí đã được thay đổi ở nơi khác; hãy tải lại rồi sửa"),
                     answer->text, sizeof answer->text);
    return 1;
}

static int run(struct inquiry *inquiry, const struct command *command, int64_t now_ms)
{
    int repeated;

    if (parking_prepare(&inquiry->parking, command, &inquiry->view) != 0) {
        return 0;
    }
    repeated = answer_repeat(inquiry, command, now_ms);
    if (repeated == 0) {
        repeated = is_stale(inquiry, command, now_ms);
    }
    if (repeated != 0) {
        return repeated < 0 ? -1 : 0;
    }
    if (inquire(inquiry, command) != 0) {
        return -1;
    }
    if (parking_decide(&inquiry->parking, &inquiry->view) != 0) {
        return 0;
    }
    return append(inquiry, now_ms);
}

int decide(struct store *store, const struct node_id *id, const struct command *command,
           int64_t now_ms, struct answer *answer, struct problem *problem)
{
    if (settings_is_command(command->kind)) {
        return settings_decide(store, command, now_ms, 0, answer, problem);
    }
    if (peering_is_command(command->kind)) {
        return peering_decide(store, id, command, now_ms, answer, problem);
    }
    if (command->kind == COMMAND_IMPORT) {
        return visit_import_decide(store, id, command, now_ms, answer, problem);
    }

    struct inquiry inquiry; /* 20 KiB of room for texts, which need no zeroes */
    int rc;

    inquiry.store = store;
    inquiry.problem = problem;
    inquiry.view = (struct parking_view){.tariff = TARIFF_DEFAULT};
    inquiry.view.node = *id;
    inquiry.view.now_ms = now_ms;
    inquiry.view.hlc = store_hlc(store);
    inquiry.view.corrected_entry_ms = EVENT_NONE;
    inquiry.view.corrected_exit_ms = EVENT_NONE;
    inquiry.view.corrected_fee = EVENT_NONE;
    buffer_init(&inquiry.before, LIMIT_JSON_TEXT);
    buffer_init(&inquiry.supersedes, LIMIT_BODY_BYTES);
    rc = run(&inquiry, command, now_ms);
    *answer = inquiry.parking.answer;
    buffer_free(&inquiry.supersedes);
    buffer_free(&inquiry.before);
    return rc;
}
