/*
 * The server: civetweb's options, the life of workers, and the way of a request through admission
 * and routing. civetweb matches handlers by prefix and ignoring case, so it gets none for plain
 * requests: its begin_request callback sees every request from the first moment on, and route.c
 * matches exactly.
 */
#include "api/api.h"

#include "api/asking.h"
#include "api/await.h"
#include "api/gateway.h"
#include "api/hang_up.h"
#include "api/listen.h"
#include "api/malformed.h"
#include "api/meter.h"
#include "api/peer_links.h"
#include "api/refusals.h"
#include "api/respond.h"
#include "api/retell.h"
#include "api/route.h"
#include "api/seals.h"
#include "api/stack.h"
#include "api/ws_cameras.h"
#include "api/ws_edge.h"
#include "api/ws_feed.h"
#include "api/ws_history.h"
#include "proto/clock.h"
#include "proto/command.h"
#include "proto/log.h"

#include <assert.h>
#include <czmq.h>
#include <errno.h>
#include <linux/sched.h> /* SCHED_BATCH */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define API_STOP_MS 1000 /* for answers under way */
#define API_STOP_POLL_NS 2000000
#define FACTS_REST_MS 10 /* between looks at the facts while nobody wants them */
#define PEER_PATH "/ws/p2p"
#define API_THREAD_WORKER 1 /* civetweb's thread_type of those that call begin_request */

struct api {
    struct gateway gateway;
    struct ws_history *ws_history;
    struct ws_feed *ws_feed;
    struct ws_cameras *ws_cameras;
    struct ws_edge *ws_edge;
    zactor_t *facts; /* the one that listens to them */
    struct mg_context *context;
    atomic_bool starting;
    pthread_t starter;    /* binds the listeners, so that its complaints are about them */
    char bind_error[300]; /* the first of them */
};

/* ---- workers --------------------------------------------------------------------------------- */

/* A worker that the node wakes with its answer would take the core from it before the others have
 * theirs. A batch thread waits until the core is free or its turn has come. */
static void yield_to_node(void)
{
    const struct sched_param none = {.sched_priority = 0};

    (void)sched_setscheduler(0, SCHED_BATCH, &none); /* 0 = this thread; refused, it is slower */
}

static void *start_thread(const struct mg_context *context, int type)
{
    struct api *api = mg_get_user_data(context);
    struct worker *worker;

    if (type != API_THREAD_WORKER) {
        return NULL;
    }
    yield_to_node();
    worker = bytes_allocate(1, sizeof *worker);
    worker->node = desk_asker_new(api->gateway.desk, &api->gateway.abandon);
    buffer_init(&worker->in, api->gateway.body_bytes);
    buffer_init(&worker->question, LIMIT_COMMAND_BYTES + LIMIT_CONFIG_BYTES);
    worker->named = random_nonzero();
    stack_trim(); /* most of them wait for a page that never comes */
    return worker;
}

static void end_thread(const struct mg_context *context, int type, void *pointer)
{
    struct worker *worker = pointer;

    (void)context;
    if (type != API_THREAD_WORKER || worker == NULL) {
        return;
    }
    desk_asker_destroy(&worker->node);
    buffer_free(&worker->in);
    buffer_free(&worker->question);
    buffer_free(&worker->out);
    free(worker);
}

/* ---- one request ----------------------------------------------------------------------------- */

static bool writes(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "DELETE") == 0 || strcmp(method, "PATCH") == 0;
}

/* False after an answer: this browser page, or anybody, may not do this now. */
static bool admit(struct request *request, bool upgrade)
{
    const char *method = request->info->request_method;
    bool allowed = request_origin_allowed(request);

    if (!allowed && (upgrade || writes(method) || strcmp(method, "OPTIONS") == 0)) {
        respond_error(request, PROBLEM_FORBIDDEN, "Origin không được phép (cors_origins)");
        return false;
    }
    if (strcmp(method, "OPTIONS") == 0 && mg_get_header(request->connection, "Origin") != NULL &&
        mg_get_header(request->connection, "Access-Control-Request-Method") != NULL) {
        respond_preflight(request);
        return false;
    }
    return true;
}

/* On the port for other centrals there is nothing else. */
static bool is_peer_port(const struct request *request)
{
    return request->gateway->peer_port != 0 &&
           request->info->server_port == request->gateway->peer_port;
}

/* Any path but those that civetweb would take for another WebSocket of ours. */
static bool may_be_peer(const char *path)
{
    return strncasecmp(path, "/ws/", 4) != 0 || strcmp(path, PEER_PATH) == 0;
}

/* The route to follow, or NULL after an answer. */
static const struct route *find(struct request *request, bool upgrade)
{
    struct slice path = slice_text(request->info->local_uri_raw);
    const struct route *route;
    char allow[64];

    if (is_peer_port(request)) {
        path = slice_text(upgrade && may_be_peer(request->info->local_uri) ? PEER_PATH : "");
    }

    switch (
        route_find(request, upgrade ? "WS" : request->info->request_method, path, &route, allow)) {
    case ROUTE_FOUND:
        return route;
    case ROUTE_METHOD:
        respond_method(request, allow);
        break;
    case ROUTE_SLASH:
        path.len--;
        respond_redirect(request, path);
        break;
    case ROUTE_UNKNOWN:
        respond_error(request, PROBLEM_NOT_FOUND, "no such path");
        break;
    }
    return NULL;
}

/* False after an answer. Who showed nothing is asked to; who did may not. */
static bool may_use(struct request *request, const struct route *route)
{
    caller_find(request);
    if (caller_may(&request->caller, route->who)) {
        return true;
    }
    if (caller_is_authenticated(&request->caller)) {
        respond_error(request, PROBLEM_FORBIDDEN, "Vai trò của bạn không được phép làm việc này");
    } else {
        respond_error(request, PROBLEM_UNAUTHORIZED,
                      "Cần đăng nhập hoặc gửi token (Authorization: Bearer)");
    }
    return false;
}

/* True when civetweb shall go on with a WebSocket handshake; false after an answer. */
static bool serve(struct request *request)
{
    bool upgrade = request_is_upgrade(request);
    const struct route *route;

    if (request_check_head(request) != 0 || !admit(request, upgrade)) {
        return false;
    }
    route = find(request, upgrade);
    if (route == NULL) {
        return false;
    }
    request->route = route;
    if (!may_use(request, route)) {
        return false;
    }
    if (atomic_load(&request->gateway->stopping) && route->who != ROLE_ANYONE) {
        respond_error(request, PROBLEM_STOPPING, "Hệ thống đang dừng");
        return false;
    }
    if (route->handler != NULL) {
        if (strcmp(route->method, "GET") != 0 || await_positions(request) == 0) {
            route->handler(request);
        }
        return false;
    }
    return push_admit(request->gateway->push, request, route->path);
}

static int begin_request(struct mg_connection *connection)
{
    struct api *api = mg_get_user_data(mg_get_context(connection));
    struct request request;
    bool handshake;

    atomic_fetch_add(&api->gateway.under_way, 1);
    request_init(&request, &api->gateway, connection);
    request_name(&request);
    handshake = serve(&request);
    atomic_fetch_sub(&api->gateway.under_way, 1);
    meter_http(api->gateway.meter, route_index(request.route), handshake ? 101 : request.status);
    if (handshake) {
        return 0;
    }
    return request.status != 0 ? request.status : 500;
}

static int refuse(struct mg_connection *connection, int status, const char *message)
{
    struct api *api = mg_get_user_data(mg_get_context(connection));

    malformed_answer(&api->gateway, connection, status, message);
    return 0;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* civetweb says why a listener failed only here. */
static int take_log(const struct mg_connection *connection, const char *message)
{
    struct api *api = mg_get_user_data(mg_get_context(connection));
    char quoted[400];

    if (api != NULL && atomic_load(&api->starting) &&
        pthread_equal(api->starter, pthread_self()) != 0) {
        if (api->bind_error[0] == '\0') {
            (void)snprintf(api->bind_error, sizeof api->bind_error, "%s", message);
        }
    } else {
        log_debug("HTTP", "message=%s", log_quote(message, quoted, sizeof quoted));
    }
    return 1;
}

/* "cannot bind to 127.0.0.1:8000: 98 (Address already in use)" as one of our problems. */
static int bind_problem(const struct api *api, const char *ports, struct problem *problem)
{
    const char *text = api->bind_error;
    const char *from = strstr(text, "bind to ");
    const char *end = from != NULL ? strstr(from, ": ") : NULL;
    int reason = end != NULL ? (int)strtol(end + 2, NULL, 10) : 0;
    char address[80];

    (void)snprintf(address, sizeof address, "%.*s",
                   from != NULL && end != NULL ? (int)(end - from - 8) : (int)sizeof address - 1,
                   from != NULL && end != NULL ? from + 8 : ports);
    if (reason == EADDRINUSE) {
        return problem_set(problem, PROBLEM_PORT_IN_USE,
                           "stop the program that listens there, or choose another api_port",
                           "HTTP cannot listen on %s: the port is in use", address);
    }
    if (reason == EACCES) {
        return problem_set(problem, PROBLEM_PERMISSION,
                           "ports below 1024 need privileges; choose another api_port",
                           "HTTP may not listen on %s: permission denied", address);
    }
    if (reason == EADDRNOTAVAIL) {
        return problem_set(problem, PROBLEM_ADDRESS_UNAVAILABLE,
                           "set bind or this_central.ip to an address of this machine",
                           "HTTP cannot listen on %s: no interface has this address", address);
    }
    return problem_set(problem, PROBLEM_ADDRESS_UNAVAILABLE, NULL, "HTTP cannot listen on %s: %s",
                       address, text[0] != '\0' ? text : "unknown reason");
}

static uint32_t chosen(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static void copy_options(struct gateway *gateway, const struct api_options *options)
{
    gateway->node = options->node;
    (void)snprintf(gateway->database, sizeof gateway->database, "%s", options->database);
    gateway->cameras = options->cameras;
    gateway->desk = options->desk;
    gateway->is_open = options->is_open;
    gateway->peer_port = options->peer_port;
    gateway->body_bytes = chosen(options->body_bytes, LIMIT_HTTP_BODY);
    gateway->any_origin = options->is_open;
    (void)snprintf(gateway->version, sizeof gateway->version, "%s",
                   options->version != NULL ? options->version : "");
    (void)snprintf(gateway->web_dir, sizeof gateway->web_dir, "%s",
                   options->web_dir != NULL ? options->web_dir : "");
    if (options->api_token != NULL) {
        (void)snprintf(gateway->token, sizeof gateway->token, "%s", options->api_token);
    }
    for (size_t i = 0; i < API_ORIGINS && options->cors_origins[i] != NULL; i++) {
        const char *origin = options->cors_origins[i];
        if (strcmp(origin, "*") == 0) {
            gateway->any_origin = true;
        } else if (strlen(origin) < GATEWAY_ORIGIN && strpbrk(origin, "\r\n") == NULL) {
            (void)snprintf(gateway->origins[gateway->origin_count++], GATEWAY_ORIGIN, "%s", origin);
        }
    }
}

/* "127.0.0.1:8000,127.0.0.1:9003" */
static void put_ports(const struct api_options *options, char *out, size_t size)
{
    for (size_t i = 0; i < API_LISTENERS && options->listeners[i] != NULL; i++) {
        size_t used = strlen(out);
        (void)snprintf(out + used, size - used, "%s%s", used > 0 ? "," : "", options->listeners[i]);
        used = strlen(out);
        if (options->peer_port != 0) {
            (void)snprintf(out + used, size - used, ",%.*s:%u",
                           (int)strcspn(options->listeners[i], ":"), options->listeners[i],
                           (unsigned)options->peer_port);
        }
    }
}

static int start_server(struct api *api, const struct api_options *options, struct problem *problem)
{
    const struct mg_callbacks callbacks = {.begin_request = begin_request,
                                           .http_error = refuse,
                                           .log_message = take_log,
                                           .init_thread = start_thread,
                                           .exit_thread = end_thread};
    char threads[16], ports[2 * API_LISTENERS * 64] = "";
    const char *settings[] = {"listening_ports",
                              ports,
                              "num_threads",
                              threads,
                              "tcp_nodelay",
                              "1", /* else Nagle costs 40 ms an answer */
                              "enable_keep_alive",
                              "yes",
                              "keep_alive_timeout_ms",
                              "2000",
                              "request_timeout_ms",
                              "5000",
                              "enable_websocket_ping_pong",
                              "no", /* push_writer.c pings */
                              "websocket_timeout_ms",
                              "5000",
                              "decode_url",
                              "no", /* it would cut at %00 and merge %2f */
                              "max_request_size",
                              "16384",
                              "listen_backlog",
                              "200",
                              "access_control_allow_origin",
                              "",
                              "access_control_allow_methods",
                              "",
                              "access_control_allow_headers",
                              "",
                              "cgi_pattern",
                              "",
                              "enable_directory_listing",
                              "no",
                              NULL};

    put_ports(options, ports, sizeof ports);
    (void)snprintf(threads, sizeof threads, "%u",
                   (unsigned)(chosen(options->http_threads, LIMIT_HTTP_THREADS) +
                              push_places(api->gateway.push)));
    api->starter = pthread_self();
    atomic_store(&api->starting, true);
    api->context = mg_start(&callbacks, api, settings);
    atomic_store(&api->starting, false);
    if (api->context == NULL) {
        return bind_problem(api, ports, problem);
    }
    push_serve(api->gateway.push, api->context, &api->gateway);
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Every fact goes to whoever waits for the log, is told by WebSocket, or is a peer's link. */
static bool take_fact(void *context, struct slice fact)
{
    struct gateway *gateway = context;
    bool is_waited_for = progress_fact(gateway->progress, fact);
    bool is_told = push_fact(gateway->push, fact);

    return peer_links_fact(gateway->peer_links) || is_waited_for || is_told;
}

static void rest(void *context)
{
    struct gateway *gateway = context;

    progress_rest(gateway->progress, FACTS_REST_MS);
}

static void listener(zsock_t *pipe, void *gateway)
{
    listen_to_facts(pipe, "api facts", take_fact, rest, gateway);
}

/* What has to be there before the first request. 0, or -1 with the problem. */
static int make_parts(struct api *api, const struct api_options *options, struct problem *problem)
{
    struct gateway *gateway = &api->gateway;

    gateway->readers =
        readers_new(options->database, chosen(options->readers, LIMIT_READERS), problem);
    if (gateway->readers == NULL) {
        return -1;
    }
    gateway->identity = identity_new(options->database, problem);
    if (gateway->identity == NULL) {
        return -1;
    }
    gateway->trust = trust_new();
    gateway->throttle = throttle_new();
    gateway->hashing = hashing_new();
    gateway->seals = seals_new();
    gateway->meter = meter_new(route_index(NULL));
    gateway->refusals = refusals_new();
    gateway->retell = retell_new(gateway);
    gateway->started_ms = options->started_ms;
    gateway->asking = asking_new();
    trust_set(gateway->trust, &options->trust);
    gateway->push = push_new(chosen(options->ws_clients, LIMIT_WS_CLIENTS), options->ws_ping_ms);
    gateway->progress = progress_new();
    api->ws_history = ws_history_new(gateway->push, &options->node);
    api->ws_feed = ws_feed_new(gateway->push, gateway->readers);
    api->ws_cameras = ws_cameras_new(gateway->push, options->cameras);
    api->ws_edge = ws_edge_new(gateway->push, gateway);
    gateway->peer_links = peer_links_new(gateway, &options->peers);
    api->facts = zactor_new(listener, gateway);
    assert(api->facts != NULL);
    return 0;
}

/* When nothing of them runs any more; those that were not made are none. */
static void free_parts(struct api *api)
{
    struct gateway *gateway = &api->gateway;

    retell_destroy(&gateway->retell);
    zactor_destroy(&api->facts);
    progress_destroy(&gateway->progress);
    push_destroy(&gateway->push);
    ws_cameras_destroy(&api->ws_cameras);
    ws_edge_destroy(&api->ws_edge);
    peer_links_destroy(&gateway->peer_links);
    ws_history_destroy(&api->ws_history);
    ws_feed_destroy(&api->ws_feed);
    hashing_destroy(&gateway->hashing);
    throttle_destroy(&gateway->throttle);
    trust_destroy(&gateway->trust);
    identity_destroy(&gateway->identity);
    seals_destroy(&gateway->seals);
    meter_destroy(&gateway->meter);
    refusals_destroy(&gateway->refusals);
    asking_destroy(&gateway->asking);
    readers_destroy(&gateway->readers);
}

struct api *api_start(const struct api_options *options, struct problem *problem)
{
    struct api *api = bytes_allocate(1, sizeof *api);

    (void)mg_init_library(0); /* counts users; without features it cannot fail */
    copy_options(&api->gateway, options);
    if (make_parts(api, options, problem) == 0 && start_server(api, options, problem) == 0) {
        peer_links_start(api->gateway.peer_links);
        return api;
    }
    if (api->ws_cameras != NULL) {
        ws_cameras_stop(api->ws_cameras);
    }
    free_parts(api);
    (void)mg_exit_library();
    free(api);
    return NULL;
}

void api_set_ready(struct api *api, bool ready)
{
    atomic_store(&api->gateway.ready, ready);
}

void api_set_trust(struct api *api, const struct api_trust *trust)
{
    trust_set(api->gateway.trust, trust);
}

void api_set_peers(struct api *api, const struct api_peers *peers)
{
    peer_links_set(api->gateway.peer_links, peers);
}

void api_run_peers(struct api *api, bool runs)
{
    peer_links_run(api->gateway.peer_links, runs);
}

void api_tell_peers(struct api *api)
{
    retell_start(api->gateway.retell);
}

void api_set_mesh_key(struct api *api, const uint8_t *key)
{
    seals_set_key(api->gateway.seals, key);
}

/* ---- stop ------------------------------------------------------------------------------------ */

static void wait_for_answers(struct gateway *gateway)
{
    int64_t until_ms = clock_mono_ms() + API_STOP_MS;
    const struct timespec pause = {.tv_nsec = API_STOP_POLL_NS};

    while (atomic_load(&gateway->under_way) > 0 && clock_mono_ms() < until_ms) {
        (void)nanosleep(&pause, NULL); /* an early return only looks again sooner */
    }
}

void api_stop(struct api **api)
{
    struct gateway *gateway;

    if (*api == NULL) {
        return;
    }
    gateway = &(*api)->gateway;
    atomic_store(&gateway->stopping, true);
    progress_stop(gateway->progress);
    wait_for_answers(gateway);
    atomic_store(&gateway->abandon, true);
    zactor_destroy(&(*api)->facts);
    ws_cameras_stop((*api)->ws_cameras);
    peer_links_stop(gateway->peer_links);
    push_stop(gateway->push);
    hang_up((*api)->context);
    mg_stop((*api)->context);
    refusals_log_untold(gateway->refusals);
    free_parts(*api);
    (void)mg_exit_library();
    free(*api);
    *api = NULL;
}
