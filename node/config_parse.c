/*
 * From text to `struct config`: each key by the table in config_keys.c, then the environment, then
 * the secret's file, then what must fit together. Nothing stops at the first error.
 */
#include "node/config_internal.h"

#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one pass over one document needs to know. */
struct reading {
    struct config *config;
    struct config_report *report;
    bool accept_unknown;
};

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

/* Reports that `value` is not what it should be. */
static void wrong_type(struct reading *reading, const struct config_path *path, const json_t *value,
                       const char *expected, const char *hint)
{
    struct config_wrong wrong;
    (void)config_is_wrong(&wrong, hint, "must be %s, is %s", expected, type_name(value));
    config_error(reading->report, path, CONFIG_AT_VALUE, &wrong);
}

static bool check_text(const struct config_key *key, const char *text, struct config_wrong *wrong)
{
    size_t size = key->size ? key->size : CONFIG_TEXT_MAX;
    if (strlen(text) >= size) {
        return config_is_wrong(wrong, NULL, "has %zu bytes, at most %zu are kept", strlen(text),
                               size - 1);
    }
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) {
            return config_is_wrong(wrong, NULL, "has a control character");
        }
    }
    return !key->check || key->check(text, wrong);
}

/* `shown` is the number as it was written: it may be the nearest one only. */
static bool check_number(const struct config_key *key, int64_t number, const char *shown,
                         struct config_wrong *wrong)
{
    if (number < key->least) {
        return config_is_wrong(wrong, NULL, "%.80s is under %lld", shown, (long long)key->least);
    }
    if (number > key->most) {
        return config_is_wrong(wrong, NULL, "%.80s is over %lld", shown, (long long)key->most);
    }
    return true;
}

static bool not_whole(const struct config_key *key, const char *shown, struct config_wrong *wrong)
{
    return config_is_wrong(wrong, NULL, "%.80s is no whole number from %lld to %lld", shown,
                           (long long)key->least, (long long)key->most);
}

/* A number as the file has it; without a file as JSON would. */
static void show_number(const struct reading *reading, const json_t *value,
                        const struct config_path *path, char *out, size_t size)
{
    struct slice literal = config_literal(reading->report->text, path);
    char *text = NULL;
    if (!literal.len) {
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        if (!text) {
            abort(); /* out of memory */
        }
        literal = slice_text(text);
    }
    (void)slice_copy(literal, out, size); /* cut: only for reading */
    free(text);
}

/* Stores a checked number (seconds as ms), or 0 for one that is wrong: later checks pass over it.
 */
static void store_number(const struct config_key *key, void *base, int64_t number)
{
    char *at = (char *)base + key->offset;
    uint16_t small = (uint16_t)number;
    uint32_t medium = (uint32_t)number;
    if (!key->size) {
        return;
    }
    if (key->type == CONFIG_SECONDS) {
        number *= 1000;
    }
    if (key->type == CONFIG_UINT16) {
        memcpy(at, &small, sizeof small);
    } else if (key->type == CONFIG_UINT32) {
        memcpy(at, &medium, sizeof medium);
    } else {
        memcpy(at, &number, sizeof number);
    }
}

static void store_text(const struct config_key *key, void *base, const char *text)
{
    if (key->size) {
        (void)slice_copy(slice_text(text), (char *)base + key->offset, key->size); /* was checked */
    }
}

static void read_text(struct reading *reading, const struct config_key *key, void *base,
                      const json_t *value, const struct config_path *path)
{
    struct config_wrong wrong;
    if (!json_is_string(value)) {
        wrong_type(reading, path, value, "a text in double quotes", NULL);
        store_text(key, base, "");
        return;
    }
    const char *text = json_string_value(value);
    bool right = check_text(key, text, &wrong);
    if (!right) {
        config_error(reading->report, path, CONFIG_AT_VALUE, &wrong);
    }
    store_text(key, base, right ? text : "");
}

static void not_a_number(struct reading *reading, const struct config_key *key, const json_t *value,
                         const struct config_path *path)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    size_t digits = strspn(text, "0123456789");
    char expected[80];
    char hint[100] = "";
    if (digits && digits < 10 && !text[digits]) {
        snprintf(hint, sizeof hint, "drop the quotes: \"%s\": %s", key->name, text);
    }
    snprintf(expected, sizeof expected, "a whole number from %lld to %lld", (long long)key->least,
             (long long)key->most); /* fits */
    wrong_type(reading, path, value, expected, hint);
}

static void read_number(struct reading *reading, const struct config_key *key, void *base,
                        const json_t *value, const struct config_path *path)
{
    struct config_wrong wrong;
    char shown[84] = "";
    bool right = false;
    if (json_is_number(value)) {
        show_number(reading, value, path, shown, sizeof shown);
        right = json_is_integer(value) ? check_number(key, json_integer_value(value), shown, &wrong)
                                       : not_whole(key, shown, &wrong);
        if (!right) {
            config_error(reading->report, path, CONFIG_AT_VALUE, &wrong);
        }
    } else {
        not_a_number(reading, key, value, path);
    }
    store_number(key, base, right ? json_integer_value(value) : 0);
}

/* A list of texts. */
struct texts {
    const char *example;
    char *first; /* where the first one goes, the others right behind */
    size_t size, most;
    size_t *count;
    config_check_fn check;
};

static void read_texts(struct reading *reading, const struct texts *texts, const json_t *value,
                       const struct config_path *path)
{
    const struct config_key key = {
        .name = path->key, .type = CONFIG_TEXT, .size = texts->size, .check = texts->check};
    struct config_wrong wrong;
    if (!json_is_array(value)) {
        wrong_type(reading, path, value, "a list of texts", texts->example);
        return;
    }
    if (json_array_size(value) > texts->most) {
        (void)config_is_wrong(&wrong, NULL, "has %zu entries, at most %zu are kept",
                              json_array_size(value), texts->most);
        config_error(reading->report, path, CONFIG_AT_VALUE, &wrong);
        return;
    }
    *texts->count = json_array_size(value);
    for (size_t i = 0; i < *texts->count; i++) {
        const struct config_path element = {path, NULL, i};
        read_text(reading, &key, texts->first + i * texts->size, json_array_get(value, i),
                  &element);
    }
}

static void read_list(struct reading *reading, enum config_type type, const json_t *value,
                      const struct config_path *path)
{
    struct config *config = reading->config;
    const struct texts origins = {"[\"https://parking.example\"]",
                                  config->cors_origins[0],
                                  sizeof config->cors_origins[0],
                                  sizeof config->cors_origins / sizeof config->cors_origins[0],
                                  &config->cors_count,
                                  config_check_origin};
    const struct texts proxies = {"[\"192.168.1.5\"]",       config->proxies[0],
                                  sizeof config->proxies[0], LIMIT_PROXIES,
                                  &config->proxy_count,      config_check_proxy};
    read_texts(reading, type == CONFIG_ORIGINS ? &origins : &proxies, value, path);
}

static void read_peers(struct reading *reading, const json_t *value,
                       const struct config_path *path);
static void read_cameras(struct reading *reading, const struct config_key *keys,
                         const json_t *value, const struct config_path *path);

/* Each member of an object, by the table. Objects lie one in the other at most as deep as the
 * tables do. */
static void read_object(struct reading *reading, const struct config_key *keys, void *base,
                        const json_t *object, const struct config_path *parent)
{
    /* jansson's iterator takes a mutable object, and changes nothing. */
    json_t *members = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        const struct config_path path = {parent, name, 0};
        const struct config_key *key = config_find_key(keys, name);
        struct config_wrong wrong;
        if (!key) {
            if (!reading->accept_unknown && !config_is_remark(name)) {
                config_unknown_key(keys, name, &wrong);
                config_error(reading->report, &path, CONFIG_AT_KEY, &wrong);
            }
        } else if (key->type == CONFIG_TEXT) {
            read_text(reading, key, base, value, &path);
        } else if (key->type == CONFIG_ORIGINS || key->type == CONFIG_PROXIES) {
            read_list(reading, key->type, value, &path);
        } else if (key->type == CONFIG_PEERS) {
            read_peers(reading, value, &path);
        } else if (key->type == CONFIG_CAMERAS) {
            read_cameras(reading, key->members, value, &path);
        } else if (key->type == CONFIG_OBJECT) {
            if (json_is_object(value)) {
                read_object(reading, key->members, base, value, &path);
            } else {
                wrong_type(reading, &path, value, "an object, {...}", NULL);
            }
        } else {
            read_number(reading, key, base, value, &path);
        }
    }
}

static void read_peers(struct reading *reading, const json_t *value, const struct config_path *path)
{
    struct config *config = reading->config;
    const struct config_key *keys = config_find_key(CONFIG_KEYS, "peer_centrals")->members;
    struct config_wrong wrong;
    if (!json_is_array(value)) {
        wrong_type(reading, path, value, "a list, [...]", "[] is a central that stands alone");
        return;
    }
    if (json_array_size(value) > LIMIT_PEERS) {
        (void)config_is_wrong(&wrong, NULL, "has %zu entries, at most %d can be linked",
                              json_array_size(value), LIMIT_PEERS);
        config_error(reading->report, path, CONFIG_AT_VALUE, &wrong);
        return;
    }
    config->peer_count = json_array_size(value);
    config->peers = bytes_allocate(config->peer_count, sizeof config->peers[0]);
    for (size_t i = 0; i < config->peer_count; i++) {
        const struct config_path element = {path, NULL, i};
        const json_t *peer = json_array_get(value, i);
        config->peers[i] = (struct config_peer){.p2p_port = 9000, .api_port = 8000};
        if (!json_is_object(peer)) {
            wrong_type(reading, &element, peer, "an object, {...}", NULL);
            continue;
        }
        read_object(reading, keys, &config->peers[i], peer, &element);
        static const char *const required[] = {"id", "ip"};
        for (size_t j = 0; j < sizeof required / sizeof required[0]; j++) {
            if (!json_object_get(peer, required[j])) {
                (void)config_is_wrong(&wrong, "{\"id\": \"central-2\", \"ip\": \"192.168.1.102\"}",
                                      "\"%s\" is missing", required[j]);
                config_error(reading->report, &element, CONFIG_AT_VALUE, &wrong);
            }
        }
    }
}

/* One camera into `out`. The name of its member is its id. */
static void read_camera(struct reading *reading, const struct config_key *keys, const json_t *value,
                        const struct config_path *path, struct camera_setting *out)
{
    struct config_wrong wrong;
    *out = (struct camera_setting){.id = camera_table_id(slice_text(path->key)), .type = "ENTRY"};
    if (!out->id) {
        (void)config_is_wrong(&wrong, "\"3\": {\"name\": \"Gate\", \"ip\": \"192.168.1.31\"}",
                              "\"%.80s\" is no camera id, a number from 1", path->key);
        config_error(reading->report, path, CONFIG_AT_KEY, &wrong);
    } else if (!json_is_object(value)) {
        wrong_type(reading, path, value, "an object, {...}", NULL);
    } else {
        read_object(reading, keys, out, value, path);
    }
}

static int compare_cameras(const void *a, const void *b)
{
    const struct camera_setting *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

static void read_cameras(struct reading *reading, const struct config_key *keys,
                         const json_t *value, const struct config_path *path)
{
    struct camera_settings *cameras = &reading->config->cameras;
    json_t *members = (json_t *)(uintptr_t)value; /* iterating changes nothing */
    struct config_wrong wrong;
    if (!json_is_object(value)) {
        wrong_type(reading, path, value, "an object, {...}",
                   "camera ids with what is known of each");
        return;
    }
    if (json_object_size(value) > LIMIT_CAMERAS) {
        (void)config_is_wrong(&wrong, NULL, "has %zu entries, at most %d are kept",
                              json_object_size(value), LIMIT_CAMERAS);
        config_error(reading->report, path, CONFIG_AT_VALUE, &wrong);
        return;
    }
    cameras->items = bytes_allocate(json_object_size(value), sizeof cameras->items[0]);
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const struct config_path element = {path, json_object_iter_key(at), 0};
        if (!config_is_remark(element.key)) {
            read_camera(reading, keys, json_object_iter_value(at), &element,
                        &cameras->items[cameras->count++]);
        }
    }
    qsort(cameras->items, cameras->count, sizeof cameras->items[0], compare_cameras);
}

/* An empty variable counts as none. */
static const char *variable_value(const char *variable)
{
    const char *text = variable ? getenv(variable) : NULL;
    return text && *text ? text : NULL;
}

static bool parse_number(const struct config_key *key, const char *text, int64_t *number,
                         struct config_wrong *wrong)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *number = value;
    if ((errno && errno != ERANGE) || *end || end == text || text[0] == ' ' || text[0] == '+') {
        char quoted[84];
        *number = 0;
        snprintf(quoted, sizeof quoted, "\"%.78s\"", text);
        return not_whole(key, quoted, wrong);
    }
    return check_number(key, value, text, wrong); /* what is too big for it is at an end of it */
}

/* Overrides what has a variable that is set. */
static void read_environment(struct reading *reading, const struct config_key *keys)
{
    struct config *config = reading->config;
    for (const struct config_key *key = keys; key->name; key++) {
        const char *text = variable_value(key->variable);
        struct config_wrong wrong;
        if (key->type == CONFIG_OBJECT) {
            read_environment(reading, key->members);
        }
        if (!text) {
            continue;
        }
        int64_t number = 0;
        bool right = key->type == CONFIG_TEXT ? check_text(key, text, &wrong)
                                              : parse_number(key, text, &number, &wrong);
        if (!right) {
            config_error_variable(reading->report, key->variable, &wrong);
        }
        if (key->type == CONFIG_TEXT) {
            store_text(key, config, right ? text : "");
        } else {
            store_number(key, config, right ? number : 0);
        }
    }
}

/* This central's id decides whose events are whose: it is never guessed. */
static void require_id(struct reading *reading, const json_t *document)
{
    const struct config_path path = {NULL, "this_central", 0};
    const json_t *own = json_object_get(document, "this_central");
    struct config_wrong wrong;
    if (json_object_get(own, "id") || variable_value("PARKMESH_ID") ||
        (own && !json_is_object(own))) {
        return;
    }
    reading->config->id = (struct node_id){""};
    (void)config_is_wrong(&wrong, "\"this_central\": {\"id\": \"central-1\", \"ip\": \"auto\"}",
                          own ? "\"id\" is missing" : "\"this_central\" is missing");
    config_error(reading->report, own ? &path : NULL, CONFIG_AT_VALUE, &wrong);
}

/* Reads the secret's file into `out`. False: `wrong` says why. */
static bool read_secret(const char *path, char *out, size_t size, bool *open_to_others,
                        struct config_wrong *wrong)
{
    char text[1024];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang the start */
    if (fd < 0 || fstat(fd, &status)) {
        (void)config_is_wrong(wrong, "parkmesh secret new > FILE; chmod 600 FILE",
                              "cannot read \"%s\": %s", path, strerror(errno));
        if (fd >= 0) {
            (void)close(fd); /* only read */
        }
        return false;
    }
    ssize_t got = S_ISREG(status.st_mode) ? read(fd, text, sizeof text) : -1;
    (void)close(fd); /* only read */
    if (got < 0) {
        return config_is_wrong(wrong, NULL, "\"%s\" is no file that can be read", path);
    }
    *open_to_others = (status.st_mode & 077) != 0;
    struct slice secret = {text, (size_t)got};
    while (secret.len && strchr(" \t\r\n", secret.data[secret.len - 1])) {
        secret.len--;
    }
    while (secret.len && strchr(" \t\r\n", *secret.data)) {
        secret.data++;
        secret.len--;
    }
    bool right = secret.len && secret.len < size && !memchr(secret.data, '\0', secret.len);
    if (right) {
        (void)slice_copy(secret, out, size); /* fits */
        right = config_check_secret(out, wrong);
    } else {
        (void)config_is_wrong(wrong, "it holds one line of 16 to 255 characters",
                              "\"%s\" holds no secret", path);
    }
    explicit_bzero(text, sizeof text);
    return right;
}

/* The secret itself wins over its file, the environment over both. */
static void read_secret_file(struct reading *reading)
{
    struct config *config = reading->config;
    const struct config_path path = {NULL, "mesh_secret_file", 0};
    const char *variable = "PARKMESH_MESH_SECRET_FILE";
    bool by_variable = variable_value(variable) != NULL;
    bool secret_by_variable = variable_value("PARKMESH_MESH_SECRET") != NULL;
    bool open_to_others = false;
    struct config_wrong wrong;
    if (secret_by_variable && !by_variable) {
        config->mesh_secret_file[0] = '\0';
    } else if (by_variable && !secret_by_variable) {
        config->mesh_secret[0] = '\0';
    }
    if (!config->mesh_secret_file[0]) {
        return;
    }
    bool right = !config->mesh_secret[0];
    if (!right) {
        (void)config_is_wrong(&wrong, "remove one of the two",
                              "\"mesh_secret\" and \"mesh_secret_file\" are both set");
    } else {
        right = read_secret(config->mesh_secret_file, config->mesh_secret,
                            sizeof config->mesh_secret, &open_to_others, &wrong);
    }
    if (!right && by_variable) {
        config_error_variable(reading->report, variable, &wrong);
    } else if (!right) {
        config_error(reading->report, &path, CONFIG_AT_VALUE, &wrong);
    } else if (open_to_others) {
        (void)config_is_wrong(&wrong, "chmod 600, owned by the user that runs parkmesh",
                              "others can read \"%s\"", config->mesh_secret_file);
        config_warning(reading->report, &path, PROBLEM_PERMISSION, &wrong);
    }
}

int config_read(struct config *config, const json_t *document, bool accept_unknown,
                struct config_report *report)
{
    struct reading reading = {config, report, accept_unknown};
    config_init(config);
    (void)slice_copy(slice_text("auto"), config->ip, sizeof config->ip); /* fits */
    if (json_is_object(document)) {
        read_object(&reading, CONFIG_KEYS, config, document, NULL);
        read_environment(&reading, CONFIG_KEYS);
        require_id(&reading, document);
        read_secret_file(&reading);
        config_check_whole(config, document, report);
    } else {
        wrong_type(&reading, NULL, document, "an object, {...}", NULL);
    }
    if (report->count) {
        config_free(config);
        return -1;
    }
    return 0;
}

/* The number at `offset` that jansson has no type for is told like its neighbours, with its key and
 * what is allowed, and so is all else. False when it is no value of ours: nothing is told then. */
static bool tell_nearest(struct config_report *report, size_t offset)
{
    struct config config;
    struct buffer errors;
    struct config_report nearest = {
        .name = report->name, .text = report->text, .errors = &errors, .watched = offset};
    json_t *document = config_load_nearest(report->text);
    if (!document) {
        return false;
    }
    buffer_init(&errors, 64 * 1024);
    if (config_read(&config, document, false, &nearest) == 0) {
        config_free(&config); /* a remark: nobody read it */
    }
    if (nearest.told) {
        (void)buffer_append(report->errors, errors.data, errors.len); /* says so when full */
        report->count += nearest.count;
    }
    buffer_free(&errors);
    json_decref(document);
    return nearest.told;
}

int config_parse(struct config *config, struct slice text, const char *name, struct buffer *errors,
                 struct buffer *warnings)
{
    struct config_report report = {
        .name = name, .text = config_without_mark(text), .errors = errors, .warnings = warnings};
    struct config_wrong wrong;
    size_t offset = 0;
    json_t *document = config_load_json(report.text, &wrong, &offset);
    if (!document) {
        config_init(config);
        if (!tell_nearest(&report, offset)) {
            config_error_offset(&report, offset, &wrong);
        }
        return -1;
    }
    int result = config_read(config, document, false, &report);
    json_decref(document);
    return result;
}
