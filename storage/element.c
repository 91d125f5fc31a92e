#include "storage/element.h"

/* Of one element: its id, a NUL and its JSON. */
static struct digest element_digest(struct slice item, struct slice json)
{
    struct buffer text;
    struct digest digest;

    buffer_init(&text, LIMIT_TEXT + 1 + LIMIT_JSON_TEXT);
    /* What is longer comes from no event; cut, it still has a digest. */
    (void)buffer_append(&text, item.data, item.len);
    (void)buffer_append(&text, "", 1);
    (void)buffer_append(&text, json.data, json.len);
    digest = body_hash(buffer_slice(&text));
    buffer_free(&text);
    return digest;
}

int element_each(struct sql *sql, settings_element_fn each, void *context, struct digest *etag,
                 struct problem *problem)
{
    struct digest sum = {{0}};
    int stopped = 0;
    int more;

    while ((more = sql_step(sql, problem)) > 0 && stopped == 0) {
        struct slice item = sql_text(sql, 0), json = sql_text(sql, 1);
        struct digest part = element_digest(item, json);
        digest_add(&sum, &part);
        stopped = each(context, item, json);
    }
    sql_reset(sql);
    if (etag) {
        *etag = sum;
    }
    return more < 0 ? -1 : stopped;
}

bool element_subscription(const struct sql *sql, struct arena *arena, struct fold_subscription *out)
{
    *out = (struct fold_subscription){
        .item = arena_copy(arena, sql_text(sql, 0)),
        .t = sql_int(sql, 1),
        .hlc = sql_u64(sql, 2),
        .position = {.stream = {.epoch = sql_u64(sql, 4)}, .seq = sql_u64(sql, 5)},
        .active = slice_equal(sql_text(sql, 6), slice_text("active")),
        .plate_id = arena_copy(arena, sql_text(sql, 7)),
        .from_ms = sql_optional(sql, 8),
        .to_ms = sql_optional(sql, 9),
    };
    return node_id_parse(sql_text(sql, 3), &out->position.stream.node);
}
