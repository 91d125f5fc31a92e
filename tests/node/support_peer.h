/*
 * Messages of a central of the existing system, as commands. Times are whole seconds of a day that
 * tests share: `at(8, 30, 0)`.
 */
#ifndef TESTS_NODE_SUPPORT_PEER_H
#define TESTS_NODE_SUPPORT_PEER_H

#include "proto/command.h"

/* 2026-11-22, UTC: the day before HOUSE_NOW. */
int64_t peer_at(int hour, int minute, int second);

/* `id` NULL = the message has none. */
struct command peer_entry(const char *central, const char *id, const char *plate, int64_t ms);
struct command peer_exit(const char *central, const char *id, const char *plate, int64_t ms,
                         int64_t fee);
struct command peer_seen(const char *central, const char *id, const char *plate, const char *lot,
                         int64_t ms);
/* A row of a SYNC_RESPONSE; exit_ms EVENT_NONE = IN. */
struct command peer_row(const char *peer, const char *id, const char *plate, int64_t entry_ms,
                        int64_t exit_ms, int64_t fee);

#endif
