#include "tests/bus/support_central.h"

#include "bus/resolve.h"

#include <poll.h>
#include <string.h>

static struct resolve_answer next(struct resolve *resolve)
{
    struct resolve_answer answer;
    struct pollfd fd = {.fd = resolve_fd(resolve), .events = POLLIN};

    ck_assert_int_eq(poll(&fd, 1, CENTRAL_PATIENCE_MS), 1);
    ck_assert(resolve_next(resolve, &answer));
    return answer;
}

START_TEST(names_become_addresses_in_order)
{
    struct resolve *resolve = resolve_new();
    struct resolve_answer answer;

    ck_assert_ptr_nonnull(resolve);
    ck_assert(!resolve_next(resolve, &answer));
    ck_assert_int_eq(resolve_ask(resolve, "localhost"), 0);
    ck_assert_int_eq(resolve_ask(resolve, "no-such-host.invalid"), 0);
    ck_assert_int_eq(resolve_ask(resolve, "127.0.0.9"), 0);
    answer = next(resolve);
    ck_assert_str_eq(answer.name, "localhost");
    ck_assert_str_eq(answer.ip, "127.0.0.1");
    answer = next(resolve);
    ck_assert_str_eq(answer.name, "no-such-host.invalid");
    ck_assert_str_eq(answer.ip, "");
    ck_assert_str_ne(answer.error, "");
    answer = next(resolve);
    ck_assert_str_eq(answer.ip, "127.0.0.9");
    resolve_destroy(&resolve);
    ck_assert_ptr_null(resolve);
    resolve_destroy(&resolve);
}
END_TEST

START_TEST(asking_never_waits)
{
    struct resolve *resolve = resolve_new();
    char name[100];
    int asked = 0;

    memset(name, 'a', sizeof name);
    name[64] = '\0';
    ck_assert_int_eq(resolve_ask(resolve, name), -1);
    ck_assert_int_eq(resolve_ask(resolve, ""), -1);
    while (asked < 100000 && resolve_ask(resolve, "127.0.0.1") == 0) {
        asked++;
    }
    ck_assert_int_gt(asked, 0);
    resolve_destroy(&resolve); /* with questions and answers under way */
}
END_TEST

START_TEST(numbers_are_told_from_names)
{
    static const struct {
        const char *text;
        bool numeric, loopback;
    } rows[] = {{"127.0.0.1", true, true},    {"127.255.0.9", true, true}, {"::1", true, true},
                {"10.0.0.1", true, false},    {"0.0.0.0", true, false},    {"fe80::1", true, false},
                {"localhost", false, false},  {"*", false, false},         {"", false, false},
                {"127.0.0.1 ", false, false}, {"1", false, false},         {"127.1", false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(resolve_is_numeric(rows[i].text) == rows[i].numeric, "%s", rows[i].text);
        ck_assert_msg(resolve_is_loopback(rows[i].text) == rows[i].loopback, "%s", rows[i].text);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {names_become_addresses_in_order, asking_never_waits,
                                  numbers_are_told_from_names};
    return central_suite("resolve", tests, sizeof tests / sizeof tests[0]);
}
