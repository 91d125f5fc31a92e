/*
 * Foreign messages between centrals. What can be read can be packed again, and the packed form of
 * that is stable.
 */
#include "proto/message.h"

#include "tests/fuzz/support_source.h"

static void pack_run(struct buffer *out, const struct run *run)
{
    struct buffer items = {0};

    for (size_t i = 0; i < run->count; i++) {
        const struct run_item *item = &run->items[i];
        source_require(run_put_item(&items, item->header, item->body, &item->body_hash) == 0);
    }
    source_require(run_pack(out, &run->stream, run->from, &run->chain_before, &run->chain_after,
                            &items, run->count) == 0);
    buffer_free(&items);
}

static int pack_runs(struct buffer *out, const struct message *message)
{
    struct buffer runs = {0};
    int result = -1;

    if (message->type == MESSAGE_EVENT) {
        pack_run(&runs, &message->as.event);
        result = message_pack_event(out, buffer_slice(&runs));
    } else {
        const struct message_sync_response *response = &message->as.sync_response;
        for (size_t i = 0; i < response->count; i++) {
            pack_run(&runs, &response->runs[i]);
        }
        result = message_pack_sync_response(out, response->request, buffer_slice(&runs),
                                            response->count, response->more);
    }
    buffer_free(&runs);
    return result;
}

static int pack(struct buffer *out, const struct message *message)
{
    switch (message->type) {
    case MESSAGE_HELLO:
        return message_pack_hello(out, &message->as.hello);
    case MESSAGE_REJECT:
        return message_pack_reject(out, &message->as.reject);
    case MESSAGE_HEARTBEAT:
        return message_pack_heartbeat(out, &message->as.heartbeat);
    case MESSAGE_EVENT:
    case MESSAGE_SYNC_RESPONSE:
        return pack_runs(out, message);
    case MESSAGE_VECTOR_REQUEST:
        return message_pack_vector_request(out, &message->as.vector_request);
    case MESSAGE_VECTOR:
        return message_pack_vector(out, &message->as.vector);
    case MESSAGE_SYNC_REQUEST:
        return message_pack_sync_request(out, &message->as.sync_request);
    case MESSAGE_ACK:
        return message_pack_ack(out, message->as.ack.heads, message->as.ack.count);
    case MESSAGE_BYE:
        return message_pack_bye(out, message->as.bye.reason);
    }
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message, again;
    struct buffer first = {0}, second = {0};

    if (message_unpack(&message, (struct slice){(const char *)data, size})) {
        return 0;
    }
    source_require(pack(&first, &message) == 0);
    source_require(message_unpack(&again, buffer_slice(&first)) == 0);
    source_require(again.type == message.type);
    source_require(pack(&second, &again) == 0);
    source_require(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    message_free(&again);
    message_free(&message);
    buffer_free(&first);
    buffer_free(&second);
    return 0;
}
