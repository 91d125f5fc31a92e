#include "support_house.h"

#include "node/decide.h"
#include "storage/runs.h"

#include <check.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void house_open(struct house *house)
{
    struct store_options options = {.path = house->path, .node = house->id};
    house->store = store_open(&options, &house->problem);
    ck_assert_msg(house->store != NULL, "%s", house->problem.text);
}

void house_close(struct house *house)
{
    store_close(&house->store);
}

void house_start(struct house *house, const char *id)
{
    *house = (struct house){.now_ms = HOUSE_NOW};
    ck_assert_int_eq(random_start(), 0);
    ck_assert(node_id_parse(slice_text(id), &house->id));
    (void)snprintf(house->directory, sizeof house->directory, "/tmp/test_node.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(house->directory));
    (void)snprintf(house->path, sizeof house->path, "%s/central.db", house->directory);
    house_open(house);
}

void house_stop(struct house *house)
{
    DIR *directory = opendir(house->directory);
    const struct dirent *entry;

    house_close(house);
    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[400];
        (void)snprintf(path, sizeof path, "%s/%s", house->directory, entry->d_name);
        if (entry->d_name[0] != '.') {
            ck_assert_int_eq(unlink(path), 0);
        }
    }
    (void)closedir(directory);
    ck_assert_int_eq(rmdir(house->directory), 0);
}

struct command house_gate(enum gate_type type, const char *plate, const char *sent_id,
                          int64_t device_ms)
{
    struct command command;
    command_init(&command, COMMAND_GATE);
    command.gate = type;
    command.plate_text = slice_text(plate);
    command.sent_id = slice_text(sent_id);
    command.device_ms = device_ms;
    command.camera_id = slice_text("1");
    return command;
}

struct command house_change(enum command_kind kind, const char *visit, const char *plate)
{
    struct command command;
    command_init(&command, kind);
    command.visit = slice_text(visit);
    command.plate_text = command.plate_view = slice_text(plate);
    command.author = slice_text("lan");
    return command;
}

struct command house_tariff(int64_t free_s, int64_t per_hour)
{
    struct command command;
    command_init(&command, COMMAND_TARIFF);
    command.tariff = (struct tariff){.free_s = free_s, .per_hour = per_hour};
    command.author = slice_text("lan");
    return command;
}

void house_begin(struct house *house)
{
    int rc = store_begin(house->store, &house->problem);
    ck_assert_msg(rc == 0, "%s", house->problem.text);
}

void house_commit(struct house *house)
{
    int rc = store_commit(house->store, &house->problem);
    ck_assert_msg(rc == 0, "%s", house->problem.text);
}

struct answer house_decide_more(struct house *house, const struct command *command)
{
    struct answer answer;
    int rc = decide(house->store, &house->id, command, house->now_ms, &answer, &house->problem);
    ck_assert_msg(rc == 0, "%s %s", problem_name(house->problem.code), house->problem.text);
    return answer;
}

struct answer house_decide(struct house *house, const struct command *command)
{
    house_begin(house);
    struct answer answer = house_decide_more(house, command);
    house_commit(house);
    return answer;
}

int64_t house_number(const struct house *house, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t value = INT64_MIN;

    ck_assert_int_eq(sqlite3_open_v2(house->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        value = sqlite3_column_int64(stmt, 0);
    }
    ck_assert_int_eq(sqlite3_finalize(stmt), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    return value;
}

void house_run(const struct house *house, const char *sql)
{
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open(house->path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

size_t house_read(struct house *house, const struct stream *stream, uint64_t from, size_t events,
                  struct buffer *out)
{
    size_t count = 0;
    struct runs *runs = runs_open(house->path, &house->problem);
    ck_assert_msg(runs != NULL, "%s", house->problem.text);
    int rc = runs_read(runs, stream, from, LIMIT_RUN_BYTES, events, out, &count, &house->problem);
    ck_assert_msg(rc >= 0, "%s", house->problem.text);
    runs_close(&runs);
    return count;
}

struct event house_event(struct house *house, const struct position *position, struct buffer *bytes)
{
    struct event event;
    struct run run;
    struct wire wire;

    buffer_clear(bytes);
    ck_assert_uint_eq(house_read(house, &position->stream, position->seq, 1, bytes), 1);
    ck_assert_int_eq(run_unpack(&run, &wire, buffer_slice(bytes)), 0);
    ck_assert_int_eq(event_unpack(&event, run.items[0].header, run.items[0].body), 0);
    run_free(&run);
    wire_close(&wire); /* the slices point into `bytes` */
    return event;
}

void house_make_run(const struct stream *stream, uint64_t from, size_t count, const char *text,
                    struct digest *chain, struct buffer *out)
{
    struct buffer header = {0}, body = {0}, items = {0};
    struct digest before = *chain;

    for (uint64_t seq = from; seq < from + count; seq++) {
        char plate[32], visit[LIMIT_NODE_ID + 16];
        struct event event;
        (void)snprintf(plate, sizeof plate, "51G%05u", (unsigned)seq);
        (void)snprintf(visit, sizeof visit, "%s-%u", stream->node.text, (unsigned)seq);
        event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
        event.hlc = seq;
        event.t_eff = HOUSE_NOW + (int64_t)seq;
        event.visit = slice_text(visit);
        event.plate_id = event.plate_view = slice_text(plate);
        event.camera_name = slice_text(text);
        ck_assert_int_eq(event_pack(&event, &header, &body), 0);
        struct digest hash = body_hash(buffer_slice(&body));
        *chain = chain_next(chain, buffer_slice(&header), &hash);
        ck_assert_int_eq(run_put_item(&items, buffer_slice(&header), buffer_slice(&body), &hash),
                         0);
    }
    buffer_clear(out);
    ck_assert_int_eq(run_pack(out, stream, from, &before, chain, &items, count), 0);
    buffer_free(&header);
    buffer_free(&body);
    buffer_free(&items);
}
