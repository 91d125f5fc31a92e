/*
 * /ws/edge: camera boxes. In: what POST /api/edge/event takes, by the same way to the node. Out:
 * what happened elsewhere, for the boxes' own tables (edge_message.h).
 *
 * The protocol of existing boxes has no acknowledgement: a box takes a written socket for a stored
 * event. So nothing that was read is given up while this central runs: if the node is busy or the
 * disk full, the event waits in its worker until it is stored, and the box is sent away (1013, and
 * 503 for new ones) to POST /api/edge/event, where it learns what is not stored and keeps it. What
 * lies in the sockets' buffers when the process is killed is lost, unless the box asked for `ack`.
 */
#ifndef API_WS_EDGE_H
#define API_WS_EDGE_H

#include "api/gateway.h"

struct ws_edge;

/* Adds the channel. Lives until the push is gone. */
struct ws_edge *ws_edge_new(struct push *push, struct gateway *gateway);
void ws_edge_destroy(struct ws_edge **edge);

#endif
