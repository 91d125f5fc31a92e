/*
 * When the node does what can wait: checkpoints once a second, then new plates into their index,
 * piece by piece (store_settle). Only after nobody has asked for anything for LEISURE_QUIET_MS: a
 * camera's next event is a fraction of a millisecond behind the last answer, and a piece takes
 * several. What must not wait under a load without a pause is bounded elsewhere (LIMIT_WAL_BYTES,
 * LIMIT_PLATES_NEW). Pure; times are of the monotonic clock, ms.
 */
#ifndef NODE_LEISURE_H
#define NODE_LEISURE_H

#include <stdbool.h>
#include <stdint.h>

#define LEISURE_QUIET_MS 100
#define LEISURE_TIDY_MS 1000

struct leisure {
    int64_t asked_ms; /* when somebody asked last */
    int64_t tidy_ms;  /* when the next checkpoint may be */
    bool unsettled;   /* there may be something for LEISURE_SETTLE */
};

enum leisure_task {
    LEISURE_NOTHING,
    LEISURE_TIDY,
    LEISURE_SETTLE
};

/* Nobody has asked yet; the first checkpoint may be in LEISURE_TIDY_MS. */
struct leisure leisure_start(int64_t now_ms);

/* Somebody asked for something. */
void leisure_asked(struct leisure *leisure, int64_t now_ms);

/* What to do now. After LEISURE_SETTLE say with leisure_settled whether there is more. */
enum leisure_task leisure_next(struct leisure *leisure, int64_t now_ms);
void leisure_settled(struct leisure *leisure, bool more);

/* How long leisure_next will say LEISURE_NOTHING if nobody asks, ms; 0: it has something. */
int64_t leisure_wait_ms(const struct leisure *leisure, int64_t now_ms);

#endif
