#include "api/decision.h"

#include "api/meter.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/log.h"

/* Sends what is packed in the worker's question. 0, or -1 with a problem. */
static int ask(struct request *request, struct answer *answer, struct problem *problem)
{
    struct slice bytes;

    if (desk_call(request->worker->node, buffer_slice(&request->worker->question),
                  LIMIT_COMMAND_WAIT_MS, &bytes, problem) != 0) {
        return -1;
    }
    if (answer_unpack(answer, bytes) != 0) {
        log_error("ANSWER_INVALID", "bytes=%zu", bytes.len);
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "Lỗi nội bộ");
    }
    return 0;
}

int decision_ask(struct request *request, const struct command *command, struct answer *answer)
{
    struct buffer *question = &request->worker->question;
    struct problem problem;
    int64_t began_us = clock_mono_us();

    buffer_clear(question);
    if (command_pack(command, question) != 0) {
        respond_error(request, PROBLEM_FIELD_INVALID, "Dữ liệu quá dài");
        return -1;
    }
    if (ask(request, answer, &problem) != 0) {
        respond_problem(request, &problem);
        return -1;
    }
    meter_command(request->gateway->meter, answer->code, answer->deduped,
                  clock_mono_us() - began_us);
    return 0;
}

int decision_try(struct request *request, const struct access *access, struct answer *answer,
                 struct problem *problem)
{
    struct buffer *question = &request->worker->question;

    buffer_clear(question);
    if (access_pack(access, question) != 0) {
        return problem_set(problem, PROBLEM_FIELD_INVALID, NULL, "Dữ liệu quá dài");
    }
    return ask(request, answer, problem);
}

int decision_access(struct request *request, struct access *access)
{
    struct answer answer;
    struct problem problem;

    access->address = slice_text(request->caller.address);
    if (decision_try(request, access, &answer, &problem) != 0) {
        respond_problem(request, &problem);
        return -1;
    }
    if (answer.code != PROBLEM_OK) {
        decision_refuse(request, &answer);
        return -1;
    }
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
    json_set_position(writer, "position", &answer->position);
}

void decision_refuse(struct request *request, const struct answer *answer)
{
    respond_error(request, answer->code, answer->text);
}
