#include "tests/sim/sim.h"

#include "storage/sql.h"
#include "tests/storage/support_fold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES ((size_t)64 * 1024 * 1024)

#define EVENTS \
    "SELECT s.node, s.epoch, e.seq, e.header, e.body FROM stream s JOIN event e ON e.sid = s.sid"
#define SETTINGS                                                                          \
    "SELECT kind, t, hlc, node, epoch, seq, free_s, per_hour, target_node, target_epoch," \
    " target_from, target_to, offset_ms FROM setting"
#define SUBSCRIPTIONS                                                                 \
    "SELECT item, t, hlc, node, epoch, seq, status, plate, valid_from, valid_to FROM" \
    " element WHERE kind = 10"
#define PLATES "SELECT DISTINCT plate FROM visit_plate"

static struct slice own(struct fold_case *test, struct slice bytes)
{
    if (bytes.data) {
        char *copy = fold_case_own(test, bytes.len + 1);
        memcpy(copy, bytes.data, bytes.len);
        copy[bytes.len] = '\0';
        bytes.data = copy;
    }
    return bytes;
}

static void add_event(struct sim *sim, struct fold_case *test, const struct sql *sql)
{
    struct fold_event *added = fold_case_add(test, 0);
    struct slice header = own(test, sql_blob(sql, 3)), body = own(test, sql_blob(sql, 4));

    if (event_unpack(&added->event, header, body) != 0) {
        sim_fail(sim, "an event of the log cannot be read");
    }
    (void)slice_copy(sql_text(sql, 0), added->position.stream.node.text,
                     sizeof added->position.stream.node.text);
    added->position.stream.epoch = sql_u64(sql, 1);
    added->position.seq = sql_u64(sql, 2);
}

static void add_setting(struct fold_case *test, const struct sql *sql)
{
    if (sql_int(sql, 0) == EVENT_CONFIG_UPDATE) {
        struct fold_tariff *tariff = &test->tariffs[test->tariff_count++];
        *tariff = (struct fold_tariff){.t = sql_int(sql, 1), .hlc = sql_u64(sql, 2)};
        (void)slice_copy(sql_text(sql, 3), tariff->position.stream.node.text,
                         sizeof tariff->position.stream.node.text);
        tariff->position.stream.epoch = sql_u64(sql, 4);
        tariff->position.seq = sql_u64(sql, 5);
        tariff->tariff = (struct tariff){sql_int(sql, 6), sql_int(sql, 7)};
        return;
    }
    struct fold_clock_fix *fix = &test->fixes[test->fix_count++];
    *fix = (struct fold_clock_fix){.epoch = sql_u64(sql, 9),
                                   .from = sql_u64(sql, 10),
                                   .to = sql_u64(sql, 11),
                                   .offset_ms = sql_int(sql, 12)};
    (void)slice_copy(sql_text(sql, 8), fix->node.text, sizeof fix->node.text);
}

static void add_subscription(struct fold_case *test, const struct sql *sql)
{
    struct fold_subscription *update = &test->subscriptions[test->subscription_count++];
    *update = (struct fold_subscription){
        .item = own(test, sql_text(sql, 0)),
        .t = sql_int(sql, 1),
        .hlc = sql_u64(sql, 2),
        .position = {.stream = {.epoch = sql_u64(sql, 4)}, .seq = sql_u64(sql, 5)},
        .active = slice_equal(sql_text(sql, 6), slice_text("active")),
        .plate_id = own(test, sql_text(sql, 7)),
        .from_ms = sql_optional(sql, 8),
        .to_ms = sql_optional(sql, 9),
    };
    (void)slice_copy(sql_text(sql, 3), update->position.stream.node.text,
                     sizeof update->position.stream.node.text);
}

/* False when there is more of something than a case holds. */
static bool fill(struct sim *sim, sqlite3 *db, struct fold_case *test, const char *question)
{
    struct problem problem = {.code = PROBLEM_OK};
    sqlite3_stmt *stmt = NULL;
    int found = sql_prepare(db, question, &stmt, &problem) ? -1 : 1;
    struct sql sql = sql_start(stmt);

    while (found > 0 && (found = sql_step(&sql, &problem)) > 0) {
        if (test->tariff_count >= FOLD_CASE_SETTINGS || test->fix_count >= FOLD_CASE_SETTINGS ||
            test->plate_count >= FOLD_CASE_SETTINGS ||
            test->subscription_count >= FOLD_CASE_SUBSCRIPTIONS) {
            break;
        }
        if (strcmp(question, EVENTS) == 0) {
            add_event(sim, test, &sql);
        } else if (strcmp(question, SETTINGS) == 0) {
            add_setting(test, &sql);
        } else if (strcmp(question, SUBSCRIPTIONS) == 0) {
            add_subscription(test, &sql);
        } else {
            test->plates[test->plate_count++] = own(test, sql_text(&sql, 0)).data;
        }
    }
    sqlite3_finalize(stmt);
    if (found < 0) {
        sim_fail(sim, "%s", problem.text);
    }
    return found == 0;
}

static void write_line(struct sim *sim, const struct fold_case *test,
                       const struct fold_output *output)
{
    struct buffer line = {.limit = LINE_BYTES};
    FILE *file = fopen(sim->twin_path, "a");

    (void)buffer_printf(&line, "{\"seed\":%llu,", (unsigned long long)sim->plan.seed);
    fold_case_input_json(test, &line);
    (void)buffer_printf(&line, ",");
    fold_case_output_json(output, &line);
    (void)buffer_printf(&line, "}\n");
    if (!file || line.full || fwrite(line.data, 1, line.len, file) != line.len ||
        fclose(file) != 0) {
        sim_fail(sim, "%s cannot be written", sim->twin_path);
    }
    buffer_free(&line);
}

static void compare(struct sim *sim, const struct fold_output *output, const struct sim_dump *dump)
{
    struct digest sum = {{0}};

    for (size_t i = 0; i < output->visit_count; i++) {
        struct digest digest = visit_digest(&output->visits[i]);
        digest_add(&sum, &digest);
    }
    if (!digest_equal(&sum, &dump->state_digest)) {
        sim_fail(sim, "the fold of the whole log is not the history");
    }
}

void sim_twin_check(struct sim *sim, size_t place, const struct sim_dump *dump)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct fold_case test = {0};
    struct fold_output output;
    sqlite3 *db = NULL;
    char path[48];

    sim_outside_path(place, path);
    if (sql_open(path, SQLITE_OPEN_READONLY, &db, &problem) != 0) {
        sim_fail(sim, "%s", problem.text);
    }
    if (fill(sim, db, &test, EVENTS) && fill(sim, db, &test, SETTINGS) &&
        fill(sim, db, &test, SUBSCRIPTIONS) && fill(sim, db, &test, PLATES)) {
        struct fold_input input = fold_case_input(&test);
        fold(&input, &output);
        compare(sim, &output, dump);
        if (sim->twin_path) {
            write_line(sim, &test, &output);
        }
        fold_free(&output);
    }
    fold_case_free(&test);
    sqlite3_close(db);
}
