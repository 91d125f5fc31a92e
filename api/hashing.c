#include "api/hashing.h"

#include "proto/bytes.h"
#include "proto/limits.h"

#include <pthread.h>
#include <stdlib.h>

struct hashing {
    pthread_mutex_t mutex;
    pthread_cond_t left;
    int running, waiting;
};

struct hashing *hashing_new(void)
{
    struct hashing *hashing = bytes_allocate(1, sizeof *hashing);

    (void)pthread_mutex_init(&hashing->mutex, NULL); /* cannot fail on Linux */
    (void)pthread_cond_init(&hashing->left, NULL);   /* as above */
    return hashing;
}

void hashing_destroy(struct hashing **hashing)
{
    if (*hashing == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&(*hashing)->left);
    (void)pthread_mutex_destroy(&(*hashing)->mutex);
    free(*hashing);
    *hashing = NULL;
}

bool hashing_enter(struct hashing *hashing)
{
    bool entered = false;

    (void)pthread_mutex_lock(&hashing->mutex);
    if (hashing->waiting < LIMIT_PASSWORDS_WAITING) {
        hashing->waiting++;
        while (hashing->running >= LIMIT_PASSWORDS_AT_ONCE) {
            (void)pthread_cond_wait(&hashing->left, &hashing->mutex);
        }
        hashing->waiting--;
        hashing->running++;
        entered = true;
    }
    (void)pthread_mutex_unlock(&hashing->mutex);
    return entered;
}

void hashing_leave(struct hashing *hashing)
{
    (void)pthread_mutex_lock(&hashing->mutex);
    hashing->running--;
    (void)pthread_cond_signal(&hashing->left);
    (void)pthread_mutex_unlock(&hashing->mutex);
}
