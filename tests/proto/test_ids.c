#include "proto/ids.h"

#include "tests/proto/support_suite.h"

#include <string.h>

#define TEXT_63 "a23456789012345678901234567890123456789012345678901234567890123"

START_TEST(parses_central_ids)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"central-1", true}, {"A", true},          {"9_", true},   {TEXT_63, true}, {"", false},
        {"-a", false},       {"_a", false},        {"a b", false}, {"a/b", false},  {"a.b", false},
        {"ă", false},        {TEXT_63 "4", false}, {"a\n", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct node_id id;
        ck_assert_msg(node_id_parse(slice_text(rows[i].text), &id) == rows[i].good, "%s",
                      rows[i].text);
        if (rows[i].good) {
            ck_assert_str_eq(id.text, rows[i].text);
        }
    }
    struct node_id id;
    ck_assert(!node_id_parse((struct slice){NULL, 0}, &id));
    ck_assert(!node_id_parse((struct slice){"a\0b", 3}, &id));
}
END_TEST

START_TEST(orders_positions)
{
    static const struct position ascending[] = {
        {{{"a"}, 1}, 1}, {{{"a"}, 1}, 2}, {{{"a"}, 2}, 1}, {{{"aa"}, 1}, 1}, {{{"b"}, 1}, 1},
    };
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            int order = position_compare(&ascending[i], &ascending[j]);
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}
END_TEST

/* Expected values come from another implementation: Python's hashlib.blake2b(digest_size=16). */
START_TEST(hashes_are_blake2b_128)
{
    char hex[33];
    struct digest hash = body_hash(slice_text("abc"));
    digest_hex(&hash, hex);
    ck_assert_str_eq(hex, "cf4ab791c62b8d2b2109c90275287816");

    struct digest zero = {{0}};
    struct digest chain = chain_next(&zero, slice_text("header"), &hash);
    digest_hex(&chain, hex);
    ck_assert_str_eq(hex, "7924054ab179eb0e65d84e9afddd44d3");

    struct head head = {.stream = {{"central-1"}, 0x0102030405060708}, .seq = 7, .chain = chain};
    struct digest part = head_digest(&head);
    digest_hex(&part, hex);
    ck_assert_str_eq(hex, "df321b06e12b50fdc5bb9efb08201c76");
}
END_TEST

START_TEST(nothing_adds_nothing)
{
    struct head head = {.stream = {{"central-1"}, 5}};
    struct digest part = head_digest(&head);
    ck_assert(digest_is_zero(&part));
}
END_TEST

START_TEST(every_part_of_a_head_counts)
{
    struct head base = {.stream = {{"central-1"}, 5}, .seq = 7, .chain = {{1}}};
    struct head others[] = {base, base, base, base};
    others[0].stream.node.text[8] = '2';
    others[1].stream.epoch = 6;
    others[2].seq = 8;
    others[3].chain.bytes[15] = 1;
    struct digest of_base = head_digest(&base);
    for (size_t i = 0; i < 4; i++) {
        struct digest other = head_digest(&others[i]);
        ck_assert(!digest_equal(&of_base, &other));
    }
}
END_TEST

START_TEST(the_chain_knows_where_the_header_ends)
{
    struct digest zero = {{0}};
    struct digest hash = {{'b'}};
    struct digest a = chain_next(&zero, slice_text("x"), &hash);
    struct digest b = chain_next(&zero, slice_text("xb"), &hash);
    ck_assert(!digest_equal(&a, &b));
}
END_TEST

START_TEST(sums_wrap_and_undo)
{
    struct digest ones;
    memset(&ones, 0xFF, sizeof ones);
    struct digest one = {{1}};
    struct digest sum = ones;
    digest_add(&sum, &one);
    ck_assert(digest_is_zero(&sum));
    digest_subtract(&sum, &one);
    ck_assert(digest_equal(&sum, &ones));

    /* The carry crosses the middle. */
    struct digest low = {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
    digest_add(&low, &one);
    ck_assert_int_eq(low.bytes[8], 1);
    ck_assert_int_eq(low.bytes[0], 0);

    uint64_t state = 3;
    for (int i = 0; i < 1000; i++) {
        struct digest a, b;
        for (size_t k = 0; k < sizeof a.bytes; k++) {
            a.bytes[k] = (uint8_t)suite_random(&state);
            b.bytes[k] = (uint8_t)suite_random(&state);
        }
        struct digest ab = a, ba = b;
        digest_add(&ab, &b);
        digest_add(&ba, &a);
        ck_assert(digest_equal(&ab, &ba));
        digest_subtract(&ab, &b);
        ck_assert(digest_equal(&ab, &a));
    }
}
END_TEST

START_TEST(random_numbers_differ)
{
    uint64_t first = random_nonzero();
    uint64_t second = random_nonzero();
    ck_assert(first != 0 && second != 0 && first != second);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {parses_central_ids,          orders_positions,
                            hashes_are_blake2b_128,      nothing_adds_nothing,
                            every_part_of_a_head_counts, the_chain_knows_where_the_header_ends,
                            sums_wrap_and_undo,          random_numbers_differ};
    return suite_run("ids", tests, sizeof tests / sizeof *tests);
}
