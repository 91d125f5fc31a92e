#include "node/commands.h"

#include "node/command_config.h"
#include "node/terminal.h"
#include "storage/verify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

struct output {
    bool json;
    bool any; /* something was printed into the list */
    struct terminal_progress progress;
};

static void print_json(struct output *output, const struct verify_finding *finding)
{
    (void)printf("%s{\"fault\":\"%s\"", output->any ? "," : "", verify_fault_name(finding->fault));
    if (finding->position.stream.epoch) {
        (void)printf(",\"node\":\"%s\",\"epoch\":\"%016" PRIx64 "\",\"seq\":%" PRIu64,
                     finding->position.stream.node.text, finding->position.stream.epoch,
                     finding->position.seq);
    }
    (void)printf("}");
    output->any = true;
}

static void found(void *context, const struct verify_finding *finding)
{
    struct output *output = context;

    if (output->json) {
        print_json(output, finding);
    } else if (finding->position.stream.epoch) {
        (void)printf("CHAIN_BROKEN %s: stream %s/%016" PRIx64 ", event %" PRIu64 "\n",
                     verify_fault_name(finding->fault), finding->position.stream.node.text,
                     finding->position.stream.epoch, finding->position.seq);
    } else {
        (void)printf("CHAIN_BROKEN %s: not what the rows say\n", verify_fault_name(finding->fault));
    }
}

static void progress(void *context, uint64_t done, uint64_t all)
{
    struct output *output = context;

    output->progress.all = all;
    terminal_progress(&output->progress, done);
}

static void print_result(const char *path, const struct output *output,
                         const struct verify_result *result)
{
    char log[33], state[33];

    if (!output->json) {
        (void)printf("%s: %" PRIu64 " events in %" PRIu64 " streams, %s\n", path, result->events,
                     result->streams, result->findings ? "DAMAGED" : "OK");
        return;
    }
    digest_hex(&result->log_digest, log);
    digest_hex(&result->state_digest, state);
    (void)printf("],\"streams\":%" PRIu64 ",\"events\":%" PRIu64
                 ",\"log_digest\":\"%s\",\"state_digest\":\"%s\"}\n",
                 result->streams, result->events, log, state);
}

static int verify(const char *path, bool json)
{
    struct output output = {.json = json, .progress = {.what = "events"}};
    struct verify_result result;
    struct problem problem = {.code = PROBLEM_OK};
    const struct verify_options options = {
        .found = found, .progress = progress, .context = &output};

    if (json) {
        (void)printf("{\"findings\":[");
    }
    int rc = verify_database(path, &options, &result, &problem);
    terminal_progress_end(&output.progress);
    if (rc != 0) {
        if (json) {
            (void)printf("],\"code\":\"%s\"}\n", problem_name(problem.code));
        }
        return command_line_complain(&problem);
    }
    print_result(path, &output, &result);
    return result.findings ? problem_exit_status(PROBLEM_CHAIN_BROKEN) : 0;
}

int command_verify(const struct command_line *line)
{
    struct problem problem;
    struct config config;
    const char *data = line->values[FLAG_DATA];
    char path[600];
    int rc = 0;

    config_init(&config);
    if (data == NULL) { /* else no configuration is needed */
        rc = command_config_read(&config, line, &problem);
        data = config.data_dir;
    }
    if (rc == 0 && (size_t)snprintf(path, sizeof path, "%s/central.db", data) >= sizeof path) {
        rc = problem_set(&problem, PROBLEM_USAGE, NULL, "the path of --data is too long");
    }
    config_free(&config);
    return rc == 0 ? verify(path, line->values[FLAG_JSON] != NULL)
                   : command_line_complain(&problem);
}
