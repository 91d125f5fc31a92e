/*
 * Borrowed bytes (`struct slice`) and an owned, growing buffer with a ceiling (`struct buffer`).
 */
#ifndef PROTO_BYTES_H
#define PROTO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes owned by somebody else. `data == NULL` means absent, which differs from empty. */
struct slice {
    const char *data;
    size_t len;
};

/* A slice of a NUL-terminated text, absent for NULL. Borrows. */
struct slice slice_text(const char *text);

/* Equal bytes; two absent slices are equal, absent and empty are not. */
bool slice_equal(struct slice a, struct slice b);

/* Byte order as memcmp, shorter first; absent sorts before everything. */
int slice_compare(struct slice a, struct slice b);

/* Length of the longest start of `text` with at most `max` bytes that splits no UTF-8 character. */
size_t slice_cut(struct slice text, size_t max);

/* Copies into `out` with a NUL, cut to at most `size - 1` bytes, never inside a UTF-8 character;
 * returns false when it was cut. */
bool slice_copy(struct slice from, char *out, size_t size);

/* Copies texts, one behind the other, into `out` with a NUL (`size` > 0); what no longer fits is
 * cut, never inside a UTF-8 character. For texts that every event has: printf costs ten times as
 * much. */
void slice_join(const struct slice *parts, size_t count, char *out, size_t size);

/* Zeroed memory for `count` things of `size` bytes, for free(). Aborts when the machine is out of
 * memory; never NULL, also for a count of 0. */
void *bytes_allocate(size_t count, size_t size);
/* The same memory, moved if need be, with room for `size` bytes; what is new is not zeroed.
 * `memory` may be NULL. Aborts likewise; never NULL, also for a size of 0. */
void *bytes_resize(void *memory, size_t size);

/* Owned bytes. Zero-initialise, or use buffer_init for a ceiling. */
struct buffer {
    char *data;
    size_t len;
    size_t capacity;
    size_t limit; /* 0 = LIMIT_MESSAGE_BYTES */
    bool full;    /* an append would have passed the limit; nothing after it was appended */
};

/* An empty buffer that refuses to grow past `limit` bytes. */
void buffer_init(struct buffer *buffer, size_t limit);

/* Frees the memory and leaves an empty buffer. */
void buffer_free(struct buffer *buffer);

/* Empties the buffer and clears `full`; keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* Appends. Returns 0, or -1 (and sets `full`) when the ceiling would be passed. Aborts when the
 * machine is out of memory. */
int buffer_append(struct buffer *buffer, const void *data, size_t len);

/* Lengthens the buffer by `len` bytes and returns where they begin, for who writes them at once;
 * NULL (and sets `full`) when the ceiling would be passed. */
char *buffer_extend(struct buffer *buffer, size_t len);

/* Appends formatted text, without its NUL. 0 or -1 as buffer_append. */
int buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The contents as a slice, valid until the next change of the buffer. */
struct slice buffer_slice(const struct buffer *buffer);

/* The write callback that msgpack_packer_init expects, with a `struct buffer *` as data. */
int buffer_msgpack_write(void *buffer, const char *data, size_t len);

/* A number as decimal text and a NUL; returns its digits. Every answer and message has some, and
 * printf costs a microsecond each. Any thread. */
#define DECIMAL_TEXT 21
size_t decimal_text(uint64_t number, char out[DECIMAL_TEXT]);
/* The same with a minus where it needs one, which counts as a digit. */
size_t decimal_signed(int64_t number, char out[DECIMAL_TEXT]);

#endif
