/*
 * The only place that reads a clock, and the hybrid logical clock (Kulkarni et al., "Logical
 * Physical Clocks", OPODIS 2014). Wall time says when something happened; monotonic time is for
 * waiting. Rules receive `now` as a parameter and never read a clock.
 */
#ifndef PROTO_CLOCK_H
#define PROTO_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970 UTC; jumps when somebody sets the clock. */
int64_t clock_wall_ms(void);

/* Milliseconds of a clock that only goes forward; its zero means nothing. */
int64_t clock_mono_ms(void);

/* The same in microseconds, for measuring. */
int64_t clock_mono_us(void);

/* An HLC stamp: 48 bits of milliseconds, 16 bits of counter. */
uint64_t hlc_make(int64_t ms, uint16_t counter);
int64_t hlc_ms(uint64_t hlc);

/* The stamp for a new local event: greater than `last`, at least `wall_ms`. */
uint64_t hlc_tick(uint64_t last, int64_t wall_ms);

/* Our clock after having seen `remote`. A remote stamp more than LIMIT_CLOCK_AHEAD_MS ahead of
 * `wall_ms` does not drag ours along: the event is kept, the clock stays. */
uint64_t hlc_merge(uint64_t last, uint64_t remote, int64_t wall_ms);

#endif
