#include "node/foreign.h"

#include "node/parking.h"
#include "proto/plate.h"
#include "storage/fold.h"
#include "storage/legacy_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Before the existing system: a clock whose battery was dead. */
#define EARLIEST_MS INT64_C(1420070400000) /* 2015-01-01 UTC */
#define SECOND_MS 1000

/* What the existing system writes for what it heard from others. */
#define SOURCE_LIVE "p2p_sync"
#define SOURCE_ROW "sync"

static int64_t second_of(int64_t ms)
{
    return ms / SECOND_MS;
}

/* The number between the first two '_' of a name; EVENT_NONE when there is none. */
static int64_t name_ms(struct slice name)
{
    int64_t ms = 0;
    size_t i = 0, digits = 0;

    while (i < name.len && name.data[i] != '_') {
        i++;
    }
    for (i++; i < name.len && name.data[i] >= '0' && name.data[i] <= '9' && digits < 15; i++) {
        ms = ms * 10 + (name.data[i] - '0');
        digits++;
    }
    return digits > 0 && i < name.len && name.data[i] == '_' ? ms : EVENT_NONE;
}

int64_t foreign_instant(int64_t told_ms, struct slice name)
{
    int64_t ms = name_ms(name);

    /* The name was made a moment before or after the time was. */
    if (told_ms % SECOND_MS != 0 || ms == EVENT_NONE || ms < told_ms - SECOND_MS ||
        ms >= told_ms + 2 * SECOND_MS) {
        return told_ms;
    }
    if (ms < told_ms) {
        return told_ms;
    }
    return ms < told_ms + SECOND_MS ? ms : told_ms + SECOND_MS - 1;
}

static bool is_time(int64_t ms)
{
    return ms >= 0 && ms <= FOLD_TIME_MAX;
}

/* ---- reading a message ----------------------------------------------------------------------- */

static bool has_plate(uint32_t kind)
{
    return kind == EVENT_VEHICLE_ENTRY_PENDING || kind == EVENT_VEHICLE_EXIT ||
           kind == EVENT_LOCATION_UPDATE || kind == EVENT_IMPORT;
}

/* Plates of the existing system are as its cameras and people left them: also short ones count. */
static int read_plate(struct foreign *foreign)
{
    const struct command *command = foreign->command;
    struct slice view = command->plate_view.len > 0 ? command->plate_view : command->plate_text;
    size_t len = plate_reduce(command->plate_text, foreign->plate_id, sizeof foreign->plate_id);

    if (len == 0) {
        len = plate_reduce(view, foreign->plate_id, sizeof foreign->plate_id);
    }
    if (len == 0 || command->plate_text.len > LIMIT_PLATE || view.len > LIMIT_PLATE) {
        return -1;
    }
    (void)slice_copy(view, foreign->plate_view, sizeof foreign->plate_view);
    foreign->plate = (struct slice){foreign->plate_id, len};
    return 0;
}

/* When what the message tells began: what its visit is called by. */
static int64_t told_ms(const struct command *command)
{
    switch (command->event_kind) {
    case EVENT_VEHICLE_EXIT:
        return command->exit_ms;
    case EVENT_LOCATION_UPDATE:
        return command->location_ms;
    default:
        return command->entry_ms;
    }
}

/* The name of the visit: as sent, else one that every gateway makes alike; exits need none. */
static void read_name(struct foreign *foreign)
{
    const struct command *command = foreign->command;

    foreign->visit[0] = '\0';
    if (command->visit.len > 0 && command->visit.len <= LIMIT_EVENT_ID) {
        (void)slice_copy(command->visit, foreign->visit, sizeof foreign->visit);
    } else if (command->event_kind != EVENT_VEHICLE_EXIT && foreign->plate.len > 0) {
        (void)snprintf(foreign->visit, sizeof foreign->visit, "%.*s_%" PRId64 "_%s",
                       (int)foreign->central.len, foreign->central.data, told_ms(command),
                       foreign->plate_id);
    }
}

static const char *find_fault(const struct foreign *foreign)
{
    const struct command *command = foreign->command;

    switch (command->event_kind) {
    case EVENT_VEHICLE_ENTRY_PENDING:
    case EVENT_VEHICLE_EXIT:
        return is_time(told_ms(command)) ? NULL : "no usable time";
    case EVENT_LOCATION_UPDATE:
        return command->location.len == 0      ? "no location"
               : is_time(command->location_ms) ? NULL
                                               : "no usable time";
    case EVENT_IMPORT:
        return command->visit.len == 0 || command->visit.len > LIMIT_EVENT_ID ? "a row without name"
               : !is_time(command->entry_ms)                                  ? "no usable time"
               : command->exit_ms != EVENT_NONE && !is_time(command->exit_ms) ? "no usable time"
               : command->location_ms != EVENT_NONE && !is_time(command->location_ms)
                   ? "no usable time"
                   : NULL;
    case EVENT_VEHICLE_ENTRY_CONFIRMED:
        return foreign->visit[0] == '\0'    ? "no visit is named"
               : is_time(command->entry_ms) ? NULL
                                            : "no usable time";
    default:
        return "no kind that a peer may send";
    }
}

int foreign_prepare(struct foreign *foreign, const struct command *command, const char **why)
{
    foreign->command = command;
    foreign->count = 0;
    foreign->plate = slice_text("");
    foreign->central = command->source_central.len > 0 ? command->source_central : command->peer;
    *why = NULL;
    if (foreign->central.len == 0 || foreign->central.len > LIMIT_NODE_ID) {
        *why = "no central that fits";
    } else if (has_plate(command->event_kind) && read_plate(foreign) != 0) {
        *why = "no usable plate";
    } else {
        read_name(foreign);
        *why = find_fault(foreign);
    }
    return *why != NULL ? -1 : 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The next event, at `t`, with what all of them have. */
static struct event *add(struct foreign *foreign, const struct foreign_view *view, uint32_t kind,
                         int64_t t)
{
    struct event *event = &foreign->events[foreign->count++];

    event_init(event, kind);
    parking_stamp(event, view->now_ms, view->hlc);
    event->t_eff = t;
    if (t > view->now_ms + LIMIT_DEVICE_EARLY_MS || t < EARLIEST_MS) {
        event->clock |= EVENT_CLOCK_SUSPECT;
    }
    event->source_central = foreign->central;
    if (foreign->visit[0] != '\0') {
        event->visit = slice_text(foreign->visit);
    }
    if (foreign->plate.len > 0) {
        event->plate_id = foreign->plate;
        event->plate_view = slice_text(foreign->plate_view);
    }
    return event;
}

/* By what a repetition is recognised: the name, and the time as told. */
static void sign(struct event *event, struct slice name, int64_t told)
{
    event->sent_id = name.len > 0 ? name : (struct slice){NULL, 0};
    event->device_ms = told;
}

/* A camera as the existing system names those of others: "<central>/<edge>". */
static struct slice camera_name(struct foreign *foreign)
{
    const struct command *command = foreign->command;

    if (command->camera_name.len > 0) {
        return command->camera_name;
    }
    (void)snprintf(foreign->camera_name, sizeof foreign->camera_name, "%.*s/%.*s",
                   (int)foreign->central.len, foreign->central.data,
                   (int)slice_cut(command->edge_id, LIMIT_TEXT - LIMIT_NODE_ID - 1),
                   command->edge_id.data != NULL ? command->edge_id.data : "");
    return slice_text(foreign->camera_name);
}

static struct slice named_or(struct slice text, const char *otherwise)
{
    return text.len > 0 ? text : slice_text(otherwise);
}

static void decide_entry(struct foreign *foreign, const struct foreign_view *view)
{
    const struct command *command = foreign->command;
    struct slice name = slice_text(foreign->visit);
    struct event *event;

    if (view->told.plate) {
        return;
    }
    event =
        add(foreign, view, EVENT_VEHICLE_ENTRY_PENDING, foreign_instant(command->entry_ms, name));
    event->edge_id = command->edge_id;
    event->camera_id = command->camera_id;
    event->camera_name = camera_name(foreign);
    event->camera_type = command->camera_type;
    event->source = named_or(command->source, SOURCE_LIVE);
    event->confidence = isnan(command->confidence) ? 0.0 : command->confidence;
    sign(event, name, command->entry_ms);
}

/*
 * When the vehicle left. It cannot have left before it came: where both happened within one second,
 * and no name tells more, the exit is that of what is open.
 */
static int64_t exit_instant(const struct command *command, const struct visit *open)
{
    int64_t t = foreign_instant(command->exit_ms, command->visit);

    if (open != NULL && open->entry_ms > t && t % SECOND_MS == 0 &&
        second_of(open->entry_ms) == second_of(t)) {
        t = open->entry_ms;
    }
    return t;
}

static bool has_left_then(const struct visit *visit, int64_t exit_ms)
{
    return visit != NULL && visit->status == VISIT_OUT && visit->exit_ms != EVENT_NONE &&
           second_of(visit->exit_ms) == second_of(exit_ms);
}

static void decide_exit(struct foreign *foreign, const struct foreign_view *view)
{
    const struct command *command = foreign->command;
    struct event *event;

    if (has_left_then(view->named, command->exit_ms) ||
        has_left_then(view->winner, command->exit_ms)) {
        return;
    }
    event = add(foreign, view, EVENT_VEHICLE_EXIT, exit_instant(command, view->open));
    if (view->named == NULL && view->open == NULL && view->read != NULL &&
        view->read->entry_ms <= event->t_eff) {
        (void)slice_copy(view->read->event_id, foreign->closes, sizeof foreign->closes);
        event->visit = event->closes = slice_text(foreign->closes);
    }
    event->edge_id = command->edge_id;
    event->camera_id = command->camera_id;
    event->camera_name = camera_name(foreign);
    event->source = named_or(command->source, SOURCE_LIVE);
    event->confidence = isnan(command->confidence) ? 0.0 : command->confidence;
    event->fee = command->fee >= 0 ? command->fee : EVENT_NONE;
    sign(event, slice_text(foreign->visit), command->exit_ms);
}

static void add_sighting(struct foreign *foreign, const struct foreign_view *view, int64_t told)
{
    struct event *event = add(foreign, view, EVENT_LOCATION_UPDATE, told);

    event->location = foreign->command->location;
    event->edge_id = foreign->command->edge_id;
    sign(event, slice_text(foreign->visit), told);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Nobody saw it enter: it is what a lot camera saw, told as one would. */
static void add_seen(struct foreign *foreign, const struct foreign_view *view)
{
    const struct command *command = foreign->command;

    add_sighting(foreign, view, command->entry_ms);
    if (command->location_ms != EVENT_NONE && command->location_ms > command->entry_ms) {
        add_sighting(foreign, view, command->location_ms);
    }
}

static void add_row(struct foreign *foreign, const struct foreign_view *view)
{
    const struct command *command = foreign->command;
    struct event *event = add(foreign, view, EVENT_IMPORT,
                              foreign_instant(command->entry_ms, slice_text(foreign->visit)));

    event->status = slice_text("IN"); /* an exit is an event of its own: it knows where it was */
    event->edge_id = command->edge_id;
    event->camera_id = command->camera_id;
    event->camera_name = command->camera_name;
    event->confidence = command->confidence;
    event->source = named_or(command->source, SOURCE_ROW);
    event->is_anomaly = command->is_anomaly;
    if (command->location.len > 0) {
        event->location = command->location;
        event->location_ms =
            command->location_ms != EVENT_NONE ? command->location_ms : event->t_eff;
    }
}

/* Where a row says that the vehicle left. */
static struct slice exit_central(const struct foreign *foreign)
{
    const struct command *command = foreign->command;
    struct slice other = legacy_rows_heard_of(command->exit_source, command->exit_camera_name);

    return other.data != NULL ? other : command->peer.len > 0 ? command->peer : foreign->central;
}

/* An exit that neither the log nor what the fold made of it has, nor a person has undone. */
static bool is_exit_new(const struct command *command, const struct foreign_view *view)
{
    int64_t reopened_ms = view->told.reopened_ms;

    if (!command->is_out || view->told.exit || has_left_then(view->named, command->exit_ms) ||
        has_left_then(view->winner, command->exit_ms) ||
        (reopened_ms != EVENT_NONE && command->exit_ms <= reopened_ms)) {
        return false;
    }
    /* What closed it at another time may have been another visit's exit. */
    return view->named == NULL || view->named->status != VISIT_DELETED;
}

static void add_row_exit(struct foreign *foreign, const struct foreign_view *view)
{
    const struct command *command = foreign->command;
    int64_t t = command->exit_ms != EVENT_NONE ? command->exit_ms : command->entry_ms;
    struct event *event = add(foreign, view, EVENT_VEHICLE_EXIT, t);

    event->source_central = exit_central(foreign);
    event->closes = event->visit;
    event->camera_id = command->exit_camera_id;
    event->camera_name = command->exit_camera_name;
    event->source = named_or(command->exit_source, SOURCE_ROW);
    event->confidence = command->exit_confidence;
    event->fee = command->fee >= 0 ? command->fee : EVENT_NONE;
    sign(event, slice_text(foreign->visit), t);
}

/* Where a vehicle that is known stands now. */
static bool is_place_new(const struct command *command, const struct foreign_view *view)
{
    return command->location.len > 0 && command->location_ms != EVENT_NONE && !command->is_out &&
           view->named != NULL &&
           (view->named->status == VISIT_IN || view->named->status == VISIT_SUPERSEDED) &&
           (view->named->last_location_ms == EVENT_NONE ||
            view->named->last_location_ms < command->location_ms);
}

static void decide_row(struct foreign *foreign, const struct foreign_view *view)
{
    const struct command *command = foreign->command;
    bool is_seen = command->is_anomaly && command->location.len > 0;

    if (!view->told.entry && !(command->is_anomaly && view->told.sighting)) {
        if (is_seen) {
            add_seen(foreign, view);
        } else {
            add_row(foreign, view);
        }
    } else if (is_place_new(command, view)) {
        add_sighting(foreign, view, command->location_ms);
    }
    if (is_exit_new(command, view)) {
        add_row_exit(foreign, view);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static void decide_confirmed(struct foreign *foreign, const struct foreign_view *view)
{
    struct event *event =
        add(foreign, view, EVENT_VEHICLE_ENTRY_CONFIRMED, foreign->command->entry_ms);

    sign(event, slice_text(foreign->visit), foreign->command->entry_ms);
}

void foreign_decide(struct foreign *foreign, const struct foreign_view *view)
{
    switch (foreign->command->event_kind) {
    case EVENT_VEHICLE_ENTRY_PENDING:
        decide_entry(foreign, view);
        break;
    case EVENT_VEHICLE_ENTRY_CONFIRMED:
        decide_confirmed(foreign, view);
        break;
    case EVENT_VEHICLE_EXIT:
        decide_exit(foreign, view);
        break;
    case EVENT_LOCATION_UPDATE:
        add_sighting(foreign, view, foreign->command->location_ms);
        break;
    case EVENT_IMPORT:
        decide_row(foreign, view);
        break;
    default:
        break; /* foreign_prepare refused it */
    }
}
