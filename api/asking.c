#include "api/asking.h"

#include "proto/bytes.h"
#include "proto/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct asking {
    pthread_mutex_t mutex;
    struct asking_peer peers[LIMIT_ASKING_PEERS]; /* the oldest first */
    size_t count;
};

struct asking *asking_new(void)
{
    struct asking *asking = bytes_allocate(1, sizeof *asking);

    if (pthread_mutex_init(&asking->mutex, NULL) != 0) {
        abort(); /* out of memory */
    }
    return asking;
}

void asking_destroy(struct asking **asking)
{
    if (*asking == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&(*asking)->mutex); /* nobody holds it */
    free(*asking);
    *asking = NULL;
}

static void drop(struct asking *asking, size_t place)
{
    asking->count--;
    memmove(&asking->peers[place], &asking->peers[place + 1],
            (asking->count - place) * sizeof asking->peers[0]);
}

/* The place of a central, `count` when it asks nothing. Forgets what is too old. */
static size_t place_of(struct asking *asking, const struct node_id *id)
{
    size_t place = 0;

    while (asking->count > 0 && asking->peers[0].since_ms < clock_wall_ms() - LIMIT_ASKING_MS) {
        drop(asking, 0);
    }
    while (place < asking->count && node_id_compare(&asking->peers[place].id, id) != 0) {
        place++;
    }
    return place;
}

void asking_add(struct asking *asking, const struct asking_peer *peer)
{
    size_t place;

    (void)pthread_mutex_lock(&asking->mutex);
    place = place_of(asking, &peer->id);
    if (place < asking->count) {
        drop(asking, place);
    } else if (asking->count == LIMIT_ASKING_PEERS) {
        drop(asking, 0);
    }
    asking->peers[asking->count++] = *peer;
    (void)pthread_mutex_unlock(&asking->mutex);
}

bool asking_find(struct asking *asking, const struct node_id *id, struct asking_peer *peer)
{
    size_t place;
    bool found;

    (void)pthread_mutex_lock(&asking->mutex);
    place = place_of(asking, id);
    found = place < asking->count;
    if (found) {
        *peer = asking->peers[place];
    }
    (void)pthread_mutex_unlock(&asking->mutex);
    return found;
}

bool asking_remove(struct asking *asking, const struct node_id *id)
{
    size_t place;
    bool found;

    (void)pthread_mutex_lock(&asking->mutex);
    place = place_of(asking, id);
    found = place < asking->count;
    if (found) {
        drop(asking, place);
    }
    (void)pthread_mutex_unlock(&asking->mutex);
    return found;
}

size_t asking_list(struct asking *asking, struct asking_peer out[LIMIT_ASKING_PEERS])
{
    size_t count;

    (void)pthread_mutex_lock(&asking->mutex);
    (void)place_of(asking, &(struct node_id){""});
    count = asking->count;
    memcpy(out, asking->peers, count * sizeof out[0]);
    (void)pthread_mutex_unlock(&asking->mutex);
    return count;
}
