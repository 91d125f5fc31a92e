/*
 * Centrals that link, converge, and are told what to do.
 */
#include "tests/bus/support_central.h"

#include "proto/clock.h"

#include <string.h>

#define SECRET "the secret of the operator"

/* ---- converging ---- */

START_TEST(two_centrals_converge)
{
    struct central a, b;
    central_begin();
    zactor_t *zap = central_pair(&a, &b, SECRET);
    central_start(&a, "a");
    central_start(&b, "b");
    house_write(&a.house, 300, 7);
    house_write(&b.house, 20, 1);
    central_wait_equal((struct central *[]){&a, &b}, 2, 320);
    central_wait_state(&a, "central-2", PEER_CONNECTED);

    /* And what comes while they are linked. */
    house_write(&a.house, 50, 1);
    central_wait_equal((struct central *[]){&a, &b}, 2, 370);
    struct mesh_report all = central_report(&a);
    char address[80];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", a.config.p2p_port);
    ck_assert_str_eq(all.address, address);
    ck_assert(all.running && all.has_secret);
    ck_assert_str_eq(all.error, "");
    ck_assert_uint_eq(all.refused, 0);
    mesh_report_free(&all);
    central_stop(&a);
    central_stop(&b);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* Until the mesh itself knows of so many events: it may be reading the log just now. */
static void wait_reported(struct central *central, uint64_t events)
{
    int64_t end_ms = clock_mono_ms() + CENTRAL_PATIENCE_MS;
    uint64_t told = 0;
    while (told != events) {
        struct mesh_report report = central_report(central);
        told = report.events;
        mesh_report_free(&report);
        ck_assert_msg(told == events || clock_mono_ms() < end_ms, "%llu events are reported",
                      (unsigned long long)told);
    }
}

/* With no link commits wake nobody here; who asks, and who comes, sees them all the same. */
START_TEST(alone_it_lags_behind_for_nobody)
{
    struct central a, b;
    struct central *both[] = {&a, &b};
    central_begin();
    zactor_t *zap = central_pair(&a, &b, SECRET);
    central_start(&a, "a");
    house_write(&a.house, 50, 1);
    central_wait_equal(both, 1, 50);
    for (size_t i = 1; i <= 20; i++) {
        house_write(&a.house, 5, 1);
        wait_reported(&a, 50 + 5 * i);
    }
    central_start(&b, "b");
    house_write(&a.house, 100, 1);
    central_wait_equal(both, 2, 250);
    house_write(&a.house, 1, 1);
    central_wait_equal(both, 2, 251);
    central_stop(&b); /* alone again, and linked again */
    central_wait_gone(&a, "central-2");
    house_write(&a.house, 100, 1);
    central_start(&b, "c");
    central_wait_equal(both, 2, 351);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* The first commit after a start, like every other. */
START_TEST(the_first_event_is_pushed)
{
    struct central a, b;
    central_begin();
    zactor_t *zap = central_pair(&a, &b, SECRET);
    central_start(&a, "a");
    central_start(&b, "b");
    central_wait_state(&a, "central-2", PEER_CONNECTED);
    central_wait_state(&b, "central-1", PEER_CONNECTED);
    for (size_t i = 1; i <= 3; i++) {
        house_write(&a.house, 1, 1);
        central_wait_equal((struct central *[]){&a, &b}, 2, i);
    }
    ck_assert_uint_eq(house_pulled(&b.house), 0);
    central_stop(&a);
    central_stop(&b);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* Only the outer ones know the one in the middle; one direction suffices. */
START_TEST(three_centrals_converge_through_the_middle)
{
    struct central a, b, c;
    central_begin();
    central_set_up(&a, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    central_set_up(&b, "central-2", "127.0.0.2", central_free_port("127.0.0.2"), SECRET);
    central_set_up(&c, "central-3", "127.0.0.3", central_free_port("127.0.0.3"), SECRET);
    central_know(&a, &b);
    central_know(&c, &b);
    /* The middle one must know them, but cannot reach them. */
    central_add_peer(&b, "central-1", "127.0.0.1", central_free_port("127.0.0.1"));
    central_add_peer(&b, "central-3", "127.0.0.3", central_free_port("127.0.0.3"));
    zactor_t *zap = central_doorkeeper(&a.config.keys);
    central_start(&a, "a");
    central_start(&b, "b");
    central_start(&c, "c");
    house_write(&a.house, 100, 3);
    house_write(&c.house, 50, 1);
    central_wait_equal((struct central *[]){&a, &b, &c}, 3, 150);
    central_stop(&b);
    central_stop(&a);
    central_stop(&c);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(a_long_absence_is_caught_up)
{
    struct central a, b;
    central_begin();
    zactor_t *zap = central_pair(&a, &b, SECRET);
    central_start(&a, "a");
    house_write(&a.house, 10000, 100);
    central_start(&b, "b");
    central_wait_equal((struct central *[]){&a, &b}, 2, 10000);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(a_house_that_cannot_store_catches_up_later)
{
    struct central a, b;
    central_begin();
    zactor_t *zap = central_pair(&a, &b, SECRET);
    central_start(&a, "a");
    central_start(&b, "b");
    central_wait_state(&b, "central-1", PEER_CONNECTED);
    house_refuse(&b.house, true);
    house_write(&a.house, 10, 1);
    central_wait_state(&a, "central-2", PEER_CONNECTED);
    ck_assert_uint_eq(house_count(&b.house, NULL), 0);
    house_refuse(&b.house, false);
    central_wait_equal((struct central *[]){&a, &b}, 2, 10);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* More commits than a listener may lag, while it is stopped or busy: the vector is read again. */
START_TEST(missed_facts_are_read_from_the_log)
{
    struct central a, b;
    central_begin();
    zactor_t *zap = central_pair(&a, &b, SECRET);
    central_start(&a, "a");
    central_start(&b, "b");
    central_wait_state(&b, "central-1", PEER_CONNECTED);
    house_write(&a.house, 20 * LIMIT_FACTS_QUEUE, 1);
    central_wait_equal((struct central *[]){&a, &b}, 2, 20 * LIMIT_FACTS_QUEUE);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(names_are_resolved)
{
    struct central a, b;
    central_begin();
    central_set_up(&a, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    central_set_up(&b, "central-2", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    central_add_peer(&a, "central-2", "localhost", b.config.p2p_port);
    central_add_peer(&a, "central-9", "no-such-host.invalid", 9000);
    central_add_peer(&b, "central-1", "127.0.0.3", central_free_port("127.0.0.3"));
    zactor_t *zap = central_doorkeeper(&a.config.keys);
    central_start(&a, "a");
    central_start(&b, "b");
    house_write(&a.house, 5, 1);
    central_wait_equal((struct central *[]){&a, &b}, 2, 5);
    central_wait_problem(&a, "central-9", PROBLEM_PEER_UNREACHABLE);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* ---- commands ---- */

START_TEST(stop_and_start_again)
{
    struct central a, b;
    char text[800];
    central_begin();
    zactor_t *zap = central_pair(&a, &b, SECRET);
    central_run(&a, "a");
    ck_assert_ptr_nonnull(strstr(central_tell(&a, "START", text, sizeof text), "CONFIG_INVALID"));
    ck_assert_ptr_nonnull(strstr(central_tell(&a, "NONSENSE", text, sizeof text), "INTERNAL"));
    ck_assert_str_eq(central_tell(&a, "STOP", text, sizeof text), "");
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    ck_assert_str_eq(central_tell(&a, "START", text, sizeof text), "");
    central_start(&b, "b");
    house_write(&a.house, 5, 1);
    central_wait_equal((struct central *[]){&a, &b}, 2, 5);

    ck_assert_str_eq(central_tell(&b, "STOP", text, sizeof text), "");
    struct mesh_report all = central_report(&b);
    ck_assert(!all.running);
    ck_assert_str_eq(all.address, "");
    ck_assert_uint_eq(all.count, 1);
    mesh_report_free(&all);
    central_wait_state(&a, "central-2", PEER_DISCONNECTED);
    house_write(&a.house, 5, 1);
    house_write(&b.house, 3, 1);
    for (int i = 0; i < 3; i++) { /* the port is free again at once */
        ck_assert_str_eq(central_tell(&b, "START", text, sizeof text), "");
        ck_assert_str_eq(central_tell(&b, "START", text, sizeof text), "");
        ck_assert_str_eq(central_tell(&b, "STOP", text, sizeof text), "");
    }
    ck_assert_str_eq(central_tell(&b, "START", text, sizeof text), "");
    central_wait_equal((struct central *[]){&a, &b}, 2, 13);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(a_new_peer_does_not_disturb_the_others)
{
    struct central a, b, c;
    char text[800];
    central_begin();
    central_set_up(&a, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    central_set_up(&b, "central-2", "127.0.0.2", central_free_port("127.0.0.2"), SECRET);
    central_set_up(&c, "central-3", "127.0.0.3", central_free_port("127.0.0.3"), SECRET);
    central_know(&a, &b);
    central_know(&b, &a);
    central_know(&c, &a);
    zactor_t *zap = central_doorkeeper(&a.config.keys);
    central_start(&a, "a");
    central_start(&b, "b");
    central_wait_state(&a, "central-2", PEER_CONNECTED);
    central_wait_state(&b, "central-1", PEER_CONNECTED);
    int64_t since_ms = central_peer(&b, "central-1").since_ms;
    uint64_t sent = central_peer(&b, "central-1").sent;

    central_know(&a, &c);
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    central_start(&c, "c");
    central_wait_state(&a, "central-3", PEER_CONNECTED);
    house_write(&c.house, 5, 1);
    central_wait_equal((struct central *[]){&a, &b, &c}, 3, 5);
    ck_assert_int_eq(central_peer(&b, "central-1").since_ms, since_ms);
    ck_assert_uint_ge(central_peer(&b, "central-1").sent, sent);

    /* A listener that moves takes accepted links along; they come back, and dialled ones stay. */
    snprintf(a.config.bind_ip, sizeof a.config.bind_ip, "*");
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    a.config.p2p_port = central_free_port("127.0.0.1");
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    struct mesh_report all = central_report(&a);
    char address[80];
    snprintf(address, sizeof address, "tcp://0.0.0.0:%u", a.config.p2p_port);
    ck_assert_str_eq(all.address, address);
    mesh_report_free(&all);
    house_write(&b.house, 5, 1);
    central_wait_equal((struct central *[]){&a, &b, &c}, 3, 10);
    central_wait_state(&b, "central-1", PEER_CONNECTED);
    central_wait_state(&c, "central-1", PEER_CONNECTED);
    since_ms = central_peer(&b, "central-1").since_ms;

    /* One that is taken out is gone, the other stays. */
    a.config.peer_count = 1;
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    central_wait_gone(&c, "central-1"); /* REJECTED, unless the connection was cut first */
    ck_assert_int_eq(central_peer(&b, "central-1").since_ms, since_ms);
    central_stop(&c);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(a_port_in_use_is_said_and_changes_nothing)
{
    struct central a, b;
    char text[800], expected[120];
    central_begin();
    central_set_up(&a, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    central_set_up(&b, "central-2", "127.0.0.1", a.config.p2p_port, SECRET);
    zactor_t *zap = central_doorkeeper(&a.config.keys);
    central_start(&a, "a");
    central_run(&b, "b");
    ck_assert_str_eq(central_configure(&b, text, sizeof text), "");
    snprintf(expected, sizeof expected, "PORT_IN_USE cannot listen on 127.0.0.1:%u: in use",
             a.config.p2p_port);
    ck_assert_str_eq(central_tell(&b, "START", text, sizeof text), expected);
    struct mesh_report all = central_report(&b);
    ck_assert(!all.running);
    ck_assert_str_eq(all.error, expected + strlen("PORT_IN_USE "));
    mesh_report_free(&all);

    uint16_t own = central_free_port("127.0.0.1");
    b.config.p2p_port = own;
    ck_assert_str_eq(central_configure(&b, text, sizeof text), "");
    ck_assert_str_eq(central_tell(&b, "START", text, sizeof text), "");
    b.config.p2p_port = a.config.p2p_port;
    ck_assert_str_eq(central_configure(&b, text, sizeof text), expected);
    all = central_report(&b);
    snprintf(expected, sizeof expected, "tcp://127.0.0.1:%u", own);
    ck_assert(all.running);
    ck_assert_str_eq(all.address, expected);
    mesh_report_free(&all);

    b.config.p2p_port = own;
    snprintf(b.config.bind_ip, sizeof b.config.bind_ip, "192.0.2.1");
    ck_assert_ptr_nonnull(strstr(central_configure(&b, text, sizeof text), "ADDRESS_UNAVAILABLE"));
    all = central_report(&b);
    ck_assert_str_eq(all.address, expected);
    mesh_report_free(&all);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

START_TEST(without_a_secret_only_loopback)
{
    struct central a, b;
    char text[800];
    central_begin();
    central_set_up(&a, "central-1", "*", central_free_port("127.0.0.1"), NULL);
    central_set_up(&b, "central-2", "127.0.0.2", central_free_port("127.0.0.2"), NULL);
    central_add_peer(&b, "central-1", "127.0.0.1", a.config.p2p_port);
    central_add_peer(&b, "central-3", "192.0.2.1", 9000);
    central_know(&a, &b);
    zactor_t *zap = central_doorkeeper(&a.config.keys);
    central_run(&a, "a");
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    ck_assert_ptr_nonnull(strstr(central_tell(&a, "START", text, sizeof text),
                                 "MESH_WITHOUT_SECRET not listening on *"));
    snprintf(a.config.bind_ip, sizeof a.config.bind_ip, "127.0.0.1");
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    ck_assert_str_eq(central_tell(&a, "START", text, sizeof text), "");
    struct mesh_report all = central_report(&a);
    ck_assert(all.running && !all.has_secret);
    ck_assert_ptr_nonnull(strstr(all.error, "mesh_secret"));
    mesh_report_free(&all);
    snprintf(a.config.bind_ip, sizeof a.config.bind_ip, "0.0.0.0");
    ck_assert_ptr_nonnull(strstr(central_configure(&a, text, sizeof text), "MESH_WITHOUT_SECRET"));
    central_start(&b, "b");
    house_write(&a.house, 5, 1);
    central_wait_equal((struct central *[]){&a, &b}, 2, 5);
    central_wait_problem(&b, "central-3", PROBLEM_MESH_WITHOUT_SECRET);
    central_stop(&b);
    central_stop(&a);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* A changed secret is another mesh; with the old one back they link again. This mesh runs its own
 * ZAP handler. */
START_TEST(a_changed_secret_takes_effect_at_once)
{
    struct central a;
    char text[800];
    central_begin();
    central_set_up(&a, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    struct mesh_keys ours = a.config.keys;
    central_run(&a, "a");
    central_stop(&a);
    house_open(&a.house, "again", "central-1");
    a.house.endpoints.no_zap = false;
    a.mesh = zactor_new(mesh_actor, &a.house.endpoints);
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    ck_assert_str_eq(central_tell(&a, "START", text, sizeof text), "");

    ck_assert_int_eq(secret_derive("a quite different secret", &a.config.keys), 0);
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    a.config.keys = ours;
    ck_assert_str_eq(central_configure(&a, text, sizeof text), "");
    zactor_destroy(&a.mesh);
    house_close(&a.house);
    zsys_shutdown();
}
END_TEST

START_TEST(two_centrals_with_one_id)
{
    struct central a, twin, c;
    central_begin();
    central_set_up(&a, "central-1", "127.0.0.1", central_free_port("127.0.0.1"), SECRET);
    central_set_up(&twin, "central-1", "127.0.0.2", central_free_port("127.0.0.2"), SECRET);
    central_set_up(&c, "central-3", "127.0.0.3", central_free_port("127.0.0.3"), SECRET);
    central_know(&a, &c);
    central_know(&twin, &c);
    central_know(&c, &a);
    zactor_t *zap = central_doorkeeper(&a.config.keys);
    central_start(&c, "c");
    central_start(&a, "a");
    central_wait_state(&c, "central-1", PEER_CONNECTED);
    central_start(&twin, "twin");
    central_wait_problem(&c, "central-1", PROBLEM_DUPLICATE_ID);
    central_wait_problem(&twin, "central-3", PROBLEM_DUPLICATE_ID);
    house_write(&c.house, 3, 1);
    central_wait_equal((struct central *[]){&a, &c}, 2, 3);
    central_stop(&twin);
    central_stop(&a);
    central_stop(&c);
    zactor_destroy(&zap);
    zsys_shutdown();
}
END_TEST

/* ---- the configuration as bytes ---- */

START_TEST(configuration_survives_packing_and_nothing_else_does)
{
    struct central a;
    struct mesh_config copy;
    struct buffer packed = {.data = NULL};
    ck_assert_int_eq(random_start(), 0);
    central_set_up(&a, "central-1", "127.0.0.1", 9000, SECRET);
    central_add_peer(&a, "central-2", "10.0.0.2", 9000);
    central_add_peer(&a, "central-3", "gate.example", 65535);
    ck_assert_int_eq(mesh_config_pack(&a.config, &packed), 0);
    ck_assert_int_eq(mesh_config_unpack(&copy, buffer_slice(&packed)), 0);
    ck_assert_str_eq(copy.node.text, "central-1");
    ck_assert_str_eq(copy.bind_ip, "127.0.0.1");
    ck_assert_uint_eq(copy.p2p_port, 9000);
    ck_assert_int_eq(copy.heartbeat_ms, CENTRAL_HEARTBEAT_MS);
    ck_assert_mem_eq(&copy.keys.secret_key, a.config.keys.secret_key, 32);
    ck_assert(copy.keys.present && digest_equal(&copy.keys.mesh_id, &a.config.keys.mesh_id));
    ck_assert_str_eq(copy.software, "parkmesh test");
    ck_assert_uint_eq(copy.peer_count, 2);
    ck_assert_str_eq(copy.peers[1].ip, "gate.example");
    ck_assert_uint_eq(copy.peers[1].p2p_port, 65535);
    mesh_config_free(&copy);
    for (size_t len = 0; len < packed.len; len++) {
        ck_assert_int_eq(mesh_config_unpack(&copy, (struct slice){packed.data, len}), -1);
    }
    a.config.p2p_port = 0;
    buffer_clear(&packed);
    ck_assert_int_eq(mesh_config_pack(&a.config, &packed), 0);
    ck_assert_int_eq(mesh_config_unpack(&copy, buffer_slice(&packed)), -1);
    buffer_free(&packed);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {two_centrals_converge,
                                  alone_it_lags_behind_for_nobody,
                                  the_first_event_is_pushed,
                                  three_centrals_converge_through_the_middle,
                                  a_long_absence_is_caught_up,
                                  a_house_that_cannot_store_catches_up_later,
                                  missed_facts_are_read_from_the_log,
                                  names_are_resolved,
                                  stop_and_start_again,
                                  a_new_peer_does_not_disturb_the_others,
                                  a_port_in_use_is_said_and_changes_nothing,
                                  without_a_secret_only_loopback,
                                  a_changed_secret_takes_effect_at_once,
                                  two_centrals_with_one_id,
                                  configuration_survives_packing_and_nothing_else_does};
    return central_suite("mesh", tests, sizeof tests / sizeof tests[0]);
}
