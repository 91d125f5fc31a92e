/*
 * The files of the page (api/web), embedded in the program at build time. Each is there as it is
 * and packed with gzip; a browser asks again with the ETag and gets 304 until it has changed.
 */
#ifndef API_ASSETS_H
#define API_ASSETS_H

#include "proto/bytes.h"

struct asset {
    const char *path; /* below api/web: "index.html", "screens/home.js" */
    const char *type; /* Content-Type */
    const char *etag; /* of the bytes, without quotes */
    const unsigned char *plain;
    size_t plain_len;
    const unsigned char *packed; /* gzip */
    size_t packed_len;
};

extern const struct asset ASSETS[];
extern const size_t ASSET_COUNT;

/* The file with that path, or NULL. */
const struct asset *assets_find(struct slice path);

#endif
