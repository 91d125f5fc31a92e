/*
 * Logging in and out, and what a caller may ask about itself.
 */
#include "api/handlers.h"

#include "api/decision.h"
#include "api/password.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/localtime.h"

#include <stdio.h>

#define COOKIE_BYTES (CALLER_COOKIE + CREDENTIAL_TOKEN + 100)

/* ---- cookie ---------------------------------------------------------------------------------- */

/* A browser sends it back to this central only, never with what another site makes it do, and
 * shows it to no script. "" ends it. */
static void set_cookie(struct request *request, const char *token)
{
    char name[CALLER_COOKIE], value[COOKIE_BYTES];

    caller_cookie_name(request->gateway, name);
    (void)snprintf(value, sizeof value, "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
                   name, token, token[0] != '\0' ? LIMIT_SESSION_MS / 1000 : 0,
                   request->caller.is_secure ? "; Secure" : "");
    respond_header(request, "Set-Cookie", value);
}

/* ---- POST /api/v1/login ---------------------------------------------------------------------- */

struct attempt {
    char name[LIMIT_ACCOUNT_NAME + 1];
    struct slice password;
};

/* 0, or -1 after an answer. */
static int read_attempt(struct request *request, const json_t *body, struct attempt *attempt)
{
    struct slice name = json_member_text(body, "name");

    attempt->password = json_member_text(body, "password");
    if (!access_name_is_valid(name) || attempt->password.len == 0 ||
        attempt->password.len > LIMIT_PASSWORD) {
        respond_error(request, PROBLEM_FIELD_INVALID, "name và password là bắt buộc");
        return -1;
    }
    (void)slice_copy(name, attempt->name, sizeof attempt->name); /* a valid name fits */
    return 0;
}

static int throttle(struct request *request, const char *name)
{
    char seconds[16];
    int wait_s =
        throttle_take(request->gateway->throttle, name, request->caller.address, clock_mono_ms());

    if (wait_s == 0) {
        return 0;
    }
    (void)snprintf(seconds, sizeof seconds, "%d", wait_s);
    respond_header(request, "Retry-After", seconds);
    respond_error(request, PROBLEM_TOO_MANY_ATTEMPTS, "Sai quá nhiều lần, vui lòng đợi");
    return -1;
}

/* The same answer whether the account or the password is wrong. */
static void refuse_login(struct request *request, const char *name)
{
    struct access access = {.verb = ACCESS_NOTE,
                            .kind = AUDIT_LOGIN_FAILED,
                            .name = slice_text(name),
                            .address = slice_text(request->caller.address)};
    struct answer answer;
    struct problem problem;

    /* Without its line in the audit the refusal is still right. */
    (void)decision_try(request, &access, &answer, &problem);
    respond_error(request, PROBLEM_LOGIN_FAILED, "Tên hoặc mật khẩu không đúng");
}

static void put_account(struct json_writer *writer, const struct account *account)
{
    json_set_text(writer, "name", account->name);
    json_set_text(writer, "role", role_name(account->role));
}

static void start_session(struct request *request, const struct account *account)
{
    unsigned char digest[CREDENTIAL_DIGEST];
    char token[CREDENTIAL_TOKEN], expires[UTCTIME_RFC3339];
    struct access access = {.verb = ACCESS_SESSION_START,
                            .name = slice_text(account->name),
                            .author = slice_text(account->name),
                            .digest = {(const char *)digest, sizeof digest},
                            .revision = account->revision};
    struct json_writer writer;

    credential_new_token("", token);
    credential_digest(slice_text(token), digest);
    if (decision_access(request, &access) != 0) {
        return;
    }
    set_cookie(request, token);
    utctime_rfc3339(clock_wall_ms() + LIMIT_SESSION_MS, expires);
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    put_account(&writer, account);
    json_set_text(&writer, "expires_at", expires);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

static void log_in(struct request *request, const struct attempt *attempt)
{
    struct account account;
    int found, right;

    if (throttle(request, attempt->name) != 0) {
        return;
    }
    found = identity_account(request->gateway->identity, slice_text(attempt->name), &account);
    right = password_check(request, found == 1 ? account.hash : NULL, attempt->password);
    if (right < 0) {
        return;
    }
    if (right == 0) {
        refuse_login(request, attempt->name);
        return;
    }
    throttle_forgive(request->gateway->throttle, attempt->name, request->caller.address);
    start_session(request, &account);
}

void login_post(struct request *request)
{
    json_t *body = request_object(request);
    struct attempt attempt;

    if (body != NULL && read_attempt(request, body, &attempt) == 0) {
        log_in(request, &attempt);
    }
    json_decref(body);
}

/* ---- POST /api/v1/logout --------------------------------------------------------------------- */

void login_end(struct request *request)
{
    const struct caller *caller = &request->caller;
    struct access access = {.verb = ACCESS_SESSION_END,
                            .name = slice_text(caller->name),
                            .author = slice_text(caller->name),
                            .digest = {(const char *)caller->digest, CREDENTIAL_DIGEST}};

    if (request_body(request) != 0) {
        return;
    }
    if (caller->how == CALLER_SESSION && decision_access(request, &access) != 0) {
        return;
    }
    set_cookie(request, "");
    respond_message(request, "Đã đăng xuất");
}

/* ---- GET /api/v1/me -------------------------------------------------------------------------- */

static const char *how_name(enum caller_how how)
{
    static const char *const NAMES[] = {
        [CALLER_NOBODY] = "none",     [CALLER_OPEN] = "open",     [CALLER_LOCAL] = "loopback",
        [CALLER_CAMERA] = "camera",   [CALLER_KEY] = "api_token", [CALLER_TOKEN] = "token",
        [CALLER_SESSION] = "session",
    };
    return NAMES[how];
}

void login_me(struct request *request)
{
    static const enum role all[] = {ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN, ROLE_EDGE,
                                    ROLE_METRICS};
    const struct caller *caller = &request->caller;
    struct json_writer writer = respond_json(request);
    char now[LOCALTIME_RFC3339];

    localtime_rfc3339(clock_wall_ms(), now);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_set_bool(&writer, "authenticated", caller_is_authenticated(caller));
    json_set_text(&writer, "how", how_name(caller->how));
    json_set_text(&writer, "name", caller->name);
    json_put_key(&writer, "roles");
    json_put_open(&writer, '[');
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (caller_may(caller, (unsigned)all[i])) {
            json_put_string(&writer, role_name(all[i]));
        }
    }
    json_put_close(&writer, ']');
    json_set_text(&writer, "address", caller->address);
    json_set_text(&writer, "timezone", localtime_zone());
    json_set_text(&writer, "time", now);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* ---- PUT /api/v1/me/password ----------------------------------------------------------------- */

static void change_password(struct request *request, const json_t *body)
{
    const struct caller *caller = &request->caller;
    struct slice old = json_member_text(body, "old"), new = json_member_text(body, "new");
    char hash[CREDENTIAL_HASH];
    struct access access = {.verb = ACCESS_ACCOUNT_CHANGE,
                            .name = slice_text(caller->name),
                            .author = slice_text(caller->name),
                            .digest = {(const char *)caller->digest, CREDENTIAL_DIGEST}};
    struct account account;
    int right;

    if (old.len == 0 || old.len > LIMIT_PASSWORD) {
        respond_error(request, PROBLEM_FIELD_INVALID, "old và new là bắt buộc");
        return;
    }
    if (throttle(request, caller->name) != 0) {
        return;
    }
    if (identity_account(request->gateway->identity, access.name, &account) != 1) {
        respond_error(request, PROBLEM_NOT_FOUND, "Không có tài khoản này");
        return;
    }
    right = password_check(request, account.hash, old);
    if (right == 0) {
        refuse_login(request, caller->name);
    }
    if (right != 1 || password_hash(request, new, hash) != 0) {
        return;
    }
    throttle_forgive(request->gateway->throttle, caller->name, caller->address);
    access.hash = slice_text(hash);
    access.revision = account.revision;
    if (decision_access(request, &access) == 0) {
        respond_message(request, "Đã đổi mật khẩu");
    }
}

void login_password(struct request *request)
{
    json_t *body;

    if (request->caller.how != CALLER_SESSION) {
        respond_error(request, PROBLEM_FORBIDDEN, "Cần đăng nhập bằng tài khoản");
        return;
    }
    body = request_object(request);
    if (body != NULL) {
        change_password(request, body);
    }
    json_decref(body);
}
