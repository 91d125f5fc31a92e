#include "node/convoy.h"

void convoy_came(struct convoy *convoy, int64_t now_us)
{
    int64_t took_us = convoy->stored_us - convoy->left_us;

    convoy->gathers = convoy->left_us > 0 && now_us - convoy->stored_us <= took_us;
}

void convoy_left(struct convoy *convoy, int64_t now_us)
{
    convoy->left_us = now_us;
}

void convoy_stored(struct convoy *convoy, int64_t now_us)
{
    if (convoy->left_us > convoy->stored_us) {
        convoy->stored_us = now_us;
    }
}

int64_t convoy_wait_us(const struct convoy *convoy, size_t waiting, int64_t now_us)
{
    int64_t until_us = convoy->left_us + CONVOY_GATHER_US;

    if (waiting == 0 || waiting >= CONVOY_ENOUGH || !convoy->gathers) {
        return 0;
    }
    return until_us > now_us ? until_us - now_us : 0;
}
