/*
 * Pages that watch while events come in:
 *
 *   bench_sockets IP PORT CLIENTS RATE SECONDS
 *
 * opens CLIENTS WebSockets on /ws/history, posts RATE events a second over one keep-alive
 * connection and asks GET /api/stats 50 times a second over another. Prints one JSON object: how
 * long after its POST was sent an event was covered by a notice at each client (a notice tells the
 * newest event, and so all before it), and how long the answers took.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 100000
#define BUFFER 16384
#define BUCKETS 50000 /* of 0.1 ms */
#define STATS_RATE 50

struct histogram {
    unsigned long count, buckets[BUCKETS];
};

struct page {
    int fd;
    unsigned long covered; /* events before this one were told */
    size_t have;
    char bytes[BUFFER];
};

struct bench {
    struct sockaddr_in address;
    unsigned long pages, rate, seconds, events;
    double posted_us[EVENTS_MAX]; /* written before its POST is sent */
    atomic_ulong sent;
    atomic_bool stop, failed;
    struct histogram told, post, get;
    unsigned long frames;
};

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void count(struct histogram *histogram, double us)
{
    unsigned long bucket = us > 0 ? (unsigned long)(us / 100) : 0;

    histogram->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    histogram->count++;
}

static double quantile_ms(const struct histogram *histogram, double share)
{
    unsigned long wanted = (unsigned long)((double)histogram->count * share), seen = 0;
    unsigned long i = 0;

    while (i < BUCKETS - 1 && (seen += histogram->buckets[i]) < wanted) {
        i++;
    }
    return (double)(i + 1) / 10;
}

static int open_connection(const struct bench *bench)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)&bench->address, sizeof bench->address) != 0) {
        die("connect");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(int fd, const char *bytes, size_t len)
{
    if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) {
        die("send");
    }
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

/* Reads one answer; false when it is not 200. */
static bool receive(int fd)
{
    char text[BUFFER];
    size_t have = 0;

    for (;;) {
        ssize_t got = recv(fd, text + have, sizeof text - 1 - have, 0);
        const char *length, *end;
        if (got <= 0) {
            return false;
        }
        have += (size_t)got;
        text[have] = '\0';
        end = strstr(text, "\r\n\r\n");
        length = strstr(text, "Content-Length: ");
        if (end != NULL && length != NULL &&
            have >= (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10)) {
            return strncmp(text + 9, "200", 3) == 0;
        }
    }
}

static void sleep_until(double us)
{
    double left = us - now_us();
    struct timespec pause = {.tv_sec = (time_t)(left / 1e6),
                             .tv_nsec = (long)(left > 0 ? left : 0) % 1000000 * 1000};

    if (left > 0) {
        (void)nanosleep(&pause, NULL);
    }
}

static void *post_events(void *argument)
{
    struct bench *bench = argument;
    int fd = open_connection(bench);
    double start = now_us();
    long long base = (long long)time(NULL) * 1000;

    for (unsigned long i = 0; i < bench->events; i++) {
        char body[400], request[700];
        int body_len = snprintf(body, sizeof body,
                                "{\"type\":\"ENTRY\",\"camera_id\":1,\"event_id\":"
                                "\"bench_%lld_%06lu\",\"data\":{\"plate_text\":\"%02lldB%06lu\"}}",
                                base, i, base / 1000 % 100, i);
        int len = snprintf(request, sizeof request,
                           "POST /api/edge/event HTTP/1.1\r\nHost: bench\r\n"
                           "Content-Length: %d\r\n\r\n%s",
                           body_len, body);
        sleep_until(start + (double)i * 1e6 / (double)bench->rate);
        bench->posted_us[i] = now_us();
        atomic_store(&bench->sent, i + 1);
        send_all(fd, request, (size_t)len);
        if (!receive(fd)) {
            atomic_store(&bench->failed, true);
            break;
        }
        count(&bench->post, now_us() - bench->posted_us[i]);
    }
    sleep_until(now_us() + 1e6); /* the last notices */
    atomic_store(&bench->stop, true);
    (void)close(fd);
    return NULL;
}

static void *ask_stats(void *argument)
{
    static const char request[] = "GET /api/stats HTTP/1.1\r\nHost: bench\r\n\r\n";
    struct bench *bench = argument;
    int fd = open_connection(bench);
    double start = now_us();

    for (unsigned long i = 0; !atomic_load(&bench->stop); i++) {
        double asked;
        sleep_until(start + (double)i * 1e6 / STATS_RATE);
        asked = now_us();
        send_all(fd, request, sizeof request - 1);
        if (!receive(fd)) {
            atomic_store(&bench->failed, true);
            break;
        }
        count(&bench->get, now_us() - asked);
    }
    (void)close(fd);
    return NULL;
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void join(const struct bench *bench, struct page *page)
{
    static const char request[] =
        "GET /ws/history HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char answer[512];
    size_t have = 0;

    page->fd = open_connection(bench);
    send_all(page->fd, request, sizeof request - 1);
    do { /* byte by byte: what follows are frames */
        if (have == sizeof answer - 1 || recv(page->fd, answer + have, 1, 0) != 1) {
            die("handshake");
        }
        answer[++have] = '\0';
    } while (strstr(answer, "\r\n\r\n") == NULL);
    if (strncmp(answer + 9, "101", 3) != 0) {
        (void)fprintf(stderr, "handshake refused: %.60s\n", answer);
        exit(1);
    }
}

static void take_frame(struct bench *bench, struct page *page, int opcode, char *text, size_t len)
{
    static const char pong[6] = {(char)0x8a, (char)0x80, 0, 0, 0, 0};
    double at = now_us();
    char *id;

    if (opcode == 9) {
        send_all(page->fd, pong, sizeof pong);
        return;
    }
    bench->frames++;
    text[len] = '\0'; /* the caller has put aside what is there */
    id = strstr(text, "\"bench_");
    if (id != NULL) {
        unsigned long newest = strtoul(strchr(id + 7, '_') + 1, NULL, 10);
        for (; page->covered <= newest && page->covered < atomic_load(&bench->sent);
             page->covered++) {
            count(&bench->told, at - bench->posted_us[page->covered]);
        }
    }
}

static void take_bytes(struct bench *bench, struct page *page)
{
    ssize_t got = recv(page->fd, page->bytes + page->have, sizeof page->bytes - 1 - page->have, 0);
    size_t from = 0;

    if (got <= 0) {
        die("a page was cut off");
    }
    page->have += (size_t)got;
    while (page->have - from >= 2) {
        unsigned char *head = (unsigned char *)page->bytes + from;
        size_t len = head[1] & 0x7f, head_len = 2;
        char aside;
        if (len == 126) {
            if (page->have - from < 4) {
                break;
            }
            len = (size_t)head[2] << 8 | head[3];
            head_len = 4;
        }
        if (page->have - from < head_len + len) {
            break;
        }
        aside = page->bytes[from + head_len + len];
        take_frame(bench, page, head[0] & 0x0f, page->bytes + from + head_len, len);
        page->bytes[from + head_len + len] = aside;
        from += head_len + len;
    }
    page->have -= from;
    memmove(page->bytes, page->bytes + from, page->have);
}

static void watch(struct bench *bench, struct page *pages, int poller)
{
    struct epoll_event ready[64];

    while (!atomic_load(&bench->stop)) {
        int count_ready = epoll_wait(poller, ready, 64, 100);
        for (int i = 0; i < count_ready; i++) {
            take_bytes(bench, &pages[ready[i].data.u32]);
        }
    }
}

static void print(const struct bench *bench)
{
    (void)printf("{\"pages\": %lu, \"rate\": %lu, \"events\": %lu, \"frames\": %lu, "
                 "\"failed\": %s,\n \"told\": %lu, \"told_p50_ms\": %.1f, \"told_p99_ms\": %.1f, "
                 "\"told_max_ms\": %.1f,\n \"post_p50_ms\": %.1f, \"post_p99_ms\": %.1f, "
                 "\"get_p50_ms\": %.1f, \"get_p99_ms\": %.1f}\n",
                 bench->pages, bench->rate, atomic_load(&bench->sent), bench->frames,
                 atomic_load(&bench->failed) ? "true" : "false", bench->told.count,
                 quantile_ms(&bench->told, 0.5), quantile_ms(&bench->told, 0.99),
                 quantile_ms(&bench->told, 1), quantile_ms(&bench->post, 0.5),
                 quantile_ms(&bench->post, 0.99), quantile_ms(&bench->get, 0.5),
                 quantile_ms(&bench->get, 0.99));
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct page *pages;
    pthread_t poster, asker;
    int poller = epoll_create1(0);

    if (argc != 6) {
        (void)fprintf(stderr, "usage: bench_sockets IP PORT CLIENTS RATE SECONDS\n");
        return 64;
    }
    bench.address.sin_family = AF_INET;
    bench.address.sin_port = htons((unsigned short)strtoul(argv[2], NULL, 10));
    bench.pages = strtoul(argv[3], NULL, 10);
    bench.rate = strtoul(argv[4], NULL, 10);
    bench.seconds = strtoul(argv[5], NULL, 10);
    bench.events = bench.rate * bench.seconds;
    pages = calloc(bench.pages, sizeof *pages);
    if (inet_pton(AF_INET, argv[1], &bench.address.sin_addr) != 1 || bench.rate == 0 ||
        bench.events > EVENTS_MAX || pages == NULL || poller < 0) {
        die("arguments");
    }
    for (unsigned long i = 0; i < bench.pages; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (unsigned)i};
        join(&bench, &pages[i]);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, pages[i].fd, &event) != 0) {
            die("epoll_ctl");
        }
    }
    if (pthread_create(&poster, NULL, post_events, &bench) != 0 ||
        pthread_create(&asker, NULL, ask_stats, &bench) != 0) {
        die("pthread_create");
    }
    watch(&bench, pages, poller);
    (void)pthread_join(poster, NULL);
    (void)pthread_join(asker, NULL);
    print(&bench);
    return atomic_load(&bench.failed) ? 1 : 0;
}
