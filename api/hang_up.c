/* What keeps a stop waiting is found by port, since civetweb tells nobody its sockets. */
#include "api/hang_up.h"

#include "api/api.h"
#include "proto/clock.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define PATIENCE_MS 1000 /* with answers that are on their way out */
#define LOOK_NS 2000000

/* The local port of a socket of the internet, 0 for anything else. */
static int local_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return 0; /* a file */
    }
    switch (address.ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)&address)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    default:
        return 0;
    }
}

static bool is_one_of(int port, const struct mg_server_port *ports, int count)
{
    for (int i = 0; i < count; i++) {
        if (ports[i].port == port) {
            return true;
        }
    }
    return false;
}

static bool is_listening(int fd)
{
    int listening = 0;
    socklen_t len = sizeof listening;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening != 0;
}

/* The server's sockets, as far as they are known. */
struct sockets {
    struct mg_server_port ports[API_LISTENERS];
    int port_count;
    int listeners[API_LISTENERS]; /* closed by civetweb's first thread, which mg_stop waits for */
    int listener_count;
};

static bool is_listener(const struct sockets *sockets, int fd)
{
    for (int i = 0; i < sockets->listener_count; i++) {
        if (sockets->listeners[i] == fd) {
            return true;
        }
    }
    return false;
}

static void end_reading(struct sockets *sockets, int fd)
{
    if (is_listening(fd) && sockets->listener_count < API_LISTENERS) {
        sockets->listeners[sockets->listener_count++] = fd;
    }
    (void)shutdown(fd, SHUT_RD); /* fails when the other side was quicker */
}

/* Ends the reading of all. How many are open beside the listeners; 0 when the system does not say.
 */
static int end_all(struct sockets *sockets)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    int count = 0;

    if (directory == NULL) {
        return 0;
    }
    while ((entry = readdir(directory)) != NULL) {
        int fd = (int)strtol(entry->d_name, NULL, 10); /* "." and ".." are 0, which is no socket
                                                        * of ours */
        int port = local_port(fd);
        if (port != 0 && is_one_of(port, sockets->ports, sockets->port_count)) {
            end_reading(sockets, fd);
            count += !is_listener(sockets, fd);
        }
    }
    (void)closedir(directory);
    return count;
}

void hang_up(const struct mg_context *server)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    struct sockets sockets = {.listener_count = 0};
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;

    sockets.port_count = mg_get_server_ports(server, API_LISTENERS, sockets.ports);
    /* Again and again: civetweb may just be taking one more from a listener. */
    while (end_all(&sockets) > 0 && clock_mono_ms() < end_ms) {
        (void)nanosleep(&pause, NULL); /* cut short: looked at a little earlier */
    }
}
