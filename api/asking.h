/*
 * Centrals that asked over HTTP, without a seal, to be taken in or out of the configuration, and
 * wait for a person. At most LIMIT_ASKING_PEERS, the newest; forgotten at a stop. Any thread.
 */
#ifndef API_ASKING_H
#define API_ASKING_H

#include "proto/ids.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct asking;

struct asking_peer {
    struct node_id id;
    char ip[64];
    uint16_t p2p_port, api_port; /* 0 = not said */
    bool leaves;                 /* asks to be removed */
    int64_t since_ms;            /* wall */
    char from[64];               /* the address that asked */
};

struct asking *asking_new(void);
void asking_destroy(struct asking **asking);

/* Replaces what the same central asked before. */
void asking_add(struct asking *asking, const struct asking_peer *peer);
bool asking_find(struct asking *asking, const struct node_id *id, struct asking_peer *peer);
bool asking_remove(struct asking *asking, const struct node_id *id);
/* Copies all that are not too old; returns how many. */
size_t asking_list(struct asking *asking, struct asking_peer out[LIMIT_ASKING_PEERS]);

#endif
