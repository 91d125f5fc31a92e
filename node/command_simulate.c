/*
 * Cars that come and go at gates that do not exist. Their plates begin with 00S, a province that
 * there is none of, and their visits with "simulated-", so that they can be found and removed.
 */
#include "node/commands.h"

#include "node/sender.h"
#include "proto/clock.h"
#include "proto/ids.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME "simulated-"
#define PLATES "00S"
#define CARS_MOST 100000
#define RATE_MOST 10000 /* events/s; more than a central stores */
#define TICK_NS 50000000
#define ENTRY_CAMERA "9001"
#define EXIT_CAMERA "9002"

struct simulation {
    struct sender sender;
    int64_t cars, rate;
    int64_t entered, left;
    int64_t *inside; /* cars that have entered and not left */
    int64_t inside_count;
    uint64_t chance;
};

/* xorshift64: plausible is enough. */
static uint64_t next(struct simulation *simulation)
{
    simulation->chance ^= simulation->chance << 13;
    simulation->chance ^= simulation->chance >> 7;
    simulation->chance ^= simulation->chance << 17;
    return simulation->chance;
}

static json_t *car_event(const struct simulation *simulation, int64_t car, bool leaves)
{
    char plate[40], name[80];

    /* another five digits for each run, so that no car of an earlier one is in the way */
    (void)snprintf(plate, sizeof plate, PLATES "%" PRId64 "-%05" PRId64,
                   (int64_t)(simulation->sender.run % 10),
                   (int64_t)((simulation->sender.run / 10 + (uint64_t)car) % 100000));
    (void)snprintf(name, sizeof name, NAME "%016" PRIx64 "-%" PRId64, simulation->sender.run, car);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f}", "kind",
                     leaves ? "VEHICLE_EXIT" : "VEHICLE_ENTRY_PENDING", "plate", plate, "event_id",
                     name, "camera_id", leaves ? EXIT_CAMERA : ENTRY_CAMERA, "camera_name",
                     leaves ? "Simulated exit" : "Simulated entry", "camera_type",
                     leaves ? "EXIT" : "ENTRY", "source", "auto", "confidence",
                     0.80 + 0.0001 * (double)(simulation->chance % 2000));
}

/* The next thing that happens: a car enters, or one of those inside leaves. */
static int step(struct simulation *simulation, struct problem *problem)
{
    bool leaves = simulation->entered == simulation->cars ||
                  (simulation->inside_count > 0 && next(simulation) % 5 < 2);
    int64_t car = simulation->entered;
    uint64_t number = (uint64_t)(simulation->entered + simulation->left + 1);

    if (leaves) {
        int64_t place = (int64_t)(next(simulation) % (uint64_t)simulation->inside_count);
        car = simulation->inside[place];
        simulation->inside[place] = simulation->inside[--simulation->inside_count];
        simulation->left++;
    } else {
        simulation->inside[simulation->inside_count++] = car;
        simulation->entered++;
    }
    json_t *event = car_event(simulation, car, leaves);
    int rc = sender_add(&simulation->sender, number, event, problem);
    json_decref(event);
    return rc;
}

static int drive(struct simulation *simulation, struct problem *problem)
{
    const struct timespec tick = {.tv_nsec = TICK_NS};
    int64_t start_ms = clock_mono_ms(), done = 0;
    int rc = 0;

    while (rc == 0 && done < 2 * simulation->cars) {
        int64_t due = (clock_mono_ms() - start_ms) * simulation->rate / 1000 + 1;
        for (; rc == 0 && done < due && done < 2 * simulation->cars; done++) {
            rc = step(simulation, problem);
        }
        if (rc == 0) {
            rc = sender_flush(&simulation->sender, problem);
        }
        (void)nanosleep(&tick, NULL); /* cut short: looked a little earlier */
    }
    return rc;
}

static int simulate(const struct command_line *line, const struct own_api *api,
                    struct simulation *simulation, struct problem *problem)
{
    simulation->sender =
        (struct sender){.api = api,
                        .goods = &SENDER_EVENTS,
                        .place = "event",
                        .prints = line->values[FLAG_JSON] != NULL,
                        .run = random_nonzero(),
                        .progress = {.what = "events", .all = 2 * (uint64_t)simulation->cars}};
    simulation->chance = simulation->sender.run;
    simulation->inside = bytes_allocate((size_t)simulation->cars, sizeof *simulation->inside);
    int rc = drive(simulation, problem);
    sender_free(&simulation->sender);
    free(simulation->inside);
    if (rc == 0 && !simulation->sender.prints) {
        (void)printf("%" PRId64 " cars entered and left, %" PRIu64 " events stored; parkmesh "
                     "simulate --clean removes them\n",
                     simulation->cars, simulation->sender.stored);
    }
    return rc;
}

/* ---- removing -------------------------------------------------------------------------------- */

static int remove_visit(const struct own_api *api, const char *name, struct problem *problem)
{
    struct buffer path = {0};
    json_t *answer;

    (void)buffer_printf(&path, "/api/v1/visits/"); /* all of it is short */
    own_api_escape(&path, name);
    (void)buffer_append(&path, "", 1);
    answer = own_api_ask(api, "DELETE", path.data,
                         slice_text("{\"author\":\"parkmesh simulate\",\"reason\":\"simulated\"}"),
                         problem);
    buffer_free(&path);
    json_decref(answer);
    /* gone already is as good */
    return answer != NULL || problem->code == PROBLEM_VISIT_UNKNOWN ? 0 : -1;
}

/* Removes those of a page; `cursor` goes on, "" behind the last. */
static int clean_page(const struct own_api *api, char cursor[512], uint64_t *removed,
                      struct problem *problem)
{
    struct buffer path = {0};
    int rc = 0;

    (void)buffer_printf(&path, "/api/v1/visits?limit=1000&plate_prefix=" PLATES);
    if (cursor[0] != '\0') {
        (void)buffer_printf(&path, "&cursor=");
        own_api_escape(&path, cursor);
    }
    (void)buffer_append(&path, "", 1);
    json_t *page = own_api_ask(api, "GET", path.data, (struct slice){0}, problem);
    const json_t *visits = json_object_get(page, "visits");
    for (size_t i = 0; rc == 0 && i < json_array_size(visits); i++) {
        const char *name = own_api_text(json_array_get(visits, i), "event_id");
        if (strncmp(name, NAME, strlen(NAME)) == 0) {
            rc = remove_visit(api, name, problem);
            *removed += rc == 0;
        }
    }
    (void)slice_copy(slice_text(own_api_text(page, "next")), cursor, 512); /* "" at the end */
    rc = page != NULL ? rc : -1;
    json_decref(page);
    buffer_free(&path);
    return rc;
}

static int clean(const struct command_line *line, const struct own_api *api,
                 struct problem *problem)
{
    char cursor[512] = "";
    uint64_t removed = 0;
    int rc;

    do {
        rc = clean_page(api, cursor, &removed, problem);
    } while (rc == 0 && cursor[0] != '\0');
    if (rc == 0) {
        (void)printf(line->values[FLAG_JSON] != NULL ? "{\"removed\":%" PRIu64 "}\n"
                                                     : "%" PRIu64 " simulated visits removed\n",
                     removed);
    }
    return rc;
}

int command_simulate(const struct command_line *line)
{
    static const int64_t CARS[2] = {1, CARS_MOST}, RATE[2] = {1, RATE_MOST};
    struct simulation simulation = {.cars = 20, .rate = 2};
    struct problem problem = {.code = PROBLEM_OK};
    struct own_api api;
    int rc = command_line_number(line, FLAG_CARS, CARS, &simulation.cars, &problem);

    if (rc == 0) {
        rc = command_line_number(line, FLAG_RATE, RATE, &simulation.rate, &problem);
    }
    if (rc != 0) {
        return command_line_complain(&problem);
    }
    rc = own_api_open(&api, line, &problem);
    if (rc == 0) {
        rc = line->values[FLAG_CLEAN] != NULL ? clean(line, &api, &problem)
                                              : simulate(line, &api, &simulation, &problem);
    }
    own_api_close(&api);
    return rc == 0 ? 0 : command_line_complain(&problem);
}
