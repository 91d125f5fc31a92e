/* Whether callers are still who they were. */
#include "api/caller.h"

#include "api/gateway.h"
#include "tests/support_main.h"

#include <arpa/inet.h>
#include <check.h>

/* A camera's socket ends when the camera is removed: its address was all it had. */
START_TEST(an_address_holds_while_a_camera_has_it)
{
    uint32_t addresses[2];
    struct api_trust trust = {.cameras = addresses, .camera_count = 2};
    struct gateway gateway = {.trust = trust_new()};
    struct caller camera = {.how = CALLER_CAMERA, .roles = role_includes(ROLE_EDGE)};
    struct caller local = {.how = CALLER_LOCAL, .roles = role_includes(ROLE_ADMIN)};

    (void)slice_copy(slice_text("10.0.0.9"), camera.address, sizeof camera.address);
    ck_assert_int_eq(inet_pton(AF_INET, "10.0.0.8", &addresses[0]), 1);
    ck_assert_int_eq(inet_pton(AF_INET, "10.0.0.9", &addresses[1]), 1);
    trust_set(gateway.trust, &trust);
    ck_assert(caller_holds(&gateway, &camera));
    trust.camera_count = 1;
    trust_set(gateway.trust, &trust);
    ck_assert(!caller_holds(&gateway, &camera));
    ck_assert(caller_holds(&gateway, &local));
    trust_destroy(&gateway.trust);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("caller");
    TCase *tests = tcase_create("caller");

    tcase_add_test(tests, an_address_holds_while_a_camera_has_it);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
