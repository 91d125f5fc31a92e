#include "api/peer_choice.h"

#include "tests/support_main.h"

#include <check.h>
#include <string.h>

/* A row for each rule: by which link a central is reached. */
static const struct {
    struct peer_case now;
    const char *link;
    bool may_link, probe, dial;
} CASES[] = {
    {{.link = API_LINK_MESH, .is_running = true}, "mesh", false, false, false},
    {{.link = API_LINK_MESH, .is_running = true, .probe = PEER_PROBE_FOREIGN},
     "mesh",
     false,
     false,
     false},
    {{.link = API_LINK_WEBSOCKET, .is_running = true}, "websocket", true, false, true},
    {{.link = API_LINK_WEBSOCKET, .is_running = true, .is_mesh_proven = true},
     "websocket",
     true,
     false,
     true},
    {{.link = API_LINK_WEBSOCKET, .is_running = false}, "websocket", false, false, false},
    {{.link = API_LINK_AUTO, .is_running = false}, "none", false, false, false},
    {{.link = API_LINK_AUTO, .is_running = true}, "none", true, true, false},
    {{.link = API_LINK_AUTO, .is_running = true, .probe = PEER_PROBE_SILENT},
     "none",
     true,
     true,
     false},
    {{.link = API_LINK_AUTO, .is_running = true, .probe = PEER_PROBE_PARKMESH},
     "mesh",
     false,
     true,
     false},
    {{.link = API_LINK_AUTO, .is_running = true, .probe = PEER_PROBE_FOREIGN},
     "websocket",
     true,
     true,
     true},
    {{.link = API_LINK_AUTO, .is_running = true, .is_linked = true},
     "websocket",
     true,
     true,
     false},
    {{.link = API_LINK_AUTO,
      .is_running = true,
      .is_mesh_up = true,
      .is_linked = true,
      .probe = PEER_PROBE_FOREIGN},
     "mesh",
     false,
     false,
     false},
    {{.link = API_LINK_AUTO,
      .is_running = true,
      .is_mesh_proven = true,
      .probe = PEER_PROBE_FOREIGN},
     "mesh",
     false,
     false,
     false},
};

START_TEST(test_choice)
{
    struct peer_choice choice = peer_choice(&CASES[_i].now);

    ck_assert_str_eq(choice.link, CASES[_i].link);
    ck_assert_int_eq(choice.may_link, CASES[_i].may_link);
    ck_assert_int_eq(choice.probe, CASES[_i].probe);
    ck_assert_int_eq(choice.dial, CASES[_i].dial);
    ck_assert_ptr_nonnull(choice.why);
}
END_TEST

/* Never both, whatever is known: with the mesh up, or once proven, "auto" has no WebSocket. */
START_TEST(test_never_both)
{
    for (unsigned bits = 0; bits < 64; bits++) {
        const struct peer_case now = {.link = API_LINK_AUTO,
                                      .is_running = (bits & 1) != 0,
                                      .is_mesh_up = (bits & 2) != 0,
                                      .is_mesh_proven = (bits & 4) != 0,
                                      .is_linked = (bits & 8) != 0,
                                      .probe = (enum peer_probe)(bits >> 4)};
        struct peer_choice choice = peer_choice(&now);
        ck_assert(!(now.is_mesh_up || now.is_mesh_proven) || (!choice.may_link && !choice.dial));
        ck_assert(!choice.dial || choice.may_link);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peer_choice");
    TCase *tests = tcase_create("peer_choice");

    tcase_add_loop_test(tests, test_choice, 0, (int)(sizeof CASES / sizeof CASES[0]));
    tcase_add_test(tests, test_never_both);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
