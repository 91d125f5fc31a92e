#include "bus/mesh.h"

#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>

/* config = [node, bind_ip, p2p_port, api_port, heartbeat_ms, present, public, secret, mesh_id,
 *           software, [[id, ip, p2p_port, api_port]...], fold] */

#define KEY_BYTES 32

static void put_peer(msgpack_packer *packer, const struct replica_peer *peer)
{
    msgpack_pack_array(packer, 4);
    wire_put_text(packer, peer->id.text);
    wire_put_text(packer, peer->ip);
    msgpack_pack_uint16(packer, peer->p2p_port);
    msgpack_pack_uint16(packer, peer->api_port);
}

int mesh_config_pack(const struct mesh_config *config, struct buffer *out)
{
    msgpack_packer packer;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 12);
    wire_put_text(&packer, config->node.text);
    wire_put_text(&packer, config->bind_ip);
    msgpack_pack_uint16(&packer, config->p2p_port);
    msgpack_pack_uint16(&packer, config->api_port);
    msgpack_pack_int64(&packer, config->heartbeat_ms);
    if (config->keys.present) {
        msgpack_pack_true(&packer);
    } else {
        msgpack_pack_false(&packer);
    }
    wire_put_slice_bin(&packer, (struct slice){(const char *)config->keys.public_key, KEY_BYTES});
    wire_put_slice_bin(&packer, (struct slice){(const char *)config->keys.secret_key, KEY_BYTES});
    wire_put_digest(&packer, &config->keys.mesh_id);
    wire_put_text(&packer, config->software);
    msgpack_pack_array(&packer, config->peer_count);
    for (size_t i = 0; i < config->peer_count; i++) {
        put_peer(&packer, &config->peers[i]);
    }
    msgpack_pack_uint64(&packer, config->fold);
    return out->full ? -1 : 0;
}

static void read_key(struct wire_row *row, uint8_t key[KEY_BYTES])
{
    struct slice bytes = wire_row_bin(row, KEY_BYTES);
    if (bytes.data && bytes.len == KEY_BYTES) {
        memcpy(key, bytes.data, KEY_BYTES);
    } else {
        row->bad = true;
    }
}

static bool read_peer(const msgpack_object *array, struct replica_peer *peer)
{
    struct wire_row row = wire_row(array);
    peer->id = wire_row_node(&row);
    wire_row_text(&row, peer->ip, sizeof peer->ip);
    peer->p2p_port = (uint16_t)wire_row_u64(&row, 1, UINT16_MAX);
    peer->api_port = (uint16_t)wire_row_u64(&row, 0, UINT16_MAX);
    return !row.bad;
}

static bool read_config(struct mesh_config *config, const msgpack_object *root)
{
    struct wire_row row = wire_row(root);
    config->node = wire_row_node(&row);
    wire_row_text(&row, config->bind_ip, sizeof config->bind_ip);
    config->p2p_port = (uint16_t)wire_row_u64(&row, 1, UINT16_MAX);
    config->api_port = (uint16_t)wire_row_u64(&row, 0, UINT16_MAX);
    config->heartbeat_ms = wire_row_i64(&row, 1, INT32_MAX);
    config->keys.present = wire_row_bool(&row);
    read_key(&row, config->keys.public_key);
    read_key(&row, config->keys.secret_key);
    config->keys.mesh_id = wire_row_digest(&row);
    wire_row_text(&row, config->software, sizeof config->software);
    const msgpack_object *peers = wire_row_array(&row, LIMIT_PEERS, &config->peer_count);
    config->fold = wire_row_u64(&row, 0, UINT64_MAX);
    if (row.bad) {
        return false;
    }
    config->peers = bytes_allocate(config->peer_count, sizeof *config->peers);
    for (size_t i = 0; i < config->peer_count; i++) {
        if (!read_peer(wire_at(peers, i), &config->peers[i])) {
            return false;
        }
    }
    return true;
}

int mesh_config_unpack(struct mesh_config *config, struct slice bytes)
{
    struct wire wire;

    *config = (struct mesh_config){.p2p_port = 0};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    bool good = read_config(config, &wire.root);
    wire_close(&wire);
    if (!good) {
        mesh_config_free(config);
        return -1;
    }
    return 0;
}

void mesh_config_free(struct mesh_config *config)
{
    free(config->peers);
    *config = (struct mesh_config){.p2p_port = 0};
}
