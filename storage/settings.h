/*
 * Read-only questions about what was set at any central: lists of staff and subscriptions, lots.
 * They share the handle of history.h: one thread at a time, each call one short read transaction.
 */
#ifndef STORAGE_SETTINGS_H
#define STORAGE_SETTINGS_H

#include "proto/event.h"
#include "proto/problem.h"

struct history;

/* One element of a list: its id, and the JSON object that its author wrote. Slices live during the
 * call. Non-zero stops. */
typedef int (*settings_element_fn)(void *context, struct slice item, struct slice json);

/*
 * The elements in force of a list (EVENT_STAFF_UPDATE or EVENT_SUBSCRIPTION_UPDATE), in no order.
 * The callback must be quick: the snapshot is held meanwhile. `etag` (may be NULL) is a digest of
 * the list, equal where the lists are equal. 0, the callback's value, or -1 with a problem.
 */
int settings_elements(struct history *history, enum event_kind kind, settings_element_fn each,
                      void *context, struct digest *etag, struct problem *problem);

/* A subscription that counts. */
struct settings_subscription {
    char item[LIMIT_ELEMENT_ID + 1];
    char type[64]; /* as its author named it, cut; "" = not named */
};

/* The subscription by which a plate (its comparable form) pays nothing at an instant, as the fold
 * sees it: 1, 0 when there is none, -1 with a problem. */
int settings_subscription(struct history *history, struct slice plate_id, int64_t at_ms,
                          struct settings_subscription *out, struct problem *problem);

/* A lot: a location where vehicles are seen. Absent texts are absent. */
struct settings_lot {
    struct slice location;
    int64_t capacity; /* vehicles, 0..LIMIT_CAPACITY */
    struct slice camera_id, camera_type, edge_id;
};

/* A vehicle whose open visit was last seen at a location. */
struct settings_vehicle {
    struct slice plate_id, plate_view, entry_time, location_time;
    bool is_anomaly;
};

/* Lots in order of location, each followed by its vehicles, the one seen last first; `vehicle` NULL
 * announces the lot. Slices live during the call, which must be quick. Non-zero stops. 0, the
 * callback's value, or -1 with a problem. */
typedef int (*settings_lot_fn)(void *context, const struct settings_lot *lot,
                               const struct settings_vehicle *vehicle);
int settings_lots(struct history *history, settings_lot_fn each, void *context,
                  struct problem *problem);

#endif
