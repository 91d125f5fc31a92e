#include "api/assets.h"

#include "api/handlers.h"
#include "api/respond.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_PREFIX "/web/"
#define PAGE_FILE_BYTES (4 * 1024 * 1024) /* of one file read from --web-dir */

/* No script, style or request from anywhere else, and nobody may frame the page. */
#define PAGE_POLICY                                                                    \
    "Content-Security-Policy: default-src 'self'; img-src 'self' data: blob:; "        \
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; " \
    "frame-ancestors 'none'\r\n"                                                       \
    "Referrer-Policy: no-referrer\r\n"

const struct asset *assets_find(struct slice path)
{
    for (size_t i = 0; i < ASSET_COUNT; i++) {
        if (slice_equal(path, slice_text(ASSETS[i].path))) {
            return &ASSETS[i];
        }
    }
    return NULL;
}

static bool accepts_gzip(const struct request *request)
{
    const char *header = mg_get_header(request->connection, "Accept-Encoding");
    return header != NULL && strstr(header, "gzip") != NULL && strstr(header, "gzip;q=0") == NULL;
}

static bool is_known(const struct request *request, const char *etag)
{
    const char *header = mg_get_header(request->connection, "If-None-Match");
    return header != NULL && strstr(header, etag) != NULL;
}

static void send_embedded(struct request *request, const struct asset *asset)
{
    bool packed = accepts_gzip(request);
    char lines[1024];
    struct slice body = packed ? (struct slice){(const char *)asset->packed, asset->packed_len}
                               : (struct slice){(const char *)asset->plain, asset->plain_len};

    (void)snprintf(lines, sizeof lines,
                   "Content-Type: %s\r\nETag: \"%s%s\"\r\nVary: Accept-Encoding\r\n"
                   "Cache-Control: no-cache\r\n%s%s",
                   asset->type, asset->etag, packed ? "-gz" : "",
                   packed ? "Content-Encoding: gzip\r\n" : "", PAGE_POLICY);
    if (is_known(request, asset->etag)) {
        respond_bytes(request, 304, lines, (struct slice){"", 0});
    } else {
        respond_bytes(request, 200, lines, body);
    }
}

/* Own files only: a path without "..", below the folder that was named on the command line. */
static int read_file(const struct request *request, const struct asset *asset, struct buffer *out)
{
    char path[600];
    struct stat stat_buffer;
    ssize_t got = 0;
    int len = snprintf(path, sizeof path, "%s/%s", request->gateway->web_dir, asset->path);
    int fd = len > 0 && (size_t)len < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &stat_buffer) == 0 && S_ISREG(stat_buffer.st_mode) &&
        stat_buffer.st_size <= PAGE_FILE_BYTES) {
        char bite[16384];
        while ((got = read(fd, bite, sizeof bite)) > 0 &&
               buffer_append(out, bite, (size_t)got) == 0) {
        }
    }
    (void)close(fd);
    return got == 0 && out->len > 0 ? 0 : -1;
}

/* From disk, so that a change is seen at once; what comes from others stays embedded. */
static bool send_from_disk(struct request *request, const struct asset *asset)
{
    struct buffer bytes;
    char lines[1024];
    bool found;

    buffer_init(&bytes, PAGE_FILE_BYTES);
    found = read_file(request, asset, &bytes) == 0;
    if (found) {
        (void)snprintf(lines, sizeof lines, "Content-Type: %s\r\nCache-Control: no-store\r\n%s",
                       asset->type, PAGE_POLICY);
        respond_bytes(request, 200, lines, buffer_slice(&bytes));
    }
    buffer_free(&bytes);
    return found;
}

static void send_asset(struct request *request, struct slice path)
{
    const struct asset *asset = assets_find(path);

    if (asset == NULL) {
        respond_error(request, PROBLEM_NOT_FOUND, "no such file of the page");
    } else if (request->gateway->web_dir[0] == '\0' || !send_from_disk(request, asset)) {
        send_embedded(request, asset);
    }
}

void assets_file(struct request *request)
{
    const char *path = request->info->local_uri;

    if (path == NULL || strncmp(path, PAGE_PREFIX, strlen(PAGE_PREFIX)) != 0) {
        respond_error(request, PROBLEM_NOT_FOUND, "no such file of the page");
        return;
    }
    send_asset(request, slice_text(path + strlen(PAGE_PREFIX)));
}

void assets_openapi(struct request *request)
{
    send_asset(request, slice_text("openapi.json"));
}

void assets_page(struct request *request)
{
    const char *accept = mg_get_header(request->connection, "Accept");

    if (accept != NULL && strstr(accept, "text/html") != NULL) {
        send_asset(request, slice_text("index.html"));
    } else {
        status_root(request);
    }
}
