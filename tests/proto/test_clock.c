#include "proto/clock.h"

#include "proto/limits.h"
#include "tests/proto/support_suite.h"

#define NOW INT64_C(1795335303123)

START_TEST(clocks_go_forward)
{
    int64_t before = clock_mono_us();
    ck_assert_int_gt(clock_wall_ms(), INT64_C(1700000000000));
    ck_assert_int_ge(clock_mono_ms(), before / 1000);
    ck_assert_int_ge(clock_mono_us(), before);
}
END_TEST

START_TEST(stamps_hold_time_and_counter)
{
    ck_assert_int_eq(hlc_ms(hlc_make(NOW, 7)), NOW);
    ck_assert_uint_eq(hlc_make(NOW, 7) & 0xFFFF, 7);
    ck_assert_uint_lt(hlc_make(NOW, UINT16_MAX), hlc_make(NOW + 1, 0));
    ck_assert_uint_eq(hlc_make(-5, 0), 0);
    ck_assert_uint_le(hlc_make(INT64_MAX, UINT16_MAX), (uint64_t)LIMIT_SEQ);
}
END_TEST

START_TEST(ticks_always_grow)
{
    uint64_t last = 0;
    int64_t wall = NOW;
    uint64_t state = 5;
    for (int i = 0; i < 100000; i++) {
        uint64_t next = hlc_tick(last, wall);
        ck_assert(next > last);
        last = next;
        /* Mostly standing still, sometimes a step back of up to a minute. */
        wall += (int64_t)(suite_random(&state) % 3) - (suite_random(&state) % 100 ? 0 : 60000);
    }
    /* The counter runs over into the milliseconds and keeps the order. */
    ck_assert_uint_eq(hlc_tick(hlc_make(NOW, UINT16_MAX), NOW), hlc_make(NOW + 1, 0));
    ck_assert_uint_eq(hlc_tick(hlc_make(NOW, 3), NOW + 10), hlc_make(NOW + 10, 0));
}
END_TEST

START_TEST(a_wrong_clock_does_not_drag_ours)
{
    uint64_t last = hlc_make(NOW, 0);
    static const struct {
        int64_t ahead_ms;
        bool followed;
    } rows[] = {{-1000, false},
                {0, false},
                {1, true},
                {LIMIT_CLOCK_AHEAD_MS, true},
                {LIMIT_CLOCK_AHEAD_MS + 1, false},
                {INT64_C(1) << 45, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t remote = hlc_make(NOW + rows[i].ahead_ms, 0);
        ck_assert_uint_eq(hlc_merge(last, remote, NOW), rows[i].followed ? remote : last);
    }
    ck_assert_uint_eq(hlc_merge(last, UINT64_MAX, NOW), last);
    ck_assert_uint_eq(hlc_merge(last, UINT64_MAX, INT64_MAX), last);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {clocks_go_forward, stamps_hold_time_and_counter, ticks_always_grow,
                            a_wrong_clock_does_not_drag_ours};
    return suite_run("clock", tests, sizeof tests / sizeof *tests);
}
