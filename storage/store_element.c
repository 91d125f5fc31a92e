/*
 * Settings that are lists: staff, subscriptions, lots. Each event sets or removes one element; the
 * one with the greatest stamp is in force, so that edits at separated centrals meet element by
 * element, in whatever order they arrive. All of them are kept: when one is erased or moved, the
 * next one comes into force.
 */
#include "storage/element.h"
#include "storage/store_internal.h"

/* An event of an element, as the others of its element are compared with it. */
struct stamp {
    uint64_t hlc;
    struct position position;
};

bool store_is_element(uint32_t kind)
{
    return kind == EVENT_PARKING_LOT_CONFIG || kind == EVENT_SUBSCRIPTION_UPDATE ||
           kind == EVENT_STAFF_UPDATE;
}

/* The id of the element; absent when the event has no effect. */
static struct slice item_of(const struct event *event)
{
    struct slice none = {NULL, 0};
    bool is_lot = event->kind == EVENT_PARKING_LOT_CONFIG;
    bool is_removal = slice_equal(event->status, slice_text(EVENT_REMOVED));
    struct slice item = is_lot ? event->location : event->item;

    return item.len > 0 && (is_lot || is_removal || event->json.data) ? item : none;
}

static bool is_later(const struct stamp *a, const struct stamp *b)
{
    if (a->hlc != b->hlc) {
        return a->hlc > b->hlc;
    }
    return position_compare(&a->position, &b->position) > 0;
}

/* The latest event of an element among those in force, or among all. 1, 0 when there is none, -1.
 */
static int find_latest(struct store *store, uint32_t kind, struct slice item, bool among_all,
                       struct stamp *latest, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_ELEMENT_ROWS);
    int found = 0;
    int more;

    sql_bind_int(&sql, kind);
    sql_bind_text(&sql, item);
    sql_bind_int(&sql, among_all);
    while ((more = sql_step(&sql, problem)) > 0) {
        size_t stream = (size_t)sql_int(&sql, 0) - 1;
        if (stream >= store->now.stream_count) {
            continue;
        }
        struct stamp stamp = {sql_u64(&sql, 2), {store->streams[stream].stream, sql_u64(&sql, 1)}};
        if (!found || is_later(&stamp, latest)) {
            *latest = stamp;
            found = 1;
        }
    }
    return more < 0 ? store_fail(store, problem) : found;
}

static int set_in_force(struct store *store, const struct position *position, bool in_force,
                        struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_ELEMENT_RULE);
    sql_bind_int(&sql, in_force);
    sql_bind_int(&sql, (int64_t)store_stream_find(store, &position->stream) + 1);
    sql_bind_u64(&sql, position->seq);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

static int64_t capacity_of(const struct event *event)
{
    if (event->kind != EVENT_PARKING_LOT_CONFIG) {
        return EVENT_NONE;
    }
    if (event->capacity > LIMIT_CAPACITY) {
        return LIMIT_CAPACITY;
    }
    return event->capacity < 0 ? 0 : event->capacity; /* absent too */
}

static int add_row(struct store *store, const struct position *position, const struct event *event,
                   bool in_force, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_ELEMENT_ADD);
    sql_bind_int(&sql, (int64_t)store_stream_find(store, &position->stream) + 1);
    sql_bind_u64(&sql, position->seq);
    sql_bind_int(&sql, event->kind);
    sql_bind_text(&sql, item_of(event));
    sql_bind_int(&sql, in_force);
    sql_bind_int(&sql, event->t_eff);
    sql_bind_int(&sql, store_time(store, position, event->t_eff));
    sql_bind_u64(&sql, event->hlc);
    sql_bind_text(&sql, slice_text(position->stream.node.text));
    sql_bind_u64(&sql, position->stream.epoch);
    sql_bind_text(&sql, event->status);
    sql_bind_text(&sql, event->plate_id);
    sql_bind_optional(&sql, event->valid_from_ms);
    sql_bind_optional(&sql, event->valid_to_ms);
    sql_bind_text(&sql, event->json);
    sql_bind_optional(&sql, capacity_of(event));
    sql_bind_text(&sql, event->camera_id);
    sql_bind_text(&sql, event->camera_type);
    sql_bind_text(&sql, event->edge_id);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

/* ---- what subscriptions change in the history ------------------------------------------------ */

/* Touches the visits that were there since `since` and have a plate that the element ever had. */
static int touch(struct store *store, uint32_t kind, struct slice item, int64_t since,
                 struct problem *problem)
{
    int more;

    if (kind != EVENT_SUBSCRIPTION_UPDATE || store->importing) {
        return 0; /* importing: everything is folded at the end */
    }
    struct sql sql = store_sql(store, STORE_SUBSCRIBED_SINCE);
    sql_bind_int(&sql, kind);
    sql_bind_text(&sql, item);
    sql_bind_int(&sql, since);
    while ((more = sql_step(&sql, problem)) > 0) {
        store_visits_add(&store->touched, sql_int(&sql, 0), sql_text(&sql, 1));
    }
    return more ? store_fail(store, problem) : 0;
}

int store_element_times(struct store *store, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_ELEMENT_TIMES);
    int more;

    sql_bind_int(&sql, EVENT_SUBSCRIPTION_UPDATE);
    while ((more = sql_step(&sql, problem)) > 0) {
        size_t stream = (size_t)sql_int(&sql, 0) - 1;
        if (stream >= store->now.stream_count) {
            continue;
        }
        struct position position = {store->streams[stream].stream, sql_u64(&sql, 1)};
        struct sql change = store_sql(store, STORE_ELEMENT_TIME); /* no column of any index */
        sql_bind_int(&change, store_time(store, &position, sql_int(&sql, 2)));
        sql_bind_int(&change, sql_int(&sql, 0));
        sql_bind_u64(&change, position.seq);
        if (sql_finish(&change, problem)) {
            sql_reset(&sql);
            return store_fail(store, problem);
        }
    }
    return more ? store_fail(store, problem) : 0;
}

/* Most plates never had a subscription, and the question for all of them makes a table first. */
static int is_subscribed(struct store *store, struct slice plate, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_IS_SUBSCRIBED);
    sql_bind_text(&sql, plate);
    sql_bind_int(&sql, EVENT_SUBSCRIPTION_UPDATE);
    int found = sql_step(&sql, problem);
    sql_reset(&sql);
    return found < 0 ? store_fail(store, problem) : found;
}

static int gather(struct store *store, struct slice plate, struct problem *problem)
{
    int more = store->now.subscribes ? is_subscribed(store, plate, problem) : 0;
    if (more <= 0) {
        return more;
    }
    struct sql sql = store_sql(store, STORE_SUBSCRIPTIONS);
    sql_bind_int(&sql, EVENT_SUBSCRIPTION_UPDATE);
    sql_bind_text(&sql, plate);
    while ((more = sql_step(&sql, problem)) > 0) {
        store->subscriptions =
            memory_grow(store->subscriptions, &store->subscription_capacity,
                        store->subscription_count + 1, sizeof *store->subscriptions);
        store->subscription_count += element_subscription(
            &sql, &store->bodies, &store->subscriptions[store->subscription_count]);
    }
    return more ? store_fail(store, problem) : 0;
}

/* An event that may end a visit and does not say what was paid. */
static bool is_unpriced(const struct event *event)
{
    return event->fee < 0 && (event->kind == EVENT_VEHICLE_EXIT || event->kind == EVENT_IMPORT ||
                              store_is_change(event->kind));
}

int store_element_gather(struct store *store, struct problem *problem)
{
    bool wanted = false;

    store->subscription_count = 0;
    for (size_t i = 0; i < store->event_count && !wanted; i++) {
        wanted = is_unpriced(&store->events[i].event);
    }
    for (size_t i = 0; wanted && i < store->plates.count; i++) {
        if (gather(store, store->plates.items[i], problem)) {
            return -1;
        }
    }
    return 0;
}

int store_subscription(struct store *store, struct slice plate_id, int64_t at_ms,
                       char item[LIMIT_ELEMENT_ID + 1], struct problem *problem)
{
    const struct fold_subscription *found;

    arena_clear(&store->bodies);
    store->subscription_count = 0;
    if (store_usable(store, problem) || gather(store, plate_id, problem)) {
        return -1;
    }
    found = fold_subscription(store->subscriptions, store->subscription_count, plate_id, at_ms);
    if (found) {
        (void)slice_copy(found->item, item, LIMIT_ELEMENT_ID + 1); /* it fits */
    }
    return found != NULL;
}

/* ---- one event ------------------------------------------------------------------------------- */

int store_element_add(struct store *store, const struct position *position,
                      const struct event *event, struct problem *problem)
{
    const struct stamp added = {event->hlc, *position};
    struct stamp present;
    struct slice item = item_of(event);

    if (!item.data) {
        return 0;
    }
    int found = find_latest(store, event->kind, item, false, &present, problem);
    if (found < 0) {
        return -1;
    }
    bool in_force = found == 0 || is_later(&added, &present);
    if (found > 0 && in_force && set_in_force(store, &present.position, false, problem)) {
        return -1;
    }
    if (add_row(store, position, event, in_force, problem)) {
        return -1;
    }
    store->now.subscribes |= event->kind == EVENT_SUBSCRIPTION_UPDATE;
    /* With clock fixes about, times change under it. */
    return touch(store, event->kind, item, store->fix_count ? INT64_MIN : event->t_eff, problem);
}

int store_element_drop(struct store *store, size_t stream, uint64_t seq, struct problem *problem)
{
    char text[LIMIT_TEXT + 1];
    struct stamp next;

    struct sql sql = store_sql(store, STORE_ELEMENT_AT);
    sql_bind_int(&sql, (int64_t)stream + 1);
    sql_bind_u64(&sql, seq);
    int found = sql_step(&sql, problem);
    if (found <= 0) {
        return found < 0 ? store_fail(store, problem) : 0;
    }
    uint32_t kind = (uint32_t)sql_int(&sql, 0);
    (void)slice_copy(sql_text(&sql, 1), text, sizeof text); /* from an event: it fits */
    sql_reset(&sql);
    if (touch(store, kind, slice_text(text), INT64_MIN, problem)) {
        return -1;
    }
    sql = store_sql(store, STORE_ELEMENT_DROP);
    sql_bind_int(&sql, (int64_t)stream + 1);
    sql_bind_u64(&sql, seq);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    found = find_latest(store, kind, slice_text(text), true, &next, problem);
    return found > 0 ? set_in_force(store, &next.position, true, problem) : found;
}

int store_elements(struct store *store, enum event_kind kind, settings_element_fn each,
                   void *context, struct digest *etag, struct problem *problem)
{
    if (store_usable(store, problem)) {
        return -1;
    }
    struct sql sql = store_sql(store, STORE_ELEMENTS);
    sql_bind_int(&sql, kind);
    int result = element_each(&sql, each, context, etag, problem);
    return result < 0 ? store_fail(store, problem) : result;
}

int store_lot(struct store *store, struct slice location, struct settings_lot *lot,
              struct problem *problem)
{
    if (store_usable(store, problem)) {
        return -1;
    }
    arena_clear(&store->answer);
    struct sql sql = store_sql(store, STORE_LOT);
    sql_bind_int(&sql, EVENT_PARKING_LOT_CONFIG);
    sql_bind_text(&sql, location);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        lot->location = arena_copy(&store->answer, location);
        lot->capacity = sql_int(&sql, 0);
        lot->camera_id = arena_copy(&store->answer, sql_text(&sql, 1));
        lot->camera_type = arena_copy(&store->answer, sql_text(&sql, 2));
        lot->edge_id = arena_copy(&store->answer, sql_text(&sql, 3));
        sql_reset(&sql);
    }
    return found < 0 ? store_fail(store, problem) : found;
}

int store_has_setting(struct store *store, enum event_kind kind, struct problem *problem)
{
    if (store_usable(store, problem)) {
        return -1;
    }
    struct sql sql = store_sql(store, STORE_HAS_SETTING);
    sql_bind_int(&sql, kind);
    int found = sql_step(&sql, problem);
    sql_reset(&sql);
    return found < 0 ? store_fail(store, problem) : found;
}
