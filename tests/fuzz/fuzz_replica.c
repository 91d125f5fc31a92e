/*
 * The replication state machine under a story that the fuzzer tells: links come and go, peers say
 * sensible, twisted and meaningless things, the house answers right, wrong, late or never, time
 * jumps. After each step all outputs are taken, and whatever was said:
 *
 *   - outputs are few, well-formed, and go to links that are up;
 *   - a peer is never asked for more than LIMIT_OUTSTANDING runs at a time;
 *   - what goes to the node or to a peer as a run verifies, and respects the limits;
 *   - "equal" is only said of a peer that told our very digest;
 *   - time that was given to it leads to a deadline in the future, not to a busy loop.
 */
#include "tests/fuzz/support_story.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 600 /* of one story */
#define TICKS 16  /* until a due deadline must have moved on */

static struct node_id name(struct story *story)
{
    static const char *const names[] = {"central-2", "central-3", "central-4", "central-1",
                                        "stranger"};
    struct node_id id;

    source_require(node_id_parse(slice_text(names[source_below(&story->source, 5)]), &id));
    return id;
}

/* ---- what peers say ---- */

static struct head any_head(struct story *story)
{
    struct source *source = &story->source;
    const struct truth_log *log = &story->truth.logs[source_below(source, TRUTH_LOGS)];
    uint8_t what = source_u8(source);
    struct head head = truth_head(log, what % (TRUTH_EVENTS + 1));

    if (what >= 250) {
        head.chain.bytes[0] = (uint8_t)~head.chain.bytes[0];
    } else if (what >= 240) {
        head.seq = source_bool(source) ? LIMIT_SEQ : 1 + source_u64(source) % (LIMIT_SEQ - 1);
    } else if (what >= 220) {
        head.stream.epoch = 1 + source_u8(source);
        head.stream.node = name(story);
    }
    return head;
}

static struct digest any_digest(struct story *story)
{
    uint8_t what = source_u8(&story->source);
    struct digest digest = {{what}};

    return what < 128 ? story_digest(story, true) : digest;
}

static int pack_hello(struct story *story, struct buffer *out)
{
    struct source *source = &story->source;
    uint8_t what = source_u8(source);
    struct message_hello hello = {.version_min = MESSAGE_VERSION_MIN,
                                  .version_max = what == 255 ? 99 : MESSAGE_VERSION,
                                  .mesh_id = {{what == 254 ? 9 : 1}},
                                  .node = name(story),
                                  .epoch = what & 3,
                                  .boot = 1 + (what >> 2 & 1),
                                  .wall_ms = source_i64(source) / 4,
                                  .log_digest = any_digest(story),
                                  .state_digest = any_digest(story),
                                  .software = "fuzz",
                                  .api_port = 8000};

    if (what == 253) {
        hello.version_min = 98;
        hello.version_max = 99;
    }
    return message_pack_hello(out, &hello);
}

static int pack_heartbeat(struct story *story, struct buffer *out)
{
    struct source *source = &story->source;
    struct head heads[8];
    struct message_heartbeat beat = {.wall_ms = source_i64(source) / 4,
                                     .hlc = source_u8(source),
                                     .log_digest = any_digest(story),
                                     .state_digest = any_digest(story),
                                     .events = source_u8(source),
                                     .sent_ms = source_i64(source) / 4,
                                     .echo_ms = story->now.mono_ms - source_u8(source),
                                     .hold_ms = source_i64(source) / 4,
                                     .heads = heads,
                                     .count = source_below(source, 9)};

    for (size_t i = 0; i < beat.count; i++) {
        heads[i] = any_head(story);
    }
    return message_pack_heartbeat(out, &beat);
}

static int pack_vector(struct story *story, struct buffer *out)
{
    struct source *source = &story->source;
    struct head heads[12];
    struct node_digest digests[12];
    struct message_vector vector = {.is_heads = source_bool(source),
                                    .heads = heads,
                                    .digests = digests,
                                    .count = source_below(source, 13),
                                    .more = source_u8(source) > 200};

    for (size_t i = 0; i < vector.count && vector.is_heads; i++) {
        heads[i] = any_head(story);
    }
    for (size_t i = 0; i < vector.count && !vector.is_heads; i++) {
        digests[i] = (struct node_digest){.node = name(story), .digest = any_digest(story)};
    }
    return message_pack_vector(out, &vector);
}

static int pack_vector_request(struct story *story, struct buffer *out)
{
    struct source *source = &story->source;
    struct node_id nodes[6];
    struct message_vector_request request = {.nodes = nodes, .count = source_below(source, 7)};

    for (size_t i = 0; i < request.count; i++) {
        nodes[i] = name(story);
    }
    if (source_bool(source)) {
        request.after = any_head(story).stream;
    }
    return message_pack_vector_request(out, &request);
}

static int pack_sync_request(struct story *story, struct buffer *out)
{
    struct source *source = &story->source;
    struct sync_want wants[8];
    struct message_sync_request request = {.request = source_u8(source),
                                           .wants = wants,
                                           .count = 1 + source_below(source, 8),
                                           .max_bytes = source_u8(source) * 1100U};

    for (size_t i = 0; i < request.count; i++) {
        struct head head = any_head(story);
        wants[i] = (struct sync_want){head.stream, head.seq ? head.seq : 1};
    }
    return message_pack_sync_request(out, &request);
}

/* Mostly what was asked for; else other runs, or another number. */
static int pack_sync_response(struct story *story, struct buffer *out)
{
    struct source *source = &story->source;
    struct story_asked *asked = &story->asked[source_below(source, 4)];
    struct buffer runs = {.limit = 0};
    size_t count = 0;
    uint8_t what = source_u8(source);

    for (size_t i = 0; i < asked->count && what < 200; i++) {
        for (size_t k = 0; k < TRUTH_LOGS; k++) {
            const struct truth_log *log = &story->truth.logs[k];
            if (stream_compare(&log->stream, &asked->wants[i].stream) == 0 &&
                k % 5 == (what & 1 ? TRUTH_FORK % 5 : k % 5) &&
                truth_run(log, asked->wants[i].from, 1 + source_below(source, 8), &runs)) {
                count++;
                break;
            }
        }
    }
    for (; what >= 200 && count < what % 4U; count++) {
        struct head head = any_head(story);
        const struct truth_log *log = truth_find(&story->truth, &head);
        if (!log || !truth_run(log, head.seq, 1 + source_below(source, 8), &runs)) {
            break;
        }
    }
    int packed = message_pack_sync_response(out, what < 240 ? asked->id : what, buffer_slice(&runs),
                                            count, source_u8(source) > 220);
    buffer_free(&runs);
    return packed;
}

static int pack_event(struct story *story, struct buffer *out)
{
    struct buffer run = {.limit = 0};
    struct head head = any_head(story);
    const struct truth_log *log = truth_find(&story->truth, &head);
    int packed = -1;

    if (log && truth_run(log, head.seq, 1 + source_below(&story->source, 4), &run)) {
        packed = message_pack_event(out, buffer_slice(&run));
    }
    buffer_free(&run);
    return packed;
}

static int pack_rest(struct story *story, struct buffer *out)
{
    struct source *source = &story->source;
    struct head heads[8];
    struct message_reject reject = {.code = "DUPLICATE_ID", .retry_ms = source_u64(source)};
    size_t count = source_below(source, 9);

    switch (source_below(source, 8)) {
    case 0:
        (void)slice_copy(source_piece(source, 20), reject.code, sizeof reject.code); /* any */
        return message_pack_reject(out, &reject);
    case 1:
        return message_pack_bye(out, "fuzz");
    case 2:
        return message_pack_reject(out, &reject);
    default:
        for (size_t i = 0; i < count; i++) {
            heads[i] = any_head(story);
        }
        return message_pack_ack(out, heads, count);
    }
}

typedef int (*pack_fn)(struct story *story, struct buffer *out);

/* A few bytes other than they were. */
static void twist(struct source *source, struct buffer *message)
{
    uint8_t what = source_u8(source);

    for (int i = what < 224 ? 0 : 1 + (what & 3); i > 0 && message->len; i--) {
        size_t at = (size_t)(source_u64(source) % message->len);
        message->data[at] = (char)source_u8(source);
    }
    if (what >= 248 && message->len) {
        message->len = (size_t)(source_u64(source) % message->len);
    }
}

static void note(struct story *story, const struct digest *said)
{
    source_require(story->said_count < STORY_SAID);
    story->said[story->said_count++] = *said;
}

/* Takes down what the story must know of a message before the replica hears it. */
static void overhear(struct story *story, struct slice bytes)
{
    struct message message;

    if (message_unpack(&message, bytes)) {
        /* Counts as the answer to a request to whoever is at the other end. */
        memset(story->asked, 0, sizeof story->asked);
        return;
    }
    if (message.type == MESSAGE_HELLO) {
        note(story, &message.as.hello.log_digest);
        story_forget_asked(story, &message.as.hello.node, 0); /* perhaps a restart */
    } else if (message.type == MESSAGE_HEARTBEAT) {
        note(story, &message.as.heartbeat.log_digest);
    } else if (message.type == MESSAGE_SYNC_RESPONSE) {
        for (size_t i = 0; i < STORY_ASKED; i++) {
            bool is_this = story->asked[i].id == message.as.sync_response.request;
            story->asked[i].id = is_this ? 0 : story->asked[i].id;
        }
    }
    message_free(&message);
}

static void say(struct story *story, uint64_t link, struct slice bytes)
{
    char *copy = source_exact(bytes);

    overhear(story, (struct slice){copy, bytes.len});
    replica_message(story->replica, link, (struct slice){copy, bytes.len}, story->now);
    free(copy);
}

static void hear(struct story *story)
{
    static const pack_fn packers[] = {pack_hello,          pack_heartbeat,    pack_event,
                                      pack_sync_response,  pack_sync_request, pack_vector,
                                      pack_vector_request, pack_rest};
    struct source *source = &story->source;
    struct buffer message = {.limit = 0};
    uint64_t back = source_below(source, 4);

    if (back >= story->link_count) {
        return;
    }
    uint64_t link = story->link_count - back;
    if (packers[source_below(source, sizeof packers / sizeof *packers)](story, &message) == 0) {
        twist(source, &message);
        say(story, link, buffer_slice(&message));
    }
    buffer_free(&message);
}

/* ---- what happens ---- */

static void come(struct story *story)
{
    static const char *const addresses[] = {"10.0.0.2:49152", "[fe80::1]:49152", "", "\xff[:"};
    struct source *source = &story->source;
    struct node_id expected = name(story);
    const char *address = addresses[source_below(source, 4)];
    bool is_dialled = source_bool(source);

    if (story->link_count < STORY_LINKS) {
        story->is_up[story->link_count++] = true;
        replica_link_up(story->replica, story->link_count, is_dialled ? &expected : NULL, address,
                        story->now);
    }
}

/* The usual beginning: a link, HELLO, and a heartbeat that names heads. */
static void join(struct story *story)
{
    struct source *source = &story->source;
    struct buffer message = {.limit = 0};
    struct message_hello hello = {.version_min = MESSAGE_VERSION_MIN,
                                  .version_max = MESSAGE_VERSION,
                                  .mesh_id = {{1}},
                                  .node = name(story),
                                  .epoch = 1,
                                  .boot = 1 + source_below(source, 2),
                                  .log_digest = {{3}},
                                  .software = "fuzz"};

    come(story);
    if (message_pack_hello(&message, &hello) == 0) {
        say(story, story->link_count, buffer_slice(&message));
        story_take(story);
    }
    buffer_clear(&message);
    if (pack_heartbeat(story, &message) == 0) {
        say(story, story->link_count, buffer_slice(&message));
    }
    buffer_free(&message);
}

static void go(struct story *story)
{
    uint64_t link = 1 + source_below(&story->source, STORY_LINKS);

    if (link <= story->link_count && story->is_up[link - 1]) {
        story->is_up[link - 1] = false;
        replica_link_down(story->replica, link, story->now);
    }
}

static void fail(struct story *story)
{
    struct node_id id = name(story);

    replica_link_error(story->replica, &id, "10.0.0.9:9000", PROBLEM_PEER_UNREACHABLE,
                       "nobody there", story->now);
}

static void garble(struct story *story)
{
    uint64_t back = source_below(&story->source, 4);

    if (back < story->link_count) {
        say(story, story->link_count - back, source_piece(&story->source, 1024));
    }
}

/* The transport may also hand in what comes over a link that is gone or never was. */
static void ghost(struct story *story)
{
    struct slice piece = source_piece(&story->source, 64);
    uint64_t number = 1000 + source_u8(&story->source);

    replica_message(story->replica, number, piece, story->now);
    replica_link_down(story->replica, number, story->now);
    replica_applied(story->replica, source_u64(&story->source),
                    (enum apply_outcome)source_below(&story->source, 4), story->now);
    replica_read(story->replica, source_u64(&story->source), source_bool(&story->source),
                 (struct slice){NULL, 0}, source_below(&story->source, 4), story->now);
}

static void set_peers(struct story *story)
{
    struct source *source = &story->source;
    struct replica_peer peers[4];
    size_t count = 4 - source_below(source, 5);

    for (size_t i = 0; i < count; i++) {
        peers[i] = (struct replica_peer){.id = name(story), .p2p_port = 9000, .api_port = 8000};
        (void)slice_copy(source_piece(source, 2), peers[i].ip, sizeof peers[i].ip); /* any */
    }
    replica_set_peers(story->replica, peers, count, story->now);
    memset(story->asked, 0, sizeof story->asked); /* who was taken out may be asked anew */
}

/* Answers everything rightly, until the replica wants nothing more for the moment. */
static void serve(struct story *story)
{
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < STORY_PENDING; i++) {
            story_answer(story, &story->pending[i], true);
            story_take(story);
        }
    }
}

static void wait(struct story *story)
{
    static const int64_t steps[] = {0, 1, 10, 49, 200, 500, 1000, 3000, 15000, 61000, 86400000};
    uint8_t what = source_u8(&story->source);
    int64_t due = replica_deadline(story->replica);

    if (what >= 200 && due > story->now.mono_ms && due < story->now.mono_ms + 86400000) {
        story->now.mono_ms = due;
    } else {
        story->now.mono_ms += steps[what % (sizeof steps / sizeof *steps)];
    }
    if (what % 16 == 15) {
        story->now.wall_ms = source_i64(&story->source) / 4;
    }
}

static void answer(struct story *story)
{
    size_t place = source_below(&story->source, STORY_PENDING);

    story_answer(story, &story->pending[place], source_bool(&story->source));
}

static void bye(struct story *story)
{
    if (source_u8(&story->source) > 240) {
        replica_bye(story->replica, "fuzz", story->now);
    }
}

/* What is due is done, and then something later is due. */
static void tick(struct story *story)
{
    for (int i = 0; i < TICKS && replica_deadline(story->replica) <= story->now.mono_ms; i++) {
        replica_tick(story->replica, story->now);
        story_take(story);
    }
    source_require(replica_deadline(story->replica) > story->now.mono_ms);
}

static void step(struct story *story)
{
    typedef void (*step_fn)(struct story * story);
    static const step_fn steps[] = {
        join,  serve, come, hear,   hear,   hear,        hear,
        hear,  hear,  go,   fail,   garble, ghost,       set_peers,
        serve, wait,  wait, answer, answer, story_write, story_set_vector,
        bye};

    steps[source_below(&story->source, sizeof steps / sizeof *steps)](story);
    story_take(story);
    if (source_u8(&story->source) < 200) {
        tick(story);
    }
    story_check_report(story);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct story *story = bytes_allocate(1, sizeof *story);
    struct replica_options options = {.mesh_id = {{1}},
                                      .boot = 77,
                                      .heartbeat_ms = 1000,
                                      .api_port = 8000,
                                      .software = "parkmesh",
                                      .seed = 1};

    truth_make(&story->truth);
    options.node = story->truth.logs[TRUTH_OWN].stream.node;
    story->source = (struct source){data, size};
    story->now = (struct replica_now){.mono_ms = 1000, .wall_ms = 1700000000000};
    story->replica = replica_new(&options);
    set_peers(story);
    if (source_u8(&story->source) < 240) {
        story_set_vector(story); /* else HELLO has to wait for it */
    }
    for (int i = 0; i < STEPS && story->source.left; i++) {
        step(story);
    }
    replica_destroy(&story->replica);
    for (size_t i = 0; i < STORY_PENDING; i++) {
        buffer_free(&story->pending[i].run);
    }
    free(story);
    return 0;
}
