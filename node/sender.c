#include "node/sender.h"

#include "api/json.h"
#include "proto/clock.h"
#include "proto/ids.h"
#include "proto/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_MS 30000 /* a central that is restarted answers again by then */
#define PAUSE_NS 300000000
#define MARGIN 1024 /* bytes of a body that stay free */

#define NDJSON "application/x-ndjson"

const struct sender_goods SENDER_EVENTS = {"events", "/api/v1/events", true};
const struct sender_goods SENDER_VISITS = {"visits", "/api/v1/visits", false};

/* ---- adding ---------------------------------------------------------------------------------- */

/* True when the content says when it happened, so that equal contents are one event. */
static bool names_itself(const json_t *event)
{
    return json_object_get(event, "time") != NULL || json_object_get(event, "timestamp") != NULL;
}

static int put_key(struct sender *sender, uint64_t line, json_t *event)
{
    char key[LIMIT_RETRY_KEY];

    if (!sender->goods->has_keys || json_object_get(event, "key") != NULL) {
        return 0;
    }
    if (names_itself(event)) {
        char *text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
        char hex[33];
        if (text == NULL) {
            return -1;
        }
        struct digest digest = body_hash(slice_text(text));
        digest_hex(&digest, hex);
        (void)snprintf(key, sizeof key, "cli-%s", hex);
        free(text);
    } else {
        (void)snprintf(key, sizeof key, "cli-%016" PRIx64 "-%" PRIu64, sender->run, line);
    }
    return json_object_set_new(event, "key", json_string(key));
}

int sender_aim(struct sender *sender, const struct sender_goods *goods, struct problem *problem)
{
    int rc = sender->goods != goods ? sender_flush(sender, problem) : 0;

    sender->goods = goods;
    return rc;
}

int sender_add(struct sender *sender, uint64_t line, json_t *record, struct problem *problem)
{
    struct problem bad;
    size_t room = sender->api->body_bytes - MARGIN;
    char *text = put_key(sender, line, record) == 0 ? json_dumps(record, JSON_COMPACT) : NULL;
    int rc = 0;

    if (text == NULL || strlen(text) > room) {
        (void)problem_set(&bad, PROBLEM_BODY_TOO_LARGE, NULL, "larger than a request may be");
        sender_refuse(sender, line, &bad);
        free(text);
        return 0;
    }
    if (sender->count == SENDER_ITEMS || sender->body.len + strlen(text) + 1 > room) {
        rc = sender_flush(sender, problem);
    }
    if (rc == 0) {
        (void)buffer_printf(&sender->body, "%s\n", text); /* below the ceiling, as measured */
        sender->lines[sender->count++] = line;
        sender->line = line;
    }
    free(text);
    return rc;
}

void sender_refuse(struct sender *sender, uint64_t line, const struct problem *problem)
{
    terminal_progress_end(&sender->progress);
    (void)fprintf(stderr, "parkmesh: %s %" PRIu64 ": %s: %s\n", sender->place, line,
                  problem_name(problem->code), problem->text);
    sender->refused++;
}

/* ---- sending --------------------------------------------------------------------------------- */

static struct slice next_line(struct slice *rest)
{
    const char *end = memchr(rest->data, '\n', rest->len);
    struct slice line = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len};
    size_t used = line.len + (end != NULL);

    rest->data += used;
    rest->len -= used;
    return line;
}

/* True when every event was stored or refused for good. */
static bool is_settled(const struct sender *sender, struct slice answer, struct problem *problem)
{
    size_t seen = 0;

    while (answer.len > 0) {
        struct problem unread;
        json_t *item = json_read_object(next_line(&answer), &unread);
        json_int_t status = json_integer_value(json_object_get(item, "status"));
        if (item == NULL || status >= 500) {
            (void)problem_set(
                problem,
                item != NULL ? problem_parse(own_api_text(item, "code")) : PROBLEM_STOPPING, NULL,
                "the central stores nothing now: %s", own_api_text(item, "error"));
            json_decref(item);
            return false;
        }
        json_decref(item);
        seen++;
    }
    if (seen < sender->count) {
        (void)problem_set(problem, PROBLEM_STOPPING, NULL, "the central broke off its answer");
    }
    return seen == sender->count;
}

static void take_item(struct sender *sender, const json_t *item, uint64_t line)
{
    struct problem problem;

    (void)snprintf(sender->message, sizeof sender->message, "%s: %s", own_api_text(item, "code"),
                   own_api_text(item, own_api_text(item, "message")[0] ? "message" : "error"));
    if (sender->prints) {
        command_line_json(item);
    }
    if (json_integer_value(json_object_get(item, "status")) < 400) {
        sender->stored++;
        sender->repeated += json_is_true(json_object_get(item, "deduped"));
        return;
    }
    (void)problem_set(&problem, problem_parse(own_api_text(item, "code")), NULL, "%s",
                      own_api_text(item, "error"));
    sender_refuse(sender, line, &problem);
}

static void take(struct sender *sender, struct slice answer)
{
    for (size_t i = 0; i < sender->count; i++) {
        struct problem unread;
        json_t *item = json_read_object(next_line(&answer), &unread);
        take_item(sender, item, sender->lines[i]);
        json_decref(item);
    }
    sender->count = 0;
    buffer_clear(&sender->body);
    terminal_progress(&sender->progress, sender->line);
}

static int try_once(struct sender *sender, struct problem *problem)
{
    struct call call = {.method = "POST", .body = buffer_slice(&sender->body)};
    int rc = own_api_call(sender->api, &call, sender->goods->path, NDJSON, problem);

    if (rc == 0 && !is_settled(sender, buffer_slice(&call.answer), problem)) {
        rc = -1;
    }
    if (rc == 0) {
        take(sender, buffer_slice(&call.answer));
    }
    call_free(&call);
    return rc;
}

int sender_flush(struct sender *sender, struct problem *problem)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    bool said = false;

    if (sender->count == 0) {
        return 0;
    }
    while (try_once(sender, problem) != 0) {
        if (!own_api_may_pass(problem->code) || clock_mono_ms() > until_ms) {
            terminal_progress_end(&sender->progress);
            (void)snprintf(problem->hint, sizeof problem->hint,
                           "%" PRIu64 " %s are stored; do the same again later: %s recognised",
                           sender->stored, sender->goods->what,
                           sender->goods->has_keys ? "those with a time or key are" : "they are");
            return -1;
        }
        if (!said) {
            terminal_progress_end(&sender->progress);
            (void)fprintf(stderr, "parkmesh: %s; trying for %d s\n", problem->text,
                          PATIENCE_MS / 1000);
            said = true;
        }
        (void)nanosleep(&pause, NULL); /* cut short: asked a little earlier */
    }
    return 0;
}

int sender_read(struct sender *sender, const char *path, record_fn each, struct problem *problem)
{
    struct record_file file;
    int rc = record_file_open(&file, path, problem);

    if (rc == 0) {
        sender->progress.all = file.lines;
        rc = record_file_each(&file, each, sender, problem);
    }
    record_file_close(&file);
    return rc;
}

void sender_sum(const struct sender *sender)
{
    if (!sender->prints) {
        (void)printf("%" PRIu64 " %s stored, %" PRIu64 " of them were there already, %" PRIu64
                     " refused\n",
                     sender->stored, sender->goods->what, sender->repeated, sender->refused);
    }
}

void sender_free(struct sender *sender)
{
    terminal_progress_end(&sender->progress);
    buffer_free(&sender->body);
}
