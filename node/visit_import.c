#include "node/visit_import.h"

#include "node/parking.h"

static void tell(struct answer *answer, const char *text)
{
    (void)slice_copy(slice_text(text), answer->text, sizeof answer->text); /* cut: enough */
}

/* 1 and the answer when the log says it already, 0, -1. */
static int answer_repeat(struct store *store, const struct node_id *node, const struct event *event,
                         struct answer *answer, struct problem *problem)
{
    struct visit row, wanted;
    struct store_retry retry;
    int found = store_find_visit(store, event->visit, &row, problem);

    if (found == 1) {
        visit_imported(event, node, &wanted);
        struct digest digest = visit_digest(&wanted);
        found = digest_equal(&digest, &row.digest) ? 1 : 0;
    }
    if (found == 0) {
        found = store_find_import(store, event, node, &retry, problem);
        if (found == 1) {
            answer->position = retry.position;
        }
    }
    if (found == 1) {
        answer->deduped = true;
        tell(answer, "Lượt gửi xe đã có trong sổ");
    }
    return found;
}

/* What the visit is now. */
static int complete(struct store *store, const struct event *event, struct answer *answer,
                    struct problem *problem)
{
    struct visit visit;
    int found = store_find_visit(store, event->visit, &visit, problem);

    (void)slice_copy(event->visit, answer->visit, sizeof answer->visit);
    if (found == 1) {
        (void)slice_copy(visit.plate_id, answer->plate_id, sizeof answer->plate_id);
        (void)slice_copy(visit.plate_view, answer->plate_view, sizeof answer->plate_view);
        answer->history_id = visit.id;
        answer->entry_ms = visit.entry_ms;
        answer->exit_ms = visit.exit_ms;
        answer->fee = visit.fee;
        if (visit.status == VISIT_SUPERSEDED) {
            tell(answer, "Đã ghi, nhưng xe khi đó đang ở trong bãi với lượt khác");
        }
    }
    return found < 0 ? -1 : 0;
}

/* What is wrong with its times, NULL when nothing. Who says that the clock was wrong means them. */
static const char *fault_of(const struct event *event, int64_t now_ms, uint64_t hlc)
{
    if ((event->clock & EVENT_CLOCK_SUSPECT) != 0) {
        return NULL;
    }
    if (parking_is_beyond(event->t_eff, now_ms, hlc)) {
        return "entry_time: thời điểm vào quá xa trong tương lai (hơn một ngày)";
    }
    if (parking_is_beyond(event->exit_ms, now_ms, hlc)) {
        return "exit_time: thời điểm ra quá xa trong tương lai (hơn một ngày)";
    }
    if (event->exit_ms != EVENT_NONE && event->exit_ms < event->t_eff) {
        return "exit_time: thời điểm ra trước thời điểm vào";
    }
    return NULL;
}

static int append(struct store *store, struct event *event, int64_t now_ms, struct answer *answer,
                  struct problem *problem)
{
    if (store_append(store, event, now_ms, &answer->position, problem) != 0) {
        if (problem->code != PROBLEM_FIELD_INVALID) {
            return -1;
        }
        answer_init(answer, PROBLEM_FIELD_INVALID); /* nothing was written */
        tell(answer, problem->text);
        problem->code = PROBLEM_OK;
        return 0;
    }
    if (store_fold(store, problem) != 0) {
        return -1;
    }
    tell(answer, "Đã ghi lượt gửi xe");
    return complete(store, event, answer, problem);
}

int visit_import_decide(struct store *store, const struct node_id *node,
                        const struct command *command, int64_t now_ms, struct answer *answer,
                        struct problem *problem)
{
    const char *fault;
    struct event event;
    int repeated;

    answer_init(answer, PROBLEM_OK);
    if (event_unpack(&event, command->header, command->body) != 0 || event.kind != EVENT_IMPORT ||
        event.visit.len == 0) {
        answer_init(answer, PROBLEM_INTERNAL); /* ours: the asker packs what it has checked */
        tell(answer, "Lỗi nội bộ");
        return 0;
    }
    repeated = answer_repeat(store, node, &event, answer, problem);
    if (repeated != 0) {
        return repeated < 0 ? -1 : complete(store, &event, answer, problem);
    }
    fault = fault_of(&event, now_ms, store_hlc(store));
    if (fault != NULL) {
        answer_init(answer, PROBLEM_FIELD_INVALID); /* nothing was written */
        tell(answer, fault);
        return 0;
    }
    event.hlc = 0; /* the store's to give */
    return append(store, &event, now_ms, answer, problem);
}
