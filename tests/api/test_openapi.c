/*
 * api/openapi.json says what the server does: each route of the table is described and nothing
 * else is, with the roles that the table names; and the document is sound in itself.
 */
#include "api/assets.h"
#include "api/route.h"
#include "proto/role.h"
#include "support_stand.h"
#include "tests/support_main.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_NAME "api/openapi.json"

static const char *const METHODS[] = {"get", "put", "post", "delete", "patch"};

static json_t *load(void)
{
    struct problem problem = {.text = ""};
    const struct asset *asset = assets_find(slice_text("openapi.json"));
    json_t *document;

    ck_assert_ptr_nonnull(asset);
    document =
        json_read_object((struct slice){(const char *)asset->plain, asset->plain_len}, &problem);

    ck_assert_msg(document != NULL, "%s: %s", FILE_NAME, problem.text);
    return document;
}

static const json_t *at(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(at(object, key));
}

static const json_t *operation_of(const json_t *document, const char *method, const char *path)
{
    char key[8];
    size_t i = 0;

    for (; method[i] != '\0' && i + 1 < sizeof key; i++) {
        key[i] = (char)tolower((unsigned char)method[i]);
    }
    key[i] = '\0';
    return at(at(at(document, "paths"), path), strcmp(key, "ws") == 0 ? "get" : key);
}

static const struct route *route_of(const char *key, const char *path, const json_t *operation)
{
    bool is_socket = json_is_true(at(operation, "x-websocket"));
    const struct route *route;

    for (size_t i = 0; (route = route_at(i)) != NULL; i++) {
        bool same =
            is_socket ? strcmp(route->method, "WS") == 0 : strcasecmp(route->method, key) == 0;
        if (same && strcmp(route->path, path) == 0) {
            return route;
        }
    }
    return NULL;
}

/* {"paths": {"/x": {"get": ...}}}: calls back for each operation. */
static void each(const json_t *document, void (*visit)(const json_t *document, const char *path,
                                                       const char *key, const json_t *operation))
{
    json_t *paths = json_object_get(document, "paths");
    const char *path, *key;
    json_t *item, *operation;

    ck_assert_uint_gt(json_object_size(paths), 0);
    json_object_foreach(paths, path, item)
    {
        json_object_foreach(item, key, operation)
        {
            bool known = false;
            for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
                known = known || strcmp(key, METHODS[i]) == 0;
            }
            ck_assert_msg(known, "%s: %s.%s is no method", FILE_NAME, path, key);
            visit(document, path, key, operation);
        }
    }
}

/* ---- both ways ------------------------------------------------------------------------------- */

START_TEST(test_every_route_is_described)
{
    json_t *document = load();
    const struct route *route;
    struct buffer missing = {0};

    for (size_t i = 0; (route = route_at(i)) != NULL; i++) {
        bool is_socket = strcmp(route->method, "WS") == 0;
        if (operation_of(document, route->method, route->path) != NULL) {
            continue;
        }
        (void)buffer_printf(
            &missing,
            "\n%s lacks %s %s. Add to its \"paths\", beside the others of its kind:\n"
            "  \"%s\": {\"%s\": {\"operationId\": \"...\", \"tags\": [\"...\"], \"summary\": "
            "\"...\",\n    \"x-roles\": [...]%s,\n    \"parameters\": [...], \"requestBody\": "
            "{...},\n    \"responses\": {\"%s\": {...}, \"401\": ..., \"403\": ..., ...}}}\n",
            FILE_NAME, route->method, route->path, route->path,
            is_socket ? "get" : "<method in lower case>",
            is_socket ? ", \"x-websocket\": true" : "", is_socket ? "101" : "200");
    }
    ck_assert_msg(missing.len == 0, "%.*s", (int)missing.len, missing.data);
    json_decref(document);
}
END_TEST

static void check_route(const json_t *document, const char *path, const char *key,
                        const json_t *operation)
{
    const struct route *route = route_of(key, path, operation);
    const json_t *roles = at(operation, "x-roles"), *security = at(operation, "security");
    unsigned who = 0;

    (void)document;
    ck_assert_msg(route != NULL, "%s describes %s %s, which the server does not answer: remove it",
                  FILE_NAME, key, path);
    ck_assert_msg(json_is_array(roles), "%s: %s %s: \"x-roles\" names who may, as api/route.c does",
                  FILE_NAME, key, path);
    for (size_t i = 0; i < json_array_size(roles); i++) {
        for (unsigned role = ROLE_VIEWER; role <= ROLE_METRICS; role *= 2) {
            const char *name = json_string_value(json_array_get(roles, i));
            who |= name != NULL && strcmp(name, role_name((enum role)role)) == 0 ? role : 0;
        }
    }
    ck_assert_msg(who == route->who,
                  "%s: %s %s: \"x-roles\" are not those of api/route.c (bits %u, there %u)",
                  FILE_NAME, key, path, who, route->who);
    ck_assert_msg((route->who == ROLE_ANYONE) ==
                      (json_is_array(security) && json_array_size(security) == 0),
                  "%s: %s %s: \"security\": [] is for what anyone may, and only for that",
                  FILE_NAME, key, path);
}

START_TEST(test_everything_described_is_a_route)
{
    json_t *document = load();

    each(document, check_route);
    json_decref(document);
}
END_TEST

/* ---- structure ------------------------------------------------------------------------------- */

/* The target of "#/components/kind/name", or `value` itself when it is no reference. */
static const json_t *resolve(const json_t *document, const json_t *value)
{
    const char *to = text_at(value, "$ref");
    char kind[40], name[80];

    if (to == NULL) {
        return value;
    }
    ck_assert_msg(sscanf(to, "#/components/%39[A-Za-z]/%79[A-Za-z0-9_]", kind, name) == 2,
                  "%s: \"$ref\": \"%s\"", FILE_NAME, to);
    value = at(at(at(document, "components"), kind), name);
    ck_assert_msg(value != NULL, "%s: nothing at %s", FILE_NAME, to);
    return value;
}

static void check_content(const char *where, const json_t *holder, bool needed)
{
    const json_t *content = at(holder, "content");
    const char *type;
    json_t *media;

    ck_assert_msg(!needed || json_object_size(content) > 0, "%s: no content", where);
    json_object_foreach((json_t *)(uintptr_t)content, type, media)
    {
        ck_assert_msg(strchr(type, '/') != NULL, "%s: content %s", where, type);
        ck_assert_msg(json_is_object(at(media, "schema")), "%s: %s: no schema", where, type);
    }
}

static void check_parameters(const json_t *document, const char *where, const char *path,
                             const json_t *operation)
{
    const json_t *parameters = at(operation, "parameters");
    size_t in_path = 0, braces = 0;

    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *one = resolve(document, json_array_get(parameters, i));
        const char *name = text_at(one, "name"), *in = text_at(one, "in");
        char segment[120];
        ck_assert_msg(name != NULL && in != NULL && text_at(one, "description") != NULL &&
                          json_is_object(at(one, "schema")),
                      "%s: parameter %zu needs name, in, description and schema", where, i);
        (void)snprintf(segment, sizeof segment, "{%s}", name);
        if (strcmp(in, "path") == 0) {
            in_path++;
            ck_assert_msg(strstr(path, segment) != NULL && json_is_true(at(one, "required")),
                          "%s: %s is not in the path, or not required", where, name);
        } else {
            ck_assert_msg(strcmp(in, "query") == 0 || strcmp(in, "header") == 0, "%s: %s in %s",
                          where, name, in);
        }
        for (size_t j = 0; j < i; j++) {
            const json_t *other = resolve(document, json_array_get(parameters, j));
            ck_assert_msg(strcmp(text_at(other, "name"), name) != 0, "%s: %s twice", where, name);
        }
    }
    for (const char *c = path; *c != '\0'; c++) {
        braces += *c == '{';
    }
    ck_assert_msg(braces == in_path, "%s: each {…} of the path is one parameter", where);
}

static void check_responses(const json_t *document, const char *where, const json_t *operation)
{
    json_t *responses = json_object_get(operation, "responses");
    bool is_socket = json_is_true(at(operation, "x-websocket")), good = false;
    const char *status;
    json_t *response;

    json_object_foreach(responses, status, response)
    {
        const json_t *target = resolve(document, response);
        char *end;
        long number = strtol(status, &end, 10);
        ck_assert_msg(*end == '\0' && number >= 100 && number <= 599, "%s: status %s", where,
                      status);
        good = good || (is_socket ? number == 101 : number / 100 == 2);
        ck_assert_msg(text_at(target, "description") != NULL, "%s: %s: no description", where,
                      status);
        check_content(where, target, number >= 400);
    }
    ck_assert_msg(good, "%s: no good answer", where);
    ck_assert_msg(at(responses, "401") != NULL || at(operation, "security") != NULL,
                  "%s: 401 is an answer of what needs a role", where);
}

static void check_operation(const json_t *document, const char *path, const char *key,
                            const json_t *operation)
{
    const json_t *body = at(operation, "requestBody"), *tags = at(document, "tags");
    const char *id = text_at(operation, "operationId"), *summary = text_at(operation, "summary");
    const char *tag = json_string_value(json_array_get(at(operation, "tags"), 0));
    char where[200];
    bool known = false;

    (void)snprintf(where, sizeof where, "%s: %s %s", FILE_NAME, key, path);
    ck_assert_msg(
        id != NULL && islower((unsigned char)id[0]) &&
            strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
                strlen(id),
        "%s: operationId in camelCase", where);
    ck_assert_msg(summary != NULL && summary[0] != '\0', "%s: summary", where);
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *name = text_at(json_array_get(tags, i), "name");
        known = known || (tag != NULL && name != NULL && strcmp(name, tag) == 0);
    }
    ck_assert_msg(known, "%s: its first tag is none of the document's \"tags\"", where);
    check_parameters(document, where, path, operation);
    check_responses(document, where, operation);
    if (body != NULL) {
        ck_assert_msg(strcmp(key, "get") != 0, "%s: a body", where);
        check_content(where, resolve(document, body), true);
    }
}

START_TEST(test_every_operation_is_complete)
{
    json_t *document = load();

    ck_assert_str_eq(text_at(document, "openapi"), "3.1.0");
    ck_assert_ptr_nonnull(text_at(at(document, "info"), "title"));
    ck_assert_ptr_nonnull(text_at(at(document, "info"), "version"));
    each(document, check_operation);
    json_decref(document);
}
END_TEST

static json_t *seen; /* operationId -> true */

static void check_name(const json_t *document, const char *path, const char *key,
                       const json_t *operation)
{
    const char *id = text_at(operation, "operationId");

    (void)document;
    ck_assert_msg(at(seen, id) == NULL, "%s: %s %s: operationId %s is taken", FILE_NAME, key, path,
                  id);
    ck_assert_int_eq(json_object_set_new(seen, id, json_true()), 0);
}

START_TEST(test_names_are_unique)
{
    json_t *document = load();

    seen = json_object();
    each(document, check_name);
    json_decref(seen);
    json_decref(document);
}
END_TEST

/* Every reference leads somewhere; what it leads to is marked in `used`. */
static void follow(const json_t *document, const json_t *value, json_t *used)
{
    const char *key;
    json_t *member;

    if (text_at(value, "$ref") != NULL) {
        (void)resolve(document, value);
        ck_assert_int_eq(json_object_set_new(used, text_at(value, "$ref"), json_true()), 0);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        follow(document, member, used);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        follow(document, json_array_get(value, i), used);
    }
}

START_TEST(test_references_lead_somewhere)
{
    static const char *const kinds[] = {"schemas", "responses", "parameters"};
    json_t *document = load(), *used = json_object(), *member;
    const char *name;

    follow(document, document, used);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        json_object_foreach(json_object_get(at(document, "components"), kinds[i]), name, member)
        {
            char to[160];
            (void)snprintf(to, sizeof to, "#/components/%s/%s", kinds[i], name);
            ck_assert_msg(at(used, to) != NULL, "%s: nothing refers to %s", FILE_NAME, to);
        }
    }
    json_decref(used);
    json_decref(document);
}
END_TEST

/* ---- what the text has to say, too ----------------------------------------------------------- */

static const json_t *header_of(const json_t *document, const json_t *operation, const char *name)
{
    const json_t *parameters = at(operation, "parameters");

    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *one = resolve(document, json_array_get(parameters, i));
        if (strcmp(text_at(one, "in"), "header") == 0 && strcmp(text_at(one, "name"), name) == 0) {
            return one;
        }
    }
    return NULL;
}

/* proto/etag and api/revision: one text for all, and both ways in which it may be refused. */
static void check_if_match(const json_t *document, const char *path, const char *key,
                           const json_t *operation)
{
    const json_t *header = header_of(document, operation, "If-Match");
    const json_t *responses = at(operation, "responses");

    ck_assert_msg(header == at(at(at(document, "components"), "parameters"), "IfMatch") ||
                      header == NULL,
                  "%s: %s %s: If-Match is \"$ref\": \"#/components/parameters/IfMatch\"", FILE_NAME,
                  key, path);
    ck_assert_msg((header != NULL) == (at(responses, "412") != NULL),
                  "%s: %s %s: 412 is the answer to If-Match, and only to that", FILE_NAME, key,
                  path);
    ck_assert_msg(header == NULL || at(responses, "400") != NULL,
                  "%s: %s %s: 400 answers an If-Match that is no list", FILE_NAME, key, path);
}

START_TEST(test_if_match_is_what_is_accepted)
{
    static const char *const said[] = {"\"a\", \"b\"", "W/\"a\"", "`*`", "412", "400"};
    json_t *document = load();
    const char *text =
        text_at(at(at(at(document, "components"), "parameters"), "IfMatch"), "description");

    ck_assert_msg(text != NULL, "%s: no components.parameters.IfMatch", FILE_NAME);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        ck_assert_msg(strstr(text, said[i]) != NULL, "%s: IfMatch says nothing of %s", FILE_NAME,
                      said[i]);
    }
    each(document, check_if_match);
    json_decref(document);
}
END_TEST

START_TEST(test_a_key_used_twice_is_told)
{
    json_t *document = load();
    const json_t *put = operation_of(document, "PUT", "/api/v1/visits/{event_id}");
    const char *answer = text_at(at(at(put, "responses"), "422"), "description");
    const json_t *header = header_of(document, put, "Idempotency-Key");

    ck_assert_msg(answer != NULL && strstr(answer, "KEY_REUSED") != NULL,
                  "%s: 422 of PUT of a visit names KEY_REUSED", FILE_NAME);
    ck_assert_ptr_nonnull(strstr(text_at(header, "description"), "KEY_REUSED"));
    json_decref(document);
}
END_TEST

START_TEST(test_the_server_tells_it)
{
    const struct asset *asset;
    struct stand stand;
    struct reply reply;

    stand_new(&stand);
    reply = stand_ask(&stand, "GET", "/api/openapi.json", NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    asset = assets_find(slice_text("openapi.json"));
    ck_assert_uint_eq(reply.len, asset->plain_len);
    ck_assert_mem_eq(reply.body, asset->plain, asset->plain_len);
    stand_reply_free(&reply);
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openapi");
    TCase *tests = tcase_create("openapi");

    tcase_add_test(tests, test_every_route_is_described);
    tcase_add_test(tests, test_everything_described_is_a_route);
    tcase_add_test(tests, test_every_operation_is_complete);
    tcase_add_test(tests, test_names_are_unique);
    tcase_add_test(tests, test_references_lead_somewhere);
    tcase_add_test(tests, test_if_match_is_what_is_accepted);
    tcase_add_test(tests, test_a_key_used_twice_is_told);
    tcase_add_test(tests, test_the_server_tells_it);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
