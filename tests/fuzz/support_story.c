#include "tests/fuzz/support_story.h"

#include "proto/event.h"
#include "proto/run.h"

#include <string.h>

#define OUTPUTS_MOST 512 /* after one input: 3 peers, a few links */
#define BYTES_MOST (8 * LIMIT_MESSAGE_BYTES)
#define REQUEST_MS 15000 /* a request is given up then */
#define SLACK 64         /* of a run's frame around its items */

/* ---- the log of the house ---- */

static struct story_held *hold(struct story *story, const struct stream *stream)
{
    for (size_t i = 0; i < story->held_count; i++) {
        if (stream_compare(&story->held[i].head.stream, stream) == 0) {
            return &story->held[i];
        }
    }
    if (story->held_count == STORY_HELD) {
        return NULL;
    }
    struct story_held *held = &story->held[story->held_count++];
    *held = (struct story_held){.head.stream = *stream, .told.stream = *stream};
    return held;
}

struct digest story_digest(const struct story *story, bool is_told)
{
    struct digest sum = {{0}};

    for (size_t i = 0; i < story->held_count; i++) {
        struct digest part = head_digest(is_told ? &story->held[i].told : &story->held[i].head);
        digest_add(&sum, &part);
    }
    return sum;
}

/* Tells of a commit, or lets the telling get lost. */
static void tell(struct story *story, struct story_held *held, struct slice run,
                 enum fact_origin origin)
{
    struct fact_event item = {.lsn = 1, .origin = origin, .run = run};
    struct fact fact = {.batch = ++story->batch,
                        .log_digest = story_digest(story, false),
                        .state_digest = story_digest(story, false),
                        .heads = &held->head,
                        .head_count = 1,
                        .items = &item,
                        .item_count = 1};

    if (story->written) {
        fact.own = truth_head(&story->truth.logs[TRUTH_OWN], story->written);
    }
    if (source_u8(&story->source) < 230) {
        held->told = held->head;
        replica_committed(story->replica, &fact, story->now);
    }
}

void story_write(struct story *story)
{
    const struct truth_log *log = &story->truth.logs[TRUTH_OWN];
    struct story_held *held = hold(story, &log->stream);
    struct buffer run = {.limit = 0};
    uint64_t from = story->written + 1;

    if (!held || held->head.seq != story->written ||
        !truth_run(log, from, 1 + source_below(&story->source, 3), &run)) {
        buffer_free(&run);
        return;
    }
    struct wire wire;
    struct run events;
    source_require(run_unpack(&events, &wire, buffer_slice(&run)) == 0);
    story->written += events.count;
    run_free(&events);
    wire_close(&wire);
    held->head = truth_head(log, story->written);
    /* One item a fact is what the node sends for one event; a run of more must not hurt. */
    tell(story, held, buffer_slice(&run), FACT_LOCAL);
    buffer_free(&run);
}

void story_set_vector(struct story *story)
{
    struct head heads[STORY_HELD];
    struct digest digest = story_digest(story, false);
    uint64_t events = 0;

    for (size_t i = 0; i < story->held_count; i++) {
        heads[i] = story->held[i].told = story->held[i].head;
        events += heads[i].seq;
    }
    replica_set_vector(story->replica, heads, story->held_count, events, 0, &digest, story->now);
}

/* What a node would do with a run. */
static enum apply_outcome store(struct story *story, const struct story_pending *pending)
{
    struct run run;
    struct wire wire;
    enum apply_outcome outcome = APPLY_FORK;

    source_require(run_unpack(&run, &wire, buffer_slice(&pending->run)) == 0);
    struct story_held *held = hold(story, &run.stream);
    uint64_t to = run.from + run.count - 1;
    struct head after = {.stream = run.stream, .seq = to, .chain = run.chain_after};
    if (!held) {
        outcome = APPLY_REFUSED;
    } else if (run.from > held->head.seq + 1) {
        outcome = APPLY_GAP;
    } else if (to <= held->head.seq) {
        outcome = APPLY_DONE;
    } else if (run.from == held->head.seq + 1 &&
               digest_equal(&held->head.chain, &run.chain_before)) {
        outcome = APPLY_DONE;
        held->head = after;
        tell(story, held, buffer_slice(&pending->run), FACT_SYNC);
    }
    run_free(&run);
    wire_close(&wire);
    return outcome;
}

void story_answer(struct story *story, struct story_pending *pending, bool is_right)
{
    struct source *source = &story->source;
    struct buffer run = {.limit = 0};
    uint64_t token = pending->token;

    if (!token) {
        return;
    }
    pending->token = 0;
    if (pending->is_read) {
        struct story_held *held = hold(story, &pending->stream);
        const struct truth_log *log = held ? truth_find(&story->truth, &held->head) : NULL;
        if (log && pending->from <= held->head.seq) {
            (void)truth_run(log, pending->from, (size_t)(held->head.seq - pending->from) + 1,
                            &run); /* there is one */
        }
        struct slice none = {NULL, 0};
        uint64_t damaged = is_right ? 0 : source_below(source, 8);
        replica_read(story->replica, token, !is_right && source_bool(source),
                     run.len && is_right ? buffer_slice(&run) : none, damaged, story->now);
    } else if (pending->is_cure) {
        /* Nothing is damaged here, and nothing leaves the truth. */
        uint64_t outcome = is_right ? APPLY_FORK : source_below(source, 4);
        buffer_free(&pending->run);
        replica_applied(story->replica, token, (enum apply_outcome)outcome, story->now);
    } else {
        enum apply_outcome outcome =
            is_right ? store(story, pending) : (enum apply_outcome)source_below(source, 4);
        buffer_free(&pending->run);
        replica_applied(story->replica, token, outcome, story->now);
    }
    buffer_free(&run);
}

/* ---- what the replica puts out ---- */

static struct story_pending *free_pending(struct story *story)
{
    for (size_t i = 0; i < STORY_PENDING; i++) {
        if (!story->pending[i].token) {
            return &story->pending[i];
        }
    }
    return NULL; /* this one is never answered */
}

void story_forget_asked(struct story *story, const struct node_id *peer, uint64_t id)
{
    for (size_t i = 0; i < STORY_ASKED; i++) {
        struct story_asked *asked = &story->asked[i];
        if (node_id_compare(&asked->peer, peer) == 0 && (!id || asked->id == id)) {
            asked->id = 0;
        }
    }
}

static void check_request(struct story *story, const struct replica_output *output,
                          const struct message_sync_request *request)
{
    struct story_asked *place = NULL;
    size_t open = 0;

    source_require(request->max_bytes <= LIMIT_RUN_BYTES);
    for (size_t i = 0; i < STORY_ASKED; i++) {
        struct story_asked *asked = &story->asked[i];
        /* Asked again when the link changes, or in time. */
        bool is_over = asked->until_ms <= story->now.mono_ms || asked->link != output->link;
        if (asked->id && node_id_compare(&asked->peer, &output->peer) == 0) {
            source_require(asked->id != request->request);
            asked->id = is_over ? 0 : asked->id;
            open += asked->id != 0;
        }
        place = asked->id ? place : asked;
    }
    source_require(open < LIMIT_OUTSTANDING && place);
    *place = (struct story_asked){.id = request->request,
                                  .link = output->link,
                                  .peer = output->peer,
                                  .until_ms = story->now.mono_ms + REQUEST_MS};
    for (; place->count < request->count && place->count < 4; place->count++) {
        place->wants[place->count] = request->wants[place->count];
    }
}

static void check_response(const struct message_sync_response *response, size_t size)
{
    size_t events = 0;

    for (size_t i = 0; i < response->count; i++) {
        events += response->runs[i].count;
    }
    source_require(events <= LIMIT_RUN_EVENTS);
    source_require(response->count <= 1 || size <= LIMIT_RUN_BYTES + SLACK * response->count);
}

static void check_send(struct story *story, const struct replica_output *output)
{
    struct message message;

    source_require(output->link >= 1 && output->link <= story->link_count);
    source_require(story->is_up[output->link - 1]);
    source_require(output->bytes.len <= LIMIT_MESSAGE_BYTES);
    source_require(message_unpack(&message, output->bytes) == 0); /* runs verify, too */
    if (message.type == MESSAGE_SYNC_REQUEST) {
        check_request(story, output, &message.as.sync_request);
    } else if (message.type == MESSAGE_SYNC_RESPONSE) {
        check_response(&message.as.sync_response, output->bytes.len);
    }
    message_free(&message);
}

static void check_move(struct story *story, const struct replica_output *output)
{
    source_require(output->token != 0 && output->from >= 1);
    source_require(hold(story, &output->stream) != NULL);
    struct story_pending *pending = free_pending(story);
    if (pending) {
        *pending = (struct story_pending){.token = output->token, .is_cure = true};
    }
}

static void check_apply(struct story *story, const struct replica_output *output)
{
    struct run run;
    struct wire wire;

    source_require(run_unpack(&run, &wire, output->bytes) == 0);
    source_require(stream_compare(&run.stream, &output->stream) == 0);
    source_require(run.from == output->from && run.count <= LIMIT_RUN_EVENTS);
    run_free(&run);
    wire_close(&wire);
    source_require(output->token != 0);
    struct story_pending *pending = free_pending(story);
    if (pending) {
        *pending = (struct story_pending){.token = output->token,
                                          .is_cure = output->kind == REPLICA_REPAIR};
        source_require(buffer_append(&pending->run, output->bytes.data, output->bytes.len) == 0);
    }
}

static void check_read(struct story *story, const struct replica_output *output)
{
    const struct story_held *held = hold(story, &output->stream);

    source_require(output->token != 0 && output->from >= 1);
    source_require(output->max_bytes <= LIMIT_RUN_BYTES && output->max_events >= 1 &&
                   output->max_events <= LIMIT_RUN_EVENTS);
    source_require(held != NULL);
    struct story_pending *pending = free_pending(story);
    if (pending) {
        *pending = (struct story_pending){.token = output->token,
                                          .is_read = true,
                                          .stream = output->stream,
                                          .from = output->from};
    }
}

/* Somebody told exactly our digest. */
static void check_equal(const struct story *story)
{
    struct digest ours = story_digest(story, true);
    bool is_told = false;

    for (size_t i = 0; i < story->said_count; i++) {
        is_told = is_told || digest_equal(&story->said[i], &ours);
    }
    source_require(is_told);
}

void story_take(struct story *story)
{
    struct replica_output output;
    size_t count = 0;
    size_t bytes = 0;

    while (replica_next(story->replica, &output)) {
        bytes += output.bytes.len;
        source_require(++count <= OUTPUTS_MOST && bytes <= BYTES_MOST);
        switch (output.kind) {
        case REPLICA_SEND:
            check_send(story, &output);
            break;
        case REPLICA_CLOSE:
            source_require(output.link >= 1 && output.link <= story->link_count);
            source_require(story->is_up[output.link - 1] && output.retry_ms >= 0);
            story->is_up[output.link - 1] = false;
            break;
        case REPLICA_APPLY:
        case REPLICA_REPAIR:
            check_apply(story, &output);
            break;
        case REPLICA_MOVE:
            check_move(story, &output);
            break;
        case REPLICA_READ:
            check_read(story, &output);
            break;
        case REPLICA_SYNCED:
            check_equal(story);
            break;
        case REPLICA_ALARM:
            source_require(output.id && output.id[0] && output.code < PROBLEM_COUNT);
            source_require(output.text && output.address);
            break;
        }
    }
}

void story_check_report(const struct story *story)
{
    struct mesh_report report = {.running = true};

    replica_report(story->replica, &report, story->now);
    source_require(report.count <= LIMIT_PEERS + LIMIT_PENDING_PEERS);
    for (size_t i = 0; i < report.count; i++) {
        if (report.peers[i].sync == SYNC_EQUAL) {
            check_equal(story);
        }
    }
    mesh_report_free(&report);
}
