/*
 * How long the facts of commits may gather before the mesh looks at them again. Each one wakes
 * four threads on its way to a peer's node, and that one has others wait for it, too
 * (node/convoy.h). So when commits come in a stream the mesh lets them lie for a moment and sends
 * what there is then; one that comes alone goes at once. With no link there is nobody to tell, and
 * they lie longer. Pure, one thread; times are monotonic, ms.
 */
#ifndef BUS_PACE_H
#define BUS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_ALONE_MS 10 /* while there is no link */
#define PACE_STREAM_MS 3 /* in a stream, which is PACE_MANY facts in that time */
#define PACE_MANY 3

/* Zero-initialise. */
struct pace {
    int64_t since_ms;
    unsigned facts; /* since then */
};

/* `taken` facts were just there. How long the next may lie; 0: no longer than it takes to wake us.
 */
int64_t pace_rest_ms(struct pace *pace, unsigned taken, bool is_linked, int64_t now_ms);

#endif
