/*
 * Who may do what: a cell for each route and role, held against the server's own table both ways.
 * A new route needs a row here: whoever adds it says who may.
 */
#include "api/caller.h"
#include "api/route.h"
#include "proto/role.h"
#include "tests/support_main.h"

#include <check.h>
#include <string.h>

#define ALL "vohem"

/* Letters of those who may: viewer, operator, head (admin), edge, metrics. */
static const struct row {
    const char *method, *path, *who;
} ROWS[] = {
    {"GET", "/", ALL},
    {"GET", "/web/{file}", ALL},
    {"GET", "/web/{folder}/{file}", ALL},
    {"GET", "/livez", ALL},
    {"GET", "/readyz", ALL},
    {"GET", "/metrics", "vohm"},
    {"GET", "/api/openapi.json", ALL},
    {"GET", "/api/status", "voh"},
    {"POST", "/api/edge/event", "ohe"},
    {"POST", "/api/edge/heartbeat", "ohe"},
    {"POST", "/api/edge/sync-config", "ohe"},
    {"GET", "/api/cameras", "voh"},
    {"POST", "/api/cameras/{id}/offer", "voh"},
    {"POST", "/api/cameras/{id}/offer-annotated", "voh"},
    {"GET", "/api/stream/raw", "voh"},
    {"GET", "/api/stream/annotated", "voh"},
    {"GET", "/api/config", "voh"},
    {"POST", "/api/config", "h"},
    {"GET", "/api/parking/history", "voh"},
    {"GET", "/api/parking/history/changes", "voh"},
    {"PUT", "/api/parking/history/{history_id}", "oh"},
    {"DELETE", "/api/parking/history/{history_id}", "oh"},
    {"GET", "/api/parking/fees", "voh"},
    {"PUT", "/api/parking/fees", "h"},
    {"POST", "/api/edge/detection", "ohe"},
    {"GET", "/api/parking/state", "voh"},
    {"GET", "/api/parking/occupancy", "voh"},
    {"GET", "/api/staff", "voh"},
    {"PUT", "/api/staff", "oh"},
    {"GET", "/api/subscriptions", "vohe"},
    {"PUT", "/api/subscriptions", "h"},
    {"GET", "/api/stats", "voh"},
    {"GET", "/api/p2p/config", "h"},
    {"PUT", "/api/p2p/config", "h"},
    {"GET", "/api/p2p/status", "voh"},
    {"GET", "/api/p2p/sync-state", "voh"},
    {"GET", "/api/v1/visits", "voh"},
    {"POST", "/api/v1/visits", "h"},
    {"GET", "/api/v1/visits/{event_id}", "voh"},
    {"PUT", "/api/v1/visits/{event_id}", "oh"},
    {"DELETE", "/api/v1/visits/{event_id}", "oh"},
    {"POST", "/api/v1/visits/{event_id}/undelete", "oh"},
    {"GET", "/api/v1/conflicts", "voh"},
    {"GET", "/api/v1/stats", "voh"},
    {"GET", "/api/p2p/info", ALL},
    {"POST", "/api/p2p/add-peer", "h"},
    {"POST", "/api/p2p/register-peer", ALL}, /* by a seal; without one it only asks */
    {"POST", "/api/p2p/unregister-peer", ALL},
    {"POST", "/api/p2p/test-connection", "h"},
    {"GET", "/api/v1/peers", "voh"},
    {"POST", "/api/v1/peers/{peer_id}/accept", "h"},
    {"DELETE", "/api/v1/peers/{peer_id}", "h"},
    {"GET", "/api/v1/bus", "voh"},
    {"GET", "/api/v1/sync", "voh"},
    {"GET", "/api/v1/sync/diff", "voh"},
    {"POST", "/api/v1/login", ALL},
    {"POST", "/api/v1/logout", ALL},
    {"GET", "/api/v1/me", ALL},
    {"PUT", "/api/v1/me/password", "voh"}, /* of one's own account, with the old one */
    {"GET", "/api/v1/accounts", "h"},
    {"POST", "/api/v1/accounts", "h"},
    {"GET", "/api/v1/accounts/{name}", "h"},
    {"PUT", "/api/v1/accounts/{name}", "h"},
    {"DELETE", "/api/v1/accounts/{name}", "h"},
    {"GET", "/api/v1/tokens", "h"},
    {"POST", "/api/v1/tokens", "h"},
    {"GET", "/api/v1/tokens/{name}", "h"},
    {"PUT", "/api/v1/tokens/{name}", "h"},
    {"DELETE", "/api/v1/tokens/{name}", "h"},
    {"GET", "/api/v1/audit", "h"},
    {"GET", "/api/v1/events", "voh"},
    {"POST", "/api/v1/events", "ohe"},
    {"WS", "/ws/events", "voh"},
    {"POST", "/api/p2p/start", "h"},
    {"POST", "/api/p2p/stop", "h"},
    {"WS", "/ws/history", "voh"},
    {"WS", "/ws/cameras", "voh"},
    {"WS", "/ws/edge", "ohe"},
    {"WS", "/ws/p2p", ALL}, /* by address and name of a central */
};

static const struct {
    char letter;
    enum role role;
} ROLES[] = {{'v', ROLE_VIEWER},
             {'o', ROLE_OPERATOR},
             {'h', ROLE_ADMIN},
             {'e', ROLE_EDGE},
             {'m', ROLE_METRICS}};

static const struct row *row_of(const struct route *route)
{
    const struct row *found = NULL;

    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (strcmp(ROWS[i].method, route->method) == 0 && strcmp(ROWS[i].path, route->path) == 0) {
            ck_assert_msg(found == NULL, "two rows for %s %s", route->method, route->path);
            found = &ROWS[i];
        }
    }
    return found;
}

START_TEST(every_route_has_a_row_and_every_row_a_route)
{
    size_t count = 0;

    for (const struct route *route = route_at(0); route != NULL; route = route_at(++count)) {
        ck_assert_msg(row_of(route) != NULL, "no row says who may %s %s", route->method,
                      route->path);
    }
    ck_assert_uint_eq(count, sizeof ROWS / sizeof ROWS[0]); /* no row twice, so none is left over */
}
END_TEST

START_TEST(every_cell)
{
    const struct caller nobody = {.how = CALLER_NOBODY};

    for (size_t i = 0; route_at(i) != NULL; i++) {
        const struct route *route = route_at(i);
        const struct row *row = row_of(route);
        ck_assert_ptr_nonnull(row);
        for (size_t j = 0; j < sizeof ROLES / sizeof ROLES[0]; j++) {
            const struct caller caller = {.roles = role_includes(ROLES[j].role)};
            ck_assert_msg(caller_may(&caller, route->who) ==
                              (strchr(row->who, ROLES[j].letter) != NULL),
                          "%s at %s %s", role_name(ROLES[j].role), route->method, route->path);
        }
        ck_assert_msg(caller_may(&nobody, route->who) == (strcmp(row->who, ALL) == 0),
                      "nobody at %s %s", route->method, route->path);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("roles");
    TCase *tests = tcase_create("matrix");

    tcase_add_test(tests, every_route_has_a_row_and_every_row_a_route);
    tcase_add_test(tests, every_cell);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
