#include "node/import.h"

#include "api/elements.h"
#include "api/json.h"
#include "node/settings.h"
#include "proto/clock.h"
#include "proto/log.h"
#include "proto/tariff.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Parts of what such a file holds. */
#define FILE_BYTES LIMIT_HTTP_BODY
#define AUTHOR "import"

struct file {
    const char *name;
    enum event_kind event;
    enum command_kind command;
    const char *member; /* of an object that holds the list or the fees, as its services answer */
};

static const struct file FILES[] = {
    {"staff.json", EVENT_STAFF_UPDATE, COMMAND_STAFF, "staff"},
    {"subscriptions.json", EVENT_SUBSCRIPTION_UPDATE, COMMAND_SUBSCRIPTIONS, "subscriptions"},
    {"parking_fees.json", EVENT_CONFIG_UPDATE, COMMAND_TARIFF, "fees"},
};

/* The JSON of a file and the time of its last change; NULL when there is none or it is no use. */
static json_t *read_file(const char *path, int64_t *changed_ms)
{
    struct problem problem = {.text = ""};
    struct stat status;
    json_t *value = NULL;
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        if (errno != ENOENT) {
            log_warn("IMPORT_UNREADABLE", "file=%s error=\"%s\"", path, strerror(errno));
        }
        return NULL;
    }
    char *bytes = bytes_allocate(1, FILE_BYTES + 1);
    size_t len = fread(bytes, 1, FILE_BYTES + 1, file);
    if (len > FILE_BYTES || ferror(file) || fstat(fileno(file), &status) != 0) {
        log_warn("IMPORT_UNREADABLE", "file=%s error=\"longer than %d bytes, or unreadable\"", path,
                 FILE_BYTES);
    } else {
        /* Editors of the field leave a byte order mark. */
        size_t skip = len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        value = json_read((struct slice){bytes + skip, len - skip}, &problem);
        *changed_ms = (int64_t)status.st_mtim.tv_sec * 1000;
        if (value == NULL) {
            log_warn("IMPORT_UNREADABLE", "file=%s error=\"%s\"", path, problem.text);
        }
    }
    free(bytes);
    (void)fclose(file); /* only read */
    return value;
}

/* A number that no element has, for one without an id. */
static int64_t spare_id(const json_t *list)
{
    int64_t most = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *id = json_object_get(json_array_get(list, i), "id");
        if (json_is_integer(id) && json_integer_value(id) > most &&
            json_integer_value(id) < INT64_C(1) << 52) {
            most = json_integer_value(id);
        }
    }
    return most + 1;
}

/* What is of use of a list: mended elements with distinct ids. */
static json_t *mend(const struct file *file, const char *path, json_t *list)
{
    json_t *kept = json_array(), *ids = json_object();
    int64_t next = spare_id(list);
    char id[LIMIT_ELEMENT_ID + 1];

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *element = json_array_get(list, i);
        bool is_of_use = json_array_size(kept) < LIMIT_ELEMENTS &&
                         elements_mend(file->event, element, next) && elements_id(element, id);
        if (is_of_use && json_object_get(ids, id) != NULL) {
            (void)json_object_set_new(element, "id", json_integer(next)); /* an object: it works */
            is_of_use = elements_id(element, id);
        }
        if (!is_of_use) {
            log_warn("IMPORT_SKIPPED", "file=%s element=%zu", path, i);
            continue;
        }
        next += json_integer_value(json_object_get(element, "id")) == next;
        (void)json_object_set_new(ids, id, json_true()); /* fails only without memory */
        (void)json_array_append(kept, element);          /* likewise */
    }
    json_decref(ids);
    return kept;
}

static int import_list(struct store *store, const struct file *file, const char *path, json_t *list,
                       int64_t now_ms, uint64_t hlc, struct problem *problem)
{
    struct command command;
    struct answer answer;
    json_t *kept = mend(file, path, list);
    char *text = elements_text(kept);

    command_init(&command, file->command);
    command.json = slice_text(text);
    command.author = slice_text(AUTHOR);
    int rc = settings_decide(store, &command, now_ms, hlc, &answer, problem);
    if (rc == 0) {
        log_info("IMPORTED", "file=%s elements=%zu events=%lld", path, json_array_size(kept),
                 (long long)answer.changed);
    }
    free(text);
    json_decref(kept);
    return rc;
}

/* A member as the existing system reads it: absent is the default, null is 0. */
static double number(const json_t *object, const char *name, double otherwise)
{
    const json_t *value = json_object_get(object, name);

    if (value == NULL || json_is_null(value)) {
        return value == NULL ? otherwise : 0;
    }
    return json_is_number(value) ? json_number_value(value) : -1;
}

static int import_tariff(struct store *store, const char *path, const json_t *fees, int64_t now_ms,
                         uint64_t hlc, struct problem *problem)
{
    struct event event;
    struct position position;
    double base = number(fees, "fee_base", (double)TARIFF_DEFAULT.free_s / 3600);
    double per_hour = number(fees, "fee_per_hour", (double)TARIFF_DEFAULT.per_hour);

    event_init(&event, EVENT_CONFIG_UPDATE);
    event.free_s = tariff_hours_to_seconds(base);
    if (!json_is_object(fees) || event.free_s < 0 || !(per_hour >= 0 && per_hour <= 1e9)) {
        log_warn("IMPORT_SKIPPED", "file=%s error=\"no tariff\"", path);
        return 0;
    }
    event.per_hour = (int64_t)round(per_hour);
    event.hlc = hlc;
    event.t_eff = now_ms;
    event.author = slice_text(AUTHOR);
    if (store_append(store, &event, now_ms, &position, problem) != 0 ||
        store_fold(store, problem) != 0) {
        return -1;
    }
    log_info("IMPORTED", "file=%s free_s=%lld per_hour=%lld", path, (long long)event.free_s,
             (long long)event.per_hour);
    return 0;
}

static int import_value(struct store *store, const struct file *file, const char *path,
                        json_t *value, int64_t changed_ms, struct problem *problem)
{
    json_t *member = json_object_get(value, file->member);
    json_t *settings = member != NULL ? member : value;
    uint64_t hlc = hlc_tick(0, changed_ms);

    if (file->event == EVENT_CONFIG_UPDATE) {
        return import_tariff(store, path, settings, changed_ms, hlc, problem);
    }
    if (!json_is_array(settings)) {
        log_warn("IMPORT_SKIPPED", "file=%s error=\"no list\"", path);
        return 0;
    }
    return import_list(store, file, path, settings, changed_ms, hlc, problem);
}

/* One file, one transaction. */
static int import_file(struct store *store, const struct file *file, const char *path,
                       int64_t now_ms, struct problem *problem)
{
    int64_t changed_ms = 0;
    json_t *value = read_file(path, &changed_ms);
    int rc;

    if (value == NULL) {
        return 0;
    }
    /* A file of the future would win over every change for long. */
    changed_ms = changed_ms < 1 ? 1 : changed_ms > now_ms ? now_ms : changed_ms;
    if (store_begin(store, problem) != 0) {
        json_decref(value);
        return -1;
    }
    rc = store_has_setting(store, file->event, problem);
    if (rc == 0) {
        rc = import_value(store, file, path, value, changed_ms, problem);
    }
    json_decref(value);
    if (rc < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, problem);
}

int import_settings(struct store *store, const char *data_dir, int64_t now_ms,
                    struct problem *problem)
{
    char path[1024];

    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        int len = snprintf(path, sizeof path, "%s/%s", data_dir, FILES[i].name);
        if (len > 0 && (size_t)len < sizeof path &&
            import_file(store, &FILES[i], path, now_ms, problem) != 0) {
            return -1;
        }
    }
    return 0;
}
