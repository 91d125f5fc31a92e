/*
 * Commands that set staff, subscriptions and lots, inside a batch of the store: a whole list is
 * compared with what is in force, and what differs becomes one event per element, so that two
 * centrals that were apart merge element by element. Node thread.
 */
#ifndef NODE_SETTINGS_H
#define NODE_SETTINGS_H

#include "proto/command.h"
#include "storage/store.h"

bool settings_is_command(enum command_kind kind);

/* As decide(). `hlc`: 0 = now; else the stamp of the events, which then lose against whatever was
 * set later anywhere. */
int settings_decide(struct store *store, const struct command *command, int64_t now_ms,
                    uint64_t hlc, struct answer *answer, struct problem *problem);

#endif
