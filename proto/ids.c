#include "proto/ids.h"

#include <sodium.h>

#include <assert.h>
#include <string.h>

static bool is_alphanumeric(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static void put_le(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_le64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

bool node_id_parse(struct slice text, struct node_id *out)
{
    if (!text.data || text.len == 0 || text.len > LIMIT_NODE_ID || !is_alphanumeric(*text.data)) {
        return false;
    }
    for (size_t i = 1; i < text.len; i++) {
        char c = text.data[i];
        if (!is_alphanumeric(c) && c != '_' && c != '-') {
            return false;
        }
    }
    /* All bytes are written, so that equal ids are equal bytes. */
    memset(out, 0, sizeof *out);
    memcpy(out->text, text.data, text.len);
    return true;
}

int node_id_compare(const struct node_id *a, const struct node_id *b)
{
    return strcmp(a->text, b->text);
}

int stream_compare(const struct stream *a, const struct stream *b)
{
    int order = node_id_compare(&a->node, &b->node);
    return order ? order : (a->epoch > b->epoch) - (a->epoch < b->epoch);
}

int position_compare(const struct position *a, const struct position *b)
{
    int order = stream_compare(&a->stream, &b->stream);
    return order ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

/* The library's calls cannot fail with a fixed output size and no key. */
static void start_hash(crypto_generichash_state *state)
{
    int failed = crypto_generichash_init(state, NULL, 0, sizeof((struct digest *)0)->bytes);
    assert(!failed);
}

static void add_hash(crypto_generichash_state *state, const void *data, size_t len)
{
    int failed = crypto_generichash_update(state, data, len);
    assert(!failed);
}

static struct digest end_hash(crypto_generichash_state *state)
{
    struct digest digest;
    int failed = crypto_generichash_final(state, digest.bytes, sizeof digest.bytes);
    assert(!failed);
    return digest;
}

struct digest chain_next(const struct digest *previous, struct slice header,
                         const struct digest *body_hash)
{
    crypto_generichash_state state;
    uint8_t length[4];

    put_le(length, header.len, sizeof length);
    start_hash(&state);
    add_hash(&state, previous->bytes, sizeof previous->bytes);
    add_hash(&state, length, sizeof length);
    add_hash(&state, header.data, header.len);
    add_hash(&state, body_hash->bytes, sizeof body_hash->bytes);
    return end_hash(&state);
}

struct digest body_hash(struct slice body)
{
    crypto_generichash_state state;

    start_hash(&state);
    add_hash(&state, body.data, body.len);
    return end_hash(&state);
}

struct digest head_digest(const struct head *head)
{
    crypto_generichash_state state;
    uint8_t numbers[16];

    if (head->seq == 0) {
        return (struct digest){{0}};
    }
    put_le(numbers, head->stream.epoch, 8);
    put_le(numbers + 8, head->seq, 8);
    start_hash(&state);
    add_hash(&state, head->stream.node.text, strlen(head->stream.node.text) + 1);
    add_hash(&state, numbers, sizeof numbers);
    add_hash(&state, head->chain.bytes, sizeof head->chain.bytes);
    return end_hash(&state);
}

void digest_add(struct digest *sum, const struct digest *part)
{
    uint64_t part_low = get_le64(part->bytes);
    uint64_t low = get_le64(sum->bytes) + part_low;
    uint64_t high = get_le64(sum->bytes + 8) + get_le64(part->bytes + 8) + (low < part_low);
    put_le(sum->bytes, low, 8);
    put_le(sum->bytes + 8, high, 8);
}

void digest_subtract(struct digest *sum, const struct digest *part)
{
    uint64_t low = get_le64(sum->bytes);
    uint64_t part_low = get_le64(part->bytes);
    uint64_t high = get_le64(sum->bytes + 8) - get_le64(part->bytes + 8) - (low < part_low);
    put_le(sum->bytes, low - part_low, 8);
    put_le(sum->bytes + 8, high, 8);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool digest_is_zero(const struct digest *digest)
{
    static const struct digest zero;
    return digest_equal(digest, &zero);
}

void digest_hex(const struct digest *digest, char out[33])
{
    (void)sodium_bin2hex(out, 33, digest->bytes, sizeof digest->bytes); /* returns `out` */
}

int random_start(void)
{
    return sodium_init() < 0 ? -1 : 0;
}

uint64_t random_nonzero(void)
{
    uint64_t value = 0;
    while (value == 0) {
        randombytes_buf(&value, sizeof value);
    }
    return value;
}
