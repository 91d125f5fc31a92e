/* What keeps a stop waiting is found by port, since civetweb tells nobody its sockets. */
#include "api/hang_up.h"

#include "api/api.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

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

void hang_up(const struct mg_context *server)
{
    struct mg_server_port ports[API_LISTENERS];
    int count = mg_get_server_ports(server, API_LISTENERS, ports);
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;

    if (directory == NULL) {
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        int fd = (int)strtol(entry->d_name, NULL, 10); /* "." and ".." are 0, which is no socket
                                                        * of ours */
        int port = local_port(fd);
        if (port != 0 && is_one_of(port, ports, count)) {
            (void)shutdown(fd, SHUT_RD); /* fails when the other side was quicker */
        }
    }
    (void)closedir(directory);
}
