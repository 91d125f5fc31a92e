/*
 * `?after_position=node:epoch:seq[,...]` of any read: it is answered once this central holds what a
 * write at whichever central answered, so that who wrote there reads it here.
 */
#ifndef API_AWAIT_H
#define API_AWAIT_H

#include "api/request.h"

/* Waits at most LIMIT_AFTER_MS, or `?wait=` seconds. 0: held, or nothing was asked for; -1 after an
 * answer (422, 503, or 504 POSITION_NOT_HELD with the lag as far as it is known). */
int await_positions(struct request *request);

#endif
