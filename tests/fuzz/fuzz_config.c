/*
 * Any bytes as configuration file and as PUT: never a crash, and what a PUT accepts is a file that
 * the next start accepts.
 */
#include "node/config.h"

#include "tests/fuzz/support_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct buffer errors = {0};
    struct buffer warnings = {0};
    struct buffer out = {0};
    struct problem problem;
    struct config config;

    if (config_parse(&config, text, "fuzz.json", &errors, &warnings) == 0) {
        source_require(config_json(&config, &out) == 0);
    } else {
        source_require(errors.len > 0); /* never refused without a word */
    }
    config_free(&config);

    if (config_merge("/nonexistent/fuzz.json", text, &out, &config, &problem) == 0) {
        config_free(&config);
        source_require(
            config_parse(&config, buffer_slice(&out), "merged.json", &errors, &warnings) == 0);
    }
    config_free(&config);
    buffer_free(&errors);
    buffer_free(&warnings);
    buffer_free(&out);
    return 0;
}
