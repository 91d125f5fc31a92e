#include "api/respond.h"

#include "api/refusals.h"
#include "proto/clock.h"
#include "proto/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Room in front of a body for its head; a chunk's length line fits too. */
#define RESPOND_HEAD 1536
/* Bytes that make a chunk: a few TCP segments, and well under the buffer's ceiling. */
#define RESPOND_CHUNK 32768
#define RESPOND_METHODS "GET, POST, PUT, DELETE"

struct json_writer respond_json(struct request *request)
{
    static const char room[RESPOND_HEAD];

    buffer_clear(&request->worker->out);
    (void)buffer_append(&request->worker->out, room, sizeof room); /* fits: the buffer is empty */
    return json_writer(&request->worker->out);
}

/* A growing head in a fixed place; our own texts only, so it always fits. */
struct preamble {
    char text[RESPOND_HEAD];
    size_t len;
};

static void add(struct preamble *head, const char *text)
{
    size_t len = strlen(text);

    if (len <= sizeof head->text - head->len) {
        memcpy(head->text + head->len, text, len);
        head->len += len;
    }
}

static void add_line(struct preamble *head, const char *name, const char *value)
{
    add(head, name);
    add(head, ": ");
    add(head, value);
    add(head, "\r\n");
}

static void add_length(struct preamble *head, size_t len)
{
    char text[DECIMAL_TEXT];

    (void)decimal_text(len, text); /* returns their count */
    add_line(head, "Content-Length", text);
}

static bool has_option(const char *header, const char *option)
{
    return header != NULL && strstr(header, option) != NULL;
}

/* Whether the connection ends with this answer: a body that nobody read would be taken for the
 * next request, and a stopping server wants its workers back. */
static bool closes(const struct request *request)
{
    const char *connection = mg_get_header(request->connection, "Connection");
    const char *version = request->info->http_version;

    if (request->unread || atomic_load(&request->gateway->stopping)) {
        return true;
    }
    if (version == NULL || strcmp(version, "1.1") != 0) {
        return !(has_option(connection, "keep-alive") || has_option(connection, "Keep-Alive"));
    }
    return has_option(connection, "close") || has_option(connection, "Close");
}

static bool is_any(const char *origin)
{
    return strcmp(origin, "*") == 0;
}

/* A 503 has ours; a handler may have set one that it knows better. */
static bool has_retry_after(const struct request *request, int status)
{
    return status == 503 || strstr(request->lines, "Retry-After: ") != NULL;
}

static void add_rest(struct preamble *head, struct request *request, int status, bool closing)
{
    if (closing) {
        mg_disable_connection_keep_alive(request->connection);
    }
    add_line(head, "Connection", closing ? "close" : "keep-alive");
    add_line(head, "X-Request-Id", request->id);
    add(head, "X-Content-Type-Options: nosniff\r\n");
    if (request->allow_origin != NULL) {
        add_line(head, "Access-Control-Allow-Origin", request->allow_origin);
        add(head, "Vary: Origin\r\n");
        add(head, "Access-Control-Expose-Headers: X-Request-Id");
        add(head, request->etag[0] != '\0' ? ", ETag" : "");
        add(head, has_retry_after(request, status) ? ", Retry-After\r\n" : "\r\n");
    }
    if (request->etag[0] != '\0') {
        add(head, "ETag: \"");
        add(head, request->etag);
        add(head, "\"\r\n");
    }
    if (request->cookies_count && request->allow_origin != NULL && !is_any(request->allow_origin)) {
        add(head, "Access-Control-Allow-Credentials: true\r\n");
    }
    add(head, request->lines);
    if (status == 401) {
        add(head, "WWW-Authenticate: Bearer\r\n");
    }
    if (status == 503) {
        add(head, "Retry-After: 1\r\n");
    }
}

static void add_common(struct preamble *head, struct request *request, int status)
{
    add_rest(head, request, status, closes(request) || status == 401);
}

/* What a status is called: RFC 9110 where civetweb says it in its own way. */
static const char *status_text(struct request *request, int status)
{
    return status == 422 ? "Unprocessable Content"
                         : mg_get_response_code_text(request->connection, status);
}

static void start_head(struct preamble *head, struct request *request, int status)
{
    char number[DECIMAL_TEXT];

    head->len = 0;
    request->status = status;
    (void)decimal_text((uint64_t)status, number); /* returns the count of digits */
    add(head, "HTTP/1.1 ");
    add(head, number);
    add(head, " ");
    add(head, status_text(request, status));
    add(head, "\r\n");
}

/* Puts `head` right before the body and writes both at once. -1 when the client is gone. */
static int write_all(struct request *request, const struct preamble *head)
{
    struct buffer *out = &request->worker->out;
    char *start = out->data + RESPOND_HEAD - head->len;
    size_t len = out->len - RESPOND_HEAD + head->len;

    memcpy(start, head->text, head->len);
    if (strcmp(mg_get_request_info(request->connection)->request_method, "HEAD") == 0) {
        len = head->len; /* a body would be read as the next answer */
    }
    return mg_write(request->connection, start, len) == (int)len ? 0 : -1;
}

/* Paths that the existing system does not have speak RFC 9457. */
static bool is_new(const struct request *request)
{
    const char *path = request->info->local_uri;
    return path != NULL && strncmp(path, "/api/v1/", strlen("/api/v1/")) == 0;
}

static const char *content_type(const struct request *request, int status)
{
    return request->content_type != NULL && status < 400 ? request->content_type
                                                         : "application/json; charset=utf-8";
}

void respond_type(struct request *request, const char *content_type)
{
    request->content_type = content_type;
}

/* Sends the body gathered in the buffer with a Content-Length and more header lines. */
static void send_whole(struct request *request, int status, const char *lines)
{
    struct preamble head;

    start_head(&head, request, status);
    add_length(&head, request->worker->out.len - RESPOND_HEAD);
    if (request->worker->out.len > RESPOND_HEAD) {
        add_line(&head, "Content-Type",
                 status >= 400 && is_new(request) ? "application/problem+json; charset=utf-8"
                                                  : content_type(request, status));
    }
    add_common(&head, request, status);
    add(&head, "Cache-Control: no-store\r\n");
    add(&head, lines);
    add(&head, "\r\n");
    /* A client that went away needs no answer; the connection ends by itself. */
    if (write_all(request, &head) != 0) {
        mg_disable_connection_keep_alive(request->connection);
    }
}

void respond_bytes(struct request *request, int status, const char *lines, struct slice body)
{
    struct preamble head;

    start_head(&head, request, status);
    add_length(&head, body.len);
    add(&head, lines);
    add_common(&head, request, status);
    add(&head, "\r\n");
    if (mg_write(request->connection, head.text, head.len) != (int)head.len ||
        (body.len > 0 && mg_write(request->connection, body.data, body.len) != (int)body.len)) {
        mg_disable_connection_keep_alive(request->connection);
    }
}

/* One chunk of a streamed answer; an empty body only ends it. */
static int send_chunk(struct request *request, bool last)
{
    struct buffer *out = &request->worker->out;
    size_t len = out->len - RESPOND_HEAD;
    struct preamble head = {.len = 0};

    if (len > 0) {
        char size[20];
        (void)snprintf(size, sizeof size, "%zx\r\n", len); /* fits */
        add(&head, size);
        (void)buffer_append(out, "\r\n", 2);
    }
    if (last) {
        (void)buffer_append(out, "0\r\n\r\n", 5);
    }
    if (out->full) {
        return -1;
    }
    return write_all(request, &head);
}

static int start_stream(struct request *request)
{
    struct preamble head;

    start_head(&head, request, 200);
    add(&head, "Transfer-Encoding: chunked\r\n");
    add_line(&head, "Content-Type", content_type(request, 200));
    add_common(&head, request, 200);
    add(&head, "Cache-Control: no-store\r\n\r\n");
    request->streaming = true;
    return mg_write(request->connection, head.text, head.len) == (int)head.len ? 0 : -1;
}

int respond_flow(struct request *request)
{
    const char *version = request->info->http_version;

    if (request->worker->out.full) {
        return -1;
    }
    if (request->worker->out.len < RESPOND_HEAD + RESPOND_CHUNK) {
        return 0;
    }
    if (!request->streaming) {
        if (version == NULL || strcmp(version, "1.1") != 0) {
            return 0; /* HTTP/1.0 knows no chunks: gathered up to the buffer's ceiling */
        }
        if (start_stream(request) != 0) {
            return -1;
        }
    }
    if (send_chunk(request, false) != 0) {
        return -1;
    }
    (void)respond_json(request);
    return 0;
}

/* The members of an error on a new path; its type says nothing beyond the status and `code`. */
static void put_rfc9457(struct request *request, struct json_writer *writer, int status,
                        const char *text)
{
    json_set_text(writer, "type", "about:blank");
    json_set_text(writer, "title", status_text(request, status));
    json_set_int(writer, "status", status);
    json_set_text(writer, "detail", text);
}

/* So that what a client was told is found in the log by its request id, while there is no flood of
 * it. The text of a refusal may repeat what was sent, a plate for example; that of our own failures
 * does not. */
static void note_refusal(const struct request *request, int status, enum problem_code code,
                         const char *text)
{
    uint64_t left_out;
    char quoted[400], more[40] = "";

    if (!refusals_take(request->gateway->refusals, code, clock_mono_ms(), &left_out)) {
        return;
    }
    if (left_out > 0) {
        (void)snprintf(more, sizeof more, " left_out=%" PRIu64, left_out);
    }
    if (status >= 500) {
        log_warn("HTTP_FAILED", "request=%s method=%s status=%d problem=%s text=%s%s", request->id,
                 request->info->request_method, status, problem_name(code),
                 log_quote(text, quoted, sizeof quoted), more);
    } else {
        log_info("HTTP_REFUSED", "request=%s method=%s status=%d problem=%s%s", request->id,
                 request->info->request_method, status, problem_name(code), more);
    }
}

static void put_problem(struct json_writer *writer, enum problem_code code, const char *text)
{
    json_set_bool(writer, "success", false);
    json_put_key(writer, "error");
    json_put_string(writer, text[0] != '\0' ? text : problem_name(code));
    json_put_key(writer, "code");
    json_put_string(writer, problem_name(code));
}

void respond_header(struct request *request, const char *name, const char *value)
{
    size_t used = strlen(request->lines), room = sizeof request->lines - used;
    int len = snprintf(request->lines + used, room, "%s: %s\r\n", name, value);

    assert(len > 0 && (size_t)len < room); /* few, short and of our own making */
}

void respond_send(struct request *request, int status)
{
    if (request->streaming) {
        if (send_chunk(request, true) != 0) {
            mg_disable_connection_keep_alive(request->connection);
        }
        return;
    }
    if (request->worker->out.full) {
        /* a small body of fixed text: this one fits */
        struct json_writer writer = respond_json(request);
        json_put_open(&writer, '{');
        note_refusal(request, 500, PROBLEM_INTERNAL, "answer too large");
        put_problem(&writer, PROBLEM_INTERNAL, "answer too large");
        json_put_close(&writer, '}');
        send_whole(request, 500, "");
        return;
    }
    send_whole(request, status, "");
}

void respond_cut(struct request *request, const struct problem *problem)
{
    if (request->streaming) {
        mg_disable_connection_keep_alive(request->connection);
    } else {
        respond_problem(request, problem);
    }
}

struct json_writer respond_open(struct request *request, const struct problem *problem)
{
    struct json_writer writer = respond_json(request);

    note_refusal(request, problem_http_status(problem->code), problem->code, problem->text);
    json_put_open(&writer, '{');
    if (is_new(request)) {
        put_rfc9457(request, &writer, problem_http_status(problem->code), problem->text);
    } else if (problem->code == PROBLEM_NOT_FOUND) {
        json_put_key(&writer, "detail"); /* as the existing system says it */
        json_put_string(&writer, "Not Found");
    }
    put_problem(&writer, problem->code, problem->text);
    if (problem->hint[0] != '\0') {
        json_put_key(&writer, "hint");
        json_put_string(&writer, problem->hint);
    }
    return writer;
}

void respond_close(struct request *request, struct json_writer *writer,
                   const struct problem *problem)
{
    json_put_close(writer, '}');
    respond_send(request, problem_http_status(problem->code));
}

void respond_problem(struct request *request, const struct problem *problem)
{
    struct json_writer writer = respond_open(request, problem);

    respond_close(request, &writer, problem);
}

void respond_error(struct request *request, enum problem_code code, const char *text)
{
    struct problem problem;

    (void)problem_set(&problem, code, problem_hint(code), "%s", text);
    respond_problem(request, &problem);
}

void respond_message(struct request *request, const char *message)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "message");
    json_put_string(&writer, message);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

void respond_parameter(struct request *request, const char *where, const char *name,
                       const char *message, const char *type)
{
    struct json_writer writer = respond_json(request);
    char text[240];

    (void)snprintf(text, sizeof text, "%s: %s", name, message);
    if (is_new(request)) {
        respond_error(request, PROBLEM_PARAMETER_INVALID, text);
        return;
    }
    note_refusal(request, 422, PROBLEM_PARAMETER_INVALID, "");
    json_put_open(&writer, '{');
    json_put_key(&writer, "detail");
    json_put_open(&writer, '[');
    json_put_open(&writer, '{');
    json_put_key(&writer, "loc");
    json_put_open(&writer, '[');
    json_put_string(&writer, where);
    json_put_string(&writer, name);
    json_put_close(&writer, ']');
    json_put_key(&writer, "msg");
    json_put_string(&writer, message);
    json_put_key(&writer, "type");
    json_put_string(&writer, type);
    json_put_close(&writer, '}');
    json_put_close(&writer, ']');
    put_problem(&writer, PROBLEM_PARAMETER_INVALID, text);
    json_put_close(&writer, '}');
    respond_send(request, 422);
}

void respond_method(struct request *request, const char *allow)
{
    struct json_writer writer = respond_json(request);
    char lines[160];
    char text[120] = "method not allowed";
    bool upgrade = strcmp(allow, "WS") == 0; /* exists only as a WebSocket */

    note_refusal(request, upgrade ? 426 : 405, PROBLEM_METHOD_NOT_ALLOWED, "");
    json_put_open(&writer, '{');
    if (is_new(request)) {
        (void)snprintf(text, sizeof text, "method not allowed, this path takes %s",
                       allow); /* fits */
        put_rfc9457(request, &writer, 405, text);
    } else {
        json_put_key(&writer, "detail");
        json_put_string(&writer, "Method Not Allowed");
    }
    put_problem(&writer, PROBLEM_METHOD_NOT_ALLOWED, upgrade ? "this path is a WebSocket" : text);
    json_put_close(&writer, '}');
    if (upgrade) {
        (void)snprintf(lines, sizeof lines, "Upgrade: websocket\r\n");
    } else {
        (void)snprintf(lines, sizeof lines, "Allow: %s\r\n", allow);
    }
    send_whole(request, upgrade ? 426 : 405, lines);
}

void respond_redirect(struct request *request, struct slice path)
{
    const char *query = request->info->query_string;
    char lines[RESPOND_HEAD / 2];
    int len = snprintf(lines, sizeof lines, "Location: %.*s%s%s\r\n", (int)path.len, path.data,
                       query != NULL ? "?" : "", query != NULL ? query : "");

    (void)respond_json(request);
    /* The path matched a route and civetweb refuses control characters in the request line, but a
     * header is built of it: check what really goes out. */
    for (int i = 0; i < len - 2 && i < (int)sizeof lines - 1; i++) {
        if ((unsigned char)lines[i] < 0x20 || (unsigned char)lines[i] > 0x7e) {
            len = -1;
        }
    }
    if (len < 0 || len >= (int)sizeof lines) {
        respond_error(request, PROBLEM_NOT_FOUND, "no such path");
    } else {
        send_whole(request, 307, lines);
    }
}

void respond_preflight(struct request *request)
{
    (void)respond_json(request);
    send_whole(request, 200,
               "Access-Control-Allow-Methods: " RESPOND_METHODS "\r\n"
               "Access-Control-Allow-Headers: Content-Type, Authorization, If-Match,"
               " Idempotency-Key, X-Request-Id\r\n"
               "Access-Control-Max-Age: 600\r\n");
}

/* ---- media ----------------------------------------------------------------------------------- */

int respond_media(struct request *request, const char *content_type)
{
    struct preamble head;

    start_head(&head, request, 200);
    add_line(&head, "Content-Type", content_type);
    add_rest(&head, request, 200, true);
    add(&head, "\r\n");
    return respond_media_part(request, (struct slice){head.text, head.len});
}

int respond_media_part(struct request *request, struct slice bytes)
{
    return mg_write(request->connection, bytes.data, bytes.len) == (int)bytes.len ? 0 : -1;
}
