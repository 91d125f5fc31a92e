/*
 * Lots and the vehicles last seen in them.
 */
#include "api/handlers.h"

#include "api/respond.h"
#include "storage/settings.h"

/* The answer under way: what a lot's vehicles are is known before how many they are, so the
 * vehicles gather beside it. */
struct occupancy {
    struct json_writer writer, vehicles;
    struct buffer text;
    int64_t capacity, occupied;
    bool open; /* a lot is under way */
};

static void close_lot(struct occupancy *occupancy)
{
    struct json_writer *writer = &occupancy->writer;
    int64_t available = occupancy->capacity - occupancy->occupied;

    if (!occupancy->open) {
        return;
    }
    json_put_close(&occupancy->vehicles, ']');
    json_put_key(writer, "occupancy");
    json_put_open(writer, '{');
    json_set_int(writer, "total_capacity", occupancy->capacity);
    json_set_int(writer, "occupied", occupancy->occupied);
    json_set_int(writer, "available", available > 0 ? available : 0);
    json_put_key(writer, "vehicles");
    json_put_raw(writer, buffer_slice(&occupancy->text));
    json_put_close(writer, '}');
    json_put_close(writer, '}');
    occupancy->open = false;
}

static void open_lot(struct occupancy *occupancy, const struct settings_lot *lot)
{
    struct json_writer *writer = &occupancy->writer;

    close_lot(occupancy);
    occupancy->open = true;
    occupancy->capacity = lot->capacity;
    occupancy->occupied = 0;
    buffer_clear(&occupancy->text);
    occupancy->vehicles = json_writer(&occupancy->text);
    json_put_open(&occupancy->vehicles, '[');

    json_put_open(writer, '{');
    json_put_key(writer, "camera");
    json_put_open(writer, '{');
    json_set_id(writer, "id", lot->camera_id);
    json_set_slice(writer, "name", lot->location);
    json_set_slice(writer, "type",
                   lot->camera_type.len > 0 ? lot->camera_type : slice_text("PARKING_LOT"));
    json_put_close(writer, '}');
}

static int each(void *context, const struct settings_lot *lot,
                const struct settings_vehicle *vehicle)
{
    struct occupancy *occupancy = context;
    struct json_writer *writer = &occupancy->vehicles;

    if (vehicle == NULL) {
        open_lot(occupancy, lot);
        return 0;
    }
    occupancy->occupied++;
    json_put_open(writer, '{');
    json_set_slice(writer, "plate_id", vehicle->plate_id);
    json_set_slice(writer, "plate_view", vehicle->plate_view);
    json_set_slice(writer, "entry_time", vehicle->entry_time);
    json_set_slice(writer, "location_time", vehicle->location_time);
    json_set_bool(writer, "is_anomaly", vehicle->is_anomaly); /* pages show a 0 as it is */
    json_put_close(writer, '}');
    return 0;
}

void lots_occupancy(struct request *request)
{
    struct problem problem;
    struct occupancy occupancy = {.open = false};
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int rc;

    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    buffer_init(&occupancy.text, 0);
    occupancy.writer = respond_json(request);
    json_put_open(&occupancy.writer, '{');
    json_set_bool(&occupancy.writer, "success", true);
    json_put_key(&occupancy.writer, "parking_lots");
    json_put_open(&occupancy.writer, '[');
    rc = settings_lots(history, each, &occupancy, &problem);
    readers_give(request->gateway->readers, false, &history);
    if (rc != 0) {
        respond_problem(request, &problem);
    } else {
        close_lot(&occupancy);
        json_put_close(&occupancy.writer, ']');
        json_put_close(&occupancy.writer, '}');
        respond_send(request, 200);
    }
    buffer_free(&occupancy.text);
}
