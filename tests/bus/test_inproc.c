/* A name inside the process passes from one socket to the next without a wait. */
#include "bus/inproc.h"

#include "tests/bus/support_central.h"

#define NAME "inproc://the-name"

/* Closed sockets wait for a thread of libzmq, which may be late: a context has room for all. */
#define TURNS 500

START_TEST(a_successor_has_the_name_at_once)
{
    for (int i = 0; i < TURNS; i++) {
        zsock_t *socket = zsock_new(ZMQ_ROUTER);
        ck_assert_ptr_nonnull(socket);
        ck_assert_msg(inproc_bind(socket, NAME) == 0, "the %d. has no name: %s", i + 1,
                      zmq_strerror(errno));
        inproc_close(&socket);
        ck_assert_ptr_null(socket);
    }
}
END_TEST

START_TEST(what_is_not_bound_is_closed_too)
{
    zsock_t *none = NULL, *socket = zsock_new(ZMQ_ROUTER);

    inproc_close(&none);
    inproc_close(&socket);
    ck_assert_ptr_null(socket);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_successor_has_the_name_at_once,
                                  what_is_not_bound_is_closed_too};
    return central_suite("inproc", tests, sizeof tests / sizeof tests[0]);
}
