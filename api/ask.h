/*
 * Questions to the threads that answer on inproc ROUTERs (supervisor, mesh, bus): one socket,
 * replaced after a time-out so that a late answer can never be taken for the answer to the next
 * question. One thread only. The node is asked at its desk (api/desk.h).
 */
#ifndef API_ASK_H
#define API_ASK_H

#include "proto/bytes.h"
#include "proto/problem.h"

#include <stdatomic.h>

struct ask;

/* Prepares; connects at the first question. `abandon` makes every waiting question end with
 * STOPPING when it becomes true. Both texts and flag must outlive it. */
struct ask *ask_new(const char *endpoint, const atomic_bool *abandon);
void ask_destroy(struct ask **ask);

/*
 * Sends `question` and waits for its answer, at most `wait_ms`. `*answer` borrows until the next
 * call. 0, or -1 with BUSY (no answer in time; what was asked may still happen) or STOPPING.
 */
int ask_call(struct ask *ask, struct slice question, int wait_ms, struct slice *answer,
             struct problem *problem);

/* What is told of a question whose answer nobody waits for any more, here or at the desk: -1 with
 * STOPPING or BUSY. Any thread. */
int ask_lost(bool is_abandoned, struct problem *problem);

#endif
