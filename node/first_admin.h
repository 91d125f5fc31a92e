/*
 * The first administrator: a central that others can reach needs somebody who may log in.
 */
#ifndef NODE_FIRST_ADMIN_H
#define NODE_FIRST_ADMIN_H

#include "proto/problem.h"

/*
 * Makes an account with the role admin when the database has none, and prints its name and password
 * on stderr, once: only the hash is stored. The node must be running. 0, or -1 with a problem. Main
 * thread.
 */
int first_admin(const char *database, struct problem *problem);

#endif
