#include "api/await.h"

#include "api/feed_item.h"
#include "api/handlers.h"
#include "api/progress.h"
#include "api/respond.h"
#include "proto/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ONE_TEXT (LIMIT_NODE_ID + 2 * 21 + 1) /* bytes of node:epoch:seq */

struct wanted {
    struct position positions[LIMIT_AFTER_POSITIONS];
    uint64_t held[LIMIT_AFTER_POSITIONS]; /* newest of that stream here, as looked at last */
    size_t count;
};

static bool parse_number(const char *text, uint64_t *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out != 0;
}

/* Cuts `text` into its parts. */
static bool parse_position(char *text, struct position *out)
{
    char *epoch = strchr(text, ':');
    char *seq = epoch != NULL ? strchr(epoch + 1, ':') : NULL;

    if (seq == NULL) {
        return false;
    }
    *epoch = *seq = '\0';
    return node_id_parse(slice_text(text), &out->stream.node) &&
           parse_number(epoch + 1, &out->stream.epoch) && parse_number(seq + 1, &out->seq) &&
           out->seq <= LIMIT_SEQ;
}

/* 0, or -1 after a 422. */
static int read_wanted(struct request *request, struct wanted *wanted)
{
    char text[LIMIT_AFTER_POSITIONS * ONE_TEXT] = "", *rest = NULL;

    if (request_query_text(request, "after_position", text, sizeof text) != 0) {
        return -1;
    }
    for (char *one = strtok_r(text, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
        if (wanted->count == LIMIT_AFTER_POSITIONS ||
            !parse_position(one, &wanted->positions[wanted->count])) {
            wanted->count = 0;
            break;
        }
        wanted->count++;
    }
    if (wanted->count == 0) {
        respond_parameter(request, "query", "after_position",
                          "up to 16 positions node:epoch:seq as writes answer them, separated by "
                          "commas; epoch and seq in decimal",
                          "value_error");
        return -1;
    }
    return 0;
}

/* 1 all are held, 0 not, -1 after an answer. */
static int look(struct request *request, struct wanted *wanted)
{
    struct problem problem;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int rc = history == NULL ? -1 : 1;

    for (size_t i = 0; i < wanted->count && rc >= 0; i++) {
        if (history_head(history, &wanted->positions[i].stream, &wanted->held[i], &problem) != 0) {
            rc = -1;
        } else if (wanted->held[i] < wanted->positions[i].seq) {
            rc = 0;
        }
    }
    if (history != NULL) {
        readers_give(request->gateway->readers, false, &history);
    }
    if (rc < 0) {
        respond_problem(request, &problem);
    }
    return rc;
}

/* Seconds since our log last equalled that of a peer; -1 = not known. */
static int64_t lag_of(const struct mesh_report *report, const struct node_id *node)
{
    for (size_t i = 0; i < report->count; i++) {
        if (node_id_compare(&report->peers[i].id, node) == 0) {
            return report->peers[i].lag_s;
        }
    }
    return -1;
}

static void put_missing(struct json_writer *writer, const struct wanted *wanted,
                        const struct mesh_report *report)
{
    json_put_key(writer, "positions");
    json_put_open(writer, '[');
    for (size_t i = 0; i < wanted->count; i++) {
        const struct position *position = &wanted->positions[i];
        uint64_t held = wanted->held[i];
        json_put_open(writer, '{');
        json_set_position(writer, "position", position);
        json_set_int(writer, "held", (int64_t)held);
        json_set_int(writer, "lag_events",
                     held < position->seq ? (int64_t)(position->seq - held) : 0);
        json_set_known(writer, "lag_seconds", lag_of(report, &position->stream.node), -1);
        json_put_close(writer, '}');
    }
    json_put_close(writer, ']');
}

static void respond_missing(struct request *request, const struct wanted *wanted, int64_t waited_ms)
{
    struct mesh_report report;
    struct problem problem;
    struct json_writer writer;

    if (atomic_load(&request->gateway->stopping)) {
        respond_error(request, PROBLEM_STOPPING, "Hệ thống đang dừng");
        return;
    }
    (void)problem_set(&problem, PROBLEM_POSITION_NOT_HELD,
                      "ask again, or ask the central that wrote it; GET /api/v1/sync shows who is "
                      "behind whom",
                      "this central did not get what you wait for within %lld ms",
                      (long long)waited_ms);
    /* a mesh that does not answer leaves an empty report: the lag is not known */
    (void)sync_report(request, false, &report);
    writer = respond_open(request, &problem);
    put_missing(&writer, wanted, &report);
    respond_close(request, &writer, &problem);
    mesh_report_free(&report);
}

static int wait_for(struct request *request, struct wanted *wanted, int64_t wait_ms)
{
    struct progress *progress = request->gateway->progress;
    int64_t until_ms = clock_mono_ms() + wait_ms;
    struct progress_waiter waiter;
    int held;

    if (!progress_enter(progress, &waiter, wanted->positions, wanted->count)) {
        respond_error(request, PROBLEM_BUSY, "too many requests are waiting for events");
        return -1;
    }
    do { /* it may have come between the first look and our place among those who are woken */
        held = look(request, wanted);
    } while (held == 0 && progress_wait(progress, &waiter, until_ms));
    progress_leave(progress, &waiter);
    if (held == 0) {
        respond_missing(request, wanted, wait_ms);
    }
    return held == 1 ? 0 : -1;
}

int await_positions(struct request *request)
{
    struct wanted wanted = {.count = 0};
    int64_t wait_s = LIMIT_AFTER_MS / 1000;
    int held;

    if (request_query(request, "after_position").data == NULL) {
        return 0;
    }
    if (read_wanted(request, &wanted) != 0 || request_query_int(request, "wait", &wait_s) != 0) {
        return -1;
    }
    if (wait_s < 0 || wait_s > LIMIT_FEED_WAIT_S) {
        respond_parameter(request, "query", "wait", "0 to 30 seconds", "value_error");
        return -1;
    }
    held = look(request, &wanted);
    if (held != 0) {
        return held == 1 ? 0 : -1;
    }
    return wait_for(request, &wanted, wait_s * 1000);
}
