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
