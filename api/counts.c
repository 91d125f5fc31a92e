/*
 * GET /api/v1/stats: entries, exits, revenue and vehicles inside, by hour or day and by central or
 * lot, in local time. Made of the sums that the writer keeps by hour; a local day is the hours that
 * lie in it, be they 23, 24 or 25.
 */
#include "api/handlers.h"

#include "api/respond.h"
#include "api/visit_row.h"
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/localtime.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS_MOST 10000 /* a year of hours */
#define NAME 200

enum step {
    STEP_HOUR,
    STEP_DAY,
    STEP_NONE
};

/* What happened in one step at one central or lot. */
struct group {
    int64_t start_ms, end_ms;
    char name[NAME];
    int64_t entries, exits, revenue, gone;
};

struct counts {
    enum step step;
    bool by_central, by_lot;
    int64_t from_ms, to_ms;
    struct group *groups;
    size_t count;
    bool full;
    /* vehicles inside at the end of the span, by name: groups without a time */
    struct group *inside;
    size_t inside_count;
};

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static struct slice name_of(const struct counts *counts, const struct history_count *count)
{
    return counts->by_central ? count->central : counts->by_lot ? count->lot : slice_text("");
}

static void step_of(const struct counts *counts, int64_t ms, int64_t *start, int64_t *end)
{
    if (counts->step == STEP_DAY) {
        localtime_day(ms, start, end);
    } else if (counts->step == STEP_HOUR) {
        *start = ms;
        *end = localtime_hour(ms + 3600000);
        *end = *end <= ms ? localtime_hour(ms + 5400000) : *end;
    } else {
        *start = counts->from_ms;
        *end = counts->to_ms;
    }
}

/* The group of a name in a step, or NULL when there are too many. Hours come in order, so it is
 * among the last. */
static struct group *find_group(struct counts *counts, int64_t hour_ms, struct slice name)
{
    int64_t start, end;

    step_of(counts, hour_ms, &start, &end);
    for (size_t i = counts->count; i > 0 && counts->groups[i - 1].start_ms >= start; i--) {
        if (slice_equal(slice_text(counts->groups[i - 1].name), name)) {
            return &counts->groups[i - 1];
        }
    }
    if (counts->count == GROUPS_MOST) {
        return NULL;
    }
    struct group *group = &counts->groups[counts->count++];
    *group = (struct group){.start_ms = start, .end_ms = end};
    (void)slice_copy(name, group->name, sizeof group->name);
    return group;
}

static struct group *find_inside(struct counts *counts, struct slice name)
{
    for (size_t i = 0; i < counts->inside_count; i++) {
        if (slice_equal(slice_text(counts->inside[i].name), name)) {
            return &counts->inside[i];
        }
    }
    if (counts->inside_count == GROUPS_MOST) {
        return NULL;
    }
    struct group *group = &counts->inside[counts->inside_count++];
    *group = (struct group){.start_ms = 0};
    (void)slice_copy(name, group->name, sizeof group->name);
    return group;
}

/* Vehicles inside now; what happened behind the span is taken back by each_hour. */
static int each_inside(void *context, const struct history_count *count)
{
    struct counts *counts = context;
    struct group *inside = find_inside(counts, name_of(counts, count));

    counts->full = counts->full || inside == NULL;
    if (inside != NULL) {
        inside->entries = add(inside->entries, count->inside);
    }
    return 0;
}

static int each_hour(void *context, const struct history_count *count)
{
    struct counts *counts = context;
    struct slice name = name_of(counts, count);

    if (count->hour_ms >= counts->to_ms) {
        struct group *inside = find_inside(counts, name);
        if (inside != NULL) {
            inside->entries = add(inside->entries, count->gone - count->entries);
        }
        return 0;
    }
    struct group *group = find_group(counts, count->hour_ms, name);
    counts->full = counts->full || group == NULL;
    if (group != NULL) {
        group->entries = add(group->entries, count->entries);
        group->exits = add(group->exits, count->exits);
        group->revenue = add(group->revenue, count->revenue);
        group->gone = add(group->gone, count->gone);
    }
    return 0;
}

/* From the last group back: inside at its end, of its name. */
static void put_groups(struct json_writer *writer, struct counts *counts)
{
    int64_t *inside = bytes_allocate(counts->count + 1, sizeof *inside);

    for (size_t i = counts->count; i-- > 0;) {
        const struct group *group = &counts->groups[i];
        struct group *now = find_inside(counts, slice_text(group->name));
        if (now != NULL) {
            inside[i] = now->entries;
            now->entries = add(now->entries, group->gone - group->entries);
        }
    }
    for (size_t i = 0; i < counts->count; i++) {
        const struct group *group = &counts->groups[i];
        json_put_open(writer, '{');
        visit_row_time(writer, "from", group->start_ms);
        visit_row_time(writer, "to", group->end_ms);
        if (counts->by_central || counts->by_lot) {
            json_set_text(writer, counts->by_central ? "central" : "lot", group->name);
        }
        json_set_int(writer, "entries", group->entries);
        json_set_int(writer, "exits", group->exits);
        json_set_int(writer, "revenue", group->revenue);
        json_set_int(writer, "inside", inside[i]);
        json_put_close(writer, '}');
    }
    free(inside);
}

static int refuse(struct request *request, const char *text)
{
    respond_error(request, PROBLEM_PARAMETER_INVALID, text);
    return -1;
}

/* Whole steps: from down to the start of one, to up to the end of one. */
static void widen(struct counts *counts)
{
    int64_t start, end;

    if (counts->step == STEP_DAY) {
        localtime_day(counts->from_ms, &counts->from_ms, &end);
        localtime_day(counts->to_ms, &start, &end);
    } else {
        counts->from_ms = localtime_hour(counts->from_ms);
        start = localtime_hour(counts->to_ms);
        end = localtime_hour(start + 3600000);
        end = end <= start ? localtime_hour(start + 5400000) : end;
    }
    counts->to_ms = counts->to_ms > start ? end : start;
}

static int read_query(struct request *request, struct counts *counts)
{
    char by[16] = "day", group[16] = "";
    int64_t end;

    localtime_day(clock_wall_ms(), &counts->from_ms, &end);
    counts->to_ms = end;
    if (request_query_text(request, "by", by, sizeof by) != 0 ||
        request_query_text(request, "group", group, sizeof group) != 0 ||
        visit_list_time(request, "from", &counts->from_ms) != 0 ||
        visit_list_time(request, "to", &counts->to_ms) != 0) {
        return -1;
    }
    counts->step = strcmp(by, "hour") == 0  ? STEP_HOUR
                   : strcmp(by, "day") == 0 ? STEP_DAY
                                            : STEP_NONE;
    counts->by_central = strcmp(group, "central") == 0;
    counts->by_lot = strcmp(group, "lot") == 0;
    if (counts->step == STEP_NONE && strcmp(by, "all") != 0) {
        return refuse(request, "by: hour, day or all");
    }
    if (group[0] != '\0' && !counts->by_central && !counts->by_lot) {
        return refuse(request, "group: central or lot");
    }
    if (counts->from_ms > counts->to_ms) {
        return refuse(request, "to: is before from");
    }
    widen(counts);
    return 0;
}

static void answer(struct request *request, struct counts *counts)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_text(&writer, "timezone", localtime_zone());
    visit_row_time(&writer, "from", counts->from_ms);
    visit_row_time(&writer, "to", counts->to_ms);
    json_put_key(&writer, "groups");
    json_put_open(&writer, '[');
    put_groups(&writer, counts);
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

void counts_get(struct request *request)
{
    struct counts counts = {.count = 0};
    struct problem problem;
    struct history *history;
    int rc;

    if (read_query(request, &counts) != 0) {
        return;
    }
    history = readers_take(request->gateway->readers, true, &problem);
    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    counts.groups = bytes_allocate(GROUPS_MOST, sizeof *counts.groups);
    counts.inside = bytes_allocate(GROUPS_MOST, sizeof *counts.inside);
    rc = history_sums(history, counts.from_ms, each_inside, each_hour, &counts, &problem);
    readers_give(request->gateway->readers, true, &history);
    if (rc != 0) {
        respond_problem(request, &problem);
    } else if (counts.full) {
        (void)refuse(request, "from, to: more than 10000 groups; ask for a shorter time or by=day");
    } else {
        answer(request, &counts);
    }
    free(counts.groups);
    free(counts.inside);
}
