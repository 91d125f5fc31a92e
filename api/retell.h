/*
 * Telling the other centrals again where this one is. They are told of a change before its
 * listeners are tried; when it is taken back they must not keep what was never listened on.
 */
#ifndef API_RETELL_H
#define API_RETELL_H

struct gateway;
struct retell;

/* `gateway` is borrowed. */
struct retell *retell_new(struct gateway *gateway);

/* Main thread; gateway->abandon is set when anything may be under way. */
void retell_destroy(struct retell **retell);

/* A request that may change the configuration, and tell others of it, begins and has ended. Any
 * thread. */
void retell_hold(struct retell *retell);
void retell_release(struct retell *retell);

/* When no such request is under way: tells all centrals of the configuration in force about this
 * one, and once more when another such request came meanwhile. Returns at once; what a central did
 * not take is logged. Main thread. */
void retell_start(struct retell *retell);

#endif
