/*
 * The mesh actor's loop, the commands of its pipe, start and stop.
 *
 * Stopped, it has no socket but the one that reports; started, it has a replica and everything the
 * replica needs. A change of what the replica is made of (keys, our id, what we announce) is a stop
 * and a start; a change of the address or of the peers is applied to the running one, so that
 * unchanged links do not notice.
 *
 * Every handler of the loop ends in mesh_settle, so outputs can not be forgotten; the time of the
 * next tick is asked for before each turn.
 */
#include "bus/inproc.h"
#include "bus/mesh_internal.h"
#include "bus/zap.h"

#include "proto/clock.h"
#include "proto/fact.h"
#include "proto/handoff.h"
#include "proto/log.h"
#include "proto/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define TICK_MIN_MS 5 /* between what happened and the tick that it asks for */
#define TICK_MAX_MS 1000
#define PIPE_SEND_MS 1000 /* the supervisor waits for our answers; if not, they are not for it */

struct replica_now mesh_now(void)
{
    return (struct replica_now){.mono_ms = clock_mono_ms(), .wall_ms = clock_wall_ms()};
}

/* ---- the loop ---- */

void mesh_unwatch(struct mesh *mesh, zsock_t **socket)
{
    if (*socket) {
        loop_unwatch(mesh->loop, *socket);
        zsock_destroy(socket);
    }
}

void mesh_refuse(struct mesh *mesh, const char *reason, const char *address)
{
    char quoted[160], from[160];
    int64_t now_ms = clock_mono_ms();

    mesh->refused++;
    mesh->unlogged++;
    if (mesh->refused > 1 && now_ms - mesh->refused_ms < MESH_QUIET_MS) {
        return;
    }
    log_warn("MESH_REFUSED", "reason=%s address=%s count=%" PRIu64,
             log_quote(reason, quoted, sizeof quoted), log_quote(address, from, sizeof from),
             mesh->unlogged);
    mesh->refused_ms = now_ms;
    mesh->unlogged = 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When the next tick is due. One that was promised earlier stays: a tick too many does no harm. */
static int64_t promise_tick(struct mesh *mesh)
{
    int64_t now_ms = clock_mono_ms();

    if (!mesh->replica) {
        mesh->tick_ms = MESH_NEVER;
        return MESH_NEVER;
    }
    int64_t due_ms = least(replica_deadline(mesh->replica),
                           least(mesh_dial_deadline(mesh), mesh->vector.due_ms));
    due_ms = due_ms < now_ms + TICK_MIN_MS ? now_ms + TICK_MIN_MS : due_ms;
    due_ms = least(due_ms, least(mesh->rest_ms, now_ms + TICK_MAX_MS));
    mesh->tick_ms = least(mesh->tick_ms, due_ms);
    return mesh->tick_ms;
}

static void tick_if_due(struct mesh *mesh)
{
    struct replica_now now = mesh_now();

    if (!mesh->replica || now.mono_ms < mesh->tick_ms) {
        return;
    }
    mesh->tick_ms = MESH_NEVER;
    replica_tick(mesh->replica, now);
    mesh_handoff_outputs(mesh);
    mesh_handoff_tick(mesh, now.mono_ms);
    mesh_dial_tick(mesh, now.mono_ms);
    mesh_handoff_outputs(mesh);
}

int mesh_settle(struct mesh *mesh)
{
    mesh_handoff_outputs(mesh);
    return mesh->ending ? -1 : 0;
}

static int on_resolved(zsock_t *none, void *argument)
{
    struct mesh *mesh = argument;

    (void)none; /* the resolver's descriptor */
    mesh_dial_resolved(mesh);
    return mesh_settle(mesh);
}

/* ---- start and stop ---- */

static void set_problem(struct mesh *mesh, const char *text)
{
    /* A text that was cut still helps. */
    (void)slice_copy(slice_text(text), mesh->problem, sizeof mesh->problem);
}

static int check_secret(const struct mesh_config *config, struct problem *problem)
{
    if (config->keys.present || resolve_is_loopback(config->bind_ip)) {
        return 0;
    }
    return problem_set(problem, PROBLEM_MESH_WITHOUT_SECRET,
                       "make one with `parkmesh secret new`, and put the same mesh_secret into "
                       "the configuration of every central",
                       "not listening on %s: without a mesh_secret only 127.0.0.1 is possible",
                       config->bind_ip);
}

/* Without the transport's name: people compare it with those of links. */
static void tell_address(struct mesh *mesh)
{
    const char *host = strstr(mesh->address, "://");
    replica_set_address(mesh->replica, host ? host + 3 : mesh->address);
}

static void stop(struct mesh *mesh, const char *reason)
{
    if (!mesh->replica) {
        return;
    }
    replica_bye(mesh->replica, reason, mesh_now());
    mesh_handoff_outputs(mesh);
    mesh_dial_close_all(mesh);
    mesh_link_close(mesh);
    mesh_handoff_close(mesh);
    replica_destroy(&mesh->replica);
    set_problem(mesh, "");
    log_info("MESH_STOPPED", "reason=\"%s\"", reason);
}

static int start(struct mesh *mesh, struct problem *problem)
{
    const struct mesh_config *config = &mesh->config;
    const struct replica_options options = {.node = config->node,
                                            .mesh_id = config->keys.mesh_id,
                                            .boot = mesh->boot,
                                            .heartbeat_ms = config->heartbeat_ms,
                                            .api_port = config->api_port,
                                            .software = config->software,
                                            .fold = config->fold,
                                            .seed = random_nonzero()};

    if (check_secret(config, problem)) {
        return -1;
    }
    if (mesh->zap && zap_admit(mesh->zap, config->keys.public_key)) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "no ZAP handler: nobody could link");
    }
    /* 32 is a multiple of 4: cannot fail. */
    (void)zmq_z85_encode(mesh->public_text, config->keys.public_key,
                         sizeof config->keys.public_key);
    if (mesh_link_listen(mesh, problem)) {
        return -1;
    }
    mesh->replica = replica_new(&options);
    tell_address(mesh);
    if (mesh_handoff_open(mesh, problem)) {
        mesh_link_close(mesh);
        replica_destroy(&mesh->replica);
        return -1;
    }
    replica_set_peers(mesh->replica, config->peers, config->peer_count, mesh_now());
    mesh_dial_update(mesh);
    set_problem(mesh, "");
    if (!config->keys.present) {
        log_warn("MESH_WITHOUT_SECRET", "address=%s hint=\"parkmesh secret new\"", mesh->address);
        set_problem(mesh, "no mesh_secret: only centrals on this machine can link; make one with "
                          "`parkmesh secret new`");
    }
    return 0;
}

/* ---- CONFIGURE ---- */

/* What the replica and the sockets are made of. */
static bool is_made_alike(const struct mesh_config *a, const struct mesh_config *b)
{
    return node_id_compare(&a->node, &b->node) == 0 && a->api_port == b->api_port &&
           a->heartbeat_ms == b->heartbeat_ms && a->fold == b->fold &&
           strcmp(a->software, b->software) == 0 && a->keys.present == b->keys.present &&
           digest_equal(&a->keys.mesh_id, &b->keys.mesh_id) &&
           memcmp(a->keys.public_key, b->keys.public_key, sizeof a->keys.public_key) == 0 &&
           memcmp(a->keys.secret_key, b->keys.secret_key, sizeof a->keys.secret_key) == 0;
}

static void adopt(struct mesh *mesh, struct mesh_config *config)
{
    mesh_config_free(&mesh->config);
    mesh->config = *config;
    *config = (struct mesh_config){.p2p_port = 0};
    mesh->configured = true;
}

/* Another replica: stop and start. When that fails, what ran before runs again. */
static int replace(struct mesh *mesh, struct mesh_config *config, struct problem *problem)
{
    struct mesh_config before = mesh->config;

    stop(mesh, "configuration changed");
    mesh->config = *config;
    if (start(mesh, problem) == 0) {
        mesh_config_free(&before);
        *config = (struct mesh_config){.p2p_port = 0};
        return 0;
    }
    mesh->config = before;
    struct problem again;
    if (start(mesh, &again)) {
        set_problem(mesh, again.text);
        log_problem(LOG_LEVEL_ERROR, &again);
    }
    return -1;
}

/* Takes the configuration, or leaves everything as it was. */
static int configure(struct mesh *mesh, struct mesh_config *config, struct problem *problem)
{
    if (!mesh->replica) {
        adopt(mesh, config);
        return 0;
    }
    if (check_secret(config, problem)) {
        return -1;
    }
    if (!is_made_alike(&mesh->config, config)) {
        return replace(mesh, config, problem);
    }
    bool moves = strcmp(mesh->config.bind_ip, config->bind_ip) != 0 ||
                 mesh->config.p2p_port != config->p2p_port;
    if (moves && mesh_link_move(mesh, config, problem)) {
        return -1;
    }
    adopt(mesh, config);
    tell_address(mesh);
    replica_set_peers(mesh->replica, mesh->config.peers, mesh->config.peer_count, mesh_now());
    mesh_handoff_outputs(mesh); /* those who are left out hear so before their sockets close */
    mesh_dial_update(mesh);
    return 0;
}

/* ---- the pipe ---- */

static int do_configure(struct mesh *mesh, zframe_t *argument, struct problem *problem)
{
    struct mesh_config config;
    struct slice bytes = {NULL, 0};

    if (argument) {
        bytes = (struct slice){(const char *)zframe_data(argument), zframe_size(argument)};
    }
    if (mesh_config_unpack(&config, bytes)) {
        return problem_set(problem, PROBLEM_CONFIG_INVALID, NULL,
                           "the mesh cannot read its configuration");
    }
    int failed = configure(mesh, &config, problem);
    mesh_config_free(&config);
    return failed;
}

static int do_start(struct mesh *mesh, zframe_t *argument, struct problem *problem)
{
    (void)argument; /* has none */
    if (!mesh->configured) {
        return problem_set(problem, PROBLEM_CONFIG_INVALID, NULL,
                           "the mesh was not configured before START");
    }
    if (mesh->replica) {
        return 0;
    }
    if (start(mesh, problem)) {
        set_problem(mesh, problem->text);
        return -1;
    }
    return 0;
}

static int do_stop(struct mesh *mesh, zframe_t *argument, struct problem *problem)
{
    (void)argument; /* has none */
    (void)problem;  /* cannot fail */
    stop(mesh, "stopped");
    return 0;
}

struct command {
    const char *name;
    int (*run)(struct mesh *mesh, zframe_t *argument, struct problem *problem);
};

static void answer_command(struct mesh *mesh, int failed, const struct problem *problem)
{
    if (!failed) {
        (void)zstr_send(mesh->pipe, "OK"); /* see PIPE_SEND_MS */
        return;
    }
    (void)zstr_sendx(mesh->pipe, "ERROR", problem_name(problem->code), problem->text, problem->hint,
                     NULL); /* the same */
}

static int on_pipe(zsock_t *pipe, void *argument)
{
    static const struct command commands[] = {
        {"CONFIGURE", do_configure}, {"START", do_start}, {"STOP", do_stop}};
    struct mesh *mesh = argument;
    struct problem problem = {.code = PROBLEM_INTERNAL, .text = "unknown command"};

    zmsg_t *message = zmsg_recv(pipe);
    zframe_t *name = message ? zmsg_first(message) : NULL;
    if (!name || zframe_streq(name, "$TERM")) {
        mesh->ending = true;
    } else {
        int failed = -1;
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            if (zframe_streq(name, commands[i].name)) {
                failed = commands[i].run(mesh, zmsg_next(message), &problem);
            }
        }
        answer_command(mesh, failed, &problem);
    }
    zmsg_destroy(&message);
    return mesh_settle(mesh);
}

/* ---- reports ---- */

/* While stopped nobody knows more of the peers than that they are configured. */
static void report_stopped(const struct mesh *mesh, bool with_matrix, struct mesh_report *report)
{
    size_t centrals = mesh->config.peer_count + 1;

    if (with_matrix) {
        report->centrals = centrals;
        report->cells = bytes_allocate(centrals * (centrals - 1) / 2, sizeof *report->cells);
        for (size_t i = 0; i < centrals * (centrals - 1) / 2; i++) {
            report->cells[i].age_ms = -1;
        }
    }
    report->peers = bytes_allocate(mesh->config.peer_count, sizeof *report->peers);
    report->count = mesh->config.peer_count;
    for (size_t i = 0; i < report->count; i++) {
        const struct replica_peer *peer = &mesh->config.peers[i];
        struct peer_report *out = &report->peers[i];
        out->id = peer->id;
        memcpy(out->ip, peer->ip, sizeof out->ip);
        out->p2p_port = peer->p2p_port;
        out->api_port = peer->api_port;
        out->lag_s = -1;
        out->said_age_ms = -1;
        out->rtt_ms = -1;
        out->clock_offset_ms = EVENT_NONE;
    }
}

static int pack_report(const struct mesh *mesh, bool with_matrix, struct buffer *out)
{
    struct mesh_report report = {.running = mesh->replica != NULL};

    if (mesh->replica) {
        replica_report(mesh->replica, &report, mesh_now());
        if (with_matrix) {
            replica_matrix(mesh->replica, &report, mesh_now());
        }
    } else {
        report_stopped(mesh, with_matrix, &report);
    }
    report.running = mesh->replica != NULL;
    report.has_secret = mesh->configured && mesh->config.keys.present;
    report.refused += mesh->refused;
    memcpy(report.address, mesh->address, sizeof report.address);
    memcpy(report.error, mesh->problem, sizeof report.error);
    int failed = mesh_report_pack(&report, out);
    mesh_report_free(&report);
    return failed;
}

static int pack_probe(struct mesh *mesh, const struct probe_question *question, struct buffer *out)
{
    struct probe_report report = {.state = PROBE_NOT_CONNECTED};

    if (mesh->replica) {
        replica_probe(mesh->replica, question, &report, mesh_now());
        mesh_handoff_outputs(mesh);
    }
    return probe_report_pack(&report, out);
}

/* Who asks about one peer gets what is known of the first difference, who says anything else the
 * report. */
static int pack_answer(struct mesh *mesh, zframe_t *question, struct buffer *out)
{
    struct slice bytes = {(const char *)zframe_data(question), zframe_size(question)};
    struct diff_report report = {.state = DIFF_NOT_CONNECTED};
    struct probe_question probe;
    struct node_id peer;

    if (probe_question_unpack(&probe, bytes) == 0) {
        return pack_probe(mesh, &probe, out);
    }
    if (diff_question_unpack(&peer, bytes)) {
        return pack_report(mesh, zframe_streq(question, MESH_REPORT_MATRIX), out);
    }
    if (mesh->replica) {
        replica_diff(mesh->replica, &peer, &report, mesh_now());
        mesh_handoff_outputs(mesh);
    }
    return diff_report_pack(&report, out);
}

static void answer_report(struct mesh *mesh, zmsg_t *request)
{
    struct buffer packed = {.data = NULL};
    zframe_t *last = zmsg_last(request);

    if (!last || pack_answer(mesh, last, &packed)) {
        log_error("INTERNAL", "reason=\"no report\"");
    } else {
        /* The envelope goes back as it came, whether the asker is a DEALER or a REQ. */
        zframe_reset(last, packed.data, packed.len);
        while (zmsg_size(request)) {
            zframe_t *frame = zmsg_pop(request);
            int flags = ZFRAME_DONTWAIT | (zmsg_size(request) ? ZFRAME_MORE : 0);
            if (zframe_send(&frame, mesh->reports, flags)) {
                zframe_destroy(&frame); /* who asked has left */
                break;
            }
        }
    }
    buffer_free(&packed);
}

static int on_report(zsock_t *socket, void *argument)
{
    struct mesh *mesh = argument;
    zmsg_t *request = zmsg_recv(socket);

    mesh_handoff_catch_up(mesh);
    if (request) {
        answer_report(mesh, request);
    }
    zmsg_destroy(&request);
    return mesh_settle(mesh);
}

/* ---- life ---- */

static void name_endpoints(struct mesh *mesh, const struct mesh_endpoints *given)
{
    if (given) {
        mesh->at = *given;
    }
    mesh->at.node = mesh->at.node ? mesh->at.node : HANDOFF_NODE;
    mesh->at.reader = mesh->at.reader ? mesh->at.reader : HANDOFF_READER;
    mesh->at.facts = mesh->at.facts ? mesh->at.facts : FACTS_ENDPOINT;
    mesh->at.report = mesh->at.report ? mesh->at.report : MESH_REPORT_ENDPOINT;
}

/* What lives as long as the actor. 0 or -1. */
static int open_all(struct mesh *mesh)
{
    mesh->resolve = resolve_new();
    mesh->reports = zsock_new(ZMQ_ROUTER);
    mesh->zap = mesh->at.no_zap ? NULL : zactor_new(zap_actor, NULL);
    if (!mesh->resolve || (!mesh->at.no_zap && !mesh->zap)) {
        return -1;
    }
    loop_watch_fd(mesh->loop, resolve_fd(mesh->resolve), on_resolved, mesh);
    return mesh_link_set(zsock_resolve(mesh->reports), ZMQ_LINGER, 0) ||
                   inproc_bind(mesh->reports, mesh->at.report) ||
                   loop_watch(mesh->loop, mesh->reports, on_report, mesh) ||
                   loop_watch(mesh->loop, mesh->pipe, on_pipe, mesh)
               ? -1
               : 0;
}

static void close_all(struct mesh *mesh)
{
    stop(mesh, "going down");
    zactor_destroy(&mesh->zap);
    loop_destroy(&mesh->loop);
    inproc_close(&mesh->reports);
    resolve_destroy(&mesh->resolve);
    mesh_config_free(&mesh->config);
}

/* Nothing can be served: says so to every command until the end. */
static void refuse_all(struct mesh *mesh)
{
    const struct problem problem = {.code = PROBLEM_INTERNAL,
                                    .text = "the mesh could not open its own sockets"};
    for (;;) {
        zmsg_t *message = zmsg_recv(mesh->pipe);
        bool end = !message || zframe_streq(zmsg_first(message), "$TERM");
        zmsg_destroy(&message);
        if (end) {
            return;
        }
        answer_command(mesh, -1, &problem);
    }
}

void mesh_actor(zsock_t *pipe, void *args)
{
    /* Large: two tables of pointers; the thread's stack is not the place. */
    struct mesh *mesh = bytes_allocate(1, sizeof *mesh);

    (void)prctl(PR_SET_NAME, "mesh");
    mesh->pipe = pipe;
    mesh->boot = random_nonzero();
    mesh->loop = loop_new();
    mesh->tick_ms = MESH_NEVER;
    mesh->vector.due_ms = MESH_NEVER;
    mesh->rest_ms = MESH_NEVER;
    name_endpoints(mesh, args);
    zsock_set_sndtimeo(pipe, PIPE_SEND_MS);
    int failed = open_all(mesh);
    (void)zsock_signal(pipe, 0); /* zactor_new waits for it: there is room */
    if (failed) {
        refuse_all(mesh);
    } else {
        while (loop_turn(mesh->loop, promise_tick(mesh)) == 0) {
            tick_if_due(mesh);
        }
    }
    close_all(mesh);
    free(mesh);
}
