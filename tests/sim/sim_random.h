/*
 * Chance, from a seed. Each part of a run has a generator of its own, so that leaving something out
 * of one part does not change what happens in another.
 */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t sim_random_next(struct sim_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0 .. below - 1; 0 for a bound of 0. */
static inline uint64_t sim_random_below(struct sim_random *random, uint64_t below)
{
    uint64_t drawn = sim_random_next(random);
    return below ? drawn % below : 0;
}

static inline bool sim_random_chance(struct sim_random *random, unsigned per_cent)
{
    return sim_random_below(random, 100) < per_cent;
}

#endif
