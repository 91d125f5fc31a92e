#include "storage/legacy_lots.h"

#include "storage/store_internal.h"

#include "proto/clock.h"
#include "proto/limits.h"
#include "proto/localtime.h"
#include "proto/log.h"

#include <inttypes.h>
#include <stdio.h>

#define AUTHOR "import"

enum {
    LOT_ROWID,
    LOT_NAME,
    LOT_CAPACITY,
    LOT_CAMERA,
    LOT_TYPE,
    LOT_EDGE,
    LOT_UPDATED
};

static const char LOTS[] =
    "SELECT rowid, location_name, capacity, camera_id, camera_type, edge_id, updated_at"
    " FROM parking_lots ORDER BY rowid";

/* When the row was last written, UTC in the layout of local times; now, when it does not say. */
static int64_t changed_ms(const struct sql *row, int64_t now_ms)
{
    char text[LOCALTIME_TEXT + 1];
    struct slice found = sql_text(row, LOT_UPDATED);
    int64_t ms = 0;

    if (found.len >= LOCALTIME_TEXT) {
        return now_ms;
    }
    snprintf(text, sizeof text, "%.*sZ", (int)found.len, found.data ? found.data : "");
    return localtime_parse(slice_text(text), &ms) == 0 && ms > 0 && ms < now_ms ? ms : now_ms;
}

static bool is_text(struct slice text)
{
    return text.len <= LIMIT_TEXT && (!text.data || wire_is_utf8(text));
}

static int append_lot(struct store *store, const struct sql *row, struct problem *problem)
{
    struct event event;
    struct position position;
    int64_t capacity = sql_optional(row, LOT_CAPACITY);

    event_init(&event, EVENT_PARKING_LOT_CONFIG);
    event.location = sql_text(row, LOT_NAME);
    event.camera_id = sql_text(row, LOT_CAMERA);
    event.camera_type = sql_text(row, LOT_TYPE);
    event.edge_id = sql_text(row, LOT_EDGE);
    if (event.location.len == 0 || !is_text(event.location) || !is_text(event.camera_id) ||
        !is_text(event.camera_type) || !is_text(event.edge_id)) {
        log_warn("LEGACY_LOT_SKIPPED", "id=%" PRId64, sql_int(row, LOT_ROWID));
        return 0;
    }
    /* Peers could make it NULL, which broke the whole list. */
    event.capacity = capacity < 0 || capacity > LIMIT_CAPACITY ? 0 : capacity;
    event.t_eff = changed_ms(row, store->now_ms);
    event.hlc = hlc_tick(0, event.t_eff);
    event.author = slice_text(AUTHOR);
    return store_append(store, &event, store->now_ms, &position, problem);
}

int legacy_lots(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    struct problem odd;
    int64_t one = 0;
    int lots = 0;
    int more = sql_integer(store->db,
                           "SELECT 1 FROM sqlite_master WHERE type = 'table' AND"
                           " name = 'parking_lots'",
                           &one, problem);
    if (more <= 0) {
        return more;
    }
    if (sql_prepare(store->db, LOTS, &stmt, &odd)) {
        /* Columns are missing: cameras announce their lots again. */
        log_warn("LEGACY_LOTS_SKIPPED", "table=parking_lots");
        return 0;
    }
    struct sql row = sql_start(stmt);
    while (lots < LIMIT_ELEMENTS && (more = sql_step(&row, problem)) > 0) {
        if (append_lot(store, &row, problem)) {
            more = -1;
            break;
        }
        lots++;
    }
    sqlite3_finalize(stmt);
    return more < 0 ? -1 : 0;
}
