#include "proto/clock.h"

#include "proto/limits.h"

#include <assert.h>
#include <time.h>

#define COUNTER_BITS 16
/* A stamp stays below 2^63, so that it also orders as SQLite's signed integer: year 6429. */
#define MS_MAX ((INT64_C(1) << 47) - 1)

static struct timespec now(clockid_t id)
{
    struct timespec time;
    int failed = clock_gettime(id, &time);
    assert(!failed); /* both clocks exist on every Linux */
    return time;
}

int64_t clock_wall_ms(void)
{
    struct timespec time = now(CLOCK_REALTIME);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_mono_us(void)
{
    struct timespec time = now(CLOCK_MONOTONIC);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

uint64_t hlc_make(int64_t ms, uint16_t counter)
{
    int64_t clamped = ms < 0 ? 0 : ms > MS_MAX ? MS_MAX : ms;
    return (uint64_t)clamped << COUNTER_BITS | counter;
}

int64_t hlc_ms(uint64_t hlc)
{
    return (int64_t)(hlc >> COUNTER_BITS);
}

uint64_t hlc_tick(uint64_t last, int64_t wall_ms)
{
    uint64_t wall = hlc_make(wall_ms, 0);
    /* A counter that runs over carries into the milliseconds, which keeps the order. */
    return wall > last ? wall : last + 1;
}

uint64_t hlc_merge(uint64_t last, uint64_t remote, int64_t wall_ms)
{
    uint64_t ceiling =
        hlc_make(wall_ms, UINT16_MAX) + ((uint64_t)LIMIT_CLOCK_AHEAD_MS << COUNTER_BITS);
    return remote > last && remote <= ceiling ? remote : last;
}
