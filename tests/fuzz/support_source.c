#include "tests/fuzz/support_source.h"

#include <stdlib.h>
#include <string.h>

void source_require(bool condition)
{
    if (!condition) {
        abort();
    }
}

uint8_t source_u8(struct source *source)
{
    if (source->left == 0) {
        return 0;
    }
    source->left--;
    return *source->data++;
}

uint64_t source_u64(struct source *source)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | source_u8(source);
    }
    return value;
}

size_t source_below(struct source *source, size_t bound)
{
    return source_u8(source) % bound;
}

bool source_bool(struct source *source)
{
    return source_u8(source) & 1;
}

struct slice source_piece(struct source *source, size_t max)
{
    size_t length = source_u8(source);

    if (max > UINT8_MAX) {
        length = length << 8 | source_u8(source);
    }
    length = length > max ? max : length;
    length = length > source->left ? source->left : length;
    struct slice piece = {(const char *)source->data, length};
    source->data += length;
    source->left -= length;
    return piece;
}

int64_t source_i64(struct source *source)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, INT32_MIN,     -1,       0,
                                    1,         INT32_MAX,     INT64_MAX - 1, INT64_MAX};
    uint8_t what = source_u8(source);

    if (what < 128) {
        return (int64_t)what - 32;
    }
    if (what < 192) {
        return edges[what % (sizeof edges / sizeof *edges)];
    }
    uint64_t bits = source_u64(source);
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

char *source_exact(struct slice bytes)
{
    char *copy = malloc(bytes.len ? bytes.len : 1);

    source_require(copy != NULL);
    if (bytes.len) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return copy;
}
