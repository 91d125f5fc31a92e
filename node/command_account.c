/*
 * For who forgot the password. The writer of the database is whoever holds its lock: this process
 * while no central runs, else the running one is asked.
 */
#include "node/commands.h"

#include "node/access.h"
#include "node/command_config.h"
#include "node/own_api.h"
#include "proto/clock.h"
#include "storage/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reset {
    const char *name;
    const struct command_line *line;
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
    struct own_api api;
    json_t *body = NULL;

    (void)snprintf(path, sizeof path, "/api/v1/accounts/%s", reset->name);
    (void)snprintf(text, sizeof text,
                   "{\"password\": \"%s\", \"author\": \"system\", "
                   "\"reason\": \"parkmesh account reset\"}",
                   reset->password);
    if (own_api_open(&api, reset->line, problem) == 0) {
        body = own_api_ask(&api, "PUT", path, slice_text(text), problem);
    }
    own_api_close(&api);
    explicit_bzero(text, sizeof text);
    if (body == NULL && own_api_may_pass(problem->code)) {
        (void)snprintf(problem->hint, sizeof problem->hint,
                       "stop the central, reset, start it again");
    }
    json_decref(body);
    return body != NULL ? 0 : -1;
}

static int do_reset(struct reset *reset, bool as_json)
{
    struct problem problem = {.code = PROBLEM_OK};
    int rc;

    credential_new_password(reset->password);
    rc = reset_stopped(reset, &problem);
    if (rc != 0 && problem.code == PROBLEM_DB_LOCKED) {
        rc = reset_running(reset, &problem);
    }
    if (rc != 0) {
        return command_line_complain(&problem);
    }
    if (as_json) {
        (void)printf("{\"name\":\"%s\",\"password\":\"%s\"}\n", reset->name, reset->password);
    } else {
        (void)printf(
            "name      %s\npassword  %s\nIt is shown only now; all sessions of this account have "
            "ended.\n",
            reset->name, reset->password);
    }
    explicit_bzero(reset->password, sizeof reset->password);
    return 0;
}

int command_account(const struct command_line *line)
{
    struct reset reset = {.name = line->operands[0], .line = line};
    struct problem problem = {.code = PROBLEM_OK};
    int status;

    if (!access_name_is_valid(slice_text(reset.name))) {
        (void)problem_set(&problem, PROBLEM_USAGE, NULL, "\"%.60s\" is no name of an account",
                          reset.name);
        return command_line_complain(&problem);
    }
    status = command_config_read(&reset.config, line, &problem) == 0
                 ? do_reset(&reset, line->values[FLAG_JSON] != NULL)
                 : command_line_complain(&problem);
    config_free(&reset.config);
    return status;
}
