#include "bus/pace.h"

int64_t pace_rest_ms(struct pace *pace, unsigned taken, bool is_linked, int64_t now_ms)
{
    if (now_ms - pace->since_ms > PACE_STREAM_MS) {
        *pace = (struct pace){.since_ms = now_ms};
    }
    pace->facts += taken;
    if (taken == 0) {
        return 0;
    }
    if (!is_linked) {
        return PACE_ALONE_MS;
    }
    return pace->facts >= PACE_MANY ? PACE_STREAM_MS : 0;
}
