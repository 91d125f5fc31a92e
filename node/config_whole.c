/*
 * What must fit together. A value that was wrong by itself is empty or 0 here and passed over.
 */
#include "node/config_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A port on which this central listens. */
struct listener {
    const char *group; /* NULL = top level */
    const char *name;
    const char *variable;
    uint16_t *port;
};

/* An error in a setting, wherever it came from. */
static void setting_error(struct config_report *report, const char *group, const char *name,
                          const char *variable, const struct config_wrong *wrong)
{
    const char *text = variable ? getenv(variable) : NULL;
    const struct config_path parent = {NULL, group, 0};
    const struct config_path path = {group ? &parent : NULL, name, 0};
    if (text && *text) {
        config_error_variable(report, variable, wrong);
    } else {
        config_error(report, &path, CONFIG_AT_VALUE, wrong);
    }
}

/* Was it set by anybody, or is it a default? */
static bool is_set(const json_t *document, const struct listener *listener)
{
    const char *text = listener->variable ? getenv(listener->variable) : NULL;
    const json_t *group = listener->group ? json_object_get(document, listener->group) : document;
    return (text && *text) || json_object_get(group, listener->name);
}

static void listener_text(const struct listener *listener, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s", listener->group ? listener->group : "",
             listener->group ? "." : "", listener->name); /* names of ours: fit */
}

static const struct listener *same_port(const struct listener *listeners, size_t count,
                                        uint16_t port)
{
    for (size_t i = 0; i < count; i++) {
        if (port && *listeners[i].port == port) {
            return &listeners[i];
        }
    }
    return NULL;
}

/*
 * Ports must differ. A default that nobody wrote gives way to one that somebody did (a file of the
 * existing system may well use 9001 for its peers), with a warning.
 */
static void check_ports(struct config *config, const json_t *document, struct config_report *report)
{
    const struct listener listeners[] = {
        {"this_central", "p2p_port", "PARKMESH_P2P_PORT", &config->p2p_port},
        {"this_central", "api_port", "PARKMESH_API_PORT", &config->api_port},
        {NULL, "ws_peer_port", NULL, &config->ws_peer_port},
        {"bus", "port", "PARKMESH_BUS_PORT", &config->bus_port},
        {"bus", "replay_port", "PARKMESH_BUS_REPLAY_PORT", &config->replay_port},
    };
    const size_t count = sizeof listeners / sizeof listeners[0];
    for (size_t i = 1; i < count; i++) {
        const struct listener *other = same_port(listeners, i, *listeners[i].port);
        struct config_wrong wrong;
        char name[64];
        if (!other) {
            continue;
        }
        listener_text(other, name, sizeof name);
        unsigned taken = *listeners[i].port;
        bool is_bus = listeners[i].group && strcmp(listeners[i].group, "bus") == 0;
        if (!is_bus || is_set(document, &listeners[i])) {
            /* Name the one that was written: of the first pair the second may be the default. */
            const struct listener *blamed = is_set(document, &listeners[i]) ? &listeners[i] : other;
            listener_text(blamed == other ? &listeners[i] : other, name, sizeof name);
            (void)config_is_wrong(&wrong, "every listener needs a port of its own",
                                  "port %u is also that of %s", taken, name);
            setting_error(report, blamed->group, blamed->name, blamed->variable, &wrong);
            continue;
        }
        uint16_t free_port = 9001;
        while (same_port(listeners, count, free_port)) {
            free_port++;
        }
        *listeners[i].port = free_port;
        (void)config_is_wrong(&wrong, "set it to a port of your choice",
                              "the default %u is taken by %s; %u is used", taken, name,
                              (unsigned)free_port);
        const struct config_path group = {NULL, listeners[i].group, 0};
        const struct config_path path = {&group, listeners[i].name, 0};
        config_warning(report, &path, PROBLEM_PORT_IN_USE, &wrong);
    }
}

/* One peer against this central and the peers before it. */
static void check_peer(const struct config *config, size_t index, struct config_report *report)
{
    const struct config_peer *peer = &config->peers[index];
    const struct config_path list = {NULL, "peer_centrals", 0};
    const struct config_path element = {&list, NULL, index};
    const struct config_path id = {&element, "id", 0};
    const struct config_path ip = {&element, "ip", 0};
    /* of one that is reached by WebSocket only, p2p_port means nothing */
    bool dials = peer->ip[0] && peer->p2p_port && strcmp(peer->link, "websocket") != 0;
    struct config_wrong wrong;
    if (peer->id.text[0] && strcmp(peer->id.text, config->id.text) == 0) {
        (void)config_is_wrong(&wrong, "list the other centrals only, each with an id of its own",
                              "\"%s\" is this central's own id", peer->id.text);
        config_error(report, &id, CONFIG_AT_VALUE, &wrong);
    }
    if (dials && peer->p2p_port == config->p2p_port && strcmp(peer->ip, config->ip) == 0) {
        (void)config_is_wrong(&wrong, "list the other centrals only, each with its own p2p_port",
                              "%s:%u is this central's own address", peer->ip,
                              (unsigned)peer->p2p_port);
        config_error(report, &ip, CONFIG_AT_VALUE, &wrong);
    }
    for (size_t i = 0; i < index; i++) {
        const struct config_peer *other = &config->peers[i];
        if (peer->id.text[0] && strcmp(peer->id.text, other->id.text) == 0) {
            (void)config_is_wrong(&wrong, "every central has an id of its own",
                                  "\"%s\" is also the id of peer_centrals[%zu]", peer->id.text, i);
            config_error(report, &id, CONFIG_AT_VALUE, &wrong);
            return;
        }
        if (dials && strcmp(peer->ip, other->ip) == 0 && peer->p2p_port == other->p2p_port) {
            (void)config_is_wrong(&wrong, "give one of them its p2p_port",
                                  "%s:%u is also the address of peer_centrals[%zu]", peer->ip,
                                  (unsigned)peer->p2p_port, i);
            config_warning(report, &ip, PROBLEM_DUPLICATE_ID, &wrong);
        }
    }
}

/* The file alone can make a mesh that cannot work; say so before anybody waits for it. */
static void warn(const struct config *config, struct config_report *report)
{
    const struct config_path peers = {NULL, "peer_centrals", 0};
    const struct config_path own = {NULL, "this_central", 0};
    const struct config_path ip = {&own, "ip", 0};
    struct config_wrong wrong;
    if (config->peer_count && !config->mesh_secret[0]) {
        (void)config_is_wrong(&wrong,
                              "put the same \"mesh_secret\" into every central; parkmesh "
                              "secret new makes one",
                              "no mesh secret: only centrals on this machine can be linked");
        config_warning(report, &peers, PROBLEM_MESH_WITHOUT_SECRET, &wrong);
    }
    if (!config->bind[0] && strcmp(config->ip, "localhost") != 0 && !config_is_local(config->ip)) {
        (void)config_is_wrong(
            &wrong, "set \"bind\" to an address of this machine, or \"*\" for all",
            "\"%s\" is no address of this machine: listening on 127.0.0.1 only", config->ip);
        config_warning(report, &ip, PROBLEM_ADDRESS_UNAVAILABLE, &wrong);
    }
}

void config_check_whole(struct config *config, const json_t *document, struct config_report *report)
{
    struct config_wrong wrong;
    if (!config->ip[0] || strcmp(config->ip, "auto") == 0) {
        config_own_address(config->ip);
    }
    check_ports(config, document, report);
    for (size_t i = 0; i < config->peer_count; i++) {
        check_peer(config, i, report);
    }
    if (strcmp(config->auth, "token") == 0 && !config->api_token[0]) {
        (void)config_is_wrong(&wrong, "add \"api_token\"; parkmesh secret new makes a good one",
                              "\"token\" needs an \"api_token\"");
        setting_error(report, NULL, "auth", "PARKMESH_AUTH", &wrong);
    }
    if (config->bus_bind[0] && !config->bus_secret[0] && !config_is_loopback(config->bus_bind)) {
        (void)config_is_wrong(&wrong,
                              "add \"secret\" to \"bus\"; parkmesh secret new makes a good one",
                              "the bus is open to other machines only with a secret");
        setting_error(report, "bus", "bind", "PARKMESH_BUS_BIND", &wrong);
    }
    if (!report->count) {
        warn(config, report);
    }
}
