#include "api/ws_history.h"

#include "api/notice.h"
#include "proto/limits.h"

#include <stdlib.h>

struct ws_history {
    struct node_id node;
    struct push_channel *channel;
};

static void tell(void *context, struct slice message)
{
    ws_history_tell(context, message);
}

/* Whoever comes back after a gap fetches what it missed. */
static void on_open(void *context, struct push_client *client, struct request *request)
{
    (void)context;
    (void)request;
    push_notify(client, notice_resync());
}

static void on_fact(void *context, const struct fact *fact)
{
    struct ws_history *history = context;

    if (fact == NULL) {
        ws_history_tell(history, notice_resync());
    } else {
        notice_each(fact, &history->node, tell, history);
    }
}

struct ws_history *ws_history_new(struct push *push, const struct node_id *node)
{
    struct ws_history *history = bytes_allocate(1, sizeof *history);
    const struct push_options options = {.path = "/ws/history",
                                         .notice_ms = LIMIT_NOTICE_MS,
                                         .context = history,
                                         .open = on_open,
                                         .fact = on_fact};

    history->node = *node;
    history->channel = push_add(push, &options);
    return history;
}

void ws_history_destroy(struct ws_history **history)
{
    free(*history);
    *history = NULL;
}

void ws_history_tell(struct ws_history *history, struct slice message)
{
    push_notice(history->channel, message);
}
