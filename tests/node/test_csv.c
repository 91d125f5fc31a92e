#include "node/csv.h"

#include "tests/support_main.h"

#include <check.h>

#define MOST 4

static const struct {
    const char *row;
    int count;
    const char *fields[MOST];
} ROWS[] = {{"", 1, {""}},
            {"a,b", 2, {"a", "b"}},
            {"a,,", 3, {"a", "", ""}},
            {"\"a,b\",c", 2, {"a,b", "c"}},
            {"\"say \"\"no\"\"\",\"\"", 2, {"say \"no\"", ""}},
            {"\"two\nlines\",x", 2, {"two\nlines", "x"}},
            {"Cổng \"\"vào,1", 2, {"Cổng vào", "1"}},
            {"a,b,c,d", 4, {"a", "b", "c", "d"}},
            {"a,b,c,d,e", -1, {NULL}},
            {"\"a", -1, {NULL}},
            {"a,\"b\"\"", -1, {NULL}}};

START_TEST(rows)
{
    char row[64], *fields[MOST];

    (void)slice_copy(slice_text(ROWS[_i].row), row, sizeof row);
    int count = csv_split(row, fields, MOST);
    ck_assert_int_eq(count, ROWS[_i].count);
    for (int i = 0; i < count; i++) {
        ck_assert_str_eq(fields[i], ROWS[_i].fields[i]);
    }
}
END_TEST

START_TEST(open_rows)
{
    ck_assert(csv_is_open(slice_text("a,\"b")));
    ck_assert(csv_is_open(slice_text("a,\"b\"\"")));
    ck_assert(!csv_is_open(slice_text("a,\"b\"\"\"")));
    ck_assert(!csv_is_open(slice_text("")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *test = tcase_create("all");

    suite_add_tcase(suite, test);
    tcase_add_loop_test(test, rows, 0, sizeof ROWS / sizeof *ROWS);
    tcase_add_test(test, open_rows);
    return main_run(suite);
}
