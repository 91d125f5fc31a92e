/*
 * The configuration: a JSON file, the seed's `config/p2p_config.json` extended. Parsed into a
 * validated struct; every error is found in one pass, with file:line:column, the line, a caret and
 * a hint. flag > environment > file > default.
 */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H

#include "api/camera_table.h"
#include "bus/replica.h"
#include "proto/bytes.h"
#include "proto/limits.h"
#include "proto/problem.h"

#include <stdbool.h>

struct config_limits {
    uint32_t http_threads, ws_clients, readers, body_bytes;
};

/* One of peer_centrals. */
struct config_peer {
    struct node_id id;
    char ip[64]; /* numeric or a name */
    uint16_t p2p_port, api_port;
    char link[16];     /* "auto", "mesh", "websocket"; "" = "auto" */
    char timezone[64]; /* of the times that it writes over a WebSocket; "" = this central's */
};

struct config {
    /* this_central */
    struct node_id id;
    char ip[64]; /* what others dial: numeric or a name; never "auto" here (resolved on reading) */
    uint16_t p2p_port, api_port;

    struct config_peer *peers;
    size_t peer_count;

    char mesh_secret[256];      /* "" = none */
    char mesh_secret_file[512]; /* where it came from, "" = in the file or the environment */
    char bind[64];              /* "" = this_central.ip if local, and 127.0.0.1 beside it */
    char timezone[64];          /* "" = the system's */
    int64_t heartbeat_ms;       /* 200..60000, default 2000 */
    char data_dir[512];
    char log_format[8]; /* "text" or "json" */
    char auth[16];      /* "", "open" or "token" */
    char api_token[256];
    char cors_origins[16][128];
    size_t cors_count;
    char proxies[LIMIT_PROXIES][16]; /* numeric; their word about the client is believed */
    size_t proxy_count;
    struct config_limits limits;
    struct camera_settings cameras;
    uint16_t bus_port, replay_port;
    char ws_peers[8];                   /* "open", "off"; "" = "off" */
    uint16_t ws_peer_port;              /* 0 = none */
    char bus_bind[64], bus_secret[256]; /* "" = loopback; no encryption */
    /* Checked and kept, not used yet */
    int64_t retention_days; /* 0 = for ever */
};

void config_init(struct config *config); /* the standalone default */
void config_free(struct config *config);
int config_copy(struct config *to, const struct config *from);

/*
 * Parses and validates `text`, named `name` in messages; environment overrides (PARKMESH_API_PORT,
 * PARKMESH_MESH_SECRET, ...) are applied. 0, or -1: `errors` then holds one message per error in
 * the form
 *   p2p_config.json:3:5: error CONFIG_INVALID: unknown key "p2p_prot"
 *       "p2p_prot": 9000,
 *       ^
 *     hint: did you mean "p2p_port"?
 * Warnings (a mesh_secret file others can read, no secret with peers) go to `warnings`.
 */
int config_parse(struct config *config, struct slice text, const char *name, struct buffer *errors,
                 struct buffer *warnings);

/* Reads a file. A missing one is created with the standalone default (also its directory). 0, -1
 * with CONFIG_INVALID (then `errors` is filled) or CONFIG_UNREADABLE. */
int config_load(struct config *config, const char *path, struct buffer *errors,
                struct buffer *warnings, struct problem *problem);

/* The same without creating anything: a missing file is CONFIG_UNREADABLE. */
int config_check(struct config *config, const char *path, struct buffer *errors,
                 struct buffer *warnings, struct problem *problem);

/* The present text of the file of a central that runs. 0, or -1 with CONFIG_UNREADABLE, also when
 * there is none: a change laid over nothing would make another central of it. */
int config_text(const char *path, struct buffer *out, struct problem *problem);

/*
 * PUT semantics: merges the JSON object `change` into the file's present text: absent keys are
 * kept, peers match by `id` (the array given is the new list; a peer keeps the keys it does not
 * mention), secrets may be set but an empty or masked value keeps the old one. Unknown keys of the
 * file's own are kept as they are. A missing file is the standalone default (config_text has looked
 * before). Validates the result; on success `merged` holds the new file text and `config` the
 * parsed result. Nothing is written. 0, or -1 with CONFIG_INVALID, JSON_INVALID or FIELD_INVALID
 * naming every wrong field.
 */
int config_merge(const char *path, struct slice change, struct buffer *merged,
                 struct config *config, struct problem *problem);

/* A change for config_merge that adds or changes one of peer_centrals (`peer`: a JSON object with
 * its id), or removes it; `found`: it was there. 0, or -1 with FIELD_INVALID, NOT_FOUND (nothing to
 * remove) or what reading the file gives. */
int config_change_peer(const char *path, struct slice peer, bool remove, bool *found,
                       struct buffer *change, struct problem *problem);

/* Writes atomically: temporary file beside it, fsync, rename, fsync of the directory; keeps mode
 * 0600 when it holds a secret. 0, or -1 with CONFIG_UNREADABLE / DISK_FULL. */
int config_write(const char *path, struct slice text, struct problem *problem);

/* As GET shows it: {"this_central": {...}, "peer_centrals": [...], ...} without secrets (instead
 * "mesh_secret_set": true). */
int config_json(const struct config *config, struct buffer *out);

/* The listeners' addresses. At most `max` texts "ip:port" for HTTP; returns the count. */
size_t config_http_listeners(const struct config *config, char out[][80], size_t max);
/* Where the bus binds: a numeric address or "*"; loopback when `bus.bind` is empty. */
void config_bus_bind(const struct config *config, char out[64]);
/* Where the mesh binds: a numeric address or "*". */
void config_mesh_bind(const struct config *config, char out[64]);

/* True for a loopback address. */
bool config_is_loopback(const char *ip);

#endif
