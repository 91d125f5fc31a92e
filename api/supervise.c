#include "api/supervise.h"

#include "api/audit.h"
#include "api/respond.h"

int supervise_call(struct request *request, const struct supervisor_request *question,
                   struct ask **ask, struct supervisor_answer *answer)
{
    struct buffer *packed = &request->worker->question;
    struct problem problem;
    struct slice bytes;

    *ask = ask_new(COMMAND_SUPERVISOR, &request->gateway->abandon);
    buffer_clear(packed);
    if (supervisor_request_pack(question, packed) != 0) {
        respond_error(request, PROBLEM_BODY_TOO_LARGE, "Nội dung quá lớn");
        return -1;
    }
    if (ask_call(*ask, buffer_slice(packed), LIMIT_COMMAND_WAIT_MS, &bytes, &problem) != 0) {
        respond_problem(request, &problem);
        return -1;
    }
    if (supervisor_answer_unpack(answer, bytes) != 0) {
        respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
        return -1;
    }
    return 0;
}

int supervise_ask(struct request *request, const struct supervisor_request *question,
                  struct ask **ask, struct supervisor_answer *answer)
{
    if (supervise_call(request, question, ask, answer) != 0) {
        return -1;
    }
    if (problem_http_status(answer->problem.code) != 200) {
        respond_problem(request, &answer->problem);
        return -1;
    }
    audit_supervised(request, question);
    return 0;
}

json_t *supervise_config(struct request *request)
{
    struct supervisor_request question = {.verb = SUPERVISOR_CONFIG_GET};
    struct supervisor_answer answer;
    struct problem problem;
    struct ask *ask;
    json_t *config = NULL;

    if (supervise_call(request, &question, &ask, &answer) == 0) {
        config = json_read_object(answer.json, &problem);
        if (config == NULL) {
            respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
        }
    }
    ask_destroy(&ask);
    return config;
}
