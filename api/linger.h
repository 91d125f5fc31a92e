/*
 * To look a moment longer or to sleep: for a thread that waits for another one.
 *
 * A thread that sleeps runs again some 25 us after it is woken, longer where a core has to be got
 * out of its own sleep, and waking costs who wakes it a third of that. So who may expect that the
 * wait is over in a moment goes on looking, giving way to whoever could run, and sleeps when the
 * moment has passed. What may be expected is what came last: a wait is short when the one before
 * it was. So each long wait wastes at most one moment, and the next one none.
 *
 * Pure. One thread.
 */
#ifndef API_LINGER_H
#define API_LINGER_H

#include <stdbool.h>
#include <stdint.h>

/* Start with the moment in us and false. */
struct linger {
    int64_t moment_us;
    bool expects; /* the last wait was no longer than that */
};

/* Whether to look on in a wait that began `waited_us` ago. */
bool linger_on(const struct linger *linger, int64_t waited_us);
/* The wait is over after so long; what it was for has come. */
void linger_learn(struct linger *linger, int64_t waited_us);
/* What it was for comes too seldom alone, or did not come: the next one sleeps at once. */
void linger_forget(struct linger *linger);

#endif
