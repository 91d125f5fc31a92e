/*
 * GET /readyz. Plain: whether this central takes requests. With `verbose` each part is tried, too:
 * only the database and the writer make it fail. What a supervisor cannot mend by taking this
 * central out of service (a disk that fills, links that are off, a clock) is told as a warning, and
 * another central that is away is none of its business.
 */
#include "api/handlers.h"

#include "api/disk.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/command.h"
#include "proto/event.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum verdict {
    VERDICT_OK,
    VERDICT_WARNING,
    VERDICT_FAILED
};

enum part {
    PART_DATABASE,
    PART_WRITER,
    PART_DISK,
    PART_MESH,
    PART_CLOCK,
    PART_COUNT
};

struct check {
    enum verdict verdict;
    char detail[160];
};

static void conclude(struct check *check, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void conclude(struct check *check, enum verdict verdict, const char *format, ...)
{
    va_list arguments;

    check->verdict = verdict;
    va_start(arguments, format);
    (void)vsnprintf(check->detail, sizeof check->detail, format, arguments);
    va_end(arguments);
}

/* ---- the parts ------------------------------------------------------------------------------- */

static void check_database(struct gateway *gateway, struct check *check)
{
    struct problem problem;
    struct history *history = readers_take(gateway->readers, false, &problem);
    uint64_t events = 0;
    int rc = -1;

    if (history != NULL) {
        rc = history_event_count(history, &events, &problem);
        readers_give(gateway->readers, false, &history);
    }
    if (rc == 0) {
        conclude(check, VERDICT_OK, "%" PRIu64 " events", events);
    } else {
        conclude(check, VERDICT_FAILED, "%s", problem_name(problem.code));
    }
}

static int probe_writer(struct request *request, struct answer *answer, struct problem *problem)
{
    struct buffer *question = &request->worker->question;
    struct command command;
    struct slice bytes;

    command_init(&command, COMMAND_PROBE);
    buffer_clear(question);
    if (command_pack(&command, question) != 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "Lỗi nội bộ");
    }
    if (desk_call(request->worker->node, buffer_slice(question), LIMIT_READY_WRITER_MS, &bytes,
                  problem) != 0) {
        return -1;
    }
    return answer_unpack(answer, bytes) == 0
               ? 0
               : problem_set(problem, PROBLEM_INTERNAL, NULL, "Lỗi nội bộ");
}

static void check_writer(struct request *request, struct check *check)
{
    int64_t began_us = clock_mono_us();
    struct problem problem;
    struct answer answer;

    if (probe_writer(request, &answer, &problem) != 0) {
        conclude(check, VERDICT_FAILED, "%s", problem_name(problem.code));
    } else if (answer.code != PROBLEM_OK) {
        conclude(check, VERDICT_FAILED, "%s", problem_name(answer.code));
    } else {
        conclude(check, VERDICT_OK, "answered in %" PRId64 " ms",
                 (clock_mono_us() - began_us) / 1000);
    }
}

static void check_disk(const struct gateway *gateway, struct check *check)
{
    struct disk_use use;

    disk_measure(gateway->database, &use);
    if (use.free < 0) {
        conclude(check, VERDICT_WARNING, "room unknown");
        return;
    }
    conclude(check, use.free < LIMIT_DISK_LOW_BYTES ? VERDICT_WARNING : VERDICT_OK,
             "%" PRId64 " MiB free", use.free / (1024 * 1024));
}

static void check_mesh(const struct mesh_report *report, struct check *check)
{
    size_t configured = 0, connected = 0;

    for (size_t i = 0; i < report->count; i++) {
        configured += report->peers[i].state != PEER_PENDING;
        connected += report->peers[i].state == PEER_CONNECTED;
    }
    if (!report->running) {
        conclude(check, VERDICT_WARNING, "off");
    } else {
        conclude(check, VERDICT_OK, "running, %zu of %zu peers connected", connected, configured);
    }
}

/* Against the connected peers: nothing else here knows the time better. */
static void check_clock(const struct mesh_report *report, struct check *check)
{
    int64_t worst_ms = 0;
    size_t compared = 0;

    for (size_t i = 0; i < report->count; i++) {
        const struct peer_report *peer = &report->peers[i];
        int64_t offset_ms = peer->clock_offset_ms;
        if (peer->state != PEER_CONNECTED || offset_ms == EVENT_NONE) {
            continue;
        }
        compared++;
        offset_ms = offset_ms < 0 ? -offset_ms : offset_ms;
        worst_ms = offset_ms > worst_ms ? offset_ms : worst_ms;
    }
    if (compared == 0) {
        conclude(check, VERDICT_OK, "no peer to compare with");
    } else {
        conclude(check, worst_ms > LIMIT_CLOCK_WARN_MS ? VERDICT_WARNING : VERDICT_OK,
                 "%" PRId64 " ms at most from %zu peers", worst_ms, compared);
    }
}

static bool check_all(struct request *request, struct check checks[PART_COUNT])
{
    struct mesh_report report;
    bool well = true;

    check_database(request->gateway, &checks[PART_DATABASE]);
    check_writer(request, &checks[PART_WRITER]);
    check_disk(request->gateway, &checks[PART_DISK]);
    (void)sync_report(request, false, &report); /* without an answer: not running, no peers */
    check_mesh(&report, &checks[PART_MESH]);
    check_clock(&report, &checks[PART_CLOCK]);
    mesh_report_free(&report);
    for (int part = 0; part < PART_COUNT; part++) {
        well = well && checks[part].verdict != VERDICT_FAILED;
    }
    return well;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const char *const PARTS[PART_COUNT] = {"database", "writer", "disk", "mesh", "clock"};

static void put_summary(struct json_writer *writer, bool ready, const char *status)
{
    json_put_open(writer, '{');
    json_set_bool(writer, "success", ready);
    json_set_text(writer, "status", status);
}

static void put_checks(struct json_writer *writer, const struct check checks[PART_COUNT])
{
    static const char *const names[] = {"ok", "warning", "failed"};

    json_put_key(writer, "checks");
    json_put_open(writer, '[');
    for (int part = 0; part < PART_COUNT; part++) {
        json_put_open(writer, '{');
        json_set_text(writer, "name", PARTS[part]);
        json_set_text(writer, "status", names[checks[part].verdict]);
        json_set_text(writer, "detail", checks[part].detail);
        json_put_close(writer, '}');
    }
    json_put_close(writer, ']');
}

static void put_lines(struct json_writer *writer, const struct check checks[PART_COUNT],
                      const char *status)
{
    static const char *const marks[] = {"[+]", "[!]", "[-]"};
    struct buffer lines = {0};

    for (int part = 0; part < PART_COUNT; part++) {
        (void)buffer_printf(&lines, "%s %s: %s\n", marks[checks[part].verdict], PARTS[part],
                            checks[part].detail); /* a few short lines: memory aside they fit */
    }
    (void)buffer_printf(&lines, "%s\n", status);
    json_put_raw(writer, buffer_slice(&lines));
    buffer_free(&lines);
}

/* 1 for JSON, 0 for lines, -1 after a 422. */
static int wants_json(struct request *request)
{
    const char *accept = mg_get_header(request->connection, "Accept");
    char format[8] = "";

    if (request_query_text(request, "format", format, sizeof format) != 0) {
        return -1;
    }
    if (format[0] != '\0' && strcmp(format, "json") != 0 && strcmp(format, "text") != 0) {
        respond_parameter(request, "query", "format", "json or text", "value_error");
        return -1;
    }
    return strcmp(format, "json") == 0 ||
           (format[0] == '\0' && accept != NULL && strstr(accept, "application/json") != NULL);
}

static void respond_verbose(struct request *request, bool ready, const char *status)
{
    struct check checks[PART_COUNT];
    int json = wants_json(request);
    struct json_writer writer;

    if (json < 0) {
        return;
    }
    if (!check_all(request, checks) && ready) {
        ready = false;
        status = "failed";
    }
    writer = respond_json(request);
    if (json) {
        put_summary(&writer, ready, status);
        put_checks(&writer, checks);
        json_put_close(&writer, '}');
    } else {
        put_lines(&writer, checks, status);
        respond_type(request, "text/plain; charset=utf-8");
    }
    respond_send(request, ready ? 200 : 503);
}

void ready_get(struct request *request)
{
    bool stopping = atomic_load(&request->gateway->stopping);
    bool ready = atomic_load(&request->gateway->ready) && !stopping;
    const char *status = ready ? "ready" : stopping ? "stopping" : "starting";
    struct slice flag = request_query(request, "verbose");
    bool verbose = flag.data != NULL && flag.len == 0;
    struct json_writer writer;

    if (flag.len > 0 && request_query_bool(request, "verbose", &verbose) != 0) {
        return;
    }
    if (verbose) {
        respond_verbose(request, ready, status);
        return;
    }
    writer = respond_json(request);
    put_summary(&writer, ready, status);
    json_put_close(&writer, '}');
    respond_send(request, ready ? 200 : 503);
}
