/*
 * The first administrator: a central that others can reach needs somebody who may log in.
 */
#ifndef NODE_FIRST_ADMIN_H
#define NODE_FIRST_ADMIN_H

#include "api/desk.h"
#include "proto/problem.h"

/*
 * Makes an account with the role admin when the database has none, and prints its name and password
 * on stderr, once: only the hash is stored. The node must be running; it is asked at `desk`. 0, or
 * -1 with a problem. Main thread.
 */
int first_admin(const char *database, struct desk *desk, struct problem *problem);

#endif
