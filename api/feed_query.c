#include "api/feed_query.h"

#include "api/filter.h"
#include "api/respond.h"

#include <string.h>

#define DEFAULT_LIMIT 100

static int refuse(struct request *request, const char *name, const char *message)
{
    respond_parameter(request, "query", name, message, "value_error");
    return -1;
}

static int read_after(struct request *request, struct feed_query *query)
{
    char text[FEED_CURSOR_TEXT + 1] = "";

    if (request_query_text(request, "after", text, sizeof text) != 0) {
        return -1;
    }
    query->has_after = request_query(request, "after").data != NULL;
    if (query->has_after && !feed_cursor_parse(slice_text(text), &query->after)) {
        return refuse(request, "after", "a cursor looks like 9f1c6e0b6a0d4f1f:4711");
    }
    return 0;
}

/* "VEHICLE_EXIT", or "KIND_99" for what only a newer version knows; 0 = neither. */
static uint32_t parse_kind(struct slice name)
{
    uint32_t kind = event_kind_parse(name);

    if (kind != 0 || name.len < 6 || name.len > 14 || memcmp(name.data, "KIND_", 5) != 0) {
        return kind;
    }
    for (size_t i = 5; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') {
            return 0;
        }
        kind = kind * 10 + (uint32_t)(name.data[i] - '0');
    }
    return kind;
}

/* Kinds of events, and VISIT for what was made of them; EVENT is every kind. Who names none and
 * asks for topics that only visits have means them; all others get events, as ever. */
static int read_kinds(struct request *request, struct feed_query *query)
{
    char text[1024] = "", *rest = NULL;
    bool is_named = false, has_all = false;

    if (request_query_text(request, "kind", text, sizeof text) != 0) {
        return -1;
    }
    for (char *name = strtok_r(text, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        uint32_t kind = parse_kind(slice_text(name));
        is_named = true;
        if (strcmp(name, "VISIT") == 0) {
            query->filter.has_visits = true;
            continue;
        }
        if (strcmp(name, "EVENT") == 0) {
            has_all = true;
            continue;
        }
        if (kind == 0 || query->filter.kind_count == LIMIT_FEED_KINDS) {
            return refuse(request, "kind", "names of event kinds, separated by commas");
        }
        query->filter.kinds[query->filter.kind_count++] = kind;
    }
    if (!is_named && query->filter.topic[0] != '\0') {
        query->filter.has_visits = feed_topic_tells(query->filter.topic) == FEED_VISITS;
    }
    query->filter.no_events = query->filter.has_visits && !has_all && query->filter.kind_count == 0;
    query->filter.kind_count = has_all ? 0 : query->filter.kind_count;
    return 0;
}

static int read_filter(struct request *request, struct feed_query *query)
{
    /* an empty topic is the beginning of each, as on the bus */
    static const char *const filters[] = {"kind", "central"};
    char central[LIMIT_NODE_ID + 1] = "";

    if (filter_check(request, filters, sizeof filters / sizeof filters[0]) != 0 ||
        request_query_text(request, "topic", query->filter.topic, sizeof query->filter.topic) !=
            0 ||
        read_kinds(request, query) != 0 ||
        request_query_text(request, "central", central, sizeof central) != 0) {
        return -1;
    }
    if (central[0] != '\0' && !node_id_parse(slice_text(central), &query->filter.central)) {
        return refuse(request, "central", "the id of a central");
    }
    return 0;
}

int feed_query_read(struct request *request, struct feed_query *query)
{
    int64_t wait = 0;

    *query = (struct feed_query){.limit = DEFAULT_LIMIT};
    if (read_after(request, query) != 0 || read_filter(request, query) != 0 ||
        request_query_int(request, "limit", &query->limit) != 0 ||
        request_query_int(request, "wait", &wait) != 0) {
        return -1;
    }
    if (query->limit < 1 || query->limit > LIMIT_FEED_PAGE) {
        return refuse(request, "limit", "1 to 1000");
    }
    if (wait < 0 || wait > LIMIT_FEED_WAIT_S) {
        return refuse(request, "wait", "0 to 30 seconds");
    }
    query->wait_ms = wait * 1000;
    return 0;
}

void feed_query_refuse(struct request *request, const struct feed_cursor *after,
                       const struct history_feed *feed)
{
    struct problem problem;
    struct json_writer writer;
    char text[FEED_CURSOR_TEXT], resume[FEED_CURSOR_TEXT];

    feed_cursor_text(after, text);
    feed_cursor_text(&feed->resume, resume);
    if (after->feed == feed->resume.feed) {
        (void)problem_set(&problem, PROBLEM_CURSOR_UNKNOWN,
                          "go on from `resume`: what came behind it was lost with the database "
                          "that gave this cursor, and comes again from the other centrals",
                          "this database reached only %s in the feed of cursor %s", resume, text);
    } else {
        (void)problem_set(&problem, PROBLEM_CURSOR_UNKNOWN,
                          "go on from `resume`, the beginning; or from `now`, without what was",
                          "no feed of this database gave the cursor %s", text);
    }
    writer = respond_open(request, &problem);
    feed_item_put_cursor(&writer, "resume", &feed->resume);
    feed_item_put_cursor(&writer, "now", &feed->now);
    feed_item_put_cursor(&writer, "beginning", &feed->beginning);
    respond_close(request, &writer, &problem);
}
