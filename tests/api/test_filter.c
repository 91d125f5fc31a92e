/* What narrows a list under /api/v1 says something that is known, or the list is refused. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "storage/fold.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void expect(const struct stand *stand, const char *target, int status, const char *part)
{
    struct reply reply = stand_ask(stand, "GET", target, NULL, NULL);

    ck_assert_msg(reply.status == status, "%s -> %d %s", target, reply.status, reply.body);
    ck_assert_msg(strstr(reply.body, part) != NULL, "%s -> %s lacks %s", target, reply.body, part);
    stand_reply_free(&reply);
}

START_TEST(test_empty)
{
    static const struct {
        const char *path, *names[8];
    } rows[] = {{"/api/v1/visits",
                 {"plate", "plate_prefix", "plate_part", "status", "central", "lot", "anomaly"}},
                {"/api/v1/conflicts", {"code", "plate", "event_id"}},
                {"/api/v1/audit", {"author", "kind", "since", "until"}},
                {"/api/v1/events", {"kind", "central"}}};
    struct stand stand;

    stand_prepare(&stand);
    stand_fill(&stand, 2);
    stand_start(&stand);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t j = 0; rows[i].names[j] != NULL; j++) {
            char target[80], part[80];
            (void)snprintf(target, sizeof target, "%s?%s=&limit=5", rows[i].path, rows[i].names[j]);
            (void)snprintf(part, sizeof part, "\"%s: has no value", rows[i].names[j]);
            expect(&stand, target, 422, part);
        }
    }
    expect(&stand, "/api/v1/visits?format=csv&plate=", 422, "PARAMETER_INVALID");
    expect(&stand, "/api/v1/conflicts?plate=-", 422, "plate: letters or digits");
    expect(&stand, "/api/v1/conflicts?cursor=", 200, "\"count\":0");
    expect(&stand, "/api/v1/events?topic=", 200, "\"events\":");
    expect(&stand, "/api/parking/history?search=&status=", 200, "\"count\":2");
    stand_free(&stand);
}
END_TEST

/* The handshake is refused, as the list is: a client that is let in would follow everything. */
START_TEST(test_socket)
{
    static const char *const handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                         "Sec-WebSocket-Version: 13\r\n"
                                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    static const struct {
        const char *target, *part;
    } rows[] = {{"/ws/events?kind=", "\"kind: has no value"},
                {"/ws/events?central=", "\"central: has no value"},
                {"/ws/events?topic=v1.&kind=", "\"kind: has no value"}};
    struct stand stand;

    stand_new(&stand);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reply reply = stand_ask(&stand, "GET", rows[i].target, handshake, NULL);
        ck_assert_msg(reply.status == 422, "%s -> %d", rows[i].target, reply.status);
        ck_assert_ptr_nonnull(strstr(reply.body, rows[i].part));
        ck_assert_ptr_nonnull(strstr(reply.body, "PARAMETER_INVALID"));
        stand_reply_free(&reply);
    }
    (void)close(stand_websocket(&stand, "/ws/events?topic=", 0)); /* only read from */
    stand_free(&stand);
}
END_TEST

START_TEST(test_codes)
{
    static const char *const codes[] = {
#define X(name) #name,
        ANOMALY_CODES(X)
#undef X
    };
    struct stand stand;

    stand_prepare(&stand);
    stand_fill(&stand, 2);
    stand_start(&stand);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char target[80];
        (void)snprintf(target, sizeof target, "/api/v1/visits?anomaly=%s", codes[i]);
        expect(&stand, target, 200, "\"count\":0");
        (void)snprintf(target, sizeof target, "/api/v1/conflicts?code=%s", codes[i]);
        expect(&stand, target, 200, "\"count\":0");
        expect(&stand, "/api/v1/conflicts?code=FOO", 422, codes[i]);
    }
    expect(&stand, "/api/v1/visits?anomaly=any", 200, "\"count\":0");
    expect(&stand, "/api/v1/visits?anomaly=FOO", 422, "\"anomaly: one of any, DUPLICATE, CONFLICT");
    expect(&stand, "/api/v1/conflicts?code=any", 422, "\"code: one of DUPLICATE, CONFLICT");
    expect(&stand, "/api/v1/conflicts?code=conflict", 422, "PARAMETER_INVALID");
    stand_free(&stand);
}
END_TEST

START_TEST(test_reasons)
{
    char search[3100], target[3200];
    struct stand stand;

    memset(search, 'A', sizeof search);
    search[3000] = '\0';
    stand_new(&stand);
    (void)snprintf(target, sizeof target, "/api/parking/history?search=%s", search);
    expect(&stand, target, 422, "\"msg\":\"is too long: at most 512 bytes\"");
    (void)snprintf(target, sizeof target, "/api/v1/visits?plate_part=%s", search);
    expect(&stand, target, 422, "plate_part: is too long: at most 512 bytes");
    expect(&stand, "/api/v1/audit?kind=FOO", 422, "kind: one of LOGIN, LOGIN_FAILED, LOGOUT, ");
    expect(&stand, "/api/v1/audit?kind=FOO", 422, ", HISTORY_UPDATE, ");
    expect(&stand, "/api/v1/audit?limit=501", 422, "limit: 1 to 500");
    expect(&stand, "/api/v1/audit?cursor=x", 422, "cursor: not one of this list");
    expect(&stand, "/api/v1/audit?since=noon", 422, "since: a time like 2026-");
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filter");
    TCase *tests = tcase_create("filter");

    tcase_add_test(tests, test_empty);
    tcase_add_test(tests, test_socket);
    tcase_add_test(tests, test_codes);
    tcase_add_test(tests, test_reasons);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
