/*
 * Facts to the WebSocket clients of /ws/history. An actor listens to FACTS_ENDPOINT and puts
 * messages into a bounded queue per client; a small thread per client writes them, because
 * civetweb's write blocks for as long as a client does not read. So neither the actor nor one
 * client ever waits for another. A client whose queue is full is cut.
 */
#ifndef API_PUSH_H
#define API_PUSH_H

#include "proto/ids.h"

#include <stdbool.h>
#include <stdint.h>

struct push;
struct mg_context;

/* Starts listening. FACTS_ENDPOINT must be bound. */
struct push *push_new(const struct node_id *node, uint32_t clients_max);

/* Registers the WebSocket handlers. After the server started. */
void push_serve(struct push *push, struct mg_context *context);

/* True when no more clients fit. Any thread. */
bool push_full(struct push *push);

/* Stops listening, closes every client with 1001; returns when their threads have said so or
 * cannot. Main thread; then the server is stopped, then push_destroy. */
void push_stop(struct push *push);
void push_destroy(struct push **push);

#endif
