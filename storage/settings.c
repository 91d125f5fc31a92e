#include "storage/settings.h"

#include "storage/element.h"
#include "storage/settings_internal.h"

#include <stdlib.h>

static const char *const QUESTION_SQL[SETTINGS_QUESTIONS] = {
    [SETTINGS_ELEMENTS] = ELEMENT_LIST_SQL,
    [SETTINGS_SUBSCRIPTION] = ELEMENT_SUBSCRIPTION_SQL,
    /* A lot without vehicles has one row whose plate is NULL. ?1 PARKING_LOT_CONFIG. */
    [SETTINGS_LOTS] =
        "SELECT e.item, e.camera_id, e.camera_type, e.edge_id, e.capacity, h.plate_id,"
        " h.plate_view, h.entry_time, h.last_location_time, h.is_anomaly FROM element e"
        " LEFT JOIN history h ON h.status = 'IN' AND h.last_location = e.item"
        " WHERE e.kind = ?1 AND e.in_force = 1 AND e.status IS NOT '" EVENT_REMOVED "'"
        " ORDER BY e.item, h.last_location_ms DESC, h.id DESC",
};

int settings_open(sqlite3 *db, struct settings *settings, struct problem *problem)
{
    for (int i = 0; i < SETTINGS_QUESTIONS; i++) {
        if (sql_prepare(db, QUESTION_SQL[i], &settings->stmt[i], problem)) {
            return -1;
        }
    }
    return 0;
}

void settings_close(struct settings *settings)
{
    for (int i = 0; i < SETTINGS_QUESTIONS; i++) {
        (void)sqlite3_finalize(settings->stmt[i]); /* repeats an error already reported */
        settings->stmt[i] = NULL;
    }
}

int settings_elements(struct history *history, enum event_kind kind, settings_element_fn each,
                      void *context, struct digest *etag, struct problem *problem)
{
    struct sql sql = sql_start(history_settings(history)->stmt[SETTINGS_ELEMENTS]);

    sql_bind_int(&sql, kind);
    return element_each(&sql, each, context, etag, problem);
}

static struct settings_lot read_lot(const struct sql *sql)
{
    return (struct settings_lot){.location = sql_text(sql, 0),
                                 .camera_id = sql_text(sql, 1),
                                 .camera_type = sql_text(sql, 2),
                                 .edge_id = sql_text(sql, 3),
                                 .capacity = sql_int(sql, 4)};
}

static struct settings_vehicle read_vehicle(const struct sql *sql)
{
    return (struct settings_vehicle){.plate_id = sql_text(sql, 5),
                                     .plate_view = sql_text(sql, 6),
                                     .entry_time = sql_text(sql, 7),
                                     .location_time = sql_text(sql, 8),
                                     .is_anomaly = sql_int(sql, 9) != 0};
}

int settings_lots(struct history *history, settings_lot_fn each, void *context,
                  struct problem *problem)
{
    struct sql sql = sql_start(history_settings(history)->stmt[SETTINGS_LOTS]);
    char name[LIMIT_TEXT + 1] = ""; /* of the lot under way; none is called so */
    int stopped = 0;
    int more;

    sql_bind_int(&sql, EVENT_PARKING_LOT_CONFIG);
    while ((more = sql_step(&sql, problem)) > 0 && stopped == 0) {
        struct settings_lot lot = read_lot(&sql);
        struct settings_vehicle vehicle = read_vehicle(&sql);
        if (!slice_equal(lot.location, slice_text(name))) {
            (void)slice_copy(lot.location, name, sizeof name); /* from an event: it fits */
            stopped = each(context, &lot, NULL);
        }
        if (vehicle.plate_id.data && stopped == 0) {
            stopped = each(context, &lot, &vehicle);
        }
    }
    sql_reset(&sql);
    return more < 0 ? -1 : stopped;
}

/* The updates that may concern a plate, and beside each the type that its author named. */
struct updates {
    struct fold_subscription *items;
    struct slice *types;
    size_t count, capacity, type_capacity;
    struct arena texts;
};

static void add_update(struct updates *updates, const struct sql *sql)
{
    updates->items =
        memory_grow(updates->items, &updates->capacity, updates->count + 1, sizeof *updates->items);
    updates->types = memory_grow(updates->types, &updates->type_capacity, updates->count + 1,
                                 sizeof *updates->types);
    updates->types[updates->count] = arena_copy(&updates->texts, sql_text(sql, 10));
    updates->count += element_subscription(sql, &updates->texts, &updates->items[updates->count]);
}

int settings_subscription(struct history *history, struct slice plate_id, int64_t at_ms,
                          struct settings_subscription *out, struct problem *problem)
{
    struct sql sql = sql_start(history_settings(history)->stmt[SETTINGS_SUBSCRIPTION]);
    struct updates updates = {.items = NULL};
    const struct fold_subscription *found = NULL;
    int more;

    sql_bind_int(&sql, EVENT_SUBSCRIPTION_UPDATE);
    sql_bind_text(&sql, plate_id);
    while ((more = sql_step(&sql, problem)) > 0) {
        add_update(&updates, &sql);
    }
    if (more == 0) {
        found = fold_subscription(updates.items, updates.count, plate_id, at_ms);
    }
    if (found) {
        struct slice type = updates.types[found - updates.items];
        (void)slice_copy(found->item, out->item, sizeof out->item); /* it fits */
        (void)slice_copy(type, out->type, sizeof out->type);
    }
    free(updates.items);
    free(updates.types);
    arena_free(&updates.texts);
    return more < 0 ? -1 : found != NULL;
}
