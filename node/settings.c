#include "node/settings.h"

#include "api/elements.h"
#include "api/json.h"
#include "node/parking.h"
#include "proto/etag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A command under way. */
struct setting {
    struct store *store;
    const struct command *command;
    enum event_kind kind;
    int64_t now_ms;
    uint64_t hlc;
    json_t *present; /* id -> text of each element in force */
    struct answer *answer;
    struct problem *problem;
};

bool settings_is_command(enum command_kind kind)
{
    return kind == COMMAND_STAFF || kind == COMMAND_SUBSCRIPTIONS || kind == COMMAND_LOT;
}

static void refuse(struct setting *setting, enum problem_code code, const char *text)
{
    answer_init(setting->answer, code);
    (void)snprintf(setting->answer->text, sizeof setting->answer->text, "%s", text);
}

/* An event of this command without what it says. */
static void start_event(const struct setting *setting, struct event *event)
{
    event_init(event, setting->kind);
    event->hlc = setting->hlc;
    parking_stamp(event, setting->now_ms,
                  setting->hlc != 0 ? setting->hlc : store_hlc(setting->store));
    event->author = setting->command->author;
    event->reason = setting->command->reason;
    event->source_central = setting->command->source_central; /* node/peering has one */
}

static int append(struct setting *setting, struct event *event)
{
    if (store_append(setting->store, event, setting->now_ms, &setting->answer->position,
                     setting->problem) != 0) {
        return -1;
    }
    setting->answer->changed++;
    return 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int keep(void *context, struct slice item, struct slice json)
{
    struct setting *setting = context;
    char id[LIMIT_TEXT + 1];

    (void)slice_copy(item, id, sizeof id); /* from an event: it fits */
    return json_object_set_new(setting->present, id, json_stringn(json.data, json.len)) != 0 ? 1
                                                                                             : 0;
}

/* What is in force, and its etag. 0 or -1. */
static int read_present(struct setting *setting)
{
    struct digest etag;
    int rc =
        json_object_clear(setting->present) != 0
            ? 1
            : store_elements(setting->store, setting->kind, keep, setting, &etag, setting->problem);

    if (rc > 0) {
        rc = problem_set(setting->problem, PROBLEM_INTERNAL, NULL, "a list cannot be held");
    }
    if (rc == 0) {
        digest_hex(&etag, setting->answer->etag);
    }
    return rc;
}

static int set_element(struct setting *setting, const char *id, const json_t *element,
                       const char *text)
{
    struct event event;
    char plate[LIMIT_PLATE + 1];

    start_event(setting, &event);
    event.item = slice_text(id);
    event.json = slice_text(text);
    event.status = json_member_text(element, "status");
    if (setting->kind == EVENT_SUBSCRIPTION_UPDATE) {
        elements_subscription(element, &event, plate);
    }
    return append(setting, &event);
}

static int remove_element(struct setting *setting, const char *id)
{
    struct event event;

    start_event(setting, &event);
    event.item = slice_text(id);
    event.status = slice_text(EVENT_REMOVED);
    return append(setting, &event);
}

/* Logs what differs; what is left of `present` then is in the list no more. */
static int change(struct setting *setting, const json_t *list)
{
    char id[LIMIT_ELEMENT_ID + 1];
    const char *name;
    json_t *value;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        const json_t *element = json_array_get(list, i);
        if (!elements_id(element, id)) {
            continue; /* checked by who asks */
        }
        char *text = elements_text(element);
        const char *before = json_string_value(json_object_get(setting->present, id));
        if (before == NULL || strcmp(before, text) != 0) {
            rc = set_element(setting, id, element, text);
        }
        (void)json_object_del(setting->present, id); /* a new one is not there */
        free(text);
    }
    json_object_foreach(setting->present, name, value)
    {
        rc = rc == 0 ? remove_element(setting, name) : rc;
    }
    return rc;
}

static bool matches(const struct command *command, const char *etag)
{
    return etag_is_seen(command->if_match, etag);
}

static int decide_list(struct setting *setting)
{
    struct problem problem;
    json_t *list = json_read(setting->command->json, &problem);
    int rc = -1;

    if (!json_is_array(list)) {
        json_decref(list);
        refuse(setting, PROBLEM_FIELD_INVALID, "danh sách phải là một mảng");
        return 0;
    }
    setting->present = json_object();
    if (read_present(setting) != 0) {
        goto done;
    }
    if (!matches(setting->command, setting->answer->etag)) {
        char etag[sizeof setting->answer->etag];
        memcpy(etag, setting->answer->etag, sizeof etag);
        refuse(setting, PROBLEM_PRECONDITION_FAILED,
               "Danh sách đã được thay đổi ở nơi khác; hãy tải lại rồi sửa");
        memcpy(setting->answer->etag, etag, sizeof etag);
        rc = 0;
        goto done;
    }
    if (change(setting, list) != 0 || store_fold(setting->store, setting->problem) != 0 ||
        read_present(setting) != 0) {
        goto done;
    }
    rc = 0;
done:
    json_decref(setting->present);
    json_decref(list);
    return rc;
}

/* ---- lots ------------------------------------------------------------------------------------ */

static bool is_same(const struct settings_lot *lot, const struct command *command)
{
    return lot->capacity == command->capacity && slice_equal(lot->camera_id, command->camera_id) &&
           slice_equal(lot->camera_type, command->camera_type) &&
           slice_equal(lot->edge_id, command->edge_id);
}

static int decide_lot(struct setting *setting)
{
    const struct command *command = setting->command;
    struct settings_lot lot;
    struct event event;
    int found;

    if (command->location.len == 0 || command->location.len > LIMIT_TEXT) {
        refuse(setting, PROBLEM_FIELD_INVALID, "tên bãi phải là văn bản từ 1 đến 512 byte");
        return 0;
    }
    if (!command->remove && (command->capacity < 0 || command->capacity > LIMIT_CAPACITY)) {
        refuse(setting, PROBLEM_FIELD_INVALID, "sức chứa phải là số nguyên từ 0 đến 1000000");
        return 0;
    }
    found = store_lot(setting->store, command->location, &lot, setting->problem);
    if (found < 0 || (found == 0 && command->remove) ||
        (found == 1 && !command->remove && is_same(&lot, command))) {
        return found < 0 ? -1 : 0;
    }
    start_event(setting, &event);
    event.location = command->location;
    if (command->remove) {
        event.status = slice_text(EVENT_REMOVED);
    } else {
        event.capacity = command->capacity;
        event.camera_id = command->camera_id;
        event.camera_type = command->camera_type;
        event.edge_id = command->edge_id;
    }
    return append(setting, &event) != 0 ? -1 : store_fold(setting->store, setting->problem);
}

static enum event_kind kind_of(enum command_kind kind)
{
    return kind == COMMAND_STAFF           ? EVENT_STAFF_UPDATE
           : kind == COMMAND_SUBSCRIPTIONS ? EVENT_SUBSCRIPTION_UPDATE
                                           : EVENT_PARKING_LOT_CONFIG;
}

int settings_decide(struct store *store, const struct command *command, int64_t now_ms,
                    uint64_t hlc, struct answer *answer, struct problem *problem)
{
    struct setting setting = {.store = store,
                              .command = command,
                              .kind = kind_of(command->kind),
                              .now_ms = now_ms,
                              .hlc = hlc,
                              .answer = answer,
                              .problem = problem};

    answer_init(answer, PROBLEM_OK);
    return command->kind == COMMAND_LOT ? decide_lot(&setting) : decide_list(&setting);
}
