#include "tests/sim/sim.h"

#include "proto/run.h"

#include <stdlib.h>
#include <string.h>

/* ---- heads of a disk ---- */

struct head *sim_truth_head(struct sim_heads *heads, const struct stream *id, bool create)
{
    for (size_t i = heads->count; i-- > 0;) {
        if (heads->heads[i].stream.epoch == id->epoch &&
            stream_compare(&heads->heads[i].stream, id) == 0) {
            return &heads->heads[i];
        }
    }
    if (!create) {
        return NULL;
    }
    heads->heads = realloc(heads->heads, (heads->count + 1) * sizeof *heads->heads);
    if (!heads->heads) {
        abort();
    }
    heads->heads[heads->count] = (struct head){.stream = *id};
    return &heads->heads[heads->count++];
}

void sim_truth_copy(struct sim_heads *to, const struct sim_heads *from)
{
    free(to->heads);
    *to = (struct sim_heads){.heads = bytes_allocate(from->count, sizeof *to->heads),
                             .count = from->count};
    if (from->count) {
        memcpy(to->heads, from->heads, from->count * sizeof *to->heads);
    }
}

/* ---- streams ---- */

static struct sim_fact_stream *find_stream(const struct sim *sim, const struct stream *id)
{
    for (size_t i = sim->stream_count; i-- > 0;) {
        if (sim->streams[i].id.epoch == id->epoch && stream_compare(&sim->streams[i].id, id) == 0) {
            return &sim->streams[i];
        }
    }
    return NULL;
}

const struct sim_fact_stream *sim_truth_stream(const struct sim *sim, const struct stream *id)
{
    return find_stream(sim, id);
}

static struct sim_fact_stream *require_stream(struct sim *sim, const struct stream *id)
{
    struct sim_fact_stream *stream = find_stream(sim, id);

    if (!stream) {
        sim->streams = realloc(sim->streams, (sim->stream_count + 1) * sizeof *sim->streams);
        if (!sim->streams) {
            abort();
        }
        stream = &sim->streams[sim->stream_count++];
        *stream = (struct sim_fact_stream){.id = *id, .lost_above = UINT64_MAX};
    }
    return stream;
}

static struct digest chain_before(const struct sim_fact_stream *stream, uint64_t seq)
{
    return seq > 1 ? stream->events[seq - 2].chain : (struct digest){{0}};
}

/* ---- events ---- */

static void copy(struct buffer *out, struct slice bytes)
{
    if (bytes.data && buffer_append(out, bytes.data, bytes.len)) {
        abort();
    }
}

/* An erased event leaves nothing by which its retry could be recognised. */
static bool is_erased(const struct sim *sim, uint64_t number)
{
    for (size_t i = 0; i < sim->client_count; i++) {
        const struct sim_client *by = &sim->clients[i];
        const struct sim_fact_stream *stream =
            by->event_kind == EVENT_REDACT ? find_stream(sim, &by->target.stream) : NULL;
        for (uint64_t seq = by->target.seq; stream && seq <= by->target.seq + SIM_REDACT_MOST;
             seq++) {
            if (seq <= stream->count && stream->events[seq - 1].client == number) {
                return true;
            }
        }
    }
    return false;
}

/* Counts an event of a client: a retry where it was logged makes no second one. */
static void count_event(struct sim *sim, const struct sim_host *host, uint64_t number)
{
    struct sim_client *client = &sim->clients[number - 1];
    unsigned elsewhere = 0;

    for (size_t i = 0; i < SIM_PLACES; i++) {
        elsewhere += i != host->place ? client->logged[i] : 0;
    }
    client->logged[host->place]++;
    if (elsewhere) {
        sim_trace_rare(&sim->trace, SIM_RARE_LOGGED_TWICE);
    }
    /* Without a name a retry is recognised for a day only, by whatever clock. */
    if (client->is_gate && client->sent_id[0] && !client->is_change &&
        client->logged[host->place] > 1 + host->disk_losses && !is_erased(sim, number)) {
        sim_fail(sim, "%s logged client %s %u times", host->id.text, client->tag,
                 client->logged[host->place]);
    }
}

/* The first time that an event is seen: by the central that wrote it. */
static void adopt(struct sim *sim, struct sim_host *host, struct sim_fact_stream *stream,
                  const struct run_item *item)
{
    struct event event;

    if (node_id_compare(&stream->id.node, &host->id) != 0) {
        sim_fail(sim, "%s holds (%s, %llu, %llu), which nobody wrote", host->id.text,
                 stream->id.node.text, (unsigned long long)stream->id.epoch,
                 (unsigned long long)stream->count + 1);
    }
    if (event_unpack(&event, item->header, item->body) != 0) {
        sim_fail(sim, "an event of %s cannot be read", host->id.text);
    }
    uint64_t client = event.redacted ? 0 : sim_load_of(sim, &event);
    if (!event.redacted && (!client || sim->clients[client - 1].is_poison)) {
        sim_fail(sim, "%s logged an event that nobody asked for", host->id.text);
    }
    if (stream->count == stream->capacity) {
        stream->capacity = stream->capacity ? stream->capacity * 2 : 64;
        stream->events = realloc(stream->events, stream->capacity * sizeof *stream->events);
        if (!stream->events) {
            abort();
        }
    }
    struct digest before = chain_before(stream, stream->count + 1);
    struct sim_fact_event *added = &stream->events[stream->count++];
    *added = (struct sim_fact_event){.chain = chain_next(&before, item->header, &item->body_hash),
                                     .body_hash = item->body_hash,
                                     .client = client};
    copy(&added->header, item->header);
    copy(&added->body, item->body);
    if (client) {
        count_event(sim, host, client);
    }
    struct position seen[LIMIT_SUPERSEDES];
    if (event_supersedes(&event, seen) > 1) {
        sim_trace_rare(&sim->trace, SIM_RARE_EDIT_CONFLICT);
    }
    if (event.clock & EVENT_CLOCK_SUSPECT) {
        sim_trace_rare(&sim->trace, SIM_RARE_SUSPECT);
    }
}

static void compare(struct sim *sim, const struct sim_host *host,
                    const struct sim_fact_stream *stream, uint64_t seq, const struct run_item *item)
{
    const struct sim_fact_event *known = &stream->events[seq - 1];

    if (!slice_equal(buffer_slice(&known->header), item->header) ||
        (item->body.data && known->body.data &&
         !slice_equal(buffer_slice(&known->body), item->body)) ||
        !digest_equal(&known->body_hash, &item->body_hash)) {
        sim_fail(sim, "%s holds other bytes at (%s, %llu, %llu) than its writer", host->id.text,
                 stream->id.node.text, (unsigned long long)stream->id.epoch,
                 (unsigned long long)seq);
    }
}

/* Events of a run from the log of a host. */
static void take_run(struct sim *sim, struct sim_host *host, const struct run *run)
{
    struct sim_fact_stream *stream = require_stream(sim, &run->stream);

    for (size_t i = 0; i < run->count; i++) {
        uint64_t seq = run->from + i;
        if (seq > stream->count + 1) {
            sim_fail(sim, "%s holds seq %llu of a stream whose writer wrote %zu", host->id.text,
                     (unsigned long long)seq, stream->count);
        }
        if (seq == stream->count + 1) {
            adopt(sim, host, stream, &run->items[i]);
        } else {
            compare(sim, host, stream, seq, &run->items[i]);
        }
    }
    if (!digest_equal(&run->chain_after, &stream->events[run->from + run->count - 2].chain)) {
        sim_fail(sim, "%s holds another chain at (%s, %llu, %llu)", host->id.text,
                 run->stream.node.text, (unsigned long long)run->stream.epoch,
                 (unsigned long long)(run->from + run->count - 1));
    }
}

static void write_item(struct sim *sim, struct sim_host *host, const struct fact_event *item,
                       const struct run *run)
{
    bool is_new = run->from > require_stream(sim, &run->stream)->count;

    if (is_new != (item->origin == FACT_LOCAL)) {
        sim_fail(sim, "%s: an event of %s is local or not, wrongly", host->id.text,
                 run->stream.node.text);
    }
    take_run(sim, host, run);
}

static void tell_item(struct sim *sim, struct sim_host *host, const struct fact_event *item,
                      const struct run *run)
{
    struct head *head = sim_truth_head(&host->heads, &run->stream, true);

    (void)item;
    if (run->from != head->seq + 1) {
        sim_fail(sim, "%s: the stream of %s goes from %llu to %llu", host->id.text,
                 run->stream.node.text, (unsigned long long)head->seq,
                 (unsigned long long)run->from);
    }
    head->seq += run->count;
    head->chain = run->chain_after;
}

static void each_item(struct sim *sim, struct sim_host *host, const struct fact *fact,
                      void (*take)(struct sim *sim, struct sim_host *host,
                                   const struct fact_event *item, const struct run *run))
{
    for (size_t i = 0; i < fact->item_count; i++) {
        struct run run;
        struct wire wire;
        if (run_unpack(&run, &wire, fact->items[i].run) != 0) {
            sim_fail(sim, "an event of a fact cannot be read");
        }
        take(sim, host, &fact->items[i], &run);
        run_free(&run);
        wire_close(&wire);
    }
}

void sim_truth_written(struct sim *sim, struct sim_host *host, const struct fact *fact)
{
    each_item(sim, host, fact, write_item);
}

/* Events that were caught up with are in the fact as a head only; its chain seals them. */
static void take_head(struct sim *sim, struct sim_host *host, const struct head *said)
{
    struct head *head = sim_truth_head(&host->heads, &said->stream, true);
    const struct sim_fact_stream *truth = require_stream(sim, &said->stream);

    if (said->seq < head->seq || said->seq > truth->count) {
        sim_fail(sim, "%s: the stream of %s goes from %llu to %llu; %zu were written",
                 host->id.text, said->stream.node.text, (unsigned long long)head->seq,
                 (unsigned long long)said->seq, truth->count);
    }
    if (said->seq && !digest_equal(&truth->events[said->seq - 1].chain, &said->chain)) {
        sim_fail(sim, "%s: another chain at (%s, %llu, %llu)", host->id.text,
                 said->stream.node.text, (unsigned long long)said->stream.epoch,
                 (unsigned long long)said->seq);
    }
    if (said->seq > head->seq && node_id_compare(&said->stream.node, &host->id) == 0) {
        sim_trace_rare(&sim->trace, SIM_RARE_SELF_PULL); /* its new ones are in the fact */
    }
    *head = *said;
}

void sim_truth_fact(struct sim *sim, struct sim_host *host, const struct fact *fact)
{
    struct digest sum = {{0}};

    each_item(sim, host, fact, tell_item);
    for (size_t i = 0; i < fact->head_count; i++) {
        take_head(sim, host, &fact->heads[i]);
    }
    for (size_t i = 0; i < host->heads.count; i++) {
        struct digest part = head_digest(&host->heads.heads[i]);
        digest_add(&sum, &part);
    }
    if (!digest_equal(&sum, &fact->log_digest)) {
        sim_fail(sim, "%s: the log digest is not the sum of its heads", host->id.text);
    }
}

/* ---- after a start ---- */

/* What the log has of a stream beyond what is known to have been written. */
static void take_unknown(struct sim *sim, struct sim_host *host, const struct head *head)
{
    struct runs *runs = NULL;
    struct problem problem = {.code = PROBLEM_OK};
    char path[48];

    sim_outside_path(host->place, path);
    runs = runs_open(path, &problem);
    while (runs && require_stream(sim, &head->stream)->count < head->seq) {
        struct buffer packed = {.limit = LIMIT_MESSAGE_BYTES};
        struct run run;
        struct wire wire;
        size_t count = 0;
        uint64_t from = require_stream(sim, &head->stream)->count + 1;
        if (runs_read(runs, &head->stream, from, LIMIT_RUN_BYTES, LIMIT_RUN_EVENTS, &packed, &count,
                      &problem) != 1 ||
            run_unpack(&run, &wire, buffer_slice(&packed)) != 0) {
            sim_fail(sim, "%s: its log cannot be read back", host->id.text);
        }
        take_run(sim, host, &run);
        run_free(&run);
        wire_close(&wire);
        buffer_free(&packed);
    }
    runs_close(&runs);
    sim_trace_rare(&sim->trace, SIM_RARE_COMMIT_UNKNOWN);
}

static void compare_heads(struct sim *sim, struct sim_host *host, const struct sim_heads *found)
{
    for (size_t i = 0; i < host->heads.count; i++) {
        const struct head *had = &host->heads.heads[i];
        struct sim_heads all = *found;
        const struct head *has = sim_truth_head(&all, &had->stream, false);
        if (!has || has->seq < had->seq) {
            sim_fail(sim, "%s lost committed events of %s: it had %llu, it has %llu", host->id.text,
                     had->stream.node.text, (unsigned long long)had->seq,
                     (unsigned long long)(has ? has->seq : 0));
        }
    }
}

void sim_truth_started(struct sim *sim, struct sim_host *host)
{
    struct runs *runs = NULL;
    struct runs_vector vector = {.count = 0};
    struct problem problem = {.code = PROBLEM_OK};
    char path[48];
    struct sim_disk_armed armed = sim_disk_disarm(&sim->disks[host->place]);

    sim_outside_path(host->place, path);
    runs = runs_open(path, &problem);
    if (!runs || runs_vector(runs, &vector, &problem) != 0) {
        sim_fail(sim, "%s: its vector cannot be read: %s", host->id.text, problem.text);
    }
    runs_close(&runs);
    struct sim_heads found = {.heads = vector.heads, .count = vector.count};
    compare_heads(sim, host, &found);
    for (size_t i = 0; i < vector.count; i++) {
        const struct head *head = &vector.heads[i];
        if (require_stream(sim, &head->stream)->count < head->seq) {
            take_unknown(sim, host, head);
        }
        const struct sim_fact_stream *stream = require_stream(sim, &head->stream);
        if (head->seq && !digest_equal(&stream->events[head->seq - 1].chain, &head->chain)) {
            sim_fail(sim, "%s: another chain after the start", host->id.text);
        }
    }
    sim_truth_copy(&host->heads, &found);
    runs_vector_free(&vector);
    sim_disk_arm(&sim->disks[host->place], armed);
}

/* ---- loss and acknowledgement ---- */

/* Its writer lives and has it, though it has not told anybody. */
static bool is_held(const struct sim *sim, const struct sim_fact_stream *stream)
{
    bool held = false;

    for (size_t i = 0; i < SIM_PLACES; i++) {
        const struct sim_host *host = &sim->hosts[i];
        held = held ||
               (host->is_up && host->held && node_id_compare(&stream->id.node, &host->id) == 0);
    }
    return held;
}

void sim_truth_destroyed(struct sim *sim)
{
    for (size_t i = 0; i < sim->stream_count; i++) {
        struct sim_fact_stream *stream = &sim->streams[i];
        uint64_t best = 0;
        for (size_t k = 0; k < SIM_PLACES; k++) {
            const struct head *head = sim_truth_head(&sim->hosts[k].heads, &stream->id, false);
            best = head && head->seq > best ? head->seq : best;
        }
        if (best < stream->count && best < stream->lost_above && !is_held(sim, stream)) {
            sim_trace_rare(&sim->trace, SIM_RARE_FORGOT);
            stream->lost_above = best;
        }
    }
}

void sim_truth_acked(struct sim *sim, const struct position *position, uint64_t client)
{
    struct sim_fact_stream *stream = find_stream(sim, &position->stream);

    if (!stream || position->seq == 0 || position->seq > stream->count) {
        sim_fail(sim, "client %s was told of an event that is not in the log",
                 sim->clients[client].tag);
    }
    struct sim_fact_event *event = &stream->events[position->seq - 1];
    event->is_acked = true;
    if (event->client && event->client != client + 1) {
        sim_fail(sim, "client %s was told of the event of client %s", sim->clients[client].tag,
                 sim->clients[event->client - 1].tag);
    }
}
