/* Centrals that exchange their logs in any order hold the same history; settings and erasures that
 * reach into the past change it alike everywhere. */
#include "support_store.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define T0 (CENTRAL_NOW - 3600000)
#define HOUR 3600000
#define CENTRALS 3

static struct central centrals[CENTRALS];

static void setup(void)
{
    static const char *const names[CENTRALS] = {"central-1", "central-2", "central-3"};
    for (size_t i = 0; i < CENTRALS; i++) {
        central_start(&centrals[i], names[i]);
    }
}

static void teardown(void)
{
    for (size_t i = 0; i < CENTRALS; i++) {
        central_stop(&centrals[i]);
    }
}

static struct visit find(struct central *central, const char *event_id)
{
    struct visit visit;
    ck_assert_int_eq(
        store_find_visit(central->store, slice_text(event_id), &visit, &central->problem), 1);
    return visit;
}

static void exchange(size_t step)
{
    for (size_t round = 0; round < 2; round++) {
        for (size_t to = 0; to < CENTRALS; to++) {
            for (size_t from = 0; from < CENTRALS; from++) {
                if (to != from) {
                    central_pull(&centrals[to], &centrals[from], step);
                }
            }
        }
    }
}

static void assert_rebuilds(struct central *central)
{
    struct buffer before, after;
    char ids[256], ids_after[256];
    static const char ID_SUM[] =
        "SELECT sum(id * length(event_id)) || '/' || count(*) FROM history";
    struct digest state = store_state_digest(central->store);
    central_dump(central, &before);
    central_text(central, ID_SUM, ids);
    ck_assert_msg(store_rebuild(central->store, &central->problem) == 0, "%s",
                  central->problem.text);
    central_dump(central, &after);
    struct digest state_after = store_state_digest(central->store);
    buffer_append(&before, "", 1);
    buffer_append(&after, "", 1);
    ck_assert_str_eq(before.data, after.data);
    ck_assert(digest_equal(&state, &state_after));
    ck_assert_str_eq(ids, central_text(central, ID_SUM, ids_after));
    buffer_free(&before);
    buffer_free(&after);
}

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t bound)
{
    return (size_t)(next(state) % bound);
}

/* One random event; few plates and visits, so that everything collides. */
static void write_random(struct central *central, uint64_t *seed, struct position *last)
{
    static const char *const plates[] = {"30A11111", "30A22222", "30A33333"};
    char visit[16];
    static const uint32_t kinds[] = {EVENT_VEHICLE_ENTRY_PENDING,
                                     EVENT_VEHICLE_ENTRY_PENDING,
                                     EVENT_VEHICLE_ENTRY_PENDING,
                                     EVENT_VEHICLE_EXIT,
                                     EVENT_VEHICLE_EXIT,
                                     EVENT_VEHICLE_EXIT,
                                     EVENT_LOCATION_UPDATE,
                                     EVENT_HISTORY_UPDATE,
                                     EVENT_HISTORY_DELETE,
                                     EVENT_HISTORY_UNDELETE,
                                     EVENT_IMPORT,
                                     EVENT_CONFIG_UPDATE,
                                     EVENT_CLOCK_FIX,
                                     EVENT_REDACT,
                                     EVENT_STAFF_UPDATE};
    struct event event;
    char own[32];
    event_init(&event, kinds[below(seed, sizeof kinds / sizeof *kinds)]);
    event.t_eff = T0 + (int64_t)below(seed, 20) * 60000;
    snprintf(visit, sizeof visit, "v%zu", below(seed, 8));
    event.visit = slice_text(visit);
    event.plate_id = event.plate_view = slice_text(plates[below(seed, 3)]);
    event.fee = below(seed, 2) ? EVENT_NONE : 5000;
    switch (event.kind) {
    case EVENT_VEHICLE_EXIT:
        snprintf(own, sizeof own, "exit-%zu", below(seed, 1000));
        if (below(seed, 3) == 0) {
            event.visit = slice_text(own);
        }
        break;
    case EVENT_HISTORY_UPDATE:
        if (below(seed, 2)) {
            event.exit_ms = below(seed, 3) ? event.t_eff + 60000 : EVENT_REOPEN;
        }
        break;
    case EVENT_IMPORT:
        event.status = slice_text(below(seed, 2) ? "OUT" : "IN");
        event.exit_ms = event.status.len == 3 ? event.t_eff + 300000 : EVENT_NONE;
        break;
    case EVENT_LOCATION_UPDATE:
        event.location = slice_text("Deck B");
        if (below(seed, 4) == 0) {
            event.visit = slice_text(NULL);
        }
        break;
    case EVENT_CONFIG_UPDATE:
        event.free_s = 60;
        event.per_hour = (int64_t)below(seed, 5) * 1000;
        break;
    case EVENT_CLOCK_FIX:
    case EVENT_REDACT:
        if (last->seq == 0) {
            return;
        }
        event.target_node = slice_text(last->stream.node.text);
        event.target_epoch = last->stream.epoch;
        event.target_from = event.target_to = last->seq;
        event.offset_ms = 600000;
        break;
    default:
        break;
    }
    struct position position = central_write(central, &event);
    if (below(seed, 4) == 0) {
        *last = position;
    }
}

START_TEST(any_order_gives_one_history)
{
    uint64_t seed = (uint64_t)_i;
    struct position last = {.seq = 0};
    for (int part = 0; part < 4; part++) {
        for (int i = 0; i < 30; i++) {
            write_random(&centrals[below(&seed, CENTRALS)], &seed, &last);
        }
        if (part == 1) { /* some meet on the way, and one of them restarts */
            central_pull(&centrals[1], &centrals[0], 1 + below(&seed, 5));
        }
        if (part == 2) {
            central_reopen(&centrals[below(&seed, CENTRALS)]);
        }
    }
    exchange(1 + below(&seed, 40));
    central_assert_equal(&centrals[0], &centrals[1]);
    central_assert_equal(&centrals[0], &centrals[2]);
    /* One who gets everything at once. */
    struct central late;
    central_start(&late, "central-4");
    central_pull(&late, &centrals[2], LIMIT_RUN_EVENTS);
    central_assert_equal(&centrals[0], &late);
    assert_rebuilds(&late);
    assert_rebuilds(&centrals[0]);
    central_assert_equal(&centrals[0], &late);
    central_stop(&late);
}
END_TEST

/* One event of a plate that comes for weeks; of each visit number, some minutes are its own. */
static void write_sparse(struct central *central, uint64_t *seed, struct position *last)
{
    static const uint32_t kinds[] = {EVENT_VEHICLE_ENTRY_PENDING, EVENT_VEHICLE_ENTRY_PENDING,
                                     EVENT_VEHICLE_EXIT,          EVENT_VEHICLE_EXIT,
                                     EVENT_LOCATION_UPDATE,       EVENT_HISTORY_UPDATE,
                                     EVENT_HISTORY_DELETE,        EVENT_HISTORY_UNDELETE};
    static const char *const plates[] = {"30A11111", "30A22222"};
    struct event event;
    char visit[16];
    size_t number = below(seed, 12);
    event_init(&event, kinds[below(seed, sizeof kinds / sizeof *kinds)]);
    event.t_eff = T0 + (int64_t)(number * 10 + below(seed, 12)) * 60000;
    snprintf(visit, sizeof visit,
             event.kind == EVENT_VEHICLE_EXIT && below(seed, 3) == 0 ? "x%zu" : "v%zu", number);
    event.visit = slice_text(visit);
    event.plate_id = slice_text(plates[below(seed, 12) == 0]);
    event.fee = 1000; /* nothing is left for a tariff, which would touch the whole past */
    event.location = slice_text("Deck B");
    event.clock = below(seed, 8) ? 0 : EVENT_CLOCK_SUSPECT;
    if (event.kind == EVENT_HISTORY_UPDATE && below(seed, 2)) {
        event.exit_ms = below(seed, 3) ? event.t_eff + 60000 : EVENT_REOPEN;
    } else if (event.kind == EVENT_HISTORY_UPDATE && below(seed, 2)) {
        event.entry_ms = event.t_eff;
    }
    if (last->seq && below(seed, 12) == 0) {
        event_init(&event, EVENT_CLOCK_FIX);
        event.t_eff = T0;
        event.target_node = slice_text(last->stream.node.text);
        event.target_epoch = last->stream.epoch;
        event.target_from = event.target_to = 1 + below(seed, (size_t)last->seq);
        event.offset_ms = ((int64_t)below(seed, 60) - 20) * 60000;
    }
    *last = central_write(central, &event);
}

START_TEST(folding_a_part_equals_folding_all)
{
    uint64_t seed = (uint64_t)_i;
    struct position last = {.seq = 0};
    for (int part = 0; part < 12; part++) {
        for (int i = 0; i < 6; i++) {
            write_sparse(&centrals[0], &seed, &last);
        }
        assert_rebuilds(&centrals[0]);
    }
}
END_TEST

START_TEST(edits_and_deletes_reach_everybody)
{
    struct central *a = &centrals[0], *b = &centrals[1];
    central_entry(a, "v1", "30A12345", T0);
    central_entry(a, "v2", "30A54321", T0);
    central_pull(b, a, 10);
    central_change(a, EVENT_HISTORY_UPDATE, "v1", "30A99999");
    central_change(b, EVENT_HISTORY_DELETE, "v2", NULL);
    exchange(10);
    central_assert_equal(a, b);
    ck_assert_str_eq(find(b, "v1").plate_id.data, "30A99999");
    ck_assert_int_eq(find(a, "v2").status, VISIT_DELETED);
    struct visit visit;
    ck_assert_int_eq(store_find_open(a->store, "30A12345", &visit, &a->problem), 0);
    ck_assert_int_eq(store_find_open(a->store, "30A99999", &visit, &a->problem), 1);
    /* The list of changes, made from the events alone. */
    char text[256];
    ck_assert_str_eq(central_text(b,
                                  "SELECT change_type || old_plate_id || new_plate_id || event_id"
                                  " || changed_by || source_central FROM history_changes"
                                  " WHERE change_type = 'UPDATE'",
                                  text),
                     "UPDATE30A1234530A99999v1testercentral-1");
    ck_assert_int_eq(central_number(a, "SELECT count(*) FROM history_changes"), 2);
    ck_assert_str_eq(central_text(a,
                                  "SELECT json_extract(old_data, '$.plate_id') FROM"
                                  " history_changes WHERE change_type = 'DELETE'",
                                  text),
                     "30A54321");
    /* An undelete that saw the deletion. */
    struct position seen[LIMIT_SUPERSEDES];
    ck_assert_int_eq(store_changes_seen(a->store, slice_text("v2"), seen, &a->problem), 1);
    central_change(a, EVENT_HISTORY_UNDELETE, "v2", NULL);
    ck_assert_int_eq(store_changes_seen(a->store, slice_text("v2"), seen, &a->problem), 1);
    ck_assert_int_eq(find(a, "v2").status, VISIT_IN);
    exchange(10);
    central_assert_equal(a, b);
}
END_TEST

START_TEST(a_delete_may_come_before_its_visit)
{
    struct central *a = &centrals[0], *b = &centrals[1], *c = &centrals[2];
    central_entry(a, "v1", "30A12345", T0);
    struct buffer entry = {0}, change = {0};
    struct runs_vector vector;
    struct runs *runs = runs_open(a->path, &a->problem);
    ck_assert_int_eq(runs_vector(runs, &vector, &a->problem), 0);
    central_read(a, &vector.heads[0].stream, 1, 1, &entry);
    central_pull(b, a, 1);
    struct position position = central_change(b, EVENT_HISTORY_DELETE, "v1", NULL);
    central_read(b, &position.stream, 1, 1, &change);
    ck_assert_int_eq(central_give(c, buffer_slice(&change), FACT_LIVE), STORE_RUN_APPLIED);
    ck_assert_int_eq(central_number(c, "SELECT count(*) FROM history"), 0);
    ck_assert_int_eq(central_give(c, buffer_slice(&entry), FACT_LIVE), STORE_RUN_APPLIED);
    ck_assert_int_eq(find(c, "v1").status, VISIT_DELETED);
    central_assert_equal(b, c);
    runs_vector_free(&vector);
    runs_close(&runs);
    buffer_free(&entry);
    buffer_free(&change);
}
END_TEST

START_TEST(a_late_tariff_prices_what_had_no_fee)
{
    struct central *a = &centrals[0];
    struct tariff tariff;
    central_entry(a, "v1", "30A12345", T0);
    central_exit(a, "v1", "30A12345", T0 + 2 * HOUR, EVENT_NONE);
    central_entry(a, "v2", "30A54321", T0);
    central_exit(a, "v2", "30A54321", T0 + 2 * HOUR, 7);
    ck_assert_int_eq(find(a, "v1").fee, 50000);
    ck_assert_int_eq(store_tariff(a->store, T0 + HOUR, &tariff, &a->problem), 0);
    ck_assert_int_eq(tariff.per_hour, TARIFF_DEFAULT.per_hour);
    central_tariff(a, T0 + HOUR, 0, 1000);
    ck_assert_int_eq(find(a, "v1").fee, 2000);
    ck_assert_int_eq(find(a, "v1").revision, 3);
    ck_assert_int_eq(find(a, "v2").fee, 7);
    central_tariff(a, T0 + 3 * HOUR, 0, 9000); /* not yet */
    ck_assert_int_eq(find(a, "v1").fee, 2000);
    ck_assert_int_eq(store_tariff(a->store, T0 + 2 * HOUR, &tariff, &a->problem), 1);
    ck_assert_int_eq(tariff.per_hour, 1000);
    assert_rebuilds(a);
}
END_TEST

START_TEST(a_clock_fix_moves_what_it_covers)
{
    struct central *a = &centrals[0];
    struct position entry = central_entry(a, "v1", "30A12345", T0);
    struct position tariff = central_tariff(a, T0, 0, 1000);
    struct event event;
    event_init(&event, EVENT_CLOCK_FIX);
    event.t_eff = T0;
    event.target_node = slice_text(entry.stream.node.text);
    event.target_from = entry.seq;
    event.target_to = tariff.seq;
    event.offset_ms = -HOUR;
    central_write(a, &event);
    ck_assert_int_eq(find(a, "v1").entry_ms, T0 - HOUR);
    struct tariff in_force;
    ck_assert_int_eq(store_tariff(a->store, T0 - HOUR, &in_force, &a->problem), 1);
    ck_assert(central_number(a, "SELECT t FROM setting WHERE kind = 9") == T0 - HOUR);
    central_reopen(a);
    ck_assert_int_eq(store_tariff(a->store, T0 - HOUR, &in_force, &a->problem), 1);
    /* What is covered but comes later. */
    central_pull(&centrals[1], a, 1);
    central_assert_equal(a, &centrals[1]);
    assert_rebuilds(a);
}
END_TEST

/* True when the bytes occur in one of the files of the database. */
static bool on_disk(const struct central *central, const char *text)
{
    static const char *const names[] = {"central.db", "central.db-wal"};
    bool found = false;
    for (size_t i = 0; i < 2; i++) {
        char path[160];
        static char bytes[1 << 20];
        FILE *file = fopen(central_file(central, names[i], path), "rb");
        if (!file) {
            continue;
        }
        size_t len = fread(bytes, 1, sizeof bytes, file);
        for (size_t at = 0; at + strlen(text) <= len; at++) {
            found = found || memcmp(bytes + at, text, strlen(text)) == 0;
        }
        fclose(file);
    }
    return found;
}

/* A redaction may name numbers that its target has not written yet. */
START_TEST(redaction_reaches_no_later_event)
{
    struct central *a = &centrals[0], *b = &centrals[1];
    struct position first = central_entry(a, "v1", "30A11111", T0);
    struct event event;
    event_init(&event, EVENT_REDACT);
    event.t_eff = T0;
    event.target_node = slice_text(first.stream.node.text);
    event.target_epoch = first.stream.epoch;
    event.target_from = 2;
    event.target_to = 9;
    central_write(b, &event);
    central_pull(a, b, 10);
    struct position second = central_entry(a, "v2", "30A22222", T0);
    ck_assert(stream_compare(&first.stream, &second.stream) != 0);
    ck_assert_int_eq((int64_t)second.seq, 1);
    struct position third = central_entry(a, "v3", "30A33333", T0);
    ck_assert_int_eq((int64_t)third.seq, 2);
    central_pull(b, a, 10);
    central_assert_equal(a, b);
    ck_assert_int_eq(central_number(b, "SELECT count(*) FROM history"), 3);
}
END_TEST

START_TEST(redaction_erases_and_stays)
{
    struct central *a = &centrals[0], *b = &centrals[1], *c = &centrals[2];
    struct position secret = central_entry(a, "central-1_1_30A77777", "30A77777", T0);
    central_exit(a, "central-1_1_30A77777", "30A77777", T0 + HOUR, 5);
    struct position edit =
        central_change(a, EVENT_HISTORY_UPDATE, "central-1_1_30A77777", "30A77777");
    central_entry(a, "v2", "30A54321", T0);
    central_pull(b, a, 10); /* with bodies */
    struct event event;
    event_init(&event, EVENT_REDACT);
    event.t_eff = T0;
    event.target_node = slice_text(secret.stream.node.text);
    event.target_epoch = secret.stream.epoch;
    event.target_from = secret.seq;
    event.target_to = edit.seq;
    ck_assert(on_disk(a, "30A77777"));
    struct digest before = store_log_digest(a->store);
    central_write(a, &event);
    struct digest after = store_log_digest(a->store);
    ck_assert(!digest_equal(&before, &after)); /* one event more */
    ck_assert_int_eq(store_tidy(a->store, false, NULL), 0);
    ck_assert(!on_disk(a, "30A77777"));
    ck_assert_int_eq(central_number(a, "SELECT count(*) FROM history"), 1);
    ck_assert_int_eq(central_number(a, "SELECT count(*) FROM event WHERE body IS NULL"), 3);
    ck_assert_int_eq(central_number(a, "SELECT count(*) FROM history_changes"), 0);
    ck_assert_int_eq(central_number(a, "SELECT count(*) FROM visit_plate"), 1);
    central_pull(c, a, 10); /* without bodies */
    central_pull(b, a, 10); /* only the REDACT is new */
    central_assert_equal(a, b);
    central_assert_equal(a, c);
    /* The redaction first, then the bodies. */
    struct central d;
    struct buffer run = {0};
    central_start(&d, "central-4");
    struct position order = central_entry(&d, "v9", "30A88888", T0);
    central_read(&d, &order.stream, 1, 1, &run);
    event_init(&event, EVENT_REDACT);
    event.t_eff = T0;
    event.target_node = slice_text("central-4");
    event.target_epoch = order.stream.epoch;
    event.target_from = event.target_to = 1;
    central_write(a, &event);
    ck_assert_int_eq(central_give(a, buffer_slice(&run), FACT_LIVE), STORE_RUN_APPLIED);
    ck_assert_int_eq(central_number(a, "SELECT count(*) FROM event WHERE body IS NULL"), 4);
    ck_assert_int_eq(central_number(a, "SELECT count(*) FROM visit_plate"), 1);
    assert_rebuilds(a);
    buffer_free(&run);
    central_stop(&d);
}
END_TEST

/* As an update leaves it: rows by former rules, and events of a kind that was not understood then.
 */
START_TEST(other_rules_fold_everything_again)
{
    struct central *a = &centrals[0], *b = &centrals[1];
    central_entry(a, "v1", "30A12345", T0);
    central_entry(a, "v2", "30A54321", T0);
    central_exit(a, "v2", "30A54321", T0 + HOUR, 5);
    central_pull(b, a, 10);
    int64_t row = find(a, "v1").id;
    central_close(a);
    central_run(a, "UPDATE event SET visit = NULL WHERE seq = 1;"
                   "DELETE FROM history WHERE event_id = 'v1';"
                   "DELETE FROM visit_plate WHERE plate = '30A12345';"
                   "UPDATE history SET fee = 7;"
                   "UPDATE meta SET value = 0 WHERE key = 'fold'");
    central_open(a);
    central_assert_equal(a, b);
    ck_assert_int_eq(find(a, "v1").id, row);
    ck_assert_int_eq(find(a, "v2").fee, 5);
    ck_assert_int_gt(central_number(a, "SELECT value FROM meta WHERE key = 'fold'"), 0);
}
END_TEST

static int64_t last_of(const struct central *central, int visit)
{
    char sql[120];
    snprintf(sql, sizeof sql,
             "SELECT p.last FROM visit_plate p JOIN visit v ON v.id = p.visit"
             " WHERE v.name = 'v%d'",
             visit);
    return central_number(central, sql);
}

/* Rows of visit_plate: written when a plate comes, not when it leaves. */
START_TEST(a_span_is_closed_when_its_plate_comes_again)
{
    struct central *a = &centrals[0];
    central_entry(a, "v1", "30A12345", T0);
    central_exit(a, "v1", "30A12345", T0 + HOUR / 2, 5);
    ck_assert(last_of(a, 1) == INT64_MAX);
    central_entry(a, "v2", "30A12345", T0 + HOUR);
    ck_assert_int_eq(last_of(a, 1), T0 + HOUR / 2 + 999); /* all of its second */
    ck_assert(last_of(a, 2) == INT64_MAX);
    central_exit(a, "v2", "30A12345", T0 + HOUR + 5000, 5);
    ck_assert(last_of(a, 2) == INT64_MAX);
    /* It left earlier than the camera said: its events reach further than its row. */
    struct event event;
    event_init(&event, EVENT_HISTORY_UPDATE);
    event.visit = slice_text("v2");
    event.plate_id = slice_text("30A12345");
    event.t_eff = T0 + HOUR + 2;
    event.exit_ms = T0 + HOUR;
    central_write(a, &event);
    ck_assert_int_eq(find(a, "v2").exit_ms, T0 + HOUR);
    ck_assert_int_eq(last_of(a, 2), T0 + HOUR + 5999);
    assert_rebuilds(a);
    /* A visit of two plates is closed at once. */
    central_entry(a, "v3", "30A12345", T0 + 2 * HOUR);
    central_change(a, EVENT_HISTORY_UPDATE, "v3", "30A12346");
    central_exit(a, "v3", "30A12346", T0 + 2 * HOUR + 1, 5);
    ck_assert_int_lt(last_of(a, 3), T0 + 4 * HOUR);
    assert_rebuilds(a);
}
END_TEST

/* The same when the log ends with such an event, and its visit is new. */
START_TEST(what_was_not_understood_at_the_end_is_folded)
{
    struct central *a = &centrals[0];
    central_entry(a, "v1", "30A12345", T0);
    central_entry(a, "v2", "30A54321", T0);
    central_close(a);
    central_run(a, "UPDATE event SET visit = NULL WHERE seq = 2;"
                   "DELETE FROM history WHERE event_id = 'v2';"
                   "DELETE FROM visit WHERE name = 'v2';"
                   "DELETE FROM visit_plate WHERE plate = '30A54321';"
                   "UPDATE meta SET value = 0 WHERE key = 'fold'");
    central_open(a);
    ck_assert_int_eq(find(a, "v2").status, VISIT_IN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_merge");
    TCase *tcase = tcase_create("store_merge");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, any_order_gives_one_history, 1, 7);
    tcase_add_loop_test(tcase, folding_a_part_equals_folding_all, 1, 7);
    tcase_add_test(tcase, a_span_is_closed_when_its_plate_comes_again);
    tcase_add_test(tcase, edits_and_deletes_reach_everybody);
    tcase_add_test(tcase, a_delete_may_come_before_its_visit);
    tcase_add_test(tcase, a_late_tariff_prices_what_had_no_fee);
    tcase_add_test(tcase, a_clock_fix_moves_what_it_covers);
    tcase_add_test(tcase, redaction_reaches_no_later_event);
    tcase_add_test(tcase, redaction_erases_and_stays);
    tcase_add_test(tcase, other_rules_fold_everything_again);
    tcase_add_test(tcase, what_was_not_understood_at_the_end_is_folded);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
