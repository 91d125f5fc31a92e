/*
 * Staff and subscriptions: pages read a whole list, change it and send it back whole. The node logs
 * what differs, so two people who change different elements at two centrals both get their way;
 * who wants to be told of the other sends If-Match.
 */
#include "api/handlers.h"

#include "api/decision.h"
#include "api/elements.h"
#include "api/respond.h"
#include "api/revision.h"
#include "storage/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What differs between the two lists. */
struct list {
    const char *name; /* of the member that holds it */
    enum event_kind event;
    enum command_kind command;
    const char *saved; /* for people */
};

static const struct list STAFF = {"staff", EVENT_STAFF_UPDATE, COMMAND_STAFF,
                                  "Đã cập nhật danh sách nhân viên"};
static const struct list SUBSCRIPTIONS = {"subscriptions", EVENT_SUBSCRIPTION_UPDATE,
                                          COMMAND_SUBSCRIPTIONS, "Đã cập nhật danh sách thuê bao"};

/* ---- GET ------------------------------------------------------------------------------------- */

/* An element as it is sorted: numbers by value, before texts. */
struct entry {
    json_t *element;
    char id[LIMIT_ELEMENT_ID + 1];
};

struct entries {
    struct entry *items;
    size_t count, capacity;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    bool number = json_is_integer(json_object_get(x->element, "id"));

    if (number != json_is_integer(json_object_get(y->element, "id"))) {
        return number ? -1 : 1;
    }
    if (number && strlen(x->id) != strlen(y->id)) {
        return strlen(x->id) < strlen(y->id) ? -1 : 1;
    }
    return strcmp(x->id, y->id);
}

/* What another version wrote and nobody here can read is left out. */
static int add_entry(void *context, struct slice item, struct slice json)
{
    struct entries *entries = context;
    json_t *element = json_read_object(json, NULL);

    (void)item; /* the element has it, too */
    if (element == NULL) {
        return 0;
    }
    if (entries->count == entries->capacity) {
        entries->capacity = entries->capacity == 0 ? 64 : entries->capacity * 2;
        struct entry *items = realloc(entries->items, entries->capacity * sizeof *items);
        if (items == NULL) {
            abort();
        }
        entries->items = items;
    }
    struct entry *entry = &entries->items[entries->count++];
    *entry = (struct entry){.element = element};
    (void)elements_id(element, entry->id); /* without one it is sorted first */
    return 0;
}

static void free_entries(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        json_decref(entries->items[i].element);
    }
    free(entries->items);
}

/* 0, or -1 after an answer. */
static int read_entries(struct request *request, const struct list *list, struct entries *entries)
{
    struct problem problem;
    struct digest etag;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int rc = -1;

    if (history != NULL) {
        rc = settings_elements(history, list->event, add_entry, entries, &etag, &problem);
        readers_give(request->gateway->readers, false, &history);
    }
    if (rc != 0) {
        respond_problem(request, &problem);
        return -1;
    }
    digest_hex(&etag, request->etag);
    if (entries->count > 1) {
        qsort(entries->items, entries->count, sizeof *entries->items, compare_entries);
    }
    return 0;
}

static void get(struct request *request, const struct list *list)
{
    struct entries entries = {.items = NULL};
    struct json_writer writer;

    if (read_entries(request, list, &entries) == 0) {
        writer = respond_json(request);
        json_put_open(&writer, '{');
        json_set_bool(&writer, "success", true);
        json_put_key(&writer, list->name);
        json_put_open(&writer, '[');
        for (size_t i = 0; i < entries.count; i++) {
            char *text = json_dumps(entries.items[i].element, JSON_COMPACT);
            json_put_raw(&writer, slice_text(text != NULL ? text : "null"));
            free(text);
        }
        json_put_close(&writer, ']');
        json_set_text(&writer, "source", "log");
        json_put_close(&writer, '}');
        respond_send(request, 200);
    }
    free_entries(&entries);
}

void lists_staff_get(struct request *request)
{
    get(request, &STAFF);
}

void lists_subscriptions_get(struct request *request)
{
    get(request, &SUBSCRIPTIONS);
}

/* ---- PUT ------------------------------------------------------------------------------------- */

/* 0, or -1 after an answer. An absent list is no empty one. */
static int check(struct request *request, const struct list *list, const json_t *elements)
{
    char error[300];

    if (!json_is_array(elements)) {
        (void)snprintf(error, sizeof error, "%s phải là một mảng", list->name);
    } else if (elements_check(list->event, elements, error, sizeof error) == 0) {
        return 0;
    }
    respond_error(request, PROBLEM_FIELD_INVALID, error);
    return -1;
}

static void answer_put(struct request *request, const struct list *list,
                       const struct answer *answer)
{
    struct json_writer writer;

    (void)snprintf(request->etag, sizeof request->etag, "%s", answer->etag);
    if (answer->code != PROBLEM_OK) {
        decision_refuse(request, answer);
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_set_text(&writer, "message", list->saved);
    json_set_int(&writer, "changed", answer->changed);
    decision_put(&writer, answer);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

static void put(struct request *request, const struct list *list)
{
    struct command command;
    struct answer answer;
    json_t *body = request_object(request);
    const json_t *elements = json_object_get(body, list->name);
    char *text = NULL;

    if (body == NULL) {
        return;
    }
    command_init(&command, list->command);
    if (revision_read(request, &command.if_match) == 0 && check(request, list, elements) == 0) {
        text = elements_text(elements);
        command.json = slice_text(text);
        command.author = caller_author(request, body);
        command.reason = json_member_text(body, "reason");
        if (decision_ask(request, &command, &answer) == 0) {
            answer_put(request, list, &answer);
        }
        free(text);
    }
    json_decref(body);
}

void lists_staff_put(struct request *request)
{
    put(request, &STAFF);
}

void lists_subscriptions_put(struct request *request)
{
    put(request, &SUBSCRIPTIONS);
}
