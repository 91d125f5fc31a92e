/*
 * Which addresses this machine has, and where its listeners go. Nothing here asks a name server:
 * a start must not wait for one.
 */
#include "node/config_internal.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool parse_address(const char *ip, struct in_addr *out)
{
    return inet_pton(AF_INET, ip, out) == 1;
}

bool config_is_loopback(const char *ip)
{
    struct in_addr address;
    if (strcmp(ip, "localhost") == 0) {
        return true;
    }
    return parse_address(ip, &address) && ntohl(address.s_addr) >> 24 == 127;
}

bool config_is_local(const char *ip)
{
    struct in_addr address;
    struct ifaddrs *interfaces = NULL;
    if (!parse_address(ip, &address)) {
        return false;
    }
    if (ntohl(address.s_addr) >> 24 == 127) {
        return true;
    }
    if (getifaddrs(&interfaces)) {
        return false;
    }
    bool found = false;
    for (const struct ifaddrs *at = interfaces; at && !found; at = at->ifa_next) {
        if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET) {
            struct sockaddr_in own;
            memcpy(&own, at->ifa_addr, sizeof own);
            found = own.sin_addr.s_addr == address.s_addr;
        }
    }
    freeifaddrs(interfaces);
    return found;
}

void config_own_address(char out[64])
{
    /* Connecting a UDP socket only looks up the route. 198.51.100.1 is reserved for documents: if
     * there is a way out at all, it is the way to there. */
    struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t size = sizeof own;
    char text[INET_ADDRSTRLEN];
    (void)slice_copy(slice_text("127.0.0.1"), out, 64); /* fits */
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    if (inet_pton(AF_INET, "198.51.100.1", &far.sin_addr) == 1 &&
        connect(fd, (const struct sockaddr *)&far, sizeof far) == 0 &&
        getsockname(fd, (struct sockaddr *)&own, &size) == 0 &&
        own.sin_addr.s_addr != htonl(INADDR_ANY) &&
        inet_ntop(AF_INET, &own.sin_addr, text, sizeof text)) {
        (void)slice_copy(slice_text(text), out, 64); /* fits */
    }
    (void)close(fd); /* nothing was sent */
}

static bool binds_all(const char *bind)
{
    return strcmp(bind, "*") == 0 || strcmp(bind, "0.0.0.0") == 0;
}

/* The numeric local address to listen on when `bind` is empty; 127.0.0.1 when `ip` is none. */
static const char *own_listener(const struct config *config)
{
    return config_is_local(config->ip) ? config->ip : "127.0.0.1";
}

size_t config_http_listeners(const struct config *config, char out[][80], size_t max)
{
    const char *first = config->bind[0] ? config->bind : own_listener(config);
    size_t count = 0;
    if (binds_all(first)) {
        first = "0.0.0.0";
    }
    if (count < max) {
        snprintf(out[count++], 80, "%s:%u", first, (unsigned)config->api_port);
    }
    if (!config->bind[0] && !config_is_loopback(first) && count < max) {
        snprintf(out[count++], 80, "127.0.0.1:%u", (unsigned)config->api_port);
    }
    return count;
}

void config_bus_bind(const struct config *config, char out[64])
{
    const char *address = config->bus_bind;
    if (!address[0]) {
        address = config->bind[0] ? config->bind : own_listener(config);
        address = config_is_loopback(address) ? address : "127.0.0.1";
    }
    if (strcmp(address, "localhost") == 0) {
        address = "127.0.0.1";
    }
    (void)slice_copy(slice_text(binds_all(address) ? "*" : address), out, 64); /* fits */
}

void config_mesh_bind(const struct config *config, char out[64])
{
    const char *address = config->bind[0] ? config->bind : own_listener(config);
    if (binds_all(address)) {
        address = "*";
    }
    if (!config->mesh_secret[0] && !config_is_loopback(address)) {
        address = "127.0.0.1"; /* nobody else could prove to be ours */
    }
    (void)slice_copy(slice_text(address), out, 64); /* members are no longer */
}
