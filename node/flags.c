#include "node/flags.h"

#include <stddef.h>

static const struct flag_text FLAGS[FLAG_COUNT] = {
    [FLAG_CONFIG] = {"--config", "FILE", "", "configuration (default config/p2p_config.json)"},
    [FLAG_DATA] = {"--data", "DIR", "", "data directory (default data, or data_dir of the FILE)"},
    [FLAG_PEER] = {"--peer", "ID", NULL, "the other central, by its id"},
    [FLAG_LOG_FORMAT] = {"--log-format", "FORMAT", "text json", "log lines as text or json"},
    [FLAG_WEB_DIR] = {"--web-dir", "DIR", "",
                      "the page's files from there, while they are worked on"},
    [FLAG_CHECK] = {"--check", NULL, NULL, "one line and the exit status of a Nagios plug-in"},
    [FLAG_PLATE] = {"--plate", "PLATE", NULL, "send one event of this plate"},
    [FLAG_TYPE] = {"--type", "TYPE", "ENTRY EXIT LOCATION_UPDATE", "what it does (default ENTRY)"},
    [FLAG_CAMERA] = {"--camera", "ID", NULL, "the camera that saw it"},
    [FLAG_EVENT_ID] = {"--event-id", "ID", NULL, "the name of its visit"},
    [FLAG_TIME] = {"--time", "TIME", NULL, "when, RFC 3339 with an offset (default now)"},
    [FLAG_AFTER] = {"--after", "CURSOR", NULL, "go on behind this event (default from now on)"},
    [FLAG_TOPIC] = {"--topic", "PREFIX", NULL, "of topics v1.CENTRAL.KIND that begin so"},
    [FLAG_LIMIT] = {"--limit", "N", NULL, "end after so many events"},
    [FLAG_FORMAT] = {"--format", "FORMAT", "csv ndjson", "csv (default) or ndjson"},
    [FLAG_FROM] = {"--from", "TIME", NULL, "entered at or after, RFC 3339"},
    [FLAG_TO] = {"--to", "TIME", NULL, "entered before, RFC 3339"},
    [FLAG_OUTPUT] = {"--output", "FILE", "", "into FILE; interrupted, the same again goes on"},
    [FLAG_CARS] = {"--cars", "N", NULL, "so many cars enter and leave (default 20)"},
    [FLAG_RATE] = {"--rate", "R", NULL, "events a second (default 2)"},
    [FLAG_CLEAN] = {"--clean", NULL, NULL, "remove all simulated visits"},
    [FLAG_JSON] = {"--json", NULL, NULL, "JSON on stdout, for programs"},
    [FLAG_HELP] = {"--help", NULL, NULL, "this text (-h)"},
};

const struct flag_text *flags_get(enum flag flag)
{
    return &FLAGS[flag];
}
