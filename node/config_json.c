/*
 * What GET shows: everything but secrets. A PUT of the same changes nothing.
 */
#include "node/config_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value or, when there is no memory for it, the end. */
static json_t *need(json_t *value)
{
    if (!value) {
        abort(); /* out of memory: every text was checked when it came in */
    }
    return value;
}

static void add(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, need(value))) {
        abort(); /* out of memory */
    }
}

static void add_address(json_t *object, const char *id, const char *ip, uint16_t p2p_port,
                        uint16_t api_port)
{
    add(object, "id", json_string(id));
    add(object, "ip", json_string(ip));
    add(object, "p2p_port", json_integer(p2p_port));
    add(object, "api_port", json_integer(api_port));
}

static json_t *peers_json(const struct config *config)
{
    json_t *peers = need(json_array());
    for (size_t i = 0; i < config->peer_count; i++) {
        const struct config_peer *peer = &config->peers[i];
        json_t *object = need(json_object());
        add_address(object, peer->id.text, peer->ip, peer->p2p_port, peer->api_port);
        if (peer->link[0]) {
            add(object, "link", json_string(peer->link));
        }
        if (peer->timezone[0]) {
            add(object, "timezone", json_string(peer->timezone));
        }
        if (json_array_append_new(peers, object)) {
            abort(); /* out of memory */
        }
    }
    return peers;
}

static json_t *texts_json(const char *first, size_t size, size_t count)
{
    json_t *texts = need(json_array());
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(texts, need(json_string(first + i * size)))) {
            abort(); /* out of memory */
        }
    }
    return texts;
}

static json_t *bus_json(const struct config *config)
{
    json_t *bus = need(json_object());
    add(bus, "port", json_integer(config->bus_port));
    add(bus, "replay_port", json_integer(config->replay_port));
    add(bus, "bind", json_string(config->bus_bind));
    add(bus, "secret_set", json_boolean(config->bus_secret[0]));
    return bus;
}

static json_t *limits_json(const struct config_limits *limits)
{
    json_t *object = need(json_object());
    add(object, "http_threads", json_integer(limits->http_threads));
    add(object, "ws_clients", json_integer(limits->ws_clients));
    add(object, "readers", json_integer(limits->readers));
    add(object, "body_bytes", json_integer(limits->body_bytes));
    return object;
}

static json_t *cameras_json(const struct camera_settings *cameras)
{
    json_t *object = need(json_object());
    json_t *items = need(json_object());
    for (size_t i = 0; i < cameras->count; i++) {
        const struct camera_setting *camera = &cameras->items[i];
        json_t *item = need(json_object());
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)camera->id); /* fits */
        add(item, "name", json_string(camera->name));
        add(item, "ip", json_string(camera->ip));
        add(item, "camera_type", json_string(camera->type));
        add(item, "parking_lot_capacity", json_integer(camera->capacity));
        add(items, id, item);
    }
    add(object, "heartbeat_timeout_s", json_integer(cameras->timeout_ms / 1000));
    add(object, "items", items);
    return object;
}

int config_json(const struct config *config, struct buffer *out)
{
    json_t *root = need(json_object());
    json_t *own = need(json_object());
    add_address(own, config->id.text, config->ip, config->p2p_port, config->api_port);
    add(root, "this_central", own);
    add(root, "peer_centrals", peers_json(config));
    add(root, "mesh_secret_set", json_boolean(config->mesh_secret[0]));
    add(root, "bind", json_string(config->bind));
    add(root, "timezone", json_string(config->timezone));
    add(root, "heartbeat_ms", json_integer(config->heartbeat_ms));
    add(root, "data_dir", json_string(config->data_dir));
    add(root, "log_format", json_string(config->log_format));
    add(root, "auth", json_string(config->auth));
    add(root, "api_token_set", json_boolean(config->api_token[0]));
    add(root, "cors_origins",
        texts_json(config->cors_origins[0], sizeof config->cors_origins[0], config->cors_count));
    add(root, "trusted_proxies",
        texts_json(config->proxies[0], sizeof config->proxies[0], config->proxy_count));
    add(root, "retention_days", json_integer(config->retention_days));
    add(root, "bus", bus_json(config));
    add(root, "cameras", cameras_json(&config->cameras));
    add(root, "limits", limits_json(&config->limits));
    char *text = json_dumps(root, JSON_COMPACT);
    if (!text) {
        abort(); /* out of memory */
    }
    int result = buffer_append(out, text, strlen(text));
    free(text);
    json_decref(root);
    return result;
}
