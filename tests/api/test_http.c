/* Routing, admission, bodies: everything before a handler. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "proto/limits.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

#define ENTRY "{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"51F20417\"}}"

static void expect(const struct stand *stand, const char *method, const char *target,
                   const char *more, const char *body, int status, const char *part)
{
    struct reply reply = stand_ask(stand, method, target, more, body);

    ck_assert_msg(reply.status == status, "%s %s -> %d %s", method, target, reply.status,
                  reply.body);
    ck_assert_msg(
        part == NULL || strstr(reply.body, part) != NULL || strstr(reply.head, part) != NULL,
        "%s %s -> %s%s lacks %s", method, target, reply.head, reply.body, part != NULL ? part : "");
    stand_reply_free(&reply);
}

/* Raw bytes on a new connection, then the answer. */
static struct reply exchange(const struct stand *stand, const char *bytes)
{
    int fd = stand_connect(stand, 0);
    struct reply reply;

    stand_send(fd, bytes, strlen(bytes));
    reply = stand_receive(fd);
    (void)close(fd);
    return reply;
}

START_TEST(test_paths_match_exactly)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "GET", "/", NULL, NULL, 200, "\"service\":\"ParkMesh\",\"version\":\"1.2.3\"");
    expect(&stand, "GET", "/api/stats", NULL, NULL, 200, "\"vehicles_in_parking\":0");
    expect(&stand, "GET", "/api/st%61ts", NULL, NULL, 200, NULL);
    expect(&stand, "GET", "/api/stats?x=%", NULL, NULL, 200, NULL);
    expect(&stand, "GET", "/api/nope", NULL, NULL, 404,
           "{\"detail\":\"Not Found\",\"success\":false");
    expect(&stand, "GET", "/api/statsX", NULL, NULL, 404, "\"code\":\"NOT_FOUND\"");
    expect(&stand, "GET", "/API/stats", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "/api/stats/x", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "//api/stats", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "/api/../api/stats", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "/api%2fstats", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "/api/stats%00", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "/api/stats%0", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "/api/stats%zz", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "/api/stats%ff", NULL, NULL, 404, NULL);
    stand_free(&stand);
}
END_TEST

/* Whatever a camera box called a visit, it is read and corrected under that name. The refusal by
 * the node of straw tells it: the key of a repetition ends in the name. */
START_TEST(test_names_of_visits_hold_slashes)
{
    const char *key = "Idempotency-Key: k\r\n";
    const char *inside = "{\"plate\":\"30A00001\"}";
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "GET", "/api/v1/visits/A%2FB_1_X12345", NULL, NULL, 404, "VISIT_UNKNOWN");
    expect(&stand, "PUT", "/api/v1/visits/A%2FB_1_X12345", key, inside, 200, "id=k A/B_1_X12345 ");
    expect(&stand, "PUT", "/api/v1/visits/%2f..%2F%2Fb", key, inside, 200, "id=k /..//b ");
    expect(&stand, "DELETE", "/api/v1/visits/A%2FB", NULL, NULL, 200, "\"deduped\":false");
    expect(&stand, "POST", "/api/v1/visits/A%2FB/undelete", NULL, NULL, 200, "\"deduped\":false");
    expect(&stand, "POST", "/api/v1/visits/A%2Fundelete", NULL, NULL, 405, "METHOD_NOT_ALLOWED");
    expect(&stand, "GET", "/api/v1/visits/A/B_1_X12345", NULL, NULL, 404, "\"NOT_FOUND\"");
    expect(&stand, "GET", "/api/v1%2fvisits/A", NULL, NULL, 404, "\"NOT_FOUND\"");
    /* of nothing else */
    expect(&stand, "GET", "/web/lib%2Frouter.js", NULL, NULL, 404, "no such path");
    expect(&stand, "GET", "/web/..%2Fstore.js", NULL, NULL, 404, "no such path");
    expect(&stand, "POST", "/api/cameras/1%2F2/offer", NULL, "{}", 404, "no such path");
    expect(&stand, "PUT", "/api/parking/history/1%2F2", NULL, "{}", 404, "no such path");
    expect(&stand, "GET", "/api/v1/accounts/a%2Fb", NULL, NULL, 404, "no such path");
    expect(&stand, "DELETE", "/api/v1/peers/a%2Fb", NULL, NULL, 404, "no such path");
    stand_free(&stand);
}
END_TEST

START_TEST(test_words_of_a_status)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "GET", "/api/parking/history?limit=x", NULL, NULL, 422,
           "HTTP/1.1 422 Unprocessable Content\r\n");
    expect(&stand, "GET", "/api/v1/visits?limit=x", NULL, NULL, 422,
           "\"title\":\"Unprocessable Content\",\"status\":422");
    expect(&stand, "GET", "/api/v1/visits/x", NULL, NULL, 404, "HTTP/1.1 404 Not Found\r\n");
    stand_free(&stand);
}
END_TEST

START_TEST(test_methods_and_slashes)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "DELETE", "/api/stats", NULL, NULL, 405, "Allow: GET\r\n");
    expect(&stand, "GET", "/api/edge/event", NULL, NULL, 405, "\"code\":\"METHOD_NOT_ALLOWED\"");
    expect(&stand, "POST", "/api/parking/fees", NULL, "{}", 405, "Allow: GET, PUT\r\n");
    expect(&stand, "POST", "/api/parking/history/1", NULL, "{}", 405, "Allow: PUT, DELETE\r\n");
    expect(&stand, "POST", "/api/v1/visits/v1", NULL, "{}", 405,
           "\"title\":\"Method Not Allowed\",\"status\":405,"
           "\"detail\":\"method not allowed, this path takes GET, PUT, DELETE\","
           "\"success\":false,"
           "\"error\":\"method not allowed, this path takes GET, PUT, DELETE\",");
    expect(&stand, "GET", "/api/stats/", NULL, NULL, 307, "Location: /api/stats\r\n");
    expect(&stand, "PUT", "/api/parking/history/1/?a=b", NULL, "{}", 307,
           "Location: /api/parking/history/1?a=b\r\n");
    expect(&stand, "GET", "/api/nope/", NULL, NULL, 404, NULL);
    expect(&stand, "GET", "/ws/history", NULL, NULL, 426, "Upgrade: websocket\r\n");
    expect(&stand, "GET", "/api/stats", "Upgrade: websocket\r\nConnection: Upgrade\r\n", NULL, 405,
           NULL);
    expect(&stand, "FOO", "/api/stats", NULL, NULL, 400, "\"success\":false");
    stand_free(&stand);
}
END_TEST

/* What follows the blank line would be taken for the beginning of the next answer. */
START_TEST(test_head_has_no_body)
{
    struct stand stand;
    char bytes[4096];
    size_t len = 0;
    int c, fd;

    stand_new(&stand);
    fd = stand_connect(&stand, 0);
    stand_send_text(fd, "HEAD /api/stats HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    while (len < sizeof bytes - 1 && (c = stand_read_byte(fd)) >= 0) {
        bytes[len++] = (char)c;
    }
    bytes[len] = '\0';
    (void)close(fd);
    ck_assert_msg(strncmp(bytes, "HTTP/1.1 405", 12) == 0, "%s", bytes);
    const char *end = strstr(bytes, "\r\n\r\n");
    ck_assert_msg(end != NULL && strncmp(end + 4, "HTTP/1.1 200", 12) == 0, "%s", bytes);
    stand_free(&stand);
}
END_TEST

START_TEST(test_readiness)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "GET", "/livez", NULL, NULL, 200, NULL);
    expect(&stand, "GET", "/readyz", NULL, NULL, 503, "Retry-After");
    api_set_ready(stand.api, true);
    expect(&stand, "GET", "/readyz", NULL, NULL, 200, NULL);
    expect(&stand, "GET", "/api/status", NULL, NULL, 200,
           "\"cameras\":{\"total\":0,\"online\":0,\"offline\":0,\"cameras\":[]}");
    stand_free(&stand);
}
END_TEST

/* Each part on a line; the mesh, which no stand has, makes nothing fail; a silent writer does. */
START_TEST(test_readiness_in_parts)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "GET", "/readyz?verbose", NULL, NULL, 503, "\nstarting\n");
    api_set_ready(stand.api, true);
    expect(&stand, "GET", "/readyz?verbose", NULL, NULL, 200, "Content-Type: text/plain");
    expect(&stand, "GET", "/readyz?verbose", NULL, NULL, 200,
           "[+] database: 0 events\n[+] writer: ");
    expect(&stand, "GET", "/readyz?verbose=1", NULL, NULL, 200, "\n[!] mesh: off\n[+] clock: ");
    expect(&stand, "GET", "/readyz?verbose&format=json", NULL, NULL, 200,
           "{\"success\":true,\"status\":\"ready\",\"checks\":[{\"name\":\"database\",\"status\":"
           "\"ok\"");
    expect(&stand, "GET", "/readyz?verbose", "Accept: application/json\r\n", NULL, 200,
           "{\"name\":\"mesh\",\"status\":\"warning\",\"detail\":\"off\"}");
    expect(&stand, "GET", "/readyz?verbose=0", NULL, NULL, 200, "\"status\":\"ready\"}");
    expect(&stand, "GET", "/readyz?verbose=maybe", NULL, NULL, 422, "verbose");
    expect(&stand, "GET", "/readyz?verbose&format=xml", NULL, NULL, 422, "format");
    stand_node_silence(&stand, true);
    expect(&stand, "GET", "/readyz?verbose", NULL, NULL, 503, "[-] writer: BUSY\n");
    expect(&stand, "GET", "/readyz?verbose", NULL, NULL, 503, "\nfailed\n");
    expect(&stand, "GET", "/readyz", NULL, NULL, 200, NULL);
    stand_free(&stand);
}
END_TEST

START_TEST(test_bodies)
{
    struct stand stand;
    struct reply reply;
    int fd;

    stand_prepare(&stand);
    stand.options.body_bytes = 1000;
    stand_start(&stand);
    reply = exchange(&stand,
                     "POST /api/edge/event HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n"
                     "a\r\n{\"type\":\"E\r\n2e\r\nNTRY\",\"data\":{\"plate_text\":\"51F20417\"}}"
                     "       \r\n0\r\n\r\n");
    ck_assert_msg(reply.status == 200, "%d %s", reply.status, reply.body);
    stand_reply_free(&reply);
    reply = exchange(&stand, "POST /api/edge/event HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    ck_assert_int_eq(reply.status, 400);
    ck_assert_ptr_nonnull(strstr(reply.body, "LENGTH_AMBIGUOUS"));
    ck_assert_ptr_nonnull(strstr(reply.head, "Connection: close"));
    stand_reply_free(&reply);
    reply = exchange(&stand, "POST /api/edge/event HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                             "Content-Length: 2\r\n\r\n{}x");
    ck_assert_int_eq(reply.status, 400);
    stand_reply_free(&reply);
    reply = exchange(&stand,
                     "POST /api/edge/event HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    ck_assert_int_eq(reply.status, 413);
    ck_assert_ptr_nonnull(strstr(reply.body, "BODY_TOO_LARGE"));
    stand_reply_free(&reply);
    /* announced more than it sent, then closed its side */
    fd = stand_connect(&stand, 0);
    stand_send_text(fd,
                    "POST /api/edge/event HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{}");
    (void)shutdown(fd, SHUT_WR);
    reply = stand_receive(fd);
    (void)close(fd);
    ck_assert_msg(reply.status == 400 && strstr(reply.body, "BODY_INCOMPLETE") != NULL, "%d %s",
                  reply.status, reply.body);
    stand_reply_free(&reply);
    stand_free(&stand);
}
END_TEST

/* What civetweb has no place for must not be lost: nginx appends X-Forwarded-For, and without it
 * the caller would be this machine itself. */
START_TEST(test_headers_beyond_the_last_one_seen)
{
    struct stand stand;
    char head[2000];

    stand_new(&stand);
    for (int extra = 60; extra < 70; extra++) {
        struct reply reply;
        size_t len = (size_t)snprintf(head, sizeof head, "GET /api/stats HTTP/1.1\r\nHost: x\r\n");
        for (int i = 0; i < extra; i++) {
            len += (size_t)snprintf(head + len, sizeof head - len, "X-%d: 1\r\n", i);
        }
        (void)snprintf(head + len, sizeof head - len, "X-Forwarded-For: 9.9.9.9\r\n\r\n");
        reply = exchange(&stand, head);
        if (extra + 2 < 64) {
            ck_assert_msg(reply.status == 401, "%d: %d %s", extra, reply.status, reply.body);
        } else {
            ck_assert_msg(reply.status == 431 && strstr(reply.body, "HEADERS_TOO_MANY") != NULL &&
                              strstr(reply.head, "Connection: close") != NULL,
                          "%d: %d %s", extra, reply.status, reply.body);
        }
        stand_reply_free(&reply);
    }
    stand_free(&stand);
}
END_TEST

/* On every path, whether or not somebody there would read a body. */
START_TEST(test_lengths_are_numbers)
{
    static const char *const rows[] = {
        "POST /api/edge/event HTTP/1.1\r\nHost: x\r\nContent-Length: 2x\r\n\r\n{}",
        "GET /api/stats HTTP/1.1\r\nHost: x\r\nContent-Length: 0x2\r\n\r\n{}",
        "GET /api/stats HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
        "GET /api/stats HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"};
    struct stand stand;

    stand_new(&stand);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reply reply = exchange(&stand, rows[i]);
        ck_assert_msg(reply.status == 400 && strstr(reply.body, "LENGTH_AMBIGUOUS") != NULL &&
                          strstr(reply.head, "Connection: close") != NULL,
                      "%zu: %d %s", i, reply.status, reply.body);
        stand_reply_free(&reply);
    }
    stand_free(&stand);
}
END_TEST

START_TEST(test_chunks_obey_the_cap)
{
    static const char chunk[] = "400\r\n";
    char body[1024];
    struct stand stand;
    struct reply reply;
    int fd;

    memset(body, ' ', sizeof body);
    stand_prepare(&stand);
    stand.options.body_bytes = 1500;
    stand_start(&stand);
    fd = stand_connect(&stand, 0);
    stand_send_text(fd, "POST /api/edge/event HTTP/1.1\r\nHost: x\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        stand_send(fd, chunk, strlen(chunk));
        stand_send(fd, body, sizeof body);
        stand_send(fd, "\r\n", 2);
    }
    reply = stand_receive(fd);
    (void)close(fd);
    ck_assert_int_eq(reply.status, 413);
    stand_reply_free(&reply);
    stand_free(&stand);
}
END_TEST

/* Two requests in one packet on one connection: each gets its own answer. */
START_TEST(test_keep_alive)
{
    struct stand stand;
    struct reply reply;
    int fd;

    stand_new(&stand);
    fd = stand_connect(&stand, 0);
    stand_send_text(fd,
                    "POST /api/edge/event HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s"
                    "GET /api/stats HTTP/1.1\r\nHost: x\r\n\r\n",
                    strlen(ENTRY), ENTRY);
    reply = stand_receive(fd);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.head, "Connection: keep-alive"));
    stand_reply_free(&reply);
    reply = stand_receive(fd);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.body, "revenue_today"));
    stand_reply_free(&reply);
    (void)close(fd);
    fd = stand_connect(&stand, 0);
    stand_send_text(fd, "GET /api/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    reply = stand_receive(fd);
    ck_assert_ptr_nonnull(strstr(reply.head, "Connection: close"));
    ck_assert_int_eq(stand_read_byte(fd), -1);
    stand_reply_free(&reply);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

START_TEST(test_expect_continue)
{
    struct stand stand;
    struct reply reply;
    int fd;

    stand_new(&stand);
    fd = stand_connect(&stand, 0);
    stand_send_text(fd,
                    "POST /api/edge/event HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    strlen(ENTRY));
    reply = stand_receive(fd);
    ck_assert_int_eq(reply.status, 100);
    stand_reply_free(&reply);
    stand_send_text(fd, "%s", ENTRY);
    reply = stand_receive(fd);
    ck_assert_int_eq(reply.status, 200);
    stand_reply_free(&reply);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

START_TEST(test_origins)
{
    const char *preflight = "Origin: http://ui.example\r\nAccess-Control-Request-Method: PUT\r\n";
    char same[128];
    struct stand stand;

    stand_prepare(&stand);
    stand.options.cors_origins[0] = "http://10.0.0.5:3000";
    stand_start(&stand);
    (void)snprintf(same, sizeof same, "Origin: http://%s\r\n", stand.listener);
    expect(&stand, "POST", "/api/edge/event", NULL, ENTRY, 200, NULL);
    expect(&stand, "POST", "/api/edge/event", same, ENTRY, 200, NULL);
    expect(&stand, "POST", "/api/edge/event", "Origin: http://10.0.0.5:3000\r\n", ENTRY, 200,
           "Access-Control-Allow-Origin: http://10.0.0.5:3000\r\n");
    expect(&stand, "POST", "/api/edge/event", "Origin: http://evil.example\r\n", ENTRY, 403,
           "\"code\":\"FORBIDDEN\"");
    expect(&stand, "POST", "/api/edge/event", "Origin: null\r\n", ENTRY, 403, NULL);
    expect(&stand, "GET", "/ws/history",
           "Origin: http://evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", NULL,
           403, NULL);
    expect(&stand, "OPTIONS", "/api/parking/fees", preflight, NULL, 403, NULL);
    expect(&stand, "OPTIONS", "/api/parking/fees",
           "Origin: http://10.0.0.5:3000\r\nAccess-Control-Request-Method: PUT\r\n", NULL, 200,
           "Access-Control-Allow-Methods: GET, POST, PUT, DELETE\r\n");
    expect(&stand, "OPTIONS", "/api/v1/visits/x",
           "Origin: http://10.0.0.5:3000\r\nAccess-Control-Request-Method: PUT\r\n"
           "Access-Control-Request-Headers: idempotency-key, if-match\r\n",
           NULL, 200,
           "Access-Control-Allow-Headers: Content-Type, Authorization, If-Match, Idempotency-Key,"
           " X-Request-Id\r\n");
    expect(&stand, "OPTIONS", "/api/parking/fees", NULL, NULL, 405, NULL);
    expect(&stand, "GET", "/api/subscriptions", "Origin: http://10.0.0.5:3000\r\n", NULL, 200,
           "Access-Control-Expose-Headers: X-Request-Id, ETag\r\n");
    expect(&stand, "GET", "/readyz", "Origin: http://10.0.0.5:3000\r\n", NULL, 503,
           "Access-Control-Expose-Headers: X-Request-Id, Retry-After\r\n");
    stand_free(&stand);
}
END_TEST

START_TEST(test_open_auth_allows_every_origin)
{
    struct stand stand;

    stand_prepare(&stand);
    stand.options.is_open = true;
    stand_start(&stand);
    expect(&stand, "POST", "/api/edge/event", "Origin: http://ui.example\r\n", ENTRY, 200,
           "Access-Control-Allow-Origin: *\r\n");
    expect(&stand, "OPTIONS", "/api/parking/history/1",
           "Origin: http://ui.example\r\nAccess-Control-Request-Method: PUT\r\n", NULL, 200, NULL);
    stand_free(&stand);
}
END_TEST

/* Loopback is open, but not what a proxy on loopback forwards. */
START_TEST(test_token)
{
    struct stand stand;

    stand_prepare(&stand);
    stand.options.api_token = "secret-token";
    stand_start(&stand);
    expect(&stand, "GET", "/api/stats", NULL, NULL, 200, NULL);
    expect(&stand, "GET", "/api/stats", "X-Forwarded-For: 10.0.0.9\r\n", NULL, 401,
           "WWW-Authenticate: Bearer");
    expect(&stand, "GET", "/api/stats", "Forwarded: for=10.0.0.9\r\nAuthorization: Bearer x\r\n",
           NULL, 401, "\"code\":\"UNAUTHORIZED\"");
    expect(&stand, "GET", "/api/stats",
           "X-Forwarded-For: 10.0.0.9\r\nAuthorization: Bearer secret-token\r\n", NULL, 200, NULL);
    expect(&stand, "GET", "/livez", "X-Forwarded-For: 10.0.0.9\r\n", NULL, 200, NULL);
    expect(&stand, "GET", "/readyz", "X-Forwarded-For: 10.0.0.9\r\n", NULL, 503, NULL);
    expect(&stand, "GET", "/ws/history",
           "X-Forwarded-For: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", NULL, 401, NULL);
    stand_free(&stand);
}
END_TEST

/* Loopback is open under names that only this machine has: a stranger's page whose name was made to
 * lead here (DNS rebinding) is nobody. */
START_TEST(test_host_names)
{
    static const struct {
        const char *host;
        int status;
    } rows[] = {{"127.0.0.1:8000", 200},     {"127.0.0.1", 200},
                {"[::1]:8000", 200},         {"localhost:8000", 200},
                {"LOCALHOST", 200},          {"page.localhost:8000", 200},
                {"10.20.0.7:8000", 200}, /* a name of this machine as far as anybody can tell */
                {"parkmesh-1:8000", 200},    {"evil.example:8000", 401},
                {"evil.example", 401},       {"127.0.0.1.evil.example:8000", 401},
                {"evil.example.:8000", 401}, {"localhost.evil.example", 401}};
    struct stand stand;

    stand_new(&stand);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        struct reply reply;
        (void)snprintf(text, sizeof text, "GET /api/stats HTTP/1.1\r\nHost: %s\r\n\r\n",
                       rows[i].host);
        reply = exchange(&stand, text);
        ck_assert_msg(reply.status == rows[i].status, "%s -> %d", rows[i].host, reply.status);
        stand_reply_free(&reply);
    }
    stand_free(&stand);
}
END_TEST

START_TEST(test_port_in_use)
{
    struct stand stand;
    struct problem problem = {.text = ""};
    struct api *second;

    stand_new(&stand);
    second = api_start(&stand.options, &problem);
    ck_assert_ptr_null(second);
    ck_assert_msg(problem.code == PROBLEM_PORT_IN_USE, "%s", problem.text);
    ck_assert_ptr_nonnull(strstr(problem.text, stand.listener));
    stand.options.listeners[0] = "192.0.2.1:8000";
    ck_assert_ptr_null(api_start(&stand.options, &problem));
    ck_assert_int_eq(problem.code, PROBLEM_ADDRESS_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(problem.text, "192.0.2.1:8000"));
    stand.options.database = "/nonexistent/central.db";
    ck_assert_ptr_null(api_start(&stand.options, &problem));
    stand_free(&stand);
}
END_TEST

START_TEST(test_bad_request_lines)
{
    static const char *const rows[] = {"GET\r\n\r\n", "\x01\x02\r\n\r\n",
                                       "GET /api/stats HTTP/9.9\r\n\r\n",
                                       "GET /a b HTTP/1.1\r\n\r\n"};
    struct stand stand;

    stand_new(&stand);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reply reply = exchange(&stand, rows[i]);
        ck_assert_msg(reply.status == 0 || reply.status >= 400, "%zu: %d", i, reply.status);
        stand_reply_free(&reply);
    }
    expect(&stand, "GET", "/api/stats", NULL, NULL, 200, NULL);
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *tests = tcase_create("http");

    tcase_add_test(tests, test_paths_match_exactly);
    tcase_add_test(tests, test_names_of_visits_hold_slashes);
    tcase_add_test(tests, test_words_of_a_status);
    tcase_add_test(tests, test_methods_and_slashes);
    tcase_add_test(tests, test_head_has_no_body);
    tcase_add_test(tests, test_readiness);
    tcase_add_test(tests, test_readiness_in_parts);
    tcase_add_test(tests, test_bodies);
    tcase_add_test(tests, test_headers_beyond_the_last_one_seen);
    tcase_add_test(tests, test_lengths_are_numbers);
    tcase_add_test(tests, test_chunks_obey_the_cap);
    tcase_add_test(tests, test_keep_alive);
    tcase_add_test(tests, test_expect_continue);
    tcase_add_test(tests, test_origins);
    tcase_add_test(tests, test_open_auth_allows_every_origin);
    tcase_add_test(tests, test_token);
    tcase_add_test(tests, test_host_names);
    tcase_add_test(tests, test_port_in_use);
    tcase_add_test(tests, test_bad_request_lines);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
