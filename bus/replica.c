/*
 * Life cycle, dispatch of what came, outputs, and the passing of time. The rules are in the files
 * that replica_internal.h lists.
 */
#include "bus/replica.h"

#include "bus/replica_divergence.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_MIN_MS 50
#define HEARTBEAT_DEFAULT_MS 2000

/* ---- chance ---- */

/* xorshift64*, Marsaglia 2003 and Vigna 2016: good enough to spread the centrals' timing. */
static uint64_t draw(struct replica *replica)
{
    uint64_t x = replica->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    replica->random = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

uint64_t replica_random(struct replica *replica, uint64_t below)
{
    return (draw(replica) >> 11) % below;
}

uint64_t replica_token(struct replica *replica)
{
    return ++replica->last_token;
}

/* ---- outputs ---- */

void replica_put(struct replica *replica, const struct replica_output *output, char *data)
{
    if (replica->queue_count == replica->queue_capacity) {
        size_t capacity = replica->queue_capacity ? replica->queue_capacity * 2 : 64;
        struct replica_queued *queue = bytes_allocate(capacity, sizeof *queue);
        for (size_t i = 0; i < replica->queue_count; i++) {
            queue[i] = replica->queue[(replica->queue_first + i) % replica->queue_capacity];
        }
        free(replica->queue);
        replica->queue = queue;
        replica->queue_capacity = capacity;
        replica->queue_first = 0;
    }
    size_t place = (replica->queue_first + replica->queue_count) % replica->queue_capacity;
    replica->queue[place] = (struct replica_queued){.output = *output, .data = data};
    replica->queue_count++;
}

bool replica_next(struct replica *replica, struct replica_output *output)
{
    free(replica->taken);
    replica->taken = NULL;
    if (replica->queue_count == 0) {
        return false;
    }
    struct replica_queued *queued = &replica->queue[replica->queue_first];
    *output = queued->output;
    replica->taken = queued->data;
    replica->queue_first = (replica->queue_first + 1) % replica->queue_capacity;
    replica->queue_count--;
    return true;
}

void replica_send(struct replica *replica, struct replica_link *link, struct buffer *message,
                  int packed)
{
    if (packed == 0 && !link->gone) {
        struct replica_output output = {
            .kind = REPLICA_SEND, .link = link->number, .bytes = buffer_slice(message)};
        replica->sent++;
        if (link->peer) {
            output.peer = link->peer->config.id;
            link->peer->sent++;
        }
        replica_put(replica, &output, message->data);
        *message = (struct buffer){.limit = message->limit};
    }
    buffer_free(message);
}

void replica_send_peer(struct replica *replica, struct replica_central *peer,
                       struct buffer *message, int packed)
{
    if (peer->active) {
        replica_send(replica, peer->active, message, packed);
    } else {
        buffer_free(message);
    }
}

void replica_alarm(struct replica *replica, const struct replica_news *news, const char *format,
                   ...)
{
    char text[600];
    va_list arguments;
    const char *address = news->address ? news->address : "";
    struct replica_output output = {
        .kind = REPLICA_ALARM,
        .id = news->id ? news->id : problem_name(news->code),
        .code = news->code,
        .has_events = news->has_events,
        .events = news->events,
        .is_warning = news->id == NULL,
    };

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* a longer text is cut */
    va_end(arguments);
    /* Both texts in one block, which the queue owns. */
    size_t text_size = strlen(text) + 1;
    size_t address_size = strlen(address) + 1;
    char *data = bytes_allocate(text_size + address_size, 1);
    memcpy(data, text, text_size);
    memcpy(data + text_size, address, address_size);
    output.text = data;
    output.address = data + text_size;
    if (news->peer) {
        output.peer = *news->peer;
    }
    replica_put(replica, &output, data);
}

void replica_alarm_seldom(struct replica *replica, const struct replica_news *news,
                          const char *text)
{
    int64_t *last = &replica->seldom_ms[news->code];
    if (*last == REPLICA_NEVER || replica->now.mono_ms - *last >= REPLICA_SELDOM_MS) {
        *last = replica->now.mono_ms;
        replica_alarm(replica, news, "%s", text);
    }
}

/* ---- life cycle ---- */

struct replica *replica_new(const struct replica_options *options)
{
    struct replica *replica = bytes_allocate(1, sizeof *replica);

    replica->options = *options;
    (void)slice_copy(slice_text(options->software), replica->software,
                     sizeof replica->software); /* a longer name is cut */
    replica->options.software = replica->software;
    if (replica->options.heartbeat_ms <= 0) {
        replica->options.heartbeat_ms = HEARTBEAT_DEFAULT_MS;
    } else if (replica->options.heartbeat_ms < HEARTBEAT_MIN_MS) {
        replica->options.heartbeat_ms = HEARTBEAT_MIN_MS;
    }
    /* The boot nonce, so that two centrals with one seed do not march in step; never 0. */
    replica->random = (options->seed ^ options->boot) | 1;
    for (int i = 0; i < 8; i++) {
        (void)draw(replica); /* warms up */
    }
    replica->last_request = draw(replica) >> 16;
    replica->refused_until_ms = INT64_MIN;
    replica->replan_ms = REPLICA_NEVER;
    replica->sweep_ms = REPLICA_NEVER;
    replica->mend.due_ms = REPLICA_NEVER;
    replica->mend.from = 1;
    for (int code = 0; code < PROBLEM_COUNT; code++) {
        replica->seldom_ms[code] = REPLICA_NEVER;
    }
    return replica;
}

void replica_destroy(struct replica **replica_p)
{
    struct replica *replica = *replica_p;

    if (!replica) {
        return;
    }
    for (size_t i = 0; i < replica->peer_count; i++) {
        replica_peer_free(replica->peers[i]);
    }
    free(replica->peers);
    for (size_t i = 0; i < replica->link_count; i++) {
        free(replica->links[i]);
    }
    for (size_t i = 0; i < replica->queue_count; i++) {
        free(replica->queue[(replica->queue_first + i) % replica->queue_capacity].data);
    }
    free(replica->queue);
    free(replica->taken);
    free(replica->applies);
    replica_vector_free(replica);
    free(replica);
    *replica_p = NULL;
}

void replica_finish(struct replica *replica)
{
    replica_fetch_settle(replica);
    replica_link_sweep(replica);
}

void replica_set_address(struct replica *replica, const char *address)
{
    /* A longer one is cut; it is for people. */
    (void)slice_copy(slice_text(address), replica->address, sizeof replica->address);
}

/* ---- our log ---- */

/* The heads as they are, those that are not named included. */
static void adopt_heads(struct replica *replica, const struct head *heads, size_t count)
{
    bool *named = bytes_allocate((size_t)replica->stream_count + count, sizeof *named);

    for (size_t i = 0; i < count; i++) {
        uint32_t stream = replica_vector_require(replica, &heads[i].stream, true);
        named[stream] = true;
        replica_vector_set(replica, stream, &heads[i]);
    }
    for (uint32_t i = 0; i < replica->stream_count; i++) {
        const struct head none = {.stream = replica->streams[i].id};
        if (!named[i]) {
            replica_vector_set(replica, i, &none);
        }
    }
    free(named);
}

static void raise_heads(struct replica *replica, const struct head *heads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t stream = replica_vector_require(replica, &heads[i].stream, true);
        if (replica_vector_advance(replica, stream, &heads[i])) {
            replica_peer_head_changed(replica, stream);
        }
    }
}

void replica_set_vector(struct replica *replica, const struct head *heads, size_t count,
                        uint64_t events, uint64_t rewinds, const struct digest *state_digest,
                        struct replica_now now)
{
    replica->now = now;
    if (rewinds > replica->rewinds) {
        adopt_heads(replica, heads, count);
        replica->rewinds = rewinds;
    } else if (rewinds == replica->rewinds) {
        raise_heads(replica, heads, count);
    } /* else it is older than the last fact */
    /* Facts of later commits may have been here first: heads only rise, digests are summed from
     * them, and the state digest counts only for the very log that it was made of. */
    replica->state_digest = events == replica->events ? *state_digest : (struct digest){{0}};
    if (!replica->ready) {
        replica->ready = true;
        replica->ready_ms = now.mono_ms;
        replica->mend.due_ms = replica->mend.pass_ms = now.mono_ms + LIMIT_SCRUB_STEP_MS;
        replica_link_greet_all(replica);
    }
    for (size_t i = 0; i < replica->peer_count; i++) {
        replica_peer_judge(replica, replica->peers[i]);
        replica_fetch_plan(replica, replica->peers[i]);
    }
    replica_finish(replica);
}

void replica_committed(struct replica *replica, const struct fact *fact, struct replica_now now)
{
    replica->now = now;
    replica->hlc = fact->hlc;
    if (fact->own.seq || fact->rewound) {
        replica->own = fact->own;
    }
    /* A log that was rewound since, or before without our knowing, has other heads: the caller
     * reads the vector. */
    if (fact->rewinds - fact->rewound == replica->rewinds) {
        replica->rewinds = fact->rewinds;
        for (size_t i = 0; i < fact->head_count && fact->rewound; i++) {
            uint32_t stream = replica_vector_require(replica, &fact->heads[i].stream, true);
            replica_vector_set(replica, stream, &fact->heads[i]);
        }
        raise_heads(replica, fact->heads, fact->head_count);
    }
    /* Facts were missed: the caller will read the vector, until then the state is unknown. */
    replica->state_digest = digest_equal(&fact->log_digest, &replica->log_digest)
                                ? fact->state_digest
                                : (struct digest){{0}};
    if (replica->ready) {
        replica_pulse_push(replica, fact);
    }
    for (size_t i = 0; i < replica->peer_count; i++) {
        replica_peer_judge(replica, replica->peers[i]);
    }
    replica_finish(replica);
}

/* ---- messages ---- */

static void heads_heard(struct replica *replica, struct replica_central *peer,
                        const struct head *heads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        replica_peer_learn(replica, peer, &heads[i], false);
    }
    replica_fetch_plan(replica, peer);
}

/* What a greeted peer says. */
static void dispatch(struct replica *replica, struct replica_link *link,
                     const struct message *message)
{
    struct replica_central *peer = link->peer;

    switch (message->type) {
    case MESSAGE_HEARTBEAT:
        replica_pulse_heard(replica, link, &message->as.heartbeat);
        break;
    case MESSAGE_EVENT:
        replica_fetch_event(replica, peer, &message->as.event);
        break;
    case MESSAGE_VECTOR_REQUEST:
        replica_serve_vector(replica, peer, &message->as.vector_request);
        break;
    case MESSAGE_VECTOR:
        replica_compare_vector(replica, peer, &message->as.vector);
        break;
    case MESSAGE_SYNC_REQUEST:
        replica_serve_request(replica, peer, &message->as.sync_request);
        break;
    case MESSAGE_SYNC_RESPONSE:
        replica_fetch_response(replica, peer, &message->as.sync_response);
        break;
    case MESSAGE_ACK:
        heads_heard(replica, peer, message->as.ack.heads, message->as.ack.count);
        break;
    case MESSAGE_HELLO:
    case MESSAGE_REJECT:
    case MESSAGE_BYE:
        break; /* heard before */
    }
}

/* Bytes that are no message. */
static void garbled(struct replica *replica, struct replica_link *link)
{
    replica->refused++;
    char text[300];
    (void)snprintf(text, sizeof text,
                   "%s sent bytes that are no message of this version; they were dropped. Check "
                   "that both centrals run the same version",
                   link->peer ? link->peer->config.id.text : link->address); /* fits */
    replica_alarm_seldom(replica,
                         &(struct replica_news){.code = PROBLEM_MESSAGE_INVALID,
                                                .peer = link->peer ? &link->peer->config.id : NULL,
                                                .address = link->address},
                         text);
    if (link->peer) {
        replica_fetch_garbled(replica, link->peer);
    }
}

static void heard(struct replica *replica, struct replica_link *link, const struct message *message)
{
    link->heard_ms = replica->now.mono_ms;
    if (link->peer) {
        link->peer->received++;
        link->peer->heard_ms = replica->now.wall_ms;
    }
    if (message->type == MESSAGE_HELLO) {
        replica_hello_heard(replica, link, &message->as.hello);
    } else if (message->type == MESSAGE_REJECT) {
        replica_hello_rejected(replica, link, &message->as.reject);
    } else if (message->type == MESSAGE_BYE) {
        replica_hello_bye(replica, link, message->as.bye.reason);
    } else if (!link->peer) {
        replica->dropped++; /* HELLO comes first */
    } else {
        replica_link_heard(replica, link);
        replica_peer_up(replica, link->peer);
        dispatch(replica, link, message);
    }
}

/* A type of a newer version, which should not have been sent. It says nothing, but it is no
 * broken answer either. */
static void newer(struct replica *replica, struct replica_link *link)
{
    replica->refused++;
    if (link->peer) {
        link->heard_ms = replica->now.mono_ms;
        link->peer->received++;
        link->peer->heard_ms = replica->now.wall_ms;
    }
}

/* A peer that is up sooner than we greets us, and goes on as soon as we do: its HELLO is kept, or
 * all that follows it would be dropped until it is said again, a heartbeat later. */
static void heard_early(struct replica_link *link, const struct message *message)
{
    if (message->type == MESSAGE_HELLO) {
        link->hello = message->as.hello;
        link->early = true;
    }
}

void replica_message(struct replica *replica, uint64_t number, struct slice bytes,
                     struct replica_now now)
{
    struct message message;
    struct replica_link *link = replica_link_find(replica, number);

    replica->now = now;
    replica->received++;
    if (!link) {
        replica->dropped++;
        return;
    }
    if (!replica->ready) {
        replica->dropped++;
        if (message_unpack(&message, bytes) == 0) {
            heard_early(link, &message);
            message_free(&message);
        }
        return;
    }
    int unpacked = message_unpack(&message, bytes);
    if (unpacked > 0) {
        newer(replica, link);
    } else if (unpacked) {
        garbled(replica, link);
    } else {
        heard(replica, link, &message);
        message_free(&message);
    }
    replica_finish(replica);
}

/* ---- time ---- */

void replica_tick(struct replica *replica, struct replica_now now)
{
    replica->now = now;
    replica_link_tick(replica);
    if (replica->ready) {
        replica_hello_tick(replica);
        replica_fetch_tick(replica);
        replica_mend_tick(replica);
        for (size_t i = 0; i < replica->peer_count; i++) {
            replica_serve_tick(replica, replica->peers[i]);
            replica_compare_tick(replica, replica->peers[i]);
            replica_pulse_tick(replica, replica->peers[i]);
            replica_fork_tick(replica, replica->peers[i]);
        }
    }
    replica_finish(replica);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t replica_deadline(const struct replica *replica)
{
    int64_t deadline = replica_link_deadline(replica);

    if (!replica->ready) {
        return deadline;
    }
    deadline = sooner(deadline, replica_fetch_deadline(replica));
    deadline = sooner(deadline, replica_mend_deadline(replica));
    for (size_t i = 0; i < replica->peer_count; i++) {
        const struct replica_central *peer = replica->peers[i];
        deadline = sooner(deadline, replica_serve_deadline(peer));
        deadline = sooner(deadline, replica_compare_deadline(replica, peer));
        deadline = sooner(deadline, replica_pulse_deadline(replica, peer));
        deadline = sooner(deadline, replica_fork_deadline(replica, peer));
    }
    return deadline;
}

/* ---- stopping ---- */

void replica_bye(struct replica *replica, const char *reason, struct replica_now now)
{
    replica->now = now;
    for (size_t i = 0; i < replica->link_count; i++) {
        struct buffer message = {.limit = 0};
        struct replica_link *link = replica->links[i];
        if (!link->gone) {
            int packed = message_pack_bye(&message, reason);
            replica_send(replica, link, &message, packed);
            link->waiting = false; /* nobody takes over now */
        }
    }
    /* Spare links first, or each would be taken into use when the one before it closes. */
    for (int spare = 1; spare >= 0; spare--) {
        for (size_t i = 0; i < replica->link_count; i++) {
            struct replica_link *link = replica->links[i];
            bool is_spare = !link->peer || link->peer->active != link;
            if (!link->gone && is_spare == (spare == 1)) {
                replica_link_leave(replica, link, 0, "this central is stopping");
            }
        }
    }
    replica_finish(replica);
}
