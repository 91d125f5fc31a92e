/*
 * Who and where: central ids, streams, positions in the log, and the digests over them.
 *
 * A stream is (node, epoch): one writer, dense sequence numbers 1..n. `epoch` is random and minted
 * at the first local write after each process start, so that a database which went back in time
 * can never issue a number again that a peer already holds.
 */
#ifndef PROTO_IDS_H
#define PROTO_IDS_H

#include "proto/bytes.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* A central's id, `[A-Za-z0-9][A-Za-z0-9_-]{0,62}`, NUL-terminated. */
struct node_id {
    char text[LIMIT_NODE_ID + 1];
};

struct stream {
    struct node_id node;
    uint64_t epoch; /* never 0 */
};

/* One event's place in the log. */
struct position {
    struct stream stream;
    uint64_t seq; /* 1.. */
};

/* 128 bits: a link of a chain, or a sum of such. Compared bytewise; added little-endian. */
struct digest {
    uint8_t bytes[16];
};

/* The newest event of a stream and the chain value there. head 0 has the zero chain. */
struct head {
    struct stream stream;
    uint64_t seq;
    struct digest chain;
};

/* Parses an id; false when `text` is not one. */
bool node_id_parse(struct slice text, struct node_id *out);

/* strcmp order on node, then epoch, (then seq). */
int node_id_compare(const struct node_id *a, const struct node_id *b);
int stream_compare(const struct stream *a, const struct stream *b);
int position_compare(const struct position *a, const struct position *b);

/* chain_n = BLAKE2b-128(chain_{n-1} || u32le(header length) || header || body hash). */
struct digest chain_next(const struct digest *previous, struct slice header,
                         const struct digest *body_hash);

/* BLAKE2b-128 of a body's bytes. */
struct digest body_hash(struct slice body);

/* What one stream adds to its node's digest: BLAKE2b-128(node || 0 || epoch le64 || seq le64 ||
 * chain); the zero digest for seq 0. */
struct digest head_digest(const struct head *head);

/* Sums and differences mod 2^128. */
void digest_add(struct digest *sum, const struct digest *part);
void digest_subtract(struct digest *sum, const struct digest *part);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *digest);

/* 32 lower-case hex digits and a NUL. */
void digest_hex(const struct digest *digest, char out[33]);

/* Prepares the library behind the hashes and random numbers. Main thread, before others start;
 * again is harmless. 0, or -1 when the system gives no random numbers. */
int random_start(void);

/* Random 64 bits, never 0 (an epoch, a boot nonce). */
uint64_t random_nonzero(void);

#endif
