/*
 * Names to addresses, off every thread that must not wait: libzmq would resolve in its I/O thread
 * and stall all links while a name server is silent.
 *
 * A thread of its own answers in the order asked. Both sides talk over a socket pair in bytes, so
 * that a lookup under way when the owner leaves holds nobody up: the thread finds the other end
 * closed and goes by itself.
 */
#ifndef BUS_RESOLVE_H
#define BUS_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

struct resolve;

struct resolve_answer {
    char name[64];
    char ip[48];    /* numeric, IPv4 if there is one; "" = failed */
    char error[96]; /* why, in words */
};

/* NULL when the system refuses a thread or a socket pair. */
struct resolve *resolve_new(void);
/* Does not wait for a lookup under way. */
void resolve_destroy(struct resolve **resolve);

/* Asks for a name of at most 63 bytes. Never waits: -1 when too many questions are open. */
int resolve_ask(struct resolve *resolve, const char *name);
/* Readable when there is an answer. */
int resolve_fd(const struct resolve *resolve);
/* The next answer; false when there is none (yet). */
bool resolve_next(struct resolve *resolve, struct resolve_answer *answer);

/* True when `text` is a numeric IPv4 or IPv6 address. */
bool resolve_is_numeric(const char *text);
/* True for 127.0.0.0/8 and ::1 in numbers, nothing else. */
bool resolve_is_loopback(const char *text);

#endif
