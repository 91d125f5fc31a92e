/*
 * Seals of requests between centrals: the key as the configuration has it now, and which seals
 * were seen, so that none works twice. Any thread.
 */
#ifndef API_SEALS_H
#define API_SEALS_H

#include "api/request.h"
#include "proto/seal.h"

struct seals *seals_new(void);
void seals_destroy(struct seals **seals);

/* NULL = no key. */
void seals_set_key(struct seals *seals, const uint8_t *key);

/* The whole header line for a request of ours. 0, or -1 when there is no key. */
#define SEALS_LINE (sizeof SEAL_HEADER + 2 + SEAL_TEXT)
int seals_line(struct seals *seals, const char *method, struct slice target, struct slice body,
               char line[SEALS_LINE]);

/* True when a member of the mesh sent this request, just now and for the first time. After
 * request_body. */
bool seals_hold(struct request *request);

#endif
