#include "node/own_api.h"

#include "api/json.h"
#include "node/command_config.h"

#include <stdio.h>
#include <string.h>

#define LISTENERS 8
#define PATH_BYTES 4096
#define ANSWER_MS 60000                /* the central gives up before */
#define ANSWER_BYTES (4 * 1024 * 1024) /* a page of 1000 events has half a megabyte */

static int no_central(const char *config_file, struct problem *problem)
{
    return problem_set(problem, PROBLEM_PEER_UNREACHABLE,
                       "is it running? parkmesh run --config FILE starts it",
                       "no central answers at the addresses of %s", config_file);
}

/* True when a central answers at the address. */
static bool answers(struct own_api *api, const char *listener)
{
    struct call call = {.method = "GET"};
    struct problem problem;

    if (strncmp(listener, "0.0.0.0:", 8) == 0) {
        (void)snprintf(api->base, sizeof api->base, "http://127.0.0.1%.20s", listener + 7);
    } else {
        (void)snprintf(api->base, sizeof api->base, "http://%.90s", listener);
    }
    bool good = own_api_call(api, &call, "/livez", NULL, &problem) == 0;
    json_t *body = good ? json_read_object(buffer_slice(&call.answer), &problem) : NULL;
    good = strcmp(own_api_text(body, "status"), "alive") == 0;
    json_decref(body);
    call_free(&call);
    return good;
}

static int find_listener(struct own_api *api, const struct config *config, const char *file,
                         struct problem *problem)
{
    char listeners[LISTENERS][80];
    size_t count = config_http_listeners(config, listeners, LISTENERS);

    if (config->api_token[0] != '\0') {
        (void)snprintf(api->authorization, sizeof api->authorization, "Authorization: Bearer %s",
                       config->api_token);
    }
    api->body_bytes = config->limits.body_bytes;
    api->id = config->id;
    /* Loopback first: who calls from there needs no token. */
    for (size_t i = 0; i < 2 * count; i++) {
        bool is_local = strncmp(listeners[i % count], "127.", 4) == 0 ||
                        strncmp(listeners[i % count], "0.0.0.0:", 8) == 0;
        if (is_local == (i < count) && answers(api, listeners[i % count])) {
            return 0;
        }
    }
    return no_central(file, problem);
}

int own_api_open(struct own_api *api, const struct command_line *line, struct problem *problem)
{
    struct config config;
    int rc;

    *api = (struct own_api){.base = ""};
    if (call_prepare(problem) != 0) {
        return -1;
    }
    rc = command_config_read(&config, line, problem);
    if (rc == 0) {
        rc = find_listener(api, &config, command_line_config(line), problem);
    }
    config_free(&config);
    return rc;
}

void own_api_close(struct own_api *api)
{
    explicit_bzero(api, sizeof *api); /* it may hold a token */
}

bool own_api_may_pass(enum problem_code code)
{
    return code == PROBLEM_BUSY || code == PROBLEM_STOPPING || code == PROBLEM_PEER_UNREACHABLE;
}

int own_api_refused(int status, struct slice answer, struct problem *problem)
{
    struct problem unread;
    json_t *body = json_read_object(answer, &unread);
    const char *code = own_api_text(body, "code"), *text = own_api_text(body, "error");
    const char *resume = own_api_text(body, "resume"); /* of an unknown cursor */
    const char *hint = own_api_text(body, "hint");

    if (text[0] == '\0') {
        text = own_api_text(body, "detail");
    }
    (void)problem_set(problem, code[0] != '\0' ? problem_parse(code) : PROBLEM_INTERNAL,
                      strncmp(hint, "GET ", 4) != 0 ? hint : NULL, /* which is for programs */
                      "%s (HTTP %d)", text[0] != '\0' ? text : "the central refused", status);
    if (resume[0] != '\0') {
        (void)snprintf(problem->hint, sizeof problem->hint, "go on with --after %s", resume);
    }
    json_decref(body);
    return -1;
}

/* What pages tell in Vietnamese. */
static const char *why(enum call_outcome outcome)
{
    switch (outcome) {
    case CALL_URL:
    case CALL_UNKNOWN:
    case CALL_UNREACHABLE:
        return "nobody listens there";
    case CALL_LATE:
        return "it takes too long";
    case CALL_TOO_LARGE:
        return "it answers more than was asked for";
    case CALL_ANSWERED:
    case CALL_BROKEN:
    case CALL_ENDED:
    case CALL_ABANDONED:
    case CALL_MISSING: /* own_api_open has loaded it */
        break;
    }
    return "the connection was cut";
}

int own_api_call(const struct own_api *api, struct call *call, const char *path,
                 const char *content_type, struct problem *problem)
{
    char url[PATH_BYTES], type[80];
    const char *headers[3] = {NULL};
    size_t count = 0;
    atomic_bool abandon = false;

    if (snprintf(url, sizeof url, "%s%s", api->base, path) >= (int)sizeof url) {
        return problem_set(problem, PROBLEM_USAGE, NULL, "an argument is too long");
    }
    if (api->authorization[0] != '\0') {
        headers[count++] = api->authorization;
    }
    if (content_type != NULL) {
        (void)snprintf(type, sizeof type, "Content-Type: %s", content_type);
        headers[count++] = type;
    }
    call->url = url;
    call->headers = headers;
    call->total_ms = call->total_ms != 0 ? call->total_ms : ANSWER_MS;
    call->answer_bytes = call->answer_bytes != 0 ? call->answer_bytes : ANSWER_BYTES;
    call_all(call, 1, &abandon);
    call->url = NULL;
    call->headers = NULL;
    if (call->outcome != CALL_ANSWERED) {
        return problem_set(problem,
                           call->outcome == CALL_UNREACHABLE ? PROBLEM_PEER_UNREACHABLE
                                                             : PROBLEM_STOPPING,
                           "does it still run? parkmesh status",
                           "no answer from the central at %s: %s", api->base, why(call->outcome));
    }
    if (call->status >= 400) {
        return own_api_refused(call->status, buffer_slice(&call->answer), problem);
    }
    return 0;
}

json_t *own_api_ask(const struct own_api *api, const char *method, const char *path,
                    struct slice body, struct problem *problem)
{
    struct call call = {.method = method, .body = body};
    json_t *object = NULL;

    if (own_api_call(api, &call, path, NULL, problem) == 0) {
        object = json_read_object(buffer_slice(&call.answer), problem);
    }
    call_free(&call);
    return object;
}

const char *own_api_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

void own_api_escape(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= 'a' && byte <= 'z') || strchr("-._~:", byte) != NULL;
        (void)buffer_printf(out, plain ? "%c" : "%%%02X", byte); /* bounded by the command line */
    }
}
