#include "storage/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64 * 1024) /* holds the events of a usual fold */
#define FIRST_BYTES 1024        /* of an array, rounded up to whole items */

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void *arena_take(struct arena *arena, size_t size)
{
    size_t padded = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (padded < size) {
        abort();
    }
    if (!arena->chunks || arena->chunks->size - arena->used < padded) {
        size_t room = arena->chunk_bytes ? arena->chunk_bytes : CHUNK_BYTES;
        room = padded > room ? padded : room;
        struct arena_chunk *chunk = malloc(sizeof *chunk + room);
        if (!chunk) {
            abort();
        }
        chunk->size = room;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->used = 0;
        arena->bytes += room;
    }
    void *piece = arena->chunks->bytes + arena->used;
    arena->used += padded;
    return piece;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    if (!bytes.data) {
        return bytes;
    }
    char *copy = arena_take(arena, bytes.len + 1);
    memcpy(copy, bytes.data, bytes.len);
    copy[bytes.len] = '\0';
    return (struct slice){copy, bytes.len};
}

void arena_clear(struct arena *arena)
{
    while (arena->chunks && arena->chunks->next) {
        struct arena_chunk *next = arena->chunks->next;
        arena->bytes -= arena->chunks->size;
        free(arena->chunks);
        arena->chunks = next;
    }
    arena->used = 0;
}

void arena_free(struct arena *arena)
{
    arena_clear(arena);
    free(arena->chunks);
    *arena = (struct arena){.chunk_bytes = arena->chunk_bytes};
}

void *memory_grow(void *array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) {
        return array;
    }
    size_t room = *capacity ? *capacity * 2 : FIRST_BYTES / size + 1;
    if (room < need) {
        room = need;
    }
    if (room > SIZE_MAX / size) {
        abort();
    }
    array = realloc(array, room * size);
    if (!array) {
        abort();
    }
    *capacity = room;
    return array;
}

/* FNV-1a over words of eight bytes; sets are small, and a bad day only makes one batch slower. */
uint64_t texts_hash(struct slice text)
{
    uint64_t hash = 14695981039346656037u, word;
    size_t at = 0;
    for (; text.len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text.data + at, sizeof word);
        hash = (hash ^ word) * 1099511628211u;
        hash ^= hash >> 32; /* a multiplication carries bits upwards only */
    }
    for (; at < text.len; at++) {
        hash = (hash ^ (uint64_t)(unsigned char)text.data[at]) * 1099511628211u;
    }
    return hash ^ hash >> 29;
}

/* The slot that holds the text, or the free one where it belongs. */
static size_t slot_of(const struct texts *texts, struct slice text)
{
    size_t mask = texts->slot_count - 1;
    size_t slot = (size_t)texts_hash(text) & mask;
    while (texts->slots[slot] && !slice_equal(texts->items[texts->slots[slot] - 1], text)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void rehash(struct texts *texts)
{
    free(texts->slots);
    texts->slot_count = texts->slot_count ? texts->slot_count * 2 : 64;
    texts->slots = calloc(texts->slot_count, sizeof *texts->slots);
    if (!texts->slots) {
        abort();
    }
    for (size_t i = 0; i < texts->count; i++) {
        texts->slots[slot_of(texts, texts->items[i])] = (uint32_t)(i + 1);
    }
}

size_t texts_add(struct texts *texts, struct slice text)
{
    if (texts->count * 2 >= texts->slot_count) {
        rehash(texts);
    }
    size_t slot = slot_of(texts, text);
    if (texts->slots[slot]) {
        return texts->slots[slot] - 1;
    }
    texts->items =
        memory_grow(texts->items, &texts->capacity, texts->count + 1, sizeof *texts->items);
    texts->items[texts->count] = arena_copy(&texts->arena, text);
    texts->slots[slot] = (uint32_t)++texts->count;
    return texts->count - 1;
}

size_t texts_find(const struct texts *texts, struct slice text)
{
    if (texts->count == 0) {
        return TEXTS_NONE;
    }
    size_t slot = slot_of(texts, text);
    return texts->slots[slot] ? texts->slots[slot] - 1 : TEXTS_NONE;
}

void texts_clear(struct texts *texts)
{
    /* A set that was large once is not cleared in full for every small batch after it. */
    if (texts->slot_count > 4096 && texts->count < texts->slot_count / 16) {
        free(texts->slots);
        texts->slots = NULL;
        texts->slot_count = 0;
    } else if (texts->slots) {
        memset(texts->slots, 0, texts->slot_count * sizeof *texts->slots);
    }
    texts->count = 0;
    arena_clear(&texts->arena);
}

void texts_free(struct texts *texts)
{
    arena_free(&texts->arena);
    free(texts->items);
    free(texts->slots);
    *texts = (struct texts){0};
}
