#include "node/commands.h"

#include "node/config.h"
#include "node/own_api.h"
#include "proto/problem.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_DEFAULT "config/p2p_config.json"

struct options {
    const char *config, *peer;
    bool json;
};

/* The meaning of the answer in words; returns the exit status. */
static int tell(const json_t *body, const char *peer)
{
    const char *result = own_api_text(body, "result");

    if (result[0] == '\0') {
        enum problem_code code = problem_parse(own_api_text(body, "code"));
        (void)fprintf(stderr, "parkmesh: error %s: %s\n", own_api_text(body, "code"),
                      own_api_text(body, "error"));
        return code == PROBLEM_NOT_FOUND ? problem_exit_status(PROBLEM_USAGE)
                                         : problem_exit_status(code);
    }
    if (strcmp(result, "equal") == 0) {
        (void)printf("equal: %s holds the same log\n", peer);
        return 0;
    }
    (void)printf("%s: stream %s/%s, event %" JSON_INTEGER_FORMAT "\n", result,
                 own_api_text(body, "node"), own_api_text(body, "epoch"),
                 json_integer_value(json_object_get(body, "seq")));
    if (strcmp(result, "differs") == 0) {
        (void)printf("  chain here  %s\n  chain there %s\n", own_api_text(body, "chain_here"),
                     own_api_text(body, "chain_there"));
    }
    return 1;
}

static int judge(const struct options *options, const json_t *body)
{
    int status;

    if (options->json) {
        status = problem_exit_status(problem_parse(own_api_text(body, "code")));
        if (own_api_text(body, "result")[0]) {
            status = strcmp(own_api_text(body, "result"), "equal") == 0 ? 0 : 1;
        }
        (void)json_dumpf(body, stdout, JSON_COMPACT);
        (void)puts("");
    } else {
        status = tell(body, options->peer);
    }
    return fflush(stdout) == 0 ? status : problem_exit_status(PROBLEM_DB_FAILED);
}

static int ask(const struct options *options, const struct config *config)
{
    char path[120];
    bool is_running;
    int status = problem_exit_status(PROBLEM_PEER_UNREACHABLE);

    (void)snprintf(path, sizeof path, "/api/v1/sync/diff?peer=%s", options->peer); /* an id fits */
    json_t *body = own_api_ask(config, "GET", path, (struct slice){"", 0}, &is_running);
    if (body) {
        status = judge(options, body);
    } else if (is_running) {
        (void)fprintf(stderr, "parkmesh: error: what answered is no central\n");
    } else {
        (void)fprintf(
            stderr,
            "parkmesh: error PEER_UNREACHABLE: no central answers at the addresses of %s; is "
            "it running?\n",
            options->config);
    }
    json_decref(body);
    return status;
}

static int diff(const struct options *options)
{
    struct config config;
    struct buffer errors = {0}, warnings = {0};
    struct problem problem = {.code = PROBLEM_OK};
    int status;

    config_init(&config);
    if (config_check(&config, options->config, &errors, &warnings, &problem) != 0) {
        status = problem_exit_status(PROBLEM_CONFIG_INVALID);
        (void)fprintf(stderr, "parkmesh: error CONFIG_INVALID: %s: %s\n", options->config,
                      problem.text[0] ? problem.text : "run parkmesh check");
    } else {
        status = ask(options, &config);
    }
    config_free(&config);
    buffer_free(&errors);
    buffer_free(&warnings);
    return status;
}

int command_diff(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
                                            {"peer", required_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    struct options options = {.config = CONFIG_DEFAULT};
    struct node_id peer;
    int option;

    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.config = optarg;
            break;
        case 'p':
            options.peer = optarg;
            break;
        case 'j':
            options.json = true;
            break;
        default:
            return problem_exit_status(PROBLEM_USAGE); /* getopt_long has said why */
        }
    }
    if (optind < argc || !options.peer || !node_id_parse(slice_text(options.peer), &peer)) {
        (void)fprintf(stderr, "parkmesh: error USAGE: diff needs --peer ID\n");
        return problem_exit_status(PROBLEM_USAGE);
    }
    return diff(&options);
}
