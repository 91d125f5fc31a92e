/* What the writer keeps in memory of the visits that were asked for. */
#include "support_store.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdio.h>

#define T0 (CENTRAL_NOW - 3600000)
#define HOUR 3600000

static struct central a;

static void setup(void)
{
    central_start(&a, "central-1");
}

static void teardown(void)
{
    central_stop(&a);
}

/* What is known of a visit from before is what its row says. */
static enum visit_status state_of(const char *name)
{
    struct visit state, row;
    enum visit_status status;
    int found = store_find_state(a.store, slice_text(name), &state, &a.problem);

    ck_assert_int_ge(found, 0);
    if (found == 0) {
        ck_assert_int_eq(store_find_visit(a.store, slice_text(name), &row, &a.problem), 0);
        return VISIT_DELETED;
    }
    char plate[64], digest[33];
    ck_assert(slice_copy(state.plate_id, plate, sizeof plate));
    digest_hex(&state.digest, digest);
    int64_t revision = state.revision, fee = state.fee, exit_ms = state.exit_ms;
    status = state.status;
    ck_assert_int_eq(store_find_visit(a.store, slice_text(name), &row, &a.problem), 1);
    char expected[33];
    digest_hex(&row.digest, expected);
    ck_assert_str_eq(digest, expected);
    ck_assert(slice_equal(row.plate_id, slice_text(plate)));
    ck_assert_int_eq(row.revision, revision);
    ck_assert_int_eq(row.fee, fee);
    ck_assert_int_eq(row.exit_ms, exit_ms);
    ck_assert_int_eq(row.status, status);
    return status;
}

static void append(uint32_t kind, const char *visit, const char *plate, int64_t t)
{
    struct event event;
    struct position position;

    event_init(&event, kind);
    event.visit = slice_text(visit);
    event.plate_id = event.plate_view = slice_text(plate);
    event.t_eff = t;
    event.fee = kind == EVENT_VEHICLE_EXIT ? 7 : EVENT_NONE;
    ck_assert_int_eq(store_append(a.store, &event, a.now_ms, &position, &a.problem), 0);
    ck_assert_int_eq(store_fold(a.store, &a.problem), 0);
}

START_TEST(what_is_known_of_visits_follows_the_transaction)
{
    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    append(EVENT_VEHICLE_ENTRY_PENDING, "v1", "30A00001", T0);
    append(EVENT_VEHICLE_ENTRY_PENDING, "v2", "30A00002", T0);
    ck_assert_int_eq(state_of("v1"), VISIT_IN);
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    append(EVENT_VEHICLE_EXIT, "v1", "30A00001", T0 + HOUR);
    append(EVENT_VEHICLE_ENTRY_PENDING, "v3", "30A00003", T0);
    ck_assert_int_eq(state_of("v1"), VISIT_OUT);
    store_rollback(a.store);
    ck_assert_int_eq(state_of("v1"), VISIT_IN);
    ck_assert_int_eq(state_of("v3"), VISIT_DELETED); /* none */
    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    ck_assert_int_eq(store_mark(a.store, &a.problem), 0);
    append(EVENT_VEHICLE_EXIT, "v2", "30A00002", T0 + HOUR);
    append(EVENT_VEHICLE_EXIT, "v1", "30A00001", T0 + HOUR);
    store_undo(a.store);
    ck_assert_int_eq(state_of("v2"), VISIT_IN);
    /* An event of another visit changes the row of one that nobody asks for now. */
    append(EVENT_VEHICLE_ENTRY_PENDING, "v0", "30A00002", T0 - HOUR);
    ck_assert_int_eq(state_of("v2"), VISIT_SUPERSEDED);
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    ck_assert_int_eq(state_of("v2"), VISIT_SUPERSEDED);
    ck_assert_int_eq(state_of("v0"), VISIT_IN);
}
END_TEST

/* More visits than there are places, and more events of one than a place keeps. */
START_TEST(visits_take_the_places_of_others)
{
    enum {
        VISITS = 1500,
        MOVES = 12
    };
    char name[16], plate[16];

    ck_assert_int_eq(store_begin(a.store, &a.problem), 0);
    for (int i = 0; i < VISITS; i++) {
        snprintf(name, sizeof name, "v%d", i);
        snprintf(plate, sizeof plate, "30A%05d", i);
        append(EVENT_VEHICLE_ENTRY_PENDING, name, plate, T0);
    }
    for (int i = 0; i < MOVES; i++) {
        append(EVENT_HISTORY_UPDATE, "v7", "30A00007", T0 + i);
        append(EVENT_VEHICLE_ENTRY_PENDING, "v8", "30A00008", T0 + i);
    }
    for (int i = 0; i < VISITS; i++) {
        snprintf(name, sizeof name, "v%d", i);
        snprintf(plate, sizeof plate, "30A%05d", i);
        append(EVENT_VEHICLE_EXIT, name, plate, T0 + HOUR);
        ck_assert_int_eq(state_of(name), VISIT_OUT);
    }
    ck_assert_int_eq(store_commit(a.store, &a.problem), 0);
    struct digest state = store_state_digest(a.store), again;
    ck_assert_int_eq(store_rebuild(a.store, &a.problem), 0);
    again = store_state_digest(a.store);
    ck_assert(digest_equal(&state, &again));
    ck_assert_int_eq(central_number(&a, "SELECT count(*) FROM history WHERE status = 'OUT'"),
                     VISITS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_visit");
    TCase *tcase = tcase_create("store_visit");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_known_of_visits_follows_the_transaction);
    tcase_add_test(tcase, visits_take_the_places_of_others);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
