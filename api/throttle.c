#include "api/throttle.h"

#include "proto/bytes.h"
#include "proto/limits.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * An allowance as the time at which it will be whole again: an attempt moves that `cost_ms` into
 * the future, and may not move it further than `room_ms`. One number, nothing to refill.
 */
struct rate {
    int64_t cost_ms, room_ms;
};
static const struct rate OF_ACCOUNT = {30000, 30000LL * 5}; /* 5 at once, then 2 a minute */
static const struct rate OF_ADDRESS = {5000, 5000LL * 20};  /* 20 at once, then 12 a minute */

#define KEY_BYTES (LIMIT_ACCOUNT_NAME + 1)

struct entry {
    char key[KEY_BYTES];
    int64_t whole_ms;
};

struct table {
    struct entry entries[LIMIT_THROTTLED];
};

struct throttle {
    pthread_mutex_t mutex;
    struct table accounts, addresses;
};

struct throttle *throttle_new(void)
{
    struct throttle *throttle = bytes_allocate(1, sizeof *throttle);

    (void)pthread_mutex_init(&throttle->mutex, NULL); /* cannot fail on Linux */
    return throttle;
}

void throttle_destroy(struct throttle **throttle)
{
    if (*throttle == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&(*throttle)->mutex);
    free(*throttle);
    *throttle = NULL;
}

/* The entry of a key; for a new one the place of whoever has been quiet the longest. */
static struct entry *find(struct table *table, const char *key)
{
    struct entry *quiet = &table->entries[0];

    for (size_t i = 0; i < LIMIT_THROTTLED; i++) {
        struct entry *entry = &table->entries[i];
        if (strcmp(entry->key, key) == 0) {
            return entry;
        }
        if (entry->whole_ms < quiet->whole_ms) {
            quiet = entry;
        }
    }
    (void)snprintf(quiet->key, sizeof quiet->key, "%s", key); /* keys have KEY_BYTES */
    quiet->whole_ms = 0;
    return quiet;
}

/* How long until one attempt fits; 0 or less = now. */
static int64_t wait_ms(const struct entry *entry, const struct rate *rate, int64_t now_ms)
{
    return entry->whole_ms + rate->cost_ms - rate->room_ms - now_ms;
}

static void take(struct entry *entry, const struct rate *rate, int64_t now_ms)
{
    entry->whole_ms = (entry->whole_ms > now_ms ? entry->whole_ms : now_ms) + rate->cost_ms;
}

static void key_of(const char *text, char out[KEY_BYTES])
{
    size_t len = 0;

    for (; text[len] != '\0' && len < KEY_BYTES - 1; len++) {
        out[len] = (char)tolower((unsigned char)text[len]);
    }
    out[len] = '\0';
}

int throttle_take(struct throttle *throttle, const char *name, const char *address, int64_t now_ms)
{
    char account_key[KEY_BYTES], address_key[KEY_BYTES];
    struct entry *account, *from;
    int64_t longest;

    key_of(name, account_key);
    key_of(address, address_key);
    (void)pthread_mutex_lock(&throttle->mutex);
    account = find(&throttle->accounts, account_key);
    from = find(&throttle->addresses, address_key);
    longest = wait_ms(account, &OF_ACCOUNT, now_ms);
    if (wait_ms(from, &OF_ADDRESS, now_ms) > longest) {
        longest = wait_ms(from, &OF_ADDRESS, now_ms);
    }
    if (longest <= 0) {
        take(account, &OF_ACCOUNT, now_ms);
        take(from, &OF_ADDRESS, now_ms);
    }
    (void)pthread_mutex_unlock(&throttle->mutex);
    return longest <= 0 ? 0 : (int)((longest + 999) / 1000);
}

void throttle_forgive(struct throttle *throttle, const char *name, const char *address)
{
    char account_key[KEY_BYTES], address_key[KEY_BYTES];

    key_of(name, account_key);
    key_of(address, address_key);
    (void)pthread_mutex_lock(&throttle->mutex);
    find(&throttle->accounts, account_key)->whole_ms = 0;
    find(&throttle->addresses, address_key)->whole_ms -= OF_ADDRESS.cost_ms;
    (void)pthread_mutex_unlock(&throttle->mutex);
}
