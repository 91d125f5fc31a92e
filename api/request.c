#include "api/request.h"

#include "api/respond.h"
#include "proto/clock.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Bytes asked of civetweb at a time. It comes back only when all of them are there or nothing came
 * for request_timeout_ms; small bites keep our own deadline effective against a client that drips.
 */
#define REQUEST_BITE 16

/* 16 hex digits and a NUL. */
static void put_hex(uint64_t value, char *out)
{
    for (int i = 15; i >= 0; i--) {
        out[i] = "0123456789abcdef"[value & 0xf];
        value >>= 4;
    }
    out[16] = '\0';
}

void request_init(struct request *request, struct gateway *gateway,
                  struct mg_connection *connection)
{
    *request = (struct request){
        .gateway = gateway,
        .worker = mg_get_thread_pointer(connection),
        .connection = connection,
        .info = mg_get_request_info(connection),
    };
    request->unread =
        request->info->content_length > 0 || mg_get_header(connection, "Transfer-Encoding") != NULL;
}

void request_name(struct request *request)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-_.:";
    const char *sent = mg_get_header(request->connection, "X-Request-Id");
    size_t len = sent != NULL ? strlen(sent) : 0;

    if (len > 0 && len <= REQUEST_ID && strspn(sent, allowed) == len) {
        (void)snprintf(request->id, sizeof request->id, "%s", sent);
    } else {
        put_hex(++request->worker->named, request->id);
    }
}

static int fail(struct request *request, enum problem_code code, const char *text)
{
    respond_error(request, code, text);
    return -1;
}

/* ---- head ------------------------------------------------------------------------------------ */

/* civetweb takes "5x" for 5. */
static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Two lengths, a length beside chunks, or one that is none: what we take for the end another server
 * may not. */
static bool length_ambiguous(const struct request *request)
{
    int lengths = 0, encodings = 0;
    bool numbers = true;

    for (int i = 0; i < request->info->num_headers; i++) {
        const struct mg_header *header = &request->info->http_headers[i];
        bool is_length = strcasecmp(header->name, "Content-Length") == 0;
        lengths += is_length;
        encodings += strcasecmp(header->name, "Transfer-Encoding") == 0;
        numbers = numbers && (!is_length || is_number(header->value));
    }
    return lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0) || !numbers;
}

/* civetweb drops the headers for which it has no room: X-Forwarded-For may be among them, which
 * makes a stranger of who comes from loopback, or Origin, or another length. */
static bool is_cut(const struct request *request)
{
    return request->info->num_headers >=
           (int)(sizeof request->info->http_headers / sizeof request->info->http_headers[0]);
}

int request_check_head(struct request *request)
{
    bool cut = is_cut(request);

    if (!cut && !length_ambiguous(request)) {
        return 0;
    }
    request->unread = true;
    return cut ? fail(request, PROBLEM_HEADERS_TOO_MANY, "at most 63 headers in one request")
               : fail(request, PROBLEM_LENGTH_AMBIGUOUS,
                      "Content-Length and Transfer-Encoding contradict each other, or a length is "
                      "no whole number");
}

/* ---- who may talk ---------------------------------------------------------------------------- */

/* "http://10.0.0.5:8000" is the page that we serve when Host is "10.0.0.5:8000". */
static bool same_host(const char *origin, const char *host)
{
    const char *rest = strstr(origin, "://");

    return rest != NULL && host != NULL && strcasecmp(rest + 3, host) == 0;
}

bool request_origin_allowed(struct request *request)
{
    const struct gateway *gateway = request->gateway;
    const char *origin = mg_get_header(request->connection, "Origin");

    if (gateway->any_origin) {
        request->allow_origin = "*";
    }
    if (origin == NULL || same_host(origin, mg_get_header(request->connection, "Host"))) {
        request->cookies_count = true;
        return true;
    }
    for (size_t i = 0; i < gateway->origin_count; i++) {
        if (strcasecmp(origin, gateway->origins[i]) == 0) {
            request->allow_origin = gateway->origins[i];
            request->cookies_count = true;
            return true;
        }
    }
    return gateway->any_origin;
}

bool request_is_upgrade(const struct request *request)
{
    const char *upgrade = mg_get_header(request->connection, "Upgrade");

    return upgrade != NULL && strcasecmp(upgrade, "websocket") == 0 &&
           strcmp(request->info->request_method, "GET") == 0;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool request_decode(struct slice text, bool plus, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.data[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = high * 16 + low;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f || len + 1 >= size) {
            return false;
        }
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return wire_is_utf8((struct slice){out, len});
}

struct slice request_query(const struct request *request, const char *name)
{
    const char *at = request->info->query_string;
    size_t name_len = strlen(name);
    struct slice found = {0};

    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, "&");
        if (len >= name_len && memcmp(at, name, name_len) == 0) {
            if (len == name_len) {
                found = (struct slice){at + len, 0};
            } else if (at[name_len] == '=') {
                found = (struct slice){at + name_len + 1, len - name_len - 1};
            }
        }
        at += len;
        if (*at == '&') {
            at++;
        }
    }
    return found;
}

/* Decimal text, sign allowed, no more than an int64. */
static bool parse_int(const char *text, int64_t *out)
{
    char *end;
    long long value;

    if (strchr("+-0123456789", text[0]) == NULL || text[0] == '\0') {
        return false;
    }
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text) {
        return false;
    }
    *out = value;
    return true;
}

int request_query_int(struct request *request, const char *name, int64_t *out)
{
    struct slice raw = request_query(request, name);
    char text[32];

    if (raw.data == NULL) {
        return 0;
    }
    if (!request_decode(raw, true, text, sizeof text) || !parse_int(text, out)) {
        respond_parameter(request, "query", name, "value is not a valid integer",
                          "type_error.integer");
        return -1;
    }
    return 0;
}

int request_query_bool(struct request *request, const char *name, bool *out)
{
    static const char *const yes[] = {"true", "1", "yes", "on", "t", "y"};
    static const char *const no[] = {"false", "0", "no", "off", "f", "n"};
    struct slice raw = request_query(request, name);
    char text[16];
    bool known = false;

    if (raw.data == NULL) {
        return 0;
    }
    if (request_decode(raw, true, text, sizeof text)) {
        for (size_t i = 0; i < sizeof yes / sizeof yes[0] && !known; i++) {
            known = strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0;
            *out = strcasecmp(text, yes[i]) == 0;
        }
    }
    if (known) {
        return 0;
    }
    respond_parameter(request, "query", name, "value could not be parsed to a boolean",
                      "type_error.bool");
    return -1;
}

int request_query_text(struct request *request, const char *name, char *out, size_t size)
{
    struct slice raw = request_query(request, name);

    if (raw.data == NULL || request_decode(raw, true, out, size)) {
        return 0;
    }
    respond_parameter(request, "query", name, "value is not a valid text", "type_error.str");
    return -1;
}

int request_path_id(struct request *request, const char *name, int64_t *out)
{
    if (parse_int(request->parameter, out)) {
        return 0;
    }
    respond_parameter(request, "path", name, "value is not a valid integer", "type_error.integer");
    return -1;
}

/* ---- body ------------------------------------------------------------------------------------ */

static int check_length(struct request *request)
{
    if (request->info->content_length > (long long)request->gateway->body_bytes) {
        return fail(request, PROBLEM_BODY_TOO_LARGE, "Nội dung quá lớn");
    }
    return 0;
}

/* Bites until the end, the cap or the deadline. */
static int read_bites(struct request *request, size_t announced)
{
    struct buffer *in = &request->worker->in;
    int64_t until_ms = clock_mono_ms() + LIMIT_HTTP_BODY_MS;

    while (announced == 0 || in->len < announced) {
        char bite[REQUEST_BITE];
        size_t want =
            announced == 0 || announced - in->len > sizeof bite ? sizeof bite : announced - in->len;
        int got = mg_read(request->connection, bite, want);
        if (got == 0) {
            break;
        }
        if (got < 0) {
            return fail(request, PROBLEM_BODY_INCOMPLETE, "Nội dung không đầy đủ");
        }
        if (buffer_append(in, bite, (size_t)got) != 0) {
            return fail(request, PROBLEM_BODY_TOO_LARGE, "Nội dung quá lớn");
        }
        if (clock_mono_ms() > until_ms) {
            return fail(request, PROBLEM_BODY_INCOMPLETE, "Nội dung đến quá chậm");
        }
    }
    return 0;
}

int request_body(struct request *request)
{
    struct buffer *in = &request->worker->in;
    long long length = request->info->content_length;
    bool chunked = mg_get_header(request->connection, "Transfer-Encoding") != NULL;
    const char *expect;

    buffer_clear(in);
    request->body = (struct slice){"", 0};
    if (check_length(request) != 0) {
        return -1;
    }
    if (!request->unread) {
        return 0;
    }
    expect = mg_get_header(request->connection, "Expect");
    if (expect != NULL && strcasecmp(expect, "100-continue") == 0 &&
        mg_write(request->connection, "HTTP/1.1 100 Continue\r\n\r\n", 25) != 25) {
        return fail(request, PROBLEM_BODY_INCOMPLETE, "connection lost");
    }
    if (read_bites(request, chunked ? 0 : (size_t)length) != 0) {
        return -1;
    }
    if (!chunked && in->len != (size_t)length) {
        return fail(request, PROBLEM_BODY_INCOMPLETE, "Nội dung ngắn hơn Content-Length");
    }
    request->unread = false;
    if (in->len > 0) {
        request->body = buffer_slice(in);
    }
    return 0;
}

json_t *request_object(struct request *request)
{
    struct problem problem;
    json_t *object;

    if (request_body(request) != 0) {
        return NULL;
    }
    object = json_read_object(request->body, &problem);
    if (object == NULL) {
        respond_problem(request, &problem);
    }
    return object;
}

int request_optional_object(struct request *request, json_t **object)
{
    struct problem problem;

    *object = NULL;
    if (request_body(request) != 0) {
        return -1;
    }
    if (request->body.len == 0) {
        return 0;
    }
    *object = json_read_object(request->body, &problem);
    if (*object == NULL) {
        respond_problem(request, &problem);
        return -1;
    }
    return 0;
}

struct slice request_reason(const json_t *body)
{
    struct slice text = json_member_text(body, "reason");

    text.len = slice_cut(text, LIMIT_TEXT);
    return text.len > 0 ? text : (struct slice){0};
}
