#include "proto/command.h"

#include "proto/event.h"
#include "tests/proto/support_suite.h"

#include <math.h>
#include <string.h>

static struct command example(void)
{
    struct command command;
    command_init(&command, COMMAND_GATE);
    command.gate = GATE_EXIT;
    command.camera_id = slice_text("3");
    command.camera_name = slice_text("Cổng ra");
    command.camera_type = slice_text("EXIT");
    command.source = slice_text("auto");
    command.edge_id = slice_text("edge-1");
    command.sent_id = slice_text("central-1_1_51G12345");
    command.plate_text = slice_text("51g-123.45");
    command.confidence = 0.75;
    command.device_ms = INT64_MAX;
    command.clock_ms = -3600000;
    command.location = slice_text("B1");
    command.location_ms = -5;
    command.history_id = 12;
    command.visit = slice_text("v");
    command.plate_view = slice_text("51G-123.45");
    command.entry_ms = 1;
    command.exit_ms = EVENT_REOPEN;
    command.author = slice_text("an");
    command.reason = slice_text("");
    command.tariff = (struct tariff){1800, 25000};
    command.json = slice_text("[]");
    command.if_match = slice_text("1800-25000");
    command.capacity = 40;
    command.remove = true;
    command.header = slice_text("header");
    command.body = slice_text("body");
    command.event_kind = EVENT_IMPORT;
    command.peer = slice_text("central-9");
    command.source_central = slice_text("central-8");
    command.exit_camera_id = slice_text("4");
    command.exit_camera_name = slice_text("central-9/4");
    command.exit_source = slice_text("p2p_sync");
    command.exit_confidence = 0.5;
    command.fee = 25000;
    command.is_out = true;
    command.is_anomaly = true;
    command.told = (struct feed_cursor){UINT64_MAX, 77};
    command.heard_ms = 1795361287150;
    return command;
}

static void check_same(const struct command *a, const struct command *b)
{
    ck_assert(a->kind == b->kind && a->gate == b->gate);
    const struct slice *texts[][2] = {
        {&a->camera_id, &b->camera_id},
        {&a->camera_name, &b->camera_name},
        {&a->camera_type, &b->camera_type},
        {&a->source, &b->source},
        {&a->edge_id, &b->edge_id},
        {&a->sent_id, &b->sent_id},
        {&a->plate_text, &b->plate_text},
        {&a->location, &b->location},
        {&a->visit, &b->visit},
        {&a->plate_view, &b->plate_view},
        {&a->author, &b->author},
        {&a->reason, &b->reason},
        {&a->json, &b->json},
        {&a->if_match, &b->if_match},
        {&a->header, &b->header},
        {&a->body, &b->body},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(slice_equal(*texts[i][0], *texts[i][1]), "text %zu", i);
    }
    ck_assert(isnan(a->confidence) ? isnan(b->confidence)
                                   : fabs(a->confidence - b->confidence) < 1e-12);
    ck_assert(a->device_ms == b->device_ms && a->location_ms == b->location_ms);
    ck_assert_int_eq(a->clock_ms, b->clock_ms);
    ck_assert(a->history_id == b->history_id);
    ck_assert(a->entry_ms == b->entry_ms && a->exit_ms == b->exit_ms);
    ck_assert(a->capacity == b->capacity && a->remove == b->remove);
    ck_assert(a->tariff.free_s == b->tariff.free_s && a->tariff.per_hour == b->tariff.per_hour);
}

static void check_same_peer(const struct command *a, const struct command *b)
{
    ck_assert_uint_eq(a->event_kind, b->event_kind);
    ck_assert(slice_equal(a->peer, b->peer) && slice_equal(a->source_central, b->source_central));
    ck_assert(slice_equal(a->exit_camera_id, b->exit_camera_id));
    ck_assert(slice_equal(a->exit_camera_name, b->exit_camera_name));
    ck_assert(slice_equal(a->exit_source, b->exit_source));
    ck_assert(isnan(a->exit_confidence) ? isnan(b->exit_confidence)
                                        : fabs(a->exit_confidence - b->exit_confidence) < 1e-12);
    ck_assert(a->fee == b->fee && a->is_out == b->is_out && a->is_anomaly == b->is_anomaly);
    ck_assert(a->told.feed == b->told.feed && a->told.lsn == b->told.lsn);
    ck_assert(a->heard_ms == b->heard_ms);
}

START_TEST(commands_come_back)
{
    for (int kind = COMMAND_GATE; kind <= COMMAND_PROBE; kind++) {
        struct buffer buffer = {0};
        struct command command, got;
        command_init(&command, (enum command_kind)kind);
        ck_assert_int_eq(command_pack(&command, &buffer), 0);
        ck_assert_int_eq(command_unpack(&got, buffer_slice(&buffer)), 0);
        check_same(&command, &got);
        check_same_peer(&command, &got);
        buffer_clear(&buffer);
        command = example();
        command.kind = (enum command_kind)kind;
        ck_assert_int_eq(command_pack(&command, &buffer), 0);
        ck_assert_int_eq(command_unpack(&got, buffer_slice(&buffer)), 0);
        check_same(&command, &got);
        if (kind == COMMAND_PEER || kind == COMMAND_PEER_MARK) {
            check_same_peer(&command, &got);
        } else { /* they have no room for it */
            ck_assert(got.event_kind == 0 && got.peer.data == NULL && got.told.feed == 0);
        }
        buffer_free(&buffer);
    }
}
END_TEST

START_TEST(answers_come_back)
{
    struct buffer buffer = {0};
    struct answer answer, got;
    answer_init(&answer, PROBLEM_ALREADY_INSIDE);
    ck_assert(answer.fee == EVENT_NONE && answer.position.seq == 0);
    ck_assert_int_eq(answer_pack(&answer, &buffer), 0);
    ck_assert_int_eq(answer_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert(got.code == PROBLEM_ALREADY_INSIDE && got.fee == EVENT_NONE);
    ck_assert(got.entry_ms == EVENT_NONE && got.exit_ms == EVENT_NONE && !got.deduped);
    ck_assert_str_eq(got.text, "");

    memset(answer.text, 'x', sizeof answer.text - 1);
    memset(answer.visit, 'v', LIMIT_EVENT_ID);
    memset(answer.plate_id, '1', LIMIT_PLATE);
    memset(answer.plate_view, '2', LIMIT_PLATE);
    answer.deduped = true;
    answer.gate = GATE_DELETE;
    answer.history_id = 5;
    answer.entry_ms = 6;
    answer.exit_ms = 7;
    answer.fee = 8;
    answer.position = (struct position){{{"central-1"}, UINT64_MAX}, 9};
    answer.tariff = (struct tariff){10, 11};
    buffer_clear(&buffer);
    ck_assert_int_eq(answer_pack(&answer, &buffer), 0);
    ck_assert_int_eq(answer_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert_str_eq(got.text, answer.text);
    ck_assert_str_eq(got.visit, answer.visit);
    ck_assert_str_eq(got.plate_id, answer.plate_id);
    ck_assert_str_eq(got.plate_view, answer.plate_view);
    ck_assert(got.deduped && got.gate == GATE_DELETE && got.history_id == 5);
    ck_assert(got.entry_ms == 6 && got.exit_ms == 7 && got.fee == 8);
    ck_assert_int_eq(position_compare(&got.position, &answer.position), 0);
    ck_assert(got.tariff.free_s == 10 && got.tariff.per_hour == 11);
    buffer_free(&buffer);
}
END_TEST

START_TEST(supervisor_talk_comes_back)
{
    struct buffer buffer = {0};
    struct supervisor_request request = {SUPERVISOR_CONFIG_PUT, slice_text("{\"a\":1}")};
    struct supervisor_request got_request;
    ck_assert_int_eq(supervisor_request_pack(&request, &buffer), 0);
    ck_assert_int_eq(supervisor_request_unpack(&got_request, buffer_slice(&buffer)), 0);
    ck_assert(got_request.verb == SUPERVISOR_CONFIG_PUT);
    ck_assert(slice_equal(got_request.json, request.json));

    struct supervisor_answer answer = {.json = {NULL, 0}}, got;
    char text[sizeof answer.problem.text];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)problem_set(&answer.problem, PROBLEM_CONFIG_INVALID, text, "%s", text);
    buffer_clear(&buffer);
    ck_assert_int_eq(supervisor_answer_pack(&answer, &buffer), 0);
    ck_assert_int_eq(supervisor_answer_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert(got.problem.code == PROBLEM_CONFIG_INVALID && !got.json.data);
    ck_assert_str_eq(got.problem.text, answer.problem.text);
    ck_assert_str_eq(got.problem.hint, answer.problem.hint);
    buffer_free(&buffer);
}
END_TEST

START_TEST(what_does_not_fit_is_not_packed)
{
    struct buffer buffer;
    struct command command = example();
    struct answer answer;
    answer_init(&answer, PROBLEM_OK);
    buffer_init(&buffer, 20);
    ck_assert_int_eq(command_pack(&command, &buffer), -1);
    ck_assert_uint_eq(buffer.len, 0);
    buffer_clear(&buffer);
    ck_assert_int_eq(answer_pack(&answer, &buffer), -1);
    buffer_free(&buffer);
}
END_TEST

static void read_hostile(struct slice bytes)
{
    struct command command;
    struct answer answer;
    struct supervisor_request request;
    struct supervisor_answer supervisor_answer;
    if (command_unpack(&command, bytes) == 0) {
        ck_assert(command.kind >= COMMAND_GATE && command.kind <= COMMAND_PROBE);
    }
    if (answer_unpack(&answer, bytes) == 0) {
        ck_assert(answer.code < PROBLEM_COUNT);
    }
    (void)supervisor_request_unpack(&request, bytes);
    (void)supervisor_answer_unpack(&supervisor_answer, bytes);
}

START_TEST(strange_bytes_are_survived)
{
    struct buffer buffer = {0};
    struct command command = example();
    struct answer answer;
    ck_assert_int_eq(command_pack(&command, &buffer), 0);
    suite_hostile(buffer_slice(&buffer), 5000, read_hostile);
    buffer_clear(&buffer);
    answer_init(&answer, PROBLEM_OK);
    ck_assert_int_eq(answer_pack(&answer, &buffer), 0);
    suite_hostile(buffer_slice(&buffer), 5000, read_hostile);
    buffer_free(&buffer);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {commands_come_back, answers_come_back, supervisor_talk_comes_back,
                            what_does_not_fit_is_not_packed, strange_bytes_are_survived};
    return suite_run("command", tests, sizeof tests / sizeof *tests);
}
