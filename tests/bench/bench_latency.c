/*
 * From a POST at one central to the committed row at another:
 *
 *   bench_latency IP PORT DATABASE COUNT
 *
 * POSTs events to IP:PORT one at a time, idle between two, and looks into the WAL index of
 * DATABASE, which is the other central's, until a transaction is added. SQLite adds it after the
 * WAL is synced (sqlite.org/walformat.html, "The WAL-Index Header": iChange). A look is one read of
 * memory every 50 us, so the figure is late by as much and never early. But a look also takes the
 * processor from whom it measures for some 30 us. So the first one waits for four fifths of the
 * shortest time that the events for warming up took; those begin after half a millisecond.
 * Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WARM 20
#define PATIENCE_US 10e6
#define FIRST_US 500.0
#define FIRST_SHARE 0.8 /* of the shortest time */
#define LOOK_NS 50000
#define INDEX_BYTES 136 /* two copies of the header and the marks of readers */
#define CHANGES_AT 2    /* of its 32-bit numbers */
#define IDLE_US 3000

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_latency: %s: %s\n", what, why);
    exit(1);
}

static int connect_to(const char *ip, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1 || fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
        die("connect", ip);
    }
    return fd;
}

static void post(int fd, const char *ip, long number)
{
    char plate[32], body[300], request[600];
    int len;
    static time_t first; /* a plate is new in every run */

    if (first == 0) {
        first = time(NULL) % 1000000;
    }
    (void)snprintf(plate, sizeof plate, "%06lldL%05ld", (long long)first, number);
    len = snprintf(body, sizeof body,
                   "{\"type\":\"ENTRY\",\"camera_id\":1,\"event_id\":\"edge-1_%lld000_%s\","
                   "\"data\":{\"plate_text\":\"%s\"}}",
                   (long long)time(NULL), plate, plate);
    len = snprintf(request, sizeof request,
                   "POST /api/edge/event HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                   "Content-Length: %d\r\n\r\n%s",
                   ip, len, body);
    if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        die("send", ip);
    }
}

/* The answer is small and comes in one piece. */
static void take_answer(int fd)
{
    char answer[8192];
    ssize_t len = recv(fd, answer, sizeof answer - 1, 0);

    if (len <= 0) {
        die("no answer", "connection closed");
    }
    answer[len] = '\0';
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
        die("unexpected answer", answer);
    }
}

/* The number of transactions in the WAL index, which other processes write. */
static const volatile uint32_t *map_changes(const char *database)
{
    char path[600];
    int fd;
    const uint32_t *index;

    (void)snprintf(path, sizeof path, "%s-shm", database);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        die(path, strerror(errno));
    }
    index = mmap(NULL, INDEX_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (index == MAP_FAILED) {
        die(path, strerror(errno));
    }
    (void)close(fd);
    return &index[CHANGES_AT];
}

/* Waits for a transaction after `before`, looking from `first_us` on; the time when it was seen. */
static double wait_for_commit(const volatile uint32_t *changes, uint32_t before, double start,
                              double first_us)
{
    const struct timespec first = {(time_t)(first_us / 1e6), (long)(fmod(first_us, 1e6) * 1e3)};
    const struct timespec pause = {.tv_nsec = LOOK_NS};

    (void)nanosleep(&first, NULL);
    while (*changes == before) {
        if (now_us() - start > PATIENCE_US) {
            die("waited in vain", "is the other central linked?");
        }
        (void)nanosleep(&pause, NULL);
    }
    return now_us();
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    long count = argc == 5 ? strtol(argv[4], NULL, 10) : 0;
    double *taken = calloc(count > 0 ? (size_t)count : 1, sizeof *taken);
    const volatile uint32_t *changes;
    double first_us = FIRST_US, shortest_us = PATIENCE_US;
    int fd;

    if (count <= 0 || taken == NULL) {
        (void)fputs("usage: bench_latency IP PORT DATABASE COUNT\n", stderr);
        return 64;
    }
    (void)prctl(PR_SET_TIMERSLACK, 1); /* else each look is 50 us later */
    fd = connect_to(argv[1], argv[2]);
    changes = map_changes(argv[3]);
    for (long i = -WARM; i < count; i++) {
        uint32_t before = *changes;
        double start = now_us(), end;
        post(fd, argv[1], i + WARM);
        end = wait_for_commit(changes, before, start, first_us);
        take_answer(fd);
        if (i >= 0) {
            taken[i] = end - start;
        } else {
            shortest_us = fmin(shortest_us, end - start);
            first_us = i == -1 ? FIRST_SHARE * shortest_us : FIRST_US;
        }
        (void)usleep(IDLE_US);
    }
    qsort(taken, (size_t)count, sizeof *taken, compare);
    (void)printf("{\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", taken[count / 2] / 1e3,
                 taken[count * 99 / 100] / 1e3);
    (void)close(fd);
    free(taken);
    return 0;
}
