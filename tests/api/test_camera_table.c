/* The table of cameras alone, with a clock that the test moves. */
#include "api/camera_table.h"

#include "tests/support_main.h"

#include <check.h>
#include <string.h>

#define WALL 1795361269000

static struct camera_table table;

static void setup(void)
{
    memset(&table, 0, sizeof table);
    table.timeout_ms = 60000;
}

static void configure(struct camera_setting *items, size_t count)
{
    camera_table_configure(
        &table,
        &(struct camera_settings){.items = items, .count = count, .timeout_ms = table.timeout_ms});
}

static bool hear(int64_t id, int64_t mono_ms)
{
    return camera_table_hear(&table,
                             &(struct camera_report){.id = id,
                                                     .name = slice_text("box"),
                                                     .type = slice_text("ENTRY"),
                                                     .address = "10.0.0.9",
                                                     .sent = mono_ms},
                             mono_ms, WALL + mono_ms);
}

static bool online(int64_t id, int64_t mono_ms)
{
    return camera_table_online(&table, camera_table_find(&table, id), mono_ms);
}

/* Sorted by id, whatever came first. */
START_TEST(test_order)
{
    static const int64_t ids[] = {7, 3, 12, 5, 4};

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        ck_assert(hear(ids[i], 0));
        ck_assert(hear(ids[i], 1));
    }
    ck_assert_uint_eq(table.count, 5);
    for (size_t i = 1; i < table.count; i++) {
        ck_assert_int_lt(table.items[i - 1].setting.id, table.items[i].setting.id);
    }
    ck_assert_ptr_null(camera_table_find(&table, 6));
    ck_assert_int_eq(camera_table_find(&table, 12)->last_ms, WALL + 1);
    ck_assert_int_eq(camera_table_find(&table, 12)->first_ms, WALL);
}
END_TEST

/* K-01, K-02: silence is noticed once, at the time-out, and nothing but a heartbeat ends it. */
START_TEST(test_silence_is_told_once)
{
    struct camera_setting setting = {.id = 3, .ip = "10.0.0.9", .type = "ENTRY"};
    int64_t next;

    configure(&setting, 1);
    ck_assert(!camera_table_sweep(&table, 0, &next));
    ck_assert_int_eq(next, INT64_MAX);
    ck_assert(hear(3, 1000));
    ck_assert(camera_table_sweep(&table, 1000, &next));
    ck_assert_int_eq(next, 61001);
    ck_assert(!camera_table_sweep(&table, 61000, &next) && online(3, 61000));
    ck_assert(camera_table_sweep(&table, 61001, &next) && !online(3, 61001));
    for (int64_t now = 61002; now < 4000000; now += 9973) {
        ck_assert(!camera_table_sweep(&table, now, &next) && !online(3, now));
        ck_assert_int_eq(next, INT64_MAX);
    }
    ck_assert(hear(3, 4000000));
    ck_assert(camera_table_sweep(&table, 4000000, &next) && online(3, 4000000));
}
END_TEST

/* K-08: another time-out holds at once. */
START_TEST(test_time_out)
{
    int64_t next;

    ck_assert(hear(3, 0));
    ck_assert(camera_table_sweep(&table, 30000, &next));
    table.timeout_ms = 20000;
    configure(NULL, 0);
    ck_assert(!online(3, 30000));
    ck_assert(camera_table_sweep(&table, 30000, &next));
}
END_TEST

/* K-07: what is no longer configured is gone, live state and all. */
START_TEST(test_removed)
{
    struct camera_setting two[] = {{.id = 3, .ip = "10.0.0.9", .type = "ENTRY"},
                                   {.id = 4, .ip = "10.0.0.8", .type = "EXIT"}};

    configure(two, 2);
    ck_assert(hear(3, 0) && hear(4, 0) && hear(9, 0));
    configure(&two[1], 1);
    ck_assert_uint_eq(table.count, 2);
    ck_assert_ptr_null(camera_table_find(&table, 3));
    ck_assert(camera_table_find(&table, 4)->heard);
    ck_assert(camera_table_find(&table, 9)->heard); /* never configured: not affected */
    ck_assert(hear(3, 5));                          /* its box still runs */
    ck_assert(!camera_table_find(&table, 3)->configured);
    ck_assert_str_eq(camera_table_find(&table, 3)->setting.ip, "");
}
END_TEST

START_TEST(test_forgotten)
{
    struct camera_setting setting = {.id = 3, .ip = "10.0.0.9", .type = "ENTRY"};
    int64_t next;

    configure(&setting, 1);
    ck_assert(hear(3, 0) && hear(4, 0));
    ck_assert(camera_table_sweep(&table, LIMIT_CAMERA_FORGET_MS - 1, &next) == false);
    ck_assert_int_eq(next, LIMIT_CAMERA_FORGET_MS);
    ck_assert(camera_table_sweep(&table, LIMIT_CAMERA_FORGET_MS, &next));
    ck_assert_uint_eq(table.count, 1);
    ck_assert_int_eq(table.items[0].setting.id, 3);
}
END_TEST

/* Made-up ids push out each other, never what is configured. */
START_TEST(test_full)
{
    static struct camera_setting many[LIMIT_CAMERAS_KNOWN];

    for (size_t i = 0; i < LIMIT_CAMERAS; i++) {
        many[i] = (struct camera_setting){.id = 1000 + (int64_t)i, .type = "ENTRY"};
    }
    configure(many, LIMIT_CAMERAS);
    for (int64_t i = 0; i < 2 * LIMIT_CAMERAS_KNOWN; i++) {
        ck_assert(hear(5000 + i, i));
    }
    ck_assert_uint_eq(table.count, LIMIT_CAMERAS_KNOWN);
    for (size_t i = 0; i < LIMIT_CAMERAS; i++) {
        ck_assert_ptr_nonnull(camera_table_find(&table, many[i].id));
    }
    ck_assert_ptr_nonnull(camera_table_find(&table, 5000 + 2 * LIMIT_CAMERAS_KNOWN - 1));
    ck_assert_ptr_null(camera_table_find(&table, 5000));

    for (size_t i = 0; i < LIMIT_CAMERAS_KNOWN; i++) {
        many[i] = (struct camera_setting){.id = 1000 + (int64_t)i, .type = "ENTRY"};
    }
    configure(many, LIMIT_CAMERAS_KNOWN);
    ck_assert(!hear(1, 0));
    ck_assert(hear(1000, 0));
}
END_TEST

START_TEST(test_ids)
{
    static const struct {
        const char *text;
        int64_t id;
    } cases[] = {{"1", 1},
                 {"9007199254740991", LIMIT_CAMERA_ID},
                 {"9007199254740992", 0},
                 {"0", 0},
                 {"01", 0},
                 {"", 0},
                 {"-1", 0},
                 {"1 ", 0},
                 {"x", 0},
                 {"1.0", 0},
                 {"99999999999999999", 0}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(camera_table_id(slice_text(cases[i].text)) == cases[i].id, "%s",
                      cases[i].text);
    }
}
END_TEST

static int64_t offset_after(int64_t id, int64_t clock_ms, int64_t wall_ms)
{
    ck_assert(camera_table_hear(&table,
                                &(struct camera_report){.id = id,
                                                        .name = slice_text("box"),
                                                        .type = slice_text("EXIT"),
                                                        .address = "10.0.0.9",
                                                        .clock_ms = clock_ms},
                                0, wall_ms));
    return camera_table_offset(&table, id, "10.0.0.9");
}

/* The newest heartbeat says what time it is at the box; small differences are its way. */
START_TEST(test_clock_of_a_box)
{
    ck_assert_int_eq(camera_table_offset(&table, 3, "10.0.0.9"), 0);
    ck_assert_int_eq(offset_after(3, WALL - 3600000, WALL), -3600000);
    ck_assert_int_eq(camera_table_offset(&table, 3, "10.0.0.8"), 0); /* another box, the same id */
    ck_assert_int_eq(camera_table_offset(&table, 4, "10.0.0.9"), 0);
    ck_assert_int_eq(offset_after(3, WALL + 2001, WALL), 2001);
    ck_assert_int_eq(offset_after(3, WALL + 2000, WALL), 0);
    ck_assert_int_eq(offset_after(3, WALL - 2000, WALL), 0);
    ck_assert_int_eq(offset_after(3, WALL - 2001, WALL), -2001);
    ck_assert_int_eq(offset_after(3, 0, WALL), 0); /* it no longer says */
}
END_TEST

/* A wrong clock is told once, and again when it is wrong otherwise, or right. */
START_TEST(test_clock_is_told_once)
{
    static const struct {
        int64_t off, told; /* told: -1 = not */
    } steps[] = {{0, -1},        {-1500, -1},           {-3600000, -3600000}, {-3600000, -1},
                 {-3601999, -1}, {-3602001, -3602001},  {5000, 5000},         {1000, 0},
                 {-900, -1},     {-86400000, -86400000}};
    int64_t offset;

    ck_assert(!camera_table_tell_clock(&table, 3, &offset));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        (void)offset_after(3, WALL + steps[i].off, WALL);
        ck_assert_int_eq(camera_table_tell_clock(&table, 3, &offset), steps[i].told != -1);
        ck_assert(steps[i].told == -1 || offset == steps[i].told);
    }
    (void)offset_after(3, 0, WALL);
    ck_assert(!camera_table_tell_clock(&table, 3, &offset));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("camera table");
    TCase *tests = tcase_create("camera table");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_order);
    tcase_add_test(tests, test_silence_is_told_once);
    tcase_add_test(tests, test_time_out);
    tcase_add_test(tests, test_removed);
    tcase_add_test(tests, test_forgotten);
    tcase_add_test(tests, test_full);
    tcase_add_test(tests, test_ids);
    tcase_add_test(tests, test_clock_of_a_box);
    tcase_add_test(tests, test_clock_is_told_once);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
