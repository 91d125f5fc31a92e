/*
 * The bridge between tables and fold(): folds the closure of what was touched, and writes the rows
 * whose folded columns changed.
 */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>

#define PLATES_PER_STEP 256 /* of folding everything: bounds the memory of one step */

static int write_anomalies(struct store *store, const struct fold_output *output,
                           struct problem *problem)
{
    for (size_t i = 0; i < store->plates.count; i++) {
        if (texts_find(&store->listed, store->plates.items[i]) == TEXTS_NONE) {
            continue;
        }
        struct sql sql = store_sql(store, STORE_ANOMALY_DROP);
        sql_bind_text(&sql, store->plates.items[i]);
        sql_bind_int(&sql, store->cuts[i].at);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
    }
    for (size_t i = 0; i < output->anomaly_count; i++) {
        const struct fold_anomaly *anomaly = &output->anomalies[i];
        texts_add(&store->listed, anomaly->plate_id);
        struct sql sql = store_sql(store, STORE_ANOMALY_ADD);
        sql_bind_text(&sql, anomaly->plate_id);
        sql_bind_int(&sql, anomaly->t);
        sql_bind_text(&sql, slice_text(anomaly_name(anomaly->code)));
        sql_bind_text(&sql, anomaly->visit);
        sql_bind_text(&sql, anomaly->other);
        sql_bind_text(&sql, slice_text(anomaly->position.stream.node.text));
        sql_bind_u64(&sql, anomaly->position.stream.epoch);
        sql_bind_u64(&sql, anomaly->position.seq);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
    }
    return 0;
}

/* The number of a visit is given up with its last event: its name holds the plate. */
static int drop_number(struct store *store, int64_t visit, struct problem *problem)
{
    store_focus_drop(store);
    struct sql sql = store_sql(store, STORE_VISIT_DROP);
    sql_bind_int(&sql, visit);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

/* Brings the row of one visit of the closure in line with the fold. */
static int write_visit(struct store *store, size_t visit, bool touched,
                       const struct fold_output *output, struct problem *problem)
{
    int64_t id = store_visits_id(&store->visits, visit);
    struct slice event_id = store->visits.names.items[visit];
    struct store_row row;
    const struct store_member *member = &store->members[visit];
    int found = touched && member->fresh ? 0 : store_row_find(store, id, event_id, &row, problem);
    if (found < 0 || (member->event_count == 0 && drop_number(store, id, problem))) {
        return -1;
    }
    if (member->output == 0) {
        /* Visits of other plates are in the closure but not in the output. */
        if (found && (touched || texts_find(&store->plates, row.plate_id) != TEXTS_NONE)) {
            return store_row_drop(store, &row, event_id, problem);
        }
        return 0;
    }
    const struct visit *folded = &output->visits[member->output - 1];
    struct digest digest = visit_digest(folded);
    if (found && digest_equal(&digest, &row.digest)) {
        return 0;
    }
    return found ? store_row_change(store, &row, folded, &digest, problem)
                 : store_row_add(store, id, folded, &digest, problem);
}

static int write_output(struct store *store, size_t touched, const struct fold_output *output,
                        struct problem *problem)
{
    for (size_t i = 0; i < output->visit_count; i++) {
        size_t visit = texts_find(&store->visits.names, output->visits[i].event_id);
        if (visit != TEXTS_NONE && output->visits[i].plate_id.len > 0) {
            store->members[visit].output = i + 1;
        }
    }
    for (size_t i = 0; i < store->visits.ids.count; i++) {
        if (write_visit(store, i, i < touched, output, problem)) {
            return -1;
        }
    }
    if (store_closure_save(store, touched, output, problem) || store_plate_forget(store, problem)) {
        return -1;
    }
    return write_anomalies(store, output, problem);
}

static void note_folded(struct store *store)
{
    store->now.folded = store->now.lsn;
    store->now.known_id = store->now.visit_id;
    store_recent_clear(store);
}

int store_fold(struct store *store, struct problem *problem)
{
    if (store_usable(store, problem)) {
        return -1;
    }
    if (store->touched.ids.count == 0 && store->touched_plates.count == 0) {
        note_folded(store);
        return 0;
    }
    size_t touched = 0;
    if (store_closure(store, &touched, problem) || store_element_gather(store, problem)) {
        return -1;
    }
    store->plate_list = memory_grow(store->plate_list, &store->plate_capacity, store->plates.count,
                                    sizeof *store->plate_list);
    for (size_t i = 0; i < store->plates.count; i++) {
        store->plate_list[i] = store->plates.items[i].data;
    }
    struct fold_input input = {.events = store->events,
                               .event_count = store->event_count,
                               .plates = store->plate_list,
                               .plate_count = store->plates.count,
                               .tariffs = store->tariffs,
                               .tariff_count = store->tariff_count,
                               .subscriptions = store->subscriptions,
                               .subscription_count = store->subscription_count,
                               .clock_fixes = store->fixes,
                               .clock_fix_count = store->fix_count};
    struct fold_output output;
    fold(&input, &output);
    int result = write_output(store, touched, &output, problem);
    fold_free(&output);
    note_folded(store);
    return result;
}

/* Touches the visits of the next plates after `last`. 1 = there were some, 0 = none left, -1. */
static int touch_plates(struct store *store, struct buffer *last, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db,
                    "SELECT p.plate, p.visit, v.name FROM visit_plate p"
                    " JOIN visit v ON v.id = p.visit WHERE p.plate > ? ORDER BY p.plate",
                    &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_text(&sql, (struct slice){last->len ? last->data : "", last->len});
    struct texts plates = {.count = 0};
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        texts_add(&plates, sql_text(&sql, 0));
        if (plates.count > PLATES_PER_STEP) {
            break;
        }
        store_visits_add(&store->touched, sql_int(&sql, 1), sql_text(&sql, 2));
    }
    sqlite3_finalize(stmt);
    if (more >= 0 && plates.count > 0) {
        size_t done = plates.count > PLATES_PER_STEP ? PLATES_PER_STEP : plates.count;
        buffer_clear(last);
        buffer_append(last, plates.items[done - 1].data, plates.items[done - 1].len);
        more = 1;
    }
    texts_free(&plates);
    return more;
}

int store_fold_all(struct store *store, struct problem *problem)
{
    struct buffer last;
    buffer_init(&last, LIMIT_TEXT);
    int more;
    store_visits_clear(&store->touched);
    while ((more = touch_plates(store, &last, problem)) > 0 && !store_fold(store, problem)) {
        continue;
    }
    buffer_free(&last);
    if (more < 0) {
        return store_fail(store, problem);
    }
    return more > 0 ? -1 : 0;
}
