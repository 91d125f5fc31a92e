/*
 * Ends the server's sockets before it is told to stop. civetweb's threads look for the order to
 * stop only every two seconds while they wait on a socket: the listener for somebody to come, an
 * idle kept-alive connection for its next request. A socket that has ended wakes them at once. And
 * a connection that no thread has taken yet when the order comes would stay open for ever, with
 * somebody waiting at its other end (civetweb 1.15, consume_socket).
 */
#ifndef API_HANG_UP_H
#define API_HANG_UP_H

#include <civetweb.h>

/* Shuts the reading side of every socket of this process that is bound to one of the server's
 * ports: nobody is accepted any more, who waits for a request sees its end, and what is being
 * written still goes out. Waits until the server has closed all but its listeners, a second at
 * most. Call it when the answers are out, right before mg_stop. When the system does not tell which
 * sockets there are, nothing happens and the stop takes its two seconds. Main thread. */
void hang_up(const struct mg_context *server);

#endif
