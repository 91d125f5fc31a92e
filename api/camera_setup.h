/*
 * The settings of cameras brought to their boxes: what each is, and which central it belongs to.
 */
#ifndef API_CAMERA_SETUP_H
#define API_CAMERA_SETUP_H

#include "api/camera_table.h"
#include "api/json.h"

#include <stdatomic.h>

/* Where boxes find this central. */
struct camera_home {
    char ip[CAMERA_IP]; /* numeric or a name */
    int64_t port;
};

/* Tells every camera that has an address, all at once, in two calls each; then writes the member
 * `sync_results` of an open object, an element for each. Takes as long as the slowest, bounded by
 * the time-outs of api/call.h. */
void camera_setup_all(const struct camera_settings *cameras, const struct camera_home *home,
                      const atomic_bool *abandon, struct json_writer *writer);

#endif
