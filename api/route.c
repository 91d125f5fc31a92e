#include "api/route.h"

#include "api/handlers.h"

#include <stdio.h>
#include <string.h>

/* Searched from the start: what cameras send all day comes first. */
static const struct route ROUTES[] = {
    {"POST", "/api/edge/event", ROLE_OPERATOR | ROLE_EDGE, gate_event},
    {"GET", "/", ROLE_ANYONE, assets_page},
    {"GET", "/web/{file}", ROLE_ANYONE, assets_file},
    {"GET", "/web/{folder}/{file}", ROLE_ANYONE, assets_file},
    {"GET", "/livez", ROLE_ANYONE, status_live},
    {"GET", "/readyz", ROLE_ANYONE, ready_get},
    {"GET", "/metrics", ROLE_METRICS | ROLE_VIEWER, metrics_get},
    {"GET", "/api/openapi.json", ROLE_ANYONE, assets_openapi},
    {"GET", "/api/status", ROLE_VIEWER, status_summary},
    {"POST", "/api/edge/heartbeat", ROLE_OPERATOR | ROLE_EDGE, heartbeat_post},
    {"POST", "/api/edge/sync-config", ROLE_OPERATOR | ROLE_EDGE, camera_register_post},
    {"GET", "/api/cameras", ROLE_VIEWER, camera_list_get},
    {"POST", "/api/cameras/{id}/offer", ROLE_VIEWER, media_offer},
    {"POST", "/api/cameras/{id}/offer-annotated", ROLE_VIEWER, media_offer_annotated},
    {"GET", "/api/stream/raw", ROLE_VIEWER, media_stream_raw},
    {"GET", "/api/stream/annotated", ROLE_VIEWER, media_stream_annotated},
    {"GET", "/api/config", ROLE_VIEWER, page_config_get},
    {"POST", "/api/config", ROLE_ADMIN, page_config_post},
    {"GET", "/api/parking/history", ROLE_VIEWER, visits_list},
    {"GET", "/api/parking/history/changes", ROLE_VIEWER, visits_changes},
    {"PUT", "/api/parking/history/{history_id}", ROLE_OPERATOR, visits_edit},
    {"DELETE", "/api/parking/history/{history_id}", ROLE_OPERATOR, visits_delete},
    {"GET", "/api/parking/fees", ROLE_VIEWER, money_fees_get},
    {"PUT", "/api/parking/fees", ROLE_ADMIN, money_fees_put},
    {"POST", "/api/edge/detection", ROLE_OPERATOR | ROLE_EDGE, detection_look},
    {"GET", "/api/parking/state", ROLE_VIEWER, visits_inside},
    {"GET", "/api/parking/occupancy", ROLE_VIEWER, lots_occupancy},
    {"GET", "/api/staff", ROLE_VIEWER, lists_staff_get},
    {"PUT", "/api/staff", ROLE_OPERATOR, lists_staff_put},
    {"GET", "/api/subscriptions", ROLE_VIEWER | ROLE_EDGE, lists_subscriptions_get},
    {"PUT", "/api/subscriptions", ROLE_ADMIN, lists_subscriptions_put},
    {"GET", "/api/stats", ROLE_VIEWER, money_stats},
    {"GET", "/api/p2p/config", ROLE_ADMIN, p2p_config_get},
    {"PUT", "/api/p2p/config", ROLE_ADMIN, p2p_config_put},
    {"GET", "/api/p2p/status", ROLE_VIEWER, p2p_status},
    {"GET", "/api/p2p/sync-state", ROLE_VIEWER, p2p_sync_state},
    {"GET", "/api/p2p/info", ROLE_ANYONE, peers_info},
    {"POST", "/api/p2p/add-peer", ROLE_ADMIN, peers_add},
    {"POST", "/api/p2p/register-peer", ROLE_ANYONE, peers_register},
    {"POST", "/api/p2p/unregister-peer", ROLE_ANYONE, peers_unregister},
    {"POST", "/api/p2p/test-connection", ROLE_ADMIN, peers_test},
    {"GET", "/api/v1/peers", ROLE_VIEWER, peer_list_get},
    {"POST", "/api/v1/peers/{peer_id}/accept", ROLE_ADMIN, peer_list_accept},
    {"DELETE", "/api/v1/peers/{peer_id}", ROLE_ADMIN, peer_list_delete},
    {"GET", "/api/v1/visits", ROLE_VIEWER, visit_list_get},
    {"POST", "/api/v1/visits", ROLE_ADMIN, batch_visits},
    {"GET", "/api/v1/visits/{event_id}", ROLE_VIEWER, visit_story_get},
    {"PUT", "/api/v1/visits/{event_id}", ROLE_OPERATOR, visit_change_put},
    {"DELETE", "/api/v1/visits/{event_id}", ROLE_OPERATOR, visit_change_delete},
    {"POST", "/api/v1/visits/{event_id}/undelete", ROLE_OPERATOR, visit_change_undelete},
    {"GET", "/api/v1/conflicts", ROLE_VIEWER, conflicts_get},
    {"GET", "/api/v1/stats", ROLE_VIEWER, counts_get},
    {"GET", "/api/v1/bus", ROLE_VIEWER, bus_get},
    {"GET", "/api/v1/sync", ROLE_VIEWER, sync_matrix},
    {"GET", "/api/v1/sync/diff", ROLE_VIEWER, sync_diff},
    {"POST", "/api/v1/login", ROLE_ANYONE, login_post},
    {"POST", "/api/v1/logout", ROLE_ANYONE, login_end},
    {"GET", "/api/v1/me", ROLE_ANYONE, login_me},
    {"PUT", "/api/v1/me/password", ROLE_VIEWER, login_password},
    {"GET", "/api/v1/accounts", ROLE_ADMIN, accounts_list},
    {"POST", "/api/v1/accounts", ROLE_ADMIN, accounts_add},
    {"GET", "/api/v1/accounts/{name}", ROLE_ADMIN, accounts_get},
    {"PUT", "/api/v1/accounts/{name}", ROLE_ADMIN, accounts_change},
    {"DELETE", "/api/v1/accounts/{name}", ROLE_ADMIN, accounts_remove},
    {"GET", "/api/v1/tokens", ROLE_ADMIN, tokens_list},
    {"POST", "/api/v1/tokens", ROLE_ADMIN, tokens_add},
    {"GET", "/api/v1/tokens/{name}", ROLE_ADMIN, tokens_get},
    {"PUT", "/api/v1/tokens/{name}", ROLE_ADMIN, tokens_change},
    {"DELETE", "/api/v1/tokens/{name}", ROLE_ADMIN, tokens_revoke},
    {"GET", "/api/v1/audit", ROLE_ADMIN, audit_list},
    {"GET", "/api/v1/events", ROLE_VIEWER, feed_events},
    {"POST", "/api/v1/events", ROLE_OPERATOR | ROLE_EDGE, batch_events},
    {"WS", "/ws/events", ROLE_VIEWER, NULL},
    {"POST", "/api/p2p/start", ROLE_ADMIN, p2p_start},
    {"POST", "/api/p2p/stop", ROLE_ADMIN, p2p_stop},
    {"WS", "/ws/history", ROLE_VIEWER, NULL},
    {"WS", "/ws/cameras", ROLE_VIEWER, NULL},
    {"WS", "/ws/edge", ROLE_OPERATOR | ROLE_EDGE, NULL},
    {"WS", "/ws/p2p", ROLE_ANYONE, NULL},
};

/* The segment at the start of `path` (after its '/'); `path` moves behind it. */
static struct slice next_segment(struct slice *path)
{
    struct slice segment = {path->data + 1, 0};

    while (segment.len + 1 < path->len && segment.data[segment.len] != '/') {
        segment.len++;
    }
    path->data += segment.len + 1;
    path->len -= segment.len + 1;
    return segment;
}

/* A visit's name is any text that a camera box made up, and only ever looked up in the database: a
 * slash is one of its characters. What becomes a file, a path at another server, a number or a
 * name of our own has none. */
static bool may_hold_slash(struct slice pattern)
{
    return slice_equal(pattern, slice_text("{event_id}"));
}

/* One segment against one of the pattern; both decoded, so that "/api/st%61ts" is "/api/stats" and
 * an encoded slash never splits or joins segments. */
static bool segment_matches(struct slice pattern, struct slice raw, char *parameter, size_t size)
{
    char text[LIMIT_EVENT_ID + 1];
    bool is_parameter = pattern.len > 0 && pattern.data[0] == '{';

    if (!is_parameter && memchr(raw.data, '%', raw.len) == NULL) {
        return slice_equal(pattern, raw);
    }
    if (!request_decode(raw, false, text, sizeof text) ||
        (strchr(text, '/') != NULL && !may_hold_slash(pattern))) {
        return false;
    }
    if (!is_parameter) {
        return slice_equal(pattern, slice_text(text));
    }
    (void)snprintf(parameter, size, "%s", text);
    return text[0] != '\0';
}

static bool path_matches(const char *pattern, struct slice path, char *parameter, size_t size)
{
    struct slice left = slice_text(pattern);

    while (left.len > 0 && path.len > 0) {
        struct slice expected = next_segment(&left);
        struct slice raw = next_segment(&path);
        if (!segment_matches(expected, raw, parameter, size)) {
            return false;
        }
    }
    return left.len == 0 && path.len == 0;
}

/* The route of a path without regard to slashes at its end. */
static const struct route *search(struct request *request, const char *method, struct slice path,
                                  char allow[64])
{
    allow[0] = '\0';
    for (size_t i = 0; i < sizeof ROUTES / sizeof ROUTES[0]; i++) {
        const struct route *route = &ROUTES[i];
        size_t used;
        if (!path_matches(route->path, path, request->parameter, sizeof request->parameter)) {
            continue;
        }
        if (strcmp(route->method, method) == 0) {
            return route;
        }
        used = strlen(allow);
        if (strstr(allow, route->method) == NULL) {
            (void)snprintf(allow + used, 64 - used, "%s%s", used > 0 ? ", " : "", route->method);
        }
    }
    return NULL;
}

enum route_result route_find(struct request *request, const char *method, struct slice path,
                             const struct route **route, char allow[64])
{
    request->parameter[0] = '\0';
    *route = NULL;
    allow[0] = '\0';
    if (path.len == 0 || path.data[0] != '/') {
        return ROUTE_UNKNOWN;
    }
    *route = search(request, method, path, allow);
    if (*route != NULL) {
        return ROUTE_FOUND;
    }
    if (allow[0] != '\0') {
        return ROUTE_METHOD;
    }
    if (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
        if (search(request, method, path, allow) != NULL || allow[0] != '\0') {
            return ROUTE_SLASH;
        }
    }
    return ROUTE_UNKNOWN;
}

const struct route *route_at(size_t index)
{
    return index < sizeof ROUTES / sizeof ROUTES[0] ? &ROUTES[index] : NULL;
}

size_t route_index(const struct route *route)
{
    return route != NULL ? (size_t)(route - ROUTES) : sizeof ROUTES / sizeof ROUTES[0];
}
