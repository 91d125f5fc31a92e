/*
 * Whose address is enough: the configured cameras, which cannot log in.
 */
#include "node/config_internal.h"

#include <arpa/inet.h>

static void add(struct config *config, const json_t *camera)
{
    const char *ip = json_string_value(json_object_get(camera, "ip"));
    struct in_addr address;

    if (ip && inet_pton(AF_INET, ip, &address) == 1 &&
        config->camera_address_count < LIMIT_CAMERAS) {
        config->camera_addresses[config->camera_address_count++] = address.s_addr;
    }
}

void config_find_cameras(struct config *config, const json_t *document)
{
    json_t *items = json_object_get(json_object_get(document, "cameras"), "items");

    config->camera_address_count = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        add(config, json_array_get(items, i));
    }
    for (void *at = json_object_iter(items); at; at = json_object_iter_next(items, at)) {
        add(config, json_object_iter_value(at));
    }
}
