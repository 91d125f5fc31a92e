#include "tests/bus/support_house.h"

#include "proto/event.h"
#include "proto/fact.h"
#include "proto/handoff.h"
#include "proto/run.h"

#include <stdlib.h>
#include <string.h>

#define STREAMS 16

struct entry {
    struct buffer header, body;
    struct digest chain;
};

struct log_stream {
    struct stream id;
    struct entry *entries;
    size_t count, capacity;
};

struct log {
    struct node_id node;
    struct stream own;
    struct log_stream streams[STREAMS];
    size_t stream_count;
    uint64_t events, batch, pulled;
    bool refuses;
    zsock_t *node_socket, *reader_socket, *facts_socket;
};

/* ---- the log ---- */

static struct log_stream *require_stream(struct log *log, const struct stream *id)
{
    for (size_t i = 0; i < log->stream_count; i++) {
        if (stream_compare(&log->streams[i].id, id) == 0) {
            return &log->streams[i];
        }
    }
    assert(log->stream_count < STREAMS);
    struct log_stream *stream = &log->streams[log->stream_count++];
    stream->id = *id;
    return stream;
}

static struct digest chain_at(const struct log_stream *stream, uint64_t seq)
{
    struct digest zero = {{0}};
    return seq ? stream->entries[seq - 1].chain : zero;
}

static struct head head_of(const struct log_stream *stream)
{
    return (struct head){
        .stream = stream->id, .seq = stream->count, .chain = chain_at(stream, stream->count)};
}

static struct digest log_digest(const struct log *log)
{
    struct digest sum = {{0}};
    for (size_t i = 0; i < log->stream_count; i++) {
        struct head head = head_of(&log->streams[i]);
        struct digest part = head_digest(&head);
        digest_add(&sum, &part);
    }
    return sum;
}

static void append(struct log *log, struct log_stream *stream, struct slice header,
                   struct slice body)
{
    if (stream->count == stream->capacity) {
        stream->capacity = stream->capacity ? stream->capacity * 2 : 64;
        stream->entries = realloc(stream->entries, stream->capacity * sizeof *stream->entries);
        assert(stream->entries);
    }
    struct digest before = chain_at(stream, stream->count);
    struct digest hash = body_hash(body);
    struct entry *entry = &stream->entries[stream->count++];
    *entry = (struct entry){.chain = chain_next(&before, header, &hash)};
    assert(buffer_append(&entry->header, header.data, header.len) == 0);
    assert(buffer_append(&entry->body, body.data, body.len) == 0);
    log->events++;
}

static void pack_run(const struct log_stream *stream, uint64_t from, size_t count,
                     struct buffer *out)
{
    struct buffer items = {.data = NULL};
    for (uint64_t seq = from; seq < from + count; seq++) {
        const struct entry *entry = &stream->entries[seq - 1];
        assert(run_put_item(&items, buffer_slice(&entry->header), buffer_slice(&entry->body),
                            NULL) == 0);
    }
    struct digest before = chain_at(stream, from - 1);
    struct digest after = chain_at(stream, from - 1 + count);
    assert(run_pack(out, &stream->id, from, &before, &after, &items, count) == 0);
    buffer_free(&items);
}

/* ---- facts ---- */

/* The last `count` events of a stream are a commit. */
static void publish(struct log *log, const struct log_stream *stream, size_t count,
                    enum fact_origin origin)
{
    struct head head = head_of(stream);
    struct buffer *runs = bytes_allocate(count, sizeof *runs);
    struct fact_event *items = bytes_allocate(count, sizeof *items);
    struct buffer packed = {.data = NULL};

    for (size_t i = 0; i < count; i++) {
        pack_run(stream, stream->count - count + 1 + i, 1, &runs[i]);
        items[i] = (struct fact_event){
            .lsn = log->events - count + 1 + i, .origin = origin, .run = buffer_slice(&runs[i])};
    }
    struct fact fact = {.batch = ++log->batch,
                        .lsn = log->events,
                        .log_digest = log_digest(log),
                        .events = log->events,
                        .hlc = log->events,
                        .own = head_of(require_stream(log, &log->own)),
                        .heads = &head,
                        .head_count = 1,
                        .items = items,
                        .item_count = count};
    assert(fact_pack(&fact, &packed) == 0);
    zmq_send(zsock_resolve(log->facts_socket), packed.data, packed.len, ZMQ_DONTWAIT);
    for (size_t i = 0; i < count; i++) {
        buffer_free(&runs[i]);
    }
    free(runs);
    free(items);
    buffer_free(&packed);
}

static void write_events(struct log *log, size_t events, size_t batch)
{
    struct buffer header = {.data = NULL}, body = {.data = NULL};
    struct log_stream *own = require_stream(log, &log->own);

    while (events) {
        size_t count = events < batch ? events : batch;
        for (size_t i = 0; i < count; i++) {
            char visit[128];
            struct event event;
            event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
            snprintf(visit, sizeof visit, "%s_%zu_51F12345", log->node.text, own->count);
            event.visit = slice_text(visit);
            event.plate_id = slice_text("51F12345");
            event.hlc = own->count + 1;
            event.t_eff = 1700000000000 + (int64_t)own->count;
            assert(event_pack(&event, &header, &body) == 0);
            append(log, own, buffer_slice(&header), buffer_slice(&body));
        }
        publish(log, own, count, FACT_LOCAL);
        events -= count;
    }
    buffer_free(&header);
    buffer_free(&body);
}

/* ---- the node's side ---- */

static enum apply_outcome apply_run(struct log *log, const struct run *run, enum fact_origin origin)
{
    struct log_stream *stream = require_stream(log, &run->stream);
    if (run->from > stream->count + 1) {
        return APPLY_GAP;
    }
    struct digest before = chain_at(stream, run->from - 1);
    if (!digest_equal(&before, &run->chain_before)) {
        return APPLY_FORK;
    }
    size_t known = stream->count + 1 - run->from;
    for (size_t i = known; i < run->count; i++) {
        append(log, stream, run->items[i].header, run->items[i].body);
    }
    if (known < run->count) {
        log->pulled += origin == FACT_SYNC ? run->count - known : 0;
        publish(log, stream, run->count - known, origin);
    }
    return APPLY_DONE;
}

static void send_back(zsock_t *socket, zframe_t **id, const struct buffer *packed)
{
    zframe_send(id, socket, ZFRAME_MORE);
    zmq_send(zsock_resolve(socket), packed->data, packed->len, 0);
}

static void serve_node(struct log *log)
{
    zmsg_t *message = zmsg_recv(log->node_socket);
    zframe_t *id = zmsg_pop(message), *body = zmsg_pop(message);
    struct slice bytes = {(const char *)zframe_data(body), zframe_size(body)};
    struct apply_request request;
    struct buffer packed = {.data = NULL};
    struct run run;
    struct wire wire;

    assert(apply_request_unpack(&request, bytes) == 0);
    if (request.token) {
        struct apply_answer answer = {.token = request.token, .outcome = APPLY_REFUSED};
        if (!log->refuses && run_unpack(&run, &wire, request.run) == 0) {
            answer.outcome = apply_run(log, &run, request.origin);
            run_free(&run);
            wire_close(&wire);
        }
        assert(apply_answer_pack(&answer, &packed) == 0);
        send_back(log->node_socket, &id, &packed);
    }
    zframe_destroy(&id);
    zframe_destroy(&body);
    zmsg_destroy(&message);
    buffer_free(&packed);
}

/* ---- the reader's side ---- */

static void answer_read(struct log *log, const struct read_request *request, struct buffer *out)
{
    struct read_answer answer = {.token = request->token, .verb = request->verb};
    struct head heads[STREAMS];
    struct buffer run = {.data = NULL};

    if (request->verb == READ_VECTOR) {
        for (size_t i = 0; i < log->stream_count; i++) {
            if (log->streams[i].count) {
                heads[answer.count++] = head_of(&log->streams[i]);
            }
        }
        answer.events = log->events;
        answer.log_digest = log_digest(log);
        answer.heads = heads;
    } else {
        struct log_stream *stream = require_stream(log, &request->stream);
        if (request->from <= stream->count) {
            size_t left = stream->count - request->from + 1;
            size_t count = left < request->max_events ? left : request->max_events;
            count = count < 1 + request->max_bytes / 200 ? count : 1 + request->max_bytes / 200;
            pack_run(stream, request->from, count, &run);
            answer.run = buffer_slice(&run);
        }
    }
    assert(read_answer_pack(&answer, out) == 0);
    buffer_free(&run);
}

static void serve_reader(struct log *log)
{
    zmsg_t *message = zmsg_recv(log->reader_socket);
    zframe_t *id = zmsg_pop(message), *body = zmsg_pop(message);
    struct slice bytes = {(const char *)zframe_data(body), zframe_size(body)};
    struct read_request request;
    struct buffer packed = {.data = NULL};

    assert(read_request_unpack(&request, bytes) == 0);
    answer_read(log, &request, &packed);
    send_back(log->reader_socket, &id, &packed);
    zframe_destroy(&id);
    zframe_destroy(&body);
    zmsg_destroy(&message);
    buffer_free(&packed);
}

/* ---- the actor ---- */

static bool serve_pipe(struct log *log, zsock_t *pipe)
{
    char digest[33];
    struct digest sum;
    zmsg_t *message = zmsg_recv(pipe);
    char *verb = zmsg_popstr(message), *first = zmsg_popstr(message);
    char *second = zmsg_popstr(message);
    bool go_on = !streq(verb, "$TERM");

    if (streq(verb, "WRITE")) {
        write_events(log, strtoul(first, NULL, 10), strtoul(second, NULL, 10));
        zsock_signal(pipe, 0);
    } else if (streq(verb, "REFUSE")) {
        log->refuses = streq(first, "yes");
        zsock_signal(pipe, 0);
    } else if (streq(verb, "COUNT")) {
        sum = log_digest(log);
        digest_hex(&sum, digest);
        zsock_send(pipe, "8s", log->events, digest);
    }
    if (streq(verb, "PULLED")) {
        zsock_send(pipe, "8", log->pulled);
    }
    free(verb);
    free(first);
    free(second);
    zmsg_destroy(&message);
    return go_on;
}

static void free_log(struct log *log)
{
    for (size_t i = 0; i < log->stream_count; i++) {
        for (size_t j = 0; j < log->streams[i].count; j++) {
            buffer_free(&log->streams[i].entries[j].header);
            buffer_free(&log->streams[i].entries[j].body);
        }
        free(log->streams[i].entries);
    }
    zsock_destroy(&log->node_socket);
    zsock_destroy(&log->reader_socket);
    zsock_destroy(&log->facts_socket);
}

struct start {
    const struct house *house;
    const char *node_id;
};

static void serve(zsock_t *pipe, void *args)
{
    struct start *start = args;
    struct log log = {.events = 0};

    assert(node_id_parse(slice_text(start->node_id), &log.node));
    log.own = (struct stream){.node = log.node, .epoch = random_nonzero()};
    log.node_socket = zsock_new_router(start->house->node);
    log.reader_socket = zsock_new_router(start->house->reader);
    log.facts_socket = zsock_new(ZMQ_PUB);
    zsock_set_sndhwm(log.facts_socket, LIMIT_FACTS_QUEUE);
    assert(zsock_bind(log.facts_socket, "%s", start->house->facts) >= 0);
    zsock_signal(pipe, 0);
    for (bool go_on = true; go_on;) {
        zmq_pollitem_t items[] = {{zsock_resolve(pipe), 0, ZMQ_POLLIN, 0},
                                  {zsock_resolve(log.node_socket), 0, ZMQ_POLLIN, 0},
                                  {zsock_resolve(log.reader_socket), 0, ZMQ_POLLIN, 0}};
        assert(zmq_poll(items, 3, -1) >= 0);
        if (items[1].revents) {
            serve_node(&log);
        }
        if (items[2].revents) {
            serve_reader(&log);
        }
        if (items[0].revents) {
            go_on = serve_pipe(&log, pipe);
        }
    }
    free_log(&log);
}

/* ---- the handle ---- */

void house_open(struct house *house, const char *name, const char *node_id)
{
    snprintf(house->node, sizeof house->node, "inproc://%s-node", name);
    snprintf(house->reader, sizeof house->reader, "inproc://%s-reader", name);
    snprintf(house->facts, sizeof house->facts, "inproc://%s-facts", name);
    snprintf(house->report, sizeof house->report, "inproc://%s-report", name);
    house->endpoints = (struct mesh_endpoints){.node = house->node,
                                               .reader = house->reader,
                                               .facts = house->facts,
                                               .report = house->report,
                                               .no_zap = true};
    struct start start = {house, node_id};
    house->actor = zactor_new(serve, &start);
}

void house_close(struct house *house)
{
    zactor_destroy(&house->actor);
}

void house_write(struct house *house, size_t events, size_t batch)
{
    char first[24], second[24];
    snprintf(first, sizeof first, "%zu", events);
    snprintf(second, sizeof second, "%zu", batch);
    zstr_sendx(house->actor, "WRITE", first, second, NULL);
    zsock_wait(house->actor);
}

void house_refuse(struct house *house, bool refuse)
{
    zstr_sendx(house->actor, "REFUSE", refuse ? "yes" : "no", NULL);
    zsock_wait(house->actor);
}

size_t house_count(struct house *house, char *digest)
{
    uint64_t events = 0;
    char *text = NULL;
    zstr_send(house->actor, "COUNT");
    assert(zsock_recv(house->actor, "8s", &events, &text) == 0);
    if (digest) {
        snprintf(digest, 33, "%s", text);
    }
    zstr_free(&text);
    return (size_t)events;
}

size_t house_pulled(struct house *house)
{
    uint64_t pulled = 0;
    zstr_send(house->actor, "PULLED");
    assert(zsock_recv(house->actor, "8", &pulled) == 0);
    return (size_t)pulled;
}
