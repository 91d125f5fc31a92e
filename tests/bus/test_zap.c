#include "bus/secret.h"
#include "bus/zap.h"

#include "proto/clock.h"
#include "tests/support_main.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define PATIENCE_MS 10000

static zactor_t *begin(void)
{
    zsys_handler_set(NULL);
    zsys_init();
    zactor_t *zap = zactor_new(zap_actor, NULL);
    ck_assert_ptr_nonnull(zap);
    return zap;
}

/* Asks as libzmq does; returns the status, and the user id in `user` (41 bytes). */
static int ask_in(const char *domain, zsock_t *req, const char *mechanism, struct slice key,
                  char *user)
{
    void *socket = zsock_resolve(req);
    const struct {
        const void *data;
        size_t len;
    } frames[] = {{"1.0", 3}, {"7", 1}, {domain, strlen(domain)}, {"10.0.0.7", 8}, {"", 0}};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_ge(zmq_send(socket, frames[i].data, frames[i].len, ZMQ_SNDMORE), 0);
    }
    ck_assert_int_ge(zmq_send(socket, mechanism, strlen(mechanism), ZMQ_SNDMORE), 0);
    ck_assert_int_ge(zmq_send(socket, key.data, key.len, 0), 0);

    zmsg_t *reply = zmsg_recv(req);
    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_eq(zmsg_size(reply), 6);
    char *text[6];
    for (size_t i = 0; i < 6; i++) {
        text[i] = zmsg_popstr(reply);
    }
    ck_assert_str_eq(text[0], "1.0");
    ck_assert_str_eq(text[1], "7");
    int status = (int)strtol(text[2], NULL, 10);
    if (user) {
        snprintf(user, 41, "%s", text[4]);
    }
    for (size_t i = 0; i < 6; i++) {
        free(text[i]);
    }
    zmsg_destroy(&reply);
    return status;
}

static int ask(zsock_t *req, const char *mechanism, const void *key, size_t len, char *user)
{
    return ask_in(ZAP_DOMAIN, req, mechanism, (struct slice){key, len}, user);
}

static zsock_t *asker(void)
{
    zsock_t *req = zsock_new(ZMQ_REQ);
    zsock_set_rcvtimeo(req, PATIENCE_MS);
    ck_assert_int_eq(zsock_connect(req, "inproc://zeromq.zap.01"), 0);
    return req;
}

START_TEST(admits_exactly_the_one_key)
{
    uint8_t ours[32], theirs[32];
    char user[41], expected[41];
    zactor_t *zap = begin();
    zsock_t *req = asker();

    memset(ours, 7, sizeof ours);
    memset(theirs, 7, sizeof theirs);
    theirs[31] = 8;
    ck_assert_int_eq(ask(req, "CURVE", ours, 32, NULL), 400); /* no key yet: nobody */
    ck_assert_int_eq(zap_admit(zap, ours), 0);
    ck_assert_int_eq(ask(req, "CURVE", ours, 32, user), 200);
    ck_assert_str_eq(user, zmq_z85_encode(expected, ours, 32));
    ck_assert_int_eq(ask(req, "CURVE", theirs, 32, user), 400);
    ck_assert_str_eq(user, "");
    ck_assert_int_eq(ask(req, "CURVE", ours, 31, NULL), 400);
    ck_assert_int_eq(ask(req, "NULL", ours, 32, NULL), 400);
    ck_assert_int_eq(ask(req, "PLAIN", "user", 4, NULL), 400);

    ck_assert_int_eq(zap_admit(zap, theirs), 0);
    ck_assert_int_eq(ask(req, "CURVE", ours, 32, NULL), 400);
    ck_assert_int_eq(ask(req, "CURVE", theirs, 32, NULL), 200);
    zsock_destroy(&req);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(each_domain_has_a_key_of_its_own)
{
    uint8_t mesh[32] = {7}, bus[32] = {8};
    struct slice mesh_key = {(const char *)mesh, 32}, bus_key = {(const char *)bus, 32};
    ck_assert_int_eq(zap_admit_bus(bus), -1); /* nobody keeps the door */
    zactor_t *zap = begin();
    zsock_t *req = asker();

    ck_assert_int_eq(zap_admit(zap, mesh), 0);
    ck_assert_int_eq(ask_in(ZAP_DOMAIN_BUS, req, "CURVE", mesh_key, NULL), 400);
    ck_assert_int_eq(zap_admit_bus(bus), 0);
    ck_assert_int_eq(ask_in(ZAP_DOMAIN_BUS, req, "CURVE", bus_key, NULL), 200);
    ck_assert_int_eq(ask_in(ZAP_DOMAIN_BUS, req, "CURVE", mesh_key, NULL), 400);
    ck_assert_int_eq(ask_in(ZAP_DOMAIN, req, "CURVE", mesh_key, NULL), 200);
    ck_assert_int_eq(ask_in(ZAP_DOMAIN, req, "CURVE", bus_key, NULL), 400);
    ck_assert_int_eq(ask_in("", req, "CURVE", bus_key, NULL), 400);
    ck_assert_int_eq(ask_in("parkmesh-other", req, "CURVE", bus_key, NULL), 400);
    zsock_destroy(&req);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(odd_requests_are_refused)
{
    uint8_t key[32] = {1};
    char large[5000];
    zactor_t *zap = begin();
    zsock_t *req = asker();

    memset(large, 'x', sizeof large);
    ck_assert_int_eq(zap_admit(zap, key), 0);
    ck_assert_int_eq(ask(req, "CURVE", large, sizeof large, NULL), 400);
    for (size_t count = 1; count < 20; count++) {
        for (size_t i = 0; i < count; i++) {
            int flags = i + 1 < count ? ZMQ_SNDMORE : 0;
            ck_assert_int_ge(zmq_send(zsock_resolve(req), "1.0", 3, flags), 0);
        }
        zmsg_t *reply = zmsg_recv(req);
        ck_assert_ptr_nonnull(reply);
        zframe_t *status = NULL;
        (void)zmsg_first(reply);
        (void)zmsg_next(reply);
        status = zmsg_next(reply);
        ck_assert(zframe_streq(status, "400"));
        zmsg_destroy(&reply);
    }
    ck_assert_int_eq(ask(req, "CURVE", key, 32, NULL), 200);
    zsock_destroy(&req);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

static void ignore(int number)
{
    (void)number;
}

/* The usual handler ends at the first signal, and from then on everybody is let in. */
START_TEST(signals_do_not_end_it)
{
    uint8_t key[32] = {1}, other[32] = {2};
    struct sigaction action = {.sa_handler = ignore};
    sigset_t all, before;
    zactor_t *zap = begin();

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0); /* no SA_RESTART */
    ck_assert_int_eq(zap_admit(zap, key), 0);
    zsock_t *req = asker();
    sigfillset(&all);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &all, &before), 0); /* to other threads */
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
        ck_assert_int_eq(ask(req, "CURVE", other, 32, NULL), 400);
    }
    ck_assert_int_eq(ask(req, "CURVE", key, 32, NULL), 200);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    zsock_destroy(&req);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(a_second_one_says_that_it_is_one_too_many)
{
    uint8_t key[32] = {1};
    zactor_t *zap = begin();
    zactor_t *second = zactor_new(zap_actor, NULL);

    ck_assert_int_eq(zap_admit(zap, key), 0);
    ck_assert_int_eq(zap_admit(second, key), -1);
    zactor_destroy(&second);
    ck_assert_int_eq(zap_admit(zap, key), 0);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zap");
    TCase *tests = tcase_create("zap");
    tcase_add_test(tests, admits_exactly_the_one_key);
    tcase_add_test(tests, each_domain_has_a_key_of_its_own);
    tcase_add_test(tests, odd_requests_are_refused);
    tcase_add_test(tests, signals_do_not_end_it);
    tcase_add_test(tests, a_second_one_says_that_it_is_one_too_many);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
