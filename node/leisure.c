#include "node/leisure.h"

struct leisure leisure_start(int64_t now_ms)
{
    return (struct leisure){.asked_ms = now_ms, .tidy_ms = now_ms + LEISURE_TIDY_MS};
}

void leisure_asked(struct leisure *leisure, int64_t now_ms)
{
    leisure->asked_ms = now_ms;
}

enum leisure_task leisure_next(struct leisure *leisure, int64_t now_ms)
{
    if (leisure_wait_ms(leisure, now_ms) > 0) {
        return LEISURE_NOTHING;
    }
    if (now_ms < leisure->tidy_ms) {
        return LEISURE_SETTLE;
    }
    leisure->tidy_ms = now_ms + LEISURE_TIDY_MS;
    leisure->unsettled = true;
    return LEISURE_TIDY;
}

void leisure_settled(struct leisure *leisure, bool more)
{
    leisure->unsettled = more;
}

int64_t leisure_wait_ms(const struct leisure *leisure, int64_t now_ms)
{
    int64_t at = leisure->asked_ms + LEISURE_QUIET_MS;

    if (!leisure->unsettled && leisure->tidy_ms > at) {
        at = leisure->tidy_ms;
    }
    return at > now_ms ? at - now_ms : 0;
}
