/* The writer: batches, savepoints, runs of peers, the fold's rows, facts. */
#include "support_store.h"
#include "tests/support_main.h"

#include "proto/clock.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define T0 (CENTRAL_NOW - 3600000)
#define HOUR 3600000

static struct central a, b, c;

static void setup(void)
{
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

static const char *status_of(const struct central *central, const char *visit)
{
    struct visit found;
    static struct problem problem; /* only read when the test fails */
    int rc = store_find_visit(central->store, slice_text(visit), &found, &problem);
    ck_assert_msg(rc >= 0, "%s", problem.text);
    return rc ? visit_status_name(found.status) : "none";
}

/* ---- a central alone ---- */

START_TEST(entry_and_exit_make_one_visit)
{
    struct visit visit;
    central_entry(&a, "v1", "30A12345", T0);
    ck_assert_int_eq(store_find_open(a.store, "30A12345", &visit, &a.problem), 1);
    ck_assert_str_eq(visit.event_id.data, "v1");
    ck_assert_str_eq(visit.entry_camera_id.data, "1");
    ck_assert_int_eq(visit.revision, 1);
    ck_assert(!visit.synced);
    central_exit(&a, "v1", "30A12345", T0 + HOUR, 25000);
    ck_assert_int_eq(store_find_open(a.store, "30A12345", &visit, &a.problem), 0);
    ck_assert_int_eq(store_find_visit(a.store, slice_text("v1"), &visit, &a.problem), 1);
    ck_assert_int_eq(visit.status, VISIT_OUT);
    ck_assert_int_eq(visit.fee, 25000);
    ck_assert_int_eq(visit.revision, 2);
    ck_assert_str_eq(visit.exit_camera_id.data, "007");
    ck_assert_str_eq(visit.duration.data, "1 giờ 0 phút");
    ck_assert_int_eq(store_find_row(a.store, visit.id, &visit, &a.problem), 1);
    ck_assert_int_eq(store_find_row(a.store, 99, &visit, &a.problem), 0);
    ck_assert_uint_eq(store_event_count(a.store), 2);
}
END_TEST

START_TEST(everything_is_there_after_reopening)
{
    for (int i = 0; i < 5; i++) {
        char visit[16];
        snprintf(visit, sizeof visit, "v%d", i);
        central_entry(&a, visit, i % 2 ? "30A12345" : "30A54321", T0 + i);
    }
    struct digest log = store_log_digest(a.store), state = store_state_digest(a.store);
    uint64_t hlc = store_hlc(a.store);
    central_reopen(&a);
    struct digest log_after = store_log_digest(a.store), state_after = store_state_digest(a.store);
    ck_assert(digest_equal(&log, &log_after));
    ck_assert(digest_equal(&state, &state_after));
    ck_assert_uint_eq(store_event_count(a.store), 5);
    ck_assert_uint_eq(store_hlc(a.store), hlc);
    /* The WAL was moved into the file. */
    char wal[160];
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM event"), 5);
    central_close(&a);
    ck_assert_int_ne(access(central_file(&a, "central.db-wal", wal), F_OK), 0);
}
END_TEST

START_TEST(streams_are_dense_and_each_start_has_its_own)
{
    struct position first = central_entry(&a, "v1", "30A12345", T0);
    struct position second = central_entry(&a, "v2", "30A54321", T0);
    ck_assert_uint_eq(first.seq, 1);
    ck_assert_uint_eq(second.seq, 2);
    ck_assert_int_eq(stream_compare(&first.stream, &second.stream), 0);
    ck_assert_str_eq(first.stream.node.text, "central-1");
    central_reopen(&a); /* a start without a write has no epoch */
    central_reopen(&a);
    struct position third = central_entry(&a, "v3", "30A54321", T0);
    ck_assert_uint_eq(third.seq, 1);
    ck_assert_uint_ne(third.stream.epoch, first.stream.epoch);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM stream"), 2);
}
END_TEST

START_TEST(stamps_increase_even_when_the_clock_steps_back)
{
    struct event event;
    uint64_t last = 0;
    for (int i = 0; i < 4; i++) {
        event_init(&event, EVENT_STAFF_UPDATE);
        event.t_eff = T0;
        a.now_ms -= i * 90000;
        central_write(&a, &event);
        ck_assert_uint_gt(event.hlc, last);
        last = event.hlc;
    }
    ck_assert_uint_eq(store_hlc(a.store), last);
}
END_TEST

START_TEST(unusable_fields_leave_the_batch_intact)
{
    struct event event;
    struct position position;
    char text[LIMIT_TEXT + 10];
    memset(text, 'x', sizeof text);
    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
    event.visit = slice_text("v1");
    event.plate_id = slice_text("30A12345");
    event.t_eff = T0;
    ck_assert_int_eq(store_append(a.store, &event, T0, &position, &a.problem), 0);
    ck_assert_int_eq(store_mark(a.store, &a.problem), 0);
    event.camera_name = (struct slice){text, sizeof text};
    event.hlc = 0;
    ck_assert_int_eq(store_append(a.store, &event, T0, &position, &a.problem), -1);
    ck_assert_int_eq(a.problem.code, PROBLEM_FIELD_INVALID);
    store_undo(a.store);
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_uint_eq(store_event_count(a.store), 1);
    ck_assert_str_eq(status_of(&a, "v1"), "IN");
}
END_TEST

/* ---- undo ---- */

static void append_in_batch(struct central *central, const char *visit, const char *plate)
{
    struct event event;
    struct position position;
    event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
    event.visit = slice_text(visit);
    event.plate_id = slice_text(plate);
    event.t_eff = T0;
    ck_assert_int_eq(
        store_append(central->store, &event, central->now_ms, &position, &central->problem), 0);
    ck_assert_int_eq(store_fold(central->store, &central->problem), 0);
}

START_TEST(undo_takes_back_one_request)
{
    central_tariff(&b, T0, 60, 1000);
    struct buffer run = {0};
    struct run foreign;
    struct wire wire;
    struct position tariff = central_tariff(&b, T0, 60, 2000);
    central_read(&b, &tariff.stream, 1, 10, &run);
    ck_assert_int_eq(run_unpack(&foreign, &wire, buffer_slice(&run)), 0);

    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    ck_assert_int_eq(store_mark(a.store, &a.problem), 0);
    append_in_batch(&a, "v1", "30A12345");
    ck_assert_int_eq(store_release(a.store, &a.problem), 0);
    ck_assert_int_eq(store_mark(a.store, &a.problem), 0);
    append_in_batch(&a, "v2", "30A54321");
    ck_assert_int_eq(store_append_run(a.store, &foreign, FACT_LIVE, a.now_ms, &a.problem),
                     STORE_RUN_APPLIED);
    store_undo(a.store);
    ck_assert_str_eq(status_of(&a, "v2"), "none");
    struct tariff in_force;
    ck_assert_int_eq(store_tariff(a.store, T0 + 1, &in_force, &a.problem), 0);
    ck_assert_int_eq(store_mark(a.store, &a.problem), 0);
    append_in_batch(&a, "v3", "30A54321");
    ck_assert_int_eq(store_release(a.store, &a.problem), 0);
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);

    struct buffer bytes = {0};
    struct fact fact;
    ck_assert_int_eq(store_take_fact(a.store, &bytes), 0);
    ck_assert_int_eq(fact_unpack(&fact, buffer_slice(&bytes)), 0);
    ck_assert_uint_eq(fact.item_count, 2);
    ck_assert_uint_eq(fact.visit_count, 2);
    ck_assert_uint_eq(fact.head_count, 1);
    ck_assert_uint_eq(fact.own.seq, 2);
    fact_free(&fact);
    buffer_free(&bytes);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM stream"), 1);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM event"), 2);

    /* What was undone can come again. */
    ck_assert_int_eq(central_give(&a, buffer_slice(&run), FACT_LIVE), STORE_RUN_APPLIED);
    ck_assert_int_eq(store_tariff(a.store, T0 + 1, &in_force, &a.problem), 1);
    run_free(&foreign);
    wire_close(&wire);
    buffer_free(&run);
    central_pull(&b, &a, 1);
    central_assert_equal(&a, &b);
}
END_TEST

START_TEST(undo_of_the_first_write_takes_back_the_stream)
{
    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    ck_assert_int_eq(store_mark(a.store, &a.problem), 0);
    append_in_batch(&a, "v1", "30A12345");
    store_undo(a.store);
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM stream"), 0);
    struct digest digest = store_log_digest(a.store);
    ck_assert(digest_is_zero(&digest));
    struct buffer bytes = {0};
    ck_assert_int_eq(store_take_fact(a.store, &bytes), 0);
    ck_assert_uint_eq(bytes.len, 0);
    buffer_free(&bytes);
    ck_assert_uint_eq(central_entry(&a, "v1", "30A12345", T0).seq, 1);
}
END_TEST

START_TEST(rollback_leaves_everything_as_before)
{
    central_entry(&a, "v1", "30A12345", T0);
    struct digest log = store_log_digest(a.store);
    uint64_t hlc = store_hlc(a.store);
    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    append_in_batch(&a, "v2", "30A54321");
    append_in_batch(&a, "v3", "30A54321");
    store_rollback(a.store);
    struct digest after = store_log_digest(a.store);
    ck_assert(digest_equal(&log, &after));
    ck_assert_uint_eq(store_hlc(a.store), hlc);
    ck_assert_str_eq(status_of(&a, "v2"), "none");
    ck_assert_uint_eq(central_entry(&a, "v2", "30A54321", T0).seq, 2);
}
END_TEST

/* ---- retries ---- */

START_TEST(retries_are_recognised)
{
    struct {
        const char *visit, *sent, *plate;
        int64_t device, now;
        int expected;
    } rows[] = {
        {"s1", "s1", "30A12345", T0, 0, 1},         /* same */
        {"s1", "s1", "30A12345", T0 + 1, 0, 0},     /* another instant */
        {"s1", "s1", "30A99999", T0, 0, 0},         /* another plate */
        {"x", "s2", "30A12345", T0, 0, 1},          /* id differs from the visit's */
        {"m1", NULL, "30A11111", T0, 0, 1},         /* no id: by the device's time */
        {"m1", NULL, "30A11111", T0, 25 * HOUR, 0}, /* which is good for a day */
        {"m1", NULL, "30A11111", EVENT_NONE, 0, 0}, /* nothing to recognise */
    };
    static const struct {
        const char *visit, *sent, *plate;
    } first[] = {{"s1", "s1", "30A12345"}, {"v2", "s2", "30A12345"}, {"m1", NULL, "30A11111"}};
    for (size_t i = 0; i < 3; i++) {
        struct event event;
        event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
        event.visit = slice_text(first[i].visit);
        event.sent_id = slice_text(first[i].sent);
        event.plate_id = slice_text(first[i].plate);
        event.camera_id = slice_text("1");
        event.t_eff = event.device_ms = T0;
        central_write(&a, &event);
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct event event;
            struct store_retry retry;
            event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
            event.visit = slice_text(rows[i].visit);
            event.sent_id = slice_text(rows[i].sent);
            event.plate_id = slice_text(rows[i].plate);
            event.camera_id = slice_text("1");
            event.device_ms = rows[i].device;
            int found = store_find_retry(a.store, &event, T0 + rows[i].now, &retry, &a.problem);
            ck_assert_msg(found == rows[i].expected, "row %zu: %d", i, found);
            event.kind = EVENT_VEHICLE_EXIT;
            ck_assert_int_eq(store_find_retry(a.store, &event, T0, &retry, &a.problem), 0);
        }
        central_reopen(&a);
    }
}
END_TEST

/* ---- runs of peers ---- */

START_TEST(runs_apply_overlap_repeat_gap_fork)
{
    struct position position = {.seq = 0};
    for (int i = 0; i < 6; i++) {
        char visit[16];
        snprintf(visit, sizeof visit, "v%d", i);
        position = central_entry(&b, visit, "30A12345", T0 + i);
    }
    struct buffer runs[4] = {{0}};
    static const struct {
        uint64_t from;
        size_t count;
    } wanted[] = {{1, 3}, {3, 2}, {2, 5}, {6, 1}};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(
            central_read(&b, &position.stream, wanted[i].from, wanted[i].count, &runs[i]),
            wanted[i].count);
    }
    ck_assert_int_eq(central_give(&a, buffer_slice(&runs[3]), FACT_LIVE), STORE_RUN_GAP);
    ck_assert_int_eq(central_give(&a, buffer_slice(&runs[0]), FACT_LIVE), STORE_RUN_APPLIED);
    ck_assert_int_eq(central_give(&a, buffer_slice(&runs[0]), FACT_LIVE), STORE_RUN_OLD);
    ck_assert_int_eq(central_give(&a, buffer_slice(&runs[3]), FACT_LIVE), STORE_RUN_GAP);
    ck_assert_int_eq(central_give(&a, buffer_slice(&runs[1]), FACT_LIVE), STORE_RUN_APPLIED);
    ck_assert_int_eq(central_give(&a, buffer_slice(&runs[2]), FACT_LIVE), STORE_RUN_APPLIED);
    ck_assert_int_eq(central_give(&a, buffer_slice(&runs[3]), FACT_LIVE), STORE_RUN_OLD);
    for (size_t i = 0; i < 4; i++) {
        buffer_free(&runs[i]);
    }
    central_assert_equal(&a, &b);
}
END_TEST

/* A run of one event of a stream of central-2 that central-2 never wrote. */
static void forge(const struct stream *stream, uint64_t from, const struct digest *before,
                  struct buffer *out)
{
    struct event event;
    struct buffer header = {0}, body = {0}, items = {0};
    event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
    event.visit = slice_text("forged");
    event.plate_id = slice_text("30A00000");
    event.t_eff = T0;
    ck_assert_int_eq(event_pack(&event, &header, &body), 0);
    struct digest hash = body_hash(buffer_slice(&body));
    struct digest after = chain_next(before, buffer_slice(&header), &hash);
    ck_assert_int_eq(run_put_item(&items, buffer_slice(&header), buffer_slice(&body), &hash), 0);
    ck_assert_int_eq(run_pack(out, stream, from, before, &after, &items, 1), 0);
    buffer_free(&header);
    buffer_free(&body);
    buffer_free(&items);
}

START_TEST(forks_are_refused)
{
    struct digest zero = {{0}}, wrong = {{1}};
    struct position position = central_entry(&b, "v1", "30A12345", T0);
    central_pull(&a, &b, 10);
    struct buffer other = {0}, next = {0}, own = {0};
    forge(&position.stream, 1, &zero, &other); /* the same place, other bytes */
    forge(&position.stream, 2, &wrong, &next); /* after another past */
    ck_assert_int_eq(central_give(&a, buffer_slice(&other), FACT_LIVE), STORE_RUN_FORK);
    ck_assert_int_eq(central_give(&a, buffer_slice(&next), FACT_LIVE), STORE_RUN_FORK);
    struct position ours = central_entry(&a, "v2", "30A54321", T0);
    struct runs_vector vector;
    struct runs *runs = runs_open(a.path, &a.problem);
    ck_assert_int_eq(runs_vector(runs, &vector, &a.problem), 0);
    ck_assert_str_eq(vector.heads[0].stream.node.text, "central-1");
    forge(&ours.stream, 2, &vector.heads[0].chain, &own); /* in our name */
    ck_assert_int_eq(central_give(&a, buffer_slice(&own), FACT_LIVE), STORE_RUN_FORK);
    runs_vector_free(&vector);
    runs_close(&runs);
    ck_assert_str_eq(status_of(&a, "forged"), "none");
    ck_assert_uint_eq(store_event_count(a.store), 2);
    buffer_free(&other);
    buffer_free(&next);
    buffer_free(&own);
}
END_TEST

START_TEST(former_streams_of_our_own_come_back)
{
    struct position lost = central_entry(&a, "v1", "30A12345", T0);
    central_pull(&b, &a, 10);
    central_stop(&a);
    central_start(&a, "central-1"); /* the disk was swapped */
    central_entry(&a, "v2", "30A54321", T0);
    ck_assert_uint_eq(central_pull(&a, &b, 10), 1);
    central_pull(&b, &a, 10);
    central_assert_equal(&a, &b);
    ck_assert_str_eq(status_of(&a, "v1"), "IN");
    ck_assert_uint_eq(lost.seq, 1);
}
END_TEST

START_TEST(unreadable_bodies_are_kept_and_relayed)
{
    struct stream stream = {b.node, 7};
    struct event event;
    struct buffer header = {0}, body = {0}, items = {0}, run = {0};
    struct digest zero = {{0}};
    event_init(&event, EVENT_VEHICLE_EXIT);
    event.t_eff = T0;
    ck_assert_int_eq(event_pack(&event, &header, &body), 0);
    struct slice odd = {"\x81\x01\x2a", 3}; /* {1: 42}: a visit that is no text */
    struct digest hash = body_hash(odd);
    struct digest after = chain_next(&zero, buffer_slice(&header), &hash);
    ck_assert_int_eq(run_put_item(&items, buffer_slice(&header), odd, &hash), 0);
    ck_assert_int_eq(run_pack(&run, &stream, 1, &zero, &after, &items, 1), 0);
    ck_assert_int_eq(central_give(&a, buffer_slice(&run), FACT_LIVE), STORE_RUN_APPLIED);
    central_pull(&c, &a, 10);
    central_assert_equal(&a, &c);
    ck_assert_uint_eq(store_event_count(c.store), 1);
    buffer_free(&header);
    buffer_free(&body);
    buffer_free(&items);
    buffer_free(&run);
}
END_TEST

/* ---- facts ---- */

START_TEST(facts_tell_what_was_committed)
{
    struct buffer bytes = {0};
    struct fact fact;
    central_entry(&a, "v1", "30A12345", T0);
    central_exit(&a, "v1", "30A12345", T0 + HOUR, 25000);
    ck_assert_int_eq(store_take_fact(a.store, &bytes), 0);
    ck_assert_int_eq(fact_unpack(&fact, buffer_slice(&bytes)), 0);
    ck_assert_uint_eq(fact.batch, 2);
    ck_assert_uint_eq(fact.lsn, 4); /* two events and what each did to the visit */
    ck_assert_uint_eq(fact.events, 2);
    ck_assert_uint_eq(fact.item_count, 1);
    ck_assert_int_eq(fact.items[0].origin, FACT_LOCAL);
    ck_assert_uint_eq(fact.items[0].lsn, 3);
    struct digest digest = store_log_digest(a.store);
    ck_assert(digest_equal(&fact.log_digest, &digest));
    ck_assert_uint_eq(fact.visit_count, 1);
    ck_assert(slice_equal(fact.visits[0].status, slice_text("OUT")));
    ck_assert_int_eq(fact.visits[0].revision, 2);
    /* The item is what a peer needs. */
    struct buffer entry = {0};
    central_read(&a, &fact.own.stream, 1, 1, &entry);
    ck_assert_int_eq(central_give(&b, buffer_slice(&entry), FACT_LIVE), STORE_RUN_APPLIED);
    ck_assert_int_eq(central_give(&b, fact.items[0].run, FACT_LIVE), STORE_RUN_APPLIED);
    central_assert_equal(&a, &b);
    fact_free(&fact);
    ck_assert_int_eq(store_take_fact(a.store, &bytes), 0);
    ck_assert_uint_eq(bytes.len, 0);
    ck_assert_int_eq(store_take_fact(b.store, &bytes), 0);
    ck_assert_int_eq(fact_unpack(&fact, buffer_slice(&bytes)), 0);
    ck_assert_int_eq(fact.items[0].origin, FACT_LIVE);
    ck_assert_uint_eq(fact.own.seq, 0);
    fact_free(&fact);
    buffer_free(&entry);
    buffer_free(&bytes);
}
END_TEST

START_TEST(rows_that_vanish_are_told)
{
    struct event event;
    struct buffer bytes = {0};
    struct fact fact;
    event_init(&event, EVENT_LOCATION_UPDATE);
    event.visit = slice_text("seen");
    event.plate_id = slice_text("30A12345");
    event.location = slice_text("Deck B");
    event.t_eff = T0 + 1000;
    central_write(&a, &event);
    ck_assert_str_eq(status_of(&a, "seen"), "IN");
    central_entry(&a, "v1", "30A12345", T0);
    ck_assert_str_eq(status_of(&a, "seen"), "none");
    ck_assert_int_eq(store_take_fact(a.store, &bytes), 0);
    ck_assert_int_eq(fact_unpack(&fact, buffer_slice(&bytes)), 0);
    ck_assert_uint_eq(fact.visit_count, 2);
    size_t gone = slice_equal(fact.visits[0].event_id, slice_text("seen")) ? 0 : 1;
    ck_assert(slice_equal(fact.visits[gone].status, slice_text("GONE")));
    fact_free(&fact);
    buffer_free(&bytes);
    central_pull(&b, &a, 1);
    central_assert_equal(&a, &b);
}
END_TEST

/* ---- a crash ---- */

/* What is erased before it was folded was never folded. */
START_TEST(an_event_erased_in_its_own_batch_leaves_no_row)
{
    struct position position;
    struct event event;
    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    for (int i = 0; i < 2; i++) {
        event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
        event.visit = slice_text(i ? "v2" : "v1");
        event.plate_id = event.plate_view = slice_text(i ? "30A00002" : "30A00001");
        event.t_eff = CENTRAL_NOW;
        ck_assert_int_eq(store_append(a.store, &event, CENTRAL_NOW, &position, &a.problem), 0);
    }
    event_init(&event, EVENT_REDACT);
    event.target_node = slice_text(a.node.text);
    event.target_epoch = position.stream.epoch;
    event.target_from = event.target_to = 1;
    event.t_eff = CENTRAL_NOW;
    ck_assert_int_eq(store_append(a.store, &event, CENTRAL_NOW, &position, &a.problem), 0);
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history"), 1);
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history WHERE event_id = 'v2'"), 1);
}
END_TEST

START_TEST(a_killed_writer_loses_nothing_that_was_committed)
{
    central_close(&a);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        central_open(&a);
        for (int i = 0; i < 50; i++) {
            central_entry(&a, i % 2 ? "v1" : "v2", "30A12345", T0 + i);
        }
        ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
        append_in_batch(&a, "never", "30A99999");
        _exit(0); /* without a commit, without a close */
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    central_open(&a);
    ck_assert_uint_eq(store_event_count(a.store), 50);
    ck_assert_str_eq(status_of(&a, "never"), "none");
    ck_assert_int_eq(store_rebuild(a.store, &a.problem), 0);
    central_pull(&b, &a, 7);
    central_assert_equal(&a, &b);
}
END_TEST

START_TEST(wrong_digests_are_repaired_after_an_unclean_stop)
{
    central_entry(&a, "v1", "30A12345", T0);
    struct digest log = store_log_digest(a.store), state = store_state_digest(a.store);
    central_close(&a);
    central_run(&a, "UPDATE meta SET value = 0 WHERE key = 'clean';"
                    "UPDATE log_state SET log_digest = zeroblob(16), state_digest = zeroblob(16),"
                    " events = 9");
    central_open(&a);
    struct digest log_after = store_log_digest(a.store), state_after = store_state_digest(a.store);
    ck_assert(digest_equal(&log, &log_after));
    ck_assert(digest_equal(&state, &state_after));
    ck_assert_uint_eq(store_event_count(a.store), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, entry_and_exit_make_one_visit);
    tcase_add_test(tcase, everything_is_there_after_reopening);
    tcase_add_test(tcase, streams_are_dense_and_each_start_has_its_own);
    tcase_add_test(tcase, stamps_increase_even_when_the_clock_steps_back);
    tcase_add_test(tcase, unusable_fields_leave_the_batch_intact);
    tcase_add_test(tcase, undo_takes_back_one_request);
    tcase_add_test(tcase, undo_of_the_first_write_takes_back_the_stream);
    tcase_add_test(tcase, rollback_leaves_everything_as_before);
    tcase_add_test(tcase, retries_are_recognised);
    tcase_add_test(tcase, runs_apply_overlap_repeat_gap_fork);
    tcase_add_test(tcase, forks_are_refused);
    tcase_add_test(tcase, former_streams_of_our_own_come_back);
    tcase_add_test(tcase, unreadable_bodies_are_kept_and_relayed);
    tcase_add_test(tcase, facts_tell_what_was_committed);
    tcase_add_test(tcase, rows_that_vanish_are_told);
    tcase_add_test(tcase, an_event_erased_in_its_own_batch_leaves_no_row);
    tcase_add_test(tcase, a_killed_writer_loses_nothing_that_was_committed);
    tcase_add_test(tcase, wrong_digests_are_repaired_after_an_unclean_stop);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
