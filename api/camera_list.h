/*
 * The list of cameras as pages know it.
 */
#ifndef API_CAMERA_LIST_H
#define API_CAMERA_LIST_H

#include "api/cameras.h"
#include "api/json.h"

#define CAMERA_PORT 5000 /* on which every existing box answers */

/* The members `total`, `online`, `offline` and `cameras` of an open object. */
void camera_list_put(struct json_writer *writer, struct cameras *cameras);

#endif
