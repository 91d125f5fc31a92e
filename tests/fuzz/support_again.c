#include "tests/fuzz/support_again.h"

#include "proto/handoff.h"
#include "tests/fuzz/support_source.h"

void again_check(again_fn again, struct slice bytes)
{
    struct buffer first = {.limit = HANDOFF_BYTES}, second = {.limit = HANDOFF_BYTES};

    if (again(bytes, &first) == 0) {
        source_require(again(buffer_slice(&first), &second) == 0);
        source_require(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    }
    buffer_free(&first);
    buffer_free(&second);
}
