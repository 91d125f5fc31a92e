/*
 * Slows down who guesses passwords: attempts are counted for the account and for the address, each
 * with a small allowance that grows back slowly. Tables of a fixed size. Any thread.
 */
#ifndef API_THROTTLE_H
#define API_THROTTLE_H

#include <stdint.h>

struct throttle;

struct throttle *throttle_new(void);
void throttle_destroy(struct throttle **throttle);

/* Takes one attempt from both allowances. 0, or the seconds after which the next one is free;
 * nothing is taken then. `name` in any case, known or not. */
int throttle_take(struct throttle *throttle, const char *name, const char *address, int64_t now_ms);

/* The attempt was right: the account has its whole allowance again, the address this attempt. */
void throttle_forgive(struct throttle *throttle, const char *name, const char *address);

#endif
