/*
 * What the handlers of other centrals share: changing the list of them, and asking about one.
 */
#ifndef API_PEERS_H
#define API_PEERS_H

#include "api/introduce.h"

/* This central as the configuration has it. 0, or -1 after an answer. */
int peers_own(struct request *request, struct introduce_central *own);

/* Adds or changes a central of the configuration, or removes it. 0 with `action` ("added",
 * "updated", "removed"), or -1 after an answer. */
int peers_put(struct request *request, const struct introduce_central *central, char action[16]);
int peers_remove(struct request *request, const struct node_id *id, char action[16]);

/* Tells one central about us, or asks it to forget us. */
void peers_tell(struct request *request, const struct introduce_central *own,
                const struct introduce_central *to, bool leaves, struct introduction *out);

#endif
