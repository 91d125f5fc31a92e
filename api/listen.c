#include "api/listen.h"

#include "proto/fact.h"
#include "proto/limits.h"
#include "proto/log.h"

#include <assert.h>
#include <string.h>
#include <sys/prctl.h>

/* All facts that are there. False when the newest was of no use to anybody. */
static bool drain(zsock_t *facts, listen_fn take, void *context)
{
    zmq_msg_t frame;
    bool wanted = true;

    (void)zmq_msg_init(&frame); /* cannot fail */
    while (zmq_msg_recv(&frame, zsock_resolve(facts), ZMQ_DONTWAIT) >= 0) {
        wanted = take(context, (struct slice){zmq_msg_data(&frame), zmq_msg_size(&frame)});
    }
    (void)zmq_msg_close(&frame);
    return wanted;
}

static bool told_to_stop(zsock_t *pipe)
{
    char *command = zstr_recv(pipe);
    bool stop = command == NULL || strcmp(command, "$TERM") == 0;

    zstr_free(&command);
    return stop;
}

void listen_to_facts(zsock_t *pipe, const char *name, listen_fn take, listen_rest_fn rest,
                     void *context)
{
    zsock_t *facts = zsock_new(ZMQ_SUB);
    zpoller_t *poller;
    bool stop = false;

    (void)prctl(PR_SET_NAME, name);
    assert(facts != NULL);
    zsock_set_rcvhwm(facts, LIMIT_FACTS_QUEUE);
    zsock_set_subscribe(facts, "");
    if (zsock_connect(facts, "%s", FACTS_ENDPOINT) != 0) {
        log_error("FACTS_UNAVAILABLE", "endpoint=%s", FACTS_ENDPOINT);
    }
    poller = zpoller_new(pipe, facts, NULL);
    assert(poller != NULL);
    zpoller_set_nonstop(poller, true);
    zsock_signal(pipe, 0);
    while (!stop) {
        void *ready = zpoller_wait(poller, -1);
        if (ready == pipe) {
            stop = told_to_stop(pipe);
        } else if (ready == facts && !drain(facts, take, context)) {
            rest(context);
        }
    }
    zpoller_destroy(&poller);
    zsock_destroy(&facts);
}
