#include "node/commands.h"

#include "node/own_api.h"
#include "node/terminal.h"
#include "proto/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 200

/* What one of these commands asks of the central. */
struct question {
    const char *method;
    char path[PATH_BYTES];
    struct slice body;
    bool is_about_one; /* that the operand names */
};

/* Prints an answer for people. */
typedef void (*tell_fn)(const struct command_line *line, const json_t *answer);

static int ask(const struct command_line *line, const struct question *question, tell_fn tell)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct own_api api;
    json_t *answer = NULL;
    int status = 0;

    if (own_api_open(&api, line, &problem) == 0) {
        answer = own_api_ask(&api, question->method, question->path, question->body, &problem);
    }
    if (answer == NULL) {
        if (problem.hint[0] == '\0' && question->is_about_one) {
            (void)snprintf(problem.hint, sizeof problem.hint,
                           "parkmesh peers list shows who is known");
        }
        status = command_line_complain(&problem);
    } else if (line->values[FLAG_JSON] != NULL) {
        command_line_json(answer);
    } else {
        tell(line, answer);
    }
    json_decref(answer);
    own_api_close(&api);
    return status;
}

static int wrong(const char *what, const char *value)
{
    struct problem problem;

    (void)problem_set(&problem, PROBLEM_USAGE, NULL, "\"%.60s\" is no %s", value, what);
    return command_line_complain(&problem);
}

/* Asks about the central that the operand names; its id stands between both parts of the path. */
static int ask_about(const struct command_line *line, const char *method, const char *before,
                     const char *behind, tell_fn tell)
{
    struct question question = {.method = method, .is_about_one = true};
    struct node_id id;

    if (!node_id_parse(slice_text(line->operands[0]), &id)) {
        return wrong("id of a central", line->operands[0]);
    }
    (void)snprintf(question.path, sizeof question.path, "%s%s%s", before, id.text, behind);
    return ask(line, &question, tell);
}

/* ---- list ------------------------------------------------------------------------------------ */

static void tell_list(const struct command_line *line, const json_t *answer)
{
    const json_t *peers = json_object_get(answer, "peers");

    (void)line;
    if (json_array_size(peers) == 0) {
        (void)puts("no other centrals; parkmesh peers add ADDRESS adds one");
        return;
    }
    (void)printf("%-20s %-22s %-11s %-13s %s\n", "central", "address", "state", "link", "asks");
    for (size_t i = 0; i < json_array_size(peers); i++) {
        const json_t *peer = json_array_get(peers, i);
        char address[100];
        (void)snprintf(address, sizeof address, "%s:%" JSON_INTEGER_FORMAT,
                       own_api_text(peer, "ip"),
                       json_integer_value(json_object_get(peer, "api_port")));
        (void)printf("%-20s %-22s %-11s ", own_api_text(peer, "id"), address,
                     own_api_text(peer, "state"));
        terminal_print(json_is_true(json_object_get(peer, "connected")) ? TERMINAL_GREEN
                                                                        : TERMINAL_RED,
                       13, own_api_text(peer, "status"));
        (void)printf(" %s\n", own_api_text(peer, "asks"));
    }
}

int command_peers_list(const struct command_line *line)
{
    const struct question question = {.method = "GET", .path = "/api/v1/peers"};

    return ask(line, &question, tell_list);
}

/* ---- add, accept, remove --------------------------------------------------------------------- */

static void tell_added(const struct command_line *line, const json_t *answer)
{
    (void)printf("added %s at %s\n", own_api_text(json_object_get(answer, "peer"), "id"),
                 line->operands[0]);
    if (!json_is_true(json_object_get(answer, "registration_success"))) {
        (void)fprintf(stderr, "parkmesh: it has not added this central yet: %s\n",
                      own_api_text(answer, "registration_message"));
    }
}

int command_peers_add(const struct command_line *line)
{
    struct question question = {.method = "POST", .path = "/api/p2p/add-peer"};
    char ip[100], body[200];
    const char *address = line->operands[0];
    size_t len = strcspn(address, ":");
    char *end = NULL;
    long port = 8000;

    if (address[len] == ':') {
        port = strtol(address + len + 1, &end, 10);
    }
    if (len == 0 || len >= sizeof ip || strpbrk(address, "\"\\/ ") != NULL || port < 1 ||
        port > 65535 || (end != NULL && *end != '\0')) {
        return wrong("ADDRESS[:PORT] of a central", address);
    }
    (void)snprintf(ip, sizeof ip, "%.*s", (int)len, address);
    (void)snprintf(body, sizeof body, "{\"ip\":\"%s\",\"api_port\":%ld}", ip, port);
    question.body = slice_text(body);
    return ask(line, &question, tell_added);
}

static void tell_decided(const struct command_line *line, const json_t *answer)
{
    const json_t *told = json_object_get(answer, "told");

    (void)printf("%s: %s\n", line->operands[0], own_api_text(answer, "action"));
    if (json_is_object(told) && !json_is_true(json_object_get(told, "success"))) {
        (void)fprintf(stderr, "parkmesh: it was not told: %s\n", own_api_text(told, "message"));
    }
}

int command_peers_accept(const struct command_line *line)
{
    return ask_about(line, "POST", "/api/v1/peers/", "/accept", tell_decided);
}

int command_peers_remove(const struct command_line *line)
{
    return ask_about(line, "DELETE", "/api/v1/peers/", "", tell_decided);
}

/* ---- test ------------------------------------------------------------------------------------ */

static void tell_tested(const struct command_line *line, const json_t *answer)
{
    (void)printf("%s answers after %" JSON_INTEGER_FORMAT " ms\n", line->operands[0],
                 json_integer_value(json_object_get(answer, "rtt_ms")));
}

int command_peers_test(const struct command_line *line)
{
    return ask_about(line, "POST", "/api/p2p/test-connection?peer_id=", "", tell_tested);
}
