/*
 * Memory that lives for one batch: an arena, growing arrays, and sets of texts. Allocation never
 * fails; the program ends when the machine is out of memory.
 */
#ifndef STORAGE_MEMORY_H
#define STORAGE_MEMORY_H

#include "proto/bytes.h"

/* Pieces that are all given back at once. Zero-initialise. */
struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes of the newest */
    size_t bytes;               /* of all of them */
    size_t chunk_bytes;         /* of a usual one; 0 = 64 KiB */
};

/* Aligned for any type, not cleared. */
void *arena_take(struct arena *arena, size_t size);
/* A copy with a NUL behind it; absent stays absent. */
struct slice arena_copy(struct arena *arena, struct slice bytes);
/* Gives everything back but keeps one chunk for the next batch. */
void arena_clear(struct arena *arena);
void arena_free(struct arena *arena);

/* Makes room for `need` items of `size` bytes in a malloc'ed array. Returns the array. */
void *memory_grow(void *array, size_t *capacity, size_t need, size_t size);

/* Distinct texts in order of arrival, numbered from 0. Zero-initialise. */
struct texts {
    struct slice *items; /* each with a NUL behind it */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* item number + 1; 0 = free */
    size_t slot_count;
    struct arena arena;
};

#define TEXTS_NONE SIZE_MAX

/* The same for equal texts, and nothing to rely on from one release to the next. */
uint64_t texts_hash(struct slice text);
/* The text's number, added when it is new. */
size_t texts_add(struct texts *texts, struct slice text);
/* The text's number, or TEXTS_NONE. */
size_t texts_find(const struct texts *texts, struct slice text);
void texts_clear(struct texts *texts);
void texts_free(struct texts *texts);

#endif
