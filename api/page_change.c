/*
 * What a page sends is mostly what it was shown. So everything is compared with that first: what is
 * equal is no wish, what differs is followed, refused by name, or listed as not applied.
 */
#include "api/page_change.h"

#include "api/handlers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(struct page_change *change, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct page_change *change, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(change->error, sizeof change->error, format, arguments); /* may be cut */
    va_end(arguments);
    return -1;
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        abort(); /* out of memory: keys are ours or valid UTF-8 */
    }
}

static void leave_out(struct page_change *change, const char *section, const char *key)
{
    char name[200];

    (void)snprintf(name, sizeof name, "%.90s%s%.90s", section, key != NULL ? "." : "",
                   key != NULL ? key : "");
    /* A name that was cut inside a character is no text; then the section alone is named. */
    if (json_array_append_new(change->not_applied, json_string(name)) != 0 &&
        json_array_append_new(change->not_applied, json_string("?")) != 0) {
        abort(); /* out of memory */
    }
}

/* Lists the keys of a section that are not among `known` (NULL-terminated). */
static void leave_others(struct page_change *change, const char *section, const json_t *object,
                         const char *const *known)
{
    json_t *members = (json_t *)(uintptr_t)object; /* iterating changes nothing */

    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const char *key = json_object_iter_key(at);
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            leave_out(change, section, key);
        }
    }
}

static const json_t *own(const struct page_change *change)
{
    return json_object_get(change->present, "this_central");
}

const char *page_change_host(const json_t *present)
{
    const char *bind = json_string_value(json_object_get(present, "bind"));

    if (bind == NULL || bind[0] == '\0') {
        return json_string_value(json_object_get(json_object_get(present, "this_central"), "ip"));
    }
    return strcmp(bind, "*") == 0 ? "0.0.0.0" : bind;
}

void page_change_database(const json_t *present, char *out, size_t size)
{
    const char *directory = json_string_value(json_object_get(present, "data_dir"));

    (void)snprintf(out, size, "%s/central.db", directory != NULL ? directory : "");
}

void page_change_name(const char *text, char *out, size_t size)
{
    static const struct {
        const char *ours, *page;
    } names[] = {{"bind", "server.host"},
                 {"this_central.api_port", "server.port"},
                 {"this_central.ip", "central_server.ip"},
                 {"cameras.heartbeat_timeout_s", "camera.heartbeat_timeout"},
                 {"cameras.items", "edge_cameras"}};
    struct buffer named;

    buffer_init(&named, 0);
    for (bool at_name = true; *text != '\0'; text++) {
        for (size_t i = 0; at_name && i < sizeof names / sizeof names[0]; i++) {
            size_t len = strlen(names[i].ours);
            if (strncmp(text, names[i].ours, len) == 0 && strchr(":.[", text[len]) != NULL &&
                text[len] != '\0') {
                (void)buffer_printf(&named, "%s", names[i].page);
                text += len;
                break;
            }
        }
        (void)buffer_append(&named, text, 1);
        at_name = text[0] == ' ' && text[-1] == ';';
    }
    (void)slice_copy(buffer_slice(&named), out, size); /* cut: only for reading */
    buffer_free(&named);
}

/* ---- sections -------------------------------------------------------------------------------- */

/* The member of `home` that holds this central's own address. */
static json_t *home_own(struct page_change *change)
{
    json_t *own_address = json_object_get(change->home, "this_central");

    if (own_address == NULL) {
        own_address = json_object();
        set(change->home, "this_central", own_address);
    }
    return own_address;
}

static int read_server(struct page_change *change, const json_t *section)
{
    const json_t *port = json_object_get(section, "port");
    const char *host = json_string_value(json_object_get(section, "host"));

    if (host == NULL || !json_is_integer(port)) {
        return fail(change, "server: cần host (chuỗi) và port (số nguyên)");
    }
    if (strcmp(host, page_change_host(change->present)) != 0) {
        set(change->home, "bind", json_string(strcmp(host, "0.0.0.0") == 0 ? "*" : host));
    }
    if (!json_equal(port, json_object_get(own(change), "api_port"))) {
        set(home_own(change), "api_port", json_integer(json_integer_value(port)));
    }
    leave_others(change, "server", section, (const char *const[]){"host", "port", NULL});
    return 0;
}

static int read_central(struct page_change *change, const json_t *section)
{
    const json_t *value = json_object_get(section, "ip");
    const char *ip = json_string_value(value);

    if (value != NULL && ip == NULL) {
        return fail(change, "central_server.ip phải là chuỗi");
    }
    if (ip != NULL && !json_equal(value, json_object_get(own(change), "ip"))) {
        set(home_own(change), "ip", json_string(ip[0] != '\0' ? ip : "auto"));
    }
    leave_others(change, "central_server", section, (const char *const[]){"ip", NULL});
    return 0;
}

static int read_camera(struct page_change *change, const json_t *section)
{
    const json_t *value = json_object_get(section, "heartbeat_timeout");

    if (!json_is_integer(value)) {
        return fail(change, "camera.heartbeat_timeout phải là số nguyên (giây)");
    }
    if (!json_equal(value, json_object_get(json_object_get(change->present, "cameras"),
                                           "heartbeat_timeout_s"))) {
        set(change->cameras, "heartbeat_timeout_s", json_integer(json_integer_value(value)));
    }
    leave_others(change, "camera", section, (const char *const[]){"heartbeat_timeout", NULL});
    return 0;
}

/* Lists of other systems are not asked for: an address of one would be a setting without effect. */
static int refuse_url(struct page_change *change, const char *name, const json_t *section)
{
    const json_t *url = json_object_get(section, "api_url");
    const char *text = json_string_value(url);

    if (url != NULL && !json_is_null(url) && (text == NULL || text[0] != '\0')) {
        return fail(change, "%s.api_url: không hỗ trợ API bên ngoài, hãy để trống", name);
    }
    return 0;
}

static int read_url(struct page_change *change, const char *name, const json_t *section)
{
    leave_others(change, name, section, (const char *const[]){"api_url", NULL});
    return refuse_url(change, name, section);
}

static int read_parking(struct page_change *change, const json_t *section)
{
    struct tariff asked = change->tariff;
    const char *error = NULL;

    if (json_object_get(section, "fee_base") != NULL ||
        json_object_get(section, "fee_per_hour") != NULL) {
        error = money_merge_tariff(section, &asked);
    }
    if (error != NULL) {
        return fail(change, "parking: %s", error);
    }
    change->sets_tariff =
        asked.free_s != change->tariff.free_s || asked.per_hour != change->tariff.per_hour;
    change->tariff = asked;
    leave_others(change, "parking", section,
                 (const char *const[]){"fee_base", "fee_per_hour", "api_url", NULL});
    return refuse_url(change, "parking", section);
}

static int read_central_sync(struct page_change *change, const json_t *section)
{
    const json_t *servers = json_object_get(section, "servers");

    if (servers != NULL && !(json_is_array(servers) && json_array_size(servers) == 0)) {
        return fail(change, "central_sync.servers: không hỗ trợ, hãy dùng peer_centrals");
    }
    leave_others(change, "central_sync", section, (const char *const[]){"servers", NULL});
    return 0;
}

/* ---- cameras --------------------------------------------------------------------------------- */

static const json_t *present_cameras(const struct page_change *change)
{
    return json_object_get(json_object_get(change->present, "cameras"), "items");
}

/* The map replaces the present one: null removes what it does not name. */
static int read_cameras(struct page_change *change, const json_t *section)
{
    static const char *const names[] = {"name", "ip", "camera_type", "parking_lot_capacity", NULL};
    json_t *items = json_object();
    json_t *present = (json_t *)(uintptr_t)present_cameras(change); /* iterating changes nothing */
    json_t *asked = (json_t *)(uintptr_t)section;

    change->names_cameras = true;
    set(change->cameras, "items", items);
    for (void *at = json_object_iter(present); at; at = json_object_iter_next(present, at)) {
        set(items, json_object_iter_key(at), json_null());
    }
    for (void *at = json_object_iter(asked); at; at = json_object_iter_next(asked, at)) {
        const json_t *entry = json_object_iter_value(at);
        json_t *camera = json_object();
        char where[120];
        set(items, json_object_iter_key(at), camera);
        if (!json_is_object(entry)) {
            return fail(change, "edge_cameras.%.60s phải là một object", json_object_iter_key(at));
        }
        for (size_t i = 0; names[i] != NULL; i++) {
            json_t *value = json_object_get(entry, names[i]);
            if (value != NULL) {
                set(camera, names[i], json_incref(value));
            }
        }
        (void)snprintf(where, sizeof where, "edge_cameras.%.60s", json_object_iter_key(at));
        leave_others(change, where, entry, names);
    }
    return 0;
}

/* The type that a camera of the result has; NULL for one that is no text. */
static const char *type_of(const struct page_change *change, const char *id, const json_t *camera)
{
    const json_t *type = json_object_get(camera, "camera_type");

    if (type == NULL) {
        type = json_object_get(json_object_get(present_cameras(change), id), "camera_type");
    }
    return json_string_value(type);
}

/* The id of the one lot camera of the result, "" when there is none or several. */
static void find_only_lot(const struct page_change *change, char id[32])
{
    json_t *all = json_copy((json_t *)(uintptr_t)present_cameras(change));
    size_t count = 0;

    (void)json_object_update(all, json_object_get(change->cameras, "items")); /* if any */
    for (void *at = json_object_iter(all); at; at = json_object_iter_next(all, at)) {
        const json_t *camera = json_object_iter_value(at);
        const char *type = type_of(change, json_object_iter_key(at), camera);
        if (json_is_object(camera) && type != NULL && strcmp(type, "PARKING_LOT") == 0) {
            (void)snprintf(id, 32, "%s", json_object_iter_key(at)); /* a longer one is refused */
            count++;
        }
    }
    if (count != 1) {
        id[0] = '\0';
    }
    json_decref(all);
}

/* Edges have one lot of their own. A central has it when it has just one lot camera. */
static int read_lot(struct page_change *change, const json_t *section)
{
    const json_t *capacity = json_object_get(section, "capacity");
    char id[32] = "";
    json_t *items = json_object_get(change->cameras, "items");
    json_t *camera;

    leave_others(change, "parking_lot", section, (const char *const[]){"capacity", NULL});
    if (capacity == NULL) {
        return 0;
    }
    find_only_lot(change, id);
    if (id[0] == '\0') {
        leave_out(change, "parking_lot", "capacity");
        return 0;
    }
    change->names_cameras = true;
    if (items == NULL) {
        items = json_object();
        set(change->cameras, "items", items);
    }
    camera = json_object_get(items, id);
    if (camera == NULL) {
        camera = json_object();
        set(items, id, camera);
    }
    set(camera, "parking_lot_capacity", json_incref((json_t *)(uintptr_t)capacity));
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What a page is shown but cannot set. */
static bool is_as_shown(const struct page_change *change, const char *name, const json_t *section)
{
    const char *file = json_string_value(json_object_get(section, "db_file"));
    char shown[600];

    if (strcmp(name, "backend_type") == 0) {
        return json_is_string(section) && strcmp(json_string_value(section), "central") == 0;
    }
    page_change_database(change->present, shown, sizeof shown);
    return strcmp(name, "database") == 0 && json_object_size(section) == 1 && file != NULL &&
           strcmp(file, shown) == 0;
}

static int read_section(struct page_change *change, const char *name, const json_t *section)
{
    static const struct {
        const char *name;
        int (*read)(struct page_change *change, const json_t *section);
    } sections[] = {{"server", read_server},
                    {"central_server", read_central},
                    {"camera", read_camera},
                    {"parking", read_parking},
                    {"central_sync", read_central_sync},
                    {"edge_cameras", read_cameras}};

    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (strcmp(sections[i].name, name) == 0) {
            return json_is_object(section) ? sections[i].read(change, section)
                                           : fail(change, "%s phải là một object", name);
        }
    }
    if (strcmp(name, "staff") == 0 || strcmp(name, "subscriptions") == 0 ||
        strcmp(name, "report") == 0) {
        return json_is_object(section) ? read_url(change, name, section)
                                       : fail(change, "%s phải là một object", name);
    }
    /* The lot is read last, when the cameras are known. */
    if (!(strcmp(name, "parking_lot") == 0 && json_is_object(section)) &&
        !is_as_shown(change, name, section)) {
        leave_out(change, name, NULL);
    }
    return 0;
}

int page_change_read(struct page_change *change, const json_t *body)
{
    json_t *sections = (json_t *)(uintptr_t)body; /* iterating changes nothing */
    const json_t *lot = json_object_get(body, "parking_lot");

    change->cameras = json_object();
    change->home = json_object();
    change->not_applied = json_array();
    for (void *at = json_object_iter(sections); at; at = json_object_iter_next(sections, at)) {
        if (read_section(change, json_object_iter_key(at), json_object_iter_value(at)) != 0) {
            return -1;
        }
    }
    return json_is_object(lot) ? read_lot(change, lot) : 0;
}

void page_change_free(struct page_change *change)
{
    json_decref(change->cameras);
    json_decref(change->home);
    json_decref(change->not_applied);
    change->cameras = change->home = change->not_applied = NULL;
}
