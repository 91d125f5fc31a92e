/*
 * The desk: questions to the node lie here until it takes them, and who asked waits here for the
 * answer. Both are packed bytes (proto/command.h), copied when they are laid down. Nobody makes a
 * system call but who has to wait, and who wakes somebody that waits.
 *
 * Many ask and one answers, in the order in which they asked. It does not matter whether the node
 * is there yet: what is not taken stays. The desk outlives the node and all askers.
 */
#ifndef API_DESK_H
#define API_DESK_H

#include "proto/bytes.h"
#include "proto/problem.h"

#include <stdatomic.h>

struct desk;
struct desk_asker; /* who asks; one thread only */
struct desk_slip;  /* a question that the node has taken and not yet answered */

/* A desk for at most `places` questions that are not yet taken. NULL with errno: no descriptor.
 * Any thread. */
struct desk *desk_new(size_t places);
/* Nobody uses it any more. What was not taken is gone. NULL is allowed. Any thread. */
void desk_destroy(struct desk **desk);

/* ---- who asks -------------------------------------------------------------------------------- */

/* `abandon` makes every wait end with STOPPING when it becomes true; a wait looks at it every
 * LIMIT_ASK_LOOK_MS. Desk and flag must outlive the asker. */
struct desk_asker *desk_asker_new(struct desk *desk, const atomic_bool *abandon);
/* Of questions under way nobody hears the answer. NULL is allowed. */
void desk_asker_destroy(struct desk_asker **asker);

/*
 * Asks `question` and waits for its answer, at most `wait_ms`, for a place on the desk included.
 * `*answer` borrows until the asker's next call. 0, or -1 with BUSY (no answer in time; what was
 * asked may still happen) or STOPPING.
 */
int desk_call(struct desk_asker *asker, struct slice question, int wait_ms, struct slice *answer,
              struct problem *problem);

/*
 * Several questions under way at once: answers come in the order of the questions, one desk_receive
 * for each desk_send. A desk_send waits at most `wait_ms` for a place. After -1 (as above) all that
 * were under way are lost, and none may be received.
 */
int desk_send(struct desk_asker *asker, struct slice question, int wait_ms,
              struct problem *problem);
int desk_receive(struct desk_asker *asker, int wait_ms, struct slice *answer,
                 struct problem *problem);

/* ---- the node, one thread -------------------------------------------------------------------- */

/* The question that waits longest, or NULL. It has to be answered, once. */
struct desk_slip *desk_take(struct desk *desk);
/* What it says; until desk_answer. */
struct slice desk_question(const struct desk_slip *slip);
/* Empty; what is in it when desk_answer is called is the answer. */
struct buffer *desk_paper(struct desk_slip *slip);
/* Hands the answer to who asked, if that is still awaited. The slip is gone. */
void desk_answer(struct desk_slip *slip);

/*
 * Before a wait: true when nothing lies here, and from now on the first question makes desk_fd
 * readable. False: there is something to take. After the wait desk_wake, when the descriptor is
 * readable, and desk_take in any case. May look for a question for LIMIT_LINGER_NODE_US first.
 */
bool desk_doze(struct desk *desk);
void desk_wake(struct desk *desk);
int desk_fd(const struct desk *desk);

#endif
