#include "bus/resolve.h"

#include "proto/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct resolve {
    int fd; /* our end of the pair */
};

static void describe(const struct addrinfo *found, struct resolve_answer *answer)
{
    const struct addrinfo *best = found;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        if (at->ai_family == AF_INET) {
            best = at;
            break;
        }
    }
    int failed = getnameinfo(best->ai_addr, best->ai_addrlen, answer->ip, sizeof answer->ip, NULL,
                             0, NI_NUMERICHOST);
    if (failed || !resolve_is_numeric(answer->ip)) { /* a scoped address is not for a file */
        answer->ip[0] = '\0';
        (void)snprintf(answer->error, sizeof answer->error, "no usable address");
    }
}

static void look_up(struct resolve_answer *answer)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(answer->name, NULL, &hints, &found);

    if (code || !found) {
        (void)snprintf(answer->error, sizeof answer->error, "%s", /* a cut text still helps */
                       code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return;
    }
    describe(found, answer);
    freeaddrinfo(found);
}

/* The thread: it owns its end of the pair and nothing else. */
static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    for (;;) {
        struct resolve_answer answer = {.name = ""};
        ssize_t len = recv(fd, answer.name, sizeof answer.name - 1, 0);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            break; /* the owner has left */
        }
        look_up(&answer);
        if (send(fd, &answer, sizeof answer, MSG_NOSIGNAL) < 0 && errno != EINTR) {
            break;
        }
    }
    close(fd);
    return NULL;
}

static int start_thread(int fd)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;

    if (pthread_attr_init(&attributes)) {
        return -1;
    }
    sigfillset(&all);
    int failed = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) ||
                 pthread_sigmask(SIG_BLOCK, &all, &before);
    if (!failed) {
        failed = pthread_create(&thread, &attributes, serve, (void *)(intptr_t)fd);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    return failed ? -1 : 0;
}

struct resolve *resolve_new(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        return NULL;
    }
    if (start_thread(ends[1])) {
        close(ends[0]);
        close(ends[1]);
        return NULL;
    }
    struct resolve *resolve = bytes_allocate(1, sizeof *resolve);
    resolve->fd = ends[0];
    return resolve;
}

void resolve_destroy(struct resolve **resolve)
{
    if (*resolve) {
        close((*resolve)->fd);
        free(*resolve);
        *resolve = NULL;
    }
}

int resolve_ask(struct resolve *resolve, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= sizeof((struct resolve_answer *)NULL)->name) {
        return -1;
    }
    return send(resolve->fd, name, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int resolve_fd(const struct resolve *resolve)
{
    return resolve->fd;
}

bool resolve_next(struct resolve *resolve, struct resolve_answer *answer)
{
    ssize_t len = recv(resolve->fd, answer, sizeof *answer, MSG_DONTWAIT);
    return len == (ssize_t)sizeof *answer;
}

bool resolve_is_numeric(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

bool resolve_is_loopback(const char *text)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
