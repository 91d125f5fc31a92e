#include "storage/runs.h"

#include "storage/sql.h"

#include "proto/event.h"
#include "proto/run.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_TEXT(number) #number
#define NUMBER(macro) NUMBER_TEXT(macro)

struct runs {
    sqlite3 *db;
    sqlite3_stmt *begin, *end;
    sqlite3_stmt *stream; /* sid, base, base_chain, head, chain of a stream */
    sqlite3_stmt *chain;  /* of one event */
    sqlite3_stmt *events; /* of a stream from a seq on */
    sqlite3_stmt *heads;
    sqlite3_stmt *state;
    struct buffer items;
    uint64_t damaged;
};

/* A stream as its row tells, and the chain before the first event wanted. */
struct place {
    int64_t sid;
    uint64_t head;
    struct digest head_chain, before;
};

struct runs *runs_open(const char *path, struct problem *problem)
{
    struct runs *runs = calloc(1, sizeof *runs);
    if (!runs) {
        abort();
    }
    if (sql_open(path, SQLITE_OPEN_READONLY, &runs->db, problem)) {
        goto free_runs;
    }
    const struct {
        const char *text;
        sqlite3_stmt **stmt;
    } statements[] = {
        {"BEGIN", &runs->begin},
        {"COMMIT", &runs->end},
        {"SELECT sid, base, base_chain, head, chain FROM stream WHERE node = ? AND epoch = ?",
         &runs->stream},
        {"SELECT chain FROM event WHERE sid = ? AND seq = ?", &runs->chain},
        {"SELECT header, body, body_hash, chain, seq FROM event WHERE sid = ? AND seq >= ?"
         " ORDER BY seq",
         &runs->events},
        {"SELECT node, epoch, head, chain FROM stream", &runs->heads},
        {"SELECT events, log_digest, state_digest, rewinds FROM log_state", &runs->state},
    };
    if (sql_run(runs->db, "PRAGMA cache_size = -" NUMBER(LIMIT_READER_CACHE_KIB), problem)) {
        goto close_runs;
    }
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (sql_prepare(runs->db, statements[i].text, statements[i].stmt, problem)) {
            goto close_runs;
        }
    }
    return runs;

close_runs:
    runs_close(&runs);
    return NULL;
free_runs:
    free(runs);
    return NULL;
}

void runs_close(struct runs **runs_pointer)
{
    struct runs *runs = *runs_pointer;
    *runs_pointer = NULL;
    if (!runs) {
        return;
    }
    sqlite3_finalize(runs->begin);
    sqlite3_finalize(runs->end);
    sqlite3_finalize(runs->stream);
    sqlite3_finalize(runs->chain);
    sqlite3_finalize(runs->events);
    sqlite3_finalize(runs->heads);
    sqlite3_finalize(runs->state);
    sqlite3_close(runs->db); /* all statements are gone, so it cannot refuse */
    buffer_free(&runs->items);
    free(runs);
}

static int begin(struct runs *runs, struct problem *problem)
{
    struct sql sql = sql_start(runs->begin);
    return sql_finish(&sql, problem);
}

/* Ends the read transaction; `result` is what the caller returns then. */
static int end(struct runs *runs, int result, struct problem *problem)
{
    struct sql sql = sql_start(runs->end);
    struct problem spare;
    /* The first problem is the one to tell. */
    return sql_finish(&sql, result < 0 ? &spare : problem) ? -1 : result;
}

/* Finds where `from` is: 1, 0 when the stream has nothing there, -1. */
static int find_place(struct runs *runs, const struct stream *stream, uint64_t from,
                      struct place *place, struct problem *problem)
{
    struct sql sql = sql_start(runs->stream);
    sql_bind_text(&sql, slice_text(stream->node.text));
    sql_bind_u64(&sql, stream->epoch);
    int found = sql_step(&sql, problem);
    if (found <= 0) {
        return found;
    }
    place->sid = sql_int(&sql, 0);
    bool at_base = from - 1 == sql_u64(&sql, 1);
    place->before = sql_digest(&sql, 2); /* zero when nothing was pruned */
    place->head = sql_u64(&sql, 3);
    place->head_chain = sql_digest(&sql, 4);
    sql_reset(&sql);
    if (at_base || from > place->head) {
        return from <= place->head;
    }
    sql = sql_start(runs->chain);
    sql_bind_int(&sql, place->sid);
    sql_bind_u64(&sql, from - 1);
    found = sql_step(&sql, problem);
    if (found > 0) {
        place->before = sql_digest(&sql, 0);
        sql_reset(&sql);
    } else if (found == 0) {
        runs->damaged = from - 1;
    }
    return found;
}

/* The row holds event `seq`, and it leads from `chain` to the chain beside it; moves `chain` on. */
static bool verifies(const struct sql *sql, uint64_t seq, struct digest *chain)
{
    struct slice header = sql_blob(sql, 0), body = sql_blob(sql, 1);
    struct digest hash = sql_digest(sql, 2), told = sql_digest(sql, 3);
    struct event event;
    if (sql_u64(sql, 4) != seq || event_unpack_header(&event, header)) {
        return false;
    }
    if (body.data) {
        struct digest made = body_hash(body);
        if (body.len > LIMIT_BODY_BYTES || !digest_equal(&made, &hash)) {
            return false;
        }
    }
    struct digest next = chain_next(chain, header, &hash);
    *chain = told;
    return digest_equal(&next, &told);
}

static int read_run(struct runs *runs, const struct stream *stream, uint64_t from, size_t max_bytes,
                    size_t max_events, struct buffer *out, size_t *count, struct problem *problem)
{
    struct place place = {.sid = 0};
    int found = find_place(runs, stream, from, &place, problem);
    if (found <= 0) {
        return found;
    }
    struct digest after = place.before;
    struct sql sql = sql_start(runs->events);
    sql_bind_int(&sql, place.sid);
    sql_bind_u64(&sql, from);
    buffer_clear(&runs->items);
    int more = 0;
    while (from + *count <= place.head && (more = sql_step(&sql, problem)) > 0) {
        struct slice header = sql_blob(&sql, 0), body = sql_blob(&sql, 1);
        struct digest hash = sql_digest(&sql, 2), next = after;
        if (*count >= max_events ||
            (*count > 0 && runs->items.len + header.len + body.len > max_bytes)) {
            break;
        }
        if (!verifies(&sql, from + *count, &next)) {
            runs->damaged = from + *count;
            break;
        }
        if (run_put_item(&runs->items, header, body, &hash)) {
            break;
        }
        after = next;
        (*count)++;
    }
    if (more > 0) {
        sql_reset(&sql);
    }
    if (more < 0) {
        return -1;
    }
    if (from + *count > place.head && !digest_equal(&after, &place.head_chain)) {
        runs->damaged = place.head;
    } else if (more == 0 && from + *count <= place.head) {
        runs->damaged = from + *count; /* rows are missing */
    }
    if (*count == 0) {
        return 0;
    }
    if (run_pack(out, stream, from, &place.before, &after, &runs->items, *count)) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "no room for a run of the log");
    }
    return 1;
}

uint64_t runs_damaged(const struct runs *runs)
{
    return runs->damaged;
}

int runs_read(struct runs *runs, const struct stream *stream, uint64_t from, size_t max_bytes,
              size_t max_events, struct buffer *out, size_t *count, struct problem *problem)
{
    *count = 0;
    runs->damaged = 0;
    if (from == 0 || from > LIMIT_SEQ) {
        return 0;
    }
    if (max_events == 0 || max_events > LIMIT_RUN_EVENTS) {
        max_events = LIMIT_RUN_EVENTS;
    }
    if (begin(runs, problem)) {
        return -1;
    }
    int result = read_run(runs, stream, from, max_bytes, max_events, out, count, problem);
    return end(runs, result, problem);
}

static int by_stream(const void *a, const void *b)
{
    const struct head *left = a, *right = b;
    return stream_compare(&left->stream, &right->stream);
}

static int read_heads(struct runs *runs, struct runs_vector *out, struct problem *problem)
{
    size_t capacity = 0;
    struct sql sql = sql_start(runs->heads);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        struct head head = {.seq = sql_u64(&sql, 2), .chain = sql_digest(&sql, 3)};
        head.stream.epoch = sql_u64(&sql, 1);
        if (head.seq == 0 || !node_id_parse(sql_text(&sql, 0), &head.stream.node)) {
            continue;
        }
        if (out->count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            struct head *grown = realloc(out->heads, capacity * sizeof *grown);
            if (!grown) {
                abort();
            }
            out->heads = grown;
        }
        out->heads[out->count++] = head;
    }
    if (more == 0 && out->count) {
        qsort(out->heads, out->count, sizeof *out->heads, by_stream);
    }
    return more;
}

static int read_state(struct runs *runs, struct runs_vector *out, struct problem *problem)
{
    struct sql sql = sql_start(runs->state);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        out->events = sql_u64(&sql, 0);
        out->log_digest = sql_digest(&sql, 1);
        out->state_digest = sql_digest(&sql, 2);
        out->rewinds = sql_u64(&sql, 3);
        sql_reset(&sql);
    }
    return found < 0 ? -1 : 0;
}

int runs_vector(struct runs *runs, struct runs_vector *out, struct problem *problem)
{
    *out = (struct runs_vector){.heads = NULL};
    if (begin(runs, problem)) {
        return -1;
    }
    int result = read_heads(runs, out, problem);
    if (!result) {
        result = read_state(runs, out, problem);
    }
    if (end(runs, result, problem)) {
        runs_vector_free(out);
        return -1;
    }
    return 0;
}

void runs_vector_free(struct runs_vector *vector)
{
    free(vector->heads);
    *vector = (struct runs_vector){.heads = NULL};
}
