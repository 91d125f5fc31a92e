/*
 * Input for tests of the fold: written as a script, or random from a seed; and what comes out, as
 * a short text for tables or as JSON for comparison.
 *
 * A script is a list of lines, each ended by ';':
 *   <kind> <visit> <plate> <t_eff> [name=value]...
 *     kind   entry exit seen edit delete undelete import confirmed future
 *     visit, plate: '-' for absent
 *     names  node (default A) epoch seq hlc (default: counts up) central edge cam view source conf
 *            fee free per entry exit (a time, or REOPEN) loc locms status body
 *            sup (<seq>+<seq>..., of this node) suspect=1 redacted=1 anomaly=1
 *   tariff <t> <free_s> <per_hour>
 *   sub <t> <item> <plate> <from> <to> [status]    '-' = open; default: active
 *   fix <node> <from> <to> <offset_ms>
 *   plates <plate> [plate]...                      P; default: A
 * The seq of an event counts up from 1 over the whole script.
 */
#ifndef TESTS_STORAGE_SUPPORT_FOLD_H
#define TESTS_STORAGE_SUPPORT_FOLD_H

#include "storage/fold.h"

#define FOLD_CASE_SETTINGS 16
#define FOLD_CASE_SUBSCRIPTIONS 64

struct fold_case {
    struct fold_event *events;
    size_t event_count, event_capacity;
    const char *plates[FOLD_CASE_SETTINGS];
    size_t plate_count;
    struct fold_tariff tariffs[FOLD_CASE_SETTINGS];
    size_t tariff_count;
    struct fold_subscription subscriptions[FOLD_CASE_SUBSCRIPTIONS];
    size_t subscription_count;
    struct fold_clock_fix fixes[FOLD_CASE_SETTINGS];
    size_t fix_count;
    void **owned; /* memory that slices of the events point into */
    size_t owned_count;
};

void fold_case_free(struct fold_case *test);

/* One event more, all fields absent, of stream (A, 1), with the next seq as seq and hlc. */
struct fold_event *fold_case_add(struct fold_case *test, uint32_t kind);

/* Memory that lives as long as the case. */
void *fold_case_own(struct fold_case *test, size_t size);

/* Sets `supersedes`. */
void fold_case_supersede(struct fold_case *test, struct fold_event *event,
                         const struct position *positions, size_t count);

/* Sets `moved_from`. */
void fold_case_move(struct fold_case *test, struct fold_event *event,
                    const struct position *former);

/* Fills an empty case. The script must be well-formed. */
void fold_case_script(struct fold_case *test, const char *script);

/* Fills an empty case with few plates, visits and instants, so that everything collides. */
void fold_case_random(struct fold_case *test, uint64_t seed);

/* The next number of a generator (splitmix64), and one below `bound`. */
uint64_t fold_case_next(uint64_t *state);
size_t fold_case_below(uint64_t *state, size_t bound);

struct fold_input fold_case_input(const struct fold_case *test);

/* "v1 A OUT 100-200 fee=5 ...; v2 ... | CODE v1>v2; ..." for tables. */
void fold_case_text(const struct fold_output *output, struct buffer *out);

/* Members of a JSON object, without braces: "events": ..., and "visits": ..., "anomalies": ... */
void fold_case_input_json(const struct fold_case *test, struct buffer *out);
void fold_case_output_json(const struct fold_output *output, struct buffer *out);

#endif
