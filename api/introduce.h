/*
 * Calls to other centrals: who are you, take me in, take me out. All calls of one request run side
 * by side and are sealed (api/seals) when there is a mesh secret.
 */
#ifndef API_INTRODUCE_H
#define API_INTRODUCE_H

#include "api/request.h"

/* A central as others reach it. Ports of 0 are not known. */
struct introduce_central {
    struct node_id id;
    char ip[64];
    uint16_t p2p_port, api_port;
};

/* What came of telling one central. */
struct introduction {
    struct introduce_central to;
    bool leaves; /* asked to forget us, else to take us in */
    bool success;
    enum problem_code code;
    char message[300];
};

/* From a member of the configuration as GET /api/p2p/config shows it. False when it has no good
 * id or address. */
bool introduce_read(const json_t *member, struct introduce_central *central);

/* Asks who is at central->ip and api_port; fills id and p2p_port. 0, or -1 with PEER_UNREACHABLE,
 * FIELD_INVALID, or a problem of ours (call_problem). */
int introduce_ask(struct request *request, struct introduce_central *central,
                  struct problem *problem);

/* Tells all of them about `own`. Any thread. */
void introduce_tell(struct gateway *gateway, const struct introduce_central *own,
                    struct introduction *introductions, size_t count);

#endif
