/*
 * The state of the bus, as threads ask for it.
 */
#include "proto/bus_report.h"
#include "tests/fuzz/support_again.h"
#include "tests/fuzz/support_source.h"

#include <string.h>

static int report(struct slice bytes, struct buffer *out)
{
    struct bus_report read;

    if (bus_report_unpack(&read, bytes)) {
        return -1;
    }
    source_require(read.topic_count <= LIMIT_BUS_TOPICS);
    source_require(read.replay_count <= LIMIT_BUS_SESSIONS);
    for (size_t i = 0; i < read.topic_count; i++) {
        source_require(memchr(read.topics[i].prefix, '\0', FEED_TOPIC) != NULL);
    }
    return bus_report_pack(&read, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    again_check(report, (struct slice){(const char *)data, size});
    return 0;
}
