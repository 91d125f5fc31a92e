#include "api/decision.h"

#include "api/meter.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/log.h"

int decision_ask(struct request *request, const struct command *command, struct answer *answer)
{
    struct buffer *question = &request->worker->question;
    struct problem problem;
    struct slice bytes;
    int64_t began_us = clock_mono_us();

    buffer_clear(question);
    if (command_pack(command, question) != 0) {
        respond_error(request, PROBLEM_FIELD_INVALID, "Dữ liệu quá dài");
        return -1;
    }
    if (ask_call(request->worker->node, buffer_slice(question), LIMIT_COMMAND_WAIT_MS, &bytes,
                 &problem) != 0) {
        respond_problem(request, &problem);
        return -1;
    }
    if (answer_unpack(answer, bytes) != 0) {
        log_error("ANSWER_INVALID", "bytes=%zu", bytes.len);
        respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
        return -1;
    }
    meter_command(request->gateway->meter, answer->code, answer->deduped,
                  clock_mono_us() - began_us);
    return 0;
}

void decision_put(struct json_writer *writer, const struct answer *answer)
{
    if (answer->visit[0] != '\0') {
        json_put_key(writer, "event_id");
        json_put_string(writer, answer->visit);
    }
    if (answer->position.seq == 0) {
        return;
    }
    json_put_key(writer, "position");
    json_put_open(writer, '{');
    json_put_key(writer, "node");
    json_put_string(writer, answer->position.stream.node.text);
    json_put_key(writer, "epoch");
    json_put_u64(writer, answer->position.stream.epoch);
    json_put_key(writer, "seq");
    json_put_int(writer, (int64_t)answer->position.seq);
    json_put_close(writer, '}');
}

void decision_refuse(struct request *request, const struct answer *answer)
{
    respond_error(request, answer->code, answer->text);
}
