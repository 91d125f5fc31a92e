#include "support_peer.h"

#include "proto/event.h"
#include "proto/wire.h"

#include <check.h>
#include <stdio.h>

/* 2026-11-22 00:00:00 UTC */
#define MIDNIGHT INT64_C(1795305600000)

int64_t peer_at(int hour, int minute, int second)
{
    return MIDNIGHT + ((hour * 60 + minute) * INT64_C(60) + second) * 1000;
}

static struct command start(uint32_t kind, const char *central, const char *id, const char *plate)
{
    struct command command;

    command_init(&command, COMMAND_PEER);
    command.event_kind = kind;
    command.peer = slice_text(central);
    command.source_central = slice_text(central);
    command.visit = id != NULL ? slice_text(id) : (struct slice){NULL, 0};
    command.plate_text = slice_text(plate);
    return command;
}

struct command peer_entry(const char *central, const char *id, const char *plate, int64_t ms)
{
    struct command command = start(EVENT_VEHICLE_ENTRY_PENDING, central, id, plate);

    command.edge_id = slice_text("1");
    command.camera_type = slice_text("ENTRY");
    command.entry_ms = ms;
    return command;
}

struct command peer_exit(const char *central, const char *id, const char *plate, int64_t ms,
                         int64_t fee)
{
    struct command command = start(EVENT_VEHICLE_EXIT, central, id, plate);

    command.edge_id = slice_text("4");
    command.exit_ms = ms;
    command.fee = fee;
    return command;
}

struct command peer_seen(const char *central, const char *id, const char *plate, const char *lot,
                         int64_t ms)
{
    struct command command = start(EVENT_LOCATION_UPDATE, central, id, plate);

    command.location = slice_text(lot);
    command.location_ms = ms;
    return command;
}

struct command peer_row(const char *peer, const char *id, const char *plate, int64_t entry_ms,
                        int64_t exit_ms, int64_t fee)
{
    struct command command = start(EVENT_IMPORT, peer, id, plate);

    command.entry_ms = entry_ms;
    command.camera_name = slice_text("Cổng vào");
    command.source = slice_text("auto");
    command.confidence = 0.9;
    command.exit_ms = exit_ms;
    command.is_out = exit_ms != EVENT_NONE;
    if (command.is_out) {
        command.exit_camera_name = slice_text("Cổng ra");
        command.exit_source = slice_text("auto");
        command.fee = fee;
    }
    return command;
}

struct answer peer_tell(struct house *house, struct command command)
{
    struct answer answer = house_decide(house, &command);
    ck_assert_msg(answer.code == PROBLEM_OK, "%s: %s", problem_name(answer.code), answer.text);
    return answer;
}

struct visit peer_visit(struct house *house, const char *name)
{
    struct visit visit;
    ck_assert_msg(store_find_visit(house->store, slice_text(name), &visit, &house->problem) == 1,
                  "%s", name);
    return visit;
}

int64_t peer_open_rows(const struct house *house, const char *plate)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM history WHERE plate_id = '%s' AND status = 'IN'", plate);
    return house_number(house, sql);
}

void peer_pull(struct house *to, struct house *from)
{
    struct buffer bytes = {0};
    struct stream stream;
    struct run run;
    struct wire wire;
    char sql[120];

    (void)snprintf(sql, sizeof sql, "SELECT epoch FROM stream WHERE node = '%s'", from->id.text);
    stream = (struct stream){from->id, (uint64_t)house_number(from, sql)};
    (void)snprintf(sql, sizeof sql, "SELECT head FROM stream WHERE node = '%s'", from->id.text);
    uint64_t head = (uint64_t)house_number(from, sql);
    house_begin(to);
    for (uint64_t at = 1; head != (uint64_t)INT64_MIN && at <= head;) {
        buffer_clear(&bytes);
        at += house_read(from, &stream, at, LIMIT_RUN_EVENTS, &bytes);
        ck_assert_int_eq(run_unpack(&run, &wire, buffer_slice(&bytes)), 0);
        ck_assert_int_eq(store_append_run(to->store, &run, FACT_SYNC, to->now_ms, &to->problem),
                         STORE_RUN_APPLIED);
        run_free(&run);
        wire_close(&wire);
        ck_assert_int_eq(store_fold(to->store, &to->problem), 0);
    }
    house_commit(to);
    buffer_free(&bytes);
}
