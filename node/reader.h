/*
 * The reader: serves runs of the log and the vector to the mesh from a read-only handle of its own,
 * so that catching up a peer never delays a gate. Requests on HANDOFF_READER (proto/handoff.h).
 */
#ifndef NODE_READER_H
#define NODE_READER_H

#include <czmq.h>

/* For zactor_new; `args` is the database path (const char *), read before zactor_new returns. Bound
 * when zactor_new returns. */
void reader_actor(zsock_t *pipe, void *args);

#endif
