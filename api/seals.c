#include "api/seals.h"

#include "proto/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
    uint8_t mac[SEAL_MAC];
    int64_t wall_ms; /* of its sender */
};

struct seals {
    pthread_mutex_t mutex;
    bool has_key;
    uint8_t key[SEAL_KEY];
    struct seen seen[LIMIT_SEALS_SEEN];
    size_t count;
};

struct seals *seals_new(void)
{
    struct seals *seals = bytes_allocate(1, sizeof *seals);

    if (pthread_mutex_init(&seals->mutex, NULL) != 0) {
        abort(); /* out of memory */
    }
    return seals;
}

void seals_destroy(struct seals **seals)
{
    if (*seals == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&(*seals)->mutex); /* nobody holds it */
    explicit_bzero((*seals)->key, sizeof(*seals)->key);
    free(*seals);
    *seals = NULL;
}

void seals_set_key(struct seals *seals, const uint8_t *key)
{
    (void)pthread_mutex_lock(&seals->mutex);
    seals->has_key = key != NULL;
    if (key != NULL) {
        memcpy(seals->key, key, sizeof seals->key);
    }
    (void)pthread_mutex_unlock(&seals->mutex);
}

int seals_line(struct seals *seals, const char *method, struct slice target, struct slice body,
               char line[SEALS_LINE])
{
    struct seal_subject subject = {
        .method = slice_text(method), .target = target, .body = body, .wall_ms = clock_wall_ms()};
    char text[SEAL_TEXT];
    int rc;

    (void)pthread_mutex_lock(&seals->mutex);
    rc = seals->has_key ? seal_make(seals->key, &subject, text) : -1;
    (void)pthread_mutex_unlock(&seals->mutex);
    if (rc == 0) {
        (void)snprintf(line, SEALS_LINE, "%s: %s", SEAL_HEADER, text);
    }
    return rc;
}

/* False for one that was there, and when there is no room for one more: then a person decides. */
static bool is_new(struct seals *seals, const uint8_t mac[SEAL_MAC], int64_t wall_ms,
                   int64_t now_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < seals->count; i++) {
        if (memcmp(seals->seen[i].mac, mac, SEAL_MAC) == 0) {
            return false;
        }
        if (seals->seen[i].wall_ms > now_ms - LIMIT_SEAL_MS) {
            seals->seen[kept++] = seals->seen[i];
        }
    }
    seals->count = kept;
    if (kept == LIMIT_SEALS_SEEN) {
        return false;
    }
    memcpy(seals->seen[kept].mac, mac, SEAL_MAC);
    seals->seen[kept].wall_ms = wall_ms;
    seals->count++;
    return true;
}

bool seals_hold(struct request *request)
{
    struct seals *seals = request->gateway->seals;
    const char *text = mg_get_header(request->connection, SEAL_HEADER);
    const char *query = request->info->query_string;
    struct buffer target = {0};
    struct seal_subject subject = {.method = slice_text(request->info->request_method),
                                   .body = request->body};
    int64_t now_ms = clock_wall_ms();
    uint8_t mac[SEAL_MAC];
    bool holds = false;

    if (text == NULL || buffer_printf(&target, "%s%s%s", request->info->local_uri_raw,
                                      query != NULL ? "?" : "", query != NULL ? query : "") != 0) {
        buffer_free(&target);
        return false;
    }
    subject.target = buffer_slice(&target);
    (void)pthread_mutex_lock(&seals->mutex);
    if (seals->has_key) {
        holds = seal_check(seals->key, &subject, text, now_ms, mac) &&
                is_new(seals, mac, subject.wall_ms, now_ms);
    }
    (void)pthread_mutex_unlock(&seals->mutex);
    buffer_free(&target);
    return holds;
}
