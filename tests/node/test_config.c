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

static char directory[64];
static struct config config;
static struct buffer errors, warnings;
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
    buffer_free(&errors);
    buffer_free(&warnings);
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(system(command), 0);
}

static const char *text_of(struct buffer *buffer)
{
    ck_assert_int_eq(buffer_append(buffer, "", 1), 0);
    buffer->len--;
    return buffer->data;
}

static int load(const char *path)
{
    config_free(&config);
    buffer_clear(&errors);
    buffer_clear(&warnings);
    return config_load(&config, path, &errors, &warnings, &problem);
}

static int parse(const char *text)
{
    config_free(&config);
    buffer_clear(&errors);
    buffer_clear(&warnings);
    return config_parse(&config, slice_text(text), "p2p.json", &errors, &warnings);
}

static void must_parse(const char *text)
{
    ck_assert_msg(parse(text) == 0, "%s", text_of(&errors));
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

START_TEST(seed_file)
{
    must_parse("{\n  \"this_central\": {\n    \"id\": \"central-1\",\n"
               "    \"ip\": \"192.168.1.101\",\n    \"p2p_port\": 9000,\n"
               "    \"api_port\": 8000\n  },\n  \"peer_centrals\": [\n"
               "    { \"id\": \"central-2\", \"ip\": \"192.168.1.102\", \"p2p_port\": 9000 },\n"
               "    { \"id\": \"central-3\", \"ip\": \"gate.lan\", \"p2p_port\": 9100 }\n  ]\n}\n");
    ck_assert_str_eq(config.id.text, "central-1");
    ck_assert_str_eq(config.ip, "192.168.1.101");
    ck_assert_uint_eq(config.peer_count, 2);
    ck_assert_str_eq(config.peers[1].id.text, "central-3");
    ck_assert_str_eq(config.peers[1].ip, "gate.lan");
    ck_assert_uint_eq(config.peers[1].p2p_port, 9100);
    ck_assert_uint_eq(config.peers[1].api_port, 8000);
    ck_assert_ptr_nonnull(strstr(text_of(&warnings), "MESH_WITHOUT_SECRET"));
}
END_TEST

/* As an existing Python central wrote it. */
START_TEST(existing_file)
{
    must_parse("{\"this_central\":{\"id\":\"central-1\",\"ip\":\"127.0.0.1\",\"api_port\":8001},"
               "\"peer_centrals\":[{\"id\":\"central-2\",\"ip\":\"10.20.0.8\",\"api_port\":8002},"
               "{\"id\":\"central-3\",\"ip\":\"10.20.0.9\"}]}");
    ck_assert_uint_eq(config.p2p_port, 9000);
    ck_assert_uint_eq(config.api_port, 8001);
    ck_assert_uint_eq(config.peers[0].p2p_port, 9000);
    ck_assert_uint_eq(config.peers[0].api_port, 8002);
    ck_assert_uint_eq(config.peers[1].api_port, 8000);
}
END_TEST

START_TEST(everything_set)
{
    must_parse(
        "\xEF\xBB\xBF{\"_remark\": \"x\", \"this_central\": {\"id\": \"A_1\", \"ip\": \"auto\","
        " \"p2p_port\": 1, \"api_port\": 65535, \"//\": [1]}, \"mesh_secret\": \"" SECRET "\","
        " \"bind\": \"*\", \"timezone\": \"Asia/Ho_Chi_Minh\", \"heartbeat_ms\": 200,"
        " \"data_dir\": \"/var/lib/x\", \"log_format\": \"json\", \"auth\": \"token\","
        " \"api_token\": \"0123456789abcdef\", \"cors_origins\": [\"*\", \"http://a.b:1\"],"
        " \"trusted_proxies\": [\"127.0.0.1\", \"10.0.0.5\"],"
        " \"ws_peers\": \"open\", \"ws_peer_port\": 9003, \"retention_days\": 365,"
        " \"bus\": {\"port\": 7001, \"replay_port\": 7002, \"bind\": \"127.0.0.1\","
        " \"secret\": \"fedcba9876543210\"}, \"cameras\": {\"heartbeat_timeout_s\": 60,"
        " \"items\": {\"12\": {\"ip\": \"10.0.0.9\"}, \"//\": 1, \"3\": {\"name\": \"G{'\\\"\","
        " \"camera_type\": \"PARKING_LOT\", \"parking_lot_capacity\": 40}}}, \"limits\": "
        "{\"http_threads\": 8, \"ws_clients\": 0, \"readers\": 2,"
        " \"body_bytes\": 65536}, \"peer_centrals\": [{\"id\": \"b\", \"ip\": \"10.0.0.1\","
        " \"link\": \"websocket\", \"timezone\": \"UTC\"}]}");
    ck_assert_str_eq(text_of(&warnings), "");
    ck_assert_str_eq(config.mesh_secret, SECRET);
    ck_assert_str_eq(config.bind, "*");
    ck_assert_str_eq(config.timezone, "Asia/Ho_Chi_Minh");
    ck_assert_int_eq(config.heartbeat_ms, 200);
    ck_assert_str_eq(config.data_dir, "/var/lib/x");
    ck_assert_str_eq(config.log_format, "json");
    ck_assert_str_eq(config.auth, "token");
    ck_assert_str_eq(config.api_token, "0123456789abcdef");
    ck_assert_uint_eq(config.cors_count, 2);
    ck_assert_int_eq(config.cameras.timeout_ms, 60000);
    ck_assert_uint_eq(config.cameras.count, 2);
    ck_assert_int_eq(config.cameras.items[0].id, 3);
    ck_assert_str_eq(config.cameras.items[0].name, "G{'\"");
    ck_assert_str_eq(config.cameras.items[0].type, "PARKING_LOT");
    ck_assert_int_eq(config.cameras.items[0].capacity, 40);
    ck_assert_int_eq(config.cameras.items[1].id, 12);
    ck_assert_str_eq(config.cameras.items[1].type, "ENTRY");
    ck_assert_str_eq(config.cameras.items[1].ip, "10.0.0.9");
    ck_assert_str_eq(config.cors_origins[1], "http://a.b:1");
    ck_assert_uint_eq(config.proxy_count, 2);
    ck_assert_str_eq(config.proxies[1], "10.0.0.5");
    ck_assert_int_eq(config.retention_days, 365);
    ck_assert_uint_eq(config.bus_port, 7001);
    ck_assert_uint_eq(config.replay_port, 7002);
    ck_assert_str_eq(config.bus_bind, "127.0.0.1");
    ck_assert_str_eq(config.bus_secret, "fedcba9876543210");
    ck_assert_uint_eq(config.limits.http_threads, 8);
    ck_assert_uint_eq(config.limits.ws_clients, 0);
    ck_assert_uint_eq(config.limits.readers, 2);
    ck_assert_uint_eq(config.limits.body_bytes, 65536);
    struct in_addr address;
    ck_assert_int_eq(inet_pton(AF_INET, config.ip, &address), 1); /* resolved */
    ck_assert(config_is_local(config.ip));

    struct config copy;
    ck_assert_int_eq(config_copy(&copy, &config), 0);
    ck_assert_ptr_ne(copy.peers, config.peers);
    ck_assert_str_eq(copy.peers[0].id.text, "b");
    config_free(&copy);
    ck_assert_uint_eq(copy.peer_count, 0);
}
END_TEST

START_TEST(smallest_file)
{
    must_parse("{\"this_central\": {\"id\": \"x\"}}");
    struct config standard;
    config_init(&standard);
    ck_assert_uint_eq(config.p2p_port, standard.p2p_port);
    ck_assert_int_eq(config.heartbeat_ms, 2000);
    ck_assert_str_eq(config.data_dir, "data");
    ck_assert_uint_eq(config.peer_count, 0);
}
END_TEST

START_TEST(environment_overrides)
{
    static const char *const set[][2] = {
        {"PARKMESH_ID", "from-env"},
        {"PARKMESH_IP", "127.0.0.9"},
        {"PARKMESH_P2P_PORT", "7000"},
        {"PARKMESH_API_PORT", "7001"},
        {"PARKMESH_BIND", "127.0.0.1"},
        {"PARKMESH_TIMEZONE", "UTC"},
        {"PARKMESH_MESH_SECRET", "environment secret"},
        {"PARKMESH_HEARTBEAT_MS", "500"},
        {"PARKMESH_DATA_DIR", "/data"},
        {"PARKMESH_LOG_FORMAT", "json"},
        {"PARKMESH_AUTH", "open"},
        {"PARKMESH_API_TOKEN", "0123456789abcdef"},
        {"PARKMESH_BUS_PORT", "7003"},
        {"PARKMESH_BUS_REPLAY_PORT", "7004"},
        {"PARKMESH_BUS_BIND", "*"},
        {"PARKMESH_BUS_SECRET", "0123456789abcdef"},
    };
    for (size_t i = 0; i < sizeof set / sizeof set[0]; i++) {
        ck_assert_int_eq(setenv(set[i][0], set[i][1], 1), 0);
    }
    must_parse("{\"mesh_secret_file\": \"missing\"}"); /* the secret itself is set */
    ck_assert_str_eq(config.id.text, "from-env");
    ck_assert_str_eq(config.ip, "127.0.0.9");
    ck_assert_uint_eq(config.p2p_port, 7000);
    ck_assert_uint_eq(config.api_port, 7001);
    ck_assert_str_eq(config.bind, "127.0.0.1");
    ck_assert_str_eq(config.timezone, "UTC");
    ck_assert_str_eq(config.mesh_secret, "environment secret");
    ck_assert_str_eq(config.mesh_secret_file, "");
    ck_assert_int_eq(config.heartbeat_ms, 500);
    ck_assert_str_eq(config.data_dir, "/data");
    ck_assert_str_eq(config.log_format, "json");
    ck_assert_str_eq(config.auth, "open");
    ck_assert_uint_eq(config.bus_port, 7003);
    ck_assert_uint_eq(config.replay_port, 7004);
    ck_assert_str_eq(config.bus_bind, "*");
    ck_assert_str_eq(config.bus_secret, "0123456789abcdef");

    ck_assert_int_eq(setenv("PARKMESH_ID", "", 1), 0); /* empty is none */
    must_parse("{\"this_central\": {\"id\": \"file\"}}");
    ck_assert_str_eq(config.id.text, "file");
}
END_TEST

START_TEST(wrong_environment)
{
    ck_assert_int_eq(setenv("PARKMESH_API_PORT", "99999", 1), 0);
    ck_assert_int_eq(setenv("PARKMESH_P2P_PORT", "9001x", 1), 0);
    ck_assert_int_eq(setenv("PARKMESH_HEARTBEAT_MS", "99999999999999999999999", 1), 0);
    ck_assert_int_eq(setenv("PARKMESH_MESH_SECRET", "short", 1), 0);
    ck_assert_int_eq(setenv("PARKMESH_AUTH", "token", 1), 0);
    ck_assert_int_eq(parse("{\"this_central\": {\"id\": \"x\"}}"), -1);
    const char *said = text_of(&errors);
    ck_assert_ptr_nonnull(strstr(said, "environment variable PARKMESH_API_PORT: error "
                                       "CONFIG_INVALID: 99999 is over 65535\n"));
    ck_assert_ptr_nonnull(strstr(said, "PARKMESH_P2P_PORT: error CONFIG_INVALID: \"9001x\" is no "
                                       "whole number from 1 to 65535\n"));
    ck_assert_ptr_nonnull(strstr(said, "PARKMESH_HEARTBEAT_MS: error CONFIG_INVALID: "
                                       "99999999999999999999999 is over 60000\n"));
    ck_assert_ptr_nonnull(strstr(said, "PARKMESH_MESH_SECRET: error CONFIG_INVALID: has 5 char"));
    ck_assert_ptr_nonnull(strstr(said, "PARKMESH_AUTH: error CONFIG_INVALID: \"token\" needs"));
    ck_assert_ptr_null(strstr(said, "short"));
    ck_assert_ptr_null(strstr(said, "p2p.json"));
}
END_TEST

START_TEST(secret_file)
{
    const char *text = "{\"this_central\": {\"id\": \"x\"}, \"mesh_secret_file\": \"mesh.key\"}";
    ck_assert_int_eq(parse(text), -1);
    ck_assert_ptr_nonnull(strstr(text_of(&errors), "cannot read \"mesh.key\": No such file"));

    write_text("mesh.key", "  " SECRET "\r\n", 0600);
    must_parse(text);
    ck_assert_str_eq(config.mesh_secret, SECRET);
    ck_assert_str_eq(config.mesh_secret_file, "mesh.key");
    ck_assert_ptr_null(strstr(text_of(&warnings), "PERMISSION"));

    write_text("mesh.key", SECRET, 0640);
    must_parse(text);
    ck_assert_ptr_nonnull(strstr(text_of(&warnings), "p2p.json:1:31: warning PERMISSION: "
                                                     "mesh_secret_file: others can read"));
    write_text("mesh.key", "tiny\n", 0600);
    ck_assert_int_eq(parse(text), -1);
    ck_assert_ptr_null(strstr(text_of(&errors), "tiny"));
    write_text("mesh.key", "\n", 0600);
    ck_assert_int_eq(parse(text), -1);
    write_text("mesh.key", SECRET, 0600);
    ck_assert_int_eq(parse("{\"this_central\": {\"id\": \"x\"}, \"mesh_secret_file\": \".\"}"), -1);
    ck_assert_int_eq(parse("{\"this_central\": {\"id\": \"x\"}, \"mesh_secret_file\": \"mesh.key\","
                           " \"mesh_secret\": \"" SECRET "\"}"),
                     -1);
    ck_assert_ptr_nonnull(strstr(text_of(&errors), "are both set"));

    ck_assert_int_eq(setenv("PARKMESH_MESH_SECRET_FILE", "mesh.key", 1), 0);
    must_parse("{\"this_central\": {\"id\": \"x\"}, \"mesh_secret\": \"another long secret\"}");
    ck_assert_str_eq(config.mesh_secret, SECRET);
}
END_TEST

/* A default that nobody wrote gives way; what was written does not. */
START_TEST(default_ports_give_way)
{
    must_parse("{\"this_central\": {\"id\": \"x\", \"p2p_port\": 9001, \"api_port\": 9002}}");
    ck_assert_uint_eq(config.bus_port, 9003);
    ck_assert_uint_eq(config.replay_port, 9004);
    ck_assert_ptr_nonnull(strstr(text_of(&warnings), "warning PORT_IN_USE: bus.port: the default "
                                                     "9001 is taken by this_central.p2p_port"));
    ck_assert_int_eq(parse("{\"this_central\": {\"id\": \"x\", \"p2p_port\": 9001},\n"
                           "\"bus\": {\"port\": 9001}}"),
                     -1);
    ck_assert_ptr_nonnull(strstr(text_of(&errors), "p2p.json:2:17: error CONFIG_INVALID: bus.port: "
                                                   "port 9001 is also that of "
                                                   "this_central.p2p_port"));
}
END_TEST

START_TEST(creates_a_missing_file)
{
    const char *path = "config/deep/p2p_config.json";
    ck_assert_int_eq(config_check(&config, path, &errors, &warnings, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_CONFIG_UNREADABLE);
    ck_assert_int_ne(access("config", F_OK), 0);
    ck_assert_int_eq(load(path), 0);
    ck_assert_str_eq(config.id.text, "central-1");
    ck_assert_str_eq(config.ip, "127.0.0.1");
    FILE *file = fopen(path, "r");
    char text[400] = "";
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_str_eq(text, "{\n  \"this_central\": {\n    \"id\": \"central-1\",\n"
                           "    \"ip\": \"127.0.0.1\",\n    \"p2p_port\": 9000,\n"
                           "    \"api_port\": 8000\n  },\n  \"peer_centrals\": []\n}\n");
    ck_assert_int_eq(load(path), 0);
    ck_assert_str_eq(text_of(&warnings), "");
}
END_TEST

START_TEST(load_problems)
{
    ck_assert_int_eq(load(directory), -1);
    ck_assert_int_eq(problem.code, PROBLEM_CONFIG_UNREADABLE);
    write_text("file", "{}", 0644);
    ck_assert_int_eq(load("file"), -1);
    ck_assert_int_eq(problem.code, PROBLEM_CONFIG_INVALID);
    ck_assert_ptr_nonnull(strstr(text_of(&errors), "file:1:1: error CONFIG_INVALID: "
                                                   "\"this_central\" is missing"));
    ck_assert_int_eq(load("file/below"), -1);
    ck_assert_int_eq(problem.code, PROBLEM_CONFIG_UNREADABLE);
    ck_assert_ptr_nonnull(strstr(problem.text, "file/below"));

    write_text("open", "{\"this_central\": {\"id\": \"x\"}, \"mesh_secret\": \"" SECRET "\"}",
               0644);
    ck_assert_int_eq(load("open"), 0);
    ck_assert_ptr_nonnull(strstr(text_of(&warnings), "open: warning PERMISSION"));
}
END_TEST

START_TEST(listeners)
{
    static const struct {
        const char *ip, *bind, *secret;
        const char *http[2];
        const char *mesh;
    } cases[] = {
        {"127.0.0.1", "", SECRET, {"127.0.0.1:8000", NULL}, "127.0.0.1"},
        {"127.0.0.2", "", SECRET, {"127.0.0.2:8000", NULL}, "127.0.0.2"},
        {"127.0.0.2", "", "", {"127.0.0.2:8000", NULL}, "127.0.0.2"},
        {"192.0.2.77", "", SECRET, {"127.0.0.1:8000", NULL}, "127.0.0.1"},
        {"gate.example", "", SECRET, {"127.0.0.1:8000", NULL}, "127.0.0.1"},
        {"localhost", "", SECRET, {"127.0.0.1:8000", NULL}, "127.0.0.1"},
        {"192.0.2.77", "*", SECRET, {"0.0.0.0:8000", NULL}, "*"},
        {"192.0.2.77", "0.0.0.0", SECRET, {"0.0.0.0:8000", NULL}, "*"},
        {"192.0.2.77", "*", "", {"0.0.0.0:8000", NULL}, "127.0.0.1"},
        {"192.0.2.77", "10.0.0.1", SECRET, {"10.0.0.1:8000", NULL}, "10.0.0.1"},
        {"192.0.2.77", "10.0.0.1", "", {"10.0.0.1:8000", NULL}, "127.0.0.1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[4][80];
        char mesh[64];
        config_init(&config);
        snprintf(config.ip, sizeof config.ip, "%s", cases[i].ip);
        snprintf(config.bind, sizeof config.bind, "%s", cases[i].bind);
        snprintf(config.mesh_secret, sizeof config.mesh_secret, "%s", cases[i].secret);
        ck_assert_uint_eq(config_http_listeners(&config, out, 4), 1);
        ck_assert_str_eq(out[0], cases[i].http[0]);
        ck_assert_uint_eq(config_http_listeners(&config, out, 0), 0);
        config_mesh_bind(&config, mesh);
        ck_assert_str_eq(mesh, cases[i].mesh);
    }
    char out[2][80];
    config_init(&config);
    config_own_address(config.ip);
    size_t count = config_http_listeners(&config, out, 2);
    ck_assert_uint_eq(count, config_is_loopback(config.ip) ? 1 : 2);
    ck_assert_str_eq(out[count - 1], "127.0.0.1:8000");

    ck_assert(config_is_loopback("127.255.0.1") && config_is_loopback("localhost"));
    ck_assert(!config_is_loopback("128.0.0.1") && !config_is_loopback("") &&
              !config_is_loopback("127.0.0.1.example"));
}
END_TEST

/* A variable or key that the document does not describe, in config_keys.c's own order. */
static void check_described(const struct config_key *keys, const char *document)
{
    for (const struct config_key *key = keys; key->name; key++) {
        char quoted[80];
        snprintf(quoted, sizeof quoted, "`%s`", key->name);
        ck_assert_msg(strstr(document, quoted) != NULL, "key %s is not described", quoted);
        snprintf(quoted, sizeof quoted, "`%s`", key->variable ? key->variable : "PARKMESH_ID");
        ck_assert_msg(strstr(document, quoted) != NULL, "variable %s is not described", quoted);
        if (key->members) {
            check_described(key->members, document);
        }
    }
}

START_TEST(described)
{
    static char document[128 * 1024];
    FILE *file = fopen(PARKMESH_SOURCE_DIR "/docs/configuration.md", "r");
    ck_assert_ptr_nonnull(file);
    size_t got = fread(document, 1, sizeof document - 1, file);
    ck_assert_int_eq(fclose(file), 0);
    document[got] = '\0';
    check_described(CONFIG_KEYS, document);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, seed_file);
    tcase_add_test(all, existing_file);
    tcase_add_test(all, everything_set);
    tcase_add_test(all, smallest_file);
    tcase_add_test(all, environment_overrides);
    tcase_add_test(all, wrong_environment);
    tcase_add_test(all, secret_file);
    tcase_add_test(all, default_ports_give_way);
    tcase_add_test(all, creates_a_missing_file);
    tcase_add_test(all, load_problems);
    tcase_add_test(all, listeners);
    tcase_add_test(all, described);
    suite_add_tcase(suite, all);
    return main_run(suite);
}
