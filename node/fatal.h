/* The end of the process where it must not go on. */
#ifndef NODE_FATAL_H
#define NODE_FATAL_H

#include "proto/problem.h"

/*
 * Logs DB_FAILED and ends the process at once with its exit status; returns for any other problem.
 * A database that failed to write must not be written again: what the kernel dropped after a failed
 * fsync is gone while the page cache says otherwise. A restart mints a new epoch and pulls. Any
 * thread.
 */
void fatal_when_failed(const struct problem *problem);

#endif
