#include "api/meter.h"

#include "proto/bytes.h"

#include <stdatomic.h>
#include <stdlib.h>

struct meter {
    size_t routes;
    atomic_ullong outcomes[PROBLEM_COUNT];
    atomic_ullong deduped;
    atomic_ullong buckets[METER_BUCKETS + 1];
    atomic_ullong sum_us;
    atomic_ullong http[]; /* METER_CLASSES of each route */
};

struct meter *meter_new(size_t routes)
{
    struct meter *meter =
        bytes_allocate(1, sizeof *meter + (routes + 1) * METER_CLASSES * sizeof meter->http[0]);

    meter->routes = routes;
    return meter;
}

void meter_destroy(struct meter **meter)
{
    free(*meter);
    *meter = NULL;
}

static void add(atomic_ullong *counter, uint64_t more)
{
    (void)atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static uint64_t get(atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void meter_http(struct meter *meter, size_t route, int status)
{
    size_t place = route < meter->routes ? route : meter->routes;

    if (status >= 100 && status < 600) {
        add(&meter->http[place * METER_CLASSES + (size_t)(status / 100 - 1)], 1);
    }
}

void meter_command(struct meter *meter, enum problem_code code, bool deduped, int64_t took_us)
{
    static const int64_t bounds[METER_BUCKETS] = METER_BOUNDS;
    size_t bucket = 0;

    while (bucket < METER_BUCKETS && took_us > bounds[bucket]) {
        bucket++;
    }
    add(&meter->buckets[bucket], 1);
    add(&meter->sum_us, took_us > 0 ? (uint64_t)took_us : 0);
    add(&meter->outcomes[(unsigned)code < PROBLEM_COUNT ? code : PROBLEM_INTERNAL], 1);
    add(&meter->deduped, deduped ? 1 : 0);
}

uint64_t meter_http_count(struct meter *meter, size_t route, int status_class)
{
    size_t place = route < meter->routes ? route : meter->routes;

    return get(&meter->http[place * METER_CLASSES + (size_t)(status_class - 1)]);
}

uint64_t meter_outcome_count(struct meter *meter, enum problem_code code)
{
    return get(&meter->outcomes[code]);
}

uint64_t meter_deduped_count(struct meter *meter)
{
    return get(&meter->deduped);
}

void meter_commits(struct meter *meter, struct meter_commits *commits)
{
    for (size_t i = 0; i <= METER_BUCKETS; i++) {
        commits->buckets[i] = get(&meter->buckets[i]);
    }
    commits->sum_us = get(&meter->sum_us);
}
