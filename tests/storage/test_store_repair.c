/* Damage and forks: whatever was changed behind the store's back, the log that comes out is the one
 * that the other centrals hold, and the history is what a whole fold makes of it. */
#include "support_store.h"
#include "tests/support_main.h"

#include "storage/verify.h"

#include "proto/log.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define T0 (CENTRAL_NOW - 3600000)
#define MINUTE 60000

static struct central a, b, c;

static void setup(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    central_start(&a, "central-1");
    central_start(&b, "central-2");
    central_start(&c, "central-3");
}

static void teardown(void)
{
    central_stop(&a);
    central_stop(&b);
    central_stop(&c);
}

static void assert_rebuilds(struct central *central)
{
    struct buffer before, after;
    central_dump(central, &before);
    ck_assert_msg(store_rebuild(central->store, &central->problem) == 0, "%s",
                  central->problem.text);
    central_dump(central, &after);
    buffer_append(&before, "", 1);
    buffer_append(&after, "", 1);
    ck_assert_str_eq(before.data, after.data);
    buffer_free(&before);
    buffer_free(&after);
}

static enum store_run_result repair(struct central *central, struct slice bytes)
{
    struct run run;
    struct wire wire;
    ck_assert_int_eq(run_unpack(&run, &wire, bytes), 0);
    ck_assert_int_eq(store_begin(central->store, &central->problem), 0);
    enum store_run_result result =
        store_repair(central->store, &run, central->now_ms, &central->problem);
    ck_assert_msg(result != STORE_RUN_FAILED, "%s", central->problem.text);
    ck_assert_msg(store_commit(central->store, &central->problem) == 0, "%s",
                  central->problem.text);
    run_free(&run);
    wire_close(&wire);
    return result;
}

static enum store_run_result move_at(struct central *central, const struct stream *stream,
                                     uint64_t seq, const struct digest *chain)
{
    struct position from = {*stream, seq};
    ck_assert_int_eq(store_begin(central->store, &central->problem), 0);
    enum store_run_result result =
        store_move_branch(central->store, &from, chain, central->now_ms, &central->problem);
    ck_assert_msg(result != STORE_RUN_FAILED, "%s", central->problem.text);
    ck_assert_msg(store_commit(central->store, &central->problem) == 0, "%s",
                  central->problem.text);
    return result;
}

/* Meta, heads and rows tell the same sums, read past the store. */
static void assert_digests(struct central *central)
{
    struct runs_vector vector;
    struct digest sum = {{0}};
    struct runs *runs = runs_open(central->path, &central->problem);
    uint64_t events = 0;
    ck_assert_int_eq(runs_vector(runs, &vector, &central->problem), 0);
    for (size_t i = 0; i < vector.count; i++) {
        struct digest part = head_digest(&vector.heads[i]);
        digest_add(&sum, &part);
        events += vector.heads[i].seq;
    }
    ck_assert(digest_equal(&sum, &vector.log_digest));
    ck_assert_uint_eq(events, vector.events);
    sum = store_log_digest(central->store);
    ck_assert(digest_equal(&sum, &vector.log_digest));
    ck_assert_int_eq(central_number(central, "SELECT count(*) FROM event"), (int64_t)events);
    runs_vector_free(&vector);
    runs_close(&runs);
}

/* A day of central-1, with something of each kind; the positions follow each other. */
static struct stream write_day(void)
{
    struct position first = central_entry(&a, "v1", "30A11111", T0);
    central_entry(&a, "v2", "30A22222", T0 + MINUTE);
    central_change(&a, EVENT_HISTORY_UPDATE, "v2", "30A22223");
    central_tariff(&a, T0, 60, 7000);
    central_exit(&a, "v1", "30A11111", T0 + 30 * MINUTE, EVENT_NONE);
    central_entry(&a, "v3", "30A33333", T0 + 5 * MINUTE);
    return first.stream;
}

/* ---- damage ---- */

static const char *const DAMAGES[] = {
    "UPDATE event SET body = x'8101a27639' WHERE seq = 1",
    "UPDATE event SET body = x'c1' WHERE seq = 2",
    "UPDATE event SET body = NULL WHERE seq = 5",
    "UPDATE event SET header = x'950103cd03e80500' WHERE seq = 3",
    "UPDATE event SET header = x'' WHERE seq = 3",
    "UPDATE event SET body_hash = zeroblob(16) WHERE seq = 4",
    "UPDATE event SET chain = zeroblob(16) WHERE seq = 3",
    "UPDATE event SET chain = zeroblob(16) WHERE seq = 6",
    "UPDATE stream SET chain = zeroblob(16) WHERE node = 'central-1'",
    "UPDATE event SET body = x'80', header = x'90', chain = x'00' WHERE seq IN (2, 4, 5)",
    "DELETE FROM event WHERE seq = 2",
    "DELETE FROM event WHERE seq = 4",
    "UPDATE event SET body = x'8101a27631' WHERE seq = 4",
};

static struct verify_finding first_found;

static void note_finding(void *context, const struct verify_finding *finding)
{
    if ((*(uint64_t *)context)++ == 0) {
        first_found = *finding;
    }
}

/* What `parkmesh verify` says of the file: the number of findings. */
static uint64_t verify(struct central *central)
{
    uint64_t count = 0;
    struct verify_result result;
    const struct verify_options options = {.found = note_finding, .context = &count};
    ck_assert_int_eq(verify_database(central->path, &options, &result, &central->problem), 0);
    ck_assert_uint_eq(result.findings, count);
    return count;
}

/* What is damaged is not sent, and the reader says where it is. */
static void check_reader(struct central *central, const struct stream *stream)
{
    struct problem problem;
    struct buffer out = {0};
    struct run run;
    struct wire wire;
    size_t count = 0;
    struct runs *runs = runs_open(central->path, &problem);
    int found = runs_read(runs, stream, 1, LIMIT_RUN_BYTES, 500, &out, &count, &problem);
    ck_assert_int_ge(found, 0);
    ck_assert_uint_gt(runs_damaged(runs), 0);
    ck_assert_uint_le(runs_damaged(runs), 6);
    if (found) {
        ck_assert_int_eq(run_unpack(&run, &wire, buffer_slice(&out)), 0);
        run_free(&run);
        wire_close(&wire);
    }
    runs_close(&runs);
    buffer_free(&out);
}

START_TEST(damage_is_mended_from_a_peer)
{
    struct buffer run = {0};
    struct stream stream = write_day();
    central_pull(&b, &a, 100);
    ck_assert_uint_eq(central_read(&a, &stream, 1, 100, &run), 6);
    ck_assert_int_eq(repair(&b, buffer_slice(&run)), STORE_RUN_OLD);
    central_close(&b);
    ck_assert_uint_eq(verify(&b), 0);
    central_run(&b, DAMAGES[_i]);
    if (_i != 2) { /* a body that is gone looks like one that was erased */
        ck_assert_uint_gt(verify(&b), 0);
        ck_assert_uint_gt(first_found.position.seq, 0);
        ck_assert_str_eq(first_found.position.stream.node.text, "central-1");
        check_reader(&b, &stream);
    }
    central_open(&b);
    /* What was folded while it was damaged must not stay. */
    central_change(&b, EVENT_HISTORY_UPDATE, "v1", "30A11112");
    ck_assert_int_eq(repair(&b, buffer_slice(&run)), STORE_RUN_APPLIED);
    ck_assert_int_eq(repair(&b, buffer_slice(&run)), STORE_RUN_OLD);
    assert_digests(&b);
    central_pull(&a, &b, 100);
    central_assert_equal(&a, &b);
    assert_rebuilds(&b);
    central_reopen(&b);
    assert_digests(&b);
    ck_assert_uint_eq(verify(&b), 0);
    central_pull(&c, &b, 2);
    central_assert_equal(&a, &c);
    buffer_free(&run);
}
END_TEST

START_TEST(what_does_not_join_is_not_taken)
{
    struct buffer whole = {0}, part = {0};
    struct stream stream = write_day();
    central_pull(&b, &a, 100);
    central_read(&a, &stream, 2, 2, &part);
    central_read(&a, &stream, 1, 100, &whole);
    central_close(&b);
    central_run(&b, "UPDATE event SET header = x'950103cd03e80500', chain = zeroblob(16)"
                    " WHERE seq IN (3, 4)");
    central_open(&b);
    /* 2 and 3: the chain at 2 is ours, but that proves nothing about 3. */
    ck_assert_int_eq(repair(&b, buffer_slice(&part)), STORE_RUN_FORK);
    buffer_clear(&part);
    central_read(&a, &stream, 3, 2, &part);
    ck_assert_int_eq(repair(&b, buffer_slice(&part)), STORE_RUN_FORK);
    /* From the middle of the damage to its end: what it proves is taken. */
    buffer_clear(&part);
    central_read(&a, &stream, 4, 3, &part);
    ck_assert_int_eq(repair(&b, buffer_slice(&part)), STORE_RUN_PART);
    ck_assert_int_eq(repair(&b, buffer_slice(&part)), STORE_RUN_PART);
    ck_assert_int_eq(central_number(&b, "SELECT count(*) FROM event WHERE chain = zeroblob(16)"),
                     1);
    ck_assert_int_eq(repair(&b, buffer_slice(&whole)), STORE_RUN_APPLIED);
    central_assert_equal(&a, &b);
    ck_assert_int_eq(repair(&c, buffer_slice(&whole)), STORE_RUN_GAP); /* not its stream */
    buffer_free(&whole);
    buffer_free(&part);
}
END_TEST

/* From its end, run by run; a row that is gone and the head of the stream are among it. */
START_TEST(long_damage_is_mended_backwards)
{
    static const struct {
        uint64_t from, count;
        enum store_run_result result;
    } steps[] = {{1, 100, STORE_RUN_FORK},  {251, 50, STORE_RUN_PART},  {161, 100, STORE_RUN_PART},
                 {101, 60, STORE_RUN_FORK}, /* does not reach what is whole by now */
                 {101, 61, STORE_RUN_PART}, {1, 101, STORE_RUN_APPLIED}};
    struct position first = central_entry(&a, "v0", "30A10000", T0);
    struct buffer run = {0};
    for (int i = 1; i < 300; i++) {
        char name[16], plate[16];
        (void)snprintf(name, sizeof name, "v%d", i);
        (void)snprintf(plate, sizeof plate, "30A1%04d", i);
        central_entry(&a, name, plate, T0 + i * MINUTE);
    }
    central_pull(&b, &a, 100);
    central_close(&b);
    central_run(&b, "UPDATE event SET chain = zeroblob(16) WHERE seq BETWEEN 7 AND 300;"
                    "UPDATE event SET body = x'80' WHERE seq = 170;"
                    "DELETE FROM event WHERE seq = 120");
    central_open(&b);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        buffer_clear(&run);
        central_read(&a, &first.stream, steps[i].from, steps[i].count, &run);
        ck_assert_int_eq(repair(&b, buffer_slice(&run)), steps[i].result);
    }
    central_assert_equal(&a, &b);
    assert_digests(&b);
    assert_rebuilds(&b);
    buffer_free(&run);
}
END_TEST

/* A peer that has erased a body cannot give it back; with the redaction here, too, it need not. */
START_TEST(an_erased_body_mends_only_what_may_be_erased)
{
    struct buffer run = {0};
    struct event event;
    struct stream stream = write_day();
    central_pull(&b, &a, 100);
    event_init(&event, EVENT_REDACT);
    event.t_eff = T0;
    event.target_node = slice_text("central-1");
    event.target_epoch = stream.epoch;
    event.target_from = event.target_to = 2;
    central_write(&a, &event);
    central_read(&a, &stream, 1, 6, &run);
    central_close(&b);
    central_run(&b, "UPDATE event SET body = x'80' WHERE seq = 2");
    central_open(&b);
    ck_assert_int_eq(repair(&b, buffer_slice(&run)), STORE_RUN_GAP);
    central_pull(&b, &a, 100);
    central_assert_equal(&a, &b);
    assert_rebuilds(&b);
    buffer_free(&run);
}
END_TEST

/* ---- forks ---- */

struct branch {
    struct stream stream;
    uint64_t next;
    struct digest chain;
};

/* The next event of a stream that no store here wrote, as a run. */
static void extend(struct branch *branch, struct event *event, struct buffer *out)
{
    struct buffer header = {0}, body = {0}, items = {0};
    struct digest before = branch->chain;
    event->hlc = (uint64_t)(T0 + (int64_t)branch->next) << 16;
    ck_assert_int_eq(event_pack(event, &header, &body), 0);
    struct digest hash = body_hash(buffer_slice(&body));
    branch->chain = chain_next(&before, buffer_slice(&header), &hash);
    ck_assert_int_eq(run_put_item(&items, buffer_slice(&header), buffer_slice(&body), &hash), 0);
    ck_assert_int_eq(
        run_pack(out, &branch->stream, branch->next++, &before, &branch->chain, &items, 1), 0);
    buffer_free(&header);
    buffer_free(&body);
    buffer_free(&items);
}

static void give_event(struct central *central, struct branch *branch, struct event *event)
{
    struct buffer run = {0};
    extend(branch, event, &run);
    ck_assert_int_eq(central_give(central, buffer_slice(&run), FACT_LIVE), STORE_RUN_APPLIED);
    buffer_free(&run);
}

static struct event gate(uint32_t kind, const char *visit, const char *plate, int64_t t)
{
    struct event event;
    event_init(&event, kind);
    event.visit = slice_text(visit);
    event.plate_id = event.plate_view = slice_text(plate);
    event.t_eff = t;
    event.location = slice_text("Deck B");
    return event;
}

static void give_gate(struct central *central, struct branch *branch, uint32_t kind,
                      const char *visit, const char *plate, int64_t t)
{
    struct event event = gate(kind, visit, plate, t);
    give_event(central, branch, &event);
}

/* A whole log that met nothing but runs agrees. */
static void assert_all_agree(void)
{
    struct central late;
    central_start(&late, "central-4");
    for (int i = 0; i < 2; i++) {
        central_pull(&a, &b, 100);
        central_pull(&a, &c, 100);
        central_pull(&b, &a, 100);
        central_pull(&c, &a, 100);
    }
    central_pull(&late, &c, 3);
    central_assert_equal(&a, &b);
    central_assert_equal(&a, &c);
    central_assert_equal(&a, &late);
    assert_digests(&a);
    assert_digests(&b);
    assert_digests(&c);
    assert_rebuilds(&a);
    assert_rebuilds(&b);
    central_stop(&late);
}

/* Central-9 was resumed: b heard one branch, c the other, and both moved theirs or one did. */
START_TEST(a_branch_moves_with_all_it_says)
{
    const struct digest none = {{0}};
    struct branch lost = {{{"central-9"}, 77}, 1, {{0}}}, kept = lost;
    struct event event;
    uint64_t first = (uint64_t)_i; /* the first that differs: 1, 2, 3 */

    for (uint64_t i = 1; i < first; i++) {
        char visit[8];
        struct buffer run = {0};
        snprintf(visit, sizeof visit, "p%d", (int)i);
        event = gate(EVENT_VEHICLE_ENTRY_PENDING, visit, "30A00001", T0 + (int64_t)i * MINUTE);
        extend(&lost, &event, &run);
        central_give(&b, buffer_slice(&run), FACT_LIVE);
        central_give(&c, buffer_slice(&run), FACT_LIVE);
        buffer_free(&run);
        kept = lost;
    }
    struct digest at = none;
    give_gate(&b, &lost, EVENT_VEHICLE_ENTRY_PENDING, "l1", "30A11111", T0);
    at = lost.chain;
    give_gate(&b, &lost, EVENT_HISTORY_DELETE, "l1", "30A11111", T0 + MINUTE);
    event = gate(EVENT_HISTORY_UNDELETE, "l1", "30A11119", T0 + 2 * MINUTE);
    struct buffer seen = {0};
    struct position deleted = {lost.stream, lost.next - 1};
    event_pack_supersedes(&deleted, 1, &seen);
    event.supersedes = buffer_slice(&seen);
    give_event(&b, &lost, &event);
    event_init(&event, EVENT_CONFIG_UPDATE);
    event.t_eff = T0;
    event.free_s = 0;
    event.per_hour = 5000;
    give_event(&b, &lost, &event);
    give_gate(&b, &lost, EVENT_VEHICLE_EXIT, "l1", "30A11119", T0 + 90 * MINUTE);
    give_gate(&b, &lost, EVENT_LOCATION_UPDATE, NULL, "30A44444", T0);
    give_gate(&c, &kept, EVENT_VEHICLE_ENTRY_PENDING, "k1", "30A11111", T0);
    give_gate(&c, &kept, EVENT_LOCATION_UPDATE, "k2", "30A22222", T0);

    struct visit visit, after;
    ck_assert_int_eq(store_find_visit(b.store, slice_text("l1"), &visit, &b.problem), 1);
    ck_assert_int_eq(visit.status, VISIT_OUT);
    ck_assert_int_eq(visit.fee, 10000);
    int64_t rows = central_number(&b, "SELECT count(*) FROM history_changes");
    ck_assert_int_eq(move_at(&b, &lost.stream, first, &none), STORE_RUN_OLD);
    ck_assert_int_eq(move_at(&b, &lost.stream, first, &at), STORE_RUN_APPLIED);
    ck_assert_int_eq(move_at(&b, &lost.stream, first, &at), STORE_RUN_OLD);
    ck_assert_int_eq(store_find_visit(b.store, slice_text("l1"), &after, &b.problem), 1);
    ck_assert_int_eq(after.status, VISIT_OUT);
    ck_assert_int_eq(after.fee, 10000);
    ck_assert(slice_equal(after.source_central, slice_text("central-9")));
    ck_assert(slice_equal(after.exit_central, slice_text("central-9")));
    ck_assert(slice_equal(after.plate_id, slice_text("30A11119")));
    ck_assert_int_eq(central_number(&b, "SELECT count(*) FROM history_changes"), rows);
    assert_digests(&b);
    assert_rebuilds(&b);
    assert_all_agree();
    ck_assert_int_eq(store_find_visit(c.store, slice_text("k1"), &after, &c.problem), 1);
    buffer_free(&seen);
}
END_TEST

START_TEST(two_holders_move_the_same_branch)
{
    struct branch lost = {{{"central-9"}, 77}, 1, {{0}}}, kept = lost;
    struct digest at = {{0}};
    struct event events[4] = {gate(EVENT_VEHICLE_ENTRY_PENDING, "l1", "30A11111", T0),
                              gate(EVENT_HISTORY_DELETE, "l1", "30A11111", T0 + MINUTE),
                              gate(EVENT_VEHICLE_EXIT, NULL, "30A33333", T0 + MINUTE),
                              gate(EVENT_LOCATION_UPDATE, "l2", "30A22222", T0)};
    for (size_t i = 0; i < 4; i++) {
        struct buffer run = {0};
        extend(&lost, &events[i], &run);
        ck_assert_int_eq(central_give(&a, buffer_slice(&run), FACT_LIVE), STORE_RUN_APPLIED);
        ck_assert_int_eq(central_give(&b, buffer_slice(&run), FACT_LIVE), STORE_RUN_APPLIED);
        buffer_free(&run);
        at = i == 0 ? lost.chain : at;
    }
    give_gate(&c, &kept, EVENT_VEHICLE_ENTRY_PENDING, "k1", "30A11111", T0);
    ck_assert_int_eq(move_at(&a, &lost.stream, 1, &at), STORE_RUN_APPLIED);
    if (_i) {
        /* It has the copies of the other already: those that a visit finds are not made again. */
        struct runs_vector vector;
        struct runs *runs = runs_open(a.path, &a.problem);
        runs_vector(runs, &vector, &a.problem);
        struct buffer run = {0};
        central_read(&a, &vector.heads[0].stream, 1, 10, &run);
        ck_assert_int_eq(central_give(&b, buffer_slice(&run), FACT_SYNC), STORE_RUN_APPLIED);
        buffer_free(&run);
        runs_vector_free(&vector);
        runs_close(&runs);
    }
    ck_assert_int_eq(move_at(&b, &lost.stream, 1, &at), STORE_RUN_APPLIED);
    assert_all_agree();
    ck_assert_uint_eq(store_event_count(a.store), _i ? 6 : 9);
    /* One vehicle, one exit that waits, one sighting, once each; and the copy says nothing new. */
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM anomaly"), 1);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history"), 3);
    /* Who looks at both copies of the change lists both. */
    central_change(&c, EVENT_HISTORY_UNDELETE, "l1", "30A11111");
    assert_all_agree();
    struct visit visit;
    ck_assert_int_eq(store_find_visit(b.store, slice_text("l1"), &visit, &b.problem), 1);
    ck_assert_int_ne(visit.status, VISIT_DELETED);
}
END_TEST

/* The forked stream is the one that we are writing: a resumed snapshot of this very process. */
START_TEST(the_current_stream_ends_and_another_begins)
{
    struct position first = central_entry(&a, "v1", "30A11111", T0);
    central_pull(&b, &a, 10);
    central_pull(&c, &a, 10);
    struct runs_vector vector;
    struct runs *runs = runs_open(a.path, &a.problem);
    runs_vector(runs, &vector, &a.problem);
    struct branch other = {first.stream, 2, vector.heads[0].chain};
    struct digest one = other.chain;
    runs_vector_free(&vector);
    give_gate(&b, &other, EVENT_VEHICLE_ENTRY_PENDING, "o2", "30A22222", T0);

    /* Behind, but not forked: the epoch ends, nothing moves. */
    if (_i) {
        ck_assert_int_eq(move_at(&a, &first.stream, 2, &one), STORE_RUN_APPLIED);
        struct position next = central_entry(&a, "v2", "30A33333", T0);
        ck_assert(next.stream.epoch != first.stream.epoch);
        ck_assert_uint_eq(next.seq, 1);
    } else {
        struct position second = central_entry(&a, "v2", "30A33333", T0);
        ck_assert_uint_eq(second.seq, 2);
        runs_vector(runs, &vector, &a.problem);
        struct digest at = vector.heads[0].chain;
        runs_vector_free(&vector);
        ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
        ck_assert_int_eq(store_mark(a.store, &a.problem), 0);
        ck_assert_int_eq(store_move_branch(a.store, &second, &at, a.now_ms, &a.problem),
                         STORE_RUN_APPLIED);
        store_undo(a.store); /* a request that is undone leaves the stream as it was */
        ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
        assert_digests(&a);
        ck_assert_int_eq(move_at(&a, &first.stream, 2, &at), STORE_RUN_APPLIED);
        struct buffer packed = {0};
        struct fact fact;
        ck_assert_int_eq(store_take_fact(a.store, &packed), 0);
        ck_assert_int_eq(fact_unpack(&fact, buffer_slice(&packed)), 0);
        ck_assert(fact.rewound);
        ck_assert_uint_eq(fact.rewinds, 1);
        ck_assert_uint_eq(fact.own.seq, 1);
        ck_assert_uint_eq(fact.events, 2);
        fact_free(&fact);
        buffer_free(&packed);
    }
    assert_all_agree();
    ck_assert_uint_eq(store_event_count(a.store), 3);
    central_reopen(&a);
    assert_digests(&a);
    runs_close(&runs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_repair");
    TCase *tcase = tcase_create("store_repair");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, damage_is_mended_from_a_peer, 0,
                        (int)(sizeof DAMAGES / sizeof *DAMAGES));
    tcase_add_test(tcase, what_does_not_join_is_not_taken);
    tcase_add_test(tcase, long_damage_is_mended_backwards);
    tcase_add_test(tcase, an_erased_body_mends_only_what_may_be_erased);
    tcase_add_loop_test(tcase, a_branch_moves_with_all_it_says, 1, 4);
    tcase_add_loop_test(tcase, two_holders_move_the_same_branch, 0, 2);
    tcase_add_loop_test(tcase, the_current_stream_ends_and_another_begins, 0, 2);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
