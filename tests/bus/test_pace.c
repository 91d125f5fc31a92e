#include "tests/bus/support_central.h"

#include "bus/pace.h"

#define START 777000

/* Facts come each `apart_ms`, and are taken at once unless they may lie. Looks in `ms`. */
static unsigned looks(unsigned apart_ms, unsigned at_once, unsigned ms, bool is_linked)
{
    struct pace pace = {0};
    unsigned count = 0, lying = 0;
    int64_t rests_until_ms = START;

    for (int64_t now_ms = START; now_ms < START + ms; now_ms++) {
        lying += (now_ms - START) % apart_ms == 0 ? at_once : 0;
        if (now_ms >= rests_until_ms && (lying > 0 || rests_until_ms == now_ms)) {
            rests_until_ms = now_ms + pace_rest_ms(&pace, lying, is_linked, now_ms);
            count += lying > 0;
            lying = 0;
        }
    }
    return count;
}

START_TEST(one_by_one_they_go_at_once)
{
    for (unsigned apart_ms = 2; apart_ms < 20; apart_ms++) {
        ck_assert_uint_eq(looks(apart_ms, 1, 60 * apart_ms, true), 60);
    }
}
END_TEST

START_TEST(of_a_stream_some_go_together)
{
    ck_assert_uint_le(looks(1, 1, 3000, true), 3000 / PACE_STREAM_MS + 10);
    ck_assert_uint_le(looks(1, 5, 3000, true), 3000 / PACE_STREAM_MS + 10);
    ck_assert_uint_ge(looks(1, 5, 3000, true), 3000 / PACE_STREAM_MS - 10);
}
END_TEST

START_TEST(a_stream_that_ends_is_forgotten)
{
    struct pace pace = {0};

    ck_assert_int_eq(pace_rest_ms(&pace, PACE_MANY, true, START), PACE_STREAM_MS);
    ck_assert_int_eq(pace_rest_ms(&pace, 0, true, START + PACE_STREAM_MS), 0);
    ck_assert_int_eq(pace_rest_ms(&pace, 1, true, START + 2 * PACE_STREAM_MS), 0);
    ck_assert_int_eq(pace_rest_ms(&pace, 1, true, START + 4 * PACE_STREAM_MS), 0);
}
END_TEST

START_TEST(with_nobody_to_tell_all_may_lie)
{
    struct pace pace = {0};

    ck_assert_int_eq(pace_rest_ms(&pace, 1, false, START), PACE_ALONE_MS);
    ck_assert_int_eq(pace_rest_ms(&pace, 0, false, START + PACE_ALONE_MS), 0);
    ck_assert_uint_eq(looks(20, 1, 2000, false), 100);
    ck_assert_uint_le(looks(1, 1, 2000, false), 2000 / PACE_ALONE_MS + 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {one_by_one_they_go_at_once, of_a_stream_some_go_together,
                                  a_stream_that_ends_is_forgotten, with_nobody_to_tell_all_may_lie};
    return central_suite("pace", tests, sizeof tests / sizeof tests[0]);
}
