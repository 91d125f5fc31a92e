#include "node/config.h"
#include "node/config_internal.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "correct horse battery"
#define FILE_NAME "p2p.json"

static char directory[64];
static struct config config;
static struct buffer merged;
static struct problem problem;

static void setup(void)
{
    snprintf(directory, sizeof directory, "/tmp/test_config.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
}

static void teardown(void)
{
    char command[100];
    config_free(&config);
    buffer_free(&merged);
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(system(command), 0);
}

static void write_text(const char *text)
{
    FILE *file = fopen(FILE_NAME, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static const char *read_text(const char *path)
{
    static char text[8192];
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t got = fread(text, 1, sizeof text - 1, file);
    ck_assert_int_eq(fclose(file), 0);
    text[got] = '\0';
    return text;
}

static int merge(const char *change)
{
    config_free(&config);
    return config_merge(FILE_NAME, slice_text(change), &merged, &config, &problem);
}

static json_t *must_merge(const char *change)
{
    ck_assert_msg(merge(change) == 0, "%s", problem.text);
    json_t *result = json_loadb(merged.data, merged.len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(result);
    return result;
}

/* What `result`, which is consumed, must equal. */
static void expect(json_t *result, const char *text)
{
    json_t *expected = json_loads(text, 0, NULL);
    char *shown = json_dumps(result, JSON_COMPACT);
    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(json_equal(result, expected), "%s", shown);
    free(shown);
    json_decref(expected);
    json_decref(result);
}

static const char PRESENT[] =
    "{\"this_central\": {\"id\": \"central-1\", \"ip\": \"10.0.0.1\", \"p2p_port\": 9100,"
    " \"api_port\": 8100, \"old\": 1}, \"peer_centrals\": [{\"id\": \"b\", \"ip\": \"10.0.0.2\","
    " \"p2p_port\": 9200, \"api_port\": 8200, \"link\": \"mesh\", \"note\": \"x\"},"
    " {\"id\": \"c\", \"ip\": \"10.0.0.3\"}], \"mesh_secret\": \"" SECRET "\","
    " \"bus\": {\"secret\": \"" SECRET "\", \"port\": 9301}, \"mine\": {\"kept\": true}}";

/* What existing pages send: no ports, no secrets; R-26 and more. */
START_TEST(absent_keys_are_kept)
{
    write_text(PRESENT);
    expect(must_merge("{}"), PRESENT);
    ck_assert_uint_eq(config.p2p_port, 9100);
    expect(must_merge("{\"this_central\": {\"id\": \"central-1\", \"ip\": \"10.0.0.1\","
                      " \"api_port\": 8100}, \"peer_centrals\": [{\"id\": \"c\", \"ip\":"
                      " \"10.0.0.3\"}, {\"id\": \"b\", \"ip\": \"10.0.0.22\"}]}"),
           "{\"this_central\": {\"id\": \"central-1\", \"ip\": \"10.0.0.1\", \"p2p_port\": 9100,"
           " \"api_port\": 8100, \"old\": 1}, \"peer_centrals\": ["
           " {\"id\": \"c\", \"ip\": \"10.0.0.3\"}, {\"id\": \"b\", \"ip\": \"10.0.0.22\","
           " \"p2p_port\": 9200, \"api_port\": 8200, \"link\": \"mesh\", \"note\": \"x\"}],"
           " \"mesh_secret\": \"" SECRET "\","
           " \"bus\": {\"secret\": \"" SECRET "\", \"port\": 9301}, \"mine\": {\"kept\": true}}");
    ck_assert_str_eq(config.peers[1].ip, "10.0.0.22");
    ck_assert_uint_eq(config.peers[1].api_port, 8200);
    ck_assert_str_eq(config.mesh_secret, SECRET);
    ck_assert_str_eq(read_text(FILE_NAME), PRESENT); /* nothing was written */

    json_decref(must_merge("{\"peer_centrals\": [{\"id\": \"d\", \"ip\": \"127.0.0.1\","
                           " \"p2p_port\": 9002, \"api_port\": 8002}]}"));
    ck_assert_uint_eq(config.peer_count, 1);
    ck_assert_uint_eq(config.peers[0].api_port, 8002);
    json_decref(must_merge("{\"peer_centrals\": []}"));
    ck_assert_uint_eq(config.peer_count, 0);
}
END_TEST

START_TEST(secrets_are_set_or_kept)
{
    write_text(PRESENT);
    expect(must_merge("{\"mesh_secret\": \"\", \"mesh_secret_set\": true, \"bus\": {\"secret\":"
                      " \"\xE2\x80\xA2\xE2\x80\xA2*\", \"secret_set\": false}}"),
           PRESENT);
    json_decref(must_merge("{\"mesh_secret\": \"another long secret\"}"));
    ck_assert_str_eq(config.mesh_secret, "another long secret");
    ck_assert_int_eq(merge("{\"mesh_secret\": \"hunter2\"}"), -1);
    ck_assert_int_eq(problem.code, PROBLEM_FIELD_INVALID);
    ck_assert_ptr_null(strstr(problem.text, "hunter2"));
}
END_TEST

/* D-05: a bad change is refused with every wrong field, and the file stays. */
/* K-05, K-07: a camera that is not named stays as it is, null removes one. */
START_TEST(cameras_are_merged)
{
    static const char before[] =
        "{\"this_central\": {\"id\": \"a\", \"ip\": \"10.0.0.1\"}, \"cameras\": {\"items\": {"
        "\"1\": {\"name\": \"Deck\", \"camera_type\": \"PARKING_LOT\","
        " \"parking_lot_capacity\": 40}, \"2\": {\"ip\": \"10.0.0.7\"}}}}";
    write_text(before);
    expect(must_merge("{\"cameras\": {\"heartbeat_timeout_s\": 30, \"items\": {\"2\": null, \"9\":"
                      " null, \"3\": {\"ip\": \"10.0.0.8\"}, \"1\": {\"ip\": \"10.0.0.6\"}}}}"),
           "{\"this_central\": {\"id\": \"a\", \"ip\": \"10.0.0.1\"}, \"cameras\": {"
           "\"heartbeat_timeout_s\": 30, \"items\": {\"1\": {\"name\": \"Deck\", \"camera_type\":"
           " \"PARKING_LOT\", \"parking_lot_capacity\": 40, \"ip\": \"10.0.0.6\"},"
           " \"3\": {\"ip\": \"10.0.0.8\"}}}}");
    ck_assert_int_eq(config.cameras.timeout_ms, 30000);
    ck_assert_uint_eq(config.cameras.count, 2);
    ck_assert_int_eq(config.cameras.items[0].capacity, 40);
    struct config copy;
    ck_assert_int_eq(config_copy(&copy, &config), 0);
    ck_assert_ptr_ne(copy.cameras.items, config.cameras.items);
    ck_assert_str_eq(copy.cameras.items[1].ip, "10.0.0.8");
    config_free(&copy);
    ck_assert_int_eq(merge("{\"cameras\": {\"items\": {\"3\": {\"ip\": \"x\\\"y\"}}}}"), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "cameras.items.3.ip"));
    ck_assert_int_eq(merge("{\"cameras\": {\"items\": {\"3\": 5}}}"), -1);
    ck_assert_int_eq(merge("{\"cameras\": {\"items\": {\"3\": {\"port\": 5}}}}"), -1);
    ck_assert_int_eq(merge("{\"cameras\": {\"items\": {\"abc\": {}}}}"), -1);
    ck_assert_int_eq(merge("{\"cameras\": {\"items\": null}}"), -1);
    ck_assert_str_eq(read_text(FILE_NAME), before);
}
END_TEST

START_TEST(bad_changes_are_refused)
{
    static const struct {
        const char *change;
        enum problem_code code;
        const char *text;
    } cases[] = {
        {"", PROBLEM_JSON_INVALID, "line 1, column 1: "},
        {"{\"a\": 1,}", PROBLEM_JSON_INVALID, "line 1, column 9: expected a key, found }"},
        {"[]", PROBLEM_FIELD_INVALID, "the body must be an object"},
        {"null", PROBLEM_JSON_INVALID, ""},
        {"{\"peer_centrals\": [{\"id\": \"b\", \"ip\": \"\"}]}", PROBLEM_FIELD_INVALID,
         "peer_centrals[0].ip: is empty"},
        {"{\"peer_centrals\": [{\"id\": \"x\"}, 7]}", PROBLEM_FIELD_INVALID,
         "peer_centrals[0]: \"ip\" is missing; peer_centrals[1]: must be an object"},
        {"{\"peer_centrals\": {}}", PROBLEM_FIELD_INVALID, "peer_centrals: must be a list"},
        {"{\"peer_centrals\": null}", PROBLEM_FIELD_INVALID, "peer_centrals: must be a list"},
        {"{\"this_central\": {\"p2p_port\": \"9000\", \"prt\": 1}}", PROBLEM_FIELD_INVALID,
         "this_central: unknown key \"prt\"; this_central.p2p_port: must be a whole number"},
        {"{\"this_central\": {\"api_port\": null}}", PROBLEM_FIELD_INVALID, "is null"},
        {"{\"this_central\": {\"api_port\": 8000.5}}", PROBLEM_FIELD_INVALID,
         "this_central.api_port: 8000.5 is no whole number from 1 to 65535"},
        {"{\"this_central\": {\"api_port\": 99999999999999999999999}}", PROBLEM_JSON_INVALID,
         "line 1, column 31: the number is too big"},
        {"{\"this_central\": 5}", PROBLEM_FIELD_INVALID, "this_central: must be an object"},
        {"{\"peer_centrals\": [{\"id\": \"b\", \"x\": 1}]}", PROBLEM_FIELD_INVALID,
         "peer_centrals[0]: unknown key \"x\""},
        {"{\"colour\": 1}", PROBLEM_FIELD_INVALID, "unknown key \"colour\""},
        {"{\"this_central\": {\"id\": \"b\"}}", PROBLEM_FIELD_INVALID, "this central's own id"},
    };
    write_text(PRESENT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(merge(cases[i].change) == -1, "%s", cases[i].change);
        ck_assert_msg(problem.code == cases[i].code && strstr(problem.text, cases[i].text),
                      "%s: %s", cases[i].change, problem.text);
        ck_assert_ptr_null(config.peers);
    }
    ck_assert_str_eq(read_text(FILE_NAME), PRESENT);
    write_text("{ broken");
    ck_assert_int_eq(merge("{}"), -1);
    ck_assert_int_eq(problem.code, PROBLEM_CONFIG_INVALID);
    ck_assert_ptr_nonnull(strstr(problem.text, FILE_NAME ":1:3: "));
}
END_TEST

START_TEST(missing_file_and_auto)
{
    expect(must_merge("{\"this_central\": {\"ip\": \"auto\"}}"),
           "{\"this_central\": {\"id\": \"central-1\", \"ip\": \"auto\", \"p2p_port\": 9000,"
           " \"api_port\": 8000}, \"peer_centrals\": []}");
    ck_assert_int_ne(access(FILE_NAME, F_OK), 0);

    /* What GET shows, sent back: the meaning stays, `auto` included. */
    write_text("{\"this_central\": {\"id\": \"x\", \"ip\": \"auto\"}, \"mesh_secret\": \"" SECRET
               "\", \"peer_centrals\": [{\"id\": \"b\", \"ip\": \"h\", \"link\": \"mesh\"}]}");
    json_decref(must_merge("{}"));
    struct buffer shown = {0};
    ck_assert_int_eq(config_json(&config, &shown), 0);
    ck_assert_int_eq(buffer_append(&shown, "", 1), 0);
    ck_assert_ptr_null(strstr(shown.data, SECRET));
    ck_assert_ptr_nonnull(strstr(shown.data, "\"mesh_secret_set\":true"));
    ck_assert_ptr_nonnull(strstr(shown.data, "\"secret_set\":false"));
    json_t *result = must_merge(shown.data);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(result, "this_central"), "ip")), "auto");
    ck_assert_str_eq(config.mesh_secret, SECRET);
    json_t *peer = json_array_get(json_object_get(result, "peer_centrals"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(peer, "link")), "mesh");
    json_decref(result);

    struct buffer again = {0};
    ck_assert_int_eq(config_json(&config, &again), 0);
    ck_assert_int_eq(buffer_append(&again, "", 1), 0);
    ck_assert_str_eq(again.data, shown.data);
    buffer_free(&shown);
    buffer_free(&again);
}
END_TEST

static unsigned mode_of(const char *path)
{
    struct stat status;
    ck_assert_int_eq(lstat(path, &status), 0);
    return status.st_mode & 07777U;
}

START_TEST(writes_the_whole_file)
{
    ck_assert_int_eq(config_write(FILE_NAME, slice_text("{\"a\": 1}"), &problem), 0);
    ck_assert_str_eq(read_text(FILE_NAME), "{\"a\": 1}");
    ck_assert_uint_eq(mode_of(FILE_NAME), 0644);
    ck_assert_int_eq(config_write(FILE_NAME, slice_text(PRESENT), &problem), 0);
    ck_assert_uint_eq(mode_of(FILE_NAME), 0600);
    ck_assert_int_eq(config_write(FILE_NAME, slice_text("{}"), &problem), 0);
    ck_assert_uint_eq(mode_of(FILE_NAME), 0600); /* as it was */

    ck_assert_int_eq(symlink(FILE_NAME, "link.json"), 0);
    ck_assert_int_eq(config_write("link.json", slice_text("{\"b\": 2}"), &problem), 0);
    ck_assert_str_eq(read_text(FILE_NAME), "{\"b\": 2}");
    struct stat status;
    ck_assert_int_eq(lstat("link.json", &status), 0);
    ck_assert(S_ISLNK(status.st_mode));

    ck_assert_int_eq(config_write("a/b/c.json", slice_text("{}"), &problem), 0);
    ck_assert_str_eq(read_text("a/b/c.json"), "{}");
    ck_assert_int_eq(config_write(FILE_NAME "/below", slice_text("{}"), &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_CONFIG_UNREADABLE);
    ck_assert_int_eq(config_write("a", slice_text("{}"), &problem), -1); /* a directory */
    ck_assert_int_eq(config_write("", slice_text("{}"), &problem), -1);
    ck_assert_int_eq(system("ls -A | sort | tr '\\n' ' ' > ../listing.$$ && "
                            "grep -qx 'a link.json " FILE_NAME " ' ../listing.$$; "
                            "r=$?; rm ../listing.$$; exit $r"),
                     0); /* no leftovers */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config merge");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, absent_keys_are_kept);
    tcase_add_test(all, secrets_are_set_or_kept);
    tcase_add_test(all, cameras_are_merged);
    tcase_add_test(all, bad_changes_are_refused);
    tcase_add_test(all, missing_file_and_auto);
    tcase_add_test(all, writes_the_whole_file);
    suite_add_tcase(suite, all);
    return main_run(suite);
}
