#include "tests/bus/support_central.h"

#include "bus/zap.h"

#include "proto/clock.h"
#include "tests/support_main.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a central ---- */

void central_begin(void)
{
    zsys_handler_set(NULL);
    ck_assert_ptr_nonnull(zsys_init());
    ck_assert_int_eq(random_start(), 0);
}

zactor_t *central_doorkeeper(const struct mesh_keys *keys)
{
    zactor_t *zap = zactor_new(zap_actor, NULL);
    ck_assert_int_eq(zap_admit(zap, keys->public_key), 0);
    return zap;
}

static uint16_t probe_port(const char *ip)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(inet_pton(AF_INET, ip, &address.sin_addr), 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

uint16_t central_free_port(const char *ip)
{
    static bool given[UINT16_MAX + 1];
    uint16_t port;

    do
        port = probe_port(ip);
    while (given[port]);
    given[port] = true;
    return port;
}

void central_set_up(struct central *central, const char *id, const char *ip, uint16_t port,
                    const char *secret)
{
    memset(central, 0, sizeof *central);
    struct mesh_config *config = &central->config;
    ck_assert(node_id_parse(slice_text(id), &config->node));
    snprintf(config->bind_ip, sizeof config->bind_ip, "%s", ip);
    config->p2p_port = port;
    config->api_port = 8000;
    config->heartbeat_ms = CENTRAL_HEARTBEAT_MS;
    config->peers = central->peers;
    snprintf(config->software, sizeof config->software, "parkmesh test");
    ck_assert_int_eq(secret_derive(secret, &config->keys), 0);
}

void central_add_peer(struct central *central, const char *id, const char *ip, uint16_t port)
{
    struct replica_peer *peer = &central->peers[central->config.peer_count++];
    ck_assert(node_id_parse(slice_text(id), &peer->id));
    snprintf(peer->ip, sizeof peer->ip, "%s", ip);
    peer->p2p_port = port;
    peer->api_port = 8000;
}

void central_know(struct central *central, const struct central *other)
{
    central_add_peer(central, other->config.node.text, other->config.bind_ip,
                     other->config.p2p_port);
}

zactor_t *central_pair(struct central *a, struct central *b, const char *secret)
{
    central_set_up(a, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), secret);
    central_set_up(b, "central-2", "127.0.0.2", central_free_port("127.0.0.2"), secret);
    central_know(a, b);
    central_know(b, a);
    return central_doorkeeper(&a->config.keys);
}

void central_run(struct central *central, const char *name)
{
    house_open(&central->house, name, central->config.node.text);
    central->mesh = zactor_new(mesh_actor, &central->house.endpoints);
    ck_assert_ptr_nonnull(central->mesh);
    central->asker = zsock_new_dealer(central->house.report);
    zsock_set_rcvtimeo(central->asker, CENTRAL_PATIENCE_MS);
}

/* "" for OK, else "CODE text" (in a buffer of the caller's). */
static const char *answer(struct central *central, char *out, size_t size)
{
    zmsg_t *reply = zmsg_recv(central->mesh);
    char *verdict = zmsg_popstr(reply), *code = zmsg_popstr(reply), *text = zmsg_popstr(reply);
    char *hint = zmsg_popstr(reply);
    snprintf(out, size, "%s%s%s", streq(verdict, "OK") ? "" : code, streq(verdict, "OK") ? "" : " ",
             streq(verdict, "OK") ? "" : text);
    ck_assert(streq(verdict, "OK") || hint);
    free(verdict);
    free(code);
    free(text);
    free(hint);
    zmsg_destroy(&reply);
    return out;
}

const char *central_tell(struct central *central, const char *command, char *out, size_t size)
{
    zstr_send(central->mesh, command);
    return answer(central, out, size);
}

const char *central_configure(struct central *central, char *out, size_t size)
{
    struct buffer packed = {.data = NULL};
    zmsg_t *message = zmsg_new();
    ck_assert_int_eq(mesh_config_pack(&central->config, &packed), 0);
    zmsg_addstr(message, "CONFIGURE");
    zmsg_addmem(message, packed.data, packed.len);
    zmsg_send(&message, central->mesh);
    buffer_free(&packed);
    return answer(central, out, size);
}

void central_start(struct central *central, const char *name)
{
    char text[800];
    central_run(central, name);
    ck_assert_str_eq(central_configure(central, text, sizeof text), "");
    ck_assert_str_eq(central_tell(central, "START", text, sizeof text), "");
}

void central_stop(struct central *central)
{
    zsock_destroy(&central->asker);
    zactor_destroy(&central->mesh);
    house_close(&central->house);
}

struct mesh_report central_report(struct central *central)
{
    struct mesh_report result;
    zstr_send(central->asker, "REPORT");
    zframe_t *frame = zframe_recv(central->asker);
    ck_assert_ptr_nonnull(frame);
    ck_assert_int_eq(
        mesh_report_unpack(&result, (struct slice){(char *)zframe_data(frame), zframe_size(frame)}),
        0);
    zframe_destroy(&frame);
    return result;
}

struct peer_report central_peer(struct central *central, const char *id)
{
    struct mesh_report all = central_report(central);
    struct peer_report found = {.state = PEER_UNKNOWN};
    for (size_t i = 0; i < all.count; i++) {
        if (streq(all.peers[i].id.text, id)) {
            found = all.peers[i];
        }
    }
    mesh_report_free(&all);
    return found;
}

/* ---- waiting ---- */

static bool all_hold(struct central **centrals, size_t count, size_t events)
{
    char first[33], other[33];
    for (size_t i = 0; i < count; i++) {
        if (house_count(&centrals[i]->house, i ? other : first) != events ||
            (i && !streq(first, other))) {
            return false;
        }
    }
    return true;
}

void central_wait_equal(struct central **centrals, size_t count, size_t events)
{
    int64_t end_ms = clock_mono_ms() + CENTRAL_PATIENCE_MS;
    while (!all_hold(centrals, count, events)) {
        ck_assert_msg(clock_mono_ms() < end_ms, "the logs are not equal: %zu of %zu events",
                      house_count(&centrals[count - 1]->house, NULL), events);
        zclock_sleep(5);
    }
}

void central_wait_state(struct central *central, const char *id, enum peer_state state)
{
    int64_t end_ms = clock_mono_ms() + CENTRAL_PATIENCE_MS;
    for (;;) {
        struct peer_report peer = central_peer(central, id);
        if (peer.state == state) {
            return;
        }
        ck_assert_msg(clock_mono_ms() < end_ms, "%s is %s: %s", id, peer_state_name(peer.state),
                      peer.last_error);
        zclock_sleep(5);
    }
}

void central_wait_gone(struct central *central, const char *id)
{
    int64_t end_ms = clock_mono_ms() + CENTRAL_PATIENCE_MS;
    while (central_peer(central, id).state == PEER_CONNECTED) {
        ck_assert_msg(clock_mono_ms() < end_ms, "%s is still connected", id);
        zclock_sleep(5);
    }
}

void central_wait_problem(struct central *central, const char *id, enum problem_code code)
{
    int64_t end_ms = clock_mono_ms() + CENTRAL_PATIENCE_MS;
    for (;;) {
        struct peer_report peer = central_peer(central, id);
        if (peer.problem == code) {
            ck_assert_str_ne(peer.last_error, "");
            return;
        }
        ck_assert_msg(clock_mono_ms() < end_ms, "%s: %s %s", id, problem_name(peer.problem),
                      peer.last_error);
        zclock_sleep(5);
    }
}

uint64_t central_wait_refused(struct central *central, uint64_t more_than)
{
    int64_t end_ms = clock_mono_ms() + CENTRAL_PATIENCE_MS;
    for (;;) {
        struct mesh_report all = central_report(central);
        uint64_t refused = all.refused;
        mesh_report_free(&all);
        if (refused > more_than) {
            return refused;
        }
        ck_assert_msg(clock_mono_ms() < end_ms, "nothing more was refused");
        zclock_sleep(5);
    }
}

/* ---- suites ---- */

int central_suite(const char *name, const TTest *const *tests, size_t count)
{
    return main_run_list(name, tests, count, 30);
}
