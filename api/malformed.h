/*
 * What civetweb refuses by itself, since it makes no request of it: bytes that are no HTTP, a head
 * that is too long or does not end in time, a length that is none. Answered in the form of our own
 * refusals, counted with the answers of no route and logged with HTTP_REFUSED, in the same measure.
 */
#ifndef API_MALFORMED_H
#define API_MALFORMED_H

#include "api/gateway.h"

#include <civetweb.h>

/* civetweb wants to answer `status` with its `message`; we do, and the connection ends. Worker
 * threads. */
void malformed_answer(struct gateway *gateway, struct mg_connection *connection, int status,
                      const char *message);

#endif
