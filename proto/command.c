#include "proto/command.h"

#include "proto/event.h"
#include "proto/wire.h"

#include <math.h>

/* A text of a command; whether it fits an event is the node's to say. */
#define TEXT_BYTES LIMIT_COMMAND_BYTES

void command_init(struct command *command, enum command_kind kind)
{
    *command = (struct command){
        .kind = kind,
        .confidence = (double)NAN,
        .device_ms = EVENT_NONE,
        .location_ms = EVENT_NONE,
        .entry_ms = EVENT_NONE,
        .exit_ms = EVENT_NONE,
        .capacity = EVENT_NONE,
        .exit_confidence = (double)NAN,
        .fee = EVENT_NONE,
        .heard_ms = EVENT_NONE,
    };
}

static void put_bool(msgpack_packer *packer, bool value)
{
    if (value) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

/* 0, or -1 with the buffer as long as `before`. */
static int finish(struct buffer *out, size_t before)
{
    if (out->full) {
        out->len = before;
        return -1;
    }
    return 0;
}

static void put_double(msgpack_packer *packer, double value)
{
    if (isnan(value)) {
        msgpack_pack_nil(packer);
    } else {
        msgpack_pack_double(packer, value);
    }
}

/* What only the peer link needs, as one element: for all others it is a single byte. */
static void put_peer(msgpack_packer *packer, const struct command *command)
{
    if (command->kind != COMMAND_PEER && command->kind != COMMAND_PEER_MARK) {
        msgpack_pack_nil(packer);
        return;
    }
    msgpack_pack_array(packer, 13);
    msgpack_pack_uint32(packer, command->event_kind);
    wire_put_slice_str(packer, command->peer);
    wire_put_slice_str(packer, command->source_central);
    wire_put_slice_str(packer, command->exit_camera_id);
    wire_put_slice_str(packer, command->exit_camera_name);
    wire_put_slice_str(packer, command->exit_source);
    put_double(packer, command->exit_confidence);
    msgpack_pack_int64(packer, command->fee);
    put_bool(packer, command->is_out);
    put_bool(packer, command->is_anomaly);
    msgpack_pack_uint64(packer, command->told.feed);
    msgpack_pack_uint64(packer, command->told.lsn);
    msgpack_pack_int64(packer, command->heard_ms);
}

int command_pack(const struct command *command, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 30);
    msgpack_pack_uint32(&packer, (uint32_t)command->kind);
    msgpack_pack_uint32(&packer, (uint32_t)command->gate);
    wire_put_slice_str(&packer, command->camera_id);
    wire_put_slice_str(&packer, command->camera_name);
    wire_put_slice_str(&packer, command->camera_type);
    wire_put_slice_str(&packer, command->source);
    wire_put_slice_str(&packer, command->edge_id);
    wire_put_slice_str(&packer, command->sent_id);
    wire_put_slice_str(&packer, command->plate_text);
    put_double(&packer, command->confidence);
    msgpack_pack_int64(&packer, command->device_ms);
    msgpack_pack_int64(&packer, command->clock_ms);
    wire_put_slice_str(&packer, command->location);
    msgpack_pack_int64(&packer, command->location_ms);
    msgpack_pack_int64(&packer, command->history_id);
    wire_put_slice_str(&packer, command->visit);
    wire_put_slice_str(&packer, command->plate_view);
    msgpack_pack_int64(&packer, command->entry_ms);
    msgpack_pack_int64(&packer, command->exit_ms);
    wire_put_slice_str(&packer, command->author);
    wire_put_slice_str(&packer, command->reason);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_int64(&packer, command->tariff.free_s);
    msgpack_pack_int64(&packer, command->tariff.per_hour);
    wire_put_slice_str(&packer, command->json);
    wire_put_slice_str(&packer, command->if_match);
    msgpack_pack_int64(&packer, command->capacity);
    put_bool(&packer, command->remove);
    wire_put_slice_str(&packer, command->retry_key);
    wire_put_slice_bin(&packer, command->header);
    wire_put_slice_bin(&packer, command->body);
    put_peer(&packer, command);
    return finish(out, before);
}

static struct tariff row_tariff(struct wire_row *row)
{
    struct wire_row inner = wire_row(wire_row_any(row));
    struct tariff tariff = {.free_s = 0};

    tariff.free_s = wire_row_i64(&inner, INT64_MIN, INT64_MAX);
    tariff.per_hour = wire_row_i64(&inner, INT64_MIN, INT64_MAX);
    row->bad = inner.bad;
    return tariff;
}

static void row_peer(struct wire_row *row, struct command *command)
{
    if (command->kind != COMMAND_PEER && command->kind != COMMAND_PEER_MARK) {
        (void)wire_row_any(row); /* nothing is there */
        return;
    }

    struct wire_row inner = wire_row(wire_row_any(row));

    command->event_kind = (uint32_t)wire_row_u64(&inner, 0, UINT32_MAX);
    command->peer = wire_row_str(&inner, TEXT_BYTES);
    command->source_central = wire_row_str(&inner, TEXT_BYTES);
    command->exit_camera_id = wire_row_str(&inner, TEXT_BYTES);
    command->exit_camera_name = wire_row_str(&inner, TEXT_BYTES);
    command->exit_source = wire_row_str(&inner, TEXT_BYTES);
    command->exit_confidence = wire_row_double(&inner);
    command->fee = wire_row_i64(&inner, INT64_MIN, INT64_MAX);
    command->is_out = wire_row_bool(&inner);
    command->is_anomaly = wire_row_bool(&inner);
    command->told.feed = wire_row_u64(&inner, 0, UINT64_MAX);
    command->told.lsn = wire_row_u64(&inner, 0, UINT64_MAX);
    command->heard_ms = wire_row_i64(&inner, INT64_MIN, INT64_MAX);
    row->bad = row->bad || inner.bad;
}

int command_unpack(struct command *command, struct slice bytes)
{
    struct wire wire;

    command_init(command, COMMAND_GATE);
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    command->kind = (enum command_kind)wire_row_u64(&row, COMMAND_GATE, COMMAND_PROBE);
    command->gate = (enum gate_type)wire_row_u64(&row, 0, GATE_DELETE);
    command->camera_id = wire_row_str(&row, TEXT_BYTES);
    command->camera_name = wire_row_str(&row, TEXT_BYTES);
    command->camera_type = wire_row_str(&row, TEXT_BYTES);
    command->source = wire_row_str(&row, TEXT_BYTES);
    command->edge_id = wire_row_str(&row, TEXT_BYTES);
    command->sent_id = wire_row_str(&row, TEXT_BYTES);
    command->plate_text = wire_row_str(&row, TEXT_BYTES);
    command->confidence = wire_row_double(&row);
    command->device_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    command->clock_ms = wire_row_i64(&row, -COMMAND_CLOCK_MAX, COMMAND_CLOCK_MAX);
    command->location = wire_row_str(&row, TEXT_BYTES);
    command->location_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    command->history_id = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    command->visit = wire_row_str(&row, TEXT_BYTES);
    command->plate_view = wire_row_str(&row, TEXT_BYTES);
    command->entry_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    command->exit_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    command->author = wire_row_str(&row, TEXT_BYTES);
    command->reason = wire_row_str(&row, TEXT_BYTES);
    command->tariff = row_tariff(&row);
    command->json = wire_row_str(&row, TEXT_BYTES);
    command->if_match = wire_row_str(&row, TEXT_BYTES);
    command->capacity = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    command->remove = wire_row_bool(&row);
    command->retry_key = wire_row_str(&row, TEXT_BYTES);
    command->header = wire_row_bin(&row, LIMIT_HEADER_BYTES);
    command->body = wire_row_bin(&row, LIMIT_BODY_BYTES);
    row_peer(&row, command);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

void answer_init(struct answer *answer, enum problem_code code)
{
    *answer = (struct answer){
        .code = code,
        .entry_ms = EVENT_NONE,
        .exit_ms = EVENT_NONE,
        .fee = EVENT_NONE,
    };
}

int answer_pack(const struct answer *answer, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 17);
    msgpack_pack_uint32(&packer, (uint32_t)answer->code);
    wire_put_text(&packer, answer->text);
    put_bool(&packer, answer->deduped);
    msgpack_pack_uint32(&packer, (uint32_t)answer->gate);
    wire_put_text(&packer, answer->visit);
    wire_put_text(&packer, answer->plate_id);
    wire_put_text(&packer, answer->plate_view);
    msgpack_pack_int64(&packer, answer->history_id);
    msgpack_pack_int64(&packer, answer->entry_ms);
    msgpack_pack_int64(&packer, answer->exit_ms);
    msgpack_pack_int64(&packer, answer->fee);
    wire_put_text(&packer, answer->position.stream.node.text);
    msgpack_pack_uint64(&packer, answer->position.stream.epoch);
    msgpack_pack_uint64(&packer, answer->position.seq);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_int64(&packer, answer->tariff.free_s);
    msgpack_pack_int64(&packer, answer->tariff.per_hour);
    msgpack_pack_int64(&packer, answer->changed);
    wire_put_text(&packer, answer->etag);
    return finish(out, before);
}

int answer_unpack(struct answer *answer, struct slice bytes)
{
    struct wire wire;

    answer_init(answer, PROBLEM_INTERNAL);
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    answer->code = (enum problem_code)wire_row_u64(&row, 0, PROBLEM_COUNT - 1);
    wire_row_text(&row, answer->text, sizeof answer->text);
    answer->deduped = wire_row_bool(&row);
    answer->gate = (enum gate_type)wire_row_u64(&row, 0, GATE_DELETE);
    wire_row_text(&row, answer->visit, sizeof answer->visit);
    wire_row_text(&row, answer->plate_id, sizeof answer->plate_id);
    wire_row_text(&row, answer->plate_view, sizeof answer->plate_view);
    answer->history_id = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    answer->entry_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    answer->exit_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    answer->fee = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    wire_row_text(&row, answer->position.stream.node.text,
                  sizeof answer->position.stream.node.text);
    answer->position.stream.epoch = wire_row_u64(&row, 0, UINT64_MAX);
    answer->position.seq = wire_row_u64(&row, 0, UINT64_MAX);
    answer->tariff = row_tariff(&row);
    answer->changed = wire_row_i64(&row, 0, INT64_MAX);
    wire_row_text(&row, answer->etag, sizeof answer->etag);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

int supervisor_request_pack(const struct supervisor_request *request, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint32(&packer, (uint32_t)request->verb);
    wire_put_slice_str(&packer, request->json);
    return finish(out, before);
}

int supervisor_request_unpack(struct supervisor_request *request, struct slice bytes)
{
    struct wire wire;

    *request = (struct supervisor_request){.verb = SUPERVISOR_CONFIG_GET};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    request->verb =
        (enum supervisor_verb)wire_row_u64(&row, SUPERVISOR_CONFIG_GET, SUPERVISOR_PEER_REMOVE);
    request->json = wire_row_str(&row, LIMIT_MESSAGE_BYTES);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

int supervisor_answer_pack(const struct supervisor_answer *answer, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_uint32(&packer, (uint32_t)answer->problem.code);
    wire_put_text(&packer, answer->problem.text);
    wire_put_text(&packer, answer->problem.hint);
    wire_put_slice_str(&packer, answer->json);
    return finish(out, before);
}

int supervisor_answer_unpack(struct supervisor_answer *answer, struct slice bytes)
{
    struct wire wire;
    struct slice text;

    *answer = (struct supervisor_answer){.problem = {.code = PROBLEM_INTERNAL}};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    answer->problem.code = (enum problem_code)wire_row_u64(&row, 0, PROBLEM_COUNT - 1);
    text = wire_row_str(&row, sizeof answer->problem.text);
    (void)slice_copy(text, answer->problem.text, sizeof answer->problem.text); /* it fits */
    text = wire_row_str(&row, sizeof answer->problem.hint);
    (void)slice_copy(text, answer->problem.hint, sizeof answer->problem.hint); /* it fits */
    answer->json = wire_row_str(&row, LIMIT_MESSAGE_BYTES);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}
