#include "storage/visit.h"

#include "proto/event.h"
#include "tests/support_main.h"

#include <check.h>

#include <math.h>
#include <string.h>

static struct visit sample(void)
{
    struct visit visit;

    visit_init(&visit);
    visit.event_id = slice_text("A_1_29A11111");
    visit.source_central = slice_text("A");
    visit.plate_id = slice_text("29A11111");
    visit.entry_ms = 1000;
    visit.entry_confidence = 0.5;
    return visit;
}

static bool same_digest(const struct visit *a, const struct visit *b)
{
    struct digest x = visit_digest(a);
    struct digest y = visit_digest(b);
    return digest_equal(&x, &y);
}

START_TEST(test_init)
{
    struct visit visit;

    visit_init(&visit);
    ck_assert_ptr_null(visit.event_id.data);
    ck_assert(visit.entry_ms == EVENT_NONE && visit.exit_ms == EVENT_NONE);
    ck_assert(visit.last_location_ms == EVENT_NONE);
    ck_assert(isnan(visit.entry_confidence) && isnan(visit.exit_confidence));
    ck_assert_int_eq(visit.fee, 0);
}
END_TEST

START_TEST(test_status_names)
{
    static const enum visit_status all[] = {VISIT_IN, VISIT_OUT, VISIT_SUPERSEDED, VISIT_DELETED};
    enum visit_status parsed = VISIT_IN;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ck_assert_int_eq(visit_status_parse(slice_text(visit_status_name(all[i])), &parsed), 0);
        ck_assert_int_eq(parsed, all[i]);
    }
    ck_assert_int_eq(visit_status_parse(slice_text("in"), &parsed), -1);
    ck_assert_int_eq(visit_status_parse(slice_text(NULL), &parsed), -1);
    ck_assert_str_eq(visit_status_name(VISIT_SUPERSEDED), "SUPERSEDED");
}
END_TEST

/* A value moved to the next column, or absent instead of empty, is another visit. */
START_TEST(test_digest_tells_columns_apart)
{
    struct visit visit = sample();
    struct visit other = sample();
    ck_assert(same_digest(&visit, &other));

    other.plate_view = slice_text("");
    ck_assert(!same_digest(&visit, &other));
    other = sample();
    other.exit_central = slice_text("x");
    visit.exit_camera_id = slice_text("x");
    ck_assert(!same_digest(&visit, &other));
    visit = other = sample();
    other.fee = 1;
    ck_assert(!same_digest(&visit, &other));
    other = sample();
    other.suspect = true;
    ck_assert(!same_digest(&visit, &other));
    other = sample();
    other.exit_ms = 0;
    ck_assert(!same_digest(&visit, &other));
    other = sample();
    other.status = VISIT_DELETED;
    ck_assert(!same_digest(&visit, &other));
}
END_TEST

START_TEST(test_digest_ignores_local_columns)
{
    struct visit visit = sample();
    struct visit other = sample();

    other.id = 7;
    other.revision = 3;
    other.synced = true;
    other.entry_time = slice_text("2031-04-02 08:01:10");
    other.exit_confidence = -NAN;
    ck_assert(same_digest(&visit, &other));
}
END_TEST

/* Stable over versions: peers compare it. */
START_TEST(test_digest_known)
{
    struct visit visit = sample();
    struct digest digest = visit_digest(&visit);
    char text[33];

    digest_hex(&digest, text);
    ck_assert_str_eq(text, "0b6265e7459907469caa87d1c0aa0e07");
}
END_TEST

START_TEST(test_copy_owns_its_texts)
{
    char plate[] = "29A11111";
    struct visit visit = sample();
    struct visit_copy copy;

    visit.plate_id = slice_text(plate);
    visit.plate_view = slice_text("");
    visit.updated_at = slice_text("now");
    visit_copy(&copy, &visit);
    memset(plate, 'x', strlen(plate));
    ck_assert(slice_equal(copy.visit.plate_id, slice_text("29A11111")));
    ck_assert(slice_equal(copy.visit.plate_view, slice_text("")));
    ck_assert(slice_equal(copy.visit.updated_at, slice_text("now")));
    ck_assert_ptr_null(copy.visit.edge_id.data);
    ck_assert_int_eq(copy.visit.entry_ms, 1000);
}
END_TEST

START_TEST(test_copy_cuts)
{
    static char big[VISIT_COPY_TEXT + 10];
    struct visit visit = sample();
    struct visit_copy copy;

    memset(big, 'b', sizeof big);
    visit.edge_id = (struct slice){big, sizeof big};
    visit_copy(&copy, &visit);
    ck_assert(slice_equal(copy.visit.event_id, visit.event_id));
    ck_assert_uint_lt(copy.visit.edge_id.len, sizeof big);
    ck_assert(copy.visit.plate_id.data && copy.visit.plate_id.len == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("visit");
    TCase *tests = tcase_create("visit");

    tcase_add_test(tests, test_init);
    tcase_add_test(tests, test_status_names);
    tcase_add_test(tests, test_digest_tells_columns_apart);
    tcase_add_test(tests, test_digest_ignores_local_columns);
    tcase_add_test(tests, test_digest_known);
    tcase_add_test(tests, test_copy_owns_its_texts);
    tcase_add_test(tests, test_copy_cuts);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
