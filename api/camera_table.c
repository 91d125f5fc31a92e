#include "api/camera_table.h"

#include <string.h>

#define ID_DIGITS 16 /* of LIMIT_CAMERA_ID */

/* The place of an id: its index, or where it would be. */
static size_t place_of(const struct camera_table *table, int64_t id)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->items[middle].setting.id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct camera *find(struct camera_table *table, int64_t id)
{
    size_t place = place_of(table, id);

    return place < table->count && table->items[place].setting.id == id ? &table->items[place]
                                                                        : NULL;
}

static void remove_at(struct camera_table *table, size_t place)
{
    table->count--;
    memmove(&table->items[place], &table->items[place + 1],
            (table->count - place) * sizeof table->items[0]);
}

/* Makes room for one by forgetting the longest silent of those that nobody configured. */
static bool make_room(struct camera_table *table)
{
    size_t oldest = table->count;

    if (table->count < LIMIT_CAMERAS_KNOWN) {
        return true;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct camera *camera = &table->items[i];
        if (!camera->configured &&
            (oldest == table->count || camera->heard_ms < table->items[oldest].heard_ms)) {
            oldest = i;
        }
    }
    if (oldest == table->count) {
        return false;
    }
    remove_at(table, oldest);
    return true;
}

/* The camera of this id, new ones empty. NULL when there is no room. */
static struct camera *take(struct camera_table *table, int64_t id)
{
    struct camera *camera = find(table, id);
    size_t place;

    if (camera != NULL) {
        return camera;
    }
    if (!make_room(table)) {
        return NULL;
    }
    place = place_of(table, id);
    memmove(&table->items[place + 1], &table->items[place],
            (table->count - place) * sizeof table->items[0]);
    table->count++;
    table->items[place] = (struct camera){.setting = {.id = id}};
    return &table->items[place];
}

void camera_table_configure(struct camera_table *table, const struct camera_settings *settings)
{
    size_t kept = 0;

    table->timeout_ms = settings->timeout_ms;
    for (size_t i = 0; i < table->count; i++) {
        bool was = table->items[i].configured;
        bool stays = false;
        for (size_t j = 0; j < settings->count && was && !stays; j++) {
            stays = settings->items[j].id == table->items[i].setting.id;
        }
        if (!was || stays) {
            table->items[kept++] = table->items[i];
        }
    }
    table->count = kept;
    for (size_t i = 0; i < settings->count; i++) {
        struct camera *camera = take(table, settings->items[i].id);
        if (camera != NULL) { /* else more are configured than LIMIT_CAMERAS, which is less */
            camera->setting = settings->items[i];
            camera->configured = true;
        }
    }
}

bool camera_table_hear(struct camera_table *table, const struct camera_report *report,
                       int64_t mono_ms, int64_t wall_ms)
{
    struct camera *camera = take(table, report->id);

    if (camera == NULL) {
        return false;
    }
    if (!camera->heard) {
        camera->heard = true;
        camera->first_ms = wall_ms;
    }
    /* What is too long is cut: it is only shown. */
    (void)slice_copy(report->name, camera->name, sizeof camera->name);
    (void)slice_copy(report->type, camera->type, sizeof camera->type);
    (void)slice_copy(slice_text(report->address), camera->address, sizeof camera->address);
    camera->sent = report->sent;
    camera->failed = report->failed;
    camera->heard_ms = mono_ms;
    camera->last_ms = wall_ms;
    camera->clocked = report->clock_ms != 0;
    camera->offset_ms = camera->clocked ? report->clock_ms - wall_ms : 0;
    return true;
}

static bool is_off(int64_t ms)
{
    return ms > LIMIT_DEVICE_CLOCK_MS || ms < -LIMIT_DEVICE_CLOCK_MS;
}

int64_t camera_table_offset(const struct camera_table *table, int64_t id, const char *address)
{
    const struct camera *camera = camera_table_find(table, id);

    return camera != NULL && is_off(camera->offset_ms) && strcmp(camera->address, address) == 0
               ? camera->offset_ms
               : 0;
}

bool camera_table_tell_clock(struct camera_table *table, int64_t id, int64_t *offset_ms)
{
    struct camera *camera = find(table, id);

    if (camera == NULL || !camera->clocked) {
        return false;
    }
    *offset_ms = is_off(camera->offset_ms) ? camera->offset_ms : 0;
    if (*offset_ms == 0 ? camera->told_ms == 0 : !is_off(*offset_ms - camera->told_ms)) {
        return false;
    }
    camera->told_ms = *offset_ms;
    return true;
}

bool camera_table_online(const struct camera_table *table, const struct camera *camera,
                         int64_t mono_ms)
{
    return camera->heard && mono_ms - camera->heard_ms <= table->timeout_ms;
}

bool camera_table_sweep(struct camera_table *table, int64_t mono_ms, int64_t *next_ms)
{
    bool changed = false;

    *next_ms = INT64_MAX;
    for (size_t i = 0; i < table->count;) {
        struct camera *camera = &table->items[i];
        bool online = camera_table_online(table, camera, mono_ms);
        int64_t then = online               ? camera->heard_ms + table->timeout_ms + 1
                       : camera->configured ? INT64_MAX
                                            : camera->heard_ms + LIMIT_CAMERA_FORGET_MS;
        if (then <= mono_ms) {
            remove_at(table, i);
            changed = true;
            continue;
        }
        changed = changed || online != camera->told_online;
        camera->told_online = online;
        *next_ms = then < *next_ms ? then : *next_ms;
        i++;
    }
    return changed;
}

const struct camera *camera_table_find(const struct camera_table *table, int64_t id)
{
    size_t place = place_of(table, id);

    return place < table->count && table->items[place].setting.id == id ? &table->items[place]
                                                                        : NULL;
}

int64_t camera_table_id(struct slice text)
{
    int64_t id = 0;

    if (text.len == 0 || text.len > ID_DIGITS || text.data[0] == '0') {
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        id = id * 10 + (text.data[i] - '0');
    }
    return id <= LIMIT_CAMERA_ID ? id : 0;
}
