#include "proto/limits.h"
#include "proto/seal.h"
#include "support_suite.h"

#include <string.h>

static const uint8_t KEY[SEAL_KEY] = {1, 2, 3};
static const uint8_t OTHER_KEY[SEAL_KEY] = {1, 2, 4};

#define NOW INT64_C(1795361269000)

static struct seal_subject subject(const char *method, const char *target, const char *body)
{
    return (struct seal_subject){.method = slice_text(method),
                                 .target = slice_text(target),
                                 .body = slice_text(body),
                                 .wall_ms = NOW};
}

static bool holds(const uint8_t *key, struct seal_subject what, const char *text, int64_t now_ms)
{
    uint8_t mac[SEAL_MAC];

    return seal_check(key, &what, text, now_ms, mac);
}

START_TEST(test_a_seal_holds_for_what_was_sealed)
{
    struct seal_subject what = subject("POST", "/api/p2p/register-peer", "{\"id\":\"c2\"}");
    char text[SEAL_TEXT];

    ck_assert_int_eq(seal_make(KEY, &what, text), 0);
    ck_assert_int_eq(strncmp(text, "1 1795361269000 ", 16), 0);
    ck_assert(holds(KEY, what, text, NOW));
    ck_assert(!holds(OTHER_KEY, what, text, NOW));
    ck_assert(!holds(KEY, subject("PUT", "/api/p2p/register-peer", "{\"id\":\"c2\"}"), text, NOW));
    ck_assert(!holds(KEY, subject("POST", "/api/p2p/register-pee", "{\"id\":\"c2\"}"), text, NOW));
    ck_assert(!holds(KEY, subject("POST", "/api/p2p/register-peer", "{\"id\":\"c3\"}"), text, NOW));
    ck_assert(!holds(KEY, subject("POST", "/api/p2p/register-peer", ""), text, NOW));
}
END_TEST

START_TEST(test_nothing_moves_between_the_parts)
{
    struct seal_subject what = subject("POST", "/a", "b");
    char text[SEAL_TEXT];

    ck_assert_int_eq(seal_make(KEY, &what, text), 0);
    ck_assert(!holds(KEY, subject("POST/", "a", "b"), text, NOW));
    ck_assert(!holds(KEY, subject("POST", "/ab", ""), text, NOW));
    what = subject("POST", "/a\n1795361269000\n", "b");
    ck_assert_int_eq(seal_make(KEY, &what, text), -1);
}
END_TEST

START_TEST(test_a_seal_grows_old)
{
    struct seal_subject what = subject("POST", "/a", "");
    char text[SEAL_TEXT];

    ck_assert_int_eq(seal_make(KEY, &what, text), 0);
    ck_assert(holds(KEY, what, text, NOW + LIMIT_SEAL_MS - 1));
    ck_assert(holds(KEY, what, text, NOW - LIMIT_SEAL_MS + 1));
    ck_assert(!holds(KEY, what, text, NOW + LIMIT_SEAL_MS));
    ck_assert(!holds(KEY, what, text, NOW - LIMIT_SEAL_MS));
    text[3] = text[3] == '9' ? '8' : '9'; /* another time than the one that was sealed */
    ck_assert(!holds(KEY, what, text, NOW));
}
END_TEST

START_TEST(test_other_texts_are_no_seals)
{
    static const char *const texts[] = {
        "",
        "1",
        "1 ",
        "1 x",
        "1 1795361269000",
        "1 1795361269000 ",
        "1 1795361269000 00",
        "2 1795361269000 0000000000000000000000000000000000000000000000000000000000000000",
        "1 -1795361269000 0000000000000000000000000000000000000000000000000000000000000000",
        "1 99999999999999999999999 "
        "0000000000000000000000000000000000000000000000000000000000000000",
        "1 1795361269000 zz00000000000000000000000000000000000000000000000000000000000000"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(!holds(KEY, subject("POST", "/a", ""), texts[i], NOW), "%s", texts[i]);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_a_seal_holds_for_what_was_sealed,
                                  test_nothing_moves_between_the_parts, test_a_seal_grows_old,
                                  test_other_texts_are_no_seals};

    return suite_run("seal", tests, sizeof tests / sizeof *tests);
}
