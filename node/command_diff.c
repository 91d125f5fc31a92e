#include "node/commands.h"

#include "node/own_api.h"
#include "proto/ids.h"

#include <stdio.h>
#include <string.h>

/* The meaning of the answer in words; returns the exit status. */
static int tell(const json_t *body, const char *peer, bool as_json)
{
    const char *result = own_api_text(body, "result");
    bool equal = strcmp(result, "equal") == 0;

    if (as_json) {
        command_line_json(body);
    } else if (equal) {
        (void)printf("equal: %s holds the same log\n", peer);
    } else {
        (void)printf("%s: stream %s/%s, event %" JSON_INTEGER_FORMAT "\n", result,
                     own_api_text(body, "node"), own_api_text(body, "epoch"),
                     json_integer_value(json_object_get(body, "seq")));
    }
    if (!as_json && strcmp(result, "differs") == 0) {
        (void)printf("  chain here  %s\n  chain there %s\n", own_api_text(body, "chain_here"),
                     own_api_text(body, "chain_there"));
    }
    return equal ? 0 : 1;
}

int command_diff(const struct command_line *line)
{
    const char *peer = line->values[FLAG_PEER];
    struct problem problem = {.code = PROBLEM_OK};
    struct own_api api;
    struct node_id id;
    char path[200];
    json_t *body = NULL;
    int status;

    if (peer == NULL || !node_id_parse(slice_text(peer), &id)) {
        (void)problem_set(&problem, PROBLEM_USAGE, NULL, "diff needs --peer ID");
        return command_line_complain(&problem);
    }
    (void)snprintf(path, sizeof path, "/api/v1/sync/diff?peer=%s", id.text);
    if (own_api_open(&api, line, &problem) == 0) {
        body = own_api_ask(&api, "GET", path, (struct slice){0}, &problem);
    }
    if (body != NULL) {
        status = tell(body, peer, line->values[FLAG_JSON] != NULL);
    } else {
        if (problem.code == PROBLEM_NOT_FOUND) { /* it is the argument that names nobody */
            problem.code = PROBLEM_USAGE;
            (void)snprintf(problem.hint, sizeof problem.hint, "parkmesh peers list shows them");
        }
        status = command_line_complain(&problem);
    }
    json_decref(body);
    own_api_close(&api);
    return status;
}
