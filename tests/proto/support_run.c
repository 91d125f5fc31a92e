#include "tests/proto/support_run.h"

#include "proto/event.h"
#include "proto/run.h"

#include <check.h>

void support_run(struct buffer *out, const struct stream *stream, uint64_t from, size_t count)
{
    struct buffer header = {0}, body = {0}, items = {0};
    struct digest before = {{0}};
    struct event event;

    before.bytes[3] = from > 1 ? 9 : 0;
    struct digest chain = before;
    for (size_t i = 0; i < count; i++) {
        event_init(&event, EVENT_VEHICLE_EXIT);
        event.t_eff = (int64_t)i;
        event.plate_id = slice_text("51G12345");
        ck_assert_int_eq(event_pack(&event, &header, &body), 0);
        struct digest hash = body_hash(buffer_slice(&body));
        struct slice kept = i % 3 == 2 ? (struct slice){NULL, 0} : buffer_slice(&body);
        ck_assert_int_eq(run_put_item(&items, buffer_slice(&header), kept, &hash), 0);
        chain = chain_next(&chain, buffer_slice(&header), &hash);
    }
    ck_assert_int_eq(run_pack(out, stream, from, &before, &chain, &items, count), 0);
    buffer_free(&header);
    buffer_free(&body);
    buffer_free(&items);
}
