#include "api/linger.h"

bool linger_on(const struct linger *linger, int64_t waited_us)
{
    return linger->expects && waited_us < linger->moment_us;
}

void linger_learn(struct linger *linger, int64_t waited_us)
{
    linger->expects = waited_us < linger->moment_us;
}

void linger_forget(struct linger *linger)
{
    linger->expects = false;
}
