#include "proto/message.h"

#include "tests/proto/support_run.h"
#include "tests/proto/support_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct head HEADS[] = {
    {{{"a"}, 1}, 5, {{1}}}, {{{"a"}, 2}, LIMIT_SEQ, {{2}}}, {{{"b"}, UINT64_MAX}, 0, {{0}}}};
static struct node_id NODES[] = {{"a"}, {"central-2"}};
static struct node_digest DIGESTS[] = {{{"a"}, {{1}}}, {{"b"}, {{2}}}};
static struct sync_want WANTS[] = {{{{"a"}, 1}, 1}, {{{"b"}, UINT64_MAX}, LIMIT_SEQ}};

static struct message_hello hello(void)
{
    return (struct message_hello){.version_min = 1,
                                  .version_max = 3,
                                  .mesh_id = {{1}},
                                  .node = {"central-1"},
                                  .epoch = 0,
                                  .boot = UINT64_MAX,
                                  .wall_ms = -1,
                                  .hlc = 7,
                                  .log_digest = {{2}},
                                  .state_digest = {{3}},
                                  .fold = 12,
                                  .software = "parkmesh 0.1",
                                  .api_port = 65535};
}

static struct message_heartbeat heartbeat(void)
{
    return (struct message_heartbeat){.wall_ms = 1,
                                      .hlc = 2,
                                      .log_digest = {{3}},
                                      .state_digest = {{4}},
                                      .events = 5,
                                      .sent_ms = 6,
                                      .echo_ms = 7,
                                      .hold_ms = 8,
                                      .heads = HEADS,
                                      .count = 3,
                                      .notice = {"DUPLICATE_ID", "hai central"}};
}

/* A message of each type; `variant` makes the two kinds of VECTOR. */
static void pack_example(struct buffer *out, enum message_type type, int variant)
{
    const struct stream stream = {{"central-1"}, 77};
    struct buffer runs = {0};
    struct message_hello a_hello = hello();
    struct message_heartbeat a_heartbeat = heartbeat();
    struct message_reject reject = {"MESH_MISMATCH", "sai mật khẩu", 30000};
    struct message_vector_request request = {NODES, 2, {{"a"}, 4}};
    struct message_vector vector = {variant == 1, DIGESTS, HEADS, 2, true};
    struct message_sync_request sync = {9, WANTS, 2, 1000};
    int result = -1;

    switch (type) {
    case MESSAGE_HELLO:
        result = message_pack_hello(out, &a_hello);
        break;
    case MESSAGE_REJECT:
        result = message_pack_reject(out, &reject);
        break;
    case MESSAGE_HEARTBEAT:
        result = message_pack_heartbeat(out, &a_heartbeat);
        break;
    case MESSAGE_EVENT:
        support_run(&runs, &stream, 4, 1);
        result = message_pack_event(out, buffer_slice(&runs));
        break;
    case MESSAGE_VECTOR_REQUEST:
        result = message_pack_vector_request(out, &request);
        break;
    case MESSAGE_VECTOR:
        result = message_pack_vector(out, &vector);
        break;
    case MESSAGE_SYNC_REQUEST:
        result = message_pack_sync_request(out, &sync);
        break;
    case MESSAGE_SYNC_RESPONSE:
        support_run(&runs, &stream, 4, 3);
        support_run(&runs, &stream, 1, 2);
        result = message_pack_sync_response(out, 9, buffer_slice(&runs), 2, true);
        break;
    case MESSAGE_ACK:
        result = message_pack_ack(out, HEADS, 3);
        break;
    case MESSAGE_BYE:
        result = message_pack_bye(out, "stopping");
        break;
    }
    ck_assert_int_eq(result, 0);
    buffer_free(&runs);
}

static void open_example(struct message *message, struct buffer *buffer, enum message_type type,
                         int variant)
{
    pack_example(buffer, type, variant);
    ck_assert_int_eq(message_unpack(message, buffer_slice(buffer)), 0);
    ck_assert_int_eq(message->type, type);
    ck_assert_uint_eq(message->version, MESSAGE_VERSION);
}

static void check_heads(const struct head *heads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(stream_compare(&heads[i].stream, &HEADS[i].stream), 0);
        ck_assert_uint_eq(heads[i].seq, HEADS[i].seq);
        ck_assert(digest_equal(&heads[i].chain, &HEADS[i].chain));
    }
}

START_TEST(hello_comes_back)
{
    struct buffer buffer = {0};
    struct message message;
    struct message_hello sent = hello();
    open_example(&message, &buffer, MESSAGE_HELLO, 0);
    const struct message_hello *got = &message.as.hello;
    ck_assert(got->version_min == 1 && got->version_max == 3 && got->epoch == 0);
    ck_assert(got->boot == UINT64_MAX && got->wall_ms == -1 && got->hlc == 7);
    ck_assert(digest_equal(&got->mesh_id, &sent.mesh_id));
    ck_assert(digest_equal(&got->log_digest, &sent.log_digest));
    ck_assert(digest_equal(&got->state_digest, &sent.state_digest));
    ck_assert_str_eq(got->node.text, "central-1");
    ck_assert_uint_eq(got->fold, 12);
    ck_assert_str_eq(got->software, "parkmesh 0.1");
    ck_assert_uint_eq(got->api_port, 65535);
    message_free(&message);
    buffer_free(&buffer);
}
END_TEST

START_TEST(reject_and_bye_come_back)
{
    struct buffer buffer = {0}, bye = {0};
    struct message message;
    open_example(&message, &buffer, MESSAGE_REJECT, 0);
    ck_assert_str_eq(message.as.reject.code, "MESH_MISMATCH");
    ck_assert_str_eq(message.as.reject.text, "sai mật khẩu");
    ck_assert_uint_eq(message.as.reject.retry_ms, 30000);
    message_free(&message);
    open_example(&message, &bye, MESSAGE_BYE, 0);
    ck_assert_str_eq(message.as.bye.reason, "stopping");
    message_free(&message);
    buffer_free(&bye);
    buffer_free(&buffer);
}
END_TEST

START_TEST(heartbeat_and_ack_come_back)
{
    struct buffer buffer = {0}, ack = {0};
    struct message message;
    open_example(&message, &buffer, MESSAGE_HEARTBEAT, 0);
    const struct message_heartbeat *got = &message.as.heartbeat;
    ck_assert(got->wall_ms == 1 && got->hlc == 2 && got->events == 5);
    ck_assert(got->sent_ms == 6 && got->echo_ms == 7 && got->hold_ms == 8 && got->count == 3);
    ck_assert(got->log_digest.bytes[0] == 3 && got->state_digest.bytes[0] == 4);
    check_heads(got->heads, 3);
    ck_assert_str_eq(got->notice.code, "DUPLICATE_ID");
    ck_assert_str_eq(got->notice.text, "hai central");
    message_free(&message);
    open_example(&message, &ack, MESSAGE_ACK, 0);
    ck_assert_uint_eq(message.as.ack.count, 3);
    check_heads(message.as.ack.heads, 3);
    message_free(&message);
    buffer_free(&ack);
    buffer_free(&buffer);
}
END_TEST

/* What an older central sends: nothing behind the heads. What a newer one may send there. */
START_TEST(notices_are_optional)
{
    static const struct {
        struct slice tail;
        int result;
        const char *code;
    } rows[] = {
        {SUITE_LITERAL(""), 0, ""},
        {SUITE_LITERAL("\x90"), 0, ""},
        {SUITE_LITERAL("\x92\xa1"
                       "A\xa1"
                       "B"),
         0, "A"},
        {SUITE_LITERAL("\x93\xa1"
                       "A\xa1"
                       "B\x07"),
         0, "A"},
        {SUITE_LITERAL("\x91\xa1"
                       "A"),
         -1, NULL},
        {SUITE_LITERAL("\x92\x01\x02"), -1, NULL},
        {SUITE_LITERAL("\x05"), -1, NULL},
    };
    struct message_heartbeat plain = heartbeat();
    plain.notice.code[0] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer buffer = {0};
        struct message message;
        ck_assert_int_eq(message_pack_heartbeat(&buffer, &plain), 0);
        buffer.len--; /* the empty notice */
        buffer.data[0] = (char)((unsigned char)buffer.data[0] - (rows[i].tail.len == 0));
        ck_assert_int_eq(buffer_append(&buffer, rows[i].tail.data, rows[i].tail.len), 0);
        int result = message_unpack(&message, buffer_slice(&buffer));
        ck_assert_msg(result == rows[i].result, "row %zu", i);
        if (result == 0) {
            ck_assert_str_eq(message.as.heartbeat.notice.code, rows[i].code);
            ck_assert_uint_eq(message.as.heartbeat.count, 3);
            message_free(&message);
        }
        buffer_free(&buffer);
    }
}
END_TEST

START_TEST(unknown_capabilities_are_ignored)
{
    static const struct {
        struct slice list;
        uint64_t fold;
    } rows[] = {
        {SUITE_LITERAL("\x90"), 0},
        {SUITE_LITERAL("\x93\x05\xa3zip\xa6"
                       "fold:7"),
         7},
        {SUITE_LITERAL("\x92\xc0\xa5"
                       "fold:"),
         0},
        {SUITE_LITERAL("\x91\xa7"
                       "fold:-1"),
         0},
        {SUITE_LITERAL("\x91\xa7"
                       "fold:1x"),
         0},
        {SUITE_LITERAL("\x91\xb9"
                       "fold:99999999999999999999"),
         0},
        {SUITE_LITERAL("\x92\x92\x01\x02\x81\xa1x\x01"), 0},
    };
    struct message_hello plain = hello();
    struct buffer tail = {0};
    plain.fold = 0;
    ck_assert_int_eq(buffer_append(&tail,
                                   "\xac"
                                   "parkmesh 0.1\xcd\xff\xff",
                                   16),
                     0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer buffer = {0};
        struct message message;
        ck_assert_int_eq(message_pack_hello(&buffer, &plain), 0);
        size_t before = buffer.len - tail.len - 1;
        ck_assert_int_eq(memcmp(buffer.data + before + 1, tail.data, tail.len), 0);
        buffer.len = before;
        ck_assert_int_eq(buffer_append(&buffer, rows[i].list.data, rows[i].list.len), 0);
        ck_assert_int_eq(buffer_append(&buffer, tail.data, tail.len), 0);
        ck_assert_msg(message_unpack(&message, buffer_slice(&buffer)) == 0, "row %zu", i);
        ck_assert_msg(message.as.hello.fold == rows[i].fold, "row %zu", i);
        ck_assert_uint_eq(message.as.hello.api_port, 65535);
        message_free(&message);
        buffer_free(&buffer);
    }
    buffer_free(&tail);
}
END_TEST

START_TEST(event_comes_back)
{
    struct buffer buffer = {0};
    struct message message;
    open_example(&message, &buffer, MESSAGE_EVENT, 0);
    ck_assert(message.as.event.from == 4 && message.as.event.count == 1);
    message_free(&message);
    buffer_free(&buffer);
}
END_TEST

START_TEST(vectors_come_back)
{
    struct buffer buffer = {0};
    struct message message;
    open_example(&message, &buffer, MESSAGE_VECTOR_REQUEST, 0);
    ck_assert_uint_eq(message.as.vector_request.count, 2);
    ck_assert_str_eq(message.as.vector_request.nodes[1].text, "central-2");
    ck_assert_str_eq(message.as.vector_request.after.node.text, "a");
    ck_assert_uint_eq(message.as.vector_request.after.epoch, 4);
    message_free(&message);

    buffer_clear(&buffer);
    open_example(&message, &buffer, MESSAGE_VECTOR, 0);
    ck_assert(!message.as.vector.is_heads && message.as.vector.more);
    ck_assert_uint_eq(message.as.vector.count, 2);
    ck_assert_str_eq(message.as.vector.digests[1].node.text, "b");
    ck_assert(digest_equal(&message.as.vector.digests[1].digest, &DIGESTS[1].digest));
    message_free(&message);

    buffer_clear(&buffer);
    open_example(&message, &buffer, MESSAGE_VECTOR, 1);
    ck_assert(message.as.vector.is_heads && message.as.vector.count == 2);
    check_heads(message.as.vector.heads, 2);
    message_free(&message);

    /* Nobody is named, from the start. */
    buffer_clear(&buffer);
    struct message_vector_request all = {.count = 0};
    ck_assert_int_eq(message_pack_vector_request(&buffer, &all), 0);
    ck_assert_int_eq(message_unpack(&message, buffer_slice(&buffer)), 0);
    ck_assert(message.as.vector_request.count == 0);
    ck_assert_str_eq(message.as.vector_request.after.node.text, "");
    message_free(&message);
    buffer_free(&buffer);
}
END_TEST

START_TEST(sync_comes_back)
{
    struct buffer buffer = {0};
    struct message message;
    open_example(&message, &buffer, MESSAGE_SYNC_REQUEST, 0);
    const struct message_sync_request *request = &message.as.sync_request;
    ck_assert(request->request == 9 && request->count == 2 && request->max_bytes == 1000);
    ck_assert_uint_eq(request->wants[1].stream.epoch, UINT64_MAX);
    ck_assert_uint_eq(request->wants[1].from, LIMIT_SEQ);
    message_free(&message);

    buffer_clear(&buffer);
    open_example(&message, &buffer, MESSAGE_SYNC_RESPONSE, 0);
    const struct message_sync_response *response = &message.as.sync_response;
    ck_assert(response->request == 9 && response->count == 2 && response->more);
    ck_assert(response->runs[0].from == 4 && response->runs[0].count == 3);
    ck_assert(response->runs[1].from == 1 && response->runs[1].count == 2);
    message_free(&message);

    buffer_clear(&buffer);
    ck_assert_int_eq(message_pack_sync_response(&buffer, 1, slice_text(""), 0, false), 0);
    ck_assert_int_eq(message_unpack(&message, buffer_slice(&buffer)), 0);
    ck_assert_uint_eq(message.as.sync_response.count, 0);
    message_free(&message);
    buffer_free(&buffer);
}
END_TEST

/* Every message with another element at its end, as a newer central would send it. */
START_TEST(trailing_fields_are_ignored)
{
    for (int type = MESSAGE_HELLO; type <= MESSAGE_BYE; type++) {
        struct buffer buffer = {0};
        struct message message;
        pack_example(&buffer, (enum message_type)type, 0);
        ck_assert_int_eq((unsigned char)buffer.data[0] & 0xF0, 0x90);
        if ((unsigned char)buffer.data[0] == 0x9F) {
            /* HELLO fills the short form of an array: write the long one. */
            struct buffer longer = {0};
            ck_assert_int_eq(buffer_append(&longer, "\xdc\x00\x10", 3), 0);
            ck_assert_int_eq(buffer_append(&longer, buffer.data + 1, buffer.len - 1), 0);
            buffer_free(&buffer);
            buffer = longer;
        } else {
            buffer.data[0]++;
        }
        ck_assert_int_eq(buffer_append(&buffer, "\xa3new", 4), 0);
        ck_assert_msg(message_unpack(&message, buffer_slice(&buffer)) == 0, "type %d", type);
        message_free(&message);
        buffer_free(&buffer);
    }
}
END_TEST

START_TEST(other_types_and_versions)
{
    static const struct {
        struct slice bytes;
        int result;
    } rows[] = {
        {SUITE_LITERAL("\x93\x0a\x01\xa1x"), 0},
        {SUITE_LITERAL("\x93\x0a\x63\xa1x"), 0}, /* a newer version adds at the end */
        {SUITE_LITERAL("\x93\x0a\x01\xc0"), 0},
        {SUITE_LITERAL("\x93\x0a\x00\xa1x"), -1},
        {SUITE_LITERAL("\x93\x0b\x01\xa1x"), 1}, /* types of newer versions */
        {SUITE_LITERAL("\x92\xcd\xff\xff\x01"), 1},
        {SUITE_LITERAL("\x93\x0b\x00\xa1x"), -1},
        {SUITE_LITERAL("\x93\xcf\x00\x00\x00\x01\x00\x00\x00\x00\x01\xa1x"), -1},
        {SUITE_LITERAL("\x93\x00\x01\xa1x"), -1},
        {SUITE_LITERAL("\x92\x0a\x01"), -1},
        {SUITE_LITERAL("\x93\x0a\x01\x05"), -1},
        {SUITE_LITERAL("\x91\x0a"), -1},
        {SUITE_LITERAL("\x90"), -1},
        {SUITE_LITERAL("\x81\x0a\x01"), -1},
        {SUITE_LITERAL("GET / HTTP/1.1\r\n\r\n"), -1},
        {SUITE_LITERAL(""), -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message message;
        int result = message_unpack(&message, rows[i].bytes);
        ck_assert_msg(result == rows[i].result, "row %zu", i);
        if (result == 0) {
            message_free(&message);
        }
    }
    struct message message;
    char *large = calloc(1, LIMIT_MESSAGE_BYTES + 1);
    ck_assert_ptr_nonnull(large);
    memcpy(large, "\x93\x0a\x01\xc6\x00\x0f\xff\xf8", 8);
    ck_assert_int_eq(message_unpack(&message, (struct slice){large, LIMIT_MESSAGE_BYTES + 1}), -1);
    free(large);
}
END_TEST

START_TEST(lists_have_limits)
{
    struct buffer buffer = {0};
    struct message message;
    struct head *heads = calloc(LIMIT_VECTOR_PAGE + 1, sizeof *heads);
    ck_assert_ptr_nonnull(heads);
    for (size_t i = 0; i <= LIMIT_VECTOR_PAGE; i++) {
        heads[i] = HEADS[0];
    }
    struct message_vector vector = {.is_heads = true, .heads = heads, .count = LIMIT_VECTOR_PAGE};
    ck_assert_int_eq(message_pack_vector(&buffer, &vector), 0);
    ck_assert_int_eq(message_unpack(&message, buffer_slice(&buffer)), 0);
    message_free(&message);
    buffer_clear(&buffer);
    vector.count++;
    ck_assert_int_eq(message_pack_vector(&buffer, &vector), -1);
    ck_assert_int_eq(message_pack_ack(&buffer, heads, LIMIT_VECTOR_PAGE + 1), -1);

    struct message_heartbeat beat = heartbeat();
    beat.heads = heads;
    beat.count = LIMIT_HEADS_CHANGED + 1;
    ck_assert_int_eq(message_pack_heartbeat(&buffer, &beat), -1);
    struct message_sync_request sync = {1, WANTS, 0, 1};
    ck_assert_int_eq(message_pack_sync_request(&buffer, &sync), -1);
    sync.count = LIMIT_SYNC_WANTS + 1;
    ck_assert_int_eq(message_pack_sync_request(&buffer, &sync), -1);
    ck_assert_uint_eq(buffer.len, 0);

    /* What somebody else packs without our limits. */
    static const struct {
        struct slice start; /* up to the array's length */
        size_t count;
    } rows[] = {
        {SUITE_LITERAL("\x93\x09\x01"), LIMIT_VECTOR_PAGE + 1}, /* ACK */
        {SUITE_LITERAL("\x95\x06\x01\x01"), LIMIT_VECTOR_PAGE + 1},
    };
    for (size_t i = 0; i < 2; i++) {
        msgpack_packer packer;
        buffer_clear(&buffer);
        wire_packer(&packer, &buffer);
        ck_assert_int_eq(buffer_append(&buffer, rows[i].start.data, rows[i].start.len), 0);
        msgpack_pack_array(&packer, rows[i].count);
        for (size_t k = 0; k < rows[i].count; k++) {
            wire_put_head(&packer, &heads[k]);
        }
        if (i == 1) {
            msgpack_pack_true(&packer);
        }
        ck_assert_int_eq(message_unpack(&message, buffer_slice(&buffer)), -1);
    }
    free(heads);
    buffer_free(&buffer);
}
END_TEST

START_TEST(a_response_has_at_most_one_chunk)
{
    const struct stream stream = {{"central-1"}, 77};
    for (size_t extra = 0; extra < 2; extra++) {
        struct buffer runs = {0}, buffer = {0};
        struct message message;
        support_run(&runs, &stream, 1, LIMIT_RUN_EVENTS - 1);
        support_run(&runs, &stream, 1, 1 + extra);
        ck_assert_int_eq(message_pack_sync_response(&buffer, 1, buffer_slice(&runs), 2, false), 0);
        int result = message_unpack(&message, buffer_slice(&buffer));
        ck_assert_int_eq(result, extra ? -1 : 0);
        if (result == 0) {
            message_free(&message);
        }
        buffer_free(&runs);
        buffer_free(&buffer);
    }
}
END_TEST

START_TEST(a_message_that_does_not_fit_leaves_no_trace)
{
    struct buffer small;
    buffer_init(&small, 8);
    ck_assert_int_eq(buffer_append(&small, "abc", 3), 0);
    ck_assert_int_eq(message_pack_bye(&small, "reason"), -1);
    ck_assert_uint_eq(small.len, 3);
    buffer_clear(&small);
    ck_assert_int_eq(message_pack_event(&small, slice_text("longer than that")), -1);
    ck_assert_uint_eq(small.len, 0);
    buffer_free(&small);
}
END_TEST

static void read_hostile(struct slice bytes)
{
    struct message message;
    if (message_unpack(&message, bytes) == 0) {
        ck_assert_str_ne(message_type_name(message.type), "UNKNOWN");
        message_free(&message);
    }
}

START_TEST(hostile_bytes_of_every_type)
{
    for (int type = MESSAGE_HELLO; type <= MESSAGE_BYE; type++) {
        struct buffer buffer = {0};
        struct message message;
        pack_example(&buffer, (enum message_type)type, type % 2);
        for (size_t len = 0; len < buffer.len; len++) {
            struct slice start = {buffer.data, len};
            ck_assert_int_eq(message_unpack(&message, start), -1);
        }
        suite_hostile(buffer_slice(&buffer), 2000, read_hostile);
        buffer_free(&buffer);
    }
}
END_TEST

START_TEST(types_have_names)
{
    ck_assert_str_eq(message_type_name(MESSAGE_SYNC_REQUEST), "SYNC_REQUEST");
    ck_assert_str_eq(message_type_name((enum message_type)99), "UNKNOWN");
}
END_TEST

int main(void)
{
    const TTest *tests[] = {hello_comes_back,
                            reject_and_bye_come_back,
                            heartbeat_and_ack_come_back,
                            notices_are_optional,
                            unknown_capabilities_are_ignored,
                            event_comes_back,
                            vectors_come_back,
                            sync_comes_back,
                            trailing_fields_are_ignored,
                            other_types_and_versions,
                            lists_have_limits,
                            a_response_has_at_most_one_chunk,
                            a_message_that_does_not_fit_leaves_no_trace,
                            hostile_bytes_of_every_type,
                            types_have_names};
    return suite_run("message", tests, sizeof tests / sizeof *tests);
}
