/*
 * Turns of the loop. Sender and receiver are mostly one thread: between two sockets of a process a
 * message has arrived when zmq_send returns, so each order of events can be made at will.
 */
#include "bus/loop.h"

#include "tests/bus/support_central.h"

#include "proto/clock.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SOON_MS 2000 /* a turn that waits for so long has overlooked something */
#define MANY 40

/* A watched socket, its other end, and what its handler does besides reading one message. */
struct probe {
    struct loop *loop;
    zsock_t *socket, *far;
    char name;
    char *log; /* names of those that were served, in order */
    int result;
    void (*also)(struct probe *probe);
    struct probe *other; /* for `also` */
    int left;            /* for `also` */
};

static void say(zsock_t *socket)
{
    ck_assert_int_eq(zmq_send(zsock_resolve(socket), "x", 1, ZMQ_DONTWAIT), 1);
}

/* Takes away what the descriptor told, as any use of the socket may. */
static void use(zsock_t *socket)
{
    int events;
    size_t size = sizeof events;
    ck_assert_int_eq(zmq_getsockopt(zsock_resolve(socket), ZMQ_EVENTS, &events, &size), 0);
}

static int on_probe(zsock_t *socket, void *argument)
{
    struct probe *probe = argument;
    char byte;

    ck_assert_ptr_eq(socket, probe->socket);
    ck_assert_int_eq(zmq_recv(zsock_resolve(socket), &byte, 1, ZMQ_DONTWAIT), 1);
    (void)strncat(probe->log, &probe->name, 1);
    if (probe->also) {
        probe->also(probe);
    }
    return probe->result;
}

static void name_endpoint(const struct probe *probe, char *out, size_t size)
{
    (void)snprintf(out, size, "inproc://probe-%p-%c", (void *)probe->log, probe->name);
}

static struct probe open_probe(struct loop *loop, char name, char *log)
{
    struct probe probe = {.loop = loop, .name = name, .log = log};
    char endpoint[40];

    name_endpoint(&probe, endpoint, sizeof endpoint);
    probe.socket = zsock_new(ZMQ_PAIR);
    probe.far = zsock_new(ZMQ_PAIR);
    ck_assert_int_eq(zmq_bind(zsock_resolve(probe.socket), endpoint), 0);
    ck_assert_int_eq(zmq_connect(zsock_resolve(probe.far), endpoint), 0);
    return probe;
}

static void watch(struct probe *probe)
{
    ck_assert_int_eq(loop_watch(probe->loop, probe->socket, on_probe, probe), 0);
}

static void close_probe(struct probe *probe)
{
    loop_unwatch(probe->loop, probe->socket);
    zsock_destroy(&probe->socket);
    zsock_destroy(&probe->far);
}

/* A turn that has no reason to wait. */
static int turn(struct loop *loop)
{
    int64_t due_ms = clock_mono_ms() + SOON_MS;
    int ended = loop_turn(loop, due_ms);
    ck_assert_msg(clock_mono_ms() < due_ms, "the turn waited");
    return ended;
}

/* Nothing is there. */
static void turn_in_vain(struct loop *loop)
{
    int64_t due_ms = clock_mono_ms() + 20;
    ck_assert_int_eq(loop_turn(loop, due_ms), 0);
    ck_assert_int_ge(clock_mono_ms(), due_ms);
}

static void tell_other(struct probe *probe)
{
    say(probe->other->far);
}

/* ---- the stage: a loop and two probes, which the test watches or not; a process each ---- */

static char served[200]; /* whom the loop served */
static struct loop *loop;
static struct probe a, b;

static void begin(void)
{
    central_begin();
    loop = loop_new();
    a = open_probe(loop, 'a', served);
    b = open_probe(loop, 'b', served);
}

static void finish(void)
{
    close_probe(&a);
    close_probe(&b);
    loop_destroy(&loop);
}

START_TEST(who_wakes_it_is_served_in_the_same_turn)
{
    begin();

    watch(&a);
    watch(&b);
    turn_in_vain(loop);
    say(b.far);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_str_eq(served, "b");
    b.other = &a; /* which is told when it is clear that somebody has something */
    b.also = tell_other;
    say(b.far);
    loop_used(loop, b.socket);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_str_eq(served, "bba");
    turn_in_vain(loop);
    ck_assert_str_eq(served, "bba");
    finish();
    ck_assert_ptr_null(loop);
    loop_destroy(&loop);
}
END_TEST

/* A message comes to the other, whose descriptor is silent again when the handler is through. */
static void tell_and_use_other(struct probe *probe)
{
    if (probe->left-- > 0) {
        say(probe->other->far);
        use(probe->other->socket);
        if (probe->other != probe) {
            loop_used(probe->loop, probe->other->socket);
        }
    }
}

START_TEST(a_silent_descriptor_hides_nothing)
{
    begin();

    watch(&a);
    watch(&b);
    turn_in_vain(loop);
    b.also = tell_and_use_other;
    b.other = &b; /* itself */
    b.left = 3;
    say(b.far);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(turn(loop), 0);
    }
    ck_assert_str_eq(served, "bbbb");
    b.other = &a; /* one that was asked before it */
    b.left = 1;
    say(b.far);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(turn(loop), 0);
    }
    ck_assert_str_eq(served, "bbbbba");
    b.left = 1; /* and from outside a turn, as a tick does */
    tell_and_use_other(&b);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_str_eq(served, "bbbbbaa");
    say(b.far); /* before it is watched */
    loop_unwatch(loop, b.socket);
    use(b.socket);
    watch(&b);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_str_eq(served, "bbbbbaab");
    finish();
}
END_TEST

START_TEST(a_use_that_nobody_told_of_costs_a_second)
{
    begin();
    int64_t end_ms = clock_mono_ms() + SOON_MS;

    watch(&a);
    loop_used(loop, NULL);
    turn_in_vain(loop);
    say(a.far);
    use(a.socket);
    while (!served[0] && clock_mono_ms() < end_ms) {
        ck_assert_int_eq(loop_turn(loop, clock_mono_ms() + 20), 0);
    }
    ck_assert_str_eq(served, "a");
    finish();
}
END_TEST

static void echo(zsock_t *pipe, void *endpoint)
{
    zsock_t *socket = zsock_new(ZMQ_PAIR);
    zpoller_t *poller = zpoller_new(pipe, socket, NULL);

    ck_assert_int_eq(zmq_connect(zsock_resolve(socket), endpoint), 0);
    zsock_signal(pipe, 0);
    while (zpoller_wait(poller, -1) == socket) {
        zmq_msg_t message;
        (void)zmq_msg_init(&message);
        while (zmq_msg_recv(&message, zsock_resolve(socket), ZMQ_DONTWAIT) >= 0) {
            ck_assert_int_ge(zmq_msg_send(&message, zsock_resolve(socket), 0), 0);
        }
        (void)zmq_msg_close(&message);
    }
    zpoller_destroy(&poller);
    zsock_destroy(&socket);
}

static int on_echo(zsock_t *socket, void *argument)
{
    int *left = argument;
    char byte;

    ck_assert_int_eq(zmq_recv(zsock_resolve(socket), &byte, 1, ZMQ_DONTWAIT), 1);
    --*left;
    say(socket); /* while more come */
    return *left > 0 ? 0 : -1;
}

START_TEST(what_comes_while_it_sends_is_not_lost)
{
    central_begin();
    static char endpoint[] = "inproc://echo";
    loop = loop_new();
    zsock_t *socket = zsock_new(ZMQ_PAIR);
    int left = 20000, ended = 0;

    ck_assert_int_eq(zmq_bind(zsock_resolve(socket), endpoint), 0);
    zactor_t *actor = zactor_new(echo, endpoint);
    ck_assert_int_eq(loop_watch(loop, socket, on_echo, &left), 0);
    for (int i = 0; i < 3; i++) {
        say(socket);
    }
    while (!ended) {
        ended = turn(loop);
    }
    zactor_destroy(&actor);
    zsock_destroy(&socket);
    loop_destroy(&loop);
}
END_TEST

/* Closes itself and the next, and watches the one behind that. */
static void replace(struct probe *probe)
{
    close_probe(probe);
    close_probe(probe + 1);
    watch(probe + 2);
}

START_TEST(handlers_close_and_watch_what_they_like)
{
    central_begin();
    loop = loop_new();
    struct probe probes[MANY];

    for (int i = 0; i < MANY; i++) {
        probes[i] = open_probe(loop, (char)('A' + i), served);
        say(probes[i].far);
    }
    probes[0].also = replace;
    watch(&probes[0]);
    watch(&probes[1]);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_str_eq(served, "AC");
    /* The places grow in the middle of a turn, too. */
    for (int i = 3; i < MANY - 2; i += 3) {
        probes[i].also = replace;
        watch(&probes[i]);
        watch(&probes[i + 1]);
    }
    served[0] = '\0';
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_int_eq((int)strlen(served), 24);
    ck_assert_ptr_null(strchr(served, 'E'));
    turn_in_vain(loop);
    for (int i = 0; i < MANY; i++) {
        close_probe(&probes[i]);
    }
    loop_destroy(&loop);
}
END_TEST

START_TEST(who_woke_it_may_be_closed_before_its_turn)
{
    central_begin();
    loop = loop_new();
    struct probe probes[3];

    for (int i = 0; i < 3; i++) {
        probes[i] = open_probe(loop, (char)('a' + i), served);
    }
    watch(&probes[0]);
    watch(&probes[1]);
    turn_in_vain(loop);
    probes[0].also = replace;
    say(probes[0].far);
    say(probes[1].far);
    ck_assert_int_eq(turn(loop), 0); /* both were named */
    ck_assert_str_eq(served, "a");
    close_probe(&probes[2]);
    loop_destroy(&loop);
}
END_TEST

START_TEST(who_wakes_it_need_not_have_anything)
{
    begin();
    zsock_t *second = zsock_new(ZMQ_PAIR);
    char endpoint[40];

    watch(&a);
    turn_in_vain(loop);
    name_endpoint(&a, endpoint, sizeof endpoint);
    /* A PAIR takes note of a second visitor, and does not talk to it. */
    ck_assert_int_eq(zmq_connect(zsock_resolve(second), endpoint), 0);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_str_eq(served, "");
    turn_in_vain(loop); /* it was taken note of */
    zsock_destroy(&second);
    finish();
}
END_TEST

static int on_fd(zsock_t *none, void *argument)
{
    int *fd = argument;
    char byte;

    ck_assert_ptr_null(none);
    fd[2]++;
    return recv(fd[0], &byte, 1, MSG_DONTWAIT) < 0 ? -1 : 0;
}

/* Through with what it had, it has more, and its descriptor tells. */
static void tell_self(struct probe *probe)
{
    use(probe->socket);
    say(probe->far);
}

START_TEST(nobody_starves)
{
    begin();
    int fd[3] = {0};

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    a.also = b.also = tell_self; /* never through */
    watch(&a);
    watch(&b);
    loop_watch_fd(loop, fd[0], on_fd, fd);
    say(a.far);
    say(b.far);
    ck_assert_int_eq(write(fd[1], "12345", 5), 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(turn(loop), 0); /* whoever has a deadline looks at it after each */
    }
    ck_assert_str_eq(served, "ababababab");
    ck_assert_int_eq(fd[2], 5);
    ck_assert_int_eq(turn(loop), 0); /* without the descriptor */
    ck_assert_int_eq(fd[2], 5);
    close(fd[0]);
    close(fd[1]);
    finish();
}
END_TEST

START_TEST(the_deadline_is_kept)
{
    begin();

    turn_in_vain(loop); /* watching nothing */
    watch(&a);
    turn_in_vain(loop);
    int64_t before_ms = clock_mono_ms();
    ck_assert_int_eq(loop_turn(loop, before_ms - 1), 0);
    ck_assert_int_eq(loop_turn(loop, INT64_MIN), 0);
    ck_assert_int_lt(clock_mono_ms(), before_ms + SOON_MS);
    say(a.far);
    ck_assert_int_eq(loop_turn(loop, INT64_MIN), 0);
    ck_assert_str_eq(served, "a"); /* overdue, and served all the same */
    say(a.far);
    ck_assert_int_eq(loop_turn(loop, INT64_MAX), 0);
    ck_assert_str_eq(served, "aa");
    finish();
}
END_TEST

static void on_alarm(int number)
{
    (void)number; /* it interrupts the poll */
}

START_TEST(a_signal_is_only_a_reason_to_look_again)
{
    central_begin();
    struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval timer = {{0, 20000}, {0, 20000}};
    loop = loop_new();
    int fd[3] = {0};

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    loop_watch_fd(loop, fd[0], on_fd, fd);
    ck_assert_int_eq(write(fd[1], "1", 1), 1);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
    /* Back before its time, which is more than poll() can wait, and nobody was called. */
    int64_t before_ms = clock_mono_ms();
    ck_assert_int_eq(loop_turn(loop, before_ms + (INT64_C(1) << 32)), 0);
    ck_assert_int_ge(clock_mono_ms(), before_ms + 10);
    ck_assert_int_eq(fd[2], 1);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 0}, NULL), 0);
    close(fd[0]);
    close(fd[1]);
    loop_destroy(&loop);
}
END_TEST

START_TEST(a_descriptor_without_another_end_is_heard_once_more)
{
    central_begin();
    loop = loop_new();
    int fd[3] = {0};

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    loop_watch_fd(loop, fd[0], on_fd, fd);
    turn_in_vain(loop);
    loop_unwatch(loop, NULL); /* is not this one */
    loop_used(loop, NULL);
    ck_assert_int_eq(write(fd[1], "1", 1), 1);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_int_eq(fd[2], 1);
    close(fd[1]);
    ck_assert_int_eq(turn(loop), 0);
    ck_assert_int_eq(fd[2], 2);
    turn_in_vain(loop);
    ck_assert_int_eq(fd[2], 2);
    close(fd[0]);
    loop_destroy(&loop);
}
END_TEST

static int end(zsock_t *none, void *argument)
{
    (void)none;     /* a descriptor */
    (void)argument; /* has none */
    return -1;
}

START_TEST(a_handler_ends_it)
{
    begin();
    int fd[2];

    watch(&a);
    watch(&b);
    a.result = -1;
    say(a.far);
    say(b.far);
    ck_assert_int_eq(turn(loop), -1);
    ck_assert_str_eq(served, "a");
    ck_assert_int_eq(turn(loop), 0); /* what it had not come to */
    ck_assert_str_eq(served, "ab");
    b.other = &a;
    b.also = tell_other;
    say(b.far);
    ck_assert_int_eq(turn(loop), -1); /* woken */
    ck_assert_str_eq(served, "abba");
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    loop_watch_fd(loop, fd[0], end, NULL);
    close(fd[1]);
    ck_assert_int_eq(turn(loop), -1); /* a descriptor's, too */
    close(fd[0]);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {who_wakes_it_is_served_in_the_same_turn,
                                  a_silent_descriptor_hides_nothing,
                                  a_use_that_nobody_told_of_costs_a_second,
                                  what_comes_while_it_sends_is_not_lost,
                                  handlers_close_and_watch_what_they_like,
                                  who_woke_it_may_be_closed_before_its_turn,
                                  who_wakes_it_need_not_have_anything,
                                  nobody_starves,
                                  the_deadline_is_kept,
                                  a_signal_is_only_a_reason_to_look_again,
                                  a_descriptor_without_another_end_is_heard_once_more,
                                  a_handler_ends_it};
    return central_suite("loop", tests, sizeof tests / sizeof tests[0]);
}
