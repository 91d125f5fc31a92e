#include "proto/report.h"

#include "proto/limits.h"
#include "tests/proto/support_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer_report peer(void)
{
    return (struct peer_report){.id = {"central-2"},
                                .ip = "192.168.1.2",
                                .p2p_port = 9000,
                                .api_port = 65535,
                                .state = PEER_PENDING,
                                .since_ms = 1,
                                .last_heard_ms = 2,
                                .sync = SYNC_BOTH,
                                .equal_at_ms = 3,
                                .behind = 4,
                                .ahead = 5,
                                .lag_s = -1,
                                .rtt_ms = 6,
                                .clock_offset_ms = INT64_MIN,
                                .direction = "dialled",
                                .software = "parkmesh 1",
                                .problem = PROBLEM_CLOCK_SKEW,
                                .last_error = "đồng hồ sai",
                                .sent = 7,
                                .received = 8,
                                .said_age_ms = 9,
                                .log_digest = {{10}},
                                .state_digest = {{11}},
                                .has_events = true,
                                .events = 12,
                                .fold = 13};
}

START_TEST(comes_back)
{
    struct peer_report peers[2] = {peer(), {.id = {"x"}}};
    struct mesh_report report = {.running = true,
                                 .address = "tcp://127.0.0.1:9000",
                                 .error = "e",
                                 .sent = 1,
                                 .received = 2,
                                 .refused = 3,
                                 .events = 4,
                                 .log_digest = {{5}},
                                 .state_digest = {{6}},
                                 .fold = 7,
                                 .problem = PROBLEM_DUPLICATE_ID,
                                 .problem_text = "hai",
                                 .peers = peers,
                                 .count = 2};
    struct mesh_report got;
    struct buffer buffer = {0};
    ck_assert_int_eq(mesh_report_pack(&report, &buffer), 0);
    ck_assert_int_eq(mesh_report_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert(got.running && !got.has_secret && got.count == 2);
    ck_assert(got.sent == 1 && got.received == 2 && got.refused == 3 && got.events == 4);
    ck_assert_str_eq(got.address, report.address);
    ck_assert_str_eq(got.error, "e");
    const struct peer_report *p = &got.peers[0];
    ck_assert_str_eq(p->id.text, "central-2");
    ck_assert_str_eq(p->ip, "192.168.1.2");
    ck_assert(p->p2p_port == 9000 && p->api_port == 65535 && p->state == PEER_PENDING);
    ck_assert(p->since_ms == 1 && p->last_heard_ms == 2 && p->sync == SYNC_BOTH);
    ck_assert(p->equal_at_ms == 3 && p->behind == 4 && p->ahead == 5 && p->lag_s == -1);
    ck_assert(p->rtt_ms == 6 && p->clock_offset_ms == INT64_MIN);
    ck_assert_str_eq(p->direction, "dialled");
    ck_assert_str_eq(p->software, "parkmesh 1");
    ck_assert(p->problem == PROBLEM_CLOCK_SKEW && p->sent == 7 && p->received == 8);
    ck_assert_str_eq(p->last_error, "đồng hồ sai");
    ck_assert(p->said_age_ms == 9 && p->has_events && p->events == 12 && p->fold == 13);
    ck_assert(p->log_digest.bytes[0] == 10 && p->state_digest.bytes[0] == 11);
    ck_assert(got.log_digest.bytes[0] == 5 && got.state_digest.bytes[0] == 6 && got.fold == 7);
    ck_assert(got.problem == PROBLEM_DUPLICATE_ID && got.centrals == 0);
    ck_assert_str_eq(got.problem_text, "hai");
    mesh_report_free(&got);
    buffer_free(&buffer);
}
END_TEST

/* As many centrals as there can be; each pair is told once and read from both sides. */
START_TEST(a_matrix_comes_back)
{
    static struct sync_cell cells[(LIMIT_PEERS + 1) * LIMIT_PEERS / 2];
    static struct peer_report peers[LIMIT_PEERS + LIMIT_PENDING_PEERS];
    struct mesh_report report = {.peers = peers,
                                 .count = sizeof peers / sizeof *peers,
                                 .cells = cells,
                                 .centrals = LIMIT_PEERS + 1};
    struct mesh_report got;
    struct buffer buffer = {0};
    size_t place = 0;
    for (size_t i = 0; i < report.count; i++) {
        peers[i] = peer();
    }
    for (size_t i = 0; i < report.centrals; i++) {
        for (size_t j = i + 1; j < report.centrals; j++) {
            cells[place++] = (struct sync_cell){SYNC_UNKNOWN,           SYNC_BEHIND, i, j,
                                                INT64_MAX - (int64_t)i, (int64_t)j};
        }
    }
    ck_assert_int_eq(mesh_report_pack(&report, &buffer), 0);
    ck_assert_int_eq(mesh_report_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert_uint_eq(got.centrals, report.centrals);
    for (size_t i = 0; i < report.centrals; i++) {
        for (size_t j = i + 1; j < report.centrals; j++) {
            struct sync_cell row = mesh_report_cell(&got, i, j);
            struct sync_cell column = mesh_report_cell(&got, j, i);
            ck_assert(row.sync == SYNC_UNKNOWN && row.last == SYNC_BEHIND && row.behind == i &&
                      row.ahead == j && row.age_ms == (int64_t)j);
            ck_assert(column.last == SYNC_AHEAD && column.behind == j && column.ahead == i &&
                      column.equal_at_ms == INT64_MAX - (int64_t)i);
        }
    }
    mesh_report_free(&got);
    buffer_free(&buffer);
}
END_TEST

START_TEST(has_limits)
{
    struct mesh_report report = {.count = LIMIT_LINKS + 1};
    struct buffer buffer = {0};
    ck_assert_int_eq(mesh_report_pack(&report, &buffer), -1);
    buffer_free(&buffer);
    buffer_init(&buffer, 5);
    report.count = 0;
    ck_assert_int_eq(mesh_report_pack(&report, &buffer), -1);
    ck_assert_uint_eq(buffer.len, 0);
    buffer_free(&buffer);
}
END_TEST

static void read_strange(struct slice bytes)
{
    struct mesh_report report;
    if (mesh_report_unpack(&report, bytes) == 0) {
        mesh_report_free(&report);
    }
}

START_TEST(strange_bytes_are_survived)
{
    struct peer_report peers[2] = {peer(), peer()};
    struct sync_cell cells[3] = {{.age_ms = 5}};
    struct mesh_report report = {.peers = peers, .count = 2, .cells = cells, .centrals = 3};
    struct buffer buffer = {0};
    ck_assert_int_eq(mesh_report_pack(&report, &buffer), 0);
    suite_hostile(buffer_slice(&buffer), 5000, read_strange);
    buffer_free(&buffer);
}
END_TEST

START_TEST(states_have_names)
{
    static const char *const states[] = {"unknown",      "connecting", "connected",
                                         "disconnected", "rejected",   "pending"};
    static const char *const syncs[] = {"unknown", "equal", "behind", "ahead", "both"};
    for (int i = PEER_UNKNOWN; i <= PEER_PENDING; i++) {
        ck_assert_str_eq(peer_state_name((enum peer_state)i), states[i]);
    }
    for (int i = SYNC_UNKNOWN; i <= SYNC_BOTH; i++) {
        ck_assert_str_eq(peer_sync_name((enum peer_sync)i), syncs[i]);
    }
}
END_TEST

START_TEST(one_never_heard_is_told_in_words_that_pages_know)
{
    struct peer_report peer = {.state = PEER_UNKNOWN};
    ck_assert_str_eq(peer_report_status(&peer), "connecting");
    peer.problem = PROBLEM_PEER_UNREACHABLE;
    ck_assert_str_eq(peer_report_status(&peer), "disconnected");
    peer.problem = PROBLEM_OK;
    (void)snprintf(peer.last_error, sizeof peer.last_error, "nobody listens there");
    ck_assert_str_eq(peer_report_status(&peer), "disconnected");
    for (int i = PEER_CONNECTING; i <= PEER_PENDING; i++) {
        peer.state = (enum peer_state)i;
        ck_assert_str_eq(peer_report_status(&peer), peer_state_name(peer.state));
    }
}
END_TEST

START_TEST(none_is_no_number_while_nobody_knows)
{
    struct peer_report peer = {.sync = SYNC_UNKNOWN};
    ck_assert_int_eq(peer_report_count(&peer, 0), -1);
    ck_assert_int_eq(peer_report_count(&peer, 3), 3);
    peer.sync = SYNC_EQUAL;
    ck_assert_int_eq(peer_report_count(&peer, 0), 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {comes_back,
                            a_matrix_comes_back,
                            has_limits,
                            strange_bytes_are_survived,
                            states_have_names,
                            one_never_heard_is_told_in_words_that_pages_know,
                            none_is_no_number_while_nobody_knows};
    return suite_run("report", tests, sizeof tests / sizeof *tests);
}
