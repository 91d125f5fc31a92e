/*
 * For who forgot the password. The writer of the database is whoever holds its lock: this process
 * while no central runs, else the running one is asked.
 */
#include "node/commands.h"

#include "node/access.h"
#include "node/config.h"
#include "node/own_api.h"
#include "proto/clock.h"
#include "proto/localtime.h"
#include "storage/store.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_DEFAULT "config/p2p_config.json"

struct reset {
    const char *name;
    struct config config;
    char password[CREDENTIAL_PASSWORD];
};

/* Inside a batch of a store that is ours alone. */
static int write_hash(struct store *store, const struct reset *reset, struct problem *problem)
{
    char hash[CREDENTIAL_HASH];
    struct access access = {.verb = ACCESS_ACCOUNT_CHANGE,
                            .name = slice_text(reset->name),
                            .hash = {hash, 0},
                            .author = slice_text("system"),
                            .reason = slice_text("parkmesh account reset")};
    struct answer answer;

    if (credential_hash(slice_text(reset->password), hash) != 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "no memory to hash a password");
    }
    access.hash = slice_text(hash);
    if (store_begin(store, problem) != 0) {
        return -1;
    }
    if (access_decide(store, &access, clock_wall_ms(), &answer, problem) != 0) {
        store_rollback(store);
        return -1;
    }
    if (answer.code != PROBLEM_OK) {
        store_rollback(store);
        return problem_set(problem, answer.code, NULL, "%s: %s", reset->name, answer.text);
    }
    return store_commit(store, problem);
}

/* 0, or -1 with a problem; DB_LOCKED: a central runs. */
static int reset_stopped(const struct reset *reset, struct problem *problem)
{
    char path[600];
    struct store_options options = {.path = path, .node = reset->config.id};
    struct store *store;
    int rc;

    (void)snprintf(path, sizeof path, "%s/central.db", reset->config.data_dir);
    if (access(path, F_OK) != 0) { /* opening would make one */
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "name the directory with --data",
                           "%s: %s", path, strerror(errno));
    }
    store = store_open(&options, problem);
    if (store == NULL) {
        return -1;
    }
    rc = write_hash(store, reset, problem);
    store_close(&store);
    return rc;
}

static int reset_running(const struct reset *reset, struct problem *problem)
{
    char path[160], text[160];
    bool is_running;
    int rc = 0;

    (void)snprintf(path, sizeof path, "/api/v1/accounts/%s", reset->name);
    (void)snprintf(text, sizeof text,
                   "{\"password\": \"%s\", \"author\": \"system\", "
                   "\"reason\": \"parkmesh account reset\"}",
                   reset->password);
    json_t *body = own_api_ask(&reset->config, "PUT", path, slice_text(text), &is_running);
    if (body == NULL || !json_is_true(json_object_get(body, "success"))) {
        rc = problem_set(problem, problem_parse(own_api_text(body, "code")),
                         "stop the central, reset, start it again",
                         "the running central does not do it: %s", own_api_text(body, "error"));
    }
    json_decref(body);
    explicit_bzero(text, sizeof text);
    return rc;
}

static int do_reset(struct reset *reset)
{
    struct problem problem = {.code = PROBLEM_OK};
    int rc;

    (void)localtime_set_zone(reset->config.timezone); /* checked when it was read */
    credential_new_password(reset->password);
    rc = reset_stopped(reset, &problem);
    if (rc != 0 && problem.code == PROBLEM_DB_LOCKED) {
        rc = reset_running(reset, &problem);
    }
    if (rc != 0) {
        (void)fprintf(stderr, "parkmesh: error %s: %s\n", problem_name(problem.code), problem.text);
        if (problem.hint[0] != '\0') {
            (void)fprintf(stderr, "  hint: %s\n", problem.hint);
        }
        int status = problem_exit_status(problem.code);
        return status != 0 ? status : problem_exit_status(PROBLEM_USAGE);
    }
    (void)printf(
        "name      %s\npassword  %s\nIt is shown only now; all sessions of this account have "
        "ended.\n",
        reset->name, reset->password);
    explicit_bzero(reset->password, sizeof reset->password);
    return fflush(stdout) == 0 ? 0 : problem_exit_status(PROBLEM_DB_FAILED);
}

static int run(const char *name, const char *config_file, const char *data_dir)
{
    struct reset reset = {.name = name};
    struct buffer errors = {0}, warnings = {0};
    struct problem problem = {.code = PROBLEM_OK};
    int status;

    config_init(&reset.config);
    if (config_check(&reset.config, config_file, &errors, &warnings, &problem) != 0) {
        status = problem_exit_status(PROBLEM_CONFIG_INVALID);
        (void)fprintf(stderr, "parkmesh: error CONFIG_INVALID: %s: %s\n", config_file,
                      problem.text[0] ? problem.text : "run parkmesh check");
    } else {
        if (data_dir != NULL) {
            (void)snprintf(reset.config.data_dir, sizeof reset.config.data_dir, "%s", data_dir);
        }
        status = do_reset(&reset);
    }
    config_free(&reset.config);
    buffer_free(&errors);
    buffer_free(&warnings);
    return status;
}

int command_account(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    const char *config_file = CONFIG_DEFAULT, *data_dir = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'c':
            config_file = optarg;
            break;
        case 'd':
            data_dir = optarg;
            break;
        default:
            return problem_exit_status(PROBLEM_USAGE); /* getopt_long has said why */
        }
    }
    if (argc - optind != 2 || strcmp(argv[optind], "reset") != 0 ||
        !access_name_is_valid(slice_text(argv[optind + 1]))) {
        (void)fprintf(stderr, "parkmesh: error USAGE: account knows one thing: reset NAME\n");
        return problem_exit_status(PROBLEM_USAGE);
    }
    return run(argv[optind + 1], config_file, data_dir);
}
