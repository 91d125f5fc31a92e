/* Files of the existing system beside the database. */
#include "support_house.h"
#include "tests/support_main.h"

#include "node/import.h"
#include "node/settings.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct house house;

static void setup(void)
{
    house_start(&house, "central-1");
}

static void teardown(void)
{
    static const char *const names[] = {"staff.json", "subscriptions.json", "parking_fees.json"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", house.directory, names[i]);
        (void)unlink(path);
    }
    house_stop(&house);
}

/* Writes a file that was changed last at `changed_ms`. */
static void put(const char *name, const char *text, int64_t changed_ms)
{
    char path[128];
    const struct timespec times[2] = {{.tv_sec = changed_ms / 1000}, {.tv_sec = changed_ms / 1000}};
    (void)snprintf(path, sizeof path, "%s/%s", house.directory, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void import(void)
{
    int rc = import_settings(house.store, house.directory, house.now_ms, &house.problem);
    ck_assert_msg(rc == 0, "%s", house.problem.text);
}

static int64_t in_force(int kind)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM element WHERE in_force = 1 AND kind = %d"
                   " AND status IS NOT 'REMOVED'",
                   kind);
    return house_number(&house, sql);
}

START_TEST(each_file_is_taken_over_once)
{
    put("staff.json", "[{\"id\":1,\"name\":\"An\",\"status\":\"active\"},{\"name\":\"Lan\"}]",
        house.now_ms - HOUSE_HOUR);
    put("subscriptions.json", "[{\"id\":1,\"plate_number\":\"51F-204.17\",\"status\":\"active\"}]",
        house.now_ms);
    put("parking_fees.json", "{\"fee_base\":1,\"fee_per_hour\":null}", house.now_ms);
    import();
    ck_assert_int_eq(in_force(EVENT_STAFF_UPDATE), 2);
    ck_assert_int_eq(in_force(EVENT_SUBSCRIPTION_UPDATE), 1);
    ck_assert_int_eq(house_number(&house, "SELECT per_hour FROM setting"), 0);
    ck_assert_int_eq(house_number(&house, "SELECT free_s FROM setting"), 3600);
    ck_assert_uint_eq(store_event_count(house.store), 4);
    import();
    house_close(&house);
    house_open(&house);
    import();
    ck_assert_uint_eq(store_event_count(house.store), 4);
}
END_TEST

static const struct {
    const char *name, *text;
    int64_t events;
} MET[] = {
    {"staff.json", "", 0},
    {"staff.json", "{", 0},
    {"staff.json", "{}", 0},
    {"staff.json", "[]", 0},
    {"staff.json", "[1,null,{\"id\":\"x\",\"name\":7}]", 1},
    {"staff.json", "\xef\xbb\xbf[{\"id\":1}]", 1},
    {"staff.json", "{\"staff\":[{\"id\":1},{\"id\":1}]}", 2},
    {"subscriptions.json", "[{\"id\":1},{\"id\":2,\"plate_number\":\"51F20417\"}]", 1},
    {"parking_fees.json", "{\"fee_base\":\"abc\"}", 0},
    {"parking_fees.json", "{\"fee_base\":-1}", 0},
    {"parking_fees.json", "[]", 0},
    {"parking_fees.json", "{\"fees\":{\"fee_base\":2}}", 1},
};

START_TEST(whatever_is_in_a_file)
{
    put(MET[_i].name, MET[_i].text, house.now_ms);
    import();
    ck_assert_msg(store_event_count(house.store) == (uint64_t)MET[_i].events, "%s: %d events",
                  MET[_i].text, (int)store_event_count(house.store));
}
END_TEST

/* Another central's list came first, or comes later: what people set there since the file wins. */
START_TEST(a_file_never_wins_over_people)
{
    struct command command;
    put("staff.json", "[{\"id\":1,\"name\":\"Old\",\"status\":\"active\"}]",
        house.now_ms - 24 * HOUSE_HOUR);
    import();
    ck_assert_int_lt(house_number(&house, "SELECT hlc FROM element"),
                     (house.now_ms - 23 * HOUSE_HOUR) << 16);
    ck_assert_int_eq(house_number(&house, "SELECT t_eff FROM element") / 1000,
                     (house.now_ms - 24 * HOUSE_HOUR) / 1000);
    command_init(&command, COMMAND_STAFF);
    command.json = slice_text("[]");
    ck_assert_int_eq(house_decide(&house, &command).changed, 1);
    import(); /* an empty list is a list */
    ck_assert_int_eq(in_force(EVENT_STAFF_UPDATE), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *tcase = tcase_create("import");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_file_is_taken_over_once);
    tcase_add_loop_test(tcase, whatever_is_in_a_file, 0, sizeof MET / sizeof MET[0]);
    tcase_add_test(tcase, a_file_never_wins_over_people);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
