/*
 * The node's work without threads and HTTP: commands decided, appended, folded and committed.
 *
 *   bench_decide DIR BATCH SECONDS      prints one JSON object
 *
 * Against `bench_limits sqlite` with the same batch it shows what a decision costs beyond its rows;
 * under a profiler it shows where.
 */
#include "node/decide.h"
#include "proto/clock.h"
#include "proto/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAMERAS 64

static void die(const struct problem *problem)
{
    log_problem(LOG_LEVEL_ERROR, problem);
    exit(1);
}

/* The events that bench_load sends: each camera's plates enter and leave in turn. */
static void take(struct store *store, const struct node_id *id, long number, long long first_ms)
{
    char plate[32], name[80], camera[16];
    long which = number % CAMERAS + 10, round = number / CAMERAS, visit = round / 2;
    bool is_exit = round % 2 == 1;
    struct command command;
    struct answer answer;
    struct problem problem = {.code = PROBLEM_OK};

    command_init(&command, COMMAND_GATE);
    command.gate = is_exit ? GATE_EXIT : GATE_ENTRY;
    (void)snprintf(camera, sizeof camera, "%ld", which);
    (void)snprintf(plate, sizeof plate, "%02ldC%09ld", which, visit);
    (void)snprintf(name, sizeof name, "edge-%ld_%lld_%s", which, first_ms + visit, plate);
    command.plate_text = slice_text(plate);
    command.sent_id = slice_text(name);
    command.camera_id = slice_text(camera);
    command.camera_name = slice_text("North gate");
    command.camera_type = slice_text(is_exit ? "EXIT" : "ENTRY");
    command.source = slice_text("auto");
    command.confidence = 0.95;
    if (decide(store, id, &command, clock_wall_ms(), &answer, &problem) != 0) {
        die(&problem);
    }
}

int main(int argc, char **argv)
{
    struct store_options options = {0};
    struct problem problem = {.code = PROBLEM_OK};
    struct buffer fact = {0};
    char path[600];
    long count = 0;

    if (argc != 4 || random_start() != 0) {
        (void)fputs("usage: bench_decide DIR BATCH SECONDS\n", stderr);
        return 64;
    }
    (void)snprintf(path, sizeof path, "%s/decide.db", argv[1]);
    (void)unlink(path);
    options.path = path;
    (void)node_id_parse(slice_text("central-1"), &options.node);
    struct store *store = store_open(&options, &problem);
    if (store == NULL) {
        die(&problem);
    }
    long batch = strtol(argv[2], NULL, 10);
    int64_t start = clock_mono_us();
    int64_t end = start + (int64_t)(strtod(argv[3], NULL) * 1e6);
    long long first_ms = clock_wall_ms();
    while (clock_mono_us() < end) {
        if (store_begin(store, &problem) != 0) {
            die(&problem);
        }
        for (long i = 0; i < batch; i++) {
            take(store, &options.node, count++, first_ms);
        }
        buffer_clear(&fact);
        if (store_commit(store, &problem) != 0 || store_take_fact(store, &fact) != 0) {
            die(&problem);
        }
        if (store_tidy(store, false, &problem)) {
            die(&problem);
        }
    }
    (void)printf("{\"batch\": %ld, \"events_per_s\": %.0f}\n", batch,
                 (double)count / (double)(clock_mono_us() - start) * 1e6);
    store_close(&store);
    buffer_free(&fact);
    return 0;
}
