#include "api/audit.h"

#include "api/decision.h"
#include "api/filter.h"
#include "api/handlers.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/localtime.h"
#include "proto/log.h"
#include "storage/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_BYTES 72

void audit_note(struct request *request, enum audit_kind kind, const json_t *body,
                const char *subject, const char *detail)
{
    struct access access = {.verb = ACCESS_NOTE,
                            .kind = kind,
                            .name = slice_text(subject),
                            .author = caller_author(request, body),
                            .reason = request_reason(body),
                            .address = slice_text(request->caller.address)};
    struct answer answer;
    struct problem problem;

    if (detail[0] != '\0') {
        access.detail = slice_text(detail);
    }
    if (decision_try(request, &access, &answer, &problem) != 0) {
        log_problem(LOG_LEVEL_WARN, &problem);
    }
}

void audit_supervised(struct request *request, const struct supervisor_request *question)
{
    const char *node = request->gateway->node.text, *name;
    struct problem problem;
    json_t *change, *value;
    char keys[256] = "";

    if (question->verb == SUPERVISOR_MESH_START || question->verb == SUPERVISOR_MESH_STOP) {
        audit_note(request,
                   question->verb == SUPERVISOR_MESH_START ? AUDIT_MESH_STARTED
                                                           : AUDIT_MESH_STOPPED,
                   NULL, node, "");
    }
    if (question->verb != SUPERVISOR_CONFIG_PUT) {
        return;
    }
    change = json_read_object(question->json, &problem);
    json_object_foreach(change, name, value)
    {
        size_t used = strlen(keys);
        if (used + strlen(name) + 3 < sizeof keys) {
            (void)snprintf(keys + used, sizeof keys - used, "%s%s", used > 0 ? ", " : "", name);
        }
    }
    audit_note(request, AUDIT_CONFIGURATION_CHANGED, NULL, node, keys);
    json_decref(change);
}

/* ---- GET /api/v1/audit ----------------------------------------------------------------------- */

struct filter {
    struct audit_query query;
    char author[LIMIT_TEXT + 1];
};

/* Every name that `kind` may have. */
static int refuse_kind(struct request *request)
{
#define LOCAL(name) ", " #name
#define LOGGED(name, number) ", " #name
    static const char kinds[] = AUDIT_KINDS(LOCAL) EVENT_KINDS(LOGGED);
#undef LOGGED
#undef LOCAL
    char why[sizeof kinds + 16];

    (void)snprintf(why, sizeof why, "one of %s", kinds + 2);
    return filter_refuse(request, "kind", why);
}

/* "stamp-list-row", as put_cursor writes it. */
static bool parse_cursor(const char *text, struct audit_cursor *out)
{
    char *end;

    errno = 0;
    out->stamp = strtoull(text, &end, 10);
    if (errno != 0 || *end != '-' || out->stamp == 0 || out->stamp > (uint64_t)LIMIT_SEQ) {
        return false;
    }
    out->is_local = strtoll(end + 1, &end, 10);
    if (errno != 0 || *end != '-' || (out->is_local != 0 && out->is_local != 1)) {
        return false;
    }
    out->row = strtoll(end + 1, &end, 10);
    return errno == 0 && *end == '\0' && out->row > 0;
}

static int read_time(struct request *request, const char *name, int64_t *out)
{
    char text[64] = "";

    if (request_query_text(request, name, text, sizeof text) != 0) {
        return -1;
    }
    if (text[0] == '\0') {
        return 0;
    }
    return localtime_parse(slice_text(text), out) == 0 && *out > 0
               ? 0
               : filter_refuse(request, name, "a time like 2026-11-22T08:15:03+07:00 is expected");
}

static int read_kind(struct request *request, struct audit_query *query)
{
    char text[LIMIT_TEXT + 1] = "";

    if (request_query_text(request, "kind", text, sizeof text) != 0) {
        return -1;
    }
    if (text[0] == '\0') {
        return 0;
    }
    query->local_kind = audit_kind_parse(slice_text(text));
    query->event_kind = event_kind_parse(slice_text(text));
    return query->local_kind != AUDIT_NONE || query->event_kind != 0 ? 0 : refuse_kind(request);
}

static int read_filter(struct request *request, struct filter *filter)
{
    static const char *const filters[] = {"author", "kind", "since", "until"};
    char cursor[LIMIT_TEXT + 1] = "";
    int64_t limit = 100;

    *filter = (struct filter){.author = ""};
    if (filter_check(request, filters, sizeof filters / sizeof filters[0]) != 0 ||
        request_query_text(request, "cursor", cursor, sizeof cursor) != 0 ||
        request_query_text(request, "author", filter->author, sizeof filter->author) != 0 ||
        request_query_int(request, "limit", &limit) != 0 ||
        read_time(request, "since", &filter->query.since_ms) != 0 ||
        read_time(request, "until", &filter->query.until_ms) != 0 ||
        read_kind(request, &filter->query) != 0) {
        return -1;
    }
    if (limit < 1 || limit > LIMIT_AUDIT_PAGE) {
        return filter_refuse(request, "limit", "1 to 500");
    }
    filter->query.limit = (size_t)limit;
    if (cursor[0] != '\0' && !parse_cursor(cursor, &filter->query.after)) {
        return filter_refuse(request, "cursor",
                             "not one of this list; take `next` of its last page");
    }
    if (filter->author[0] != '\0') {
        filter->query.author = slice_text(filter->author);
    }
    return 0;
}

/* A row as its author saw it, or an element: JSON that may come from another central, so it is
 * looked at before it is taken as such. */
static void put_json(struct json_writer *writer, const char *key, struct slice json)
{
    struct problem problem;
    json_t *value = json.len > 0 ? json_read(json, &problem) : NULL;

    json_put_key(writer, key);
    if (value != NULL) {
        json_put_raw(writer, json);
    } else {
        json_put_nothing(writer);
    }
    json_decref(value);
}

struct listing {
    struct json_writer *writer;
    const char *own; /* this central's id */
};

static int each_entry(void *context, const struct audit_entry *entry)
{
    struct listing *listing = context;
    struct json_writer *writer = listing->writer;

    json_put_open(writer, '{');
    json_set_time(writer, "time", entry->t_ms);
    json_set_slice(writer, "kind", entry->kind);
    json_set_text(writer, "central",
                  entry->is_local ? listing->own : entry->position.stream.node.text);
    json_set_slice(writer, "author", entry->author);
    json_set_slice(writer, "reason", entry->reason);
    json_set_slice(writer, "subject", entry->subject);
    if (entry->is_local) {
        json_set_slice(writer, "address", entry->address);
        json_set_slice(writer, "detail", entry->detail);
    } else {
        put_json(writer, "before", entry->before);
        put_json(writer, "detail", entry->detail);
        json_set_position(writer, "position", &entry->position);
    }
    json_put_close(writer, '}');
    return 0;
}

static void put_next(struct json_writer *writer, bool more, const struct audit_cursor *next)
{
    char text[CURSOR_BYTES];

    (void)snprintf(text, sizeof text, "%" PRIu64 "-%" PRId64 "-%" PRId64, next->stamp,
                   next->is_local, next->row);
    json_set_text(writer, "next", more ? text : "");
}

void audit_list(struct request *request)
{
    struct filter filter;
    struct problem problem;
    struct audit *audit;
    struct audit_cursor next;
    struct json_writer writer;
    struct listing listing = {.writer = &writer, .own = request->gateway->node.text};
    bool more = false;
    int rc;

    if (read_filter(request, &filter) != 0) {
        return;
    }
    audit = audit_open(request->gateway->database, &problem);
    if (audit == NULL) {
        respond_problem(request, &problem);
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "entries");
    json_put_open(&writer, '[');
    rc = audit_each(audit, &filter.query, each_entry, &listing, &next, &more, &problem);
    audit_close(&audit);
    if (rc != 0) {
        respond_problem(request, &problem);
        return;
    }
    json_put_close(&writer, ']');
    put_next(&writer, more, &next);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}
