/*
 * A large history, made once: whole visits through the store, as an import of another system's.
 *
 *   bench_fill DATABASE VISITS      prints one JSON object
 *
 * Goes on where an earlier run stopped. Plates as in Viet Nam, half a million of them, each twenty
 * times on the average; three years up to now; the last few thousand are inside.
 */
#include "proto/clock.h"
#include "proto/localtime.h"
#include "proto/log.h"
#include "storage/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BATCH 5000
#define INSIDE 5000
#define PLATES 500000
#define YEARS_MS (3 * INT64_C(365) * 24 * 3600 * 1000)

static void die(const struct problem *problem)
{
    log_problem(LOG_LEVEL_ERROR, problem);
    exit(1);
}

/* A number that looks like chance and is the same every time (splitmix64). */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static void append(struct store *store, int64_t number, int64_t visits, int64_t now_ms)
{
    static const char letters[] = "ABCDEFGHKLMNPSTUVXYZ";
    static const char *const centrals[] = {"central-1", "central-2", "central-3"};
    static const char *const lots[] = {"B1", "B2", "B3", "Sân A", "Sân B"};
    uint64_t chance = mix((uint64_t)number);
    uint64_t plate = mix(chance % PLATES);
    char id[16], view[20], name[80];
    struct event event;
    struct position position;
    struct problem problem = {.code = PROBLEM_OK};
    int province = (int)(plate % 40 < 20 ? 50 + plate % 10 : 11 + plate % 88);
    int digits = (int)(plate >> 20) % 100000;
    char letter = letters[(plate >> 8) % (sizeof letters - 1)];
    int64_t entry =
        now_ms - YEARS_MS + (int64_t)((double)YEARS_MS * (double)number / (double)visits);

    (void)snprintf(id, sizeof id, "%02d%c%05d", province, letter, digits < 0 ? -digits : digits);
    (void)snprintf(view, sizeof view, "%.3s-%.3s.%.2s", id, id + 3, id + 6);
    (void)snprintf(name, sizeof name, "edge-3_%" PRId64 "_%s", entry, id);
    event_init(&event, EVENT_IMPORT);
    event.visit = slice_text(name);
    event.plate_id = slice_text(id);
    event.plate_view = slice_text(view);
    event.source_central = slice_text(centrals[chance % 3]);
    event.camera_id = slice_text("3");
    event.camera_name = slice_text("Cổng Bắc");
    event.source = slice_text("auto");
    event.confidence = 0.95;
    event.t_eff = entry;
    event.status = slice_text(number + INSIDE < visits ? "OUT" : "IN");
    if (number + INSIDE < visits) {
        event.exit_ms = entry + 600000 + (int64_t)(chance >> 40) % (8 * 3600000);
        event.exit_camera_id = slice_text("8");
        event.exit_source = slice_text("auto");
        event.fee = (int64_t)(chance >> 50) % 8 * 25000;
    }
    if (chance % 2 == 0) {
        event.location = slice_text(lots[chance / 2 % 5]);
        event.location_ms = entry + 300000;
    }
    if (store_append(store, &event, now_ms, &position, &problem) != 0) {
        die(&problem);
    }
}

int main(int argc, char **argv)
{
    struct store_options options = {0};
    struct problem problem = {.code = PROBLEM_OK};
    struct stat file;

    if (argc != 3 || localtime_set_zone("Asia/Ho_Chi_Minh") != 0) {
        (void)fputs("usage: bench_fill DATABASE VISITS\n", stderr);
        return 64;
    }
    options.path = argv[1];
    (void)node_id_parse(slice_text("central-1"), &options.node);
    struct store *store = store_open(&options, &problem);
    if (store == NULL) {
        die(&problem);
    }
    int64_t visits = strtoll(argv[2], NULL, 10), number = (int64_t)store_event_count(store);
    int64_t first = number, start = clock_mono_us();
    int64_t now_ms = (clock_wall_ms() / 86400000) * 86400000; /* the same all day */
    while (number < visits) {
        if (store_begin(store, &problem) != 0) {
            die(&problem);
        }
        for (int i = 0; i < BATCH && number < visits; i++) {
            append(store, number++, visits, now_ms);
        }
        /* Nobody takes the fact: it would be larger than any that is met. */
        if (store_commit(store, &problem) != 0 || store_tidy(store, false, &problem) != 0) {
            die(&problem);
        }
        if (number % 500000 == 0) {
            (void)fprintf(stderr, "%" PRId64 " visits, %.0f s\n", number,
                          (double)(clock_mono_us() - start) / 1e6);
        }
    }
    store_close(&store);
    if (stat(argv[1], &file) != 0) {
        return 1;
    }
    (void)printf("{\"visits\": %" PRId64 ", \"added\": %" PRId64 ", \"seconds\": %.1f, "
                 "\"bytes\": %lld}\n",
                 number, number - first, (double)(clock_mono_us() - start) / 1e6,
                 (long long)file.st_size);
    return 0;
}
