/*
 * What the mesh hands to node and reader, their answers, and the mesh's configuration. The first
 * byte chooses which.
 */
#include "bus/mesh.h"
#include "proto/handoff.h"
#include "tests/fuzz/support_again.h"
#include "tests/fuzz/support_source.h"

static int apply_request(struct slice bytes, struct buffer *out)
{
    struct apply_request read;

    return apply_request_unpack(&read, bytes) ? -1 : apply_request_pack(&read, out);
}

static int apply_answer(struct slice bytes, struct buffer *out)
{
    struct apply_answer read;

    return apply_answer_unpack(&read, bytes) ? -1 : apply_answer_pack(&read, out);
}

static int read_request(struct slice bytes, struct buffer *out)
{
    struct read_request read;

    return read_request_unpack(&read, bytes) ? -1 : read_request_pack(&read, out);
}

static int read_answer(struct slice bytes, struct buffer *out)
{
    struct read_answer read;

    if (read_answer_unpack(&read, bytes)) {
        return -1;
    }
    int packed = read_answer_pack(&read, out);
    read_answer_free(&read);
    return packed;
}

static int mesh_config(struct slice bytes, struct buffer *out)
{
    struct mesh_config read;

    if (mesh_config_unpack(&read, bytes)) {
        return -1;
    }
    int packed = mesh_config_pack(&read, out);
    mesh_config_free(&read);
    return packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const again_fn kinds[] = {apply_request, apply_answer, read_request, read_answer,
                                     mesh_config};

    if (size) {
        again_check(kinds[data[0] % 5], (struct slice){(const char *)data + 1, size - 1});
    }
    return 0;
}
