#include "node/config_internal.h"

#include "proto/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void config_init(struct config *config)
{
    *config = (struct config){
        .id = {"central-1"},
        .ip = "127.0.0.1",
        .p2p_port = 9000,
        .api_port = 8000,
        .heartbeat_ms = 2000,
        .data_dir = "data",
        .log_format = "text",
        .limits = {.http_threads = LIMIT_HTTP_THREADS,
                   .ws_clients = LIMIT_WS_CLIENTS,
                   .readers = LIMIT_READERS,
                   .body_bytes = LIMIT_HTTP_BODY},
        .cameras = {.timeout_ms = CAMERA_TIMEOUT_MS},
        .bus_port = 9001,
        .replay_port = 9002,
    };
}

void config_free(struct config *config)
{
    free(config->peers);
    free(config->cameras.items);
    explicit_bzero(config, sizeof *config); /* it held secrets */
    config_init(config);
}

int config_copy(struct config *to, const struct config *from)
{
    *to = *from;
    to->peers = NULL;
    if (from->peer_count) {
        to->peers = bytes_allocate(from->peer_count, sizeof from->peers[0]);
        memcpy(to->peers, from->peers, from->peer_count * sizeof from->peers[0]);
    }
    to->cameras.items = NULL;
    if (from->cameras.count) {
        size_t bytes = from->cameras.count * sizeof from->cameras.items[0];
        to->cameras.items = bytes_allocate(1, bytes);
        memcpy(to->cameras.items, from->cameras.items, bytes);
    }
    return 0;
}

/* A secret written into the file itself, which others can read. */
static void warn_readable(struct slice text, unsigned mode, const char *path,
                          struct buffer *warnings)
{
    size_t start = 0;
    size_t end = 0;
    if (warnings && (mode & 077) && config_find_secret(text, 0, &start, &end)) {
        (void)buffer_printf(warnings,
                            "%s: warning %s: others can read this file, and it holds a secret\n"
                            "  hint: chmod 600 %s\n",
                            path, problem_name(PROBLEM_PERMISSION), path); /* says so when full */
    }
}

static int missing(const char *path, const char *hint, struct problem *problem)
{
    return problem_set(problem, PROBLEM_CONFIG_UNREADABLE, hint, "there is no file %s", path);
}

int config_text(const char *path, struct buffer *out, struct problem *problem)
{
    unsigned mode = 0;
    int found = config_read_file(path, out, &mode, problem);

    if (found == 0) {
        return missing(path,
                       "put it back and try again; GET /api/p2p/config shows what is in force, "
                       "without secrets",
                       problem);
    }
    return found == 1 ? 0 : -1;
}

/* Reads and parses; a missing file is created first, or a problem. */
static int load(struct config *config, const char *path, bool create, struct buffer *errors,
                struct buffer *warnings, struct problem *problem)
{
    struct buffer text;
    unsigned mode = 0600;
    buffer_init(&text, LIMIT_CONFIG_BYTES + 1);
    config_init(config);
    int found = config_read_file(path, &text, &mode, problem);
    if (found == 0 && !create) {
        found = missing(path, "put it back; parkmesh run makes one for a central that stands alone",
                        problem);
    } else if (found == 0) {
        struct slice standalone = slice_text(CONFIG_STANDALONE);
        bool written = config_write(path, standalone, problem) == 0 &&
                       buffer_append(&text, standalone.data, standalone.len) == 0;
        found = written ? 1 : -1;
    }
    if (found == 1 && config_parse(config, buffer_slice(&text), path, errors, warnings)) {
        found = problem_set(problem, PROBLEM_CONFIG_INVALID, NULL, "%s has errors", path);
    } else if (found == 1) {
        warn_readable(buffer_slice(&text), mode, path, warnings);
    }
    if (text.data) {
        explicit_bzero(text.data, text.capacity);
    }
    buffer_free(&text);
    return found == 1 ? 0 : -1;
}

int config_load(struct config *config, const char *path, struct buffer *errors,
                struct buffer *warnings, struct problem *problem)
{
    return load(config, path, true, errors, warnings, problem);
}

int config_check(struct config *config, const char *path, struct buffer *errors,
                 struct buffer *warnings, struct problem *problem)
{
    return load(config, path, false, errors, warnings, problem);
}
