/*
 * Lists of staff and subscriptions from pages and files. What passes the check makes events that
 * can be packed, equal elements are equal texts, and what was mended passes the check.
 */
#include "api/elements.h"
#include "api/json.h"
#include "tests/fuzz/support_source.h"

#include <stdlib.h>
#include <string.h>

/* As node/settings makes it. */
static void check_event(enum event_kind kind, const json_t *element)
{
    struct buffer header = {0}, body = {0};
    struct event event;
    char id[LIMIT_ELEMENT_ID + 1], plate[LIMIT_PLATE + 1];
    char *text = elements_text(element);
    json_t *again = json_read(slice_text(text), NULL);
    char *second = elements_text(again);

    source_require(strcmp(text, second) == 0);
    event_init(&event, kind);
    source_require(elements_id(element, id));
    event.hlc = 1;
    event.item = slice_text(id);
    event.json = slice_text(text);
    event.status = json_member_text(element, "status");
    if (kind == EVENT_SUBSCRIPTION_UPDATE) {
        elements_subscription(element, &event, plate);
        source_require(event.plate_id.len >= LIMIT_PLATE_MIN);
        source_require(event.valid_from_ms == EVENT_NONE || event.valid_to_ms == EVENT_NONE ||
                       event.valid_from_ms < event.valid_to_ms);
    }
    source_require(event_pack(&event, &header, &body) == 0);
    buffer_free(&header);
    buffer_free(&body);
    free(second);
    json_decref(again);
    free(text);
}

static void check_mended(enum event_kind kind, json_t *element)
{
    char error[300];

    if (elements_mend(kind, element, 7)) {
        json_t *list = json_pack("[O]", element);
        source_require(elements_check(kind, list, error, sizeof error) == 0);
        check_event(kind, element);
        json_decref(list);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[300] = "";

    if (size < 1) {
        return 0;
    }
    enum event_kind kind = data[0] == 's' ? EVENT_STAFF_UPDATE : EVENT_SUBSCRIPTION_UPDATE;
    json_t *list = json_read((struct slice){(const char *)data + 1, size - 1}, NULL);
    bool is_good = json_is_array(list) && elements_check(kind, list, error, sizeof error) == 0;

    source_require(is_good || list == NULL || !json_is_array(list) || error[0] != '\0');
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (is_good) {
            check_event(kind, json_array_get(list, i));
        }
        check_mended(kind, json_array_get(list, i));
    }
    json_decref(list);
    return 0;
}
