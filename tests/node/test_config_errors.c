#include "node/config.h"
#include "node/config_internal.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct buffer errors;

static const char *complain(const char *text)
{
    struct config config;
    buffer_clear(&errors);
    ck_assert_msg(config_parse(&config, slice_text(text), "p2p.json", &errors, NULL) == -1,
                  "accepted: %s", text);
    ck_assert_ptr_null(config.peers);
    ck_assert_int_eq(buffer_append(&errors, "", 1), 0);
    return errors.data;
}

/* The form, to the letter. */
START_TEST(form_of_an_error)
{
    ck_assert_str_eq(complain("{\n  \"this_central\": {\"id\": \"central-1\",\n"
                              "    \"p2p_prot\": 9000,\n    \"api_port\": \"8000\"}}"),
                     "p2p.json:3:5: error CONFIG_INVALID: unknown key \"p2p_prot\"\n"
                     "    \"p2p_prot\": 9000,\n"
                     "    ^\n"
                     "  hint: did you mean \"p2p_port\"?\n"
                     "p2p.json:4:17: error CONFIG_INVALID: this_central.api_port: must be a whole "
                     "number from 1 to 65535, is a text\n"
                     "    \"api_port\": \"8000\"}}\n"
                     "                ^\n"
                     "  hint: drop the quotes: \"api_port\": 8000\n");
}
END_TEST

#define OWN "\"this_central\": {\"id\": \"central-1\", \"ip\": \"10.0.0.1\"}"
#define PEER(members) "{" OWN ",\n\"peer_centrals\": [" members "]}"

/* What is wrong with a file that is valid JSON. */
static const struct {
    const char *text, *where, *what, *hint;
} CASES[] = {
    {"{}", "1:1", "\"this_central\" is missing", ""},
    {"[]", "1:1", "must be an object, {...}, is a list", ""},
    {"{\"this_central\": {}}", "1:18", "this_central: \"id\" is missing", ""},
    {"{\"this_central\": []}", "1:18", "must be an object, {...}, is a list", ""},
    {"{\"this_central\": {\"id\": \"\"}}", "1:25", "is empty", "1 to 63"},
    {"{\"this_central\": {\"id\": \"a b\"}}", "1:25", "\"a b\" is no id", "1 to 63"},
    {"{\"this_central\": {\"id\": 7}}", "1:25", "must be a text in double quotes, is a number", ""},
    {"{\"this_central\": {\"id\": \"a\\nb\"}}", "1:25", "has a control character", ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"192.168.1.300\"}}", "1:36",
     "this_central.ip: \"192.168.1.300\": octet 300 is over 255", ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"192.168.1\"}}", "1:36", "has 3 octets, not 4",
     ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"1..2.3\"}}", "1:36", "an octet is missing", ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"10.0.0.01\"}}", "1:36", "leading zero", ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"0.0.0.0\"}}", "1:36",
     "no address that can be dialled", ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"10.0.0.1:9000\"}}", "1:36", "has a port in it",
     "p2p_port"},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"fe80::1\"}}", "1:36", "IPv6", ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"http://x\"}}", "1:36", "is a URL", ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"a b\"}}", "1:36", "neither an address nor", ""},
    {"{\"this_central\": {\"id\": \"a\", \"ip\": \"a-.b\"}}", "1:36", "no host name", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": 99999}}", "1:42", "99999 is over 65535", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": 0}}", "1:42", "0 is under 1", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": 80.5}}", "1:42",
     "this_central.api_port: 80.5 is no whole number from 1 to 65535", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": 8000.0}}", "1:42",
     "this_central.api_port: 8000.0 is no whole number from 1 to 65535", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": \"x\"}}", "1:42",
     "must be a whole number from 1 to 65535, is a text", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": 99999999999999999999999}}", "1:42",
     "this_central.api_port: 99999999999999999999999 is over 65535", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": -9223372036854775809}}", "1:42",
     "this_central.api_port: -9223372036854775809 is under 1", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": 1e309}}", "1:42",
     "this_central.api_port: 1e309 is no whole number from 1 to 65535", ""},
    {PEER("{\"id\": \"b\", \"ip\": \"x\", \"p2p_port\": 9223372036854775808}"), "2:54",
     "peer_centrals[0].p2p_port: 9223372036854775808 is over 65535", ""},
    {"{" OWN ", \"mesh_secret\": 99999999999999999999999}", "1:72", "must be a text", ""},
    {"{" OWN ", \"_remark\": [\"99999999999999999999999\", 99999999999999999999999]}", "1:96",
     "the number is too big", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": null}}", "1:42", "is null", ""},
    {"{\"this_central\": {\"id\": \"a\", \"api_port\": 9000}}", "1:42",
     "port 9000 is also that of this_central.p2p_port", ""},
    {"{\"this_central\": {\"id\": \"a\", \"p2p_port\": 8000}}", "1:42",
     "port 8000 is also that of this_central.api_port", ""},
    {"{" OWN ", \"mesh_secret\": \"fifteen letters\"}", "1:72", "has 15 characters, fewer than 16",
     "parkmesh secret new"},
    {"{" OWN ", \"timezone\": \"Asia/Saigonn\"}", "1:69", "does not know \"Asia/Saigonn\"", ""},
    {"{" OWN ", \"timezone\": \"../../etc/passwd\"}", "1:69", "no name of a time zone", ""},
    {"{" OWN ", \"timezone\": \"Asia\"}", "1:69", "does not know", ""},
    {"{" OWN ", \"heartbeat_ms\": 199}", "1:73", "199 is under 200", ""},
    {"{" OWN ", \"heartbeat_ms\": 60001}", "1:73", "60001 is over 60000", ""},
    {"{" OWN ", \"auth\": \"none\"}", "1:65", "\"none\" is not known", "\"open\" or \"token\""},
    {"{" OWN ", \"auth\": \"token\"}", "1:65", "needs an \"api_token\"", "add"},
    {"{" OWN ", \"log_format\": \"xml\"}", "1:71", "\"xml\" is not known", "\"text\" or \"json\""},
    {"{" OWN ", \"bind\": \"eth0\"}", "1:65", "\"eth0\" is no address", "\"*\" for all"},
    {"{" OWN ", \"data_dir\": \"\"}", "1:69", "is empty", "data"},
    {"{" OWN ", \"cors_origins\": \"*\"}", "1:73", "must be a list of texts", ""},
    {"{" OWN ", \"cors_origins\": [\"*\", \"a.b\"]}", "1:79", "cors_origins[1]: \"a.b\"", ""},
    {"{" OWN ", \"cors_origins\": [\"http://a/\"]}", "1:74", "more than an origin", "last /"},
    {"{" OWN ", \"cors_origins\": [\"http://a:0\"]}", "1:74", "no proper port", ""},
    {"{" OWN ", \"limits\": {\"readers\": 33}}", "1:79", "33 is over 32", ""},
    {"{" OWN ", \"limits\": {\"readers\": 4294967297}}", "1:79", "4294967297 is over 32", ""},
    {"{" OWN ", \"retention_days\": -1}", "1:75", "-1 is under 0", ""},
    {"{" OWN ", \"cameras\": {\"items\": 5}}", "1:78", "cameras.items: must be an object", ""},
    {"{" OWN ", \"cameras\": {\"items\": {\"03\": {}}}}", "1:79", "\"03\" is no camera id", ""},
    {"{" OWN ", \"cameras\": {\"items\": {\"3\": null}}}", "1:84", "items.3: must be an object",
     ""},
    {"{" OWN ", \"cameras\": {\"items\": {\"3\": {\"ip\": \"a:5000\"}}}}", "1:91",
     "items.3.ip: \"a:5000\" has a port", "always 5000"},
    {"{" OWN ", \"cameras\": {\"items\": {\"3\": {\"camera_type\": \"IN\"}}}}", "1:100",
     "\"IN\" is not known", "\"PARKING_LOT\""},
    {"{" OWN ", \"cameras\": {\"items\": {\"3\": {\"nam\": \"x\"}}}}", "1:85", "unknown key",
     "\"name\""},
    {"{" OWN ", \"trusted_proxies\": [\"proxy\"]}", "1:77", "\"proxy\" is no IPv4 address",
     "a numeric address"},
    {"{" OWN ", \"ws_peer_port\": 8000}", "1:73", "port 8000 is also that of", ""},
    {"{" OWN ", \"p2p_port\": 9000}", "1:57", "unknown key \"p2p_port\"",
     "it belongs inside \"this_central\""},
    {"{" OWN ", \"this_centrl\": {}}", "1:57", "unknown key", "did you mean \"this_central\"?"},
    {"{" OWN ", \"heartbeat\": 1}", "1:57", "unknown key", "did you mean \"heartbeat_ms\"?"},
    {"{" OWN ", \"colour\": 1}", "1:57", "unknown key \"colour\"", " cameras limits\n"},
    {"{" OWN ", \"colour\": 1}", "1:57", "unknown key \"colour\"", "known here: this_central"},
    {"{" OWN ", \"bus\": {\"ports\": 1}}", "1:65", "unknown key", "did you mean \"port\"?"},
    {"{" OWN ", \"bus\": {\"timezone\": 1}}", "1:65", "unknown key", "it belongs to the top"},
    {PEER("{\"id\": \"b\"}"), "2:19", "peer_centrals[0]: \"ip\" is missing", ""},
    {PEER("{\"id\": \"b\", \"ip\": \"\"}"), "2:37", "peer_centrals[0].ip: is empty", ""},
    {PEER("{\"id\": \"b\", \"ip\": \"auto\"}"), "2:37", "only for this central", ""},
    {PEER("7"), "2:19", "peer_centrals[0]: must be an object", ""},
    {PEER("{\"id\": \"central-1\", \"ip\": \"10.0.0.2\"}"), "2:26", "this central's own id", ""},
    {PEER("{\"id\": \"b\", \"ip\": \"10.0.0.1\"}"), "2:37", "10.0.0.1:9000 is this central's own",
     ""},
    {PEER("{\"id\": \"b\", \"ip\": \"x\"},\n{\"id\": \"b\", \"ip\": \"y\"}"), "3:8",
     "\"b\" is also the id of peer_centrals[0]", ""},
    {PEER("{\"id\": \"b\", \"ip\": \"x\", \"link\": \"tcp\"}"), "2:50", "\"tcp\" is not known",
     "\"auto\" or \"mesh\" or \"websocket\""},
    {PEER("{\"id\": \"b\", \"ip\": \"x\", \"timezone\": \"Mars/X\"}"), "2:54", "does not know", ""},
};

START_TEST(wrong_values)
{
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char start[64];
        const char *said = complain(CASES[i].text);
        snprintf(start, sizeof start, "p2p.json:%s: error CONFIG_INVALID: ", CASES[i].where);
        ck_assert_msg(strncmp(said, start, strlen(start)) == 0, "%s\nsaid %s", start, said);
        ck_assert_msg(strstr(said, CASES[i].what) != NULL, "%s\nsaid %s", CASES[i].what, said);
        if (CASES[i].hint) {
            ck_assert_msg(strstr(said, CASES[i].hint) != NULL, "%s\nsaid %s", CASES[i].hint, said);
        }
        ck_assert_msg(strstr(said + 1, "p2p.json:") == NULL, "more than one error:\n%s", said);
    }
}
END_TEST

START_TEST(broken_json)
{
    static const struct {
        const char *text, *where, *what, *hint;
    } cases[] = {
        {"", "1:1", "found the end", "smallest file"},
        {"  \n", "1:1", "found the end", "smallest file"},
        {"{\n  \"a\": 1,\n}", "3:1", "expected a key, found }", "remove the comma before }"},
        {"{\"a\": [1, 2,]}", "1:13", "expected a value, found ]", "remove the comma before ]"},
        {"{\"a\": 1\n \"b\": 2}", "2:2", "expected ',' or '}', found \"b\"", "comma missing"},
        {"{\"a\" 1}", "1:6", "expected ':', found 1", ""},
        {"{a: 1}", "1:2", "expected a key, found a", "double quotes"},
        {"{'a': 1}", "1:2", "expected a key, found '", "double quotes"},
        {"{\"a\": yes}", "1:7", "expected a value, found yes", "double quotes"},
        {"{ // remark\n}", "1:3", "expected a key, found /", "_remark"},
        {"{\"a\": \"x\n\"}", "1:7", "goes over the end of line", "close the text"},
        {"{\"a\": {\"b\": 1}", "1:15", "expected ',' or '}', found the end", ""},
        {"{} x", "1:4", "expected the end, found x", ""},
        {"{\"a\": 1, \"a\": 2}", "1:10", "the key \"a\" is there twice", "remove one"},
        {"{\"a\": \"\xFF\"}", "1:7", "unable to decode byte 0xff", ""},
        {"{\"a\": 01}", "1:7", "expected a value, found 0", ""},
        {"{\"a\": 99999999999999999999}", "1:7", "the number is too big", ""},
        {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "1:17", "nested deeper than 16", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char start[64];
        const char *said = complain(cases[i].text);
        snprintf(start, sizeof start, "p2p.json:%s: error CONFIG_INVALID: ", cases[i].where);
        ck_assert_msg(strncmp(said, start, strlen(start)) == 0, "%s\nsaid %s", start, said);
        ck_assert_msg(strstr(said, cases[i].what) != NULL, "%s\nsaid %s", cases[i].what, said);
        ck_assert_msg(strstr(said, cases[i].hint) != NULL, "%s\nsaid %s", cases[i].hint, said);
    }
    struct config config;
    buffer_clear(&errors);
    ck_assert_int_eq(config_parse(&config, (struct slice){"{\0}", 3}, "x", &errors, NULL), -1);
}
END_TEST

START_TEST(all_errors_in_one_pass)
{
    const char *said = complain("{\"this_central\": {\"id\": \"!\", \"ip\": \"1.2.3\", \"x\": 1},\n"
                                "\"peer_centrals\": [{}, 5], \"bind\": 7,\n"
                                "\"limits\": {\"readers\": 0}, \"cors_origins\": [\"x\"]}");
    size_t count = 0;
    for (const char *at = said; (at = strstr(at, ": error CONFIG_INVALID: ")) != NULL; at++) {
        count++;
    }
    ck_assert_msg(count == 9, "%s", said);

    struct buffer many = {0};
    ck_assert_int_eq(buffer_printf(&many, "{\"_\": 1"), 0);
    for (int i = 0; i < 5000; i++) {
        ck_assert_int_eq(buffer_printf(&many, ", \"unknown%d\": 1", i), 0);
    }
    ck_assert_int_eq(buffer_append(&many, "}", 2), 0);
    said = complain(many.data);
    ck_assert_ptr_nonnull(strstr(said, "more errors are not shown"));
    ck_assert_uint_lt(strlen(said), 30000);
    buffer_free(&many);
}
END_TEST

/* A secret shows in no message, whatever else is wrong on its line. */
START_TEST(secrets_stay_secret)
{
    static const char *const cases[] = {
        "{\"mesh_secret\": \"hunter2\", \"x\": 1}",
        "{\"mesh_secret\": \"hunter2\" \"x\": 1}",
        "{\"mesh_secret\": \"hunter2}",
        "{\"mesh_secret\": hunter2}",
        "{\"mesh_secret\": 'hunter2'}",
        "{mesh_secret: \"hunter2\"}",
        "{\"mesh_secret\": [\"hunter2\"]}",
        "{\"mesh_secret\"\n: \"hunter2\", \"x\": 1}",
        "{\"x\": 1, \"api_token\": \"hunter2\"}",
        "{\"bus\": {\"secret\": \"hunter2\", \"prt\": 1}}",
        "{\"api_token\": \"hunter2 \\\" hunter2\", \"x\": 1}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *said = complain(cases[i]);
        ck_assert_msg(strstr(said, "hunter2") == NULL, "%s", said);
    }
    ck_assert_ptr_nonnull(
        strstr(complain(cases[0]), "    {\"mesh_secret\": \"*******\", \"x\": 1}\n"));
}
END_TEST

START_TEST(long_lines_are_cut)
{
    struct buffer text = {0};
    ck_assert_int_eq(buffer_printf(&text, "{" OWN), 0);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(buffer_printf(&text, ", \"_%d\": \"\xC4\x90\"", i), 0);
    }
    ck_assert_int_eq(buffer_printf(&text, ", \"x\": 1"), 0);
    ck_assert_int_eq(buffer_append(&text, "}", 2), 0);
    const char *said = complain(text.data);
    const char *line = strstr(said, "\n    ...");
    const char *caret = strstr(said, "^");
    ck_assert_ptr_nonnull(line);
    ck_assert_ptr_nonnull(strstr(line, "\"x\": 1}\n"));
    ck_assert_ptr_nonnull(caret);
    /* The caret stands below the key: count characters, not bytes. */
    size_t column = 0;
    for (const char *at = line + 1; at < strstr(line, "\"x\""); at++) {
        column += ((unsigned char)*at & 0xC0) != 0x80;
    }
    ck_assert_uint_eq(strspn(strchr(line + 1, '\n') + 1, " "), column);
    buffer_free(&text);
}
END_TEST

START_TEST(locates_values)
{
    struct slice text =
        slice_text("{ \"a\" : [1, {\"b\": \"x,]}\\\"\"}, [[]], tr], \"c\\u0041\":\n {}}");
    const struct config_path a = {NULL, "a", 0};
    const struct config_path a1 = {&a, NULL, 1};
    const struct config_path b = {&a1, "b", 0};
    const struct config_path a3 = {&a, NULL, 3};
    const struct config_path a4 = {&a, NULL, 4};
    const struct config_path c = {NULL, "cA", 0};
    const struct config_path none = {&c, "x", 0};
    struct config_place place;
    ck_assert(config_locate(text, NULL, &place) && place.value == 0);
    ck_assert(config_locate(text, &a, &place) && place.key == 2 && text.data[place.value] == '[');
    ck_assert(config_locate(text, &b, &place) && text.data[place.value + 1] == 'x');
    ck_assert(config_locate(text, &a3, &place) && text.data[place.value] == 't');
    ck_assert(!config_locate(text, &a4, &place) && text.data[place.value] == '[');
    ck_assert(config_locate(text, &c, &place) && text.data[place.key + 1] == 'c');
    ck_assert(!config_locate(text, &none, &place));
    size_t line = 0;
    size_t column = 0;
    config_position(text, place.value, &line, &column);
    ck_assert_uint_eq(line, 2);
    ck_assert_uint_eq(column, 2);
    char path[40];
    config_path_text(&b, path, sizeof path);
    ck_assert_str_eq(path, "a[1].b");
}
END_TEST

static void teardown(void)
{
    buffer_free(&errors);
}

int main(void)
{
    Suite *suite = suite_create("config errors");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, NULL, teardown);
    tcase_add_test(all, form_of_an_error);
    tcase_add_test(all, wrong_values);
    tcase_add_test(all, broken_json);
    tcase_add_test(all, all_errors_in_one_pass);
    tcase_add_test(all, secrets_stay_secret);
    tcase_add_test(all, long_lines_are_cut);
    tcase_add_test(all, locates_values);
    suite_add_tcase(suite, all);
    return main_run(suite);
}
