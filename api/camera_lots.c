#include "api/camera_lots.h"

#include "api/caller.h"
#include "api/decision.h"

#include <stdio.h>
#include <string.h>

#define LOT "PARKING_LOT"

/* The lot of a camera: its name, else what the list shows in place of one. */
static struct slice lot_name(const struct camera_setting *camera, char text[LIMIT_CAMERA_NAME + 1])
{
    if (camera->name[0] != '\0') {
        return slice_text(camera->name);
    }
    (void)snprintf(text, LIMIT_CAMERA_NAME + 1, "Camera %lld", (long long)camera->id);
    return slice_text(text);
}

static bool has_lot(const struct camera_settings *settings, struct slice name)
{
    char text[LIMIT_CAMERA_NAME + 1];

    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->items[i].type, LOT) == 0 &&
            slice_equal(lot_name(&settings->items[i], text), name)) {
            return true;
        }
    }
    return false;
}

static int tell(struct request *request, const json_t *body, const struct camera_setting *camera,
                bool remove)
{
    char name[LIMIT_CAMERA_NAME + 1], id[24];
    struct command command;
    struct answer answer;

    command_init(&command, COMMAND_LOT);
    command.location = lot_name(camera, name);
    command.author = caller_author(request, body);
    command.remove = remove;
    if (!remove) {
        (void)snprintf(id, sizeof id, "%lld", (long long)camera->id);
        command.capacity = camera->capacity;
        command.camera_id = slice_text(id);
        command.camera_type = slice_text(LOT);
        command.edge_id = slice_text(camera->ip);
    }
    if (decision_ask(request, &command, &answer) != 0) {
        return -1;
    }
    if (answer.code != PROBLEM_OK) {
        decision_refuse(request, &answer);
        return -1;
    }
    return 0;
}

int camera_lots_follow(struct request *request, const json_t *body,
                       const struct camera_settings *before, const struct camera_settings *after)
{
    char name[LIMIT_CAMERA_NAME + 1];

    for (size_t i = 0; i < before->count; i++) {
        const struct camera_setting *camera = &before->items[i];
        if (strcmp(camera->type, LOT) == 0 && !has_lot(after, lot_name(camera, name)) &&
            tell(request, body, camera, true) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < after->count; i++) {
        if (strcmp(after->items[i].type, LOT) == 0 &&
            tell(request, body, &after->items[i], false) != 0) {
            return -1;
        }
    }
    return 0;
}
