/*
 * A box registers itself after a change of its own settings. Existing boxes always call themselves
 * camera "1", so for that key the address decides which camera this is; see which().
 */
#include "api/handlers.h"

#include "api/camera_lots.h"
#include "api/cameras.h"
#include "api/respond.h"
#include "api/supervise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who registers, and what is found about it in the table. */
struct box {
    const char *ip;     /* as it says */
    const char *sender; /* whence the request came */
    int64_t id;         /* the answer */
};

static bool is_at(const struct camera *camera, const char *ip)
{
    return camera != NULL && camera->configured && strcmp(camera->setting.ip, ip) == 0;
}

/* Free for a box at this address: not configured for another one. */
static bool is_free(const struct camera *camera, const char *ip)
{
    return camera == NULL || !camera->configured || camera->setting.ip[0] == '\0' ||
           is_at(camera, ip);
}

static bool is_heard_from(const struct camera *camera, const char *sender)
{
    return camera != NULL && camera->heard && strcmp(camera->address, sender) == 0;
}

/* The one camera that sends heartbeats from where the request came from, when that is the box
 * itself and not a machine between; 0 when there is none, or several. One that is configured for
 * another address is not it. */
static int64_t heard_from(const struct camera_table *table, const struct box *box)
{
    int64_t found = 0;

    for (size_t i = 0; i < table->count && strcmp(box->sender, box->ip) == 0; i++) {
        if (is_heard_from(&table->items[i], box->sender)) {
            if (found != 0) {
                return 0;
            }
            found = table->items[i].setting.id;
        }
    }
    return is_free(camera_table_find(table, found), box->ip) ? found : 0;
}

static int64_t configured_at(const struct camera_table *table, const char *ip)
{
    for (size_t i = 0; i < table->count; i++) {
        if (is_at(&table->items[i], ip)) {
            return table->items[i].setting.id;
        }
    }
    return 0;
}

static int64_t lowest_free(const struct camera_table *table)
{
    int64_t id = 1;

    while (camera_table_find(table, id) != NULL) {
        id++;
    }
    return id;
}

/*
 * Which camera says that it is number 1: camera 1 when that is configured for its address, or when
 * it is free and that address sends its heartbeats; else the camera that is configured for its
 * address; else the one whose heartbeats come from there; else 1 when nobody else is; else a number
 * that nobody has.
 */
static void which(void *context, const struct camera_table *table, int64_t mono_ms)
{
    struct box *box = context;
    const struct camera *first = camera_table_find(table, 1);

    (void)mono_ms;
    if (is_at(first, box->ip) || (is_heard_from(first, box->sender) && is_free(first, box->ip))) {
        box->id = 1;
        return;
    }
    box->id = configured_at(table, box->ip);
    if (box->id == 0) {
        box->id = heard_from(table, box);
    }
    if (box->id == 0) {
        bool taken = first != NULL && (first->heard || !is_free(first, box->ip));
        box->id = taken ? lowest_free(table) : 1;
    }
}

/* The id of one entry, 0 when the key is none. */
static int64_t resolve(struct request *request, const char *key, const char *ip)
{
    struct box box = {.ip = ip, .sender = request->caller.address};

    if (strcmp(key, "1") != 0) {
        return camera_table_id(slice_text(key));
    }
    cameras_look(request->gateway->cameras, which, &box);
    return box.id;
}

/* What an entry says, as the configuration has it. Owned. */
static json_t *copy_members(const json_t *entry)
{
    static const char *const names[] = {"name", "ip", "camera_type", "parking_lot_capacity"};
    json_t *camera = json_object();

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *value = json_object_get(entry, names[i]);
        if (value != NULL && json_object_set(camera, names[i], value) != 0) {
            abort(); /* out of memory */
        }
    }
    return camera;
}

/* One entry into `items` (for the configuration) and `told` (for the answer). 0, or -1 after an
 * answer. */
static int add_entry(struct request *request, const char *key, const json_t *entry, json_t *items,
                     json_t *told)
{
    const char *ip = json_string_value(json_object_get(entry, "ip"));
    char id_text[24];
    int64_t id;

    if (!json_is_object(entry)) {
        respond_error(request, PROBLEM_FIELD_INVALID,
                      "edge_cameras: mỗi camera phải là một object");
        return -1;
    }
    if (ip == NULL || ip[0] == '\0') {
        return 0; /* as existing centrals do: nothing can be done with it */
    }
    /* A box may register itself, not other machines. */
    if (!caller_may(&request->caller, ROLE_OPERATOR) && strcmp(ip, request->caller.address) != 0) {
        respond_error(request, PROBLEM_FORBIDDEN, "ip phải là địa chỉ của chính camera");
        return -1;
    }
    id = resolve(request, key, ip);
    if (id == 0) {
        respond_error(request, PROBLEM_FIELD_INVALID,
                      "edge_cameras: mã camera phải là số nguyên dương");
        return -1;
    }
    (void)snprintf(id_text, sizeof id_text, "%lld", (long long)id);
    if (json_object_set_new(items, id_text, copy_members(entry)) != 0 ||
        json_array_append_new(
            told, json_pack("{s:s, s:I}", "key", key, "camera_id", (json_int_t)id)) != 0) {
        abort(); /* out of memory */
    }
    return 0;
}

/* Writes the file. 0, or -1 after an answer. */
static int store(struct request *request, json_t *items)
{
    struct supervisor_request question = {.verb = SUPERVISOR_CONFIG_PUT};
    struct supervisor_answer answer;
    struct ask *ask;
    json_t *change = json_pack("{s:{s:O}}", "cameras", "items", items);
    char *text = json_dumps(change, JSON_COMPACT);
    int rc;

    if (text == NULL) {
        abort(); /* out of memory: it was parsed from valid UTF-8 */
    }
    question.json = slice_text(text);
    rc = supervise_ask(request, &question, &ask, &answer);
    ask_destroy(&ask);
    free(text);
    json_decref(change);
    return rc;
}

/* Stores and logs. 0, or -1 after an answer. */
static int apply(struct request *request, const json_t *body, json_t *items)
{
    struct cameras *cameras = request->gateway->cameras;
    struct camera_settings before = cameras_settings(cameras), after;
    int rc = store(request, items);

    if (rc == 0) {
        after = cameras_settings(cameras);
        rc = camera_lots_follow(request, body, &before, &after);
        free(after.items);
    }
    free(before.items);
    return rc;
}

static void respond_registered(struct request *request, const json_t *told)
{
    char *list = json_dumps(told, JSON_COMPACT);
    struct json_writer writer = respond_json(request);

    if (list == NULL) {
        abort(); /* out of memory */
    }
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_set_text(&writer, "message",
                  json_array_size(told) > 0 ? "Đã lưu cấu hình camera" : "Không có gì thay đổi");
    json_put_key(&writer, "cameras");
    json_put_raw(&writer, slice_text(list));
    json_put_close(&writer, '}');
    respond_send(request, 200);
    free(list);
}

void camera_register_post(struct request *request)
{
    json_t *body = request_object(request), *items = json_object(), *told = json_array();
    json_t *entries = json_object_get(body, "edge_cameras");
    int rc = 0;

    if (body == NULL) {
        goto done;
    }
    if (!json_is_object(entries)) {
        respond_error(request, PROBLEM_FIELD_INVALID, "Thiếu edge_cameras (một object)");
        goto done;
    }
    for (void *at = json_object_iter(entries); at != NULL && rc == 0;
         at = json_object_iter_next(entries, at)) {
        rc = add_entry(request, json_object_iter_key(at), json_object_iter_value(at), items, told);
    }
    if (rc == 0 && json_object_size(items) > 0) {
        rc = apply(request, body, items);
    }
    if (rc == 0) {
        respond_registered(request, told);
    }
done:
    json_decref(told);
    json_decref(items);
    json_decref(body);
}
