#include "node/reader.h"

#include "bus/inproc.h"
#include "node/reader_feed.h"
#include "proto/feed_pack.h"
#include "proto/handoff.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "storage/runs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

struct reader {
    struct runs *runs;       /* NULL until the database could be opened */
    struct history *history; /* likewise */
    char *path;
    zsock_t *socket, *feed;
    struct buffer run, out;
};

static bool has_database(struct reader *reader)
{
    struct problem problem = {.code = PROBLEM_OK};
    if (reader->runs == NULL) {
        reader->runs = runs_open(reader->path, &problem);
    }
    if (reader->runs == NULL) {
        log_problem(LOG_LEVEL_ERROR, &problem);
    }
    return reader->runs != NULL;
}

static size_t at_most(size_t wanted, size_t limit)
{
    return wanted < limit ? wanted : limit;
}

static int read_run(struct reader *reader, const struct read_request *request,
                    struct read_answer *answer, struct problem *problem)
{
    size_t count;
    int found = runs_read(
        reader->runs, &request->stream, request->from, at_most(request->max_bytes, LIMIT_RUN_BYTES),
        at_most(request->max_events, LIMIT_RUN_EVENTS), &reader->run, &count, problem);
    answer->damaged = runs_damaged(reader->runs);
    if (found == 1) {
        answer->run = buffer_slice(&reader->run);
    }
    return found < 0 ? -1 : 0;
}

static int read_vector(struct reader *reader, struct read_answer *answer,
                       struct runs_vector *vector, struct problem *problem)
{
    if (runs_vector(reader->runs, vector, problem) != 0) {
        return -1;
    }
    answer->events = vector->events;
    answer->rewinds = vector->rewinds;
    answer->log_digest = vector->log_digest;
    answer->state_digest = vector->state_digest;
    answer->heads = vector->heads;
    answer->count = vector->count;
    return 0;
}

/* Packs the answer to one request into reader->out. */
static int serve(struct reader *reader, struct slice bytes)
{
    struct read_request request;
    struct read_answer answer = {.verb = READ_FAILED};
    struct runs_vector vector = {0};
    struct problem problem = {.code = PROBLEM_OK};
    int rc = -1, packed;

    if (read_request_unpack(&request, bytes) != 0) {
        return -1; /* our own mesh wrote it: logged by the caller */
    }
    answer.token = request.token;
    if (has_database(reader)) {
        rc = request.verb == READ_VECTOR ? read_vector(reader, &answer, &vector, &problem)
                                         : read_run(reader, &request, &answer, &problem);
    }
    if (rc == 0) {
        answer.verb = request.verb;
    } else if (problem.code != PROBLEM_OK) {
        log_problem(LOG_LEVEL_WARN, &problem);
    }
    packed = read_answer_pack(&answer, &reader->out);
    runs_vector_free(&vector);
    return packed;
}

static int on_request(zloop_t *loop, zsock_t *socket, void *arg)
{
    struct reader *reader = arg;
    zframe_t *identity = NULL, *bytes = NULL;
    (void)loop;

    if (zsock_recv(socket, "ff", &identity, &bytes) == 0 && bytes != NULL) {
        buffer_clear(&reader->run);
        buffer_clear(&reader->out);
        struct slice request = {(const char *)zframe_data(bytes), zframe_size(bytes)};
        if (serve(reader, request) == 0) {
            /* the mesh asks at most LIMIT_OUTSTANDING runs per peer: its queue cannot be full;
             * if it is gone, nobody misses the answer */
            if (zframe_send(&identity, socket, ZFRAME_MORE | ZFRAME_DONTWAIT) == 0) {
                (void)zmq_send(zsock_resolve(socket), reader->out.data, reader->out.len,
                               ZMQ_DONTWAIT);
            }
        } else {
            log_error("INTERNAL", "where=reader what=\"request malformed or answer too large\"");
        }
    }
    zframe_destroy(&identity);
    zframe_destroy(&bytes);
    return 0;
}

static int on_feed_request(zloop_t *loop, zsock_t *socket, void *arg)
{
    struct reader *reader = arg;
    zframe_t *identity = NULL, *bytes = NULL;
    struct problem problem;
    (void)loop;

    if (reader->history == NULL) {
        reader->history = history_open(reader->path, &problem);
        if (reader->history == NULL) {
            log_problem(LOG_LEVEL_ERROR, &problem);
        }
    }
    if (zsock_recv(socket, "ff", &identity, &bytes) == 0 && bytes != NULL) {
        struct slice request = {(const char *)zframe_data(bytes), zframe_size(bytes)};
        buffer_clear(&reader->out);
        if (reader_feed_answer(reader->history, request, &reader->out) != 0) {
            log_error("INTERNAL", "where=reader what=\"request malformed or page too large\"");
        } else if (zframe_send(&identity, socket, ZFRAME_MORE | ZFRAME_DONTWAIT) == 0) {
            /* the publisher has at most one request a session under way: its queue has room */
            (void)zmq_send(zsock_resolve(socket), reader->out.data, reader->out.len, ZMQ_DONTWAIT);
        }
    }
    zframe_destroy(&identity);
    zframe_destroy(&bytes);
    return 0;
}

static int on_pipe(zloop_t *loop, zsock_t *pipe, void *arg)
{
    char *word = zstr_recv(pipe);
    bool stop = word == NULL || strcmp(word, "$TERM") == 0;
    (void)loop;
    (void)arg;
    zstr_free(&word);
    return stop ? -1 : 0;
}

void reader_actor(zsock_t *pipe, void *args)
{
    struct reader reader = {.path = strdup(args)};
    zloop_t *loop = zloop_new();

    (void)prctl(PR_SET_NAME, "reader");
    assert(reader.path != NULL && loop != NULL);
    buffer_init(&reader.run, LIMIT_MESSAGE_BYTES);
    buffer_init(&reader.out, (size_t)LIMIT_HEADS * 160); /* a whole vector */
    reader.socket = zsock_new_router(NULL);
    assert(reader.socket != NULL);
    zsock_set_linger(reader.socket, 0);
    zsock_set_sndhwm(reader.socket, LIMIT_PEERS * LIMIT_OUTSTANDING * 2);
    zsock_set_rcvhwm(reader.socket, LIMIT_PEERS * LIMIT_OUTSTANDING * 2);
    if (inproc_bind(reader.socket, HANDOFF_READER) != 0) {
        assert(!"the reader's inproc name is taken");
    }
    reader.feed = zsock_new_router(NULL);
    assert(reader.feed != NULL);
    zsock_set_linger(reader.feed, 0);
    if (inproc_bind(reader.feed, FEED_READER) != 0) {
        assert(!"the reader's inproc name is taken");
    }
    (void)zloop_reader(loop, reader.feed, on_feed_request, &reader);
    (void)zloop_reader(loop, pipe, on_pipe, NULL);
    (void)zloop_reader(loop, reader.socket, on_request, &reader);
    zloop_set_nonstop(loop, true);
    zsock_signal(pipe, 0);
    while (zloop_start(loop) == 0) {
        ;
    }
    zloop_destroy(&loop);
    inproc_close(&reader.socket);
    inproc_close(&reader.feed);
    history_close(&reader.history);
    runs_close(&reader.runs);
    buffer_free(&reader.run);
    buffer_free(&reader.out);
    free(reader.path);
}
