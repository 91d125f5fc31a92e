#include "api/ws_dial.h"

#include "api/libcurl.h"
#include "api/ws_frame.h"
#include "proto/clock.h"
#include "proto/limits.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>

#define HANDSHAKE_MS 5000
#define SLICE_MS 100 /* a wait looks this often whether it was abandoned */

struct ws_dial {
    const struct libcurl *curl;
    CURL *easy; /* owns the socket */
    int socket;
};

/* ---- connecting ------------------------------------------------------------------------------ */

static int is_abandoned(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct ws_dial_to *to = context;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(to->abandon) ? 1 : 0;
}

static int connect_to(struct ws_dial *dial, const struct ws_dial_to *to, char *error, size_t size)
{
    char url[128], text[CURL_ERROR_SIZE] = "no memory";
    curl_socket_t found = CURL_SOCKET_BAD;
    struct ws_dial_to context = *to;
    const struct libcurl *curl = dial->curl;
    CURL *easy = dial->easy;

    (void)snprintf(url, sizeof url, "http://%s:%u/", to->ip, to->port); /* an ip has 63 bytes */
    if (easy == NULL || curl->easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, text) != CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) != CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)LIMIT_CALL_CONNECT_MS) !=
            CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) != CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, is_abandoned) != CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_XFERINFODATA, &context) != CURLE_OK ||
        curl->easy_perform(easy) != CURLE_OK ||
        curl->easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &found) != CURLE_OK || found < 0) {
        (void)snprintf(error, size, "cannot connect: %s", text); /* may be cut */
        return -1;
    }
    dial->socket = found;
    return 0;
}

/* ---- the handshake --------------------------------------------------------------------------- */

static bool is_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* A few hundred bytes into a new connection's buffer: they fit, or something is wrong. */
static bool say(int socket, struct slice text)
{
    return send(socket, text.data, text.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)text.len;
}

/* False at the end of the connection. */
static bool read_some(int socket, struct buffer *in)
{
    struct pollfd one = {.fd = socket, .events = POLLIN};
    char part[4096];
    ssize_t got;

    (void)poll(&one, 1, SLICE_MS); /* whatever it says, reading shows */
    got = recv(socket, part, sizeof part, MSG_DONTWAIT);
    if (got > 0) {
        return buffer_append(in, part, (size_t)got) == 0;
    }
    return got < 0 && is_later();
}

static int shake_hands(const struct ws_dial *dial, const struct ws_dial_to *to, struct buffer *rest)
{
    int64_t until_ms = clock_mono_ms() + HANDSHAKE_MS;
    struct buffer request = {0}, in = {0};
    uint8_t nonce[16] = {0};
    size_t used = 0;
    int rc = 0;

    (void)!getrandom(nonce, sizeof nonce, 0); /* of 16 bytes it never gives fewer */
    ws_frame_put_request(&request, to->ip, to->port, to->path, nonce);
    if (!say(dial->socket, buffer_slice(&request))) {
        rc = -1;
    }
    while (rc == 0 && clock_mono_ms() < until_ms && !atomic_load(to->abandon)) {
        rc = read_some(dial->socket, &in) ? ws_frame_read_answer(buffer_slice(&in), &used) : -1;
    }
    if (rc == 1) {
        rc = buffer_append(rest, in.data + used, in.len - used) == 0 ? 1 : -1;
    }
    buffer_free(&request);
    buffer_free(&in);
    return rc;
}

/* ---- both ------------------------------------------------------------------------------------ */

struct ws_dial *ws_dial_open(const struct ws_dial_to *to, struct buffer *rest, char *error,
                             size_t size)
{
    const struct libcurl *curl = libcurl_load(error, size);
    struct ws_dial *dial;
    int rc;

    if (curl == NULL) {
        return NULL;
    }
    dial = bytes_allocate(1, sizeof *dial);
    dial->curl = curl;
    dial->easy = curl->easy_init();
    if (connect_to(dial, to, error, size) != 0) {
        ws_dial_close(&dial);
        return NULL;
    }
    rc = shake_hands(dial, to, rest);
    if (rc != 1) {
        (void)snprintf(error, size, "no WebSocket: %s",
                       rc < 0 ? "it refuses the handshake" : "no answer");
        ws_dial_close(&dial);
    }
    return dial;
}

int ws_dial_socket(const struct ws_dial *dial)
{
    return dial->socket;
}

void ws_dial_close(struct ws_dial **dial)
{
    if (*dial == NULL) {
        return;
    }
    (*dial)->curl->easy_cleanup((*dial)->easy); /* closes the socket, too */
    free(*dial);
    *dial = NULL;
}
