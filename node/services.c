#include "node/services.h"

#include "api/cameras.h"
#include "bus/mesh.h"
#include "node/first_admin.h"
#include "node/import.h"
#include "node/node.h"
#include "node/reader.h"
#include "proto/clock.h"
#include "proto/log.h"
#include "storage/fold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MESH_ANSWER_MS 5000

static int make_directory(const char *path, struct problem *problem)
{
    char part[600];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof part) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, NULL, "data directory name too long");
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0750) != 0 && errno != EEXIST) {
            return problem_set(problem, PROBLEM_DB_UNWRITABLE,
                               "make it writable for this user, or name another with --data",
                               "cannot create data directory %s: %s", part, strerror(errno));
        }
    }
    return 0;
}

static int start_node(struct services *services, const struct config *config,
                      struct problem *problem)
{
    struct store_options options = {
        .path = services->database, .node = config->id, .reserve = true};
    struct node_args args = {.id = config->id};

    if (make_directory(config->data_dir, problem) != 0) {
        return -1;
    }
    (void)snprintf(services->database, sizeof services->database, "%s/central.db",
                   config->data_dir);
    if (services->desk == NULL && (services->desk = desk_new(LIMIT_BATCH_COMMANDS)) == NULL) {
        return problem_set(problem, PROBLEM_INTERNAL,
                           "allow more open files (LimitNOFILE of the unit, ulimit -n)",
                           "no descriptor for the desk: %s", strerror(errno));
    }
    args.desk = services->desk;
    args.store = store_open(&options, problem);
    if (args.store == NULL) {
        return -1;
    }
    if (import_settings(args.store, config->data_dir, clock_wall_ms(), problem) != 0) {
        store_close(&args.store);
        return -1;
    }
    services->node = zactor_new(node_actor, &args);
    return 0;
}

/* Reads the mesh's "OK", or "ERROR" + code + text + hint. */
static int mesh_answer(zactor_t *mesh, struct problem *problem)
{
    char *word = NULL, *code = NULL, *text = NULL, *hint = NULL;
    int rc = zstr_recvx(mesh, &word, &code, &text, &hint, NULL);

    if (rc < 1 || word == NULL) {
        rc = problem_set(problem, PROBLEM_INTERNAL, NULL, "the mesh did not answer in %d ms",
                         MESH_ANSWER_MS);
    } else if (strcmp(word, "OK") == 0) {
        rc = 0;
    } else {
        rc = problem_set(problem, problem_parse(code), hint, "%s", text != NULL ? text : word);
    }
    zstr_free(&word);
    zstr_free(&code);
    zstr_free(&text);
    zstr_free(&hint);
    return rc;
}

/* Argon2id takes its time: derive only when the secret changed. */
static int take_keys(struct services *services, const struct config *config,
                     struct problem *problem)
{
    bool known = services->keys_secret[0] != '\0' || services->keys.public_key[0] != 0;

    if (known && strcmp(services->keys_secret, config->mesh_secret) == 0) {
        return 0;
    }
    if (secret_derive(config->mesh_secret, &services->keys) != 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL,
                           "out of memory while deriving the mesh keys");
    }
    (void)snprintf(services->keys_secret, sizeof services->keys_secret, "%s", config->mesh_secret);
    return 0;
}

/* Those that the mesh may reach; the others have a WebSocket, and never both. */
static size_t mesh_peers(const struct config *config, struct replica_peer *out)
{
    size_t count = 0;

    for (size_t i = 0; i < config->peer_count; i++) {
        const struct config_peer *peer = &config->peers[i];
        if (strcmp(peer->link, "websocket") != 0) {
            out[count].id = peer->id;
            memcpy(out[count].ip, peer->ip, sizeof out[count].ip);
            out[count].p2p_port = peer->p2p_port;
            out[count++].api_port = peer->api_port;
        }
    }
    return count;
}

static int configure_mesh(struct services *services, const struct config *config,
                          struct problem *problem)
{
    struct mesh_config mesh = {.node = config->id,
                               .p2p_port = config->p2p_port,
                               .api_port = config->api_port,
                               .heartbeat_ms = config->heartbeat_ms};
    struct replica_peer *peers;
    struct buffer bytes = {0};
    int rc;

    if (take_keys(services, config, problem) != 0) {
        return -1;
    }
    peers = bytes_allocate(config->peer_count, sizeof *peers);
    mesh.peers = peers;
    mesh.peer_count = mesh_peers(config, peers);
    mesh.keys = services->keys;
    config_mesh_bind(config, mesh.bind_ip);
    mesh.fold = FOLD_VERSION;
    (void)snprintf(mesh.software, sizeof mesh.software, "parkmesh %s", PARKMESH_VERSION);
    if (mesh_config_pack(&mesh, &bytes) != 0) {
        rc = problem_set(problem, PROBLEM_INTERNAL, NULL, "mesh configuration too large");
    } else {
        (void)zstr_sendm(services->mesh, "CONFIGURE");
        (void)zmq_send(zsock_resolve(services->mesh), bytes.data, bytes.len, 0);
        rc = mesh_answer(services->mesh, problem);
    }
    buffer_free(&bytes);
    free(peers);
    return rc;
}

static int start_mesh(struct services *services, const struct config *config,
                      struct problem *problem)
{
    services->mesh = zactor_new(mesh_actor, NULL);
    zsock_set_rcvtimeo(zactor_sock(services->mesh), MESH_ANSWER_MS);
    zsock_set_sndtimeo(zactor_sock(services->mesh), MESH_ANSWER_MS);
    if (configure_mesh(services, config, problem) != 0) {
        return -1;
    }
    return services_mesh_start(services, problem);
}

static void follow_run(struct services *services, bool runs)
{
    services->mesh_runs = runs;
    if (services->api != NULL) {
        api_run_peers(services->api, runs);
    }
}

int services_mesh_start(struct services *services, struct problem *problem)
{
    (void)zstr_send(services->mesh, "START"); /* a lost command shows as a missing answer */
    if (mesh_answer(services->mesh, problem) != 0) {
        return -1;
    }
    follow_run(services, true);
    return 0;
}

int services_mesh_stop(struct services *services, struct problem *problem)
{
    (void)zstr_send(services->mesh, "STOP");
    if (mesh_answer(services->mesh, problem) != 0) {
        return -1;
    }
    follow_run(services, false);
    return 0;
}

/* Whoever reaches the central from outside has to be somebody: without a configured way to show
 * that, there has to be an account. */
static int ensure_login(const struct services *services, const struct config *config,
                        char listeners[][80], size_t count, struct problem *problem)
{
    if (strcmp(config->auth, "open") == 0 || config->api_token[0] != '\0') {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        char host[80];
        (void)snprintf(host, sizeof host, "%.*s", (int)strcspn(listeners[i], ":"), listeners[i]);
        if (!config_is_loopback(host)) {
            return first_admin(services->database, services->desk, problem);
        }
    }
    return 0;
}

/* Addresses that mean something by themselves. */
struct addresses {
    uint32_t proxies[LIMIT_PROXIES], cameras[LIMIT_CAMERAS];
};

/* As the API takes them; borrows from `addresses`, which it fills. A camera's host name is nobody's
 * address. */
static struct api_trust trust_of(const struct config *config, struct addresses *addresses)
{
    struct api_trust trust = {.cameras = addresses->cameras, .proxies = addresses->proxies};
    struct in_addr address;

    for (size_t i = 0; i < config->proxy_count; i++) {
        if (inet_pton(AF_INET, config->proxies[i], &address) == 1) { /* it was checked */
            addresses->proxies[trust.proxy_count++] = address.s_addr;
        }
    }
    for (size_t i = 0; i < config->cameras.count; i++) {
        if (inet_pton(AF_INET, config->cameras.items[i].ip, &address) == 1) {
            addresses->cameras[trust.camera_count++] = address.s_addr;
        }
    }
    return trust;
}

static void follow_key(struct services *services)
{
    api_set_mesh_key(services->api, services->keys.present ? services->keys.http_key : NULL);
}

static void follow_trust(struct services *services, const struct config *config)
{
    struct addresses addresses;
    struct api_trust trust = trust_of(config, &addresses);

    api_set_trust(services->api, &trust);
}

/* The other centrals as the API takes them; `items`, to be freed, holds them. */
static struct api_peers peers_of(const struct config *config, struct api_peer **items)
{
    struct api_peer *peers = bytes_allocate(config->peer_count, sizeof *peers);

    for (size_t i = 0; i < config->peer_count; i++) {
        const struct config_peer *peer = &config->peers[i];
        peers[i].id = peer->id;
        memcpy(peers[i].ip, peer->ip, sizeof peers[i].ip);
        peers[i].api_port = peer->api_port;
        peers[i].link = strcmp(peer->link, "websocket") == 0 ? API_LINK_WEBSOCKET
                        : strcmp(peer->link, "mesh") == 0    ? API_LINK_MESH
                                                             : API_LINK_AUTO;
        memcpy(peers[i].timezone, peer->timezone, sizeof peers[i].timezone);
    }
    *items = peers;
    return (struct api_peers){.items = peers,
                              .count = config->peer_count,
                              .is_open = strcmp(config->ws_peers, "open") == 0};
}

static void follow_peers(struct services *services, const struct config *config)
{
    struct api_peer *items;
    struct api_peers peers = peers_of(config, &items);

    api_set_peers(services->api, &peers);
    free(items);
}

static int start_api(struct services *services, const struct config *config,
                     struct problem *problem)
{
    struct api_peer *items;
    char listeners[API_LISTENERS][80];
    size_t count = config_http_listeners(config, listeners, API_LISTENERS - 1);
    struct addresses addresses;
    struct api_options options = {.database = services->database,
                                  .started_ms = services->started_ms,
                                  .node = config->id,
                                  .cameras = services->cameras,
                                  .desk = services->desk,
                                  .version = PARKMESH_VERSION,
                                  .web_dir = services->web_dir,
                                  .http_threads = config->limits.http_threads,
                                  .ws_clients = config->limits.ws_clients,
                                  .readers = config->limits.readers,
                                  .body_bytes = config->limits.body_bytes};

    if (ensure_login(services, config, listeners, count, problem) != 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        options.listeners[i] = listeners[i];
    }
    for (size_t i = 0; i < config->cors_count && i < API_ORIGINS; i++) {
        options.cors_origins[i] = config->cors_origins[i];
    }
    options.is_open = strcmp(config->auth, "open") == 0;
    options.api_token = config->api_token;
    options.trust = trust_of(config, &addresses);
    options.peers = peers_of(config, &items);
    options.peer_port = config->ws_peer_port;
    services->api = api_start(&options, problem);
    free(items);
    if (services->api == NULL) {
        return -1;
    }
    api_run_peers(services->api, services->mesh_runs);
    follow_key(services);
    for (size_t i = 0; i < count; i++) {
        log_info("HTTP_LISTENING", "address=%s auth=%s", listeners[i],
                 options.is_open        ? "open"
                 : config->api_token[0] ? "token"
                                        : "accounts");
    }
    return 0;
}

int services_start(struct services *services, const struct config *config, struct problem *problem)
{
    if (services->started_ms == 0) {
        services->started_ms = clock_mono_ms();
    }
    if (services->node == NULL && start_node(services, config, problem) != 0) {
        return -1;
    }
    if (services->reader == NULL) {
        services->reader = zactor_new(reader_actor, services->database);
    }
    if (services->mesh == NULL && start_mesh(services, config, problem) != 0) {
        return -1;
    }
    if (services->bus.publisher == NULL && bus_start(&services->bus, config, problem) != 0) {
        return -1;
    }
    if (services->cameras == NULL) {
        services->cameras = cameras_new();
    }
    cameras_configure(services->cameras, &config->cameras);
    if (services->api == NULL && start_api(services, config, problem) != 0) {
        return -1;
    }
    api_set_ready(services->api, true);
    return 0;
}

void services_stop(struct services *services)
{
    bus_stop(&services->bus);
    zactor_destroy(&services->mesh);
    if (services->api != NULL) {
        api_stop(&services->api);
    }
    cameras_destroy(&services->cameras);
    zactor_destroy(&services->reader);
    zactor_destroy(&services->node);
    desk_destroy(&services->desk);
    services->mesh_runs = false;
}

static bool id_differs(const struct config *old, const struct config *new)
{
    return strcmp(old->id.text, new->id.text) != 0 || strcmp(old->data_dir, new->data_dir) != 0;
}

static bool api_differs(const struct config *old, const struct config *new)
{
    char a[API_LISTENERS][80], b[API_LISTENERS][80];
    size_t n = config_http_listeners(old, a, API_LISTENERS - 1);

    if (n != config_http_listeners(new, b, API_LISTENERS - 1)) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(a[i], b[i]) != 0) {
            return true;
        }
    }
    return strcmp(old->auth, new->auth) != 0 || strcmp(old->api_token, new->api_token) != 0 ||
           old->ws_peer_port != new->ws_peer_port || old->cors_count != new->cors_count ||
           memcmp(old->cors_origins, new->cors_origins, sizeof old->cors_origins) != 0 ||
           memcmp(&old->limits, &new->limits, sizeof old->limits) != 0;
}

bool services_change_is_disruptive(const struct config *old, const struct config *new)
{
    return id_differs(old, new) || api_differs(old, new) || old->p2p_port != new->p2p_port;
}

/* Another id is another central: everything above the log starts anew. */
static int change_all(struct services *services, const struct config *old, const struct config *new,
                      bool *lost, struct problem *problem)
{
    struct problem again = {.code = PROBLEM_OK};
    bool ran = services->mesh_runs;

    services_stop(services);
    if (services_start(services, new, problem) == 0) {
        return ran ? 0 : services_mesh_stop(services, problem);
    }
    services_stop(services);
    if (services_start(services, old, &again) != 0) {
        log_problem(LOG_LEVEL_ERROR, &again);
        *lost = true;
    }
    return -1;
}

/* The parts that follow a change without being started anew as a whole. 0, or -1 with the problem
 * and everything as it was. */
static int follow(struct services *services, const struct config *old, const struct config *new,
                  struct problem *problem)
{
    struct problem again = {.code = PROBLEM_OK};

    if (configure_mesh(services, new, problem) != 0) {
        return -1; /* the mesh kept its old state */
    }
    if (bus_follow(&services->bus, new, problem) != 0) {
        if (configure_mesh(services, old, &again) != 0) {
            log_problem(LOG_LEVEL_ERROR, &again);
        }
        return -1;
    }
    cameras_configure(services->cameras, &new->cameras);
    return 0;
}

int services_change(struct services *services, const struct config *old, const struct config *new,
                    bool *lost, struct problem *problem)
{
    struct problem again = {.code = PROBLEM_OK};

    *lost = false;
    if (id_differs(old, new)) {
        return change_all(services, old, new, lost, problem);
    }
    if (follow(services, old, new, problem) != 0) {
        return -1;
    }
    if (!api_differs(old, new)) {
        follow_trust(services, new);
        follow_key(services);
        follow_peers(services, new);
        return 0;
    }
    api_stop(&services->api);
    if (start_api(services, new, problem) == 0) {
        api_set_ready(services->api, true);
        return 0;
    }
    if (start_api(services, old, &again) != 0) {
        log_problem(LOG_LEVEL_ERROR, &again);
        *lost = true;
    } else {
        api_set_ready(services->api, true);
    }
    if (follow(services, new, old, &again) != 0) {
        log_problem(LOG_LEVEL_ERROR, &again);
    }
    if (services->api != NULL) {
        follow_key(services);
    }
    return -1;
}
