#include "api/handlers.h"

#include "api/camera_list.h"
#include "api/disk.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/localtime.h"

static void put_member(struct json_writer *writer, const char *key, const char *text)
{
    json_put_key(writer, key);
    json_put_string(writer, text);
}

static void put_success(struct json_writer *writer, bool success)
{
    json_put_open(writer, '{');
    json_set_bool(writer, "success", success);
}

void status_root(struct request *request)
{
    struct json_writer writer = respond_json(request);

    put_success(&writer, true);
    put_member(&writer, "service", "ParkMesh");
    put_member(&writer, "version", request->gateway->version);
    put_member(&writer, "status", "running");
    put_member(&writer, "node", request->gateway->node.text);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

void status_live(struct request *request)
{
    struct json_writer writer = respond_json(request);

    put_success(&writer, true);
    put_member(&writer, "status", "alive");
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* Kept and passed on, but only a newer version understands them. */
static void put_unknown(struct json_writer *writer, const struct history_unknown *unknown)
{
    json_put_key(writer, "unknown_events");
    json_put_open(writer, '{');
    json_set_int(writer, "total", (int64_t)unknown->total);
    json_put_key(writer, "kinds");
    json_put_open(writer, '[');
    for (size_t i = 0; i < unknown->count; i++) {
        json_put_open(writer, '{');
        json_set_int(writer, "kind", unknown->kinds[i].kind);
        json_set_int(writer, "events", (int64_t)unknown->kinds[i].events);
        json_put_close(writer, '}');
    }
    json_put_close(writer, ']');
    json_put_close(writer, '}');
}

static void put_machine(struct json_writer *writer, const struct gateway *gateway)
{
    char now[UTCTIME_RFC3339];
    struct disk_use use;

    disk_measure(gateway->database, &use);
    utctime_rfc3339(clock_wall_ms(), now);
    put_member(writer, "time", now);
    json_set_int(writer, "uptime_s", (clock_mono_ms() - gateway->started_ms) / 1000);
    json_put_key(writer, "disk");
    json_put_open(writer, '{');
    json_set_known(writer, "free_bytes", use.free, -1);
    json_set_known(writer, "total_bytes", use.all, -1);
    json_set_known(writer, "database_bytes", use.database, -1);
    json_set_int(writer, "wal_bytes", use.wal);
    json_put_close(writer, '}');
}

void status_summary(struct request *request)
{
    struct problem problem;
    struct history_stats stats;
    struct history_unknown unknown;
    struct mesh_report report;
    struct json_writer writer;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    uint64_t events = 0;
    int rc;

    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    rc = history_stats(history, clock_wall_ms(), &stats, &problem);
    if (rc == 0) {
        rc = history_event_count(history, &events, &problem);
    }
    if (rc == 0) {
        rc = history_unknown(history, &unknown, &problem);
    }
    readers_give(request->gateway->readers, false, &history);
    if (rc != 0) {
        respond_problem(request, &problem);
        return;
    }
    (void)sync_report(request, false, &report); /* without an answer only we can be warned of */
    writer = respond_json(request);
    put_success(&writer, true);
    json_put_key(&writer, "cameras");
    json_put_open(&writer, '{');
    camera_list_put(&writer, request->gateway->cameras);
    json_put_close(&writer, '}');
    json_put_key(&writer, "parking");
    json_put_open(&writer, '{');
    money_put_stats(&writer, &stats);
    json_put_close(&writer, '}');
    put_member(&writer, "node", request->gateway->node.text);
    put_member(&writer, "version", request->gateway->version);
    json_set_int(&writer, "events", (int64_t)events);
    json_set_bool(&writer, "ready", atomic_load(&request->gateway->ready));
    put_machine(&writer, request->gateway);
    put_unknown(&writer, &unknown);
    json_put_key(&writer, "warnings");
    json_put_open(&writer, '[');
    sync_put_warnings(&writer, request->gateway, &report);
    if (unknown.total > 0) {
        sync_put_warning(
            &writer, PROBLEM_EVENT_UNKNOWN,
            "Có sự kiện của phiên bản mới hơn: được giữ và chuyển tiếp nguyên vẹn; hãy "
            "cập nhật central này");
    }
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    respond_send(request, 200);
    mesh_report_free(&report);
}
