#include "api/handlers.h"

#include "api/ask.h"
#include "api/respond.h"
#include "proto/diff.h"
#include "proto/report.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define ASK_MS 2000 /* for one answer of the mesh */
#define POLL_MS 100 /* until it is asked again whether it knows more */
#define POLLS 300

static void put_digest(struct json_writer *writer, const char *key, const struct digest *digest)
{
    char hex[33];

    digest_hex(digest, hex);
    json_put_key(writer, key);
    json_put_string(writer, hex);
}

static void respond_found(struct request *request, const struct node_id *peer,
                          const struct diff_report *report)
{
    struct json_writer writer = respond_json(request);
    char epoch[17];

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "peer");
    json_put_string(&writer, peer->text);
    json_put_key(&writer, "result");
    json_put_string(&writer, diff_state_name(report->state));
    if (report->state >= DIFF_MISSING_HERE) {
        (void)snprintf(epoch, sizeof epoch, "%016" PRIx64, report->position.stream.epoch);
        json_put_key(&writer, "node");
        json_put_string(&writer, report->position.stream.node.text);
        json_put_key(&writer, "epoch");
        json_put_string(&writer, epoch);
        json_put_key(&writer, "seq");
        json_put_u64(&writer, report->position.seq);
    }
    if (report->state == DIFF_DIFFERS) {
        put_digest(&writer, "chain_here", &report->ours);
        put_digest(&writer, "chain_there", &report->theirs);
    }
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

static void respond_diff(struct request *request, const struct node_id *peer,
                         const struct diff_report *report)
{
    struct problem problem;

    switch (report->state) {
    case DIFF_UNKNOWN_PEER:
        (void)problem_set(&problem, PROBLEM_NOT_FOUND, "GET /api/p2p/status lists the peers",
                          "%s is not among peer_centrals", peer->text);
        break;
    case DIFF_NOT_CONNECTED:
        (void)problem_set(&problem, PROBLEM_PEER_UNREACHABLE, NULL,
                          "%s is not connected: whether it differs is not known", peer->text);
        break;
    case DIFF_LOOKING:
    case DIFF_FAILED:
        (void)problem_set(
            &problem, PROBLEM_BUSY, "ask again",
            "%s did not answer, or the logs changed meanwhile: whether they differ is "
            "not known",
            peer->text);
        break;
    case DIFF_EQUAL:
    case DIFF_MISSING_HERE:
    case DIFF_MISSING_THERE:
    case DIFF_DIFFERS:
    case DIFF_DAMAGED:
        respond_found(request, peer, report);
        return;
    }
    respond_problem(request, &problem);
}

static int poll_mesh(struct request *request, struct ask *ask, struct diff_report *report,
                     struct problem *problem)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    struct slice question = buffer_slice(&request->worker->question), bytes;

    for (int i = 0; i < POLLS && !atomic_load(&request->gateway->abandon); i++) {
        if (ask_call(ask, question, ASK_MS, &bytes, problem)) {
            return -1;
        }
        if (diff_report_unpack(report, bytes)) {
            return problem_set(problem, PROBLEM_INTERNAL, NULL, "the mesh answered nonsense");
        }
        if (report->state != DIFF_LOOKING) {
            return 0;
        }
        (void)nanosleep(&pause, NULL); /* cut short: asked a little earlier */
    }
    return 0;
}

void sync_diff(struct request *request)
{
    char name[LIMIT_NODE_ID + 1] = "";
    struct node_id peer;
    struct diff_report report = {.state = DIFF_LOOKING};
    struct problem problem;

    if (request_query_text(request, "peer", name, sizeof name)) {
        return;
    }
    if (!node_id_parse(slice_text(name), &peer)) {
        respond_parameter(request, "query", "peer", "the id of a peer is needed", "missing");
        return;
    }
    struct buffer *question = &request->worker->question;
    buffer_clear(question);
    if (diff_question_pack(&peer, question)) {
        respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
        return;
    }
    struct ask *ask = ask_new(MESH_REPORT_ENDPOINT, &request->gateway->abandon);
    if (poll_mesh(request, ask, &report, &problem)) {
        respond_problem(request, &problem);
    } else {
        respond_diff(request, &peer, &report);
    }
    ask_destroy(&ask);
}
