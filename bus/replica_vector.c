/*
 * Our vector. Streams are interned: found through a hash table, then known by their number. Nodes
 * are sorted, and so are the streams of each, because VECTOR is served in stream order.
 */
#include "bus/replica_internal.h"

#include <stdlib.h>
#include <string.h>

void replica_vector_free(struct replica *replica)
{
    for (size_t i = 0; i < replica->node_count; i++) {
        free(replica->nodes[i]->streams);
        free(replica->nodes[i]);
    }
    free(replica->nodes);
    free(replica->streams);
    free(replica->table);
}

/* ---- hash table ---- */

/* FNV-1a over the name, the epoch mixed in. */
static uint64_t hash(const struct stream *stream)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (const char *at = stream->node.text; *at; at++) {
        value = (value ^ (uint8_t)*at) * UINT64_C(1099511628211);
    }
    value = (value ^ stream->epoch) * UINT64_C(0x9E3779B97F4A7C15);
    return value ^ value >> 32;
}

/* The slot that holds the stream, or the free one where it belongs. */
static uint32_t *slot(const struct replica *replica, const struct stream *stream)
{
    uint32_t mask = replica->table_size - 1;
    uint32_t place = (uint32_t)hash(stream) & mask;
    while (replica->table[place] &&
           stream_compare(&replica->streams[replica->table[place] - 1].id, stream) != 0) {
        place = (place + 1) & mask;
    }
    return &replica->table[place];
}

/* Room for one more, never more than half full. */
static void grow(struct replica *replica)
{
    if (replica->stream_count == replica->stream_capacity) {
        uint32_t capacity = replica->stream_capacity ? replica->stream_capacity * 2 : 64;
        struct replica_stream *streams = bytes_allocate(capacity, sizeof *streams);
        if (replica->stream_count) {
            memcpy(streams, replica->streams, replica->stream_count * sizeof *streams);
        }
        free(replica->streams);
        replica->streams = streams;
        replica->stream_capacity = capacity;
    }
    if (replica->table_size < 2 * replica->stream_capacity) {
        free(replica->table);
        replica->table_size = 2 * replica->stream_capacity;
        replica->table = bytes_allocate(replica->table_size, sizeof *replica->table);
        for (uint32_t i = 0; i < replica->stream_count; i++) {
            *slot(replica, &replica->streams[i].id) = i + 1;
        }
    }
}

uint32_t replica_vector_find(const struct replica *replica, const struct stream *stream)
{
    if (replica->table_size == 0) {
        return REPLICA_NONE;
    }
    uint32_t found = *slot(replica, stream);
    return found ? found - 1 : REPLICA_NONE;
}

/* ---- sorted by node and epoch ---- */

size_t replica_vector_node_from(const struct replica *replica, const struct node_id *id)
{
    size_t low = 0;
    size_t high = replica->node_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node_id_compare(&replica->nodes[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t replica_vector_epoch_after(const struct replica *replica, const struct replica_node *node,
                                    uint64_t epoch)
{
    uint32_t low = 0;
    uint32_t high = node->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (replica->streams[node->streams[middle]].id.epoch <= epoch) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct replica_node *require_node(struct replica *replica, const struct node_id *id)
{
    size_t place = replica_vector_node_from(replica, id);
    if (place < replica->node_count && node_id_compare(&replica->nodes[place]->id, id) == 0) {
        return replica->nodes[place];
    }
    if (replica->node_count == replica->node_capacity) {
        size_t capacity = replica->node_capacity ? replica->node_capacity * 2 : 16;
        struct replica_node **nodes = bytes_allocate(capacity, sizeof *nodes);
        if (replica->node_count) {
            memcpy(nodes, replica->nodes, replica->node_count * sizeof *nodes);
        }
        free(replica->nodes);
        replica->nodes = nodes;
        replica->node_capacity = capacity;
    }
    memmove(&replica->nodes[place + 1], &replica->nodes[place],
            (replica->node_count - place) * sizeof *replica->nodes);
    struct replica_node *node = bytes_allocate(1, sizeof *node);
    node->id = *id;
    replica->nodes[place] = node;
    replica->node_count++;
    return node;
}

static void insert_epoch(struct replica *replica, struct replica_node *node, uint32_t stream)
{
    uint32_t place = replica_vector_epoch_after(replica, node, replica->streams[stream].id.epoch);
    if (node->count == node->capacity) {
        uint32_t capacity = node->capacity ? node->capacity * 2 : 8;
        uint32_t *streams = bytes_allocate(capacity, sizeof *streams);
        if (node->count) {
            memcpy(streams, node->streams, node->count * sizeof *streams);
        }
        free(node->streams);
        node->streams = streams;
        node->capacity = capacity;
    }
    memmove(&node->streams[place + 1], &node->streams[place],
            (node->count - place) * sizeof *node->streams);
    node->streams[place] = stream;
    node->count++;
}

uint32_t replica_vector_require(struct replica *replica, const struct stream *stream, bool is_ours)
{
    uint32_t found = replica_vector_find(replica, stream);
    if (found != REPLICA_NONE) {
        return found;
    }
    /* What our own log holds is always taken in; only hearsay is limited. */
    if (!is_ours && replica->stream_count >= LIMIT_HEADS) {
        return REPLICA_NONE;
    }
    grow(replica);
    struct replica_node *node = require_node(replica, &stream->node);
    uint32_t number = replica->stream_count++;
    replica->streams[number] =
        (struct replica_stream){.id = *stream, .node = node, .hold_until_ms = INT64_MIN};
    *slot(replica, stream) = number + 1;
    insert_epoch(replica, node, number);
    return number;
}

/* ---- heads ---- */

struct head replica_vector_head(const struct replica *replica, uint32_t stream)
{
    const struct replica_stream *entry = &replica->streams[stream];
    return (struct head){.stream = entry->id, .seq = entry->head, .chain = entry->chain};
}

/* Brings head and digests to what they are now. */
static void change(struct replica *replica, uint32_t stream, const struct head *head)
{
    struct replica_stream *entry = &replica->streams[stream];
    struct head before = replica_vector_head(replica, stream);
    struct digest old_part = head_digest(&before);
    struct digest new_part = head_digest(head);
    digest_subtract(&entry->node->digest, &old_part);
    digest_subtract(&replica->log_digest, &old_part);
    digest_add(&entry->node->digest, &new_part);
    digest_add(&replica->log_digest, &new_part);
    replica->events += head->seq - entry->head;
    entry->head = head->seq;
    entry->chain = head->chain;
}

bool replica_vector_advance(struct replica *replica, uint32_t stream, const struct head *head)
{
    struct replica_stream *entry = &replica->streams[stream];
    if (head->seq <= entry->head) {
        return false;
    }
    change(replica, stream, head);
    if (entry->durable < entry->head) {
        entry->durable = entry->head;
    }
    if (entry->queued < entry->durable) {
        entry->queued = entry->durable;
    }
    return true;
}

void replica_vector_set(struct replica *replica, uint32_t stream, const struct head *head)
{
    struct replica_stream *entry = &replica->streams[stream];
    if (head->seq == entry->head && digest_equal(&head->chain, &entry->chain)) {
        return;
    }
    uint64_t before = entry->head;
    change(replica, stream, head);
    replica_fetch_void(replica, stream);
    entry->durable = entry->queued = head->seq;
    if (head->seq > before) {
        replica_peer_head_changed(replica, stream);
    } else {
        replica_peer_head_lowered(replica, stream);
    }
}
