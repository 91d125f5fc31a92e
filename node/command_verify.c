#include "node/commands.h"

#include "storage/verify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define DATA_DEFAULT "data"

struct output {
    bool json;
    bool any; /* something was printed into the list */
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
    (void)context;
    (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " events", done, all);
    (void)fflush(stderr);
}

static int verify(const char *data, bool json)
{
    char path[4200];
    struct output output = {.json = json};
    struct verify_result result;
    struct problem problem = {.code = PROBLEM_OK};
    const struct verify_options options = {
        .found = found, .progress = isatty(STDERR_FILENO) ? progress : NULL, .context = &output};

    int len = snprintf(path, sizeof path, "%s/central.db", data);
    if (json) {
        (void)printf("{\"findings\":[");
    }
    if (len < 0 || (size_t)len >= sizeof path ||
        verify_database(path, &options, &result, &problem) != 0) {
        if (json) {
            (void)printf("],\"code\":\"%s\"}\n", problem_name(problem.code));
        }
        (void)fprintf(stderr, "parkmesh: error %s: %s\n  hint: %s\n", problem_name(problem.code),
                      problem.text, problem.hint);
        return problem.code == PROBLEM_OK ? 64 : problem_exit_status(problem.code);
    }
    if (options.progress) {
        (void)fprintf(stderr, "\r%40s\r", "");
    }
    if (json) {
        char log[33], state[33];
        digest_hex(&result.log_digest, log);
        digest_hex(&result.state_digest, state);
        (void)printf("],\"streams\":%" PRIu64 ",\"events\":%" PRIu64
                     ",\"log_digest\":\"%s\",\"state_digest\":\"%s\"}\n",
                     result.streams, result.events, log, state);
    } else {
        (void)printf("%s: %" PRIu64 " events in %" PRIu64 " streams, %s\n", path, result.events,
                     result.streams, result.findings ? "DAMAGED" : "OK");
    }
    return result.findings ? problem_exit_status(PROBLEM_CHAIN_BROKEN) : 0;
}

int command_verify(const struct command_line *line)
{
    const char *data = line->values[FLAG_DATA];

    return verify(data != NULL ? data : DATA_DEFAULT, line->values[FLAG_JSON] != NULL);
}
