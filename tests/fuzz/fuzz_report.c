/*
 * The state of the mesh, as threads ask for it.
 */
#include "proto/report.h"
#include "tests/fuzz/support_again.h"
#include "tests/fuzz/support_source.h"

static int report(struct slice bytes, struct buffer *out)
{
    struct mesh_report read;

    if (mesh_report_unpack(&read, bytes)) {
        return -1;
    }
    for (size_t i = 0; i < read.count; i++) {
        source_require(peer_state_name(read.peers[i].state)[0] != '\0');
        source_require(peer_sync_name(read.peers[i].sync)[0] != '\0');
    }
    int packed = mesh_report_pack(&read, out);
    mesh_report_free(&read);
    return packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    again_check(report, (struct slice){(const char *)data, size});
    return 0;
}
