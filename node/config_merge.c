/*
 * PUT. The change is laid over what the file holds now, and the whole result passes the same
 * checks as a file. Nothing is written here, so a bad change cannot cost the old file.
 */
#include "node/config_internal.h"

#include "proto/limits.h"

#include <stdlib.h>
#include <string.h>

/* What GET shows in place of a secret; it comes back with a PUT and means nothing. */
static bool is_flag(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, "_set") == 0;
}

/* Empty, or only stars or bullets: a form sent back what it was shown. */
static bool is_masked(const json_t *value)
{
    const char *at = json_string_value(value);
    while (at && *at) {
        if (*at == '*') {
            at++;
        } else if (strncmp(at, "\xE2\x80\xA2", 3) == 0) {
            at += 3;
        } else {
            return false;
        }
    }
    return at != NULL;
}

static void check_names(const struct config_key *keys, const json_t *change,
                        const struct config_path *parent, struct config_report *report);

/* Those of each camera. The ids are checked with the result. */
static void check_camera_names(const struct config_key *keys, const json_t *change,
                               const struct config_path *parent, struct config_report *report)
{
    json_t *members = (json_t *)(uintptr_t)change; /* iterating changes nothing */
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const struct config_path path = {parent, json_object_iter_key(at), 0};
        if (!config_is_remark(path.key)) {
            check_names(keys, json_object_iter_value(at), &path, report);
        }
    }
}

/* Reports the keys of a change that the configuration does not have. */
static void check_names(const struct config_key *keys, const json_t *change,
                        const struct config_path *parent, struct config_report *report)
{
    json_t *members = (json_t *)(uintptr_t)change; /* iterating changes nothing */
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        const struct config_path path = {parent, name, 0};
        const struct config_key *key = config_find_key(keys, name);
        struct config_wrong wrong;
        if (!key && !config_is_remark(name) && !is_flag(name)) {
            config_unknown_key(keys, name, &wrong);
            config_error(report, &path, CONFIG_AT_KEY, &wrong);
        } else if (key && key->type == CONFIG_OBJECT) {
            check_names(key->members, value, &path, report);
        } else if (key && key->type == CONFIG_PEERS) {
            for (size_t i = 0; i < json_array_size(value); i++) {
                const struct config_path element = {&path, NULL, i};
                check_names(key->members, json_array_get(value, i), &element, report);
            }
        } else if (key && key->type == CONFIG_CAMERAS) {
            check_camera_names(key->members, value, &path, report);
        }
    }
}

/* The peer of that id in a list, NULL for none. Borrowed. */
static json_t *find_peer(const json_t *peers, const json_t *id)
{
    for (size_t i = 0; json_is_string(id) && i < json_array_size(peers); i++) {
        json_t *peer = json_array_get(peers, i);
        if (json_equal(json_object_get(peer, "id"), id)) {
            return peer;
        }
    }
    return NULL;
}

static void merge_object(const struct config_key *keys, json_t *into, const json_t *change);

/* The new list: each peer as the file has it, under what the change says about it. Owned. */
static json_t *merge_peers(const struct config_key *keys, const json_t *old, const json_t *change)
{
    json_t *merged = json_array();
    for (size_t i = 0; i < json_array_size(change); i++) {
        json_t *given = json_array_get(change, i);
        json_t *known = find_peer(old, json_object_get(given, "id"));
        json_t *peer = json_is_object(given) ? json_object() : json_incref(given);
        if (json_is_object(given)) {
            (void)json_object_update(peer, known); /* none known: nothing to copy */
            merge_object(keys, peer, given);
        }
        if (json_array_append_new(merged, peer)) {
            abort(); /* out of memory */
        }
    }
    return merged;
}

/* The new cameras: each under what the change says about it, without those that it sets to null.
 * Owned. */
static json_t *merge_cameras(const struct config_key *keys, const json_t *old, const json_t *change)
{
    json_t *merged = json_is_object(old) ? json_copy((json_t *)(uintptr_t)old) : json_object();
    json_t *members = (json_t *)(uintptr_t)change; /* iterating changes nothing */
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const char *id = json_object_iter_key(at);
        json_t *given = json_object_iter_value(at);
        json_t *known = json_object_get(merged, id);
        json_t *camera = NULL;
        if (json_is_null(given)) {
            (void)json_object_del(merged, id); /* one that is not there is gone already */
            continue;
        }
        if (json_is_object(given)) {
            camera = json_is_object(known) ? json_copy(known) : json_object();
            merge_object(keys, camera, given);
        } else {
            camera = json_incref(given); /* the check of the result says what is wrong with it */
        }
        if (json_object_set_new(merged, id, camera)) {
            abort(); /* out of memory: the key is UTF-8 */
        }
    }
    return merged;
}

/* Lays the members of `change` over `into`. */
static void merge_object(const struct config_key *keys, json_t *into, const json_t *change)
{
    json_t *members = (json_t *)(uintptr_t)change; /* iterating changes nothing */
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const char *name = json_object_iter_key(at);
        json_t *value = json_object_iter_value(at);
        const struct config_key *key = config_find_key(keys, name);
        json_t *old = json_object_get(into, name);
        json_t *fresh = NULL;
        if ((!key && is_flag(name)) || (key && key->is_secret && is_masked(value))) {
            continue;
        }
        if (key && key->type == CONFIG_OBJECT && json_is_object(value)) {
            fresh = json_is_object(old) ? json_copy(old) : json_object();
            merge_object(key->members, fresh, value);
        } else if (key && key->type == CONFIG_PEERS && json_is_array(value)) {
            fresh = merge_peers(key->members, old, value);
        } else if (key && key->type == CONFIG_CAMERAS && json_is_object(value)) {
            fresh = merge_cameras(key->members, old, value);
        } else {
            fresh = json_incref(value);
        }
        if (json_object_set_new(into, name, fresh)) {
            abort(); /* out of memory: the key is UTF-8 */
        }
    }
}

/* `auto` is shown as what it means today. Sent back, it stays `auto`. */
static void keep_auto(json_t *merged, const json_t *before)
{
    json_t *own = json_object_get(merged, "this_central");
    json_t *old = json_object_get(json_object_get(before, "this_central"), "ip");
    const char *was = json_string_value(old);
    const char *now = json_string_value(json_object_get(own, "ip"));
    char address[64];
    if (!was || !now || (*was && strcmp(was, "auto") != 0)) {
        return;
    }
    config_own_address(address);
    if (strcmp(now, address) == 0 && json_object_set(own, "ip", old)) {
        abort(); /* out of memory */
    }
}

json_t *config_load_present(const char *path, struct problem *problem)
{
    struct buffer text;
    struct config_wrong wrong;
    size_t offset = 0;
    unsigned mode = 0;
    buffer_init(&text, LIMIT_CONFIG_BYTES + 1);
    int found = config_read_file(path, &text, &mode, problem);
    json_t *document = NULL;
    if (found >= 0) {
        struct slice slice =
            found ? config_without_mark(buffer_slice(&text)) : slice_text(CONFIG_STANDALONE);
        document = config_load_json(slice, &wrong, &offset);
        size_t line = 0;
        size_t column = 0;
        config_position(slice, offset, &line, &column);
        if (!document || !json_is_object(document)) {
            (void)problem_set(problem, PROBLEM_CONFIG_INVALID, "repair the file by hand first",
                              "%s:%zu:%zu: %s; nothing was changed", path, line, column,
                              document ? "is no object" : wrong.what);
            json_decref(document);
            document = NULL;
        }
    }
    if (text.data) {
        explicit_bzero(text.data, text.capacity);
    }
    buffer_free(&text);
    return document;
}

/* Owned; NULL with a problem. */
static json_t *load_change(struct slice change, struct problem *problem)
{
    struct config_wrong wrong;
    size_t offset = 0;
    size_t line = 0;
    size_t column = 0;
    struct slice text = config_without_mark(change);
    json_t *document = config_load_json(text, &wrong, &offset);
    if (!document) {
        config_position(text, offset, &line, &column);
        (void)problem_set(problem, PROBLEM_JSON_INVALID, wrong.hint, "line %zu, column %zu: %s",
                          line, column, wrong.what);
    } else if (!json_is_object(document)) {
        (void)problem_set(problem, PROBLEM_FIELD_INVALID, NULL,
                          "the body must be an object, {...}");
        json_decref(document);
        document = NULL;
    }
    return document;
}

int config_merge(const char *path, struct slice change, struct buffer *merged,
                 struct config *config, struct problem *problem)
{
    struct buffer errors;
    struct config_report report = {.name = NULL, .errors = &errors};
    int result = -1;
    buffer_init(&errors, 64 * 1024);
    buffer_clear(merged);
    config_init(config);
    json_t *given = load_change(change, problem);
    json_t *before = given ? config_load_present(path, problem) : NULL;
    json_t *after = before ? json_copy(before) : NULL;
    if (!after) {
        goto release;
    }
    check_names(CONFIG_KEYS, given, NULL, &report);
    merge_object(CONFIG_KEYS, after, given);
    keep_auto(after, before);
    if (config_read(config, after, true, &report) || report.count) {
        struct slice list = buffer_slice(&errors);
        (void)problem_set(problem, PROBLEM_FIELD_INVALID, report.hint, "%.*s", (int)list.len,
                          list.data);
        goto release;
    }
    char *text = json_dumps(after, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    if (!text) {
        abort(); /* out of memory: it was parsed from valid UTF-8 */
    }
    result = buffer_append(merged, text, strlen(text)) || buffer_append(merged, "\n", 1) ? -1 : 0;
    explicit_bzero(text, strlen(text));
    free(text);
    if (result || merged->len > LIMIT_CONFIG_BYTES) {
        result = problem_set(problem, PROBLEM_FIELD_INVALID, NULL,
                             "the file would have more than %d bytes", LIMIT_CONFIG_BYTES);
        config_free(config);
    }
release:
    json_decref(after);
    json_decref(before);
    json_decref(given);
    buffer_free(&errors);
    return result;
}
