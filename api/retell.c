#include "api/retell.h"

#include "api/ask.h"
#include "api/gateway.h"
#include "api/json.h"
#include "api/peer_news.h"
#include "proto/command.h"
#include "proto/limits.h"
#include "proto/log.h"

#include <assert.h>
#include <czmq.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define POLL_MS 20

struct retell {
    struct gateway *gateway;
    zactor_t *actor;          /* NULL = it was never needed */
    atomic_uint begun, ended; /* requests */
};

struct retell *retell_new(struct gateway *gateway)
{
    struct retell *retell = bytes_allocate(1, sizeof *retell);

    retell->gateway = gateway;
    return retell;
}

void retell_destroy(struct retell **retell)
{
    if (*retell == NULL) {
        return;
    }
    zactor_destroy(&(*retell)->actor);
    free(*retell);
    *retell = NULL;
}

void retell_hold(struct retell *retell)
{
    atomic_fetch_add(&retell->begun, 1);
}

void retell_release(struct retell *retell)
{
    atomic_fetch_add(&retell->ended, 1);
}

/* The configuration in force, owned; NULL when the central stops or the supervisor is busy. */
static json_t *read_config(struct gateway *gateway)
{
    struct supervisor_request question = {.verb = SUPERVISOR_CONFIG_GET};
    struct supervisor_answer answer;
    struct buffer packed = {0};
    struct problem problem;
    struct slice bytes;
    struct ask *ask = ask_new(COMMAND_SUPERVISOR, &gateway->abandon);
    json_t *config = NULL;

    if (supervisor_request_pack(&question, &packed) == 0 &&
        ask_call(ask, buffer_slice(&packed), LIMIT_COMMAND_WAIT_MS, &bytes, &problem) == 0 &&
        supervisor_answer_unpack(&answer, bytes) == 0) {
        config = json_read_object(answer.json, &problem);
    }
    buffer_free(&packed);
    ask_destroy(&ask);
    return config;
}

static void tell(struct retell *retell)
{
    json_t *config = read_config(retell->gateway);

    if (config != NULL) {
        peer_news_repeat(retell->gateway, config);
        json_decref(config);
    } else if (!atomic_load(&retell->gateway->abandon)) {
        log_warn("PEERS_NOT_TOLD", "hint=\"PUT /api/p2p/config with this_central tells them\"");
    }
}

static bool told_to_stop(zsock_t *pipe)
{
    char *command = zstr_recv(pipe);
    bool stop = command == NULL || strcmp(command, "$TERM") == 0;

    zstr_free(&command);
    return stop;
}

static void run(zsock_t *pipe, void *context)
{
    struct retell *retell = context;
    zpoller_t *poller = zpoller_new(pipe, NULL);
    bool is_wanted = false;

    assert(poller != NULL);
    (void)prctl(PR_SET_NAME, "api retell"); /* only a name */
    zpoller_set_nonstop(poller, true);
    zsock_signal(pipe, 0);
    for (;;) {
        unsigned begun;

        if (zpoller_wait(poller, is_wanted ? POLL_MS : -1) == pipe) {
            if (told_to_stop(pipe)) {
                break;
            }
            is_wanted = true;
        }
        begun = atomic_load(&retell->begun);
        if (is_wanted && atomic_load(&retell->ended) == begun) {
            tell(retell);
            is_wanted = atomic_load(&retell->begun) != begun;
        }
    }
    zpoller_destroy(&poller);
}

void retell_start(struct retell *retell)
{
    if (retell->actor == NULL) {
        retell->actor = zactor_new(run, retell);
        assert(retell->actor != NULL);
    }
    (void)zstr_send(retell->actor, "AGAIN"); /* its pipe has room for thousands */
}
