/*
 * Counters of this server since its start, for GET /metrics. Lock-free: any thread counts, any
 * thread reads, and a reader may see one counter a moment before another.
 */
#ifndef API_METER_H
#define API_METER_H

#include "proto/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct meter;

/* Statuses 1xx to 5xx. */
#define METER_CLASSES 5
/* Upper bounds of the histogram of commits, in microseconds; one more takes what is above. */
#define METER_BOUNDS                                                                 \
    {                                                                                \
        500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 250000, 1000000, 5000000 \
    }
#define METER_BUCKETS 11

struct meter_commits {
    uint64_t buckets[METER_BUCKETS + 1]; /* not cumulative */
    uint64_t sum_us;
};

/* `routes`: how many the table has; one more place counts what is none. */
struct meter *meter_new(size_t routes);
void meter_destroy(struct meter **meter);

/* An answer; a route >= routes is "none". */
void meter_http(struct meter *meter, size_t route, int status);
/* A command that the node answered, and how long its asker waited. */
void meter_command(struct meter *meter, enum problem_code code, bool deduped, int64_t took_us);

uint64_t meter_http_count(struct meter *meter, size_t route, int status_class);
uint64_t meter_outcome_count(struct meter *meter, enum problem_code code);
uint64_t meter_deduped_count(struct meter *meter);
void meter_commits(struct meter *meter, struct meter_commits *commits);

#endif
