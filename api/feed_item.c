#include "api/feed_item.h"

#include "proto/localtime.h"
#include "storage/visit_field.h"

void feed_item_put_cursor(struct json_writer *writer, const char *key,
                          const struct feed_cursor *cursor)
{
    char text[FEED_CURSOR_TEXT];

    feed_cursor_text(cursor, text);
    json_set_text(writer, key, text);
}

static void put_time(struct json_writer *writer, int64_t ms)
{
    char text[UTCTIME_RFC3339];

    utctime_rfc3339(ms, text);
    json_put_string(writer, text);
}

/* As the document it holds; what holds none (bytes of a foreign log) stays a text. */
static void put_document(struct json_writer *writer, struct slice text)
{
    struct problem problem;
    json_t *document = json_read(text, &problem);

    if (document != NULL) {
        json_put_raw(writer, text);
        json_decref(document);
    } else {
        json_put_text(writer, text);
    }
}

static void put_field(void *context, const struct feed_field *field)
{
    struct json_writer *writer = context;

    json_put_key(writer, field->name);
    switch (field->type) {
    case FEED_TEXT:
        json_put_text(writer, field->text);
        break;
    case FEED_ID:
        json_put_id(writer, field->text);
        break;
    case FEED_INTEGER:
        json_put_int(writer, field->integer);
        break;
    case FEED_UNSIGNED:
        json_put_u64(writer, field->number);
        break;
    case FEED_REAL:
        json_put_number(writer, field->real);
        break;
    case FEED_BOOL:
        json_put_bool(writer, field->integer != 0);
        break;
    case FEED_TIME:
        put_time(writer, field->integer);
        break;
    case FEED_JSON:
        put_document(writer, field->text);
        break;
    case FEED_POSITIONS:
        json_put_open(writer, '[');
        for (size_t i = 0; i < field->place_count; i++) {
            json_put_position(writer, &field->places[i]);
        }
        json_put_close(writer, ']');
        break;
    }
}

static void put_visit(struct json_writer *writer, const struct history_event *source)
{
    struct feed_field fields[VISIT_FIELDS];
    size_t count = visit_fields_told(source->visit, source->is_gone, fields);

    json_put_open(writer, '{');
    feed_item_put_cursor(writer, "cursor", &source->cursor);
    json_set_text(writer, "kind", "VISIT");
    for (size_t i = 0; i < count; i++) {
        put_field(writer, &fields[i]);
    }
    json_put_close(writer, '}');
}

void feed_item_put(struct json_writer *writer, const struct history_event *source)
{
    struct event event;
    char spare[24];

    if (source->visit != NULL) {
        put_visit(writer, source);
        return;
    }
    json_put_open(writer, '{');
    feed_item_put_cursor(writer, "cursor", &source->cursor);
    json_set_text(writer, "kind", event_kind_name(source->kind, spare));
    json_set_position(writer, "position", &source->position);
    if (source->is_damaged) {
        json_set_bool(writer, "damaged", true);
    } else if (event_unpack(&event, source->header, source->body) == 0) {
        feed_each_field(&event, put_field, writer);
    } else {
        json_set_bool(writer, "unreadable", true);
    }
    json_put_close(writer, '}');
}
