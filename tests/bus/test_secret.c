#include "bus/secret.h"

#include "tests/support_main.h"

#include <check.h>
#include <string.h>

/* Fixed for ever: a central of another version must derive the same. */
START_TEST(derives_the_same_everywhere)
{
    struct mesh_keys keys;
    char hex[33];

    ck_assert_int_eq(secret_derive("pm1-0123456789abcdefghjkmnpqrstvwxyz", &keys), 0);
    ck_assert(keys.present);
    digest_hex(&keys.mesh_id, hex);
    ck_assert_str_eq(hex, "eac049227f21397c94dd3894d1892a26");
    static const uint8_t public_start[] = {0xb4, 0x0d, 0x56, 0x82, 0x1b, 0x06, 0x0c, 0x11};
    ck_assert_mem_eq(keys.public_key, public_start, sizeof public_start);
}
END_TEST

START_TEST(one_letter_makes_another_mesh)
{
    struct mesh_keys a, b;

    ck_assert_int_eq(secret_derive("a secret of the operator", &a), 0);
    ck_assert_int_eq(secret_derive("a secret of the operatos", &b), 0);
    ck_assert(!digest_equal(&a.mesh_id, &b.mesh_id));
    ck_assert_mem_ne(a.public_key, b.public_key, sizeof a.public_key);
    ck_assert_mem_ne(a.secret_key, b.secret_key, sizeof a.secret_key);
}
END_TEST

START_TEST(without_a_secret_the_keys_are_public_and_say_so)
{
    struct mesh_keys a, b;

    ck_assert_int_eq(secret_derive(NULL, &a), 0);
    ck_assert_int_eq(secret_derive("", &b), 0);
    ck_assert(!a.present && !b.present);
    ck_assert_mem_eq(&a, &b, sizeof a);
}
END_TEST

START_TEST(the_bus_has_two_pairs_of_its_own)
{
    static const uint8_t zero[32];
    struct bus_keys a, b;
    struct mesh_keys mesh;

    ck_assert_int_eq(secret_derive_bus("a secret of the operator", &a), 0);
    ck_assert_int_eq(secret_derive_bus("a secret of the operator", &b), 0);
    ck_assert_int_eq(secret_derive("a secret of the operator", &mesh), 0);
    ck_assert(a.present);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_mem_ne(a.public_key, a.client_public, 32);
    ck_assert_mem_ne(a.secret_key, a.client_secret, 32);
    ck_assert_mem_ne(a.secret_key, mesh.secret_key, 32); /* the same text opens nothing else */
    ck_assert_int_eq(secret_derive_bus("a secret of the operatos", &b), 0);
    ck_assert_mem_ne(a.public_key, b.public_key, 32);
    ck_assert_int_eq(secret_derive_bus("", &b), 0);
    ck_assert(!b.present);
    ck_assert_mem_eq(b.secret_key, zero, 32);
    ck_assert_int_eq(secret_derive_bus(NULL, &b), 0);
    ck_assert(!b.present);
}
END_TEST

START_TEST(a_new_secret_is_long_random_and_plain)
{
    char first[SECRET_TEXT], second[SECRET_TEXT];

    secret_new(first);
    secret_new(second);
    ck_assert_uint_eq(strlen(first), 36);
    ck_assert_uint_ge(strlen(first), SECRET_MIN);
    ck_assert_int_eq(strncmp(first, "pm1-", 4), 0);
    ck_assert_uint_eq(strspn(first + 4, "0123456789abcdefghjkmnpqrstvwxyz"), 32);
    ck_assert_str_ne(first, second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secret");
    TCase *tests = tcase_create("secret");
    tcase_add_test(tests, derives_the_same_everywhere);
    tcase_add_test(tests, one_letter_makes_another_mesh);
    tcase_add_test(tests, without_a_secret_the_keys_are_public_and_say_so);
    tcase_add_test(tests, the_bus_has_two_pairs_of_its_own);
    tcase_add_test(tests, a_new_secret_is_long_random_and_plain);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
