#include "node/commands.h"

#include "node/own_api.h"
#include "node/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DISK_LOW (1LL << 30)   /* bytes: days of events, time to do something */
#define DISK_OUT (100LL << 20) /* bytes: nothing is stored soon */
#define LAG_WARNING 100        /* events; a busy gate makes fewer in a minute */
#define MEBIBYTE (1024.0 * 1024)

/* As monitoring plug-ins answer. */
enum verdict {
    VERDICT_OK,
    VERDICT_WARNING,
    VERDICT_CRITICAL,
    VERDICT_UNKNOWN
};

static const char *const VERDICTS[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

struct judgement {
    enum verdict verdict;
    char reasons[400];
};

/* ---- reading --------------------------------------------------------------------------------- */

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool is_null(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return value == NULL || json_is_null(value);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Adds "`whom` `what`", or `what` alone for an empty `whom`. */
static void note(struct judgement *judgement, enum verdict verdict, const char *whom,
                 const char *what)
{
    size_t len = strlen(judgement->reasons);

    if (verdict > judgement->verdict) {
        judgement->verdict = verdict;
    }
    (void)snprintf(judgement->reasons + len, sizeof judgement->reasons - len, "%s%s%s%s",
                   len > 0 ? ", " : "", whom, whom[0] != '\0' ? " " : "", what); /* cut: enough */
}

static void put_figure(char out[40], const json_t *object, const char *key, const char *unit)
{
    if (is_null(object, key)) {
        (void)snprintf(out, 40, "-");
    } else {
        (void)snprintf(out, 40, "%" PRId64 " %s", number(object, key), unit);
    }
}

static void judge_peers(struct judgement *judgement, const json_t *mesh)
{
    const json_t *peers = json_object_get(mesh, "peers");
    size_t away = 0;

    for (size_t i = 0; i < json_array_size(peers); i++) {
        const json_t *peer = json_array_get(peers, i);
        const char *id = own_api_text(peer, "peer_id");
        if (!json_is_true(json_object_get(peer, "connected"))) {
            note(judgement, VERDICT_WARNING, id, "not connected");
            away++;
        } else if (number(peer, "lag_events") > LAG_WARNING) {
            note(judgement, VERDICT_WARNING, id, "lags");
        }
    }
    if (away > 1 && away == json_array_size(peers)) {
        note(judgement, VERDICT_CRITICAL, "", "no peer connected");
    }
    if (json_is_false(json_object_get(mesh, "running"))) {
        note(judgement, VERDICT_WARNING, "", "links are stopped");
    }
}

static void judge_warnings(struct judgement *judgement, const json_t *summary)
{
    static const char *const GRAVE[] = {"DUPLICATE_ID", "STATE_DIVERGED", "CHAIN_BROKEN",
                                        "CHAIN_MISMATCH", "DISK_FULL"};
    const json_t *warnings = json_object_get(summary, "warnings");

    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *code = own_api_text(json_array_get(warnings, i), "code");
        enum verdict verdict = VERDICT_WARNING;
        if (strcmp(code, "MESH_WITHOUT_SECRET") == 0) {
            continue; /* how it was set up; a peer that is not reached counts by itself */
        }
        for (size_t k = 0; k < sizeof GRAVE / sizeof *GRAVE; k++) {
            verdict = strcmp(code, GRAVE[k]) == 0 ? VERDICT_CRITICAL : verdict;
        }
        note(judgement, verdict, "", code);
    }
}

static void judge(struct judgement *judgement, const json_t *summary, const json_t *mesh)
{
    const json_t *disk = json_object_get(summary, "disk");

    *judgement = (struct judgement){.verdict = VERDICT_OK};
    if (!json_is_true(json_object_get(summary, "ready"))) {
        note(judgement, VERDICT_CRITICAL, "", "not ready");
    }
    if (!is_null(disk, "free_bytes") && number(disk, "free_bytes") < DISK_LOW) {
        note(judgement, number(disk, "free_bytes") < DISK_OUT ? VERDICT_CRITICAL : VERDICT_WARNING,
             "", "little room on the disk");
    }
    judge_peers(judgement, mesh);
    judge_warnings(judgement, summary);
}

/* ---- telling --------------------------------------------------------------------------------- */

/* For Nagios: one line, figures behind the bar. */
static void print_check(const struct judgement *judgement, const json_t *summary,
                        const json_t *mesh)
{
    const json_t *disk = json_object_get(summary, "disk");

    (void)printf("PARKMESH %s - %s: %s | events=%" PRId64 "c peers=%" PRId64 " connected=%" PRId64
                 " uptime=%" PRId64 "s disk_free=%" PRId64 "B\n",
                 VERDICTS[judgement->verdict], own_api_text(summary, "node"),
                 judgement->reasons[0] != '\0' ? judgement->reasons : "all is well",
                 number(summary, "events"), number(mesh, "total_peers"),
                 number(mesh, "connected_peers"), number(summary, "uptime_s"),
                 number(disk, "free_bytes"));
}

static void print_json(const struct judgement *judgement, const json_t *summary, const json_t *mesh,
                       json_t *bus)
{
    static const char *const SUMMARY[] = {"version", "ready", "time",     "uptime_s",      "events",
                                          "parking", "disk",  "warnings", "unknown_events"};
    static const char *const MESH[] = {"running", "address", "peers", "pending"};
    json_t *out = json_pack("{s:s, s:s}", "central", own_api_text(summary, "node"), "verdict",
                            VERDICTS[judgement->verdict]);

    for (size_t i = 0; i < sizeof SUMMARY / sizeof *SUMMARY; i++) {
        (void)json_object_set(out, SUMMARY[i], json_object_get(summary, SUMMARY[i]));
    }
    for (size_t i = 0; i < sizeof MESH / sizeof *MESH; i++) {
        (void)json_object_set(out, MESH[i], json_object_get(mesh, MESH[i]));
    }
    (void)json_object_set(out, "bus", bus);
    command_line_json(out);
    json_decref(out);
}

static void print_peer(const json_t *peer)
{
    bool connected = json_is_true(json_object_get(peer, "connected"));
    char lag[40], clock[40], way[40];

    put_figure(lag, peer, "lag_events", "events");
    put_figure(clock, peer, "clock_offset_ms", "ms");
    put_figure(way, peer, "rtt_ms", "ms");
    (void)printf("  %-20s ", own_api_text(peer, "peer_id"));
    terminal_print(connected ? TERMINAL_GREEN : TERMINAL_RED, 13, own_api_text(peer, "status"));
    (void)printf(" %-8s %-14s %-10s %-10s %s\n", own_api_text(peer, "sync"), lag, clock, way,
                 own_api_text(peer, "last_error"));
}

static void print_peers(const json_t *mesh)
{
    const json_t *peers = json_object_get(mesh, "peers");
    const json_t *pending = json_object_get(mesh, "pending");

    if (json_array_size(peers) > 0) {
        (void)printf("\n  %-20s %-13s %-8s %-14s %-10s %s\n", "peer", "link", "logs", "lag",
                     "clock", "round trip");
    }
    for (size_t i = 0; i < json_array_size(peers); i++) {
        print_peer(json_array_get(peers, i));
    }
    for (size_t i = 0; i < json_array_size(pending); i++) {
        print_peer(json_array_get(pending, i));
    }
}

/* Who listens to the bus, and how much was missed and fetched later. */
static void print_bus(const json_t *bus)
{
    const json_t *topics = json_object_get(bus, "topics");
    int64_t subscribers = 0;

    if (!json_is_true(json_object_get(bus, "listening"))) {
        (void)printf("  bus    off, see BUS_UNAVAILABLE in the log\n");
        return;
    }
    for (size_t i = 0; i < json_array_size(topics); i++) {
        subscribers += number(json_array_get(topics, i), "subscribers");
    }
    (void)printf("  bus    %s:%" PRId64 ", subscriptions %" PRId64 ", fetched later %" PRId64 "\n",
                 own_api_text(bus, "address"), number(bus, "port"), subscribers,
                 number(bus, "fetched"));
}

static void print_screen(const struct judgement *judgement, const json_t *summary,
                         const json_t *mesh, const json_t *bus)
{
    static const enum terminal_color COLORS[] = {TERMINAL_GREEN, TERMINAL_YELLOW, TERMINAL_RED,
                                                 TERMINAL_RED};
    const json_t *disk = json_object_get(summary, "disk");
    const json_t *parking = json_object_get(summary, "parking");
    const json_t *warnings = json_object_get(summary, "warnings");
    int64_t up = number(summary, "uptime_s");

    terminal_print(TERMINAL_BOLD, 0, own_api_text(summary, "node"));
    (void)printf("  ParkMesh %s  up %" PRId64 " d %02" PRId64 ":%02" PRId64 "  ",
                 own_api_text(summary, "version"), up / 86400, up / 3600 % 24, up / 60 % 60);
    terminal_print(COLORS[judgement->verdict], 0, VERDICTS[judgement->verdict]);
    (void)printf("\n  events %" PRId64 ", vehicles inside %" PRId64 "\n", number(summary, "events"),
                 number(parking, "vehicles_in_parking"));
    (void)printf("  clock  %s\n", own_api_text(summary, "time"));
    (void)printf("  disk   database %.1f MiB, free %.1f GiB\n",
                 (double)number(disk, "database_bytes") / MEBIBYTE,
                 (double)number(disk, "free_bytes") / MEBIBYTE / 1024);
    print_bus(bus);
    print_peers(mesh);
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *warning = json_array_get(warnings, i);
        (void)printf("%s  ", i == 0 ? "\n" : "");
        terminal_print(TERMINAL_YELLOW, 0, own_api_text(warning, "code"));
        (void)printf(": %s\n", own_api_text(warning, "text"));
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Monitoring wants every answer on stdout. */
static int give_up(const struct command_line *line, const struct problem *problem)
{
    enum verdict verdict =
        problem->code == PROBLEM_PEER_UNREACHABLE || problem->code == PROBLEM_STOPPING
            ? VERDICT_CRITICAL
            : VERDICT_UNKNOWN;

    if (line->values[FLAG_CHECK] == NULL) {
        return command_line_complain(problem);
    }
    (void)printf("PARKMESH %s - %s\n", VERDICTS[verdict], problem->text);
    return (int)verdict;
}

int command_status(const struct command_line *line)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct judgement judgement;
    struct own_api api;
    json_t *summary = NULL, *mesh = NULL, *bus = NULL;
    int status = 0;

    if (own_api_open(&api, line, &problem) == 0) {
        summary = own_api_ask(&api, "GET", "/api/status", (struct slice){0}, &problem);
    }
    if (summary != NULL) {
        mesh = own_api_ask(&api, "GET", "/api/p2p/status", (struct slice){0}, &problem);
    }
    if (mesh != NULL) {
        bus = own_api_ask(&api, "GET", "/api/v1/bus", (struct slice){0}, &problem);
    }
    if (bus == NULL) {
        status = give_up(line, &problem);
    } else {
        judge(&judgement, summary, mesh);
        status = line->values[FLAG_CHECK] != NULL ? (int)judgement.verdict : 0;
        if (line->values[FLAG_JSON] != NULL) {
            print_json(&judgement, summary, mesh, bus);
        } else if (line->values[FLAG_CHECK] != NULL) {
            print_check(&judgement, summary, mesh);
        } else {
            print_screen(&judgement, summary, mesh, bus);
        }
    }
    json_decref(summary);
    json_decref(mesh);
    json_decref(bus);
    own_api_close(&api);
    return status;
}
