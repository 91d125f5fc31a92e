/*
 * Accounts, for administrators.
 */
#include "api/handlers.h"

#include "api/decision.h"
#include "api/password.h"
#include "api/respond.h"
#include "api/revision.h"

#include <stdio.h>

static void put_members(struct json_writer *writer, const struct account *account)
{
    json_set_text(writer, "name", account->name);
    json_set_text(writer, "role", role_name(account->role));
    json_set_int(writer, "revision", account->revision);
    json_set_time(writer, "created_at", account->created_ms);
    json_set_time(writer, "changed_at", account->changed_ms);
}

static int each_account(void *context, const struct account *account)
{
    struct json_writer *writer = context;

    json_put_open(writer, '{');
    put_members(writer, account);
    json_put_close(writer, '}');
    return 0;
}

void accounts_list(struct request *request)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "accounts");
    json_put_open(&writer, '[');
    if (identity_each_account(request->gateway->identity, each_account, &writer) != 0) {
        respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
        return;
    }
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* Answers with one account as it is now; `password` (or NULL) is shown this once. */
static void answer_account(struct request *request, struct slice name, int status,
                           const char *password)
{
    struct account account;
    struct json_writer writer;

    if (identity_account(request->gateway->identity, name, &account) != 1) {
        respond_error(request, PROBLEM_NOT_FOUND, "Không có tài khoản này");
        return;
    }
    revision_show(request, account.revision);
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    put_members(&writer, &account);
    if (password != NULL) {
        json_set_text(&writer, "password", password);
    }
    json_put_close(&writer, '}');
    respond_send(request, status);
}

void accounts_get(struct request *request)
{
    answer_account(request, slice_text(request->parameter), 200, NULL);
}

/* The role of a body; -1 after an answer. A missing one is ROLE_ANYONE. */
static int read_role(struct request *request, const json_t *body, enum role *role)
{
    struct slice text = json_member_text(body, "role");

    *role = role_parse(text);
    if (*role != ROLE_ANYONE || json_object_get(body, "role") == NULL) {
        return 0;
    }
    respond_error(request, PROBLEM_FIELD_INVALID,
                  "role: viewer, operator, admin, edge hoặc metrics");
    return -1;
}

/* What the audit remembers beside the name. */
static void describe(struct access *access, char *out, size_t size)
{
    if (access->role != ROLE_ANYONE) {
        (void)snprintf(out, size, "role=%s", role_name(access->role));
        access->detail = slice_text(out);
    }
}

static void add(struct request *request, const json_t *body)
{
    struct slice chosen = json_member_text(body, "password");
    char made[CREDENTIAL_PASSWORD], hash[CREDENTIAL_HASH], detail[32];
    struct access access = {.verb = ACCESS_ACCOUNT_ADD,
                            .name = json_member_text(body, "name"),
                            .author = caller_author(request, body),
                            .reason = request_reason(body)};
    bool is_made = json_object_get(body, "password") == NULL;

    if (!access_name_is_valid(access.name)) {
        respond_error(request, PROBLEM_FIELD_INVALID,
                      "name: 1 đến 63 ký tự A-Z a-z 0-9 . _ @ -, bắt đầu bằng chữ hoặc số");
        return;
    }
    if (read_role(request, body, &access.role) != 0) {
        return;
    }
    credential_new_password(made);
    if (password_hash(request, is_made ? slice_text(made) : chosen, hash) != 0) {
        return;
    }
    access.hash = slice_text(hash);
    describe(&access, detail, sizeof detail);
    if (decision_access(request, &access) == 0) {
        answer_account(request, access.name, 201, is_made ? made : NULL);
    }
}

void accounts_add(struct request *request)
{
    json_t *body = request_object(request);

    if (body != NULL) {
        add(request, body);
    }
    json_decref(body);
}

static void change(struct request *request, const json_t *body)
{
    struct slice password = json_member_text(body, "password");
    char hash[CREDENTIAL_HASH], detail[32];
    struct access access = {.verb = ACCESS_ACCOUNT_CHANGE,
                            .name = slice_text(request->parameter),
                            .author = caller_author(request, body),
                            .reason = request_reason(body)};

    if (revision_read(request, &access.if_match) != 0 ||
        read_role(request, body, &access.role) != 0) {
        return;
    }
    if (json_object_get(body, "password") != NULL) {
        if (password_hash(request, password, hash) != 0) {
            return;
        }
        access.hash = slice_text(hash);
    }
    describe(&access, detail, sizeof detail);
    if (decision_access(request, &access) == 0) {
        answer_account(request, access.name, 200, NULL);
    }
}

void accounts_change(struct request *request)
{
    json_t *body = request_object(request);

    if (body != NULL) {
        change(request, body);
    }
    json_decref(body);
}

void accounts_remove(struct request *request)
{
    json_t *body = NULL;
    struct access access = {.verb = ACCESS_ACCOUNT_REMOVE, .name = slice_text(request->parameter)};

    if (request_optional_object(request, &body) != 0) {
        return;
    }
    access.author = caller_author(request, body);
    access.reason = request_reason(body);
    if (revision_read(request, &access.if_match) == 0 && decision_access(request, &access) == 0) {
        respond_message(request, "Đã xóa tài khoản");
    }
    json_decref(body);
}
