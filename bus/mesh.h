/*
 * The mesh actor: all sockets to other centrals. One ROUTER bound on p2p_port, one DEALER to each
 * configured peer, CURVE on every link, an own ZAP handler that admits exactly the mesh's key,
 * monitors, dialling with jittered backoff, name resolution off the I/O thread. What to say is
 * decided by bus/replica.
 *
 * Talks by bytes: inproc DEALERs to HANDOFF_NODE and HANDOFF_READER, SUB on FACTS_ENDPOINT, ROUTER
 * on MESH_REPORT_ENDPOINT; its pipe takes
 *   "CONFIGURE" + packed struct mesh_config   answered "OK", or "ERROR" + code name + text + hint
 *   "START" / "STOP"                          the same; STOP says BYE and closes the listener
 *   "$TERM"                                   BYE, then the actor ends within a second
 * CONFIGURE applies while running: links of unchanged peers stay; when the address changes, the new
 * one is bound first and the old one kept if that fails (ERROR PORT_IN_USE ...). Links accepted at
 * an old address break then, and are dialled again by the other side. Other keys, id or announced
 * values are a stop and a start.
 */
#ifndef BUS_MESH_H
#define BUS_MESH_H

#include "bus/replica.h"
#include "bus/secret.h"

#include <czmq.h>

struct mesh_config {
    struct node_id node;
    char bind_ip[64]; /* "127.0.0.1", "*", ... */
    uint16_t p2p_port;
    uint16_t api_port; /* announced */
    int64_t heartbeat_ms;
    struct mesh_keys keys;
    struct replica_peer *peers; /* owned after unpacking */
    size_t peer_count;
    char software[64];
    uint64_t fold; /* version of the fold; announced */
};

int mesh_config_pack(const struct mesh_config *config, struct buffer *out);
int mesh_config_unpack(struct mesh_config *config, struct slice bytes);
void mesh_config_free(struct mesh_config *config);

/* Names to use instead of the usual ones (NULL = the usual one), for several meshes in one process.
 * At most one of them runs the process's ZAP handler (bus/zap). */
struct mesh_endpoints {
    const char *node, *reader, *facts, *report;
    bool no_zap; /* somebody else in this process runs zap_actor with our key */
};

/* For zactor_new; `args` is a struct mesh_endpoints * that outlives the actor, or NULL for the
 * usual names. The endpoints of node, reader and facts must be bound before START. */
void mesh_actor(zsock_t *pipe, void *args);

#endif
