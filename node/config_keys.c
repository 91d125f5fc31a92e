/*
 * The one list of keys: names, types, ranges, environment variables, where the value goes. The
 * document docs/configuration.md says the same to people, and a test holds the two together.
 */
#include "node/config_internal.h"

#include "node/spelling.h"
#include "proto/limits.h"

#include <stdio.h>
#include <string.h>

#define KEY_BEGINNING 3 /* letters that are enough to know a longer key by */

#define CONFIG_MEMBER(member) offsetof(struct config, member), sizeof((struct config *)0)->member
#define PEER_MEMBER(member) \
    offsetof(struct config_peer, member), sizeof((struct config_peer *)0)->member

#define CAMERA_MEMBER(member) \
    offsetof(struct camera_setting, member), sizeof((struct camera_setting *)0)->member

#define TEXT(name, variable, check, ...)                                   \
    {                                                                      \
        name, variable, CONFIG_TEXT, __VA_ARGS__, 0, 0, check, NULL, false \
    }
#define SECRET(name, variable, check, ...)                                \
    {                                                                     \
        name, variable, CONFIG_TEXT, __VA_ARGS__, 0, 0, check, NULL, true \
    }
#define NUMBER(name, variable, type, least, most, ...)                    \
    {                                                                     \
        name, variable, type, __VA_ARGS__, least, most, NULL, NULL, false \
    }
#define GROUP(name, type, members)                         \
    {                                                      \
        name, NULL, type, 0, 0, 0, 0, NULL, members, false \
    }
#define END          \
    {                \
        .name = NULL \
    }

static const struct config_key THIS_CENTRAL[] = {
    TEXT("id", "PARKMESH_ID", config_check_id, CONFIG_MEMBER(id)),
    TEXT("ip", "PARKMESH_IP", config_check_own_ip, CONFIG_MEMBER(ip)),
    NUMBER("p2p_port", "PARKMESH_P2P_PORT", CONFIG_UINT16, 1, 65535, CONFIG_MEMBER(p2p_port)),
    NUMBER("api_port", "PARKMESH_API_PORT", CONFIG_UINT16, 1, 65535, CONFIG_MEMBER(api_port)),
    END,
};

static const struct config_key PEER[] = {
    TEXT("id", NULL, config_check_id, PEER_MEMBER(id)),
    TEXT("ip", NULL, config_check_peer_ip, PEER_MEMBER(ip)),
    NUMBER("p2p_port", NULL, CONFIG_UINT16, 1, 65535, PEER_MEMBER(p2p_port)),
    NUMBER("api_port", NULL, CONFIG_UINT16, 1, 65535, PEER_MEMBER(api_port)),
    TEXT("link", NULL, config_check_link, PEER_MEMBER(link)),
    TEXT("timezone", NULL, config_check_timezone, PEER_MEMBER(timezone)),
    END,
};

static const struct config_key BUS[] = {
    NUMBER("port", "PARKMESH_BUS_PORT", CONFIG_UINT16, 1, 65535, CONFIG_MEMBER(bus_port)),
    NUMBER("replay_port", "PARKMESH_BUS_REPLAY_PORT", CONFIG_UINT16, 1, 65535,
           CONFIG_MEMBER(replay_port)),
    TEXT("bind", "PARKMESH_BUS_BIND", config_check_bind, CONFIG_MEMBER(bus_bind)),
    SECRET("secret", "PARKMESH_BUS_SECRET", config_check_secret, CONFIG_MEMBER(bus_secret)),
    END,
};

static const struct config_key CAMERA[] = {
    TEXT("name", NULL, NULL, CAMERA_MEMBER(name)),
    TEXT("ip", NULL, config_check_camera_ip, CAMERA_MEMBER(ip)),
    TEXT("camera_type", NULL, config_check_camera_type, CAMERA_MEMBER(type)),
    NUMBER("parking_lot_capacity", NULL, CONFIG_INT64, 0, LIMIT_CAPACITY, CAMERA_MEMBER(capacity)),
    END,
};

static const struct config_key CAMERAS[] = {
    NUMBER("heartbeat_timeout_s", NULL, CONFIG_SECONDS, 5, 86400,
           CONFIG_MEMBER(cameras.timeout_ms)),
    GROUP("items", CONFIG_CAMERAS, CAMERA),
    END,
};

static const struct config_key LIMITS[] = {
    NUMBER("http_threads", NULL, CONFIG_UINT32, 2, 512, CONFIG_MEMBER(limits.http_threads)),
    NUMBER("ws_clients", NULL, CONFIG_UINT32, 0, 4096, CONFIG_MEMBER(limits.ws_clients)),
    NUMBER("readers", NULL, CONFIG_UINT32, 1, 32, CONFIG_MEMBER(limits.readers)),
    NUMBER("body_bytes", NULL, CONFIG_UINT32, 16384, LIMIT_MESSAGE_BYTES,
           CONFIG_MEMBER(limits.body_bytes)),
    END,
};

const struct config_key CONFIG_KEYS[] = {
    GROUP("this_central", CONFIG_OBJECT, THIS_CENTRAL),
    GROUP("peer_centrals", CONFIG_PEERS, PEER),
    SECRET("mesh_secret", "PARKMESH_MESH_SECRET", config_check_secret, CONFIG_MEMBER(mesh_secret)),
    TEXT("mesh_secret_file", "PARKMESH_MESH_SECRET_FILE", NULL, CONFIG_MEMBER(mesh_secret_file)),
    TEXT("bind", "PARKMESH_BIND", config_check_bind, CONFIG_MEMBER(bind)),
    TEXT("timezone", "PARKMESH_TIMEZONE", config_check_timezone, CONFIG_MEMBER(timezone)),
    NUMBER("heartbeat_ms", "PARKMESH_HEARTBEAT_MS", CONFIG_INT64, 200, 60000,
           CONFIG_MEMBER(heartbeat_ms)),
    TEXT("data_dir", "PARKMESH_DATA_DIR", config_check_data_dir, CONFIG_MEMBER(data_dir)),
    TEXT("log_format", "PARKMESH_LOG_FORMAT", config_check_log_format, CONFIG_MEMBER(log_format)),
    TEXT("auth", "PARKMESH_AUTH", config_check_auth, CONFIG_MEMBER(auth)),
    SECRET("api_token", "PARKMESH_API_TOKEN", config_check_token, CONFIG_MEMBER(api_token)),
    GROUP("cors_origins", CONFIG_ORIGINS, NULL),
    GROUP("trusted_proxies", CONFIG_PROXIES, NULL),
    TEXT("ws_peers", NULL, config_check_ws_peers, CONFIG_MEMBER(ws_peers)),
    NUMBER("ws_peer_port", NULL, CONFIG_UINT16, 1, 65535, CONFIG_MEMBER(ws_peer_port)),
    NUMBER("retention_days", NULL, CONFIG_INT64, 0, 36500, CONFIG_MEMBER(retention_days)),
    GROUP("bus", CONFIG_OBJECT, BUS),
    GROUP("cameras", CONFIG_OBJECT, CAMERAS),
    GROUP("limits", CONFIG_OBJECT, LIMITS),
    END,
};

const struct config_key *config_find_key(const struct config_key *keys, const char *name)
{
    while (keys->name && strcmp(keys->name, name) != 0) {
        keys++;
    }
    return keys->name ? keys : NULL;
}

bool config_is_remark(const char *name)
{
    return name[0] == '_' || name[0] == '$' || strncmp(name, "//", 2) == 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The group of the file in which this very name is a key, NULL for none. */
static const char *home_of(const struct config_key *keys, const char *name)
{
    if (keys != CONFIG_KEYS && config_find_key(CONFIG_KEYS, name)) {
        return "";
    }
    for (const struct config_key *group = CONFIG_KEYS; group->name; group++) {
        if (group->members && group->members != keys && config_find_key(group->members, name)) {
            return group->name;
        }
    }
    return NULL;
}

/* The first key that goes on where `name` ends, "heartbeat_ms" for "heartbeat"; NULL = none. */
static const char *begins_with(const struct config_key *keys, const char *name)
{
    size_t len = strlen(name);
    for (const struct config_key *key = keys; key->name; key++) {
        if (len >= KEY_BEGINNING && strncmp(key->name, name, len) == 0) {
            return key->name;
        }
    }
    return NULL;
}

void config_unknown_key(const struct config_key *keys, const char *name, struct config_wrong *wrong)
{
    const char *nearest = NULL;
    size_t near = SPELLING_FAR;
    for (const struct config_key *key = keys; key->name; key++) {
        size_t far = spelling_distance(key->name, name);
        if (far < near && far < strlen(key->name)) {
            near = far;
            nearest = key->name;
        }
    }
    nearest = nearest ? nearest : begins_with(keys, name);
    const char *home = home_of(keys, name);
    char hint[sizeof wrong->hint];
    if (home) {
        snprintf(hint, sizeof hint, *home ? "it belongs inside \"%s\"" : "it belongs to the top%s",
                 home);
    } else if (nearest) {
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest);
    } else {
        int used = snprintf(hint, sizeof hint, "known here:");
        for (const struct config_key *key = keys; key->name && used > 0; key++) {
            size_t at = least((size_t)used, sizeof hint - 1);
            int len = snprintf(hint + at, sizeof hint - at, " %s", key->name);
            used = len < 0 || at + (size_t)len >= sizeof hint ? 0 : used + len;
        }
    }
    (void)config_is_wrong(wrong, hint, "unknown key \"%.80s\"", name);
}
