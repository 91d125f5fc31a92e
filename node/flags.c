#include "node/flags.h"

#include <stddef.h>

static const struct flag_text FLAGS[FLAG_COUNT] = {
    [FLAG_CONFIG] = {"--config", "FILE", "", "configuration (default config/p2p_config.json)"},
    [FLAG_DATA] = {"--data", "DIR", "", "data directory (default data, or data_dir of the FILE)"},
    [FLAG_PEER] = {"--peer", "ID", NULL, "the other central, by its id"},
    [FLAG_LOG_FORMAT] = {"--log-format", "FORMAT", "text json", "log lines as text or json"},
    [FLAG_CHECK] = {"--check", NULL, NULL, "one line and the exit status of a Nagios plug-in"},
    [FLAG_JSON] = {"--json", NULL, NULL, "JSON on stdout, for programs"},
    [FLAG_HELP] = {"--help", NULL, NULL, "this text (-h)"},
};

const struct flag_text *flags_get(enum flag flag)
{
    return &FLAGS[flag];
}
