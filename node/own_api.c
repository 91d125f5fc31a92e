/*
 * The answer is small and the server closes the connection behind it, so reading to the end is all
 * the HTTP that is needed.
 */
#include "node/own_api.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_S 60 /* the central gives up before */

/* Connects to "ip:port" or "[ip]:port"; -1 when nobody listens. */
static int connect_to(const char *listener)
{
    char host[80];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found = NULL;
    struct timeval limit = {.tv_sec = ANSWER_S};
    int fd = -1;

    (void)snprintf(host, sizeof host, "%s", listener); /* fits: both have 80 bytes */
    char *port = strrchr(host, ':');
    if (!port) {
        return -1;
    }
    *port++ = '\0';
    char *name = host;
    if (host[0] == '[') {
        name++;
        host[strlen(host) - 1] = '\0';
    }
    if (getaddrinfo(strcmp(name, "0.0.0.0") == 0 ? "127.0.0.1" : name, port, &hints, &found) == 0) {
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
                        connect(fd, found->ai_addr, found->ai_addrlen) != 0)) {
            (void)close(fd);
            fd = -1;
        }
        freeaddrinfo(found);
    }
    return fd;
}

/* Sends the question and reads the whole answer. 0 or -1. */
static int exchange(int fd, struct slice question, struct buffer *answer)
{
    char part[2048];
    ssize_t n = 0;
    size_t sent = 0;

    while (sent < question.len &&
           (n = send(fd, question.data + sent, question.len - sent, MSG_NOSIGNAL)) > 0) {
        sent += (size_t)n;
    }
    while (n > 0 && (n = recv(fd, part, sizeof part, 0)) > 0) {
        if (buffer_append(answer, part, (size_t)n) != 0) {
            n = -1;
        }
    }
    return n == 0 && answer->len > 0 ? 0 : -1;
}

static void write_question(const struct config *config, const char *method, const char *path,
                           struct slice body, struct buffer *out)
{
    (void)buffer_printf(out, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n", method,
                        path, body.len);
    if (config->api_token[0]) {
        (void)buffer_printf(out, "Authorization: Bearer %s\r\n", config->api_token);
    }
    (void)buffer_printf(out, "Connection: close\r\n\r\n%.*s", (int)body.len,
                        body.len > 0 ? body.data : ""); /* all of it is short */
}

/* The first listener that answers. 0 or -1. */
static int ask(const struct config *config, struct slice question, struct buffer *answer,
               bool *is_running)
{
    char listeners[8][80];
    size_t count = config_http_listeners(config, listeners, 8);

    for (size_t i = 0; i < count; i++) {
        int fd = connect_to(listeners[i]);
        if (fd < 0) {
            continue;
        }
        int failed = exchange(fd, question, answer);
        (void)close(fd); /* nothing is written any more */
        *is_running = true;
        return failed;
    }
    return -1;
}

json_t *own_api_ask(const struct config *config, const char *method, const char *path,
                    struct slice body, bool *is_running)
{
    struct buffer question = {0}, answer = {0};
    json_t *object = NULL;

    *is_running = false;
    write_question(config, method, path, body, &question);
    if (ask(config, buffer_slice(&question), &answer, is_running) == 0 &&
        buffer_append(&answer, "", 1) == 0) {
        const char *start = strstr(answer.data, "\r\n\r\n");
        /* A body in chunks begins behind its size; it is one object either way. */
        start = start ? strchr(start, '{') : NULL;
        object = start ? json_loads(start, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    }
    explicit_bzero(question.data, question.len); /* it may hold a token or password */
    buffer_free(&question);
    buffer_free(&answer);
    return object;
}

const char *own_api_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}
