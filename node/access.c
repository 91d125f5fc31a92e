#include "node/access.h"

#include "proto/etag.h"
#include "storage/store_access.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One command under way. */
struct change {
    struct store *store;
    const struct access *access;
    int64_t now_ms;
    struct answer *answer;
    struct problem *problem;
};

/* Nothing was stored. 0, because the store is well. */
static int refuse(struct change *change, enum problem_code code, const char *text)
{
    answer_init(change->answer, code);
    (void)snprintf(change->answer->text, sizeof change->answer->text, "%s", text);
    return 0;
}

static int note(struct change *change, enum audit_kind kind)
{
    return store_audit_add(change->store, kind, change->access, change->now_ms, change->problem);
}

static bool is_seen(const struct change *change, int64_t revision)
{
    int64_t asked = change->access->revision;
    char tag[24];

    (void)snprintf(tag, sizeof tag, "%" PRId64, revision); /* fits; as revision_show tells it */
    return (asked == 0 || asked == revision) && etag_is_seen(change->access->if_match, tag);
}

static int refuse_unseen(struct change *change)
{
    return refuse(change, PROBLEM_PRECONDITION_FAILED, "Đã có người thay đổi, hãy tải lại");
}

/* False after a refusal. */
static bool check_fields(struct change *change)
{
    if (!access_name_is_valid(change->access->name)) {
        (void)refuse(change, PROBLEM_FIELD_INVALID,
                     "name: 1 đến 63 ký tự A-Z a-z 0-9 . _ @ -, bắt đầu bằng chữ hoặc số");
        return false;
    }
    if (role_name(change->access->role) == NULL) {
        (void)refuse(change, PROBLEM_FIELD_INVALID,
                     "role: viewer, operator, admin, edge hoặc metrics");
        return false;
    }
    return true;
}

/* ---- accounts -------------------------------------------------------------------------------- */

/* 1, 0 after a refusal, -1. */
static int find_account(struct change *change, struct account *account)
{
    int found = store_account_find(change->store, change->access->name, account, change->problem);

    if (found == 0) {
        (void)refuse(change, PROBLEM_NOT_FOUND, "Không có tài khoản này");
    }
    return found;
}

static int add_account(struct change *change)
{
    const struct access *access = change->access;
    struct account account = {.role = access->role,
                              .revision = 1,
                              .created_ms = change->now_ms,
                              .changed_ms = change->now_ms};
    struct account taken;
    int64_t count;
    int found;

    if (!check_fields(change)) {
        return 0;
    }
    if (access->hash.len == 0) {
        return refuse(change, PROBLEM_FIELD_INVALID, "password");
    }
    found = store_account_find(change->store, access->name, &taken, change->problem);
    if (found != 0) {
        return found < 0 ? -1 : refuse(change, PROBLEM_NAME_TAKEN, "Tên này đã có");
    }
    count = store_account_count(change->store, change->problem);
    if (count < 0 || count >= LIMIT_ACCOUNTS) {
        return count < 0 ? -1 : refuse(change, PROBLEM_LIMIT_REACHED, "Đã đủ số tài khoản");
    }
    (void)slice_copy(access->name, account.name, sizeof account.name); /* checked above */
    (void)slice_copy(access->hash, account.hash, sizeof account.hash); /* checked when unpacked */
    return store_account_put(change->store, &account, change->problem) ||
                   note(change, AUDIT_ACCOUNT_ADDED)
               ? -1
               : 0;
}

/* 1 when an administrator remains without this account, 0 after a refusal, -1. */
static int check_not_last(struct change *change, const struct account *account)
{
    int64_t admins;

    if (account->role != ROLE_ADMIN) {
        return 1;
    }
    admins = store_admin_count(change->store, change->problem);
    if (admins < 0) {
        return -1;
    }
    if (admins > 1) {
        return 1;
    }
    (void)refuse(change, PROBLEM_LAST_ADMIN, "Phải còn ít nhất một tài khoản admin");
    return 0;
}

static int change_account(struct change *change)
{
    const struct access *access = change->access;
    struct account account;
    bool is_password = access->hash.len > 0, is_role;
    int rc = find_account(change, &account);

    if (rc != 1) {
        return rc;
    }
    if (!is_seen(change, account.revision)) {
        return refuse_unseen(change);
    }
    is_role = access->role != ROLE_ANYONE && access->role != account.role;
    if (is_role) {
        rc = check_fields(change) ? check_not_last(change, &account) : 0;
        if (rc != 1) {
            return rc;
        }
        account.role = access->role;
    }
    if (is_password) {
        (void)slice_copy(access->hash, account.hash, sizeof account.hash);
        /* Whoever knew the old password is out. */
        if (store_sessions_end(change->store, account.id, access->digest, change->problem) != 0) {
            return -1;
        }
    }
    account.revision++;
    account.changed_ms = change->now_ms;
    if (store_account_put(change->store, &account, change->problem) != 0 ||
        (is_password && note(change, AUDIT_PASSWORD_CHANGED) != 0)) {
        return -1;
    }
    return is_role || !is_password ? note(change, AUDIT_ACCOUNT_CHANGED) : 0;
}

static int remove_account(struct change *change)
{
    struct account account;
    int rc = find_account(change, &account);

    if (rc != 1) {
        return rc;
    }
    if (!is_seen(change, account.revision)) {
        return refuse_unseen(change);
    }
    rc = check_not_last(change, &account);
    if (rc != 1) {
        return rc;
    }
    return store_account_drop(change->store, account.id, change->problem) ||
                   note(change, AUDIT_ACCOUNT_REMOVED)
               ? -1
               : 0;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static bool has_digest(const struct change *change)
{
    return change->access->digest.len == CREDENTIAL_DIGEST;
}

static int start_session(struct change *change)
{
    struct account account;
    int rc = has_digest(change) ? find_account(change, &account)
                                : refuse(change, PROBLEM_FIELD_INVALID, "digest");

    if (rc != 1) {
        return rc;
    }
    /* The password was compared with the hash that the asker read; it has to be that one still. */
    if (!is_seen(change, account.revision)) {
        return refuse_unseen(change);
    }
    return store_session_start(change->store, change->access->digest, account.id, change->now_ms,
                               change->problem) ||
                   note(change, AUDIT_LOGIN)
               ? -1
               : 0;
}

static int end_session(struct change *change)
{
    return store_session_end(change->store, change->access->digest, change->problem) ||
                   note(change, AUDIT_LOGOUT)
               ? -1
               : 0;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static int find_token(struct change *change, struct token *token)
{
    int found = store_token_find(change->store, change->access->name, token, change->problem);

    if (found == 0) {
        (void)refuse(change, PROBLEM_NOT_FOUND, "Không có token này");
    }
    return found;
}

static bool expiry_is_valid(const struct change *change)
{
    int64_t expires_ms = change->access->expires_ms;

    return expires_ms > change->now_ms && expires_ms <= change->now_ms + LIMIT_TOKEN_MS;
}

static int add_token(struct change *change)
{
    const struct access *access = change->access;
    struct token token = {.role = access->role,
                          .revision = 1,
                          .created_ms = change->now_ms,
                          .expires_ms = access->expires_ms};
    struct token taken;
    int64_t count;
    int found;

    if (!check_fields(change)) {
        return 0;
    }
    if (!has_digest(change) || !expiry_is_valid(change)) {
        return refuse(change, PROBLEM_FIELD_INVALID, "expires_at: trong tương lai, tối đa 10 năm");
    }
    found = store_token_find(change->store, access->name, &taken, change->problem);
    if (found != 0) {
        return found < 0 ? -1 : refuse(change, PROBLEM_NAME_TAKEN, "Tên này đã có");
    }
    count = store_token_count(change->store, change->problem);
    if (count < 0 || count >= LIMIT_TOKENS) {
        return count < 0 ? -1 : refuse(change, PROBLEM_LIMIT_REACHED, "Đã đủ số token");
    }
    (void)slice_copy(access->name, token.name, sizeof token.name); /* checked above */
    return store_token_put(change->store, &token, access->digest, change->problem) ||
                   note(change, AUDIT_TOKEN_ADDED)
               ? -1
               : 0;
}

static int change_token(struct change *change)
{
    const struct access *access = change->access;
    struct token token;
    int rc = find_token(change, &token);

    if (rc != 1) {
        return rc;
    }
    if (!is_seen(change, token.revision)) {
        return refuse_unseen(change);
    }
    if (access->role != ROLE_ANYONE) {
        if (!check_fields(change)) {
            return 0;
        }
        token.role = access->role;
    }
    if (access->expires_ms != 0) {
        if (!expiry_is_valid(change)) {
            return refuse(change, PROBLEM_FIELD_INVALID,
                          "expires_at: trong tương lai, tối đa 10 năm");
        }
        token.expires_ms = access->expires_ms;
    }
    token.revision++;
    return store_token_put(change->store, &token, (struct slice){0}, change->problem) ||
                   note(change, AUDIT_TOKEN_CHANGED)
               ? -1
               : 0;
}

static int revoke_token(struct change *change)
{
    struct token token;
    int rc = find_token(change, &token);

    if (rc != 1) {
        return rc;
    }
    if (!is_seen(change, token.revision)) {
        return refuse_unseen(change);
    }
    return store_token_drop(change->store, token.id, change->problem) ||
                   note(change, AUDIT_TOKEN_REVOKED)
               ? -1
               : 0;
}

/* ---- all ------------------------------------------------------------------------------------- */

int access_decide(struct store *store, const struct access *access, int64_t now_ms,
                  struct answer *answer, struct problem *problem)
{
    struct change change = {store, access, now_ms, answer, problem};

    answer_init(answer, PROBLEM_OK);
    switch (access->verb) {
    case ACCESS_ACCOUNT_ADD:
        return add_account(&change);
    case ACCESS_ACCOUNT_CHANGE:
        return change_account(&change);
    case ACCESS_ACCOUNT_REMOVE:
        return remove_account(&change);
    case ACCESS_SESSION_START:
        return start_session(&change);
    case ACCESS_SESSION_USE:
        return store_session_use(store, access->digest, now_ms, problem);
    case ACCESS_SESSION_END:
        return end_session(&change);
    case ACCESS_TOKEN_ADD:
        return add_token(&change);
    case ACCESS_TOKEN_CHANGE:
        return change_token(&change);
    case ACCESS_TOKEN_REVOKE:
        return revoke_token(&change);
    case ACCESS_NOTE:
        return access->kind != AUDIT_NONE ? note(&change, access->kind)
                                          : refuse(&change, PROBLEM_FIELD_INVALID, "kind");
    }
    return refuse(&change, PROBLEM_INTERNAL, "verb");
}
