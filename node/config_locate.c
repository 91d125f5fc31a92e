/*
 * jansson keeps no positions, so a message about a value finds it again in the text. The text has
 * been parsed before and is valid JSON (except for config_find_secret); every loop still ends at
 * its end.
 */
#include "node/config_internal.h"

#include <string.h>

#define NOWHERE ((size_t)-1)

static size_t skip_space(struct slice text, size_t at)
{
    while (at < text.len && memchr(" \t\r\n", text.data[at], 4)) {
        at++;
    }
    return at;
}

/* From an opening quote to behind the closing one. */
static size_t skip_string(struct slice text, size_t at)
{
    for (at++; at < text.len && text.data[at] != '"'; at++) {
        at += text.data[at] == '\\';
    }
    return at < text.len ? at + 1 : text.len;
}

/* From the first byte of a value to behind its last. */
static size_t skip_value(struct slice text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        char c = text.data[at];
        if (c == '"') {
            at = skip_string(text, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
            continue;
        } else if (c == '}' || c == ']') {
            if (depth <= 1) {
                return depth ? at + 1 : at;
            }
            depth--;
            at++;
        } else if (!depth && memchr(", \t\r\n", c, 5)) {
            return at;
        } else {
            at++;
            continue;
        }
        if (!depth) {
            return at;
        }
    }
    return at;
}

/* Is the string at `at` this key? Escapes are left to jansson. */
static bool is_key(struct slice text, size_t at, size_t end, const char *key)
{
    size_t len = strlen(key);
    if (!memchr(text.data + at, '\\', end - at)) {
        return end - at == len + 2 && memcmp(text.data + at + 1, key, len) == 0;
    }
    json_t *value = json_loadb(text.data + at, end - at, JSON_DECODE_ANY, NULL);
    bool same = value && json_is_string(value) && strcmp(json_string_value(value), key) == 0;
    json_decref(value);
    return same;
}

/* The value of a member, NOWHERE when the object at `at` has none. */
static size_t find_member(struct slice text, size_t at, const char *key, size_t *key_at)
{
    if (at >= text.len || text.data[at] != '{') {
        return NOWHERE;
    }
    at = skip_space(text, at + 1);
    while (at < text.len && text.data[at] == '"') {
        size_t end = skip_string(text, at);
        size_t value = skip_space(text, end);
        value = skip_space(text, value + 1); /* the colon */
        if (is_key(text, at, end, key)) {
            *key_at = at;
            return value;
        }
        at = skip_space(text, skip_value(text, value));
        if (at >= text.len || text.data[at] != ',') {
            return NOWHERE;
        }
        at = skip_space(text, at + 1);
    }
    return NOWHERE;
}

static size_t find_element(struct slice text, size_t at, size_t index)
{
    if (at >= text.len || text.data[at] != '[') {
        return NOWHERE;
    }
    at = skip_space(text, at + 1);
    for (; index && at < text.len; index--) {
        at = skip_space(text, skip_value(text, at));
        if (at >= text.len || text.data[at] != ',') {
            return NOWHERE;
        }
        at = skip_space(text, at + 1);
    }
    return at < text.len && text.data[at] != ']' ? at : NOWHERE;
}

bool config_locate(struct slice text, const struct config_path *path, struct config_place *place)
{
    if (!path) {
        place->key = place->value = skip_space(text, 0);
        return true;
    }
    if (!config_locate(text, path->parent, place)) {
        return false;
    }
    size_t key = NOWHERE;
    size_t value = path->key ? find_member(text, place->value, path->key, &key)
                             : find_element(text, place->value, path->index);
    if (value == NOWHERE) {
        return false;
    }
    *place = (struct config_place){path->key ? key : value, value};
    return true;
}

void config_position(struct slice text, size_t offset, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.data[i] == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)text.data[i] & 0xC0) != 0x80) {
            (*column)++;
        }
    }
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct slice config_literal(struct slice text, const struct config_path *path)
{
    struct config_place place;
    if (!text.len || !config_locate(text, path, &place)) {
        return (struct slice){NULL, 0};
    }
    return (struct slice){text.data + place.value, skip_value(text, place.value) - place.value};
}

/* The length of a secret key's name at `at`, 0 for none. */
static size_t secret_name(struct slice text, size_t at)
{
    static const char *const names[] = {"mesh_secret", "api_token", "secret"};
    if (at && is_name_char(text.data[at - 1])) {
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = strlen(names[i]);
        if (text.len - at >= len && memcmp(text.data + at, names[i], len) == 0 &&
            (at + len == text.len || !is_name_char(text.data[at + len]))) {
            return len;
        }
    }
    return 0;
}

bool config_find_secret(struct slice text, size_t from, size_t *start, size_t *end)
{
    for (size_t i = from; i < text.len; i++) {
        size_t at = i + secret_name(text, i);
        if (at == i) {
            continue;
        }
        while (at < text.len && memchr("\"' \t\r\n", text.data[at], 6)) {
            at++;
        }
        if (at >= text.len || (text.data[at] != ':' && text.data[at] != '=')) {
            continue;
        }
        at = skip_space(text, at + 1);
        char quote = at < text.len ? text.data[at] : '\0';
        bool quoted = quote == '"' || quote == '\'';
        *start = at += quoted;
        while (at < text.len && text.data[at] != '\n' &&
               (quoted ? text.data[at] != quote : !memchr(",}", text.data[at], 2))) {
            at += quoted && text.data[at] == '\\' && at + 1 < text.len && text.data[at + 1] != '\n';
            at++;
        }
        *end = at;
        if (*start < *end) {
            return true;
        }
        i = at > i ? at - 1 : i;
    }
    return false;
}
