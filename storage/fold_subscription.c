/*
 * Which subscription counts. The lists are short (those of a plate or a few), and few visits ask:
 * gates say what they took. So each question just looks at all of them.
 */
#include "storage/fold.h"

static bool is_later(const struct fold_subscription *a, const struct fold_subscription *b)
{
    if (a->hlc != b->hlc) {
        return a->hlc > b->hlc;
    }
    return position_compare(&a->position, &b->position) > 0;
}

/* Nothing that was said of its element by then is later. */
static bool is_in_force(const struct fold_subscription *list, size_t count,
                        const struct fold_subscription *update, int64_t t)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].t <= t && slice_equal(list[i].item, update->item) &&
            is_later(&list[i], update)) {
            return false;
        }
    }
    return true;
}

static bool covers(const struct fold_subscription *update, struct slice plate_id, int64_t t)
{
    return update->active && update->t <= t && update->plate_id.len > 0 &&
           slice_equal(update->plate_id, plate_id) &&
           (update->from_ms == EVENT_NONE || t >= update->from_ms) &&
           (update->to_ms == EVENT_NONE || t < update->to_ms);
}

const struct fold_subscription *fold_subscription(const struct fold_subscription *list,
                                                  size_t count, struct slice plate_id, int64_t t)
{
    const struct fold_subscription *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (covers(&list[i], plate_id, t) &&
            (best == NULL || slice_compare(list[i].item, best->item) < 0) &&
            is_in_force(list, count, &list[i], t)) {
            best = &list[i];
        }
    }
    return best;
}
