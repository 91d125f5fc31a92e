#include "proto/tariff.h"

#include "proto/bytes.h"
#include "proto/limits.h"

#include <inttypes.h>
#include <stdio.h>

#define HOUR_S 3600
#define YEAR_S (365 * 24 * HOUR_S)

const struct tariff TARIFF_DEFAULT = {.free_s = 1800, .per_hour = 25000};

int64_t tariff_seconds(int64_t entry_ms, int64_t exit_ms)
{
    int64_t span = 0;

    if (exit_ms <= entry_ms) {
        return 0;
    }
    if (__builtin_sub_overflow(exit_ms, entry_ms, &span)) {
        span = INT64_MAX;
    }
    return span / 1000;
}

int64_t tariff_fee(const struct tariff *tariff, int64_t seconds)
{
    int64_t free_s = tariff->free_s > 0 ? tariff->free_s : 0;
    int64_t per_hour = tariff->per_hour > 0 ? tariff->per_hour : 0;
    int64_t fee = 0;

    if (seconds <= free_s) {
        return 0;
    }
    int64_t started = (seconds - free_s - 1) / HOUR_S + 1;
    /* A stay of ages in a broken clock must still give a fee that an event can carry. */
    if (__builtin_mul_overflow(started, per_hour, &fee) || fee > LIMIT_INTEGER) {
        return LIMIT_INTEGER;
    }
    return fee;
}

void tariff_duration_text(int64_t seconds, char *out, size_t size)
{
    int64_t minutes = seconds > 0 ? seconds / 60 : 0;

    char hours[DECIMAL_TEXT], rest[DECIMAL_TEXT];
    const struct slice parts[] = {{hours, decimal_text((uint64_t)minutes / 60, hours)},
                                  slice_text(" giờ "),
                                  {rest, decimal_text((uint64_t)minutes % 60, rest)},
                                  slice_text(" phút")};

    slice_join(parts, sizeof parts / sizeof *parts, out, size);
}

void tariff_tag(const struct tariff *tariff, char *out, size_t size)
{
    (void)snprintf(out, size, "%" PRId64 "-%" PRId64, tariff->free_s, tariff->per_hour);
}

int64_t tariff_hours_to_seconds(double hours)
{
    double seconds = hours * HOUR_S + 0.5;

    /* Written so that NaN fails, too. */
    if (!(hours >= 0) || !(seconds < (double)YEAR_S + 1)) {
        return -1;
    }
    return (int64_t)seconds;
}
