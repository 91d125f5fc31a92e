#include "proto/bytes.h"

#include "proto/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a first append reserves: most events and answers fit. */
#define FIRST_CAPACITY 256

static void *checked(void *memory)
{
    if (!memory) {
        fputs("parkmesh: out of memory\n", stderr);
        abort();
    }
    return memory;
}

struct slice slice_text(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

bool slice_equal(struct slice a, struct slice b)
{
    return slice_compare(a, b) == 0;
}

int slice_compare(struct slice a, struct slice b)
{
    if (!a.data || !b.data) {
        return (a.data != NULL) - (b.data != NULL);
    }
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

size_t slice_cut(struct slice text, size_t max)
{
    if (!text.data || text.len <= max) {
        return text.data ? text.len : 0;
    }
    /* Back over continuation bytes to the character that would be split; bytes that are no UTF-8
     * at all are cut where the room ends. */
    size_t cut = max;
    while (cut && max - cut < 3 && ((unsigned char)text.data[cut] & 0xC0) == 0x80) {
        cut--;
    }
    return ((unsigned char)text.data[cut] & 0xC0) == 0x80 ? max : cut;
}

bool slice_copy(struct slice from, char *out, size_t size)
{
    if (size == 0) {
        return false;
    }
    size_t len = slice_cut(from, size - 1);
    if (len) {
        memmove(out, from.data, len); /* a text may be copied onto itself */
    }
    out[len] = '\0';
    return !from.data || len == from.len;
}

void slice_join(const struct slice *parts, size_t count, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (!slice_copy(parts[i], out + used, size - used)) {
            return;
        }
        used += parts[i].data ? parts[i].len : 0;
    }
}

void *bytes_allocate(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *bytes_resize(void *memory, size_t size)
{
    return checked(realloc(memory, size ? size : 1));
}

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.limit = buffer->limit};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->full = false;
}

/* Room for `len` more bytes. */
static int reserve(struct buffer *buffer, size_t len)
{
    size_t limit = buffer->limit ? buffer->limit : LIMIT_MESSAGE_BYTES;
    if (buffer->full || len > limit - buffer->len) {
        buffer->full = true;
        return -1;
    }
    size_t needed = buffer->len + len;
    if (needed <= buffer->capacity) {
        return 0;
    }
    size_t first = FIRST_CAPACITY < limit ? FIRST_CAPACITY : limit;
    size_t capacity = buffer->capacity ? buffer->capacity : first;
    while (capacity < needed) {
        capacity = capacity > limit / 2 ? limit : capacity * 2;
    }
    buffer->data = bytes_resize(buffer->data, capacity);
    buffer->capacity = capacity;
    return 0;
}

char *buffer_extend(struct buffer *buffer, size_t len)
{
    /* What was reserved is below the limit: most extensions need no look at it. */
    if ((buffer->full || len > buffer->capacity - buffer->len) && reserve(buffer, len)) {
        return NULL;
    }
    char *start = buffer->data + buffer->len;
    buffer->len += len;
    return start;
}

int buffer_append(struct buffer *buffer, const void *data, size_t len)
{
    if (len == 0) {
        return buffer->full ? -1 : 0;
    }
    char *start = buffer_extend(buffer, len);
    if (!start) {
        return -1;
    }
    memcpy(start, data, len);
    return 0;
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    /* vsnprintf writes a NUL behind the text, so the room must hold one byte more. */
    if (len < 0 || reserve(buffer, (size_t)len + 1)) {
        buffer->full = true;
        return -1;
    }
    va_start(arguments, format);
    (void)vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, arguments); /* as above */
    va_end(arguments);
    buffer->len += (size_t)len;
    return 0;
}

struct slice buffer_slice(const struct buffer *buffer)
{
    return (struct slice){buffer->data ? buffer->data : "", buffer->len};
}

int buffer_msgpack_write(void *buffer, const char *data, size_t len)
{
    return buffer_append(buffer, data, len);
}

size_t decimal_text(uint64_t number, char out[DECIMAL_TEXT])
{
    char digits[DECIMAL_TEXT];
    size_t at = sizeof digits;

    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at - 1;
}

size_t decimal_signed(int64_t number, char out[DECIMAL_TEXT])
{
    char digits[DECIMAL_TEXT];
    size_t minus = number < 0 ? 1 : 0;
    size_t len = decimal_text(minus ? -(uint64_t)number : (uint64_t)number, digits);

    out[0] = '-';
    memcpy(out + minus, digits, len + 1); /* an int64 has 19 digits, so a minus fits, too */
    return minus + len;
}
