#include "api/caller.h"

#include "api/request.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* ---- roles ----------------------------------------------------------------------------------- */

unsigned caller_includes(unsigned role)
{
    switch (role) {
    case ROLE_ADMIN:
        return ROLE_VIEWER | ROLE_OPERATOR | ROLE_ADMIN | ROLE_EDGE | ROLE_METRICS;
    case ROLE_OPERATOR:
        return ROLE_VIEWER | ROLE_OPERATOR;
    default:
        return role;
    }
}

bool caller_may(const struct caller *caller, unsigned who)
{
    return who == ROLE_ANYONE || (caller->roles & who) != 0;
}

const char *caller_role_name(unsigned role)
{
    switch (role) {
    case ROLE_VIEWER:
        return "viewer";
    case ROLE_OPERATOR:
        return "operator";
    case ROLE_ADMIN:
        return "admin";
    case ROLE_EDGE:
        return "edge";
    case ROLE_METRICS:
        return "metrics";
    default:
        return NULL;
    }
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

/* In time that depends on the lengths only. */
static bool same_secret(struct slice a, struct slice b)
{
    unsigned char difference = 0;

    if (a.len != b.len || a.len == 0) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        difference = (unsigned char)(difference | (a.data[i] ^ b.data[i]));
    }
    return difference == 0;
}

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

static void become(struct caller *caller, enum caller_how how, unsigned role)
{
    caller->how = how;
    caller->roles = caller_includes(role);
}

void caller_find(struct request *request)
{
    struct gateway *gateway = request->gateway;
    struct caller *caller = &request->caller;
    bool direct;

    *caller = (struct caller){.how = CALLER_NOBODY};
    direct = find_address(request, caller);
    if (same_secret(bearer(request), slice_text(gateway->token))) {
        become(caller, CALLER_KEY, ROLE_ADMIN);
    } else if (gateway->is_open) {
        become(caller, CALLER_OPEN, ROLE_ADMIN);
    } else if (direct && strncmp(request->info->remote_addr, "127.", 4) == 0) {
        become(caller, CALLER_LOCAL, ROLE_ADMIN);
    } else if (direct && trust_is_camera(gateway->trust, request->info->remote_addr)) {
        become(caller, CALLER_CAMERA, ROLE_EDGE);
    }
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
