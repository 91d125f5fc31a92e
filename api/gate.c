/* POST /api/edge/event. */
#include "api/handlers.h"

#include "api/camera_event.h"
#include "api/cameras.h"
#include "api/decision.h"
#include "api/respond.h"

static void respond_answer(struct request *request, const struct answer *answer)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    camera_event_put(&writer, answer);
    json_put_close(&writer, '}');
    respond_send(request, problem_http_status(answer->code));
}

void gate_event(struct request *request)
{
    struct camera_event reading;
    struct answer answer;
    json_t *event = request_object(request);
    int rc;

    if (event == NULL) {
        return;
    }
    if (camera_event_read(&reading, event) != 0) {
        respond_problem(request, &reading.problem);
        json_decref(event);
        return;
    }
    reading.command.clock_ms = cameras_offset(request->gateway->cameras, reading.command.camera_id,
                                              request->caller.address);
    rc = decision_ask(request, &reading.command, &answer);
    json_decref(event);
    if (rc != 0) {
        return;
    }
    if (problem_http_status(answer.code) != 200) {
        decision_refuse(request, &answer);
    } else {
        respond_answer(request, &answer);
    }
}
