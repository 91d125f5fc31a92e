/*
 * Those who are not centrals of ours, and those who die. Where keys must differ or a process must
 * end, the other central is a child.
 */
#include "tests/bus/support_central.h"

#include "proto/message.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET "the secret of the operator"

/* ---- hostile and foreign ---- */

static int dial_raw(const struct central *central)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(central->config.p2p_port)};
    struct timeval patience = {.tv_sec = CENTRAL_PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(inet_pton(AF_INET, central->config.bind_ip, &address.sin_addr), 1);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

/* Writes until the other side hangs up. */
static void throw_at(const struct central *central, const void *bytes, size_t len)
{
    char answer_bytes[256];
    int fd = dial_raw(central);
    (void)send(fd, bytes, len, MSG_NOSIGNAL);
    while (recv(fd, answer_bytes, sizeof answer_bytes, 0) > 0) {
        if (send(fd, bytes, len, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    close(fd);
}

START_TEST(garbage_is_refused_and_the_mesh_goes_on)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n\r\n";
    static const char zmtp[] =
        "\xff\0\0\0\0\0\0\0\x01\x7f\x03\x00NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    char garbage[3000];
    struct central a, b;
    uint64_t seed = 42;
    central_begin();
    zactor_t *zap = central_pair(&a, &b, SECRET);
    central_start(&a, "a");
    central_start(&b, "b");
    central_wait_state(&a, "central-2", PEER_CONNECTED);
    throw_at(&a, http, sizeof http - 1); /* libzmq drops it without a word */
    central_wait_refused(&a, 0);
    throw_at(&a, zmtp, sizeof zmtp - 1);
    central_wait_refused(&a, 1);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof garbage; i++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            garbage[i] = (char)(seed >> 56);
        }
        throw_at(&a, garbage, sizeof garbage);
    }
    central_wait_refused(&a, 21); /* each once */
    house_write(&b.house, 30, 1);
    central_wait_equal((struct central *[]){&a, &b}, 2, 30);
    ck_assert_int_eq(central_peer(&a, "central-2").state, PEER_CONNECTED);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

static zsock_t *raw_dealer(const struct central *central, const char *id,
                           const struct mesh_keys *own)
{
    zsock_t *dealer = zsock_new(ZMQ_DEALER);
    void *raw = zsock_resolve(dealer);
    const struct mesh_keys *keys = &central->config.keys;
    char endpoint[80];
    snprintf(endpoint, sizeof endpoint, "tcp://%s:%u", central->config.bind_ip,
             central->config.p2p_port);
    ck_assert_int_eq(zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, keys->public_key, 32), 0);
    ck_assert_int_eq(zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, own->public_key, 32), 0);
    ck_assert_int_eq(zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, own->secret_key, 32), 0);
    if (id) {
        ck_assert_int_eq(zmq_setsockopt(raw, ZMQ_ROUTING_ID, id, strlen(id)), 0);
    }
    ck_assert_int_eq(zmq_connect(raw, endpoint), 0);
    return dealer;
}

/* Somebody who knows the public key but not the secret; and members that misbehave. */
START_TEST(strange_dealers_are_refused)
{
    struct central a;
    struct mesh_keys other;
    central_begin();
    central_set_up(&a, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    zactor_t *zap = central_doorkeeper(&a.config.keys);
    central_start(&a, "a");

    ck_assert_int_eq(secret_derive("not the operator's secret", &other), 0);
    zsock_t *intruder = raw_dealer(&a, "central-2#0123456789abcdef", &other);
    /* It may be out already; libzmq would then let us wait for another connection. */
    (void)zmq_send(zsock_resolve(intruder), "let me in", 9, ZMQ_DONTWAIT);
    uint64_t refused = central_wait_refused(&a, 0);

    const struct mesh_keys *keys = &a.config.keys;
    zsock_t *nameless = raw_dealer(&a, NULL, keys);
    zstr_send(nameless, "no routing id");
    refused = central_wait_refused(&a, refused);
    zsock_t *unnamed = raw_dealer(&a, "../etc/passwd#0123456789abcdef", keys);
    zstr_send(unnamed, "no central's id");
    refused = central_wait_refused(&a, refused);
    zsock_t *member = raw_dealer(&a, "central-2#0123456789abcdef", keys);
    zstr_sendx(member, "two", "frames", NULL);
    refused = central_wait_refused(&a, refused);
    zstr_send(member, "not a message of ours");
    refused = central_wait_refused(&a, refused);

    struct buffer message = {.data = NULL};
    struct message_hello hello = {.version_min = 1, .version_max = 1, .boot = 1};
    hello.mesh_id = keys->mesh_id;
    ck_assert(node_id_parse(slice_text("central-2"), &hello.node));
    ck_assert_int_eq(message_pack_hello(&message, &hello), 0);
    zmq_send(zsock_resolve(member), message.data, message.len, 0);
    central_wait_state(&a, "central-2", PEER_PENDING);
    buffer_free(&message);
    zsock_destroy(&intruder);
    zsock_destroy(&nameless);
    zsock_destroy(&unnamed);
    zsock_destroy(&member);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* ---- other processes ---- */

/* A child that runs `body` when the parent says go; it may wait for another go. Made before this
 * process uses CZMQ. */
struct child {
    pid_t pid;
    int go;
};

struct pair {
    struct central here, there;
};

static void wait_go(int fd)
{
    char byte;
    if (read(fd, &byte, 1) != 1) {
        _exit(1); /* the parent has failed */
    }
}

static struct child spawn(void (*body)(struct pair *pair, int fd), struct pair *pair)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(ends[1]);
        wait_go(ends[0]);
        body(pair, ends[0]);
        _exit(0);
    }
    close(ends[0]);
    return (struct child){pid, ends[1]};
}

static void go(const struct child *child)
{
    ck_assert_int_eq(write(child->go, "", 1), 1);
}

static void wrong_body(struct pair *pair, int fd)
{
    central_begin();
    zactor_t *zap = central_doorkeeper(&pair->there.config.keys);
    central_start(&pair->there, "there");
    central_wait_problem(&pair->there, "central-1", PROBLEM_MESH_MISMATCH);
    ck_assert_ptr_nonnull(
        strstr(central_peer(&pair->there, "central-1").last_error, "mesh_secret"));
    wait_go(fd);
    central_stop(&pair->there);
    zactor_destroy(&zap);
    zsys_shutdown();
}

START_TEST(another_secret_is_refused_in_words_at_both)
{
    struct pair pair;
    int status;
    central_set_up(&pair.here, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    central_set_up(&pair.there, "central-2", "127.0.0.2", central_free_port("127.0.0.2"),
                   "quite another secret");
    central_know(&pair.here, &pair.there);
    central_know(&pair.there, &pair.here);
    struct child child = spawn(wrong_body, &pair);

    central_begin();
    zactor_t *zap = central_doorkeeper(&pair.here.config.keys);
    central_start(&pair.here, "here");
    house_write(&pair.here.house, 5, 1);
    go(&child);
    central_wait_problem(&pair.here, "central-2", PROBLEM_MESH_MISMATCH);
    struct peer_report peer = central_peer(&pair.here, "central-2");
    ck_assert_ptr_nonnull(strstr(peer.last_error, "mesh_secret"));
    ck_assert_int_ne(peer.state, PEER_CONNECTED);
    central_wait_refused(&pair.here, 0);
    go(&child);
    ck_assert_int_eq(waitpid(child.pid, &status, 0), child.pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(child.go);
    central_stop(&pair.here);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* Writes ten events and lives until it is killed. */
static void mortal_body(struct pair *pair, int fd)
{
    central_begin();
    zactor_t *zap = central_doorkeeper(&pair->there.config.keys);
    central_start(&pair->there, "there");
    house_write(&pair->there.house, 10, 1);
    wait_go(fd);
    zactor_destroy(&zap);
}

START_TEST(a_killed_peer_comes_back)
{
    struct pair pair;
    struct child children[3];
    central_set_up(&pair.here, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    central_set_up(&pair.there, "central-2", "127.0.0.2", central_free_port("127.0.0.2"), SECRET);
    central_know(&pair.here, &pair.there);
    central_know(&pair.there, &pair.here);
    for (int i = 0; i < 3; i++) {
        children[i] = spawn(mortal_body, &pair);
    }
    central_begin();
    zactor_t *zap = central_doorkeeper(&pair.here.config.keys);
    central_start(&pair.here, "here");
    for (size_t i = 0; i < 3; i++) {
        go(&children[i]);
        central_wait_equal((struct central *[]){&pair.here}, 1, 10 * (i + 1));
        central_wait_state(&pair.here, "central-2", PEER_CONNECTED);
        ck_assert_int_eq(kill(children[i].pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(children[i].pid, NULL, 0), children[i].pid);
        close(children[i].go);
        central_wait_state(&pair.here, "central-2", PEER_DISCONNECTED);
    }
    central_stop(&pair.here);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        garbage_is_refused_and_the_mesh_goes_on, strange_dealers_are_refused,
        another_secret_is_refused_in_words_at_both, a_killed_peer_comes_back};
    return central_suite("mesh_foreign", tests, sizeof tests / sizeof tests[0]);
}
