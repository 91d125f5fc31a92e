#include "tests/proto/support_suite.h"

#include "proto/ids.h"
#include "tests/support_main.h"

#include <stdlib.h>
#include <string.h>

/* First bytes of all msgpack shapes with a length, and the edges of integers. */
static const unsigned char TELLING[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                        0xc1, 0xc2, 0xc4, 0xc6, 0xc7, 0xca, 0xcb, 0xcf, 0xd3,
                                        0xd8, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff};

int suite_run(const char *name, const TTest *const *tests, size_t count)
{
    if (random_start()) {
        return EXIT_FAILURE;
    }
    return main_run_list(name, tests, count, 0);
}

uint64_t suite_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void read_exact(struct slice bytes, void (*read)(struct slice bytes))
{
    char *copy = malloc(bytes.len ? bytes.len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes.data, bytes.len);
    read((struct slice){copy, bytes.len});
    free(copy);
}

static void change_one(char *bytes, size_t len, uint64_t *state)
{
    size_t at = (size_t)(suite_random(state) % len);
    if (suite_random(state) % 2) {
        bytes[at] = (char)TELLING[suite_random(state) % sizeof TELLING];
    } else {
        bytes[at] = (char)(bytes[at] ^ (1 << (suite_random(state) % 8)));
    }
}

void suite_hostile(struct slice valid, size_t rounds, void (*read)(struct slice bytes))
{
    uint64_t state = 1;
    char *copy = malloc(valid.len);
    ck_assert_ptr_nonnull(copy);

    for (size_t len = 0; len < valid.len; len++) {
        read_exact((struct slice){valid.data, len}, read);
    }
    for (size_t at = 0; at < valid.len; at++) {
        for (size_t i = 0; i < sizeof TELLING; i++) {
            memcpy(copy, valid.data, valid.len);
            copy[at] = (char)TELLING[i];
            read_exact((struct slice){copy, valid.len}, read);
        }
    }
    for (size_t round = 0; round < rounds; round++) {
        memcpy(copy, valid.data, valid.len);
        for (size_t left = 1 + (size_t)(suite_random(&state) % 6); left; left--) {
            change_one(copy, valid.len, &state);
        }
        read_exact((struct slice){copy, valid.len}, read);
    }
    free(copy);
}
