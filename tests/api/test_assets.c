/* The embedded page: who gets it, how it is packed, and what protects it. */
#include "api/assets.h"
#include "support_stand.h"
#include "tests/support_main.h"

#include <check.h>
#include <string.h>

static struct reply ask(struct stand *stand, const char *target, const char *lines)
{
    return stand_ask(stand, "GET", target, lines, NULL);
}

START_TEST(test_who_gets_the_page)
{
    struct stand stand;
    struct reply reply;

    stand_new(&stand);
    reply = ask(&stand, "/", "Accept: text/html,application/xhtml+xml;q=0.9\r\n");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.head, "Content-Type: text/html; charset=utf-8\r\n"));
    ck_assert_ptr_nonnull(strstr(reply.head, "Content-Security-Policy: default-src 'self';"));
    ck_assert_ptr_null(strstr(reply.head, "unsafe-"));
    ck_assert_ptr_nonnull(strstr(reply.body, "<script type=\"module\" src=\"/web/app.js\">"));
    stand_reply_free(&reply);
    reply = ask(&stand, "/", "Accept: */*\r\n"); /* programs get the banner */
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"service\""));
    stand_reply_free(&reply);
    stand_free(&stand);
}
END_TEST

/* The bytes of the table, packed only for who asks; and not at all for who has them. */
START_TEST(test_every_file_both_ways)
{
    struct stand stand;

    stand_new(&stand);
    ck_assert_uint_gt(ASSET_COUNT, 10);
    for (size_t i = 0; i < ASSET_COUNT; i++) {
        const struct asset *asset = &ASSETS[i];
        char target[128], lines[128];
        if (strchr(asset->path, '/') == NULL && strcmp(asset->path, "index.html") == 0) {
            continue; /* at "/" */
        }
        (void)snprintf(target, sizeof target, "/web/%s", asset->path);
        struct reply plain = ask(&stand, target, "");
        ck_assert_int_eq(plain.status, 200);
        ck_assert_uint_eq(plain.len, asset->plain_len);
        ck_assert_mem_eq(plain.body, asset->plain, asset->plain_len);
        ck_assert_ptr_null(strstr(plain.head, "Content-Encoding"));
        struct reply packed = ask(&stand, target, "Accept-Encoding: gzip, br\r\n");
        ck_assert_ptr_nonnull(strstr(packed.head, "Content-Encoding: gzip\r\n"));
        ck_assert_uint_eq(packed.len, asset->packed_len);
        ck_assert_mem_eq(packed.body, asset->packed, asset->packed_len);
        (void)snprintf(lines, sizeof lines, "If-None-Match: \"%s-gz\"\r\n", asset->etag);
        struct reply known = ask(&stand, target, lines);
        ck_assert_int_eq(known.status, 304);
        ck_assert_uint_eq(known.len, 0);
        stand_reply_free(&plain);
        stand_reply_free(&packed);
        stand_reply_free(&known);
    }
    stand_free(&stand);
}
END_TEST

START_TEST(test_nothing_else_is_served)
{
    static const char *const targets[] = {"/web/nothing.js", "/web/../api/route.c",
                                          "/web/%2e%2e/%2e%2e/etc/passwd", "/web/package.json",
                                          "/web/vendor/../app.js/x"};
    struct stand stand;

    stand_prepare(&stand);
    stand.options.web_dir = "/nowhere"; /* what is not there comes from the program */
    stand_start(&stand);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct reply reply = ask(&stand, targets[i], "");
        ck_assert_int_eq(reply.status, 404);
        stand_reply_free(&reply);
    }
    struct reply reply = ask(&stand, "/web/app.js", "");
    ck_assert_int_eq(reply.status, 200);
    stand_reply_free(&reply);
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assets");
    TCase *tcase = tcase_create("assets");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_who_gets_the_page);
    tcase_add_test(tcase, test_every_file_both_ways);
    tcase_add_test(tcase, test_nothing_else_is_served);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
