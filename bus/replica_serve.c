/*
 * What others lack. A SYNC_REQUEST becomes READs, answered by the reader; a peer has at most
 * LIMIT_OUTSTANDING requests here and, whatever it sends, one READ. It gives up what it asked when
 * one of its links replaces another, and asks again before we know: so a newer request takes the
 * place of the oldest, which nobody waits for. VECTOR_REQUEST is answered from memory.
 */
#include "bus/replica_divergence.h"

#include <stdlib.h>
#include <string.h>

#define READ_MS 10000  /* the reader has lost a READ that it did not answer by then */
#define ROOM_MIN 512   /* bytes left below which no further run is read */
#define RUN_ITEMS_AT 5 /* place of the items in a packed run */

/* ---- SYNC_REQUEST ---- */

static void drop(struct replica_central *peer, size_t place)
{
    buffer_free(&peer->services[place].runs);
    peer->service_count--;
    memmove(peer->services + place, peer->services + place + 1,
            (peer->service_count - place) * sizeof *peer->services);
}

void replica_serve_forget(struct replica_central *peer)
{
    while (peer->service_count) {
        drop(peer, 0);
    }
}

static void respond(struct replica *replica, struct replica_central *peer)
{
    struct replica_service *service = &peer->services[0];
    struct buffer message = {.limit = 0};
    int packed = message_pack_sync_response(&message, service->id, buffer_slice(&service->runs),
                                            service->run_count, service->more);

    replica_send_peer(replica, peer, &message, packed);
    drop(peer, 0);
}

/* No more events than fit, and none that our vector does not have yet. A commit is in the database
 * a moment before its fact is here, and longer while it waits for the disk: who knew more of our
 * stream than we do would look like the holder of a branch of it. */
static size_t most_events(const struct replica *replica, const struct replica_service *service,
                          uint32_t stream, uint64_t from)
{
    uint64_t known = replica->streams[stream].durable - from + 1;
    size_t room = LIMIT_RUN_EVENTS - service->events;

    return known < room ? (size_t)known : room;
}

/* Starts the next READ of the first request, or answers it when there is none. */
static bool read_next(struct replica *replica, struct replica_central *peer)
{
    struct replica_service *service = &peer->services[0];

    while (service->next < service->count) {
        const struct sync_want *want = &service->wants[service->next];
        uint32_t stream = replica_vector_find(replica, &want->stream);
        if (stream == REPLICA_NONE || replica->streams[stream].durable < want->from) {
            service->next++;
            continue; /* not ours to give */
        }
        size_t room =
            service->max_bytes > service->runs.len ? service->max_bytes - service->runs.len : 0;
        if (service->run_count && (room < ROOM_MIN || service->events >= LIMIT_RUN_EVENTS)) {
            service->more = true;
            break;
        }
        service->reading = true;
        peer->read_token = replica_token(replica);
        peer->read_deadline_ms = replica->now.mono_ms + READ_MS;
        replica_put(replica,
                    &(struct replica_output){.kind = REPLICA_READ,
                                             .token = peer->read_token,
                                             .stream = want->stream,
                                             .from = want->from,
                                             .max_bytes = room,
                                             .max_events =
                                                 most_events(replica, service, stream, want->from),
                                             .peer = peer->config.id},
                    NULL);
        return true;
    }
    return false;
}

static void serve(struct replica *replica, struct replica_central *peer)
{
    while (peer->service_count && !peer->read_token && !read_next(replica, peer)) {
        respond(replica, peer);
    }
}

/* Its number tells the oldest: what comes over an old link may come after what came over a new one.
 * False when the request that wants a place is itself older than those here. */
static bool make_room(struct replica_central *peer, uint64_t id)
{
    size_t oldest = 0;

    if (peer->service_count < LIMIT_OUTSTANDING) {
        return true;
    }
    for (size_t i = 1; i < peer->service_count; i++) {
        oldest = peer->services[i].id < peer->services[oldest].id ? i : oldest;
    }
    if (id < peer->services[oldest].id) {
        return false;
    }
    drop(peer, oldest);
    return true;
}

void replica_serve_request(struct replica *replica, struct replica_central *peer,
                           const struct message_sync_request *request)
{
    for (size_t i = 0; i < peer->service_count; i++) {
        if (peer->services[i].id == request->request) {
            return; /* came twice */
        }
    }
    if (!replica->ready || !make_room(peer, request->request)) {
        return;
    }
    struct replica_service *service = &peer->services[peer->service_count++];
    *service = (struct replica_service){
        .id = request->request,
        .count = request->count,
        .max_bytes =
            request->max_bytes < LIMIT_RUN_BYTES ? (size_t)request->max_bytes : LIMIT_RUN_BYTES,
    };
    memcpy(service->wants, request->wants, request->count * sizeof *service->wants);
    serve(replica, peer);
}

/* Events in a packed run of our own reader. */
static size_t count_events(struct slice run)
{
    struct wire wire;
    if (wire_open(&wire, run)) {
        return 0;
    }
    size_t count = wire_count(wire_at(&wire.root, RUN_ITEMS_AT));
    wire_close(&wire);
    return count;
}

/* True when the run was taken into the answer (or there is none). */
static bool add_run(struct replica_service *service, struct slice run)
{
    if (!run.data) {
        return true;
    }
    size_t events = count_events(run);
    bool is_full = service->run_count && (service->runs.len + run.len > service->max_bytes ||
                                          service->events + events > LIMIT_RUN_EVENTS);
    if (is_full || events == 0 || buffer_append(&service->runs, run.data, run.len)) {
        return false;
    }
    service->run_count++;
    service->events += events;
    return true;
}

static struct replica_central *find_reading(const struct replica *replica, uint64_t token)
{
    for (size_t i = 0; i < replica->peer_count && token; i++) {
        struct replica_central *peer = replica->peers[i];
        if (peer->read_token == token) {
            return peer;
        }
    }
    return NULL;
}

static void read_for(struct replica *replica, struct replica_central *peer, bool failed,
                     struct slice run, uint64_t damaged)
{
    struct replica_service *service = &peer->services[0];
    bool is_awaited = peer->service_count && service->reading; /* else it was given up */

    peer->read_token = 0;
    if (is_awaited) {
        service->reading = false;
        if (damaged) {
            uint32_t stream = replica_vector_find(replica, &service->wants[service->next].stream);
            replica_mend_noticed(replica, stream, damaged); /* found when it was asked for */
        }
        if (!failed && add_run(service, run)) {
            service->next++;
        } else {
            service->more = true;
            service->next = service->count; /* answer with what there is */
        }
    }
    serve(replica, peer);
}

void replica_read(struct replica *replica, uint64_t token, bool failed, struct slice run,
                  uint64_t damaged, struct replica_now now)
{
    struct replica_central *peer = find_reading(replica, token);

    replica->now = now;
    if (peer) {
        read_for(replica, peer, failed, run, damaged);
    } else if (!replica_fork_read(replica, token, failed, run, damaged)) {
        (void)replica_mend_read(replica, token, failed, run, damaged); /* else the peer has gone */
    }
    replica_finish(replica);
}

int64_t replica_serve_deadline(const struct replica_central *peer)
{
    return peer->read_token ? peer->read_deadline_ms : REPLICA_NEVER;
}

void replica_serve_tick(struct replica *replica, struct replica_central *peer)
{
    if (replica->now.mono_ms >= replica_serve_deadline(peer)) {
        read_for(replica, peer, true, (struct slice){NULL, 0}, 0);
    }
}

/* ---- VECTOR_REQUEST ---- */

static void send_vector(struct replica *replica, struct replica_central *peer,
                        const struct message_vector *vector)
{
    struct buffer message = {.limit = 0};
    int packed = message_pack_vector(&message, vector);

    replica_send_peer(replica, peer, &message, packed);
}

static void serve_digests(struct replica *replica, struct replica_central *peer,
                          const struct node_id *after)
{
    struct message_vector vector = {.digests =
                                        bytes_allocate(LIMIT_VECTOR_PAGE, sizeof *vector.digests)};

    for (size_t i = replica_vector_node_from(replica, after); i < replica->node_count; i++) {
        const struct replica_node *node = replica->nodes[i];
        if (node_id_compare(&node->id, after) == 0 || digest_is_zero(&node->digest)) {
            continue; /* seen, or known from hearsay only */
        }
        if (vector.count == LIMIT_VECTOR_PAGE) {
            vector.more = true;
            break;
        }
        vector.digests[vector.count++] =
            (struct node_digest){.node = node->id, .digest = node->digest};
    }
    send_vector(replica, peer, &vector);
    free(vector.digests);
}

static int compare_ids(const void *a, const void *b)
{
    return node_id_compare(a, b);
}

/* Appends the heads of a node behind `after`; false when the page is full. */
static bool add_heads(const struct replica *replica, const struct node_id *id,
                      const struct stream *after, struct message_vector *vector)
{
    size_t place = replica_vector_node_from(replica, id);
    int order = node_id_compare(id, &after->node);

    if (order < 0 || place == replica->node_count ||
        node_id_compare(&replica->nodes[place]->id, id) != 0) {
        return true;
    }
    const struct replica_node *node = replica->nodes[place];
    uint32_t first = order == 0 ? replica_vector_epoch_after(replica, node, after->epoch) : 0;
    for (uint32_t i = first; i < node->count; i++) {
        if (replica->streams[node->streams[i]].head == 0) {
            continue;
        }
        if (vector->count == LIMIT_VECTOR_PAGE) {
            vector->more = true;
            return false;
        }
        vector->heads[vector->count++] = replica_vector_head(replica, node->streams[i]);
    }
    return true;
}

static void serve_heads(struct replica *replica, struct replica_central *peer,
                        const struct message_vector_request *request)
{
    struct message_vector vector = {
        .is_heads = true, .heads = bytes_allocate(LIMIT_VECTOR_PAGE, sizeof *vector.heads)};
    struct node_id *nodes = bytes_allocate(request->count, sizeof *nodes);

    memcpy(nodes, request->nodes, request->count * sizeof *nodes);
    qsort(nodes, request->count, sizeof *nodes, compare_ids);
    for (size_t i = 0; i < request->count; i++) {
        bool is_twice = i && node_id_compare(&nodes[i - 1], &nodes[i]) == 0;
        if (!is_twice && !add_heads(replica, &nodes[i], &request->after, &vector)) {
            break;
        }
    }
    send_vector(replica, peer, &vector);
    free(nodes);
    free(vector.heads);
}

void replica_serve_vector(struct replica *replica, struct replica_central *peer,
                          const struct message_vector_request *request)
{
    if (request->count) {
        serve_heads(replica, peer, request);
    } else {
        serve_digests(replica, peer, &request->after.node);
    }
}
