/*
 * Transport links: coming, going, falling silent, and which of two to one peer is used. Two links
 * to one process are both kept; the one dialled by the smaller id is used, so that both sides
 * choose the same, and the other takes over at once when it dies.
 */
#include "bus/replica_internal.h"

#include <stdlib.h>

#define SILENT_BEATS 3 /* heartbeats missed until a link is down */
#define REDIAL_MS 1000 /* spread of the time until a silent peer is dialled again */

struct replica_link *replica_link_find(const struct replica *replica, uint64_t number)
{
    for (size_t i = 0; i < replica->link_count; i++) {
        if (replica->links[i]->number == number && !replica->links[i]->gone) {
            return replica->links[i];
        }
    }
    return NULL;
}

void replica_link_sweep(struct replica *replica)
{
    for (size_t i = replica->link_count; i-- > 0;) {
        if (replica->links[i]->gone) {
            free(replica->links[i]);
            replica->links[i] = replica->links[--replica->link_count];
        }
    }
}

/* ---- which of a peer's links to use ---- */

static bool dialled_by_smaller(const struct replica *replica, const struct replica_link *link)
{
    bool we_are = node_id_compare(&replica->options.node, &link->peer->config.id) < 0;
    return link->dialled == we_are;
}

/* The best greeted link of a peer, or NULL. The newest wins among equals. */
struct replica_link *replica_link_best(const struct replica *replica,
                                       const struct replica_central *peer)
{
    struct replica_link *found = NULL;
    for (size_t i = 0; i < replica->link_count; i++) {
        struct replica_link *link = replica->links[i];
        if (link->gone || link->peer != peer) {
            continue;
        }
        bool is_better =
            !found || (dialled_by_smaller(replica, link) && !dialled_by_smaller(replica, found));
        if (is_better || (dialled_by_smaller(replica, link) == dialled_by_smaller(replica, found) &&
                          link->number > found->number)) {
            found = link;
        }
    }
    return found;
}

/* What waited for an answer over the old link is asked again over this one. */
void replica_link_activate(struct replica *replica, struct replica_central *peer,
                           struct replica_link *link)
{
    if (peer->active == link) {
        return;
    }
    peer->active = link;
    if (link) {
        link->heard_ms = replica->now.mono_ms;
        replica_fetch_forget(replica, peer, false);
        replica_compare_reset(replica, peer);
        replica_pulse_beat(replica, peer);
        replica_fetch_plan(replica, peer);
    }
}

void replica_link_heard(struct replica *replica, struct replica_link *link)
{
    struct replica_central *peer = link->peer;
    /* The other side uses the spare link and ours is silent: it has lost ours. */
    if (peer->active != link &&
        replica->now.mono_ms - peer->active->heard_ms > replica->options.heartbeat_ms * 3 / 2) {
        replica_link_activate(replica, peer, link);
    }
}

/* ---- coming and going ---- */

void replica_link_leave(struct replica *replica, struct replica_link *link, int64_t retry_ms,
                        const char *why)
{
    struct replica_central *peer = link->peer;
    struct replica_output output = {
        .kind = REPLICA_CLOSE, .link = link->number, .retry_ms = retry_ms};

    if (peer) {
        output.peer = peer->config.id;
    } else if (link->dialled) {
        output.peer = link->expected;
    }
    link->gone = true;
    if (retry_ms >= 0) {
        replica_put(replica, &output, NULL);
    }
    if (link->dialled && !peer) {
        struct replica_central *dialled = replica_peer_find(replica, &link->expected);
        if (dialled && dialled->state == PEER_CONNECTING) {
            replica_peer_state(replica, dialled, PEER_UNKNOWN);
        }
    }
    if (!peer || peer->active != link) {
        return;
    }
    peer->active = NULL;
    struct replica_link *spare = replica_link_best(replica, peer);
    if (spare) {
        replica_link_activate(replica, peer, spare);
    } else {
        replica_peer_down(replica, peer, why);
        replica_hello_resolve(replica, &peer->config.id);
    }
}

void replica_link_up(struct replica *replica, uint64_t number, const struct node_id *expected,
                     const char *address, struct replica_now now)
{
    replica->now = now;
    if (replica_link_find(replica, number)) {
        return;
    }
    if (replica->link_count == LIMIT_LINKS) {
        replica_put(replica,
                    &(struct replica_output){.kind = REPLICA_CLOSE,
                                             .link = number,
                                             .retry_ms = REPLICA_REFUSED_RETRY_MS},
                    NULL);
        return;
    }
    struct replica_link *link = bytes_allocate(1, sizeof *link);
    link->number = number;
    link->dialled = expected != NULL;
    if (expected) {
        link->expected = *expected;
    }
    /* A longer address is only cut in messages to people. */
    (void)slice_copy(slice_text(address ? address : ""), link->address, sizeof link->address);
    link->up_ms = link->heard_ms = now.mono_ms;
    link->hello_sent_ms = REPLICA_NEVER;
    replica->links[replica->link_count++] = link;
    struct replica_central *peer = expected ? replica_peer_find(replica, expected) : NULL;
    if (peer && peer->state == PEER_UNKNOWN) {
        replica_peer_state(replica, peer, PEER_CONNECTING);
    }
    if (replica->ready) {
        replica_hello_send(replica, link);
    }
}

void replica_link_down(struct replica *replica, uint64_t number, struct replica_now now)
{
    struct replica_link *link = replica_link_find(replica, number);

    replica->now = now;
    if (link) {
        replica_link_leave(replica, link, -1, "the connection was lost");
    }
    replica_finish(replica);
}

void replica_link_error(struct replica *replica, const struct node_id *id, const char *address,
                        enum problem_code code, const char *text, struct replica_now now)
{
    struct replica_central *peer = replica_peer_find(replica, id);

    replica->now = now;
    /* While we talk to it over a link that it dialled, this does not matter to anybody. */
    if (peer && !peer->active) {
        if (peer->problem != code) {
            replica_alarm(replica,
                          &(struct replica_news){.code = code, .peer = id, .address = address},
                          "%s", text);
        }
        replica_peer_problem(peer, code, text);
    }
}

void replica_link_greet_all(struct replica *replica)
{
    for (size_t i = 0; i < replica->link_count; i++) {
        struct replica_link *link = replica->links[i];
        if (link->gone) {
            continue;
        }
        link->up_ms = replica->now.mono_ms;
        replica_hello_send(replica, link);
        if (link->early) {
            struct message_hello hello = link->hello;
            link->early = false;
            replica_hello_heard(replica, link, &hello);
        }
    }
}

/* ---- time ---- */

/* When something is due on this link. */
static int64_t due(const struct replica *replica, const struct replica_link *link)
{
    int64_t beat = replica->options.heartbeat_ms;

    if (link->waiting) {
        return link->probe_ms;
    }
    if (!link->peer) {
        int64_t again = link->hello_sent_ms + beat;
        int64_t down = link->up_ms + SILENT_BEATS * beat;
        return again < down ? again : down;
    }
    return link->peer->active == link ? link->heard_ms + SILENT_BEATS * beat : REPLICA_NEVER;
}

int64_t replica_link_deadline(const struct replica *replica)
{
    int64_t deadline = REPLICA_NEVER;
    for (size_t i = 0; i < replica->link_count && replica->ready; i++) {
        int64_t at = due(replica, replica->links[i]);
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

void replica_link_tick(struct replica *replica)
{
    for (size_t i = 0; i < replica->link_count && replica->ready; i++) {
        struct replica_link *link = replica->links[i];
        int64_t now = replica->now.mono_ms;
        if (link->gone || now < due(replica, link)) {
            continue;
        }
        if (link->waiting) {
            replica_hello_decide(replica, link);
        } else if (link->peer ||
                   now >= link->up_ms + SILENT_BEATS * replica->options.heartbeat_ms) {
            replica_link_leave(replica, link, (int64_t)replica_random(replica, REDIAL_MS),
                               "it fell silent");
        } else {
            replica_hello_send(replica, link);
        }
    }
}
