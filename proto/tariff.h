/*
 * Money and duration, in integers: seconds and VND. Pure.
 */
#ifndef PROTO_TARIFF_H
#define PROTO_TARIFF_H

#include <stddef.h>
#include <stdint.h>

struct tariff {
    int64_t free_s;   /* seconds that cost nothing, 0..31536000 */
    int64_t per_hour; /* VND for each started hour after that, 0..1000000000 */
};

/* What applies when no CONFIG_UPDATE is in the log: 30 minutes free, 25 000 an hour. */
extern const struct tariff TARIFF_DEFAULT;

/* Whole seconds between two instants in ms, never negative (a clock may have stepped back). */
int64_t tariff_seconds(int64_t entry_ms, int64_t exit_ms);

/* 0 up to free_s inclusive, else ceil((t - free_s) / 1 h) * per_hour. */
int64_t tariff_fee(const struct tariff *tariff, int64_t seconds);

/* "26 giờ 40 phút": hours may pass 24, seconds dropped. `size` >= 48. */
void tariff_duration_text(int64_t seconds, char *out, size_t size);

/* Names a tariff, for ETag and If-Match: "1800-25000". `size` >= 40. */
void tariff_tag(const struct tariff *tariff, char *out, size_t size);

/* Hours as people write them (0.5) in seconds; -1 when not finite, negative or over a year. */
int64_t tariff_hours_to_seconds(double hours);

#endif
