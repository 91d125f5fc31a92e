/* Accounts and tokens against a real store, and what the audit tells about them. */
#include "support_house.h"
#include "tests/support_main.h"

#include "node/access.h"
#include "storage/accounts.h"
#include "storage/audit.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY INT64_C(86400000)

static struct house house;
static unsigned char digests[20][CREDENTIAL_DIGEST];

static void setup(void)
{
    house_start(&house, "central-1");
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        memset(digests[i], (int)i + 1, CREDENTIAL_DIGEST);
    }
}

static void teardown(void)
{
    house_stop(&house);
}

static struct slice digest(size_t i)
{
    return (struct slice){(const char *)digests[i], CREDENTIAL_DIGEST};
}

static enum problem_code decide_it(const struct access *access)
{
    struct answer answer;

    house_begin(&house);
    ck_assert_msg(access_decide(house.store, access, house.now_ms, &answer, &house.problem) == 0,
                  "%s", house.problem.text);
    house_commit(&house);
    return answer.code;
}

static enum problem_code account(enum access_verb verb, const char *name, enum role role,
                                 const char *hash, int64_t revision)
{
    char tag[24];

    (void)snprintf(tag, sizeof tag, "\"%" PRId64 "\"", revision);
    const struct access access = {.verb = verb,
                                  .name = slice_text(name),
                                  .role = role,
                                  .hash = slice_text(hash),
                                  .if_match = slice_text(revision > 0 ? tag : NULL),
                                  .author = slice_text("An")};
    return decide_it(&access);
}

static enum problem_code session(enum access_verb verb, const char *name, size_t i)
{
    const struct access access = {.verb = verb, .name = slice_text(name), .digest = digest(i)};
    return decide_it(&access);
}

static bool is_in(size_t i)
{
    struct accounts *accounts = accounts_open(house.path, &house.problem);
    struct account found;
    struct session of;

    ck_assert_ptr_nonnull(accounts);
    int rc = accounts_find_session(accounts, digests[i], house.now_ms, &found, &of, &house.problem);
    accounts_close(&accounts);
    ck_assert_int_ge(rc, 0);
    return rc == 1;
}

START_TEST(accounts_are_added_changed_removed)
{
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "Lan", ROLE_ADMIN, "h", 0), PROBLEM_OK);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "LAN", ROLE_VIEWER, "h", 0), PROBLEM_NAME_TAKEN);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "a b", ROLE_VIEWER, "h", 0),
                     PROBLEM_FIELD_INVALID);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "x", (enum role)3, "h", 0), PROBLEM_FIELD_INVALID);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "x", ROLE_VIEWER, NULL, 0), PROBLEM_FIELD_INVALID);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_CHANGE, "lan", ROLE_VIEWER, NULL, 0),
                     PROBLEM_LAST_ADMIN);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_REMOVE, "lan", ROLE_ANYONE, NULL, 0),
                     PROBLEM_LAST_ADMIN);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "minh", ROLE_ADMIN, "h", 0), PROBLEM_OK);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_CHANGE, "lan", ROLE_VIEWER, NULL, 2),
                     PROBLEM_PRECONDITION_FAILED);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_CHANGE, "lan", ROLE_VIEWER, NULL, 1), PROBLEM_OK);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_REMOVE, "lan", ROLE_ANYONE, NULL, 1),
                     PROBLEM_PRECONDITION_FAILED);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_REMOVE, "lan", ROLE_ANYONE, NULL, 2), PROBLEM_OK);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_REMOVE, "lan", ROLE_ANYONE, NULL, 0),
                     PROBLEM_NOT_FOUND);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_REMOVE, "minh", ROLE_ANYONE, NULL, 0),
                     PROBLEM_LAST_ADMIN);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM account"), 1);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM audit"), 4); /* what was done */
}
END_TEST

START_TEST(as_many_as_the_limit)
{
    char name[16];

    for (int i = 0; i < LIMIT_ACCOUNTS; i++) {
        (void)snprintf(name, sizeof name, "a%d", i);
        ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, name, ROLE_VIEWER, "h", 0), PROBLEM_OK);
    }
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "more", ROLE_VIEWER, "h", 0),
                     PROBLEM_LIMIT_REACHED);
}
END_TEST

START_TEST(sessions_end)
{
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "an", ROLE_VIEWER, "h", 0), PROBLEM_OK);
    ck_assert_int_eq(session(ACCESS_SESSION_START, "nobody", 0), PROBLEM_NOT_FOUND);
    for (size_t i = 0; i <= LIMIT_ACCOUNT_SESSIONS; i++) {
        ck_assert_int_eq(session(ACCESS_SESSION_START, "an", i), PROBLEM_OK);
    }
    ck_assert(!is_in(0)); /* one more than an account may have */
    ck_assert(is_in(1) && is_in(LIMIT_ACCOUNT_SESSIONS));
    ck_assert_int_eq(session(ACCESS_SESSION_END, "an", 1), PROBLEM_OK);
    ck_assert(!is_in(1));

    house.now_ms += LIMIT_SESSION_IDLE_MS - 1;
    ck_assert_int_eq(session(ACCESS_SESSION_USE, "an", 2), PROBLEM_OK);
    house.now_ms += 1;
    ck_assert(is_in(2));
    ck_assert(!is_in(3)); /* idle */
    for (int i = 0; i < 14; i++) {
        house.now_ms += LIMIT_SESSION_IDLE_MS - 1;
        ck_assert_int_eq(session(ACCESS_SESSION_USE, "an", 2), PROBLEM_OK);
    }
    ck_assert(!is_in(2)); /* in use, and too old */

    ck_assert_int_eq(session(ACCESS_SESSION_START, "an", 4), PROBLEM_OK);
    ck_assert_int_eq(session(ACCESS_SESSION_START, "an", 5), PROBLEM_OK);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM session"), 2);
    const struct access change = {.verb = ACCESS_ACCOUNT_CHANGE,
                                  .name = slice_text("an"),
                                  .hash = slice_text("h2"),
                                  .digest = digest(5)};
    ck_assert_int_eq(decide_it(&change), PROBLEM_OK);
    ck_assert(!is_in(4));
    ck_assert(is_in(5));
}
END_TEST

START_TEST(tokens_are_scoped_and_end)
{
    struct access access = {.verb = ACCESS_TOKEN_ADD,
                            .name = slice_text("grafana"),
                            .role = ROLE_METRICS,
                            .digest = digest(1),
                            .expires_ms = house.now_ms};
    struct accounts *accounts;
    struct token token;

    ck_assert_int_eq(decide_it(&access), PROBLEM_FIELD_INVALID); /* over before it began */
    access.expires_ms = house.now_ms + LIMIT_TOKEN_MS + 1;
    ck_assert_int_eq(decide_it(&access), PROBLEM_FIELD_INVALID);
    access.expires_ms = house.now_ms + DAY;
    ck_assert_int_eq(decide_it(&access), PROBLEM_OK);
    ck_assert_int_eq(decide_it(&access), PROBLEM_NAME_TAKEN);
    accounts = accounts_open(house.path, &house.problem);
    ck_assert_int_eq(
        accounts_find_bearer(accounts, digests[1], house.now_ms + DAY - 1, &token, &house.problem),
        1);
    ck_assert_int_eq(token.role, ROLE_METRICS);
    ck_assert_int_eq(
        accounts_find_bearer(accounts, digests[1], house.now_ms + DAY, &token, &house.problem), 0);
    access = (struct access){.verb = ACCESS_TOKEN_CHANGE,
                             .name = slice_text("GRAFANA"),
                             .role = ROLE_VIEWER,
                             .if_match = slice_text("\"1\"")};
    ck_assert_int_eq(decide_it(&access), PROBLEM_OK);
    ck_assert_int_eq(
        accounts_find_bearer(accounts, digests[1], house.now_ms, &token, &house.problem), 1);
    ck_assert_int_eq(token.role, ROLE_VIEWER);
    access.verb = ACCESS_TOKEN_REVOKE;
    ck_assert_int_eq(decide_it(&access), PROBLEM_PRECONDITION_FAILED);
    access.if_match = slice_text("W/\"2\"");
    ck_assert_int_eq(decide_it(&access), PROBLEM_PRECONDITION_FAILED);
    access.if_match = slice_text("\"7\", \"2\"");
    ck_assert_int_eq(decide_it(&access), PROBLEM_OK);
    ck_assert_int_eq(
        accounts_find_bearer(accounts, digests[1], house.now_ms, &token, &house.problem), 0);
    accounts_close(&accounts);
}
END_TEST

/* A flood of failed logins leaves every change where it is. */
START_TEST(the_audit_is_bounded)
{
    const struct access login = {.verb = ACCESS_NOTE, .kind = AUDIT_LOGIN_FAILED};
    struct answer answer;

    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "an", ROLE_VIEWER, "h", 0), PROBLEM_OK);
    house_begin(&house);
    for (int i = 0; i < LIMIT_AUDIT_LOGINS + 1000; i++) {
        ck_assert_int_eq(access_decide(house.store, &login, house.now_ms, &answer, &house.problem),
                         0);
    }
    house_commit(&house);
    ck_assert_int_le(house_number(&house, "SELECT count(*) FROM audit WHERE login = 1"),
                     LIMIT_AUDIT_LOGINS + 64);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM audit WHERE login = 0"), 1);
}
END_TEST

struct seen {
    char text[4096];
};

static int see(void *context, const struct audit_entry *entry)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);

    (void)snprintf(seen->text + used, sizeof seen->text - used, "%.*s:%.*s ", (int)entry->kind.len,
                   entry->kind.data, (int)entry->author.len,
                   entry->author.data != NULL ? entry->author.data : "");
    return 0;
}

/* All pages of a query, one after the other. */
static void list(struct audit_query query, struct seen *seen)
{
    struct audit *audit = audit_open(house.path, &house.problem);
    bool more = true;

    ck_assert_ptr_nonnull(audit);
    seen->text[0] = '\0';
    while (more) {
        ck_assert_int_eq(audit_each(audit, &query, see, seen, &query.after, &more, &house.problem),
                         0);
    }
    audit_close(&audit);
}

/* Events and local lines of the very same millisecond, in pages of every size. */
START_TEST(both_lists_in_one_order)
{
    struct command entry = house_gate(GATE_ENTRY, "51G-123.45", "v1", EVENT_NONE);
    struct command change = house_change(COMMAND_DELETE, "v1", NULL);
    struct command tariff = house_tariff(600, 1000);
    struct seen whole, part;

    change.author = slice_text("Minh");
    ck_assert_int_eq(house_decide(&house, &entry).code, PROBLEM_OK);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "lan", ROLE_VIEWER, "h", 0), PROBLEM_OK);
    ck_assert_int_eq(account(ACCESS_ACCOUNT_ADD, "an", ROLE_VIEWER, "h", 0), PROBLEM_OK);
    ck_assert_int_eq(house_decide(&house, &change).code, PROBLEM_OK);
    ck_assert_int_eq(house_decide(&house, &tariff).code, PROBLEM_OK);
    house.now_ms += 1;
    ck_assert_int_eq(session(ACCESS_SESSION_START, "an", 1), PROBLEM_OK);
    list((struct audit_query){.limit = 100}, &whole);
    ck_assert_str_eq(whole.text, "LOGIN: CONFIG_UPDATE:lan HISTORY_DELETE:Minh ACCOUNT_ADDED:An "
                                 "ACCOUNT_ADDED:An ");
    for (size_t limit = 1; limit < 6; limit++) {
        list((struct audit_query){.limit = limit}, &part);
        ck_assert_str_eq(part.text, whole.text);
    }
    list((struct audit_query){.limit = 1, .author = slice_text("Minh")}, &part);
    ck_assert_str_eq(part.text, "HISTORY_DELETE:Minh ");
    list((struct audit_query){.limit = 1, .local_kind = AUDIT_LOGIN}, &part);
    ck_assert_str_eq(part.text, "LOGIN: ");
    list((struct audit_query){.limit = 9, .event_kind = EVENT_CONFIG_UPDATE}, &part);
    ck_assert_str_eq(part.text, "CONFIG_UPDATE:lan ");
    list((struct audit_query){.limit = 9, .since_ms = house.now_ms}, &part);
    ck_assert_str_eq(part.text, "LOGIN: ");
    list((struct audit_query){.limit = 9, .until_ms = house.now_ms - 1}, &part);
    ck_assert_str_eq(part.text, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, accounts_are_added_changed_removed);
    tcase_add_test(tests, as_many_as_the_limit);
    tcase_add_test(tests, sessions_end);
    tcase_add_test(tests, tokens_are_scoped_and_end);
    tcase_add_test(tests, the_audit_is_bounded);
    tcase_add_test(tests, both_lists_in_one_order);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
