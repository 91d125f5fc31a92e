/*
 * The frame of the fold: one block of memory for a whole call, fees, and the rows that come out.
 * A gate event folds a handful of events, so what a call costs before its first event matters as
 * much as the order of growth: everything is counted first and allocated once.
 */
#include "storage/fold.h"

#include "storage/fold_internal.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATE_NAME "Auto-detected: "
#define CANDIDATE_SOURCE "parking_lot_auto"

/* How much one call needs at most. */
struct sizes {
    size_t items, stays, points, anomalies, changes, exits, name_bytes;
};

/* Parts of one block; without a block it only adds up. */
struct arena {
    char *block;
    size_t used;
};

const char *anomaly_name(enum anomaly_code code)
{
    switch (code) {
#define X(name)          \
    case ANOMALY_##name: \
        return #name;
        ANOMALY_CODES(X)
#undef X
    }
    return "";
}

int fold_stamp_compare(const struct fold_event *a, const struct fold_event *b)
{
    if (a->event.hlc != b->event.hlc) {
        return a->event.hlc < b->event.hlc ? -1 : 1;
    }
    return position_compare(&a->position, &b->position);
}

struct slice fold_central(const struct fold_item *item)
{
    struct slice named = fold_named(item->source->event.source_central);
    return named.data ? named : slice_text(item->source->position.stream.node.text);
}

bool fold_is_original(const struct fold_item *item)
{
    return slice_equal(fold_central(item), slice_text(item->source->position.stream.node.text));
}

bool fold_exit_fee(const struct fold_item *exit, int64_t *fee)
{
    *fee = exit->source->event.fee;
    return *fee >= 0;
}

void fold_list(struct fold_work *work, struct fold_anomaly anomaly)
{
    work->anomalies[work->anomaly_count++] = anomaly;
}

/* ---- memory ------------------------------------------------------------------------------- */

static struct sizes measure(const struct fold_input *input)
{
    struct sizes sizes = {.items = input->event_count};

    for (size_t i = 0; i < input->event_count; i++) {
        const struct event *event = &input->events[i].event;
        switch (event->kind) {
        case EVENT_VEHICLE_ENTRY_PENDING:
            sizes.stays++;
            sizes.points++;
            sizes.anomalies++;
            break;
        case EVENT_IMPORT: /* an entry, an exit and a sighting */
            sizes.stays++;
            sizes.points += 3;
            sizes.anomalies += 3;
            break;
        case EVENT_LOCATION_UPDATE: /* a candidate and a sighting */
            sizes.stays++;
            sizes.points += 2;
            sizes.name_bytes += sizeof CANDIDATE_NAME + LIMIT_NODE_ID + event->source_central.len +
                                event->location.len;
            break;
        case EVENT_VEHICLE_EXIT: /* on a timeline it may be early, and have another fee */
            sizes.exits++;
            sizes.points++;
            sizes.anomalies += 2;
            break;
        case EVENT_HISTORY_UPDATE:
        case EVENT_HISTORY_DELETE:
        case EVENT_HISTORY_UNDELETE: /* its exit_ms */
            sizes.changes++;
            sizes.points++;
            break;
        default:
            break;
        }
    }
    return sizes;
}

static void *take(struct arena *arena, size_t count, size_t size)
{
    void *part = arena->block ? arena->block + arena->used : NULL;
    arena->used += (count * size + 15) & ~(size_t)15;
    return part;
}

static void lay_out(struct arena *arena, const struct sizes *sizes, struct fold_work *work,
                    struct fold_output *output)
{
    const struct fold_input *input = work->input;

    output->visits = take(arena, sizes->stays, sizeof *output->visits);
    work->anomalies = take(arena, sizes->anomalies, sizeof *work->anomalies);
    work->plates = take(arena, input->plate_count, sizeof *work->plates);
    work->items = take(arena, sizes->items, sizeof *work->items);
    work->stays = take(arena, sizes->stays, sizeof *work->stays);
    work->points = take(arena, sizes->points, sizeof *work->points);
    work->changes = take(arena, sizes->changes, sizeof *work->changes);
    work->exits = take(arena, sizes->exits, sizeof *work->exits);
    work->tariffs = take(arena, input->tariff_count, sizeof *work->tariffs);
    work->names = take(arena, sizes->name_bytes, 1);
}

static int compare_slices(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void sort_plates(struct fold_work *work)
{
    size_t count = work->input->plate_count;

    for (size_t i = 0; i < count; i++) {
        work->plates[i] = slice_text(work->input->plates[i]);
    }
    if (count > 1) {
        qsort(work->plates, count, sizeof *work->plates, compare_slices);
    }
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !slice_equal(work->plates[i - 1], work->plates[i])) {
            work->plates[work->plate_count++] = work->plates[i];
        }
    }
}

/* ---- fees --------------------------------------------------------------------------------- */

static bool is_tariff(const struct tariff *tariff)
{
    return tariff->free_s >= 0 && tariff->free_s <= 31536000 && tariff->per_hour >= 0 &&
           tariff->per_hour <= 1000000000;
}

static int compare_tariffs(const void *a, const void *b)
{
    const struct fold_tariff *x = *(const struct fold_tariff *const *)a;
    const struct fold_tariff *y = *(const struct fold_tariff *const *)b;

    if (x->t != y->t) {
        return x->t < y->t ? -1 : 1;
    }
    if (x->hlc != y->hlc) {
        return x->hlc < y->hlc ? -1 : 1;
    }
    return position_compare(&x->position, &y->position);
}

/* Most calls need no tariff: gates say what they took. */
static void sort_tariffs(struct fold_work *work)
{
    const struct fold_input *input = work->input;

    if (work->tariffs_sorted) {
        return;
    }
    work->tariffs_sorted = true;
    for (size_t i = 0; i < input->tariff_count; i++) {
        if (is_tariff(&input->tariffs[i].tariff)) {
            work->tariffs[work->tariff_count++] = &input->tariffs[i];
        }
    }
    if (work->tariff_count > 1) {
        qsort(work->tariffs, work->tariff_count, sizeof *work->tariffs, compare_tariffs);
    }
}

static const struct tariff *tariff_at(struct fold_work *work, int64_t t)
{
    sort_tariffs(work);
    size_t low = 0;
    size_t high = work->tariff_count; /* the first one after t lies in low..high */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (work->tariffs[middle]->t <= t) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low ? &work->tariffs[low - 1]->tariff : &TARIFF_DEFAULT;
}

/* Lists the exit when the tariff it says it used asks for another fee now. */
static void compare_fee(struct fold_work *work, const struct fold_stay *stay, int64_t fee,
                        int64_t seconds)
{
    const struct fold_event *exit = stay->exit->source;
    struct tariff used = {exit->event.free_s, exit->event.per_hour};

    if (stay->state != FOLD_DELETED && is_tariff(&used) && tariff_fee(&used, seconds) != fee) {
        fold_list(work, (struct fold_anomaly){
                            .code = ANOMALY_FEE_DIFFERS,
                            .plate_id = work->plates[stay->timeline],
                            .visit = stay->id,
                            .position = exit->position,
                            .t = stay->exit_t,
                        });
    }
}

/* Of a visit with an end. */
static int64_t find_fee(struct fold_work *work, const struct fold_stay *stay)
{
    int64_t seconds = tariff_seconds(stay->entry_ms, stay->exit_ms);
    int64_t fee = 0;

    if (stay->change && stay->change->source->event.fee >= 0) {
        return stay->change->source->event.fee;
    }
    if (stay->exit && fold_exit_fee(stay->exit, &fee)) {
        compare_fee(work, stay, fee, seconds);
        return fee;
    }
    if (fold_subscription(work->input->subscriptions, work->input->subscription_count,
                          stay->plate_id, stay->exit_ms)) {
        return 0;
    }
    return tariff_fee(tariff_at(work, stay->exit_ms), seconds);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* Appends to the names; there is room for all of them. */
static void put_name(struct fold_work *work, struct slice *name, struct slice text)
{
    memcpy(work->names, text.data, text.len);
    work->names += text.len;
    name->len += text.len;
}

static struct slice candidate_name(struct fold_work *work, const struct fold_item *item)
{
    struct slice name = {work->names, 0};

    put_name(work, &name, slice_text(CANDIDATE_NAME));
    put_name(work, &name, fold_central(item));
    put_name(work, &name, slice_text("/"));
    put_name(work, &name, item->source->event.location);
    return name;
}

static void render_entry(struct fold_work *work, const struct fold_stay *stay, struct visit *visit)
{
    const struct event *event = &stay->entry->source->event;

    visit->event_id = stay->id;
    visit->source_central = fold_central(stay->entry);
    visit->edge_id = event->edge_id;
    visit->plate_id = stay->plate_id;
    visit->plate_view = stay->plate_view;
    visit->entry_ms = stay->entry_ms;
    visit->entry_camera_id = event->camera_id;
    visit->entry_camera_name = event->camera_name;
    visit->entry_source = event->source;
    visit->entry_confidence = event->confidence;
    visit->suspect = stay->suspect;
    visit->is_anomaly = stay->weak;
    if (event->kind == EVENT_LOCATION_UPDATE) {
        visit->entry_camera_name = candidate_name(work, stay->entry);
        visit->entry_source = slice_text(CANDIDATE_SOURCE);
        visit->entry_confidence = 0;
    }
}

static void render_exit(const struct fold_item *exit, struct visit *visit)
{
    const struct event *event = &exit->source->event;
    bool import = event->kind == EVENT_IMPORT;

    visit->exit_central =
        import && event->exit_central.data ? fold_named(event->exit_central) : fold_central(exit);
    visit->exit_camera_id = import ? event->exit_camera_id : event->camera_id;
    visit->exit_camera_name = import ? event->exit_camera_name : event->camera_name;
    visit->exit_source = import ? event->exit_source : event->source;
    visit->exit_confidence = import ? event->exit_confidence : event->confidence;
}

static enum visit_status final_status(enum fold_state state)
{
    switch (state) {
    case FOLD_CLOSED:
        return VISIT_OUT;
    case FOLD_SUPERSEDED:
        return VISIT_SUPERSEDED;
    case FOLD_DELETED:
        return VISIT_DELETED;
    case FOLD_TO_COME:
    case FOLD_OPEN:
    case FOLD_GAVE_WAY:
        break;
    }
    return VISIT_IN;
}

static void render(struct fold_work *work, const struct fold_stay *stay, struct visit *visit)
{
    visit_init(visit);
    render_entry(work, stay, visit);
    visit->status = final_status(stay->state);
    visit->last_location = stay->last_location;
    visit->last_location_ms = stay->last_location_ms;
    if (stay->superseded_by) {
        visit->superseded_by = stay->superseded_by->id;
    }
    if (stay->exit_ms != EVENT_NONE) {
        visit->exit_ms = stay->exit_ms;
        visit->fee = find_fee(work, stay);
        if (stay->exit) {
            render_exit(stay->exit, visit);
        }
    }
}

static int compare_anomalies(const void *a, const void *b)
{
    const struct fold_anomaly *x = a;
    const struct fold_anomaly *y = b;

    int order = slice_compare(x->plate_id, y->plate_id);
    if (order) {
        return order;
    }
    if (x->t != y->t) {
        return x->t < y->t ? -1 : 1;
    }
    order = position_compare(&x->position, &y->position);
    return order ? order : (x->code > y->code) - (x->code < y->code);
}

void fold(const struct fold_input *input, struct fold_output *output)
{
    struct fold_work work = {.input = input};
    struct arena arena = {NULL, 0};
    struct sizes sizes = measure(input);

    *output = (struct fold_output){.visits = NULL};
    lay_out(&arena, &sizes, &work, output);
    arena.block = output->memory = bytes_allocate(arena.used, 1);
    arena.used = 0;
    lay_out(&arena, &sizes, &work, output);

    sort_plates(&work);
    fold_visits(&work);
    fold_walk(&work);
    for (size_t i = 0; i < work.stay_count; i++) {
        if (work.stays[i].state != FOLD_GAVE_WAY) {
            render(&work, &work.stays[i], &output->visits[output->visit_count++]);
        }
    }
    if (work.anomaly_count > 1) {
        qsort(work.anomalies, work.anomaly_count, sizeof *work.anomalies, compare_anomalies);
    }
    output->anomalies = work.anomalies;
    output->anomaly_count = work.anomaly_count;
}

void fold_free(struct fold_output *output)
{
    free(output->memory);
    *output = (struct fold_output){.visits = NULL};
}
