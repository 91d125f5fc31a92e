/*
 * One reader and one packer per message type. A reader gets a row that stands behind [type,
 * version]; it either fills its part of the union or frees what it allocated.
 */
#include "proto/message.h"

#include "proto/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLD "fold:"   /* the capability that tells the version of the fold */
#define FOLD_DIGITS 18 /* of that version, at most */

const char *message_type_name(enum message_type type)
{
    switch (type) {
#define X(name, number)  \
    case MESSAGE_##name: \
        return #name;
        MESSAGE_TYPES(X)
#undef X
    }
    return "UNKNOWN";
}

/* ---- reading ---- */

/* A list of heads, owned by the caller; NULL and a bad row when it is none. */
static struct head *read_heads(struct wire_row *row, size_t max, size_t *count)
{
    const msgpack_object *array = wire_row_array(row, max, count);
    if (row->bad) {
        return NULL;
    }
    struct wire_row elements = wire_row(array);
    struct head *heads = bytes_allocate(*count, sizeof *heads);
    for (size_t i = 0; i < *count; i++) {
        heads[i] = wire_row_head(&elements);
    }
    if (elements.bad) {
        free(heads);
        row->bad = true;
        *count = 0;
        return NULL;
    }
    return heads;
}

/* A time or duration from a peer, small enough to be subtracted and added. */
static int64_t read_ms(struct wire_row *row)
{
    return wire_row_i64(row, -LIMIT_INTEGER, LIMIT_INTEGER);
}

/* A stream to continue after; an empty node and epoch 0 are the start. */
static struct stream read_after(struct wire_row *row)
{
    struct stream after = {.epoch = 0};
    struct slice node = wire_row_str(row, LIMIT_NODE_ID);
    uint64_t epoch = wire_row_u64(row, 0, UINT64_MAX);

    if (node.len && !node_id_parse(node, &after.node)) {
        row->bad = true;
    }
    after.epoch = node.len ? epoch : 0;
    return after;
}

/* The version of the fold among the capabilities; 0 when none says it. */
static uint64_t read_fold(struct wire_row *row)
{
    size_t count = 0;
    const msgpack_object *capabilities = wire_row_array(row, LIMIT_ITEMS, &count);

    for (size_t i = 0; i < count; i++) {
        struct slice text = {NULL, 0};
        if (!wire_get_str(wire_at(capabilities, i), LIMIT_TEXT, &text) ||
            text.len <= strlen(FOLD) || memcmp(text.data, FOLD, strlen(FOLD)) != 0) {
            continue;
        }
        char digits[FOLD_DIGITS + 1];
        text.data += strlen(FOLD);
        text.len -= strlen(FOLD);
        if (text.len < sizeof digits && slice_copy(text, digits, sizeof digits) &&
            strspn(digits, "0123456789") == text.len) {
            return strtoull(digits, NULL, 10); /* digits only, and too few to overflow */
        }
    }
    return 0;
}

static void read_hello(struct message_hello *hello, struct wire_row *row)
{

    hello->version_min = wire_row_u64(row, 1, UINT64_MAX);
    hello->version_max = wire_row_u64(row, hello->version_min, UINT64_MAX);
    hello->mesh_id = wire_row_digest(row);
    hello->node = wire_row_node(row);
    hello->epoch = wire_row_u64(row, 0, UINT64_MAX);
    hello->boot = wire_row_u64(row, 1, UINT64_MAX);
    hello->wall_ms = read_ms(row);
    hello->hlc = wire_row_u64(row, 0, LIMIT_SEQ);
    hello->log_digest = wire_row_digest(row);
    hello->state_digest = wire_row_digest(row);
    hello->fold = read_fold(row);
    wire_row_text(row, hello->software, sizeof hello->software);
    hello->api_port = wire_row_u64(row, 0, UINT16_MAX);
}

static void read_reject(struct message_reject *reject, struct wire_row *row)
{
    wire_row_text(row, reject->code, sizeof reject->code);
    wire_row_text(row, reject->text, sizeof reject->text);
    reject->retry_ms = wire_row_u64(row, 0, (uint64_t)LIMIT_INTEGER);
}

static void read_heartbeat(struct message_heartbeat *heartbeat, struct wire_row *row)
{
    heartbeat->wall_ms = read_ms(row);
    heartbeat->hlc = wire_row_u64(row, 0, LIMIT_SEQ);
    heartbeat->log_digest = wire_row_digest(row);
    heartbeat->state_digest = wire_row_digest(row);
    heartbeat->events = wire_row_u64(row, 0, LIMIT_SEQ);
    heartbeat->sent_ms = read_ms(row);
    heartbeat->echo_ms = read_ms(row);
    heartbeat->hold_ms = read_ms(row);
    heartbeat->heads = read_heads(row, LIMIT_HEADS_CHANGED, &heartbeat->count);
    if (row->bad || row->next >= wire_count(row->array)) {
        return; /* an older central knows no notices */
    }
    size_t words = 0;
    struct wire_row notice = wire_row(wire_row_array(row, LIMIT_ITEMS, &words));
    if (!row->bad && words) {
        wire_row_text(&notice, heartbeat->notice.code, sizeof heartbeat->notice.code);
        wire_row_text(&notice, heartbeat->notice.text, sizeof heartbeat->notice.text);
        row->bad = notice.bad;
    }
    if (row->bad) {
        free(heartbeat->heads);
    }
}

static void read_vector_request(struct message_vector_request *request, struct wire_row *row)
{
    const msgpack_object *array = wire_row_array(row, LIMIT_VECTOR_PAGE, &request->count);
    struct wire_row names = wire_row(array);

    request->after = read_after(row);
    if (row->bad) {
        return;
    }
    request->nodes = bytes_allocate(request->count, sizeof *request->nodes);
    for (size_t i = 0; i < request->count; i++) {
        request->nodes[i] = wire_row_node(&names);
    }
    if (names.bad) {
        free(request->nodes);
        row->bad = true;
    }
}

static struct node_digest *read_digests(struct wire_row *row, size_t *count)
{
    const msgpack_object *array = wire_row_array(row, LIMIT_VECTOR_PAGE, count);
    if (row->bad) {
        return NULL;
    }
    struct node_digest *digests = bytes_allocate(*count, sizeof *digests);
    for (size_t i = 0; i < *count && !row->bad; i++) {
        struct wire_row pair = wire_row(wire_at(array, i));
        digests[i].node = wire_row_node(&pair);
        digests[i].digest = wire_row_digest(&pair);
        row->bad = pair.bad;
    }
    if (row->bad) {
        free(digests);
        return NULL;
    }
    return digests;
}

static void read_vector(struct message_vector *vector, struct wire_row *row)
{
    vector->is_heads = wire_row_u64(row, 0, 1) == 1;
    if (vector->is_heads) {
        vector->heads = read_heads(row, LIMIT_VECTOR_PAGE, &vector->count);
    } else {
        vector->digests = read_digests(row, &vector->count);
    }
    vector->more = wire_row_bool(row);
    if (row->bad) {
        free(vector->heads);
        free(vector->digests);
    }
}

static void read_sync_request(struct message_sync_request *request, struct wire_row *row)
{
    request->request = wire_row_u64(row, 0, UINT64_MAX);
    const msgpack_object *array = wire_row_array(row, LIMIT_SYNC_WANTS, &request->count);
    request->max_bytes = wire_row_u64(row, 1, UINT64_MAX);
    if (row->bad || request->count == 0) {
        row->bad = true;
        return;
    }
    request->wants = bytes_allocate(request->count, sizeof *request->wants);
    for (size_t i = 0; i < request->count && !row->bad; i++) {
        struct wire_row want = wire_row(wire_at(array, i));
        request->wants[i].stream.node = wire_row_node(&want);
        request->wants[i].stream.epoch = wire_row_u64(&want, 1, UINT64_MAX);
        request->wants[i].from = wire_row_u64(&want, 1, LIMIT_SEQ);
        row->bad = want.bad;
    }
    if (row->bad) {
        free(request->wants);
    }
}

static void free_runs(struct run *runs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run_free(&runs[i]);
    }
    free(runs);
}

static void read_sync_response(struct message_sync_response *response, struct wire_row *row)
{
    size_t events = 0;

    response->request = wire_row_u64(row, 0, UINT64_MAX);
    const msgpack_object *array = wire_row_array(row, LIMIT_SYNC_WANTS, &response->count);
    response->more = wire_row_bool(row);
    if (row->bad) {
        return;
    }
    response->runs = bytes_allocate(response->count, sizeof *response->runs);
    for (size_t i = 0; i < response->count && !row->bad; i++) {
        row->bad = run_read(&response->runs[i], wire_at(array, i)) != 0;
        events += response->runs[i].count;
        row->bad = row->bad || events > LIMIT_RUN_EVENTS;
    }
    if (row->bad) {
        free_runs(response->runs, response->count);
    }
}

static void read_by_type(struct message *message, struct wire_row *row)
{
    switch (message->type) {
    case MESSAGE_HELLO:
        read_hello(&message->as.hello, row);
        break;
    case MESSAGE_REJECT:
        read_reject(&message->as.reject, row);
        break;
    case MESSAGE_HEARTBEAT:
        read_heartbeat(&message->as.heartbeat, row);
        break;
    case MESSAGE_EVENT:
        row->bad = run_read(&message->as.event, wire_row_any(row)) != 0;
        break;
    case MESSAGE_VECTOR_REQUEST:
        read_vector_request(&message->as.vector_request, row);
        break;
    case MESSAGE_VECTOR:
        read_vector(&message->as.vector, row);
        break;
    case MESSAGE_SYNC_REQUEST:
        read_sync_request(&message->as.sync_request, row);
        break;
    case MESSAGE_SYNC_RESPONSE:
        read_sync_response(&message->as.sync_response, row);
        break;
    case MESSAGE_ACK:
        message->as.ack.heads = read_heads(row, LIMIT_VECTOR_PAGE, &message->as.ack.count);
        break;
    case MESSAGE_BYE:
        wire_row_text(row, message->as.bye.reason, sizeof message->as.bye.reason);
        break;
    }
}

static bool is_known(uint64_t type)
{
#define X(name, number)   \
    if (type == number) { \
        return true;      \
    }
    MESSAGE_TYPES(X)
#undef X
    return false;
}

int message_unpack(struct message *message, struct slice bytes)
{
    *message = (struct message){.version = 0};
    if (bytes.len > LIMIT_MESSAGE_BYTES || wire_open(&message->wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&message->wire.root);
    uint64_t type = wire_row_u64(&row, MESSAGE_HELLO, UINT32_MAX);
    message->version = wire_row_u64(&row, MESSAGE_VERSION_MIN, UINT64_MAX);
    message->type = (enum message_type)type;
    bool is_newer = !row.bad && !is_known(type);
    if (!row.bad && !is_newer) {
        read_by_type(message, &row);
    }
    if (row.bad || is_newer) {
        wire_close(&message->wire);
        return is_newer ? 1 : -1;
    }
    return 0;
}

void message_free(struct message *message)
{
    switch (message->type) {
    case MESSAGE_HEARTBEAT:
        free(message->as.heartbeat.heads);
        break;
    case MESSAGE_EVENT:
        run_free(&message->as.event);
        break;
    case MESSAGE_VECTOR_REQUEST:
        free(message->as.vector_request.nodes);
        break;
    case MESSAGE_VECTOR:
        free(message->as.vector.digests);
        free(message->as.vector.heads);
        break;
    case MESSAGE_SYNC_REQUEST:
        free(message->as.sync_request.wants);
        break;
    case MESSAGE_SYNC_RESPONSE:
        free_runs(message->as.sync_response.runs, message->as.sync_response.count);
        break;
    case MESSAGE_ACK:
        free(message->as.ack.heads);
        break;
    case MESSAGE_HELLO:
    case MESSAGE_REJECT:
    case MESSAGE_BYE:
        break;
    }
    wire_close(&message->wire);
}

/* ---- packing ---- */

/* A message under way: its packer, and where it starts, for taking it back. */
struct packing {
    msgpack_packer packer;
    struct buffer *out;
    size_t before;
};

static struct packing start(struct buffer *out, enum message_type type, size_t fields)
{
    struct packing packing = {.out = out, .before = out->len};

    wire_packer(&packing.packer, out);
    msgpack_pack_array(&packing.packer, 2 + fields);
    msgpack_pack_uint32(&packing.packer, (uint32_t)type);
    msgpack_pack_uint32(&packing.packer, MESSAGE_VERSION);
    return packing;
}

static int finish(struct packing *packing)
{
    if (packing->out->full || packing->out->len - packing->before > LIMIT_MESSAGE_BYTES) {
        packing->out->len = packing->before;
        return -1;
    }
    return 0;
}

static void put_heads(msgpack_packer *packer, const struct head *heads, size_t count)
{
    msgpack_pack_array(packer, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_head(packer, &heads[i]);
    }
}

static void put_bool(msgpack_packer *packer, bool value)
{
    if (value) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

int message_pack_hello(struct buffer *out, const struct message_hello *hello)
{
    struct packing packing = start(out, MESSAGE_HELLO, 13);
    msgpack_packer *packer = &packing.packer;

    msgpack_pack_uint64(packer, hello->version_min);
    msgpack_pack_uint64(packer, hello->version_max);
    wire_put_digest(packer, &hello->mesh_id);
    wire_put_text(packer, hello->node.text);
    msgpack_pack_uint64(packer, hello->epoch);
    msgpack_pack_uint64(packer, hello->boot);
    msgpack_pack_int64(packer, hello->wall_ms);
    msgpack_pack_uint64(packer, hello->hlc);
    wire_put_digest(packer, &hello->log_digest);
    wire_put_digest(packer, &hello->state_digest);
    msgpack_pack_array(packer, hello->fold ? 1 : 0); /* capabilities */
    if (hello->fold) {
        char capability[sizeof FOLD + 20]; /* of an uint64_t */
        (void)snprintf(capability, sizeof capability, FOLD "%" PRIu64, hello->fold);
        wire_put_text(packer, capability);
    }
    wire_put_text(packer, hello->software);
    msgpack_pack_uint64(packer, hello->api_port);
    return finish(&packing);
}

int message_pack_reject(struct buffer *out, const struct message_reject *reject)
{
    struct packing packing = start(out, MESSAGE_REJECT, 3);

    wire_put_text(&packing.packer, reject->code);
    wire_put_text(&packing.packer, reject->text);
    msgpack_pack_uint64(&packing.packer, reject->retry_ms);
    return finish(&packing);
}

int message_pack_heartbeat(struct buffer *out, const struct message_heartbeat *heartbeat)
{
    if (heartbeat->count > LIMIT_HEADS_CHANGED) {
        return -1;
    }
    struct packing packing = start(out, MESSAGE_HEARTBEAT, 10);
    msgpack_packer *packer = &packing.packer;

    msgpack_pack_int64(packer, heartbeat->wall_ms);
    msgpack_pack_uint64(packer, heartbeat->hlc);
    wire_put_digest(packer, &heartbeat->log_digest);
    wire_put_digest(packer, &heartbeat->state_digest);
    msgpack_pack_uint64(packer, heartbeat->events);
    msgpack_pack_int64(packer, heartbeat->sent_ms);
    msgpack_pack_int64(packer, heartbeat->echo_ms);
    msgpack_pack_int64(packer, heartbeat->hold_ms);
    put_heads(packer, heartbeat->heads, heartbeat->count);
    bool has_notice = heartbeat->notice.code[0] != '\0';
    msgpack_pack_array(packer, has_notice ? 2 : 0);
    if (has_notice) {
        wire_put_text(packer, heartbeat->notice.code);
        wire_put_text(packer, heartbeat->notice.text);
    }
    return finish(&packing);
}

int message_pack_event(struct buffer *out, struct slice packed_run)
{
    struct packing packing = start(out, MESSAGE_EVENT, 1);

    (void)buffer_append(out, packed_run.data, packed_run.len); /* finish() sees a failure */
    return finish(&packing);
}

int message_pack_vector_request(struct buffer *out, const struct message_vector_request *request)
{
    if (request->count > LIMIT_VECTOR_PAGE) {
        return -1;
    }
    struct packing packing = start(out, MESSAGE_VECTOR_REQUEST, 3);

    msgpack_pack_array(&packing.packer, request->count);
    for (size_t i = 0; i < request->count; i++) {
        wire_put_text(&packing.packer, request->nodes[i].text);
    }
    wire_put_text(&packing.packer, request->after.node.text);
    msgpack_pack_uint64(&packing.packer, request->after.epoch);
    return finish(&packing);
}

int message_pack_vector(struct buffer *out, const struct message_vector *vector)
{
    if (vector->count > LIMIT_VECTOR_PAGE) {
        return -1;
    }
    struct packing packing = start(out, MESSAGE_VECTOR, 3);
    msgpack_packer *packer = &packing.packer;

    msgpack_pack_uint32(packer, vector->is_heads ? 1 : 0);
    if (vector->is_heads) {
        put_heads(packer, vector->heads, vector->count);
    } else {
        msgpack_pack_array(packer, vector->count);
        for (size_t i = 0; i < vector->count; i++) {
            msgpack_pack_array(packer, 2);
            wire_put_text(packer, vector->digests[i].node.text);
            wire_put_digest(packer, &vector->digests[i].digest);
        }
    }
    put_bool(packer, vector->more);
    return finish(&packing);
}

int message_pack_sync_request(struct buffer *out, const struct message_sync_request *request)
{
    if (request->count == 0 || request->count > LIMIT_SYNC_WANTS) {
        return -1;
    }
    struct packing packing = start(out, MESSAGE_SYNC_REQUEST, 3);
    msgpack_packer *packer = &packing.packer;

    msgpack_pack_uint64(packer, request->request);
    msgpack_pack_array(packer, request->count);
    for (size_t i = 0; i < request->count; i++) {
        msgpack_pack_array(packer, 3);
        wire_put_text(packer, request->wants[i].stream.node.text);
        msgpack_pack_uint64(packer, request->wants[i].stream.epoch);
        msgpack_pack_uint64(packer, request->wants[i].from);
    }
    msgpack_pack_uint64(packer, request->max_bytes);
    return finish(&packing);
}

int message_pack_sync_response(struct buffer *out, uint64_t request, struct slice runs,
                               size_t count, bool more)
{
    if (count > LIMIT_SYNC_WANTS) {
        return -1;
    }
    struct packing packing = start(out, MESSAGE_SYNC_RESPONSE, 3);

    msgpack_pack_uint64(&packing.packer, request);
    msgpack_pack_array(&packing.packer, count);
    (void)buffer_append(out, runs.data, runs.len); /* finish() sees a failure */
    put_bool(&packing.packer, more);
    return finish(&packing);
}

int message_pack_ack(struct buffer *out, const struct head *heads, size_t count)
{
    if (count > LIMIT_VECTOR_PAGE) {
        return -1;
    }
    struct packing packing = start(out, MESSAGE_ACK, 1);

    put_heads(&packing.packer, heads, count);
    return finish(&packing);
}

int message_pack_bye(struct buffer *out, const char *reason)
{
    struct packing packing = start(out, MESSAGE_BYE, 1);

    wire_put_text(&packing.packer, reason);
    return finish(&packing);
}
