/*
 * Load over keep-alive HTTP connections, one thread, epoll:
 *
 *   bench_load events IP PORT CONNECTIONS SECONDS [TOTAL]   POST /api/edge/event: each connection
 *                                   sends ENTRY, EXIT, ENTRY, ... of its own plates
 *   bench_load get IP PORT CONNECTIONS SECONDS              GET /
 *
 * Every answer must be 200 with "success": true. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LATENCIES 4000000
#define ANSWER_MAX 8192

struct client {
    int fd;
    unsigned number;
    unsigned long sent;
    double started;
    char answer[ANSWER_MAX];
    size_t have;
};

struct load {
    bool is_get;
    const char *ip;
    long total;                /* 0 = until the time is over */
    long long first_ms;        /* event ids are unique among runs */
    unsigned long first_visit; /* and so are plates: 1,000 for each ms since the run before */
    unsigned long sent, good, bad;
    double end;
    double *latency;
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static long long wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int format_request(struct load *load, struct client *client, char *out, size_t size)
{
    unsigned long visit = client->sent / 2;
    const char *type = client->sent % 2 == 1 ? "EXIT" : "ENTRY";
    char body[600], plate[32];
    int len;

    if (load->is_get) {
        return snprintf(out, size, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", load->ip);
    }
    (void)snprintf(plate, sizeof plate, "%02uC%09lu", client->number, load->first_visit + visit);
    len = snprintf(body, sizeof body,
                   "{\"type\":\"%s\",\"camera_id\":%u,\"camera_name\":\"Gate %u\","
                   "\"camera_type\":\"%s\",\"event_id\":\"edge-%u_%lld_%s\","
                   "\"data\":{\"plate_text\":\"%s\",\"confidence\":0.95,\"source\":\"auto\"}}",
                   type, client->number, client->number, type, client->number,
                   load->first_ms + (long long)visit, plate, plate);
    return snprintf(out, size,
                    "POST /api/edge/event HTTP/1.1\r\nHost: %s\r\n"
                    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                    load->ip, len, body);
}

static bool send_next(struct load *load, struct client *client)
{
    char request[1200];
    int len;

    if (now_us() >= load->end || (load->total > 0 && load->sent >= (unsigned long)load->total)) {
        return false;
    }
    len = format_request(load, client, request, sizeof request);
    client->started = now_us();
    client->have = 0;
    client->sent++;
    load->sent++;
    if (send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        die("send");
    }
    return true;
}

/* True when a whole answer is there. */
static bool is_complete(const struct client *client)
{
    const char *end = strstr(client->answer, "\r\n\r\n");
    const char *length = strstr(client->answer, "Content-Length:");

    return end != NULL && length != NULL && length < end &&
           client->have >= (size_t)(end - client->answer) + 4 + strtoul(length + 15, NULL, 10);
}

static void take_answer(struct load *load, struct client *client)
{
    bool good = strncmp(client->answer, "HTTP/1.1 200", 12) == 0 &&
                (load->is_get || strstr(client->answer, "\"success\":true") != NULL ||
                 strstr(client->answer, "\"success\": true") != NULL);

    if (!good && load->bad++ == 0) {
        (void)fprintf(stderr, "bench_load: unexpected answer: %s\n", client->answer);
    }
    if (good && load->good < LATENCIES) {
        load->latency[load->good] = now_us() - client->started;
    }
    load->good += good;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void connect_client(struct client *client, int epoll, const char *ip, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int one = 1;

    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
        die("address");
    }
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) != 0) {
        die("connect");
    }
}

static void run(struct load *load, struct client *clients, int count, int epoll)
{
    int active = 0;

    for (int i = 0; i < count; i++) {
        active += send_next(load, &clients[i]);
    }
    while (active > 0) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll, events, 64, 10000);
        if (n <= 0) {
            die("no answer for 10 s");
        }
        for (int i = 0; i < n; i++) {
            struct client *client = events[i].data.ptr;
            ssize_t got =
                recv(client->fd, client->answer + client->have, ANSWER_MAX - 1 - client->have, 0);
            if (got <= 0) {
                die("connection closed");
            }
            client->have += (size_t)got;
            client->answer[client->have] = '\0';
            if (is_complete(client)) {
                take_answer(load, client);
                active -= !send_next(load, client);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct load load = {.is_get = argc > 1 && strcmp(argv[1], "get") == 0};
    int count, epoll = epoll_create1(0);
    struct client *clients;
    double start, seconds;

    if (argc < 6) {
        (void)fputs("usage: bench_load events|get IP PORT CONNECTIONS SECONDS [TOTAL]\n", stderr);
        return 64;
    }
    count = (int)strtol(argv[4], NULL, 10);
    clients = calloc((size_t)count, sizeof *clients);
    load.latency = malloc(LATENCIES * sizeof *load.latency);
    if (clients == NULL || load.latency == NULL || epoll < 0) {
        die("start");
    }
    load.ip = argv[2];
    load.total = argc > 6 ? strtol(argv[6], NULL, 10) : 0;
    load.first_ms = wall_ms();
    load.first_visit = (unsigned long)(load.first_ms % 1000000) * 1000UL;
    for (int i = 0; i < count; i++) {
        clients[i].number = (unsigned)i + 10;
        connect_client(&clients[i], epoll, argv[2], (int)strtol(argv[3], NULL, 10));
    }
    start = now_us();
    load.end = start + strtod(argv[5], NULL) * 1e6;
    run(&load, clients, count, epoll);
    seconds = (now_us() - start) / 1e6;
    unsigned long n = load.good < LATENCIES ? load.good : LATENCIES;
    qsort(load.latency, n, sizeof *load.latency, compare);
    (void)printf(
        "{\"connections\": %d, \"per_s\": %.0f, \"good\": %lu, \"bad\": %lu, \"p50_ms\": %.3f,"
        " \"p99_ms\": %.3f}\n",
        count, (double)load.good / seconds, load.good, load.bad,
        n > 0 ? load.latency[n / 2] / 1e3 : 0, n > 0 ? load.latency[n * 99 / 100] / 1e3 : 0);
    return load.bad == 0 ? 0 : 1;
}
