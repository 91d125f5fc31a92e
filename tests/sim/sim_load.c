#include "tests/sim/sim.h"

#include "proto/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLATES 9         /* few, so that everything collides */
#define CAMERA_MS 20     /* a request or an answer travels within */
#define PATIENCE_MS 4000 /* until a camera asks again */
#define TRIES 30
#define BURST 700 /* more than one run */
#define CLIENTS 20000
#define TAG_FIRST 1000 /* cameras are numbers from here on */

/* ---- what is wanted ---- */

static struct sim_client *add_client(struct sim *sim, const struct sim_step *step, bool is_gate)
{
    if (sim->client_count % 256 == 0) {
        sim->clients = realloc(sim->clients, (sim->client_count + 256) * sizeof *sim->clients);
        if (!sim->clients) {
            abort();
        }
    }
    struct sim_client *client = &sim->clients[sim->client_count++];
    *client = (struct sim_client){.is_gate = is_gate,
                                  .place = step->place % sim->plan.centrals,
                                  .tries_left = TRIES,
                                  .arg = step->arg};
    (void)snprintf(client->tag, sizeof client->tag, is_gate ? "%zu" : "op-%zu",
                   TAG_FIRST + sim->client_count - 1);
    return client;
}

uint64_t sim_load_of(const struct sim *sim, const struct event *event)
{
    char text[64];
    const char *digits = text;
    struct slice tag = event->camera_id.data ? event->camera_id : event->author;

    if (!tag.data) {
        return 0;
    }
    (void)slice_copy(tag, text, sizeof text);
    if (strncmp(text, "op-", 3) == 0) {
        digits = text + 3;
    }
    unsigned long long number = strtoull(digits, NULL, 10);
    if (number < TAG_FIRST || number - TAG_FIRST >= sim->client_count) {
        return 0;
    }
    const struct sim_client *client = &sim->clients[number - TAG_FIRST];
    return strcmp(client->tag, text) == 0 ? number - TAG_FIRST + 1 : 0;
}

static void submit(struct sim *sim, const struct sim_client *client, int64_t in_ms)
{
    sim_time_plan(sim,
                  (struct sim_moment){.kind = SIM_CAMERA,
                                      .place = SIM_NOWHERE,
                                      .number = (uint64_t)(client - sim->clients)},
                  in_ms);
}

static void pack(struct sim *sim, struct sim_client *client, const struct command *command)
{
    if (command_pack(command, &client->packed) != 0) {
        sim_fail(sim, "a command cannot be packed");
    }
    submit(sim, client, 0);
}

/* ---- cameras ---- */

static int64_t camera_clock(const struct sim *sim, struct sim_random *random)
{
    static const int64_t late_ms[] = {0, 0, 0, 500, 5000, 90000, 4000000, 900000000, -30000};
    return SIM_WALL_MS + sim->now_ms -
           late_ms[sim_random_below(random, sizeof late_ms / sizeof *late_ms)];
}

static void know_visit(struct sim *sim, const char *name, size_t place)
{
    for (size_t i = sim->visit_count; i-- > 0;) {
        if (strcmp(sim->visits[i].name, name) == 0) {
            return;
        }
    }
    sim->visits = realloc(sim->visits, (sim->visit_count + 1) * sizeof *sim->visits);
    if (!sim->visits) {
        abort();
    }
    struct sim_visit *visit = &sim->visits[sim->visit_count++];
    visit->place = place;
    (void)snprintf(visit->name, sizeof visit->name, "%s", name);
}

/* One of the newest few, the newer the likelier, so that changes meet. */
static const struct sim_visit *some_visit(const struct sim *sim, struct sim_random *random)
{
    uint64_t most = 1 + sim_random_below(random, 12);
    uint64_t recent = sim->visit_count < most ? sim->visit_count : most;
    return sim->visit_count ? &sim->visits[sim->visit_count - 1 - sim_random_below(random, recent)]
                            : NULL;
}

static void name_gate_event(struct sim *sim, struct sim_client *client, struct command *command,
                            struct sim_random *random)
{
    const struct sim_visit *visit = some_visit(sim, random);

    if (command->gate == GATE_ENTRY && sim_random_chance(random, 75)) {
        (void)snprintf(client->sent_id, sizeof client->sent_id, "central-%zu_%" PRId64 "_%s",
                       client->place + 1, command->device_ms + (int64_t)sim->client_count,
                       command->plate_text.data);
    } else if (command->gate != GATE_ENTRY && visit && sim_random_chance(random, 60)) {
        (void)snprintf(client->sent_id, sizeof client->sent_id, "%s", visit->name);
        if (command->gate == GATE_EXIT && visit->place != client->place) {
            sim_trace_rare(&sim->trace, SIM_RARE_REMOTE_EXIT);
        }
    }
    if (client->sent_id[0]) {
        command->sent_id = slice_text(client->sent_id);
    }
}

static void gate(struct sim *sim, const struct sim_step *step, enum gate_type type, uint64_t arg)
{
    struct sim_random random = {arg};
    struct sim_client *client = add_client(sim, step, true);
    struct command command;
    char plate[24];

    command_init(&command, COMMAND_GATE);
    command.gate = type;
    (void)snprintf(plate, sizeof plate, "30A-1234%" PRIu64, sim_random_below(&random, PLATES));
    command.plate_text = slice_text(plate);
    command.camera_id = slice_text(client->tag);
    client->is_poison = step->kind == SIM_STEP_POISON;
    command.camera_name = slice_text(client->is_poison ? SIM_POISON : "North gate");
    command.camera_type = slice_text(type == GATE_EXIT ? "EXIT" : "ENTRY");
    command.source = slice_text("auto");
    command.confidence = 0.5 + (double)sim_random_below(&random, 50) / 100;
    command.device_ms = camera_clock(sim, &random);
    if (type == GATE_LOCATION) {
        command.location = slice_text("Lot B");
        command.location_ms = command.device_ms;
    }
    client->is_exit = type == GATE_EXIT;
    client->is_change = type == GATE_UPDATE || type == GATE_DELETE;
    client->repeats = sim_random_chance(&random, 15) ? 1 + (unsigned)(arg % 2) : 0;
    name_gate_event(sim, client, &command, &random);
    pack(sim, client, &command);
}

/* ---- people ---- */

static void person(struct sim *sim, const struct sim_step *step, enum command_kind kind)
{
    struct sim_random random = {step->arg};
    struct command command;
    char plate[24];

    const struct sim_visit *visit = some_visit(sim, &random);
    if (!visit && kind != COMMAND_TARIFF) {
        return;
    }
    struct sim_client *client = add_client(sim, step, false);
    command_init(&command, kind);
    command.author = slice_text(client->tag);
    command.reason = slice_text("because");
    if (kind == COMMAND_TARIFF) {
        command.tariff = (struct tariff){(int64_t)sim_random_below(&random, 3600),
                                         (int64_t)sim_random_below(&random, 90000)};
    } else {
        command.visit = slice_text(visit->name);
    }
    if (kind == COMMAND_EDIT) {
        (void)snprintf(plate, sizeof plate, "30A-1234%" PRIu64, sim_random_below(&random, PLATES));
        command.plate_text = command.plate_view = slice_text(plate);
        if (sim_random_chance(&random, 30)) {
            command.entry_ms = camera_clock(sim, &random) - 60000;
        }
        if (sim_random_chance(&random, 30)) {
            command.exit_ms =
                sim_random_chance(&random, 30) ? EVENT_REOPEN : camera_clock(sim, &random);
        }
    }
    pack(sim, client, &command);
}

/* Somebody sends the list of subscriptions, some of few. */
static void subscribe(struct sim *sim, const struct sim_step *step)
{
    struct sim_random random = {step->arg};
    struct sim_client *client = add_client(sim, step, false);
    struct command command;
    struct buffer json = {0};

    command_init(&command, COMMAND_SUBSCRIPTIONS);
    (void)buffer_append(&json, "[", 1);
    for (unsigned id = 1; id <= 3; id++) {
        if (sim_random_chance(&random, 30)) {
            continue;
        }
        (void)buffer_printf(
            &json, "%s{\"id\":%u,\"plate_number\":\"30A-1234%" PRIu64 "\",\"status\":\"%s\"}",
            json.len > 1 ? "," : "", id, sim_random_below(&random, PLATES),
            sim_random_chance(&random, 30) ? "inactive" : "active");
    }
    (void)buffer_append(&json, "]", 1);
    command.json = buffer_slice(&json);
    command.author = slice_text(client->tag);
    pack(sim, client, &command);
    buffer_free(&json);
}

/* ---- events that no command makes yet ---- */

static void special(struct sim *sim, const struct sim_step *step, uint32_t kind, uint64_t arg)
{
    struct sim_random random = {arg};

    if (sim->stream_count == 0 && kind != SIM_FUTURE_KIND) {
        return;
    }
    struct sim_client *client = add_client(sim, step, false);
    client->event_kind = kind;
    client->arg = arg;
    client->tries_left = 1; /* without a command a retry would not be recognised */
    if (kind != SIM_FUTURE_KIND) {
        const struct sim_fact_stream *stream =
            &sim->streams[sim_random_below(&random, sim->stream_count)];
        client->target.stream = stream->id;
        client->target.seq = 1 + sim_random_below(&random, stream->count + 2);
        client->offset_ms = (int64_t)sim_random_below(&random, 7200000) - 3600000;
    }
    submit(sim, client, 0);
}

void sim_load_event(struct sim *sim, struct sim_client *client, struct event *out)
{
    static const char filler[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct sim_random random = {client->arg};

    event_init(out, client->event_kind);
    out->author = slice_text(client->tag);
    if (client->event_kind == SIM_FUTURE_KIND) {
        buffer_clear(&sim->scratch);
        size_t lines = 1 + (size_t)sim_random_below(&random, 120);
        for (size_t i = 0; i < lines; i++) {
            (void)buffer_append(&sim->scratch, filler, sizeof filler - 1); /* below its ceiling */
        }
        out->json = buffer_slice(&sim->scratch);
        return;
    }
    out->target_node = slice_text(client->target.stream.node.text);
    out->target_epoch = client->target.stream.epoch;
    out->target_from = client->target.seq;
    out->target_to = client->target.seq + sim_random_below(&random, SIM_REDACT_MOST + 1);
    if (client->event_kind == EVENT_CLOCK_FIX) {
        out->offset_ms = client->offset_ms;
    }
}

/* ---- the schedule ---- */

static void burst(struct sim *sim, const struct sim_step *step)
{
    struct sim_random random = {step->arg};
    bool is_large = sim_random_chance(&random, 50);
    uint64_t count = 1 + sim_random_below(&random, is_large ? 60 : BURST / 10);

    if (sim_random_chance(&random, 4)) {
        count = BURST;
        is_large = false;
    }
    for (uint64_t i = 0; i < count && sim->client_count < CLIENTS; i++) {
        uint64_t arg = sim_random_next(&random);
        if (is_large) {
            special(sim, step, SIM_FUTURE_KIND, arg);
        } else {
            gate(sim, step, sim_random_chance(&random, 50) ? GATE_ENTRY : GATE_EXIT, arg);
        }
    }
}

void sim_load_step(struct sim *sim, uint64_t number)
{
    const struct sim_step *step = &sim->plan.steps[number];

    if (sim->client_count >= CLIENTS) {
        return;
    }
    switch ((int)step->kind) {
    case SIM_STEP_ENTRY:
    case SIM_STEP_POISON:
        gate(sim, step, GATE_ENTRY, step->arg);
        break;
    case SIM_STEP_EXIT:
        gate(sim, step, GATE_EXIT, step->arg);
        break;
    case SIM_STEP_SEEN:
        gate(sim, step, GATE_LOCATION, step->arg);
        break;
    case SIM_STEP_EDGE_UPDATE:
        gate(sim, step, GATE_UPDATE, step->arg);
        break;
    case SIM_STEP_EDGE_DELETE:
        gate(sim, step, GATE_DELETE, step->arg);
        break;
    case SIM_STEP_EDIT:
        person(sim, step, COMMAND_EDIT);
        break;
    case SIM_STEP_DELETE:
        person(sim, step, COMMAND_DELETE);
        break;
    case SIM_STEP_UNDELETE:
        person(sim, step, COMMAND_UNDELETE);
        break;
    case SIM_STEP_TARIFF:
        person(sim, step, COMMAND_TARIFF);
        break;
    case SIM_STEP_SUBSCRIBE:
        subscribe(sim, step);
        break;
    case SIM_STEP_CLOCK_FIX:
        special(sim, step, EVENT_CLOCK_FIX, step->arg);
        break;
    case SIM_STEP_REDACT:
        special(sim, step, EVENT_REDACT, step->arg);
        break;
    case SIM_STEP_FUTURE:
        special(sim, step, SIM_FUTURE_KIND, step->arg);
        break;
    case SIM_STEP_BURST:
        burst(sim, step);
        break;
    default:
        break; /* a fault */
    }
}

/* ---- asking and hearing ---- */

void sim_load_send(struct sim *sim, const struct sim_moment *moment)
{
    struct sim_client *client = &sim->clients[moment->number];

    if (client->is_done ? client->repeats == 0 : client->tries_left == 0) {
        return;
    }
    if (client->is_done) {
        client->repeats--;
    } else {
        client->tries_left--;
    }
    if (client->try > 0 && client->is_gate && !client->is_change &&
        sim_random_chance(&sim->random, 25)) {
        client->place = (size_t)sim_random_below(&sim->random, sim->plan.centrals);
    }
    client->try++;
    const struct sim_host *host = &sim->hosts[client->place];
    sim_time_plan(sim,
                  (struct sim_moment){.kind = SIM_REACHED,
                                      .place = client->place,
                                      .boot = host->boot,
                                      .number = moment->number,
                                      .other = client->try},
                  1 + (int64_t)sim_random_below(&sim->random, CAMERA_MS));
    submit(sim, client, PATIENCE_MS + (int64_t)sim_random_below(&sim->random, PATIENCE_MS));
}

static void note_answer(struct sim *sim, const struct sim_client *client, size_t place,
                        const struct answer *answer)
{
    if (answer->code == PROBLEM_ALREADY_INSIDE) {
        sim_trace_rare(&sim->trace, SIM_RARE_ALREADY_INSIDE);
    } else if (answer->code == PROBLEM_NO_OPEN_VISIT) {
        sim_trace_rare(&sim->trace, SIM_RARE_NO_OPEN_VISIT);
    }
    if (answer->deduped && client->try > 1) {
        bool is_other = client->logged[place] == 0;
        sim_trace_rare(&sim->trace, is_other ? SIM_RARE_RETRY_OTHER : SIM_RARE_RETRY_SAME);
    }
}

static bool is_final(enum problem_code code)
{
    return code != PROBLEM_DISK_FULL && code != PROBLEM_BUSY && code != PROBLEM_STOPPING &&
           code != PROBLEM_DB_LOCKED;
}

void sim_load_answered(struct sim *sim, const struct sim_moment *moment)
{
    struct sim_client *client = &sim->clients[moment->number];
    struct answer answer;

    if (answer_unpack(&answer, buffer_slice(&moment->bytes)) != 0) {
        sim_fail(sim, "an answer cannot be read");
    }
    sim_say(sim, "client %s at %zu: %s%s visit=%s seq=%" PRIu64, client->tag, moment->place,
            problem_name(answer.code), answer.deduped ? " (again)" : "", answer.visit,
            answer.position.seq);
    if (!is_final(answer.code)) {
        return;
    }
    if (answer.position.seq) {
        sim_truth_acked(sim, &answer.position, moment->number);
    }
    if (answer.visit[0] && client->is_gate && !client->is_exit && !client->is_change) {
        know_visit(sim, answer.visit, moment->place);
    }
    note_answer(sim, client, moment->place, &answer);
    client->is_done = true;
}
