/*
 * What threads ask the node and the supervisor, and the answers. The first byte chooses which.
 */
#include "proto/command.h"
#include "tests/fuzz/support_again.h"
#include "tests/fuzz/support_source.h"

static int command(struct slice bytes, struct buffer *out)
{
    struct command read;

    return command_unpack(&read, bytes) ? -1 : command_pack(&read, out);
}

static int answer(struct slice bytes, struct buffer *out)
{
    struct answer read;

    return answer_unpack(&read, bytes) ? -1 : answer_pack(&read, out);
}

static int supervisor_request(struct slice bytes, struct buffer *out)
{
    struct supervisor_request read;

    return supervisor_request_unpack(&read, bytes) ? -1 : supervisor_request_pack(&read, out);
}

static int supervisor_answer(struct slice bytes, struct buffer *out)
{
    struct supervisor_answer read;

    return supervisor_answer_unpack(&read, bytes) ? -1 : supervisor_answer_pack(&read, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const again_fn kinds[] = {command, answer, supervisor_request, supervisor_answer};

    if (size) {
        again_check(kinds[data[0] % 4], (struct slice){(const char *)data + 1, size - 1});
    }
    return 0;
}
