/* The node's thread over a real store: commands, peers' runs, facts, failures, the end. */
#include "support_asker.h"
#include "support_house.h"
#include "tests/support_main.h"

#include "node/node.h"
#include "storage/runs.h"
#include "storage/store_internal.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CLIENTS 64
#define EACH 50
#define STREAM_RUNS 100
#define CHUNKS 20
#define CHUNK_EVENTS 25

static struct house house;
static zactor_t *actor;
static struct desk *desk;
static struct desk_asker *client;
static zsock_t *mesh, *facts;

/* Everybody is connected, the node is not there yet. */
static void setup(void)
{
    house_start(&house, "central-1");
    asker_prepare();
    desk = asker_desk();
    client = asker_new(desk);
    mesh = asker_connect(ZMQ_DEALER, HANDOFF_NODE);
    facts = asker_connect(ZMQ_SUB, FACTS_ENDPOINT);
}

static void start(void)
{
    static struct node_args
        args; /* on the stack, TSan takes the next use of its place for a race */
    args = (struct node_args){.store = house.store, .id = house.id, .desk = desk};
    house.store = NULL; /* handed over */
    actor = zactor_new(node_actor, &args);
    ck_assert_ptr_nonnull(actor);
}

static void teardown(void)
{
    zactor_destroy(&actor);
    desk_asker_destroy(&client);
    desk_destroy(&desk);
    zsock_destroy(&mesh);
    zsock_destroy(&facts);
    house_stop(&house);
    zsys_shutdown();
}

static void ask_entry(struct desk_asker *asker, unsigned number)
{
    char plate[32];
    (void)snprintf(plate, sizeof plate, "51G%06u", number);
    struct command command = house_gate(GATE_ENTRY, plate, NULL, EVENT_NONE);
    asker_command(asker, &command);
}

static struct answer ask(const struct command *command)
{
    asker_command(client, command);
    return asker_answer(client);
}

static void ck_alive(void)
{
    struct command command = house_gate(GATE_ENTRY, "99Z99999", "alive", EVENT_NONE);
    ck_assert_int_eq(ask(&command).code, PROBLEM_OK);
}

/* ---- commands ---- */

/* What was answered is in the database that anybody else can read. */
static void check_durable(struct runs *runs, const struct answer *answer)
{
    static struct buffer run;
    size_t count = 0;
    buffer_clear(&run);
    ck_assert_msg(answer->code == PROBLEM_OK, "%s", answer->text);
    ck_assert_int_eq(runs_read(runs, &answer->position.stream, answer->position.seq, 1, 1, &run,
                               &count, &house.problem),
                     1);
    ck_assert_uint_eq(count, 1);
}

START_TEST(parallel_clients_are_answered_after_the_commit)
{
    struct desk_asker *clients[CLIENTS];
    bool *seen = calloc(CLIENTS * EACH + 1, sizeof *seen);
    struct runs *runs = runs_open(house.path, &house.problem);

    start();
    for (unsigned i = 0; i < CLIENTS; i++) { /* half ask one by one, half all at once */
        clients[i] = asker_new(desk);
        for (unsigned k = 0; i % 2 == 1 && k < EACH; k++) {
            ask_entry(clients[i], i * EACH + k);
        }
    }
    for (unsigned k = 0; k < EACH; k++) {
        for (unsigned i = 0; i < CLIENTS; i += 2) {
            ask_entry(clients[i], i * EACH + k);
        }
        for (unsigned i = 0; i < CLIENTS; i++) {
            struct answer answer = asker_answer(clients[i]);
            check_durable(runs, &answer);
            ck_assert_uint_ge(answer.position.seq, 1);
            ck_assert_uint_le(answer.position.seq, CLIENTS * EACH);
            ck_assert(!seen[answer.position.seq]);
            seen[answer.position.seq] = true;
        }
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        desk_asker_destroy(&clients[i]);
    }
    runs_close(&runs);
    zactor_destroy(&actor);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"), CLIENTS * EACH);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM history WHERE status = 'IN'"),
                     CLIENTS * EACH);
    free(seen);
}
END_TEST

START_TEST(a_refusal_is_answered_and_not_stored)
{
    struct command command = house_gate(GATE_ENTRY, "AB1", NULL, EVENT_NONE);
    start();
    ck_assert_int_eq(ask(&command).code, PROBLEM_PLATE_UNUSABLE);
    ck_alive();
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"), 1);
}
END_TEST

static const struct slice MALFORMED[] = {
    {"", 0}, {"\x00", 1}, {"\xc1", 1}, {"\x95\x01", 2}, {"\xdd\xff\xff\xff\xff", 5}, {"hello", 5},
};

START_TEST(malformed_commands_are_answered_and_the_node_goes_on)
{
    start();
    asker_ask(client, MALFORMED[_i]);
    ck_assert_int_eq(asker_answer(client).code, PROBLEM_INTERNAL);
    ck_alive();
}
END_TEST

START_TEST(an_asker_that_left_hurts_nobody)
{
    struct desk_asker *gone = asker_new(desk);
    ask_entry(gone, 1);
    start();
    desk_asker_destroy(&gone);
    ck_alive();
}
END_TEST

/* ---- facts ---- */

static void check_items(const struct fact *fact, uint64_t *seq, uint64_t *lsn)
{
    for (size_t i = 0; i < fact->item_count; i++) {
        struct run run;
        struct wire wire;
        ck_assert_int_eq(run_unpack(&run, &wire, fact->items[i].run), 0);
        ck_assert_int_eq(fact->items[i].origin, FACT_LOCAL);
        ck_assert_uint_gt(fact->items[i].lsn, *lsn);
        ck_assert_uint_eq(run.from, *seq + 1);
        *lsn = fact->items[i].lsn;
        *seq = run.from;
        run_free(&run);
        wire_close(&wire);
    }
}

START_TEST(facts_come_in_order_and_match_the_database)
{
    uint64_t batch = 0, seq = 0, lsn = 0;
    struct digest log_digest = {{0}}, state_digest = {{0}};
    struct runs_vector vector;

    start();
    for (unsigned i = 0; i < 700; i++) { /* more than a batch takes */
        ask_entry(client, i);
    }
    while (seq < 700) {
        struct fact fact;
        zframe_t *frame;
        asker_fact(facts, &fact, &frame);
        ck_assert_uint_eq(fact.batch, ++batch);
        check_items(&fact, &seq, &lsn);
        ck_assert_uint_eq(fact.own.seq, seq);
        ck_assert_uint_eq(fact.events, seq);
        ck_assert_uint_eq(fact.lsn, lsn + 1); /* the last entry, and its visit */
        ck_assert_uint_eq(fact.head_count, 1);
        ck_assert_uint_eq(fact.visit_count, fact.item_count);
        log_digest = fact.log_digest;
        state_digest = fact.state_digest;
        fact_free(&fact);
        zframe_destroy(&frame);
    }
    ck_assert_uint_ge(batch, 2);
    zactor_destroy(&actor);
    struct runs *runs = runs_open(house.path, &house.problem);
    ck_assert_int_eq(runs_vector(runs, &vector, &house.problem), 0);
    ck_assert_uint_eq(vector.events, 700);
    ck_assert(digest_equal(&vector.log_digest, &log_digest));
    ck_assert(digest_equal(&vector.state_digest, &state_digest));
    runs_vector_free(&vector);
    runs_close(&runs);
}
END_TEST

START_TEST(what_stores_nothing_makes_no_fact)
{
    struct command bad = house_gate(GATE_ENTRY, "AB1", NULL, EVENT_NONE);
    struct fact fact;
    zframe_t *frame;
    start();
    (void)ask(&bad);
    ck_alive();
    ck_alive(); /* a retry */
    asker_fact(facts, &fact, &frame);
    ck_assert_uint_eq(fact.batch, 1);
    ck_assert_uint_eq(fact.item_count, 1);
    fact_free(&fact);
    zframe_destroy(&frame);
    zactor_destroy(&actor); /* all that was published is here now */
    zsock_set_rcvtimeo(facts, 0);
    ck_assert_ptr_null(zframe_recv(facts));
}
END_TEST

/* ---- peers ---- */

static void ck_applied(uint64_t token, enum apply_outcome outcome)
{
    struct apply_answer answer = asker_applied(mesh);
    ck_assert_uint_eq(answer.token, token);
    ck_assert_int_eq(answer.outcome, outcome);
}

static struct stream foreign(const char *node)
{
    struct stream stream = {.epoch = 7};
    ck_assert(node_id_parse(slice_text(node), &stream.node));
    return stream;
}

/* A real peer's visit, taken from its log. */
START_TEST(a_peers_visit_arrives)
{
    struct house peer;
    struct buffer run = {0};
    struct command entry = house_gate(GATE_ENTRY, "51G-123.45", "v", HOUSE_NOW - HOUSE_HOUR);
    struct command leave = house_gate(GATE_EXIT, "51G-123.45", NULL, HOUSE_NOW);
    struct fact fact;
    zframe_t *frame;

    house_start(&peer, "central-2");
    struct position at = house_decide(&peer, &entry).position;
    (void)house_decide(&peer, &leave);
    start();
    ck_assert_uint_eq(house_read(&peer, &at.stream, 2, 1, &run), 1);
    asker_apply(mesh, 1, FACT_LIVE, buffer_slice(&run));
    ck_applied(1, APPLY_GAP);
    buffer_clear(&run);
    ck_assert_uint_eq(house_read(&peer, &at.stream, 1, 2, &run), 2);
    asker_apply(mesh, 2, FACT_SYNC, buffer_slice(&run));
    ck_applied(2, APPLY_DONE);
    asker_apply(mesh, 3, FACT_LIVE, buffer_slice(&run));
    ck_applied(3, APPLY_DONE); /* known already */
    asker_fact(facts, &fact, &frame);
    ck_assert_uint_eq(fact.head_count, 1);
    ck_assert_uint_eq(fact.heads[0].seq, 2);
    ck_assert_uint_eq(fact.own.seq, 0);
    ck_assert_uint_eq(fact.item_count, 0); /* catching up: heads only */
    fact_free(&fact);
    zframe_destroy(&frame);
    ck_assert_int_eq(house_number(&house, "SELECT fee FROM history WHERE status = 'OUT'"), 25000);
    ck_alive(); /* the mesh's own retries made no batch number */
    asker_fact(facts, &fact, &frame);
    ck_assert_uint_eq(fact.batch, 2);
    fact_free(&fact);
    zframe_destroy(&frame);
    buffer_free(&run);
    house_stop(&peer);
}
END_TEST

START_TEST(a_fork_is_told_and_stores_nothing)
{
    struct stream stream = foreign("central-2");
    struct digest one = {{0}}, two = {{0}};
    struct buffer run = {0};

    start();
    house_make_run(&stream, 1, 3, "one", &one, &run);
    asker_apply(mesh, 1, FACT_LIVE, buffer_slice(&run));
    ck_applied(1, APPLY_DONE);
    house_make_run(&stream, 1, 5, "two", &two, &run);
    asker_apply(mesh, 2, FACT_LIVE, buffer_slice(&run));
    ck_applied(2, APPLY_FORK);
    asker_apply(mesh, 3, FACT_SYNC, buffer_slice(&run));
    ck_applied(3, APPLY_FORK);
    run.data[run.len - 1] = (char)(run.data[run.len - 1] ^ 1);
    asker_apply(mesh, 4, FACT_SYNC, buffer_slice(&run));
    ck_applied(4, APPLY_FORK); /* not even a run */
    ck_alive();
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"), 4);
    buffer_free(&run);
}
END_TEST

/* Runs that come faster than they are stored wait for one another, and for a gate's command; each
 * is stored and answered. */
START_TEST(all_runs_of_a_stream_are_answered)
{
    struct stream stream = foreign("central-2");
    struct digest chain = {{0}};
    struct buffer run = {0};

    start();
    for (uint64_t seq = 1; seq <= STREAM_RUNS; seq++) {
        house_make_run(&stream, seq, 1, "gate", &chain, &run);
        asker_apply(mesh, seq, FACT_LIVE, buffer_slice(&run));
        if (seq % 10 == 0) {
            ck_alive();
        }
    }
    for (uint64_t seq = 1; seq <= STREAM_RUNS; seq++) {
        ck_applied(seq, APPLY_DONE);
    }
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event WHERE sid ="
                                          " (SELECT sid FROM stream WHERE node = 'central-2')"),
                     STREAM_RUNS);
    buffer_free(&run);
}
END_TEST

/* Queues the chunks of a long absence. */
static void queue_chunks(void)
{
    struct stream stream = foreign("central-2");
    struct digest chain = {{0}};
    struct buffer run = {0};
    for (uint64_t i = 0; i < CHUNKS; i++) {
        house_make_run(&stream, 1 + i * CHUNK_EVENTS, CHUNK_EVENTS, "gate", &chain, &run);
        asker_apply(mesh, i + 1, FACT_SYNC, buffer_slice(&run));
    }
    buffer_free(&run);
}

START_TEST(catching_up_takes_one_chunk_a_commit_and_gates_go_first)
{
    struct stream other = foreign("central-3");
    struct digest chain = {{0}};
    struct buffer run = {0};
    struct fact fact;
    zframe_t *frame;

    house_make_run(&other, 1, 1, "gate", &chain, &run);
    for (uint64_t i = 0; i < 10; i++) {
        ask_entry(client, (unsigned)i);
    }
    queue_chunks();
    asker_apply(mesh, 99, FACT_LIVE, buffer_slice(&run)); /* behind them all */
    start();
    asker_fact(facts, &fact, &frame);
    ck_assert_uint_eq(fact.own.seq, 10);
    ck_assert_uint_eq(fact.events, 10 + CHUNK_EVENTS);
    fact_free(&fact);
    zframe_destroy(&frame);
    ck_applied(1, APPLY_DONE);
    for (uint64_t i = 0; i < 10; i++) {
        ck_assert_int_eq(asker_answer(client).code, PROBLEM_OK);
    }
    bool live = false;
    for (uint64_t next = 2; next <= CHUNKS;) {
        struct apply_answer answer = asker_applied(mesh);
        ck_assert_int_eq(answer.outcome, APPLY_DONE);
        if (answer.token == 99) {
            ck_assert_uint_lt(next, CHUNKS); /* it overtook those that waited */
            live = true;
        } else {
            ck_assert_uint_eq(answer.token, next++);
        }
        if (next % 5 == 0) {
            ck_alive();
        }
    }
    ck_assert(live);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"),
                     10 + CHUNKS * CHUNK_EVENTS + 1 + 1);
    buffer_free(&run);
}
END_TEST

START_TEST(malformed_hand_overs_are_dropped)
{
    struct stream stream = foreign("central-2");
    struct digest chain = {{0}};
    struct buffer run = {0};
    start();
    for (size_t i = 0; i < sizeof MALFORMED / sizeof *MALFORMED; i++) {
        asker_send(mesh, NULL, MALFORMED[i]);
        asker_send(mesh, "x", MALFORMED[i]); /* and frames that nobody reads */
    }
    house_make_run(&stream, 1, 1, "gate", &chain, &run);
    asker_apply(mesh, 1, FACT_LIVE, buffer_slice(&run));
    ck_applied(1, APPLY_DONE);
    ck_alive();
    buffer_free(&run);
}
END_TEST

START_TEST(a_synced_notice_is_remembered)
{
    struct buffer packed = {0};
    struct apply_request notice = {.token = 0, .wall_ms = HOUSE_NOW};
    ck_assert(node_id_parse(slice_text("central-2"), &notice.peer));
    ck_assert_int_eq(apply_request_pack(&notice, &packed), 0);
    asker_send(mesh, NULL, buffer_slice(&packed));
    start();
    zactor_destroy(&actor);
    ck_assert_int_eq(house_number(&house, "SELECT last_sync_timestamp FROM p2p_sync_state"
                                          " WHERE peer_central_id = 'central-2'"),
                     HOUSE_NOW);
    buffer_free(&packed);
}
END_TEST

/* ---- failures ---- */

static void add_poison(void)
{
    house_close(&house);
    house_run(&house, "CREATE TRIGGER poison BEFORE INSERT ON history WHEN"
                      " NEW.entry_camera_name = 'poison' BEGIN SELECT RAISE(ABORT, 'poison'); END");
    house_open(&house);
}

START_TEST(a_poisonous_request_undoes_nobody_else)
{
    struct stream good = foreign("central-2"), bad = foreign("central-3");
    struct digest first = {{0}}, second = {{0}};
    struct command command = house_gate(GATE_ENTRY, "30A99999", NULL, EVENT_NONE);
    struct buffer run = {0};

    add_poison();
    command.camera_name = slice_text("poison");
    ask_entry(client, 1);
    asker_command(client, &command);
    ask_entry(client, 2);
    house_make_run(&bad, 1, 2, "poison", &second, &run);
    asker_apply(mesh, 1, FACT_LIVE, buffer_slice(&run));
    house_make_run(&good, 1, 2, "gate", &first, &run);
    asker_apply(mesh, 2, FACT_LIVE, buffer_slice(&run));
    start();
    ck_assert_int_eq(asker_answer(client).code, PROBLEM_OK);
    ck_assert_int_eq(asker_answer(client).code, PROBLEM_INTERNAL);
    ck_assert_int_eq(asker_answer(client).code, PROBLEM_OK);
    ck_applied(1, APPLY_REFUSED);
    ck_applied(2, APPLY_DONE);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"), 4);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM stream"), 2);
    buffer_free(&run);
}
END_TEST

/* A full disk: SQLite may not grow the file. Nothing that was refused is stored, nothing that was
 * stored is refused, and the node goes on. */
START_TEST(a_full_disk_refuses_whole_batches_and_nothing_else)
{
    struct stream stream = foreign("central-2");
    struct digest chain = {{0}};
    struct buffer run = {0};
    int64_t stored = 0, full = 0;

    house_make_run(&stream, 1, 100, "gate", &chain, &run);
    ck_assert_int_eq(sqlite3_exec(house.store->db, "PRAGMA max_page_count = 120", NULL, NULL, NULL),
                     SQLITE_OK);
    start();
    for (unsigned round = 0; full == 0 || round % 10 != 0; round++) {
        ck_assert_uint_lt(round, 1000);
        for (unsigned i = 0; i < 20; i++) {
            ask_entry(client, round * 20 + i);
        }
        for (unsigned i = 0; i < 20; i++) {
            struct answer answer = asker_answer(client);
            ck_assert(answer.code == PROBLEM_OK || answer.code == PROBLEM_DISK_FULL);
            ck_assert(answer.code == PROBLEM_OK || answer.position.seq == 0);
            *(answer.code == PROBLEM_OK ? &stored : &full) += 1;
        }
    }
    asker_apply(mesh, 1, FACT_SYNC, buffer_slice(&run));
    ck_applied(1, APPLY_REFUSED);
    zactor_destroy(&actor);
    ck_assert_int_gt(stored, 0);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"), stored);
    house_open(&house); /* it checks its digests */
    ck_assert_int_eq((int64_t)store_event_count(house.store), stored);
    buffer_free(&run);
}
END_TEST

/* What the disk refuses to write must never be said to be written: the process ends. */
START_TEST(an_io_error_ends_the_process)
{
    struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    start();
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ask_entry(client, 1);
    (void)asker_answer(client);
    ck_abort_msg("was answered");
}
END_TEST

/* ---- the end ---- */

START_TEST(what_was_asked_before_the_stop_is_answered)
{
    for (unsigned i = 0; i < 1200; i++) {
        ask_entry(client, i);
    }
    start();
    zactor_destroy(&actor);
    for (unsigned i = 0; i < 1200; i++) {
        ck_assert_int_eq(asker_answer(client).code, PROBLEM_OK);
    }
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"), 1200);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_catching_up)
{
    zframe_t *frame;
    uint64_t done = 0;
    queue_chunks();
    start();
    zactor_destroy(&actor); /* comes back; what is not answered is asked for again */
    zsock_set_rcvtimeo(mesh, 0);
    while ((frame = zframe_recv(mesh)) != NULL) {
        struct apply_answer answer;
        ck_assert_int_eq(apply_answer_unpack(&answer, asker_slice(frame)), 0);
        ck_assert_int_eq(answer.outcome, APPLY_DONE);
        ck_assert_uint_eq(answer.token, ++done);
        zframe_destroy(&frame);
    }
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"),
                     (int64_t)done * CHUNK_EVENTS);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("node");
    TCase *tcase = tcase_create("node");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, parallel_clients_are_answered_after_the_commit);
    tcase_add_test(tcase, a_refusal_is_answered_and_not_stored);
    tcase_add_loop_test(tcase, malformed_commands_are_answered_and_the_node_goes_on, 0,
                        (int)(sizeof MALFORMED / sizeof *MALFORMED));
    tcase_add_test(tcase, an_asker_that_left_hurts_nobody);
    tcase_add_test(tcase, facts_come_in_order_and_match_the_database);
    tcase_add_test(tcase, what_stores_nothing_makes_no_fact);
    tcase_add_test(tcase, a_peers_visit_arrives);
    tcase_add_test(tcase, a_fork_is_told_and_stores_nothing);
    tcase_add_test(tcase, all_runs_of_a_stream_are_answered);
    tcase_add_test(tcase, catching_up_takes_one_chunk_a_commit_and_gates_go_first);
    tcase_add_test(tcase, malformed_hand_overs_are_dropped);
    tcase_add_test(tcase, a_synced_notice_is_remembered);
    tcase_add_test(tcase, a_poisonous_request_undoes_nobody_else);
    tcase_add_test(tcase, a_full_disk_refuses_whole_batches_and_nothing_else);
    tcase_add_exit_test(tcase, an_io_error_ends_the_process, 74);
    tcase_add_test(tcase, what_was_asked_before_the_stop_is_answered);
    tcase_add_test(tcase, a_stop_does_not_wait_for_catching_up);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return main_run(make_suite());
}
