#include "api/trust.h"

#include "proto/bytes.h"
#include "proto/limits.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct list {
    uint32_t *addresses; /* network order */
    atomic_size_t count; /* changed under the mutex; whoever sees 0 need not take it */
    size_t most;
};

struct trust {
    pthread_mutex_t mutex;
    struct list cameras, proxies;
};

static void list_set(struct list *list, const uint32_t *addresses, size_t count)
{
    count = count < list->most ? count : list->most;
    if (count > 0) {
        memcpy(list->addresses, addresses, count * sizeof addresses[0]);
    }
    atomic_store(&list->count, count);
}

static bool list_has(struct trust *trust, const struct list *list, const char *text)
{
    struct in_addr address;
    bool has = false;

    if (atomic_load(&list->count) == 0 || inet_pton(AF_INET, text, &address) != 1) {
        return false;
    }
    (void)pthread_mutex_lock(&trust->mutex); /* a plain mutex of ours: locking it cannot fail */
    for (size_t i = 0; i < atomic_load(&list->count) && !has; i++) {
        has = list->addresses[i] == address.s_addr;
    }
    (void)pthread_mutex_unlock(&trust->mutex);
    return has;
}

struct trust *trust_new(void)
{
    struct trust *trust = bytes_allocate(1, sizeof *trust);

    (void)pthread_mutex_init(&trust->mutex, NULL); /* cannot fail on Linux */
    trust->cameras.most = LIMIT_CAMERAS;
    trust->cameras.addresses = bytes_allocate(LIMIT_CAMERAS, sizeof(uint32_t));
    trust->proxies.most = LIMIT_PROXIES;
    trust->proxies.addresses = bytes_allocate(LIMIT_PROXIES, sizeof(uint32_t));
    return trust;
}

void trust_destroy(struct trust **trust)
{
    if (*trust == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&(*trust)->mutex);
    free((*trust)->cameras.addresses);
    free((*trust)->proxies.addresses);
    free(*trust);
    *trust = NULL;
}

void trust_set(struct trust *trust, const struct api_trust *addresses)
{
    (void)pthread_mutex_lock(&trust->mutex);
    list_set(&trust->cameras, addresses->cameras, addresses->camera_count);
    list_set(&trust->proxies, addresses->proxies, addresses->proxy_count);
    (void)pthread_mutex_unlock(&trust->mutex);
}

bool trust_is_camera(struct trust *trust, const char *address)
{
    return list_has(trust, &trust->cameras, address);
}

bool trust_is_proxy(struct trust *trust, const char *address)
{
    return list_has(trust, &trust->proxies, address);
}
