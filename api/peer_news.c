#include "api/peer_news.h"

#include "proto/log.h"

#include <stdlib.h>
#include <string.h>

/* The member of a list with this id; false when there is none. */
static bool find(const json_t *config, const struct node_id *id, struct introduce_central *central)
{
    const json_t *peers = json_object_get(config, "peer_centrals");

    for (size_t i = 0; i < json_array_size(peers); i++) {
        if (introduce_read(json_array_get(peers, i), central) &&
            node_id_compare(&central->id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* Somebody is in the list under this address: a central that was renamed is not told to forget us.
 */
static bool has_address(const json_t *config, const struct introduce_central *central)
{
    const json_t *peers = json_object_get(config, "peer_centrals");
    struct introduce_central other;

    for (size_t i = 0; i < json_array_size(peers); i++) {
        if (introduce_read(json_array_get(peers, i), &other) &&
            strcmp(other.ip, central->ip) == 0 && other.api_port == central->api_port) {
            return true;
        }
    }
    return false;
}

/* Those of `config` that concern a change: all of them, or only those not in `other`. */
static size_t collect(const json_t *config, const json_t *other, bool all, bool leaves,
                      struct introduction *out)
{
    const json_t *peers = json_object_get(config, "peer_centrals");
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(peers) && count < LIMIT_PEERS; i++) {
        struct introduce_central central, known;
        if (introduce_read(json_array_get(peers, i), &central) &&
            (all || !find(other, &central.id, &known)) &&
            !(leaves && has_address(other, &central))) {
            out[count++] = (struct introduction){.to = central, .leaves = leaves};
        }
    }
    return count;
}

static void put_results(struct json_writer *writer, const char *key, bool leaves,
                        const struct introduction *told, size_t count)
{
    json_put_key(writer, key);
    json_put_open(writer, '[');
    for (size_t i = 0; i < count; i++) {
        if (told[i].leaves != leaves) {
            continue;
        }
        json_put_open(writer, '{');
        json_set_text(writer, "peer_id", told[i].to.id.text);
        json_set_bool(writer, "success", told[i].success);
        json_set_text(writer, "message", told[i].message);
        json_set_text(writer, "code", problem_name(told[i].code));
        json_put_close(writer, '}');
    }
    json_put_close(writer, ']');
}

void peer_news_tell(struct request *request, const json_t *before, const json_t *after,
                    struct json_writer *writer)
{
    struct introduction *told = bytes_allocate((size_t)2 * LIMIT_PEERS, sizeof *told);
    struct introduce_central was, own;
    size_t count = 0;

    if (introduce_read(json_object_get(before, "this_central"), &was) &&
        introduce_read(json_object_get(after, "this_central"), &own) &&
        node_id_compare(&was.id, &own.id) == 0) {
        bool moved = strcmp(was.ip, own.ip) != 0 || was.p2p_port != own.p2p_port ||
                     was.api_port != own.api_port;
        count = collect(after, before, moved, false, told);
        count += collect(before, after, false, true, told + count);
        introduce_tell(request->gateway, &own, told, count);
    }
    put_results(writer, "registration_results", false, told, count);
    put_results(writer, "unregistration_results", true, told, count);
    free(told);
}

void peer_news_repeat(struct gateway *gateway, const json_t *config)
{
    struct introduction *told = bytes_allocate((size_t)LIMIT_PEERS, sizeof *told);
    struct introduce_central own;
    size_t count = 0;

    if (introduce_read(json_object_get(config, "this_central"), &own)) {
        count = collect(config, NULL, true, false, told);
        introduce_tell(gateway, &own, told, count);
    }
    for (size_t i = 0; i < count; i++) {
        char quoted[400];
        if (told[i].success) {
            log_info("PEER_TOLD", "peer=%s p2p_port=%u api_port=%u", told[i].to.id.text,
                     (unsigned)own.p2p_port, (unsigned)own.api_port);
        } else {
            log_warn("PEER_NOT_TOLD", "peer=%s why=%s", told[i].to.id.text,
                     log_quote(told[i].message, quoted, sizeof quoted));
        }
    }
    free(told);
}
