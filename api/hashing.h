/*
 * How many passwords are hashed at once: each takes tens of megabytes, so a crowd of logins waits
 * here, and a larger one is sent away. Any thread.
 */
#ifndef API_HASHING_H
#define API_HASHING_H

#include <stdbool.h>

struct hashing;

struct hashing *hashing_new(void);
void hashing_destroy(struct hashing **hashing);

/* Waits for a turn. False when LIMIT_PASSWORDS_WAITING others wait already. */
bool hashing_enter(struct hashing *hashing);
/* Ends the turn that hashing_enter gave. */
void hashing_leave(struct hashing *hashing);

#endif
