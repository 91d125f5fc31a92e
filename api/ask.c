#include "api/ask.h"

#include "proto/clock.h"
#include "proto/limits.h"

#include <czmq.h>
#include <errno.h>

struct ask {
    const char *endpoint;
    const atomic_bool *abandon;
    zsock_t *socket; /* NULL until the first question and after a time-out */
    zmq_msg_t answer;
};

struct ask *ask_new(const char *endpoint, const atomic_bool *abandon)
{
    struct ask *ask = bytes_allocate(1, sizeof *ask);

    ask->endpoint = endpoint;
    ask->abandon = abandon;
    (void)zmq_msg_init(&ask->answer); /* cannot fail */
    return ask;
}

void ask_destroy(struct ask **ask)
{
    if (*ask == NULL) {
        return;
    }
    zsock_destroy(&(*ask)->socket);
    (void)zmq_msg_close(&(*ask)->answer); /* fails only for a message that is none */
    free(*ask);
    *ask = NULL;
}

static int open_socket(struct ask *ask, struct problem *problem)
{
    if (ask->socket != NULL) {
        return 0;
    }
    ask->socket = zsock_new(ZMQ_DEALER);
    if (ask->socket == NULL) {
        return problem_set(problem, PROBLEM_BUSY, NULL, "no socket: %s", zmq_strerror(errno));
    }
    zsock_set_linger(ask->socket, 0);
    zsock_set_rcvtimeo(ask->socket, LIMIT_ASK_LOOK_MS);
    zsock_set_sndtimeo(ask->socket, LIMIT_ASK_LOOK_MS);
    if (zsock_connect(ask->socket, "%s", ask->endpoint) != 0) {
        zsock_destroy(&ask->socket);
        return problem_set(problem, PROBLEM_BUSY, NULL, "%s does not answer", ask->endpoint);
    }
    return 0;
}

/* One frame into the message kept for the answer: 1 received, 0 nothing yet, -1 broken. */
static int receive_frame(struct ask *ask, bool *more)
{
    if (zmq_msg_recv(&ask->answer, zsock_resolve(ask->socket), 0) < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    *more = zmq_msg_more(&ask->answer) != 0;
    return 1;
}

/* Waits for the last frame of the answer; 1, 0 when the time is over, -1 when broken or abandoned.
 */
static int receive(struct ask *ask, int64_t until_ms)
{
    bool more = true;

    for (;;) {
        int rc = receive_frame(ask, &more);
        if (rc < 0) {
            return -1;
        }
        if (rc == 1 && !more) {
            return 1;
        }
        if (rc == 0) {
            if (atomic_load(ask->abandon)) {
                return -1;
            }
            if (clock_mono_ms() >= until_ms) {
                return 0;
            }
        }
    }
}

/* An answer that comes from now on belongs to nobody. */
static int drop(struct ask *ask, struct problem *problem)
{
    zsock_destroy(&ask->socket);
    return ask_lost(atomic_load(ask->abandon), problem);
}

int ask_call(struct ask *ask, struct slice question, int wait_ms, struct slice *answer,
             struct problem *problem)
{
    if (open_socket(ask, problem) != 0) {
        return -1;
    }
    if (zmq_send(zsock_resolve(ask->socket), question.data, question.len, 0) < 0 ||
        receive(ask, clock_mono_ms() + wait_ms) != 1) {
        return drop(ask, problem);
    }
    answer->data = zmq_msg_data(&ask->answer);
    answer->len = zmq_msg_size(&ask->answer);
    return 0;
}

int ask_lost(bool is_abandoned, struct problem *problem)
{
    if (is_abandoned) {
        return problem_set(problem, PROBLEM_STOPPING, NULL, "Hệ thống đang dừng");
    }
    return problem_set(problem, PROBLEM_BUSY, NULL, "Hệ thống đang bận, vui lòng thử lại");
}
