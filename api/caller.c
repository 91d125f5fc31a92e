#include "api/caller.h"

#include "api/decision.h"
#include "api/request.h"
#include "proto/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool caller_may(const struct caller *caller, unsigned who)
{
    return who == ROLE_ANYONE || (caller->roles & who) != 0;
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* The last address of a list "client, proxy, proxy" that no trusted proxy stands behind: what comes
 * before it was written by who knows whom. */
static void take_forwarded(const struct gateway *gateway, struct caller *caller, const char *list)
{
    struct slice left = slice_text(list);

    while (left.len > 0) {
        size_t from = left.len;
        char text[CALLER_ADDRESS];
        struct in_addr address;
        while (from > 0 && left.data[from - 1] != ',') {
            from--;
        }
        struct slice last = {left.data + from, left.len - from};
        while (last.len > 0 && *last.data == ' ') {
            last.data++;
            last.len--;
        }
        if (!slice_copy(last, text, sizeof text) || inet_pton(AF_INET, text, &address) != 1) {
            return;
        }
        (void)slice_copy(last, caller->address, sizeof caller->address); /* fits: it fitted text */
        if (!trust_is_proxy(gateway->trust, caller->address)) {
            return;
        }
        left.len = from > 0 ? from - 1 : 0;
    }
}

/* Where the caller is; true when nothing stands between. */
static bool find_address(const struct request *request, struct caller *caller)
{
    const char *forwarded_for = mg_get_header(request->connection, "X-Forwarded-For");
    const char *proto = mg_get_header(request->connection, "X-Forwarded-Proto");
    const char *peer = request->info->remote_addr;

    (void)slice_copy(slice_text(peer), caller->address, sizeof caller->address); /* numeric */
    if (trust_is_proxy(request->gateway->trust, peer)) {
        if (forwarded_for != NULL) {
            take_forwarded(request->gateway, caller, forwarded_for);
        }
        caller->is_secure = proto != NULL && strcasecmp(proto, "https") == 0;
    }
    return forwarded_for == NULL && mg_get_header(request->connection, "Forwarded") == NULL;
}

/* ---- credentials ----------------------------------------------------------------------------- */

/* The bearer token of the request; absent when there is none. */
static struct slice bearer(const struct request *request)
{
    const char *header = mg_get_header(request->connection, "Authorization");

    if (header != NULL && strncasecmp(header, "Bearer ", 7) == 0) {
        return slice_text(header + 7);
    }
    /* A browser cannot put a header on a WebSocket. */
    return request_is_upgrade(request) ? request_query(request, "access_token") : (struct slice){0};
}

static void become(struct caller *caller, enum caller_how how, enum role role)
{
    caller->how = how;
    caller->roles = role_includes(role);
}

/* A session is written down as used now and then, not with every request; when that fails it only
 * seems idle for longer. */
static void note_use(struct request *request, const struct session *session, int64_t now_ms)
{
    struct access access = {.verb = ACCESS_SESSION_USE,
                            .digest = {(const char *)request->caller.digest, CREDENTIAL_DIGEST}};
    struct answer answer;
    struct problem problem;

    if (now_ms - session->used_ms >= LIMIT_SESSION_NOTE_MS) {
        (void)decision_try(request, &access, &answer, &problem);
    }
}

static bool find_session(struct request *request)
{
    struct caller *caller = &request->caller;
    const char *cookies = mg_get_header(request->connection, "Cookie");
    char name[CALLER_COOKIE], token[CREDENTIAL_TOKEN];
    int64_t now_ms;
    struct account account;
    struct session session;

    if (cookies == NULL || !request->cookies_count) {
        return false;
    }
    caller_cookie_name(request->gateway, name);
    if (mg_get_cookie(cookies, name, token, sizeof token) <= 0) {
        return false;
    }
    now_ms = clock_wall_ms();
    credential_digest(slice_text(token), caller->digest);
    if (identity_session(request->gateway->identity, caller->digest, now_ms, &account, &session) !=
        1) {
        return false;
    }
    become(caller, CALLER_SESSION, account.role);
    (void)slice_copy(slice_text(account.name), caller->name, sizeof caller->name); /* fits */
    note_use(request, &session, now_ms);
    return true;
}

static bool find_bearer(struct request *request)
{
    struct caller *caller = &request->caller;
    struct slice text = bearer(request);
    struct token token;

    if (text.len == 0) {
        return false;
    }
    if (credential_equal(text, slice_text(request->gateway->token))) {
        become(caller, CALLER_KEY, ROLE_ADMIN);
        return true;
    }
    credential_digest(text, caller->digest);
    if (identity_bearer(request->gateway->identity, caller->digest, clock_wall_ms(), &token) != 1) {
        return false;
    }
    become(caller, CALLER_TOKEN, token.role);
    (void)snprintf(caller->name, sizeof caller->name, "token:%s", token.name);
    return true;
}

/* ---- the name that was called ---------------------------------------------------------------- */

static bool is_address(const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/*
 * Whether a Host header is one that nobody else can hold: an address, this machine's name, a name
 * that public DNS does not know (without a dot, localhost). A page of a stranger whose name leads
 * to 127.0.0.1 (DNS rebinding) is, to its browser, a page of the server that it calls; its own name
 * in Host is what gives it away. Absent = no browser.
 */
static bool is_own_name(const char *host)
{
    char name[256], machine[256];
    struct slice text = slice_text(host);
    const char *port;
    size_t len;

    if (host == NULL) {
        return true;
    }
    if (text.len > 0 && text.data[0] == '[') {
        text = (struct slice){text.data + 1, strcspn(text.data + 1, "]")};
    } else if ((port = strrchr(host, ':')) != NULL) {
        text.len = (size_t)(port - host);
    }
    if (!slice_copy(text, name, sizeof name)) {
        return false;
    }
    len = strlen(name);
    if (strchr(name, '.') == NULL || is_address(name) ||
        (len > 10 && strcasecmp(name + len - 10, ".localhost") == 0)) {
        return true;
    }
    return gethostname(machine, sizeof machine) == 0 && strcasecmp(name, machine) == 0;
}

void caller_find(struct request *request)
{
    struct gateway *gateway = request->gateway;
    struct caller *caller = &request->caller;
    bool direct;

    *caller = (struct caller){.how = CALLER_NOBODY};
    direct = find_address(request, caller);
    if (find_bearer(request) || find_session(request)) {
        return;
    }
    if (gateway->is_open) {
        become(caller, CALLER_OPEN, ROLE_ADMIN);
    } else if (direct && strncmp(request->info->remote_addr, "127.", 4) == 0 &&
               is_own_name(mg_get_header(request->connection, "Host"))) {
        become(caller, CALLER_LOCAL, ROLE_ADMIN);
    } else if (direct && trust_is_camera(gateway->trust, request->info->remote_addr)) {
        become(caller, CALLER_CAMERA, ROLE_EDGE);
    }
}

bool caller_holds(const struct gateway *gateway, const struct caller *caller)
{
    int64_t now_ms = clock_wall_ms();
    struct account account;
    struct session session;
    struct token token;

    if (caller->how == CALLER_SESSION) {
        return identity_session(gateway->identity, caller->digest, now_ms, &account, &session) ==
                   1 &&
               role_includes(account.role) == caller->roles;
    }
    if (caller->how == CALLER_TOKEN) {
        return identity_bearer(gateway->identity, caller->digest, now_ms, &token) == 1 &&
               role_includes(token.role) == caller->roles;
    }
    return caller->how != CALLER_CAMERA || trust_is_camera(gateway->trust, caller->address);
}

void caller_cookie_name(const struct gateway *gateway, char out[CALLER_COOKIE])
{
    (void)snprintf(out, CALLER_COOKIE, "parkmesh_%s", gateway->node.text); /* fits */
}

bool caller_is_authenticated(const struct caller *caller)
{
    return caller->how >= CALLER_KEY;
}

/* ---- author ---------------------------------------------------------------------------------- */

struct slice caller_author(const struct request *request, const json_t *body)
{
    struct slice said;

    if (request->caller.name[0] != '\0') {
        return slice_text(request->caller.name);
    }
    said = json_member_text(body, "author");
    said.len = slice_cut(said, LIMIT_TEXT);
    return said.len > 0 ? said : (struct slice){0};
}
