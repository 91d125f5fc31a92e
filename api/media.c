/*
 * Video of cameras, passed through: WebRTC offers as one call, MJPEG as a stream whose pieces go
 * from the box straight to the client, so that a slow client slows its camera and takes no memory.
 * Only addresses of the configuration are called.
 */
#include "api/handlers.h"

#include "api/call.h"
#include "api/camera_list.h"
#include "api/respond.h"

#include <stdio.h>
#include <string.h>

#define MULTIPART "multipart/x-mixed-replace"

#define URL_BYTES (CAMERA_IP + 64)

/* An error in both shapes that existing clients may look at: `detail`, and what ours have. */
static void refuse(struct request *request, int status, enum problem_code code, const char *detail,
                   const char *text)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", false);
    json_set_text(&writer, "detail", detail);
    json_set_text(&writer, "error", text);
    json_set_text(&writer, "code", problem_name(code));
    json_put_close(&writer, '}');
    respond_send(request, status);
}

/* 0 with the URL of a path at the box, or -1 after an answer. `no_address` is the status when there
 * is none. */
static int find_url(struct request *request, int64_t id, int no_address, const char *path,
                    char url[URL_BYTES])
{
    struct camera camera;

    if (!cameras_find(request->gateway->cameras, id, &camera)) {
        refuse(request, 404, PROBLEM_CAMERA_UNKNOWN, "edge_camera_not_configured",
               "Không tìm thấy camera");
        return -1;
    }
    if (camera.setting.ip[0] == '\0') {
        refuse(request, no_address, PROBLEM_CAMERA_UNKNOWN, "edge_camera_not_configured",
               "Chưa cấu hình địa chỉ cho camera này");
        return -1;
    }
    (void)snprintf(url, URL_BYTES, "http://%s:%d%s", camera.setting.ip, CAMERA_PORT, path);
    return 0;
}

/* ---- offers ---------------------------------------------------------------------------------- */

static void refuse_unreachable(struct request *request, const char *endpoint,
                               enum problem_code code, const char *why)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", false);
    json_put_key(&writer, "detail");
    json_put_open(&writer, '{');
    json_set_text(&writer, "error", "edge_unreachable");
    json_set_text(&writer, "message", why);
    json_set_text(&writer, "endpoint", endpoint);
    json_put_close(&writer, '}');
    json_set_text(&writer, "error", why);
    json_set_text(&writer, "code", problem_name(code));
    json_put_close(&writer, '}');
    respond_send(request, problem_http_status(code));
}

/* What the box said: its JSON as it is, its errors under `detail`. */
static void pass_answer(struct request *request, const struct call *call)
{
    struct slice body = buffer_slice(&call->answer);
    struct problem problem;
    struct json_writer writer;
    json_t *value = json_read(body, &problem);

    if (value == NULL || call->status < 200 || (call->status >= 300 && call->status < 400)) {
        refuse_unreachable(request, call->url, PROBLEM_CAMERA_UNREACHABLE,
                           "Camera trả lời không đúng định dạng");
        json_decref(value);
        return;
    }
    writer = respond_json(request);
    if (call->status < 300) {
        json_put_raw(&writer, body);
    } else {
        json_put_open(&writer, '{');
        json_set_bool(&writer, "success", false);
        json_put_key(&writer, "detail");
        json_put_raw(&writer, body);
        json_set_text(&writer, "error", "Camera từ chối yêu cầu");
        json_set_text(&writer, "code", problem_name(PROBLEM_CAMERA_UNREACHABLE));
        json_put_close(&writer, '}');
    }
    respond_send(request, call->status);
    json_decref(value);
}

static void offer(struct request *request, const char *path)
{
    int64_t id;
    char url[URL_BYTES];
    struct call call = {.method = "POST", .url = url, .total_ms = LIMIT_OFFER_MS};
    json_t *body;

    if (request_path_id(request, "id", &id) != 0) {
        return;
    }
    body = request_object(request);
    if (body == NULL) {
        return;
    }
    json_decref(body); /* read for its errors; what was sent goes on as it is */
    if (find_url(request, id, 404, path, url) != 0) {
        return;
    }
    call.body = request->body;
    call_all(&call, 1, &request->gateway->abandon);
    if (call.outcome == CALL_ANSWERED) {
        pass_answer(request, &call);
    } else {
        refuse_unreachable(request, url, call_problem(&call, PROBLEM_CAMERA_UNREACHABLE),
                           call.error);
    }
    call_free(&call);
}

void media_offer(struct request *request)
{
    bool annotated = false;

    if (request_query_bool(request, "annotated", &annotated) == 0) {
        offer(request, annotated ? "/offer-annotated" : "/offer");
    }
}

void media_offer_annotated(struct request *request)
{
    offer(request, "/offer-annotated");
}

/* ---- streams --------------------------------------------------------------------------------- */

static int stream_begin(void *context, int status, const char *content_type)
{
    struct request *request = context;
    bool usable = status == 200 && strncmp(content_type, MULTIPART, strlen(MULTIPART)) == 0;

    for (const char *at = content_type; *at != '\0' && usable; at++) {
        usable = *at >= 0x20 && *at < 0x7f;
    }
    return usable ? respond_media(request, content_type) : -1;
}

static int stream_part(void *context, struct slice bytes)
{
    return respond_media_part(context, bytes);
}

/* Relays until either side goes, the camera falls silent or this central stops. */
static void relay(struct request *request, const char *url)
{
    const struct call_stream stream = {stream_begin, stream_part, request};
    struct call call = {
        .url = url, .total_ms = -1, .quiet_ms = LIMIT_STREAM_QUIET_MS, .stream = &stream};

    call_all(&call, 1, &request->gateway->stopping);
    if (request->status == 0) {
        enum problem_code code = call_problem(&call, PROBLEM_CAMERA_UNREACHABLE);
        refuse(request, problem_http_status(code), code, "edge_unreachable",
               call.outcome == CALL_ENDED ? "Camera không gửi MJPEG" : call.error);
    } else {
        mg_disable_connection_keep_alive(request->connection);
    }
    call_free(&call);
}

static void stream(struct request *request, const char *path)
{
    atomic_uint *streams = &request->gateway->streams;
    int64_t id = 0;
    char url[URL_BYTES];

    if (request_query_int(request, "camera_id", &id) != 0) {
        return;
    }
    if (id == 0) {
        respond_parameter(request, "query", "camera_id", "field required", "value_error.missing");
        return;
    }
    if (find_url(request, id, 500, path, url) != 0) {
        return;
    }
    if (atomic_fetch_add(streams, 1) < LIMIT_STREAMS) {
        relay(request, url);
    } else {
        respond_error(request, PROBLEM_BUSY, "Quá nhiều luồng video đang mở");
    }
    atomic_fetch_sub(streams, 1);
}

void media_stream_raw(struct request *request)
{
    stream(request, "/api/stream/raw");
}

void media_stream_annotated(struct request *request)
{
    stream(request, "/api/stream/annotated");
}
