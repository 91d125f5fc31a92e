/*
 * Streams whose chain differs at a peer: left alone there for a while, told of once.
 */
#include "bus/replica_divergence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct replica_block *find_block(struct replica_central *peer, uint32_t stream)
{
    for (size_t i = 0; i < peer->block_count; i++) {
        if (peer->blocks[i].stream == stream) {
            return &peer->blocks[i];
        }
    }
    return NULL;
}

bool replica_block_holds(const struct replica *replica, const struct replica_central *peer,
                         uint32_t stream)
{
    for (size_t i = 0; i < peer->block_count; i++) {
        const struct replica_block *block = &peer->blocks[i];
        if (block->stream == stream) {
            return block->until_ms > replica->now.mono_ms &&
                   block->known == peer->views[stream].known &&
                   block->head == replica->streams[stream].head;
        }
    }
    return false;
}

static struct replica_block *new_block(struct replica_central *peer)
{
    if (peer->block_count == REPLICA_BLOCKS) {
        peer->block_count--;
        memmove(peer->blocks, peer->blocks + 1, peer->block_count * sizeof *peer->blocks);
    }
    return &peer->blocks[peer->block_count++];
}

static void tell_fork(struct replica *replica, struct replica_central *peer, uint32_t stream,
                      uint64_t seq, const char *what)
{
    const struct replica_stream *ours = &replica->streams[stream];
    char text[300];

    (void)snprintf(text, sizeof text,
                   "event %" PRIu64 " of %s/%016" PRIx64 " has other bytes at %s than here: a "
                   "snapshot was resumed, or a database changed; %s",
                   seq, ours->id.node.text, ours->id.epoch, peer->config.id.text, what); /* fits */
    replica_peer_problem(peer, PROBLEM_CHAIN_MISMATCH, text);
    replica_alarm(replica,
                  &(struct replica_news){.code = PROBLEM_CHAIN_MISMATCH, .peer = &peer->config.id},
                  "%s", text);
}

void replica_block_fork(struct replica *replica, struct replica_central *peer, uint32_t stream,
                        uint64_t seq)
{
    const struct replica_stream *ours = &replica->streams[stream];
    uint64_t known = replica_peer_view(replica, peer, stream)->known;
    struct replica_block *block = find_block(peer, stream);
    bool is_news = !block || block->known != known || block->head != ours->head;

    if (!block) {
        block = new_block(peer);
    }
    uint64_t told = is_news ? seq : block->told;
    *block = (struct replica_block){.stream = stream,
                                    .known = known,
                                    .head = ours->head,
                                    .until_ms = replica->now.mono_ms + REPLICA_BLOCK_MS,
                                    .told = told};
    replica_fork_suspect(replica, peer, &(struct replica_suspect){.stream = stream, .seq = known});
    if (is_news) {
        tell_fork(replica, peer, stream, seq, "looking for the first that differs");
    }
}

void replica_block_found(struct replica *replica, struct replica_central *peer, uint32_t stream,
                         uint64_t seq, bool is_ours_moved)
{
    struct replica_block *block = find_block(peer, stream);

    if (!block || block->told != seq) {
        tell_fork(replica, peer, stream, seq,
                  is_ours_moved ? "ours goes on under an epoch of its own"
                                : "theirs goes on under an epoch of its own");
    }
    if (!block) {
        /* Remembered, but nothing has to wait. */
        block = new_block(peer);
        *block = (struct replica_block){.stream = stream, .until_ms = replica->now.mono_ms};
    }
    block->told = seq;
}

void replica_block_end(struct replica *replica, uint32_t stream)
{
    for (size_t i = 0; i < replica->peer_count; i++) {
        struct replica_block *block = find_block(replica->peers[i], stream);
        if (block) {
            block->until_ms = replica->now.mono_ms;
        }
    }
}
