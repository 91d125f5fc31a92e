#include "api/camera_list.h"

#include "api/handlers.h"
#include "api/respond.h"
#include "proto/event.h"
#include "proto/localtime.h"

#include <stdio.h>
#include <string.h>

#define NO_ADDRESS "Chưa cấu hình địa chỉ cho camera này"

static void put_time(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[LOCALTIME_TEXT];

    utctime_text(ms, text);
    json_set_text(writer, key, text);
}

/* Named by the configuration, else by itself, else by its number. */
static void put_name(struct json_writer *writer, const struct camera *camera)
{
    const struct camera_setting *setting = &camera->setting;
    char number[40];

    (void)snprintf(number, sizeof number, "Camera %lld", (long long)setting->id);
    json_set_text(writer, "name",
                  setting->name[0] != '\0'  ? setting->name
                  : camera->name[0] != '\0' ? camera->name
                                            : number);
    json_set_text(writer, "type", camera->configured ? setting->type : camera->type);
}

static void put_proxies(struct json_writer *writer, const char *ip)
{
    static const char *const urls[][3] = {{"base_url", "http", ""},
                                          {"info_url", "http", "/api/camera/info"},
                                          {"ws_url", "ws", "/ws/detections"}};
    bool available = ip[0] != '\0';
    char url[CAMERA_IP + 48];

    json_put_key(writer, "stream_proxy");
    json_put_open(writer, '{');
    json_set_bool(writer, "available", available);
    if (available) {
        json_set_text(writer, "default_mode", "annotated");
        json_set_bool(writer, "supports_annotated", true);
    } else {
        json_set_text(writer, "reason", NO_ADDRESS);
    }
    json_put_close(writer, '}');
    json_put_key(writer, "control_proxy");
    json_put_open(writer, '{');
    json_set_bool(writer, "available", available);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0] && available; i++) {
        (void)snprintf(url, sizeof url, "%s://%s:%d%s", urls[i][1], ip, CAMERA_PORT, urls[i][2]);
        json_set_text(writer, urls[i][0], url);
    }
    if (!available) {
        json_set_text(writer, "reason", NO_ADDRESS);
    }
    json_put_close(writer, '}');
}

/* Flags are there only when true. A camera that nobody configured is shown as it is: its
 * heartbeats say that it is online, and config_missing why it has no picture. */
static void put_flags(struct json_writer *writer, const struct camera *camera, bool online)
{
    if (!camera->heard) {
        json_set_bool(writer, "config_only", true);
    }
    if (!camera->configured || camera->setting.ip[0] == '\0') {
        json_set_bool(writer, "config_missing", true);
    }
    if (camera->heard && !online) {
        json_set_bool(writer, "connection_lost", true);
    }
}

static void put_camera(struct json_writer *writer, const struct camera *camera, bool online)
{
    json_put_open(writer, '{');
    json_set_int(writer, "id", camera->setting.id);
    put_name(writer, camera);
    json_set_text(writer, "status", online ? "online" : "offline");
    if (camera->heard) {
        put_time(writer, "last_heartbeat", camera->last_ms);
    } else {
        json_set_text(writer, "last_heartbeat", "");
    }
    json_set_int(writer, "events_sent", camera->sent);
    json_set_int(writer, "events_failed", camera->failed);
    if (camera->heard) {
        put_time(writer, "created_at", camera->first_ms);
        put_time(writer, "updated_at", camera->last_ms);
    }
    json_set_known(writer, "clock_offset_ms", camera->clocked ? camera->offset_ms : EVENT_NONE,
                   EVENT_NONE);
    json_set_text(writer, "location", "");
    json_set_text(writer, "ip", camera->setting.ip);
    put_proxies(writer, camera->setting.ip);
    put_flags(writer, camera, online);
    json_put_close(writer, '}');
}

static void put_all(void *context, const struct camera_table *table, int64_t mono_ms)
{
    struct json_writer *writer = context;
    int64_t online = 0;

    for (size_t i = 0; i < table->count; i++) {
        online += camera_table_online(table, &table->items[i], mono_ms);
    }
    json_set_int(writer, "total", (int64_t)table->count);
    json_set_int(writer, "online", online);
    json_set_int(writer, "offline", (int64_t)table->count - online);
    json_put_key(writer, "cameras");
    json_put_open(writer, '[');
    for (size_t i = 0; i < table->count; i++) {
        put_camera(writer, &table->items[i], camera_table_online(table, &table->items[i], mono_ms));
    }
    json_put_close(writer, ']');
}

void camera_list_put(struct json_writer *writer, struct cameras *cameras)
{
    cameras_look(cameras, put_all, writer);
}

void camera_list_get(struct request *request)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    camera_list_put(&writer, request->gateway->cameras);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}
