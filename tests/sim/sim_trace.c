#include "tests/sim/sim_trace.h"

#include <string.h>

#define PRIME UINT64_C(0x9E3779B97F4A7C15)

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * PRIME;
    return hash ^ hash >> 29;
}

void sim_trace_mix_number(struct sim_trace *trace, uint64_t number)
{
    trace->hash = mix(trace->hash, number);
}

void sim_trace_mix(struct sim_trace *trace, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    uint64_t word = 0;

    sim_trace_mix_number(trace, len);
    for (; len >= sizeof word; at += sizeof word, len -= sizeof word) {
        memcpy(&word, at, sizeof word);
        trace->hash = mix(trace->hash, word);
    }
    word = 0;
    if (len) {
        memcpy(&word, at, len);
    }
    trace->hash = mix(trace->hash, word);
}

void sim_trace_rare(struct sim_trace *trace, enum sim_rare rare)
{
    trace->rare[rare]++;
}

const char *sim_trace_rare_name(enum sim_rare rare)
{
    static const char *const names[] = {
#define X(name, text) #name,
        SIM_SOMETIMES(X)
#undef X
    };
    return names[rare];
}

const char *sim_trace_rare_text(enum sim_rare rare)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SIM_SOMETIMES(X)
#undef X
    };
    return texts[rare];
}
