/*
 * One central more or less, as a change for config_merge: the list as the file has it now, so that
 * two who change it one after the other both find what they did.
 */
#include "node/config_internal.h"

#include <stdlib.h>
#include <string.h>

static void append(json_t *list, json_t *owned)
{
    if (json_array_append_new(list, owned)) {
        abort(); /* out of memory */
    }
}

/* The others by their ids alone: merging keeps what is known of them. */
static json_t *others(const json_t *document, const json_t *id, bool *found)
{
    const json_t *peers = json_object_get(document, "peer_centrals");
    json_t *list = json_array();

    *found = false;
    for (size_t i = 0; i < json_array_size(peers); i++) {
        json_t *other = json_object_get(json_array_get(peers, i), "id");
        if (json_equal(other, id)) {
            *found = true;
        } else {
            append(list, json_pack("{s:O}", "id", other));
        }
    }
    return list;
}

int config_change_peer(const char *path, struct slice peer, bool remove, bool *found,
                       struct buffer *change, struct problem *problem)
{
    json_t *given = json_loadb(peer.data, peer.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *id = json_object_get(given, "id");
    json_t *document = NULL, *list;
    char *text;
    int rc = -1;

    if (!json_is_string(id)) {
        (void)problem_set(problem, PROBLEM_FIELD_INVALID, NULL, "a central needs an id");
        goto release;
    }
    document = config_load_present(path, problem);
    if (!document) {
        goto release;
    }
    list = others(document, id, found);
    if (!remove) {
        append(list, json_incref(given));
    } else if (!*found) {
        (void)problem_set(problem, PROBLEM_NOT_FOUND, NULL, "%s không có trong peer_centrals",
                          json_string_value(id));
        json_decref(list);
        goto release;
    }
    json_t *whole = json_pack("{s:o}", "peer_centrals", list);
    text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    if (!text) {
        abort(); /* out of memory */
    }
    rc = buffer_append(change, text, strlen(text));
    if (rc) {
        (void)problem_set(problem, PROBLEM_FIELD_INVALID, NULL, "too many centrals");
    }
    free(text);
    json_decref(whole);
release:
    json_decref(document);
    json_decref(given);
    return rc;
}
