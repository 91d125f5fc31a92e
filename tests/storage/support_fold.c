#include "support_fold.h"

#include <check.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An option of a script line and the text field of the event that it sets. */
struct text_option {
    const char *name;
    size_t offset;
};

static const struct text_option text_options[] = {
    {"central", offsetof(struct event, source_central)},
    {"edge", offsetof(struct event, edge_id)},
    {"cam", offsetof(struct event, camera_id)},
    {"camname", offsetof(struct event, camera_name)},
    {"view", offsetof(struct event, plate_view)},
    {"source", offsetof(struct event, source)},
    {"loc", offsetof(struct event, location)},
    {"status", offsetof(struct event, status)},
    {"exitcam", offsetof(struct event, exit_camera_id)},
    {"exitcentral", offsetof(struct event, exit_central)},
};

static const struct text_option time_options[] = {
    {"fee", offsetof(struct event, fee)},      {"free", offsetof(struct event, free_s)},
    {"per", offsetof(struct event, per_hour)}, {"entry", offsetof(struct event, entry_ms)},
    {"exit", offsetof(struct event, exit_ms)}, {"locms", offsetof(struct event, location_ms)},
};

static const struct {
    const char *name;
    uint32_t kind;
} kinds[] = {
    {"entry", EVENT_VEHICLE_ENTRY_PENDING},
    {"exit", EVENT_VEHICLE_EXIT},
    {"seen", EVENT_LOCATION_UPDATE},
    {"edit", EVENT_HISTORY_UPDATE},
    {"delete", EVENT_HISTORY_DELETE},
    {"undelete", EVENT_HISTORY_UNDELETE},
    {"import", EVENT_IMPORT},
    {"confirmed", EVENT_VEHICLE_ENTRY_CONFIRMED},
    {"future", 99},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- building ----------------------------------------------------------------------------- */

void *fold_case_own(struct fold_case *test, size_t size)
{
    test->owned = realloc(test->owned, (test->owned_count + 1) * sizeof *test->owned);
    if (!test->owned) {
        abort();
    }
    test->owned[test->owned_count] = bytes_allocate(size, 1);
    return test->owned[test->owned_count++];
}

void fold_case_free(struct fold_case *test)
{
    for (size_t i = 0; i < test->owned_count; i++) {
        free(test->owned[i]);
    }
    free(test->owned);
    free(test->events);
    memset(test, 0, sizeof *test);
}

static void set_node(struct node_id *node, const char *text)
{
    if (!node_id_parse(slice_text(text), node)) {
        ck_abort_msg("not a node: %s", text);
    }
}

struct fold_event *fold_case_add(struct fold_case *test, uint32_t kind)
{
    if (test->event_count == test->event_capacity) {
        test->event_capacity = test->event_capacity ? 2 * test->event_capacity : 16;
        test->events = realloc(test->events, test->event_capacity * sizeof *test->events);
        if (!test->events) {
            abort();
        }
    }
    struct fold_event *added = &test->events[test->event_count++];
    memset(added, 0, sizeof *added);
    event_init(&added->event, kind);
    set_node(&added->position.stream.node, "A");
    added->position.stream.epoch = 1;
    added->position.seq = test->event_count;
    added->event.hlc = test->event_count;
    added->body = slice_text("body");
    return added;
}

void fold_case_supersede(struct fold_case *test, struct fold_event *event,
                         const struct position *positions, size_t count)
{
    struct buffer packed = {0};

    if (event_pack_supersedes(positions, count, &packed)) {
        ck_abort_msg("too many to supersede");
    }
    char *kept = fold_case_own(test, packed.len);
    memcpy(kept, packed.data, packed.len);
    event->event.supersedes = (struct slice){kept, packed.len};
    buffer_free(&packed);
}

void fold_case_move(struct fold_case *test, struct fold_event *event, const struct position *former)
{
    struct slice kept = event->event.supersedes;

    fold_case_supersede(test, event, former, 1);
    event->event.moved_from = event->event.supersedes;
    event->event.supersedes = kept;
}

struct fold_input fold_case_input(const struct fold_case *test)
{
    return (struct fold_input){
        .events = test->events,
        .event_count = test->event_count,
        .plates = test->plates,
        .plate_count = test->plate_count,
        .tariffs = test->tariffs,
        .tariff_count = test->tariff_count,
        .subscriptions = test->subscriptions,
        .subscription_count = test->subscription_count,
        .clock_fixes = test->fixes,
        .clock_fix_count = test->fix_count,
    };
}

/* ---- scripts ------------------------------------------------------------------------------ */

static int64_t number(const char *text)
{
    char *end = NULL;
    int64_t value = strcmp(text, "REOPEN") == 0 ? EVENT_REOPEN : strtoll(text, &end, 10);
    ck_assert_msg(value == EVENT_REOPEN || (end && *end == '\0'), "not a number: %s", text);
    return value;
}

static struct slice word(const char *text)
{
    return strcmp(text, "-") == 0 ? (struct slice){NULL, 0} : slice_text(text);
}

static void read_supersedes(struct fold_case *test, struct fold_event *event, char *value)
{
    struct position positions[LIMIT_SUPERSEDES];
    size_t count = 0;
    char *rest = NULL;

    for (char *part = strtok_r(value, "+", &rest); part; part = strtok_r(NULL, "+", &rest)) {
        positions[count] = event->position;
        positions[count++].seq = (uint64_t)number(part);
    }
    fold_case_supersede(test, event, positions, count);
}

static void read_option(struct fold_case *test, struct fold_event *event, const char *name,
                        char *value)
{
    char *fields = (char *)&event->event;

    for (size_t i = 0; i < COUNT(text_options); i++) {
        if (strcmp(name, text_options[i].name) == 0) {
            struct slice text = slice_text(value);
            memcpy(fields + text_options[i].offset, &text, sizeof text);
            return;
        }
    }
    for (size_t i = 0; i < COUNT(time_options); i++) {
        if (strcmp(name, time_options[i].name) == 0) {
            int64_t ms = number(value);
            memcpy(fields + time_options[i].offset, &ms, sizeof ms);
            return;
        }
    }
    if (strcmp(name, "node") == 0) {
        set_node(&event->position.stream.node, value);
    } else if (strcmp(name, "epoch") == 0) {
        event->position.stream.epoch = (uint64_t)number(value);
    } else if (strcmp(name, "seq") == 0) {
        event->position.seq = (uint64_t)number(value);
    } else if (strcmp(name, "hlc") == 0) {
        event->event.hlc = (uint64_t)number(value);
    } else if (strcmp(name, "sup") == 0) {
        read_supersedes(test, event, value);
    } else if (strcmp(name, "moved") == 0) {
        struct position former = event->position;
        former.seq = (uint64_t)number(value);
        fold_case_move(test, event, &former);
    } else if (strcmp(name, "suspect") == 0) {
        event->event.clock |= EVENT_CLOCK_SUSPECT;
    } else if (strcmp(name, "redacted") == 0) {
        event->event.redacted = true;
    } else if (strcmp(name, "anomaly") == 0) {
        event->event.is_anomaly = true;
    } else if (strcmp(name, "body") == 0) {
        event->body = slice_text(value);
    } else {
        ck_abort_msg("unknown option %s", name);
    }
}

static void read_event(struct fold_case *test, uint32_t kind, char **words, size_t count)
{
    struct fold_event *event = fold_case_add(test, kind);

    ck_assert_uint_ge(count, 4);
    event->event.visit = word(words[1]);
    event->event.plate_id = word(words[2]);
    event->event.t_eff = number(words[3]);
    for (size_t i = 4; i < count; i++) {
        char *equals = strchr(words[i], '=');
        ck_assert_ptr_nonnull(equals);
        *equals = '\0';
        read_option(test, event, words[i], equals + 1);
    }
}

static void read_setting(struct fold_case *test, char **words, size_t count)
{
    if (strcmp(words[0], "tariff") == 0) {
        struct fold_tariff *tariff = &test->tariffs[test->tariff_count++];
        memset(tariff, 0, sizeof *tariff);
        tariff->t = number(words[1]);
        tariff->hlc = test->tariff_count;
        tariff->tariff = (struct tariff){number(words[2]), number(words[3])};
    } else if (strcmp(words[0], "sub") == 0) {
        struct fold_subscription *update = &test->subscriptions[test->subscription_count++];
        *update = (struct fold_subscription){
            .item = slice_text(words[2]),
            .t = number(words[1]),
            .hlc = test->subscription_count,
            .plate_id = word(words[3]),
            .from_ms = strcmp(words[4], "-") == 0 ? EVENT_NONE : number(words[4]),
            .to_ms = strcmp(words[5], "-") == 0 ? EVENT_NONE : number(words[5]),
            .active = count < 7 || strcmp(words[6], "active") == 0,
        };
        set_node(&update->position.stream.node, "A");
    } else if (strcmp(words[0], "fix") == 0) {
        struct fold_clock_fix *fix = &test->fixes[test->fix_count++];
        memset(fix, 0, sizeof *fix);
        set_node(&fix->node, words[1]);
        fix->from = (uint64_t)number(words[2]);
        fix->to = (uint64_t)number(words[3]);
        fix->offset_ms = number(words[4]);
    } else {
        ck_assert_str_eq(words[0], "plates");
        for (test->plate_count = 0; test->plate_count + 1 < count; test->plate_count++) {
            test->plates[test->plate_count] = words[test->plate_count + 1];
        }
    }
}

static void read_line(struct fold_case *test, char *line)
{
    char *words[24];
    char *rest = NULL;
    size_t count = 0;

    for (char *next = strtok_r(line, " \n", &rest); next; next = strtok_r(NULL, " \n", &rest)) {
        ck_assert_uint_lt(count, COUNT(words));
        words[count++] = next;
    }
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(words[0], kinds[i].name) == 0) {
            read_event(test, kinds[i].kind, words, count);
            return;
        }
    }
    read_setting(test, words, count);
}

void fold_case_script(struct fold_case *test, const char *script)
{
    char *text = fold_case_own(test, strlen(script) + 1);
    char *rest = NULL;

    memcpy(text, script, strlen(script) + 1);
    test->plates[test->plate_count++] = "A";
    for (char *line = strtok_r(text, ";", &rest); line; line = strtok_r(NULL, ";", &rest)) {
        read_line(test, line);
    }
}

/* ---- random cases ------------------------------------------------------------------------- */

uint64_t fold_case_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

size_t fold_case_below(uint64_t *state, size_t bound)
{
    return (size_t)(fold_case_next(state) % bound);
}

static const char *const plates[] = {"29A11111", "30B22222", "51C33333"};
static const char *const visits[] = {"v1", "v2", "v3", "v4", "v5", "v6"};
static const char *const nodes[] = {"A", "B", "C"};
static const char *const texts[] = {"x", "y", "", "Deck B"};

/* One in `chance` is absent. */
static struct slice pick(uint64_t *state, const char *const *from, size_t count, size_t chance)
{
    return fold_case_below(state, chance) ? slice_text(from[fold_case_below(state, count)])
                                          : (struct slice){NULL, 0};
}

static int64_t pick_time(uint64_t *state)
{
    static const int64_t steps[] = {1, 30000, 60000, 1800000, 3600000};
    return 10000000 + (int64_t)fold_case_below(state, 12) * steps[fold_case_below(state, 5)];
}

static int64_t maybe_time(uint64_t *state, size_t chance)
{
    return fold_case_below(state, chance) ? EVENT_NONE : pick_time(state);
}

static int64_t maybe_fee(uint64_t *state)
{
    static const int64_t fees[] = {0, 25000, 50000, -5, EVENT_NONE, EVENT_NONE};
    return fees[fold_case_below(state, COUNT(fees))];
}

static uint32_t pick_kind(uint64_t *state)
{
    static const uint32_t weighted[] = {
        EVENT_VEHICLE_ENTRY_PENDING,
        EVENT_VEHICLE_ENTRY_PENDING,
        EVENT_VEHICLE_ENTRY_PENDING,
        EVENT_VEHICLE_ENTRY_PENDING,
        EVENT_VEHICLE_EXIT,
        EVENT_VEHICLE_EXIT,
        EVENT_VEHICLE_EXIT,
        EVENT_VEHICLE_EXIT,
        EVENT_LOCATION_UPDATE,
        EVENT_LOCATION_UPDATE,
        EVENT_HISTORY_UPDATE,
        EVENT_HISTORY_UPDATE,
        EVENT_HISTORY_DELETE,
        EVENT_HISTORY_UNDELETE,
        EVENT_IMPORT,
        EVENT_VEHICLE_ENTRY_CONFIRMED,
        EVENT_CLOCK_FIX,
        99,
    };
    size_t last = fold_case_below(state, 4) ? COUNT(weighted) - 3 : COUNT(weighted);
    return weighted[fold_case_below(state, last)];
}

/* Sometimes extreme: what a hostile or broken central could send. */
static void distort(uint64_t *state, struct event *event)
{
    static const int64_t extremes[] = {INT64_MIN + 1, INT64_MAX, -2, 0, FOLD_TIME_MAX + 1};

    switch (fold_case_below(state, 40)) {
    case 0:
        event->t_eff = extremes[fold_case_below(state, COUNT(extremes))];
        break;
    case 1:
        event->exit_ms = extremes[fold_case_below(state, COUNT(extremes))];
        break;
    case 2:
        event->entry_ms = extremes[fold_case_below(state, COUNT(extremes))];
        break;
    case 3:
        event->per_hour = extremes[fold_case_below(state, COUNT(extremes))];
        break;
    case 4:
        event->redacted = true;
        break;
    default:
        break;
    }
}

static void fill_event(uint64_t *state, struct event *event)
{
    static const char *const statuses[] = {"IN", "OUT", "OUT"};
    bool change = event->kind == EVENT_HISTORY_UPDATE || event->kind == EVENT_HISTORY_DELETE ||
                  event->kind == EVENT_HISTORY_UNDELETE;
    bool exit = event->kind == EVENT_VEHICLE_EXIT;

    event->hlc = 1 + fold_case_below(state, 40);
    event->t_eff = pick_time(state);
    event->clock = (uint32_t)fold_case_below(state, 8) == 0 ? EVENT_CLOCK_SUSPECT : 0;
    event->visit = pick(state, visits, COUNT(visits), exit ? 3 : 12);
    event->plate_id = pick(state, plates, COUNT(plates), change ? 2 : 12);
    event->plate_view = pick(state, texts, COUNT(texts), 2);
    event->source_central = pick(state, nodes, COUNT(nodes), 2);
    event->edge_id = pick(state, texts, COUNT(texts), 2);
    event->camera_id = pick(state, texts, COUNT(texts), 2);
    event->camera_name = pick(state, texts, COUNT(texts), 2);
    event->source = pick(state, texts, COUNT(texts), 2);
    event->confidence = fold_case_below(state, 2) ? 0.25 : (double)NAN;
    event->fee = change && fold_case_below(state, 2) ? EVENT_NONE : maybe_fee(state);
    if (exit && fold_case_below(state, 2)) {
        event->free_s = 1800;
        event->per_hour = 25000;
    }
    event->entry_ms = maybe_time(state, 3);
    event->exit_ms = maybe_time(state, 2);
    if (change && fold_case_below(state, 4) == 0) {
        event->exit_ms = EVENT_REOPEN;
    }
    event->location = pick(state, texts, COUNT(texts), 8);
    event->location_ms = maybe_time(state, 2);
    event->status = pick(state, statuses, COUNT(statuses), 6);
    event->is_anomaly = fold_case_below(state, 4) == 0;
    event->exit_central = pick(state, texts, COUNT(texts), 2);
    event->exit_camera_id = pick(state, texts, COUNT(texts), 2);
    event->exit_source = pick(state, texts, COUNT(texts), 2);
    distort(state, event);
}

static void random_settings(struct fold_case *test, uint64_t *state)
{
    for (size_t i = 0; i < COUNT(plates); i++) { /* repetitions too */
        if (test->plate_count == 0 || fold_case_below(state, 2)) {
            test->plates[test->plate_count++] = plates[fold_case_below(state, COUNT(plates))];
        }
    }
    for (size_t i = fold_case_below(state, 4); i > 0; i--) {
        struct fold_tariff *tariff = &test->tariffs[test->tariff_count++];
        tariff->t = pick_time(state);
        tariff->hlc = fold_case_below(state, 3);
        set_node(&tariff->position.stream.node, nodes[fold_case_below(state, COUNT(nodes))]);
        tariff->position.seq = test->tariff_count;
        tariff->tariff.free_s = (int64_t)fold_case_below(state, 2) * 600;
        tariff->tariff.per_hour = (int64_t)fold_case_below(state, 5) * 10000 - 10000;
    }
    for (size_t i = fold_case_below(state, 5); i > 0; i--) {
        struct fold_subscription *update = &test->subscriptions[test->subscription_count++];
        *update = (struct fold_subscription){.item = pick(state, texts, COUNT(texts), 100),
                                             .t = pick_time(state),
                                             .hlc = fold_case_below(state, 3),
                                             .plate_id = pick(state, plates, COUNT(plates), 6),
                                             .from_ms = maybe_time(state, 3),
                                             .to_ms = maybe_time(state, 3),
                                             .active = fold_case_below(state, 4) > 0};
        if (!update->item.data) {
            update->item = slice_text("x");
        }
        set_node(&update->position.stream.node, nodes[fold_case_below(state, COUNT(nodes))]);
        update->position.seq = test->subscription_count;
    }
    for (size_t i = fold_case_below(state, 4) ? 0 : 1 + fold_case_below(state, 3); i > 0; i--) {
        struct fold_clock_fix *fix = &test->fixes[test->fix_count++];
        set_node(&fix->node, nodes[fold_case_below(state, COUNT(nodes))]);
        fix->epoch = fold_case_below(state, 3);
        fix->from = fold_case_below(state, 6);
        fix->to = fix->from + fold_case_below(state, 4);
        fix->offset_ms = (int64_t)fold_case_below(state, 5) * 60000 - 120000;
    }
}

/* Changes list others of any visit, earlier and later ones and themselves. */
static void random_supersedes(struct fold_case *test, uint64_t *state)
{
    for (size_t i = 0; i < test->event_count; i++) {
        struct position seen[4];
        size_t count = fold_case_below(state, COUNT(seen));
        for (size_t j = 0; j < count; j++) {
            seen[j] = test->events[fold_case_below(state, test->event_count)].position;
        }
        if (fold_case_below(state, 4) == 0) {
            struct position former =
                test->events[fold_case_below(state, test->event_count)].position;
            former.seq += fold_case_below(state, 2) * 100;
            fold_case_move(test, &test->events[i], &former);
        }
        if (count && test->events[i].event.kind >= EVENT_HISTORY_UPDATE &&
            test->events[i].event.kind <= EVENT_HISTORY_UNDELETE) {
            fold_case_supersede(test, &test->events[i], seen, count);
        }
    }
}

void fold_case_random(struct fold_case *test, uint64_t seed)
{
    uint64_t state = seed;
    size_t count = fold_case_below(&state, fold_case_below(&state, 8) ? 20 : 60);

    for (size_t i = 0; i < count; i++) {
        struct fold_event *event = fold_case_add(test, pick_kind(&state));
        set_node(&event->position.stream.node, nodes[fold_case_below(&state, COUNT(nodes))]);
        event->position.stream.epoch = 1 + fold_case_below(&state, 2);
        event->body = slice_text(texts[fold_case_below(&state, COUNT(texts))]);
        fill_event(&state, &event->event);
    }
    random_settings(test, &state);
    random_supersedes(test, &state);
}
