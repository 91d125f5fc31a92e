/*
 * What a commit made durable, as threads hear it.
 */
#include "proto/fact.h"
#include "tests/fuzz/support_again.h"
#include "tests/fuzz/support_source.h"

static int fact(struct slice bytes, struct buffer *out)
{
    struct fact read;

    if (fact_unpack(&read, bytes)) {
        return -1;
    }
    int packed = fact_pack(&read, out);
    fact_free(&read);
    return packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    again_check(fact, (struct slice){(const char *)data, size});
    return 0;
}
