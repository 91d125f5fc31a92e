/*
 * Asks the running central over its own HTTP port. The answer is small and the server closes the
 * connection behind it, so reading to the end is all the HTTP that is needed.
 */
#include "node/commands.h"

#include "node/config.h"
#include "proto/problem.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONFIG_DEFAULT "config/p2p_config.json"
#define ANSWER_S 60 /* the central gives up before */

struct options {
    const char *config, *peer;
    bool json;
};

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
static int exchange(int fd, const struct config *config, const char *peer, struct buffer *answer)
{
    struct buffer question = {.limit = 0};
    char part[2048];
    ssize_t n = 0;
    size_t sent = 0;

    (void)buffer_printf(&question, "GET /api/v1/sync/diff?peer=%s HTTP/1.1\r\nHost: localhost\r\n",
                        peer);
    if (config->api_token[0]) {
        (void)buffer_printf(&question, "Authorization: Bearer %s\r\n", config->api_token);
    }
    (void)buffer_printf(&question, "Connection: close\r\n\r\n"); /* all of it is short */
    while (sent < question.len &&
           (n = send(fd, question.data + sent, question.len - sent, MSG_NOSIGNAL)) > 0) {
        sent += (size_t)n;
    }
    while (n > 0 && (n = recv(fd, part, sizeof part, 0)) > 0) {
        if (buffer_append(answer, part, (size_t)n) != 0) {
            n = -1;
        }
    }
    buffer_free(&question);
    return n == 0 && answer->len > 0 ? 0 : -1;
}

/* The first listener that answers. */
static int ask(const struct config *config, const char *peer, struct buffer *answer)
{
    char listeners[8][80];
    size_t count = config_http_listeners(config, listeners, 8);

    for (size_t i = 0; i < count; i++) {
        int fd = connect_to(listeners[i]);
        if (fd < 0) {
            continue;
        }
        int failed = exchange(fd, config, peer, answer);
        (void)close(fd); /* nothing is written any more */
        return failed;
    }
    return -1;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The meaning of the answer in words; returns the exit status. */
static int tell(const json_t *body, const char *peer)
{
    const char *result = text_of(body, "result");

    if (result[0] == '\0') {
        enum problem_code code = problem_parse(text_of(body, "code"));
        (void)fprintf(stderr, "parkmesh: error %s: %s\n", text_of(body, "code"),
                      text_of(body, "error"));
        return code == PROBLEM_NOT_FOUND ? problem_exit_status(PROBLEM_USAGE)
                                         : problem_exit_status(code);
    }
    if (strcmp(result, "equal") == 0) {
        (void)printf("equal: %s holds the same log\n", peer);
        return 0;
    }
    (void)printf("%s: stream %s/%s, event %" JSON_INTEGER_FORMAT "\n", result,
                 text_of(body, "node"), text_of(body, "epoch"),
                 json_integer_value(json_object_get(body, "seq")));
    if (strcmp(result, "differs") == 0) {
        (void)printf("  chain here  %s\n  chain there %s\n", text_of(body, "chain_here"),
                     text_of(body, "chain_there"));
    }
    return 1;
}

static int judge(const struct options *options, struct buffer *answer)
{
    const char *start = NULL;
    json_t *body = NULL;
    int status = problem_exit_status(PROBLEM_PEER_UNREACHABLE);

    if (buffer_append(answer, "", 1) == 0) {
        start = strstr(answer->data, "\r\n\r\n");
    }
    /* A body in chunks begins behind its size; it is one object either way. */
    start = start ? strchr(start, '{') : NULL;
    if (start) {
        body = json_loads(start, JSON_DISABLE_EOF_CHECK, NULL);
    }
    if (!body) {
        (void)fprintf(stderr, "parkmesh: error: what answered is no central\n");
        return status;
    }
    if (options->json) {
        status = problem_exit_status(problem_parse(text_of(body, "code")));
        if (text_of(body, "result")[0]) {
            status = strcmp(text_of(body, "result"), "equal") == 0 ? 0 : 1;
        }
        (void)json_dumpf(body, stdout, JSON_COMPACT);
        (void)puts("");
    } else {
        status = tell(body, options->peer);
    }
    json_decref(body);
    return fflush(stdout) == 0 ? status : problem_exit_status(PROBLEM_DB_FAILED);
}

static int diff(const struct options *options)
{
    struct config config;
    struct buffer errors = {0}, warnings = {0}, answer = {0};
    struct problem problem = {.code = PROBLEM_OK};
    int status;

    config_init(&config);
    if (config_check(&config, options->config, &errors, &warnings, &problem) != 0) {
        status = problem_exit_status(PROBLEM_CONFIG_INVALID);
        (void)fprintf(stderr, "parkmesh: error CONFIG_INVALID: %s: %s\n", options->config,
                      problem.text[0] ? problem.text : "run parkmesh check");
    } else if (ask(&config, options->peer, &answer) != 0) {
        status = problem_exit_status(PROBLEM_PEER_UNREACHABLE);
        (void)fprintf(
            stderr,
            "parkmesh: error PEER_UNREACHABLE: no central answers at the addresses of %s; is "
            "it running?\n",
            options->config);
    } else {
        status = judge(options, &answer);
    }
    config_free(&config);
    buffer_free(&errors);
    buffer_free(&warnings);
    buffer_free(&answer);
    return status;
}

int command_diff(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
                                            {"peer", required_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    struct options options = {.config = CONFIG_DEFAULT};
    struct node_id peer;
    int option;

    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.config = optarg;
            break;
        case 'p':
            options.peer = optarg;
            break;
        case 'j':
            options.json = true;
            break;
        default:
            return problem_exit_status(PROBLEM_USAGE); /* getopt_long has said why */
        }
    }
    if (optind < argc || !options.peer || !node_id_parse(slice_text(options.peer), &peer)) {
        (void)fprintf(stderr, "parkmesh: error USAGE: diff needs --peer ID\n");
        return problem_exit_status(PROBLEM_USAGE);
    }
    return diff(&options);
}
