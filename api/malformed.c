#include "api/malformed.h"

#include "api/json.h"
#include "api/meter.h"
#include "api/refusals.h"
#include "api/route.h"
#include "proto/bytes.h"
#include "proto/clock.h"
#include "proto/log.h"

#include <inttypes.h>
#include <stdio.h>

struct reason {
    enum problem_code code;
    const char *text;
};

/* civetweb has few words for many causes; a status is all that tells them apart. */
static struct reason reason_of(int status, const char *message)
{
    switch (status) {
    case 400:
        return (struct reason){PROBLEM_HTTP_MALFORMED,
                               "this is no HTTP request, or its line and headers are longer than "
                               "16 KiB or did not all come within 5 s"};
    case 411:
        return (struct reason){PROBLEM_HTTP_MALFORMED,
                               "Content-Length must be the body's length in bytes, a whole number"};
    case 404:
        return (struct reason){PROBLEM_NOT_FOUND, "no such path"};
    default:
        return (struct reason){status >= 500 ? PROBLEM_INTERNAL : PROBLEM_HTTP_MALFORMED,
                               message != NULL ? message : "bad request"};
    }
}

static void note(struct gateway *gateway, const struct mg_connection *connection, int status,
                 enum problem_code code)
{
    const struct mg_request_info *info = mg_get_request_info(connection);
    uint64_t left_out;
    char more[40] = "";

    meter_http(gateway->meter, route_index(NULL), status);
    if (!refusals_take(gateway->refusals, code, clock_mono_ms(), &left_out)) {
        return;
    }
    if (left_out > 0) {
        (void)snprintf(more, sizeof more, " left_out=%" PRIu64, left_out);
    }
    log_info("HTTP_REFUSED", "from=%s status=%d problem=%s%s", info->remote_addr, status,
             problem_name(code), more);
}

void malformed_answer(struct gateway *gateway, struct mg_connection *connection, int status,
                      const char *message)
{
    struct reason reason = reason_of(status, message);
    struct buffer body = {0};
    struct json_writer writer = json_writer(&body);
    char text[768];
    int len;

    note(gateway, connection, status, reason.code);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", false);
    json_set_text(&writer, "error", reason.text);
    json_set_text(&writer, "code", problem_name(reason.code));
    json_put_close(&writer, '}');
    mg_disable_connection_keep_alive(connection);
    len = snprintf(text, sizeof text,
                   "HTTP/1.1 %d %s\r\nContent-Type: application/json; charset=utf-8\r\n"
                   "Content-Length: %zu\r\nConnection: close\r\n\r\n%.*s",
                   status, mg_get_response_code_text(connection, status), body.len, (int)body.len,
                   body.data);
    if (len > 0 && len < (int)sizeof text) {
        (void)mg_write(connection, text, (size_t)len); /* it is closing anyway */
    }
    buffer_free(&body);
}
