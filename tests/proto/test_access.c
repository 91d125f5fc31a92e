#include "support_suite.h"

#include "proto/access.h"
#include "proto/credential.h"
#include "proto/limits.h"

#include <stdio.h>
#include <string.h>

START_TEST(roles_include_and_name)
{
    ck_assert_uint_eq(role_includes(ROLE_OPERATOR), ROLE_OPERATOR | ROLE_VIEWER);
    ck_assert_uint_eq(role_includes(ROLE_ADMIN), 31);
    ck_assert_uint_eq(role_includes(ROLE_EDGE), ROLE_EDGE);
    ck_assert_uint_eq(role_includes(ROLE_METRICS), ROLE_METRICS);
    ck_assert_uint_eq(role_includes((enum role)3), 0); /* two at once are no role */
    for (unsigned role = 1; role <= 16; role *= 2) {
        ck_assert_int_eq(role_parse(slice_text(role_name((enum role)role))), role);
    }
    ck_assert_int_eq(role_parse(slice_text("root")), ROLE_ANYONE);
    ck_assert_int_eq(role_parse((struct slice){0}), ROLE_ANYONE);
    ck_assert_ptr_null(role_name(ROLE_ANYONE));
}
END_TEST

START_TEST(kinds_of_the_audit_have_names)
{
    for (int kind = 1; kind < AUDIT_COUNT; kind++) {
        const char *name = audit_kind_name((enum audit_kind)kind);
        ck_assert_ptr_nonnull(name);
        ck_assert_int_eq(audit_kind_parse(slice_text(name)), kind);
    }
    ck_assert_ptr_null(audit_kind_name(AUDIT_NONE));
    ck_assert_ptr_null(audit_kind_name(AUDIT_COUNT));
    ck_assert_int_eq(audit_kind_parse(slice_text("")), AUDIT_NONE);
}
END_TEST

START_TEST(names)
{
    static const char *const good[] = {"a", "Lan", "an.nguyen@site-1", "0_0"};
    static const char *const bad[] = {"", " a", "a b", "-a", ".a", "a/b", "\xC4\x91ong", "a\n"};
    char long_name[LIMIT_ACCOUNT_NAME + 2];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(access_name_is_valid(slice_text(good[i])), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!access_name_is_valid(slice_text(bad[i])), "%s", bad[i]);
    }
    memset(long_name, 'a', sizeof long_name);
    ck_assert(access_name_is_valid((struct slice){long_name, LIMIT_ACCOUNT_NAME}));
    ck_assert(!access_name_is_valid((struct slice){long_name, LIMIT_ACCOUNT_NAME + 1}));
    ck_assert(!access_name_is_valid((struct slice){"a\0b", 3}));
    ck_assert(!access_name_is_valid((struct slice){0}));
}
END_TEST

/* Read or refused, and nothing is touched beyond its end. */
static void read_hostile(struct slice bytes)
{
    struct access access;
    if (access_unpack(&access, bytes) == 0) {
        ck_assert(access.digest.len <= CREDENTIAL_DIGEST && access.hash.len <= CREDENTIAL_HASH);
    }
}

START_TEST(packed_and_read_back)
{
    char digest[CREDENTIAL_DIGEST] = "\x80\xff";
    const struct access access = {.verb = ACCESS_TOKEN_ADD,
                                  .name = slice_text("grafana"),
                                  .role = ROLE_METRICS,
                                  .digest = {digest, sizeof digest},
                                  .expires_ms = 5,
                                  .revision = 6,
                                  .if_match = slice_text("\"6\", \"7\""),
                                  .author = slice_text("An"),
                                  .address = slice_text("10.0.0.1"),
                                  .detail = slice_text("x")};
    struct buffer out = {0};
    struct access back;

    ck_assert_int_eq(access_pack(&access, &out), 0);
    ck_assert_int_eq(access_unpack(&back, buffer_slice(&out)), 0);
    ck_assert_int_eq(back.verb, access.verb);
    ck_assert_int_eq(back.role, access.role);
    ck_assert(slice_equal(back.name, access.name) && slice_equal(back.digest, access.digest));
    ck_assert(slice_equal(back.author, access.author) && slice_equal(back.hash, access.hash));
    ck_assert_int_eq(back.expires_ms, 5);
    ck_assert_int_eq(back.revision, 6);
    ck_assert(slice_equal(back.if_match, access.if_match));
    suite_hostile(buffer_slice(&out), 2000, read_hostile);
    buffer_free(&out);
}
END_TEST

START_TEST(passwords)
{
    char hash[CREDENTIAL_HASH], again[CREDENTIAL_HASH], made[CREDENTIAL_PASSWORD];

    credential_new_password(made);
    ck_assert_uint_eq(strlen(made), CREDENTIAL_PASSWORD - 1);
    ck_assert_int_eq(credential_hash(slice_text(made), hash), 0);
    ck_assert_int_eq(credential_hash(slice_text(made), again), 0);
    ck_assert_int_eq(strncmp(hash, "$argon2id$", 10), 0);
    ck_assert_str_ne(hash, again); /* salted */
    ck_assert(credential_check(hash, slice_text(made)));
    made[0] = made[0] == 'A' ? 'B' : 'A';
    ck_assert(!credential_check(hash, slice_text(made)));
    ck_assert(!credential_check(NULL, slice_text(made)));
    ck_assert(!credential_check("no hash", slice_text(made)));
}
END_TEST

START_TEST(tokens)
{
    char a[CREDENTIAL_TOKEN], b[CREDENTIAL_TOKEN];
    unsigned char one[CREDENTIAL_DIGEST], two[CREDENTIAL_DIGEST];

    credential_new_token("pm_", a);
    credential_new_token("", b);
    ck_assert_uint_eq(strlen(a), 46);
    ck_assert_uint_eq(strlen(b), 43);
    ck_assert_str_ne(a + 3, b);
    credential_digest(slice_text(a), one);
    credential_digest(slice_text(a), two);
    ck_assert_mem_eq(one, two, sizeof one);
    credential_digest(slice_text(b), two);
    ck_assert_mem_ne(one, two, sizeof one);
    ck_assert(credential_equal(slice_text(a), slice_text(a)));
    ck_assert(!credential_equal(slice_text(a), slice_text(b)));
    ck_assert(!credential_equal(slice_text(""), slice_text("")));
    ck_assert(!credential_equal((struct slice){0}, (struct slice){0}));
}
END_TEST

int main(void)
{
    const TTest *tests[] = {roles_include_and_name,
                            kinds_of_the_audit_have_names,
                            names,
                            packed_and_read_back,
                            passwords,
                            tokens};
    return suite_run("access", tests, sizeof tests / sizeof *tests);
}
