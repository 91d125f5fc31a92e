/*
 * Every command. docs/man/parkmesh.1 says the same at length; a test holds the two together.
 */
#include "node/commands.h"

#define CONFIG FLAG_BIT(FLAG_CONFIG)
#define DATA FLAG_BIT(FLAG_DATA)
#define JSON FLAG_BIT(FLAG_JSON)

/* Exit statuses of commands that ask the running central. */
#define ASKED                                                                          \
    "0 done, 1 refused, 64 usage, 69 no central runs, 75 try again, 77 wrong token,\n" \
    "78 configuration."

static const struct command_entry TABLE[] = {
    {.name = "run",
     .operands = "",
     .flags = CONFIG | DATA | FLAG_BIT(FLAG_LOG_FORMAT) | FLAG_BIT(FLAG_WEB_DIR),
     .summary = "run a central in the foreground",
     .examples = "  parkmesh run                          config/p2p_config.json, data/\n"
                 "  parkmesh run --config /etc/parkmesh/a.json --data /var/lib/parkmesh\n",
     .text =
         "Logs on stderr. A missing FILE is created: one central alone on 127.0.0.1. An existing\n"
         "central.db of the Python system in DIR is taken over at the start. SIGTERM and SIGINT "
         "stop\n"
         "it, SIGHUP reads FILE again.\n",
     .statuses = "0 stopped politely, 64 usage, 65 database damaged, foreign or newer, 69 address\n"
                 "in use or unavailable, 70 our bug, 73 cannot create, 74 I/O error or disk full,\n"
                 "77 permission, 78 configuration.",
     .run = command_run},
    {.name = "check",
     .operands = "[FILE]",
     .most = 1,
     .flags = JSON,
     .summary = "all errors of a configuration at once",
     .examples = "  parkmesh check                        config/p2p_config.json\n"
                 "  parkmesh check /etc/parkmesh/a.json\n",
     .text = "Nothing is changed or started.\n",
     .statuses = "0 good, 64 usage, 78 errors.",
     .run = command_check},
    {.name = "secret new",
     .operands = "",
     .flags = JSON,
     .summary = "print a random mesh_secret",
     .examples = "  parkmesh secret new                   paste it into every central\n",
     .text = "",
     .statuses = "0 printed, 64 usage.",
     .run = command_secret},
    {.name = "bus",
     .operands = "",
     .flags = CONFIG | JSON,
     .summary = "what a subscriber of the bus needs",
     .examples = "  parkmesh bus                          lines for a shell\n"
                 "  parkmesh bus --json\n",
     .text = "Address, ports and, with a bus.secret, keys: that of the central, and the pair with "
             "which\n"
             "every subscriber proves itself. Keep the last one secret. No central needs to run.\n",
     .statuses = "0 printed, 64 usage, 78 configuration.",
     .run = command_bus},
    {.name = "verify",
     .operands = "",
     .flags = CONFIG | DATA | JSON,
     .summary = "walk every chain of a database, read-only",
     .examples = "  parkmesh verify                       that of config/p2p_config.json\n"
                 "  parkmesh verify --data /var/lib/parkmesh\n",
     .text = "For a database that is not in use: stop the central first.\n",
     .statuses = "0 whole, 64 usage, 65 damaged, 69 in use, 78 configuration.",
     .run = command_verify},
    {.name = "diff",
     .operands = "",
     .flags = CONFIG | JSON | FLAG_BIT(FLAG_PEER),
     .summary = "the first event that differs at a peer",
     .examples = "  parkmesh diff --peer central-2\n",
     .text = "Asks the running central of FILE. --peer must be given.\n",
     .statuses = "0 equal, 1 different, 64 usage or no such peer, 69 no central runs or the\n"
                 "peer is not connected, 75 no answer, 78 configuration.",
     .run = command_diff},
    {.name = "status",
     .operands = "",
     .flags = CONFIG | JSON | FLAG_BIT(FLAG_CHECK),
     .summary = "the running central, its peers and warnings",
     .examples = "  parkmesh status\n"
                 "  parkmesh status --check               for Nagios and its like\n"
                 "  parkmesh status --json | jq .peers\n",
     .text = "Lag and clock are those of each peer against this central.\n",
     .statuses =
         "0 answered, 64 usage, 69 no central runs, 75 try again, 77 wrong token,\n"
         "78 configuration. With --check: 0 OK, 1 WARNING (a peer away or more than 100\n"
         "events behind, less than 1 GiB free, a warning but MESH_WITHOUT_SECRET), 2 CRITICAL\n"
         "(no central runs, not ready, several peers and none connected, less than 100 MiB\n"
         "free, DUPLICATE_ID, STATE_DIVERGED, CHAIN_BROKEN, CHAIN_MISMATCH, DISK_FULL),\n"
         "3 UNKNOWN.",
     .run = command_status},
    {.name = "peers list",
     .operands = "",
     .flags = CONFIG | JSON,
     .summary = "configured centrals, and those that ask to be",
     .examples = "  parkmesh peers list\n",
     .text = "",
     .statuses = ASKED,
     .run = command_peers_list},
    {.name = "peers add",
     .operands = "ADDRESS[:PORT]",
     .least = 1,
     .most = 1,
     .flags = CONFIG | JSON,
     .summary = "link this central with another one",
     .examples = "  parkmesh peers add 192.168.1.102\n"
                 "  parkmesh peers add 192.168.1.102:8000\n",
     .text = "Asks the address who is there, writes it into the configuration of the running\n"
             "central and registers this central there. PORT is that of HTTP, 8000 by default.\n",
     .statuses = ASKED "\n65 nobody answers there, or it is configured already.",
     .run = command_peers_add},
    {.name = "peers accept",
     .operands = "ID",
     .least = 1,
     .most = 1,
     .flags = CONFIG | JSON,
     .summary = "do what a central asks: join, move or leave",
     .examples = "  parkmesh peers accept central-3       see: parkmesh peers list\n",
     .text = "",
     .statuses = ASKED,
     .run = command_peers_accept},
    {.name = "peers test",
     .operands = "ID",
     .least = 1,
     .most = 1,
     .flags = CONFIG | JSON,
     .summary = "send a message over the link to a central",
     .examples = "  parkmesh peers test central-2\n",
     .text = "",
     .statuses = ASKED "\n69 also when the link is down.",
     .run = command_peers_test},
    {.name = "peers remove",
     .operands = "ID",
     .least = 1,
     .most = 1,
     .flags = CONFIG | JSON,
     .summary = "end the link with a central, at both sides",
     .examples = "  parkmesh peers remove central-2\n",
     .text = "Its events stay here, as ours stay there.\n",
     .statuses = ASKED,
     .run = command_peers_remove},
    {.name = "send",
     .operands = "[FILE]",
     .most = 1,
     .flags = CONFIG | JSON | FLAG_BIT(FLAG_PLATE) | FLAG_BIT(FLAG_TYPE) | FLAG_BIT(FLAG_CAMERA) |
              FLAG_BIT(FLAG_EVENT_ID) | FLAG_BIT(FLAG_TIME),
     .summary = "events to the running central",
     .examples = "  parkmesh send --plate 51F-204.17 --camera 3\n"
                 "  parkmesh send --type EXIT --plate 51F-204.17\n"
                 "  parkmesh send events.ndjson\n"
                 "  tail -f gate.ndjson | parkmesh send     as many at once as a request holds\n",
     .text = "FILE, or stdin, has one JSON object a line, with the fields of POST /api/v1/events. "
             "Names\n"
             "ending in .csv: their names are in the first line. An event with a time or key of "
             "its own\n"
             "is stored once, however often it is sent: after an interruption do the same again.\n",
     .statuses = ASKED "\n65 events were refused, as told; the others are stored. 74 disk full.",
     .run = command_send},
    {.name = "watch",
     .operands = "",
     .flags = CONFIG | JSON | FLAG_BIT(FLAG_AFTER) | FLAG_BIT(FLAG_TOPIC) | FLAG_BIT(FLAG_LIMIT),
     .summary = "events as they happen, none missed",
     .examples = "  parkmesh watch\n"
                 "  parkmesh watch --topic v1.central-2.VEHICLE_EXIT --json | jq .fee\n"
                 "  parkmesh watch --topic v1.central-2.VISIT    # visits, as they change\n"
                 "  parkmesh watch --after 9f1c6e0b6a0d4f1f:2\n",
     .text =
         "The first column, `cursor` in JSON, is what --after takes. While the central is away\n"
         "it waits and goes on where it was.\n",
     .statuses = ASKED "\n1 also an unknown cursor; where to go on is told.",
     .run = command_watch},
    {.name = "export",
     .operands = "",
     .flags = CONFIG | JSON | FLAG_BIT(FLAG_FORMAT) | FLAG_BIT(FLAG_FROM) | FLAG_BIT(FLAG_TO) |
              FLAG_BIT(FLAG_OUTPUT),
     .summary = "visits as CSV or NDJSON",
     .examples = "  parkmesh export --output visits.csv\n"
                 "  parkmesh export > visits.csv\n"
                 "  parkmesh export --format ndjson --from 2026-11-01T00:00:00+07:00 | jq .fee\n",
     .text =
         "Newest first; parkmesh import takes it at another central. --json is --format ndjson.\n"
         "With --output there is no FILE before it is complete, but FILE.*.part: interrupted, the\n"
         "same command goes on behind what is in it. A restart of the central does not "
         "interrupt.\n",
     .statuses =
         ASKED "\n65 a time or the part is wrong, 74 no room. But for 0 what was printed is\n"
               "not complete.",
     .run = command_export},
    {.name = "import",
     .operands = "FILE",
     .least = 1,
     .most = 1,
     .flags = CONFIG | JSON,
     .summary = "visits of an export or a database, past events",
     .examples = "  parkmesh import visits.csv            of parkmesh export\n"
                 "  parkmesh import old/central.db        of the Python system\n"
                 "  parkmesh import events.ndjson         of the past 7 days, with times\n",
     .text = "FILE has visits with the names of GET /api/v1/visits (entry_time and a plate at "
             "least), or\n"
             "events with those of POST /api/v1/events, as NDJSON, or as CSV if its name ends in "
             ".csv.\n"
             "Visits may be of any age; a central believes events of the past 7 days only. What is "
             "there\n"
             "already changes nothing: interrupted, the same command goes on. - is stdin.\n",
     .statuses = ASKED
     "\n65 a bad FILE, or some were refused, as told; the others are stored. 74 disk full.",
     .run = command_import},
    {.name = "simulate",
     .operands = "",
     .flags = CONFIG | JSON | FLAG_BIT(FLAG_CARS) | FLAG_BIT(FLAG_RATE) | FLAG_BIT(FLAG_CLEAN),
     .summary = "cars that come and go, for a demonstration",
     .examples = "  parkmesh simulate --cars 100 --rate 5\n"
                 "  parkmesh simulate --clean\n",
     .text = "Real events at every linked central. Plates begin with 00S, names of visits with\n"
             "simulated-. --clean deletes the visits; the events stay in the log.\n",
     .statuses = ASKED "\n74 disk full.",
     .run = command_simulate},
    {.name = "account reset",
     .operands = "NAME",
     .least = 1,
     .most = 1,
     .flags = CONFIG | DATA | JSON,
     .summary = "a new password for an account",
     .examples = "  parkmesh account reset admin\n",
     .text = "Printed once; all sessions of the account end. Also while the central runs.\n",
     .statuses = "0 done, 1 no such account, 64 usage, 69 the database is in use and nobody\n"
                 "answers, 73 no database, 78 configuration.",
     .run = command_account},
    {.name = "completion",
     .operands = "[WORD...]",
     .most = SIZE_MAX,
     .flags = 0,
     .summary = "what may stand for the last WORD, for shells",
     .examples = "  parkmesh completion -- verify --      the options of verify\n",
     .text = "One candidate a line; none: file names. packaging/parkmesh.bash calls it.\n",
     .statuses = "0 printed, 64 usage.",
     .run = command_completion},
    {.name = NULL},
};

const struct command_entry *command_line_table(void)
{
    return TABLE;
}
