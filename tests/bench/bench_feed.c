/*
 * What the reader's thread costs a message of a replay: pages of the feed one after the other, as
 * the publisher asks for them, with no socket and nobody who reads them.
 *
 *   bench_feed DATABASE TOPIC [MESSAGES]     prints one JSON object
 *
 * For callgrind give MESSAGES; what a start costs is then some pages' worth.
 */
#include "node/reader_feed.h"
#include "proto/clock.h"
#include "proto/feed_pack.h"
#include "proto/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_feed: %s\n", what);
    exit(1);
}

static double cpu_s(void)
{
    struct timespec spent;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

/* One page; false at the end. */
static bool turn(struct history *history, struct feed_page_request *request, struct buffer *asked,
                 struct buffer *answer, uint64_t *messages)
{
    struct feed_page page;
    bool more;

    buffer_clear(asked);
    buffer_clear(answer);
    if (feed_page_request_pack(request, asked) != 0 ||
        reader_feed_answer(history, buffer_slice(asked), answer) != 0 ||
        feed_page_unpack(&page, buffer_slice(answer)) != 0 || page.state != FEED_PAGE_KNOWN) {
        die("no page");
    }
    *messages += page.count;
    request->after = page.next;
    more = page.more;
    feed_page_free(&page);
    return more;
}

int main(int argc, char **argv)
{
    struct feed_page_request request = {.most = LIMIT_BUS_CREDIT};
    struct buffer asked = {0}, answer = {0};
    struct history_feed feed;
    struct problem problem = {.code = PROBLEM_OK};
    uint64_t messages = 0, most = argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_MAX;

    if (argc < 3 || !slice_copy(slice_text(argv[2]), request.topic, sizeof request.topic)) {
        (void)fputs("usage: bench_feed DATABASE TOPIC [MESSAGES]\n", stderr);
        return 64;
    }
    struct history *history = history_open(argv[1], &problem);
    if (history == NULL || history_feed(history, NULL, NULL, NULL, NULL, &feed, &problem) != 0) {
        log_problem(LOG_LEVEL_ERROR, &problem);
        return 1;
    }
    request.after = feed.beginning;
    int64_t start_ms = clock_mono_ms();
    double before_s = cpu_s();
    while (messages < most && turn(history, &request, &asked, &answer, &messages)) {
        ;
    }
    double seconds = (double)(clock_mono_ms() - start_ms) / 1e3;
    (void)printf("{\"messages\": %" PRIu64 ", \"per_s\": %.0f, \"cpu_us\": %.2f}\n", messages,
                 (double)messages / (seconds > 0 ? seconds : 1),
                 (cpu_s() - before_s) * 1e6 / (double)messages);
    history_close(&history);
    buffer_free(&asked);
    buffer_free(&answer);
    return 0;
}
