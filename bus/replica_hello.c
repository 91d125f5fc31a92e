/*
 * Greeting. Each link begins with HELLO in both directions; until the other side's came, nothing
 * else of it counts. HELLO may be lost like any message, so it is said again every heartbeat until
 * the other side's arrives, and a repeated one is answered: its sender has not heard ours.
 *
 * A second process with the same id (another boot nonce) is either a reboot whose old link has not
 * died yet, or a copied central. The old process decides: all its links are asked, REPLICA_PROBES
 * times, with a HEARTBEAT and a HELLO, which it answers at once with a HEARTBEAT that echoes ours.
 * If one comes, on whatever link, the newcomer is refused, and the one that stays gets a notice:
 * both have to say at home that they have a twin, and where.
 */
#include "bus/replica_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BYE_RETRY_MS 2000        /* a stopped central is often back soon */
#define RETRY_MAX_MS (5 * 60000) /* a peer may not send us away for longer */

/* "central-2 at 10.0.0.2:9000" */
static void describe(const struct replica_link *link, const struct node_id *id, char out[200])
{
    (void)snprintf(out, 200, "%s at %s", id->text, link->address); /* fits */
}

/* What a person can tell one of two processes with one id by, also when they run on one machine:
 * "10.0.0.2:9000 (api_port 8000, boot 3fa1b2c4)". */
static void tell_apart(const struct replica_link *link, char out[160])
{
    (void)snprintf(out, 160, "%s (api_port %" PRIu64 ", boot %08" PRIx64 ")", link->address,
                   link->hello.api_port, link->hello.boot >> 32); /* fits */
}

/* 5 s or 30 s, a sixth less or more, so that refused centrals do not come back all at once. */
static int64_t refused_retry(struct replica *replica, enum problem_code code)
{
    int64_t retry_ms =
        code == PROBLEM_UNKNOWN_PEER ? REPLICA_UNKNOWN_RETRY_MS : REPLICA_REFUSED_RETRY_MS;
    return retry_ms * 5 / 6 + (int64_t)replica_random(replica, (uint64_t)retry_ms / 3);
}

void replica_hello_send(struct replica *replica, struct replica_link *link)
{
    struct buffer message = {.limit = 0};
    struct message_hello hello = {
        .version_min = MESSAGE_VERSION_MIN,
        .version_max = MESSAGE_VERSION,
        .mesh_id = replica->options.mesh_id,
        .node = replica->options.node,
        .epoch = replica->own.seq ? replica->own.stream.epoch : 0,
        .boot = replica->options.boot,
        .wall_ms = replica->now.wall_ms,
        .hlc = replica->hlc,
        .log_digest = replica->log_digest,
        .state_digest = replica->state_digest,
        .fold = replica->options.fold,
        .api_port = replica->options.api_port,
    };
    memcpy(hello.software, replica->software, sizeof hello.software);
    int packed = message_pack_hello(&message, &hello);
    replica_send(replica, link, &message, packed);
    link->hello_sent_ms = replica->now.mono_ms;
}

/* ---- greeting ---- */

static void adopt(struct replica *replica, struct replica_link *link, struct replica_central *peer,
                  const struct message_hello *hello)
{
    bool is_new = link->boot != 0; /* another process at the other end of this very link */

    link->waiting = false;
    if (peer->boot != hello->boot) {
        replica_peer_restarted(replica, peer);
        peer->boot = hello->boot;
    }
    link->peer = peer;
    link->boot = hello->boot;
    peer->heard_ms = replica->now.wall_ms;
    peer->fold = hello->fold;
    memcpy(peer->software, hello->software, sizeof peer->software);
    if (is_new) {
        replica_hello_send(replica, link);
    }
    /* An older link in the same direction was replaced by this one. */
    for (size_t i = 0; i < replica->link_count; i++) {
        struct replica_link *other = replica->links[i];
        if (other != link && !other->gone && other->peer == peer &&
            other->dialled == link->dialled) {
            replica_link_leave(replica, other, 0, "replaced");
        }
    }
    replica_link_activate(replica, peer, replica_link_best(replica, peer));
    replica_equal_said(replica, peer, &hello->log_digest, &hello->state_digest);
    replica_fetch_plan(replica, peer);
}

/* A greeted link to another process of this id, or NULL. */
static struct replica_link *rival(const struct replica *replica, const struct node_id *id,
                                  uint64_t boot)
{
    for (size_t i = 0; i < replica->link_count; i++) {
        struct replica_link *link = replica->links[i];
        if (!link->gone && link->peer && link->boot != boot &&
            node_id_compare(&link->peer->config.id, id) == 0) {
            return link;
        }
    }
    return NULL;
}

/* A greeted link to another process of the newcomer's id. */
static bool is_rival(const struct replica_link *old, const struct replica_link *newcomer)
{
    return !old->gone && old->peer && old->boot != newcomer->hello.boot &&
           node_id_compare(&old->peer->config.id, &newcomer->hello.node) == 0;
}

/* Asks all links of the id's other process whether they live. */
static void ask_rivals(struct replica *replica, struct replica_link *newcomer)
{
    int64_t answer_ms = replica->options.heartbeat_ms * 3 / 8;

    newcomer->probes++;
    newcomer->probe_ms =
        replica->now.mono_ms + (answer_ms > REPLICA_PROBE_MS ? answer_ms : REPLICA_PROBE_MS);
    for (size_t i = 0; i < replica->link_count; i++) {
        if (is_rival(replica->links[i], newcomer)) {
            /* In this order: the answer to the HELLO echoes the HEARTBEAT. */
            replica_pulse_answer(replica, replica->links[i]);
            replica_hello_send(replica, replica->links[i]);
        }
    }
}

/* The newcomer waits for what the id's other process says. */
static void probe(struct replica *replica, struct replica_link *link,
                  const struct message_hello *hello)
{
    link->hello = *hello;
    if (link->waiting) {
        return; /* said again; the question runs */
    }
    link->waiting = true;
    link->probes = 0;
    link->probed_ms = replica->now.mono_ms;
    ask_rivals(replica, link);
}

/* Something about ourselves. The alarm is once; what is said again only lasts longer. */
static void tell_about_us(struct replica *replica, const struct replica_link *link, bool is_told,
                          const char *text)
{
    bool is_news = replica->problem != PROBLEM_DUPLICATE_ID;

    replica->problem = PROBLEM_DUPLICATE_ID;
    replica->problem_until_ms = replica->now.mono_ms + REPLICA_TWIN_MS;
    /* A longer text is cut; it is for people. */
    (void)slice_copy(slice_text(text), replica->problem_text, sizeof replica->problem_text);
    if (is_news && !is_told) {
        replica_alarm(replica,
                      &(struct replica_news){.code = PROBLEM_DUPLICATE_ID,
                                             .peer = link->peer ? &link->peer->config.id : NULL,
                                             .address = link->address},
                      "%s", text);
    }
}

void replica_hello_noticed(struct replica *replica, struct replica_link *link,
                           const struct message_notice *notice)
{
    char text[420];

    if (strcmp(notice->code, problem_name(PROBLEM_DUPLICATE_ID)) != 0) {
        return; /* a newer version's */
    }
    (void)snprintf(text, sizeof text, "%s says: %s", link->peer->config.id.text,
                   notice->text); /* fits */
    tell_about_us(replica, link, false, text);
}

void replica_hello_tick(struct replica *replica)
{
    int64_t now = replica->now.mono_ms;

    if (replica->problem == PROBLEM_DUPLICATE_ID && now >= replica->problem_until_ms) {
        replica->problem = PROBLEM_OK;
        replica->problem_text[0] = '\0';
    }
    for (size_t i = 0; i < replica->peer_count; i++) {
        struct replica_central *peer = replica->peers[i];
        if (peer->problem == PROBLEM_DUPLICATE_ID && peer->active && now >= peer->twin_until_ms) {
            replica_peer_problem(peer, PROBLEM_OK, "");
        }
    }
}

static void duplicate(struct replica *replica, struct replica_link *newcomer,
                      struct replica_link *old)
{
    char first[160];
    char second[160];
    struct replica_central *peer = old->peer;

    tell_apart(old, first);
    tell_apart(newcomer, second);
    replica_hello_reject(replica, newcomer, PROBLEM_DUPLICATE_ID,
                         "two centrals use the id %s: the one at %s is connected, the one at %s "
                         "was refused; give one of them another this_central.id",
                         newcomer->hello.node.text, first, second);
    char text[460];
    (void)snprintf(text, sizeof text,
                   "two centrals use this id, at %s and at %s; give one of them another "
                   "this_central.id",
                   first, second); /* fits */
    replica_peer_problem(peer, PROBLEM_DUPLICATE_ID, text);
    peer->twin_until_ms = replica->now.mono_ms + REPLICA_TWIN_MS;
    replica_pulse_notice(replica, old, PROBLEM_DUPLICATE_ID, text);
}

void replica_hello_alive(struct replica *replica, struct replica_link *link, int64_t heard_ms)
{
    for (size_t i = 0; i < replica->link_count; i++) {
        struct replica_link *newcomer = replica->links[i];
        if (!newcomer->gone && newcomer->waiting && is_rival(link, newcomer) &&
            heard_ms >= newcomer->probed_ms) {
            duplicate(replica, newcomer, link);
        }
    }
}

static void refuse_our_id(struct replica *replica, struct replica_link *link,
                          const struct message_hello *hello)
{
    const struct replica_options *us = &replica->options;
    char which[160];
    char text[460];

    tell_apart(link, which);
    (void)snprintf(text, sizeof text,
                   "two centrals use the id %s: the one at %s (api_port %u, boot %08" PRIx64
                   ") and the one at %s; give one of them another this_central.id",
                   us->node.text, replica->address, (unsigned)us->api_port, us->boot >> 32,
                   which); /* fits */
    if (hello->boot == us->boot) {
        replica_hello_reject(replica, link, PROBLEM_DUPLICATE_ID,
                             "%s at %s is this central itself; remove this address from its own "
                             "peer_centrals",
                             us->node.text, link->address);
    } else {
        replica_hello_reject(replica, link, PROBLEM_DUPLICATE_ID, "%s", text);
        tell_about_us(replica, link, true, text);
    }
}

/* Who is it, and may it in? Sends the REJECT itself. */
static struct replica_central *admit(struct replica *replica, struct replica_link *link,
                                     const struct message_hello *hello)
{
    const struct replica_options *us = &replica->options;
    char who[200];

    describe(link, &hello->node, who);
    if (!digest_equal(&hello->mesh_id, &us->mesh_id)) {
        replica_hello_reject(replica, link, PROBLEM_MESH_MISMATCH,
                             "%s belongs to another mesh; put the same mesh_secret into the "
                             "configuration of both centrals",
                             who);
    } else if (hello->version_min > MESSAGE_VERSION || hello->version_max < MESSAGE_VERSION_MIN) {
        replica_hello_reject(replica, link, PROBLEM_MESH_VERSION,
                             "%s (%s) speaks mesh versions %llu to %llu, %s speaks %d to %d; "
                             "update the older one",
                             who, hello->software, (unsigned long long)hello->version_min,
                             (unsigned long long)hello->version_max, us->node.text,
                             MESSAGE_VERSION_MIN, MESSAGE_VERSION);
    } else if (node_id_compare(&hello->node, &us->node) == 0) {
        refuse_our_id(replica, link, hello);
    } else if (link->dialled && node_id_compare(&link->expected, &hello->node) != 0) {
        replica_hello_reject(replica, link, PROBLEM_UNKNOWN_PEER,
                             "%s dialled %s at %s, but %s answers there; correct ip and p2p_port "
                             "of %s in peer_centrals",
                             us->node.text, link->expected.text, link->address, hello->node.text,
                             link->expected.text);
    } else {
        struct replica_central *peer = replica_peer_find(replica, &hello->node);
        if (!peer) {
            replica_peer_stranger(replica, link, hello);
            replica_hello_reject(replica, link, PROBLEM_UNKNOWN_PEER,
                                 "%s does not know %s yet; accept it there, or add it to "
                                 "peer_centrals",
                                 us->node.text, who);
        }
        return peer;
    }
    return NULL;
}

/* Another process answers at the other end of this very link (the transport connects again on its
 * own): it starts from the beginning. */
static void detach(struct replica *replica, struct replica_link *link)
{
    struct replica_central *peer = link->peer;

    link->peer = NULL;
    if (peer->active == link) {
        peer->active = NULL;
        struct replica_link *spare = replica_link_best(replica, peer);
        if (spare) {
            replica_link_activate(replica, peer, spare);
        } else {
            replica_peer_down(replica, peer, "it started again");
        }
    }
}

void replica_hello_heard(struct replica *replica, struct replica_link *link,
                         const struct message_hello *hello)
{
    int64_t now = replica->now.mono_ms;

    if (link->peer && link->boot == hello->boot &&
        node_id_compare(&link->peer->config.id, &hello->node) == 0) {
        /* Once in half a heartbeat: two greeted sides must not greet each other for ever. But
         * whoever asks whether we live hears so at once. */
        if (now - link->hello_sent_ms >= replica->options.heartbeat_ms / 2) {
            replica_hello_send(replica, link);
        }
        replica_pulse_answer(replica, link);
        replica_equal_said(replica, link->peer, &hello->log_digest, &hello->state_digest);
        replica_hello_alive(replica, link, now);
        return;
    }
    link->hello = *hello;
    struct replica_central *peer = admit(replica, link, hello);
    if (!peer) {
        return;
    }
    if (link->peer) {
        detach(replica, link);
    }
    if (rival(replica, &hello->node, hello->boot)) {
        probe(replica, link, hello);
    } else {
        adopt(replica, link, peer, hello);
    }
}

/* ---- deciding about newcomers ---- */

/* The old process of an id has no link any more: the first who waits takes over. */
void replica_hello_resolve(struct replica *replica, const struct node_id *id)
{
    for (size_t i = 0; i < replica->link_count; i++) {
        struct replica_link *link = replica->links[i];
        if (link->gone || !link->waiting || node_id_compare(&link->hello.node, id) != 0) {
            continue;
        }
        link->waiting = false;
        struct replica_central *peer = replica_peer_find(replica, id);
        if (!peer) {
            replica_link_leave(replica, link, 0, "no longer configured");
        } else if (rival(replica, id, link->hello.boot)) {
            struct message_hello hello = link->hello;
            probe(replica, link, &hello);
        } else {
            adopt(replica, link, peer, &link->hello);
        }
    }
}

void replica_hello_decide(struct replica *replica, struct replica_link *link)
{
    struct node_id id = link->hello.node;

    if (link->probes < REPLICA_PROBES) {
        ask_rivals(replica, link);
        return;
    }
    /* The old links kept silent: their process is gone. */
    for (size_t i = 0; i < replica->link_count; i++) {
        if (is_rival(replica->links[i], link)) {
            replica_link_leave(replica, replica->links[i], 0, "it started again");
        }
    }
    if (!link->gone && link->waiting) {
        replica_hello_resolve(replica, &id);
    }
}

/* ---- refusing ---- */

void replica_hello_reject(struct replica *replica, struct replica_link *link,
                          enum problem_code code, const char *format, ...)
{
    struct buffer message = {.limit = 0};
    struct message_reject reject = {.retry_ms = code == PROBLEM_UNKNOWN_PEER
                                                    ? REPLICA_UNKNOWN_RETRY_MS
                                                    : REPLICA_REFUSED_RETRY_MS};
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(reject.text, sizeof reject.text, format, arguments); /* cut if longer */
    va_end(arguments);
    (void)snprintf(reject.code, sizeof reject.code, "%s", problem_name(code)); /* fits */
    int packed = message_pack_reject(&message, &reject);
    replica_send(replica, link, &message, packed);

    /* An accepted link names itself; what a dialled one says does not count for another peer. */
    struct replica_central *peer =
        replica_peer_find(replica, link->dialled ? &link->expected : &link->hello.node);
    bool is_pending = code == PROBLEM_UNKNOWN_PEER && !link->dialled; /* PEER_PENDING was said */
    link->waiting = false;
    replica_link_leave(replica, link, refused_retry(replica, code), reject.text);
    if (peer) {
        replica_peer_refused(replica, peer, link->address, code, reject.text);
    } else if (!is_pending) {
        replica_alarm_seldom(replica,
                             &(struct replica_news){
                                 .code = code, .peer = &link->hello.node, .address = link->address},
                             reject.text);
    }
}

static enum problem_code code_of(const char *name)
{
    for (int code = 0; code < PROBLEM_COUNT; code++) {
        if (strcmp(problem_name((enum problem_code)code), name) == 0) {
            return (enum problem_code)code;
        }
    }
    return PROBLEM_PEER_UNREACHABLE; /* a newer version's reason; its text says it */
}

void replica_hello_rejected(struct replica *replica, struct replica_link *link,
                            const struct message_reject *reject)
{
    char text[420];
    enum problem_code code = code_of(reject->code);
    int64_t retry_ms = refused_retry(replica, code);
    struct replica_central *peer = link->peer;

    if (!peer && link->dialled) {
        peer = replica_peer_find(replica, &link->expected);
    }
    (void)snprintf(text, sizeof text, "refused by %s: %s",
                   peer ? peer->config.id.text : link->address, reject->text); /* fits */
    if (reject->retry_ms > (uint64_t)retry_ms) {
        retry_ms = reject->retry_ms < RETRY_MAX_MS ? (int64_t)reject->retry_ms : RETRY_MAX_MS;
    }
    link->waiting = false;
    replica_link_leave(replica, link, retry_ms, text);
    if (code == PROBLEM_DUPLICATE_ID) {
        tell_about_us(replica, link, true, text);
    }
    if (peer) {
        replica_peer_refused(replica, peer, link->address, code, text);
    } else {
        replica_alarm_seldom(replica,
                             &(struct replica_news){.code = code, .address = link->address}, text);
    }
}

void replica_hello_bye(struct replica *replica, struct replica_link *link, const char *reason)
{
    char why[240];

    (void)snprintf(why, sizeof why, "it said: %s", reason); /* fits */
    link->waiting = false;
    replica_link_leave(replica, link, BYE_RETRY_MS + (int64_t)replica_random(replica, BYE_RETRY_MS),
                       why);
}
