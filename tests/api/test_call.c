/* Calls against a small server of this test that behaves well or badly, as the path says. */
#include "api/call.h"
#include "proto/limits.h"
#include "tests/support_main.h"

#include <arpa/inet.h>
#include <assert.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEETING 5 /* requests of "/meet" that wait for each other */

struct server {
    int listener;
    int port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int met;
    atomic_bool *abandon; /* set when somebody calls "/never" */
};

struct visitor {
    struct server *server;
    int fd;
};

static void say(int fd, const char *text)
{
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL); /* the caller may have gone */
}

/* Until the caller goes. */
static void wait_for_end(int fd)
{
    char byte;

    while (recv(fd, &byte, 1, 0) > 0) {
        ;
    }
}

static void meet(struct server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->met++;
    (void)pthread_cond_broadcast(&server->changed);
    while (server->met < MEETING) {
        (void)pthread_cond_wait(&server->changed, &server->lock);
    }
    (void)pthread_mutex_unlock(&server->lock);
}

static void send_until_the_end(int fd)
{
    static const char part[] = "5\r\nframe\r\n";

    say(fd, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n"
            "Transfer-Encoding: chunked\r\n\r\n");
    while (send(fd, part, sizeof part - 1, MSG_NOSIGNAL) > 0) {
        ;
    }
}

static void send_much(int fd)
{
    char part[1024];

    memset(part, 'x', sizeof part);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
    for (int i = 0; i < 1024 && send(fd, part, sizeof part, MSG_NOSIGNAL) > 0; i++) {
        ;
    }
}

static void echo(int fd, const char *request)
{
    char text[8192];

    (void)snprintf(text, sizeof text,
                   "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\n\r\n%s",
                   strlen(request), request);
    say(fd, text);
}

static bool asks(const char *request, const char *path)
{
    const char *at = strchr(request, ' ');

    return at != NULL && strncmp(at + 1, path, strlen(path)) == 0;
}

static void answer(struct visitor *visitor, const char *request)
{
    int fd = visitor->fd;

    if (asks(request, "/echo")) {
        echo(fd, request);
    } else if (asks(request, "/meet")) {
        meet(visitor->server);
        echo(fd, "met");
    } else if (asks(request, "/never")) {
        if (visitor->server->abandon != NULL) {
            atomic_store(visitor->server->abandon, true);
        }
        wait_for_end(fd);
    } else if (asks(request, "/much")) {
        send_much(fd);
    } else if (asks(request, "/stream")) {
        send_until_the_end(fd);
    } else if (asks(request, "/pause")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
        wait_for_end(fd);
    } else if (asks(request, "/redirect")) {
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n");
    } else if (asks(request, "/cut")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
    } else if (asks(request, "/empty")) {
        say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    } else {
        say(fd, "\x01\x02\x03 this is no HTTP\r\n\r\n");
    }
}

static bool complete(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strstr(request, "Content-Length: ");

    return end != NULL && (length == NULL || strlen(end + 4) >= strtoul(length + 16, NULL, 10));
}

static void *serve(void *pointer)
{
    struct visitor *visitor = pointer;
    char request[4096] = "";
    size_t len = 0;
    ssize_t got = 1;

    while (!complete(request) && got > 0 && len + 1 < sizeof request) {
        got = recv(visitor->fd, request + len, sizeof request - len - 1, 0);
        len += got > 0 ? (size_t)got : 0;
        request[len] = '\0';
    }
    answer(visitor, request);
    (void)close(visitor->fd);
    free(visitor);
    return NULL;
}

static void *listen_on(void *pointer)
{
    struct server *server = pointer;

    for (;;) {
        struct visitor *visitor = calloc(1, sizeof *visitor);
        pthread_t thread;
        assert(visitor != NULL);
        visitor->server = server;
        visitor->fd = accept(server->listener, NULL, NULL);
        assert(visitor->fd >= 0);
        assert(pthread_create(&thread, NULL, serve, visitor) == 0);
        (void)pthread_detach(thread);
    }
    return NULL;
}

static int free_socket(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0);
    assert(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* The process of each test ends with its server in it. */
static struct server *start_server(void)
{
    static struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                   .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;

    (void)signal(SIGPIPE, SIG_IGN);
    if (server.port != 0) {
        return &server;
    }
    server.listener = free_socket(&server.port);
    assert(listen(server.listener, 64) == 0);
    assert(pthread_create(&thread, NULL, listen_on, &server) == 0);
    return &server;
}

static atomic_bool going = false; /* never abandoned */

static void ask(struct server *server, const char *path, struct call *call)
{
    static char url[200];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server->port, path);
    call->url = url;
    call_all(call, 1, &going);
}

static const char *text_of(struct call *call)
{
    assert(buffer_append(&call->answer, "", 1) == 0);
    return call->answer.data;
}

START_TEST(test_a_call_says_what_it_was_given)
{
    static const char *const lines[] = {"X-One: 1", "X-Two: 2", NULL};
    struct call call = {.method = "PUT", .headers = lines, .body = slice_text("{\"a\":1}")};
    struct call get = {0}, post = {.method = "POST"};
    const char *text;

    ask(start_server(), "/echo?x=1", &call);
    ck_assert_int_eq(call.outcome, CALL_ANSWERED);
    ck_assert_int_eq(call.status, 201);
    ck_assert_str_eq(call.content_type, "text/plain");
    text = text_of(&call);
    ck_assert_ptr_nonnull(strstr(text, "PUT /echo?x=1 HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "\r\nX-One: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "\r\nX-Two: 2\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "\r\nContent-Type: application/json\r\n"));
    ck_assert_ptr_null(strstr(text, "Expect"));
    ck_assert_ptr_nonnull(strstr(text, "\r\n\r\n{\"a\":1}"));
    call_free(&call);

    ask(start_server(), "/echo", &get);
    text = text_of(&get);
    ck_assert_ptr_nonnull(strstr(text, "GET /echo HTTP/1.1\r\n"));
    ck_assert_ptr_null(strstr(text, "Content-Length"));
    call_free(&get);

    ask(start_server(), "/echo", &post);
    ck_assert_ptr_nonnull(strstr(text_of(&post), "Content-Length: 0\r\n"));
    call_free(&post);
}
END_TEST

START_TEST(test_calls_run_side_by_side)
{
    struct server *server = start_server();
    struct call calls[MEETING] = {{0}};
    char url[80];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/meet", server->port);
    for (size_t i = 0; i < MEETING; i++) {
        calls[i].url = url;
    }
    call_all(calls, MEETING, &going); /* one after the other would wait for ever */
    for (size_t i = 0; i < MEETING; i++) {
        ck_assert_int_eq(calls[i].outcome, CALL_ANSWERED);
        call_free(&calls[i]);
    }
}
END_TEST

START_TEST(test_more_calls_than_run_at_once)
{
    struct server *server = start_server();
    struct call calls[LIMIT_CALLS * 2 + 1] = {{0}};
    size_t count = sizeof calls / sizeof calls[0];
    char url[80];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/echo", server->port);
    for (size_t i = 0; i < count; i++) {
        calls[i].url = i % 3 == 0 ? "nonsense://x" : url;
    }
    call_all(calls, count, &going);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(calls[i].outcome, i % 3 == 0 ? CALL_URL : CALL_ANSWERED);
        call_free(&calls[i]);
    }
}
END_TEST

START_TEST(test_what_can_go_wrong)
{
    static const struct {
        const char *path;
        struct call call;
        enum call_outcome outcome;
        int status;
    } rows[] = {
        {"/never", {.total_ms = 200}, CALL_LATE, 0},
        {"/pause", {.quiet_ms = 200, .total_ms = 20000}, CALL_LATE, 200},
        {"/much", {.answer_bytes = 1000}, CALL_TOO_LARGE, 200},
        {"/cut", {0}, CALL_BROKEN, 200},
        {"/garbage", {0}, CALL_BROKEN, 0},
        {"/redirect", {0}, CALL_ANSWERED, 302},
        {"/empty", {0}, CALL_ANSWERED, 204},
        {"/echo", {.method = "GET"}, CALL_ANSWERED, 201},
    };
    struct server *server = start_server();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct call call = rows[i].call;
        ask(server, rows[i].path, &call);
        ck_assert_msg(call.outcome == rows[i].outcome && call.status == rows[i].status,
                      "%s: %d %d %s", rows[i].path, call.outcome, call.status, call.error);
        ck_assert_int_eq(call.error[0] == '\0', rows[i].outcome == CALL_ANSWERED);
        ck_assert_uint_le(call.answer.len, call.answer_bytes != 0 ? 1000 : LIMIT_CALL_BYTES);
        call_free(&call);
    }
}
END_TEST

START_TEST(test_addresses_that_are_not_called)
{
    static const char *const urls[] = {"file:///etc/passwd",
                                       "ftp://127.0.0.1/",
                                       "gopher://x/",
                                       "http://user:word@127.0.0.1:1/",
                                       "",
                                       "http://",
                                       NULL};
    struct server *server = start_server();
    struct call closed = {0};
    char url[80];
    int port;
    int fd = free_socket(&port); /* bound and not listening */

    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct call call = {.url = urls[i]};
        call_all(&call, 1, &going);
        ck_assert_msg(call.outcome == CALL_URL, "%s: %d", urls[i], call.outcome);
        ck_assert_ptr_null(strstr(call.error, "word"));
        call_free(&call);
    }
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    closed.url = url;
    call_all(&closed, 1, &going);
    ck_assert_int_eq(closed.outcome, CALL_UNREACHABLE);
    (void)snprintf(url, sizeof url, "127.0.0.1:%d: ", port);
    ck_assert_int_eq(strncmp(closed.error, url, strlen(url)), 0);
    call_free(&closed);
    (void)close(fd);
    (void)server;
}
END_TEST

START_TEST(test_the_environment_names_no_proxy)
{
    struct call call = {0};

    ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    ck_assert_int_eq(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    ask(start_server(), "/echo", &call);
    ck_assert_int_eq(call.outcome, CALL_ANSWERED);
    call_free(&call);
}
END_TEST

START_TEST(test_a_stop_ends_calls)
{
    static atomic_bool abandon = false;
    struct server *server = start_server();
    struct call calls[LIMIT_CALLS + 3] = {{0}};
    size_t count = sizeof calls / sizeof calls[0];
    char url[80];

    server->abandon = &abandon;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/never", server->port);
    for (size_t i = 0; i < count; i++) {
        calls[i].url = url;
        calls[i].total_ms = 60000; /* longer than this test may take */
    }
    call_all(calls, count, &abandon);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(calls[i].outcome, CALL_ABANDONED);
        ck_assert_str_ne(calls[i].error, "");
        call_free(&calls[i]);
    }
}
END_TEST

/* ---- streams --------------------------------------------------------------------------------- */

struct seen {
    int begun, status, parts;
    char type[128];
    struct buffer bytes;
    size_t enough;
    bool refuse;
};

static int on_begin(void *context, int status, const char *type)
{
    struct seen *seen = context;

    seen->begun++;
    seen->status = status;
    (void)snprintf(seen->type, sizeof seen->type, "%s", type);
    return seen->refuse ? -1 : 0;
}

static int on_part(void *context, struct slice bytes)
{
    struct seen *seen = context;

    ck_assert_int_eq(seen->begun, 1);
    seen->parts++;
    (void)buffer_append(&seen->bytes, bytes.data, bytes.len);
    return seen->bytes.len >= seen->enough ? -1 : 0;
}

START_TEST(test_a_stream_is_passed_on_until_it_is_enough)
{
    struct seen seen = {.enough = 100};
    struct call_stream stream = {on_begin, on_part, &seen};
    struct call call = {.stream = &stream, .total_ms = -1, .quiet_ms = 20000};

    ask(start_server(), "/stream", &call);
    ck_assert_int_eq(call.outcome, CALL_ENDED);
    ck_assert_int_eq(seen.status, 200);
    ck_assert_str_eq(seen.type, "multipart/x-mixed-replace; boundary=frame");
    ck_assert_uint_ge(seen.bytes.len, 100);
    ck_assert_int_eq(memcmp(seen.bytes.data, "frameframe", 10), 0);
    ck_assert_uint_eq(call.answer.len, 0);
    buffer_free(&seen.bytes);
    call_free(&call);
}
END_TEST

START_TEST(test_a_stream_begins_once_and_may_be_refused)
{
    struct server *server = start_server();
    struct seen empty = {.enough = 1}, refused = {.refuse = true}, none = {.enough = 1};
    struct call_stream streams[] = {
        {on_begin, on_part, &empty}, {on_begin, on_part, &refused}, {on_begin, on_part, &none}};
    struct call calls[] = {
        {.stream = &streams[0]}, {.stream = &streams[1]}, {.stream = &streams[2]}};

    ask(server, "/empty", &calls[0]);
    ck_assert_int_eq(calls[0].outcome, CALL_ANSWERED);
    ck_assert_int_eq(empty.begun, 1);
    ck_assert_int_eq(empty.status, 204);
    ask(server, "/echo", &calls[1]);
    ck_assert_int_eq(calls[1].outcome, CALL_ENDED);
    ck_assert_int_eq(refused.parts, 0);
    ask(server, "/garbage", &calls[2]);
    ck_assert_int_eq(calls[2].outcome, CALL_BROKEN);
    ck_assert_int_eq(none.begun, 0);
    for (size_t i = 0; i < 3; i++) {
        call_free(&calls[i]);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_call_says_what_it_was_given,
        test_calls_run_side_by_side,
        test_more_calls_than_run_at_once,
        test_what_can_go_wrong,
        test_addresses_that_are_not_called,
        test_the_environment_names_no_proxy,
        test_a_stop_ends_calls,
        test_a_stream_is_passed_on_until_it_is_enough,
        test_a_stream_begins_once_and_may_be_refused,
    };

    return main_run_list("call", tests, sizeof tests / sizeof tests[0], 0);
}
