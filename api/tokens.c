/*
 * Bearer tokens for programs, for administrators.
 */
#include "api/handlers.h"

#include "api/decision.h"
#include "api/respond.h"
#include "api/revision.h"
#include "proto/clock.h"
#include "proto/localtime.h"

#include <stdio.h>

#define TOKEN_LIFE_MS (365LL * 24 * 3600 * 1000) /* when none was asked for */

static void put_members(struct json_writer *writer, const struct token *token)
{
    json_set_text(writer, "name", token->name);
    json_set_text(writer, "role", role_name(token->role));
    json_set_int(writer, "revision", token->revision);
    json_set_time(writer, "created_at", token->created_ms);
    json_set_time(writer, "expires_at", token->expires_ms);
    json_set_bool(writer, "expired", token->expires_ms <= clock_wall_ms());
}

static int each_token(void *context, const struct token *token)
{
    struct json_writer *writer = context;

    json_put_open(writer, '{');
    put_members(writer, token);
    json_put_close(writer, '}');
    return 0;
}

void tokens_list(struct request *request)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "tokens");
    json_put_open(&writer, '[');
    if (identity_each_token(request->gateway->identity, each_token, &writer) != 0) {
        respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
        return;
    }
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* Answers with one token as it is now; `secret` (or NULL) is shown this once. */
static void answer_token(struct request *request, struct slice name, int status, const char *secret)
{
    struct token token;
    struct json_writer writer;

    if (identity_token(request->gateway->identity, name, &token) != 1) {
        respond_error(request, PROBLEM_NOT_FOUND, "Không có token này");
        return;
    }
    revision_show(request, token.revision);
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    put_members(&writer, &token);
    if (secret != NULL) {
        json_set_text(&writer, "token", secret);
    }
    json_put_close(&writer, '}');
    respond_send(request, status);
}

void tokens_get(struct request *request)
{
    answer_token(request, slice_text(request->parameter), 200, NULL);
}

/* Role and expiry of a body; a missing one stays as it is in `access`. -1 after an answer. */
static int read_members(struct request *request, const json_t *body, struct access *access)
{
    if (json_object_get(body, "role") != NULL) {
        access->role = role_parse(json_member_text(body, "role"));
        if (access->role == ROLE_ANYONE) {
            respond_error(request, PROBLEM_FIELD_INVALID,
                          "role: viewer, operator, admin, edge hoặc metrics");
            return -1;
        }
    }
    if (json_object_get(body, "expires_at") != NULL &&
        (localtime_parse(json_member_text(body, "expires_at"), &access->expires_ms) != 0 ||
         access->expires_ms <= 0)) {
        respond_error(request, PROBLEM_FIELD_INVALID, "expires_at: 2027-01-31T00:00:00+07:00");
        return -1;
    }
    return 0;
}

static void describe(struct access *access, char *out, size_t size)
{
    char expires[UTCTIME_RFC3339];

    utctime_rfc3339(access->expires_ms, expires);
    (void)snprintf(out, size, "%s%s%s%s", access->role != ROLE_ANYONE ? "role=" : "",
                   access->role != ROLE_ANYONE ? role_name(access->role) : "",
                   access->expires_ms != 0 ? " expires_at=" : "",
                   access->expires_ms != 0 ? expires : "");
    access->detail = slice_text(out);
}

static void add(struct request *request, const json_t *body)
{
    unsigned char digest[CREDENTIAL_DIGEST];
    char secret[CREDENTIAL_TOKEN], detail[80];
    struct access access = {.verb = ACCESS_TOKEN_ADD,
                            .name = json_member_text(body, "name"),
                            .digest = {(const char *)digest, sizeof digest},
                            .expires_ms = clock_wall_ms() + TOKEN_LIFE_MS,
                            .author = caller_author(request, body),
                            .reason = request_reason(body)};

    if (read_members(request, body, &access) != 0) {
        return;
    }
    credential_new_token("pm_", secret);
    credential_digest(slice_text(secret), digest);
    describe(&access, detail, sizeof detail);
    if (decision_access(request, &access) == 0) {
        answer_token(request, access.name, 201, secret);
    }
}

void tokens_add(struct request *request)
{
    json_t *body = request_object(request);

    if (body != NULL) {
        add(request, body);
    }
    json_decref(body);
}

static void change(struct request *request, const json_t *body)
{
    char detail[80];
    struct access access = {.verb = ACCESS_TOKEN_CHANGE,
                            .name = slice_text(request->parameter),
                            .author = caller_author(request, body),
                            .reason = request_reason(body)};

    if (revision_read(request, &access.if_match) != 0 ||
        read_members(request, body, &access) != 0) {
        return;
    }
    describe(&access, detail, sizeof detail);
    if (decision_access(request, &access) == 0) {
        answer_token(request, access.name, 200, NULL);
    }
}

void tokens_change(struct request *request)
{
    json_t *body = request_object(request);

    if (body != NULL) {
        change(request, body);
    }
    json_decref(body);
}

void tokens_revoke(struct request *request)
{
    json_t *body = NULL;
    struct access access = {.verb = ACCESS_TOKEN_REVOKE, .name = slice_text(request->parameter)};

    if (request_optional_object(request, &body) != 0) {
        return;
    }
    access.author = caller_author(request, body);
    access.reason = request_reason(body);
    if (revision_read(request, &access.if_match) == 0 && decision_access(request, &access) == 0) {
        respond_message(request, "Đã thu hồi token");
    }
    json_decref(body);
}
