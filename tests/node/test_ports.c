/* Which changed ports are refused before anybody hears of them. */
#include "node/ports.h"

#include "tests/support_main.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IP "127.7.7.1"

static struct config before, after;
static int other;
static uint16_t taken;

/* Another program listens on a port of `IP`. */
static void setup(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(inet_pton(AF_INET, IP, &address.sin_addr), 1);
    ck_assert_int_eq(bind(other, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(other, 1), 0);
    ck_assert_int_eq(getsockname(other, (struct sockaddr *)&address, &size), 0);
    taken = ntohs(address.sin_port);
    config_init(&before);
    (void)snprintf(before.ip, sizeof before.ip, IP);
    ck_assert_int_eq(config_copy(&after, &before), 0);
}

static void teardown(void)
{
    (void)close(other); /* nothing was sent */
    config_free(&before);
    config_free(&after);
}

/* Every listener, by the member that names its port. */
START_TEST(a_port_of_another_program_is_refused)
{
    uint16_t *const ports[] = {&after.p2p_port, &after.api_port, &after.ws_peer_port,
                               &after.bus_port, &after.replay_port};
    const char *const keys[] = {"p2p_port", "api_port", "ws_peer_port", "bus.port",
                                "bus.replay_port"};

    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        uint16_t was = *ports[i];
        struct problem problem = {.code = PROBLEM_OK};
        char text[128];

        *ports[i] = taken;
        ck_assert_int_eq(ports_check(&before, &after, &problem), -1);
        ck_assert_int_eq(problem.code, PROBLEM_PORT_IN_USE);
        (void)snprintf(text, sizeof text, "%s: cannot listen on " IP ":%u: in use", keys[i],
                       (unsigned)taken);
        ck_assert_ptr_nonnull(strstr(problem.text, text));
        ck_assert_ptr_nonnull(strstr(problem.hint, keys[i]));
        *ports[i] = was;
    }
}
END_TEST

START_TEST(a_free_port_is_not_refused)
{
    struct problem problem;

    ck_assert_int_eq(close(other), 0);
    after.p2p_port = taken;
    ck_assert_int_eq(ports_check(&before, &after, &problem), 0);
    ck_assert_int_eq(ports_check(&before, &after, &problem), 0); /* it was given up again */
    other = -1;
}
END_TEST

/* Two listeners that change places, or one that stays: whoever holds the port is this central. */
START_TEST(a_port_of_our_own_is_not_refused)
{
    struct problem problem;

    before.api_port = taken;
    after.p2p_port = taken;
    ck_assert_int_eq(ports_check(&before, &after, &problem), 0);
    ck_assert_int_eq(ports_check(&before, &before, &problem), 0);
}
END_TEST

START_TEST(an_address_elsewhere_is_refused)
{
    struct problem problem = {.code = PROBLEM_OK};

    (void)snprintf(after.bind, sizeof after.bind, "192.0.2.1"); /* reserved for documents */
    (void)snprintf(after.mesh_secret, sizeof after.mesh_secret, "0123456789abcdef");
    ck_assert_int_eq(ports_check(&before, &after, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_ADDRESS_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(problem.text, "192.0.2.1"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ports");
    TCase *tcase = tcase_create("ports");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_port_of_another_program_is_refused);
    tcase_add_test(tcase, a_free_port_is_not_refused);
    tcase_add_test(tcase, a_port_of_our_own_is_not_refused);
    tcase_add_test(tcase, an_address_elsewhere_is_refused);
    tcase_set_timeout(tcase, 30);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
