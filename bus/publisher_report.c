#include "bus/publisher_internal.h"

#include "bus/inproc.h"

#include <stdlib.h>
#include <string.h>

static void add_topics(const struct publisher *publisher, struct bus_report *report)
{
    for (size_t i = 0; i < LIMIT_BUS_TOPICS; i++) {
        const struct publisher_topic *topic = &publisher->topics[i];
        struct bus_topic *out = &report->topics[report->topic_count];
        if (topic->text[0] == '\0') {
            continue;
        }
        memcpy(out->prefix, topic->text, sizeof out->prefix);
        out->subscribers = topic->subscribers;
        out->lsn = topic->last;
        report->topic_count++;
    }
}

static int by_age(const void *a, const void *b)
{
    const struct publisher_session *one = *(const struct publisher_session *const *)a;
    const struct publisher_session *other = *(const struct publisher_session *const *)b;

    return (one->token < other->token) - (one->token > other->token);
}

/* Also those that are over, until their places are taken. */
static void add_replays(const struct publisher *publisher, struct bus_report *report)
{
    const struct publisher_session *sessions[LIMIT_BUS_SESSIONS];

    for (size_t i = 0; i < LIMIT_BUS_SESSIONS; i++) {
        if (publisher->sessions[i].token != 0) {
            sessions[report->replay_count++] = &publisher->sessions[i];
        }
    }
    qsort(sessions, report->replay_count, sizeof sessions[0], by_age);
    for (size_t i = 0; i < report->replay_count; i++) {
        struct bus_replay *out = &report->recent[i];
        memcpy(out->address, sessions[i]->address, sizeof out->address);
        memcpy(out->prefix, sessions[i]->topic, sizeof out->prefix);
        out->at = sessions[i]->after;
        out->sent = sessions[i]->sent;
        out->begun_ms = sessions[i]->begun_ms;
        out->is_under_way = sessions[i]->is_open;
    }
}

static int pack(struct publisher *publisher)
{
    struct bus_report *report = calloc(1, sizeof *report);
    int packed = -1;

    assert(report != NULL);
    report->is_listening = publisher->live != NULL;
    memcpy(report->address, publisher->args.address, sizeof report->address);
    report->port = publisher->args.port;
    report->replay_port = publisher->args.replay_port;
    report->is_encrypted = publisher->args.keys.present;
    report->at = publisher->at;
    report->published = publisher->published;
    report->replays = publisher->tokens;
    report->replayed = publisher->replayed;
    report->unknown = publisher->unknown;
    add_topics(publisher, report);
    add_replays(publisher, report);
    buffer_clear(&publisher->out);
    packed = bus_report_pack(report, &publisher->out);
    free(report);
    return packed;
}

void publisher_report_open(struct publisher *publisher)
{
    publisher->reports = zsock_new(ZMQ_ROUTER);
    assert(publisher->reports != NULL);
    zsock_set_linger(publisher->reports, 0);
    if (inproc_bind(publisher->reports, BUS_REPORT_ENDPOINT) != 0) {
        assert(!"the publisher's inproc name is taken");
    }
}

void publisher_report_take(struct publisher *publisher)
{
    zmsg_t *message;

    while ((message = zmsg_recv_nowait(publisher->reports)) != NULL) {
        zframe_t *id = zmsg_first(message);
        if (zmsg_size(message) >= 2 && pack(publisher) == 0 &&
            zmq_send(zsock_resolve(publisher->reports), zframe_data(id), zframe_size(id),
                     ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0) {
            /* who asked and went misses the answer, and nobody else does */
            (void)zmq_send(zsock_resolve(publisher->reports), publisher->out.data,
                           publisher->out.len, ZMQ_DONTWAIT);
        }
        zmsg_destroy(&message);
    }
}
