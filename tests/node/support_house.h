/*
 * A central for tests of the node: a directory, a store in it, commands as cameras and people give
 * them, and runs as peers would send them.
 */
#ifndef TESTS_NODE_SUPPORT_HOUSE_H
#define TESTS_NODE_SUPPORT_HOUSE_H

#include "proto/command.h"
#include "storage/store.h"

#define HOUSE_NOW                                                                  \
    INT64_C(1795361269088) /* ms; a clock that stands still unless a test moves it \
                            */
#define HOUSE_MINUTE INT64_C(60000)
#define HOUSE_HOUR (60 * HOUSE_MINUTE)

struct house {
    char directory[64], path[96];
    struct node_id id;
    struct store *store; /* NULL while closed, or handed over */
    int64_t now_ms;
    struct problem problem;
};

/* A new directory, and an open, empty database. */
void house_start(struct house *house, const char *id);
/* Closes what is open and removes the directory. */
void house_stop(struct house *house);
void house_open(struct house *house);
void house_close(struct house *house);

/* A camera's command. `sent_id` may be NULL, `device_ms` EVENT_NONE. */
struct command house_gate(enum gate_type type, const char *plate, const char *sent_id,
                          int64_t device_ms);
/* An administrator's, about the visit of that name; `plate` NULL but for EDIT. */
struct command house_change(enum command_kind kind, const char *visit, const char *plate);
struct command house_tariff(int64_t free_s, int64_t per_hour);

/* Decides in a batch of its own, which must succeed. */
struct answer house_decide(struct house *house, const struct command *command);
/* Decides within a batch that the test opened. */
struct answer house_decide_more(struct house *house, const struct command *command);
void house_begin(struct house *house);
void house_commit(struct house *house);

/* First column of the first row, read by another connection; INT64_MIN when there is none. */
int64_t house_number(const struct house *house, const char *sql);
/* Changes the database behind the store's back; it must be closed. */
void house_run(const struct house *house, const char *sql);

/* One run of the log, as the reader would pack it. Returns its number of events. */
size_t house_read(struct house *house, const struct stream *stream, uint64_t from, size_t events,
                  struct buffer *out);
/* The event at a position; slices live in `bytes`, which is emptied first. */
struct event house_event(struct house *house, const struct position *position,
                         struct buffer *bytes);

/* `count` entries of plate 51G<seq> in a stream that no store wrote; `text` goes into each, so that
 * another one makes another history. Moves `chain` on. */
void house_make_run(const struct stream *stream, uint64_t from, size_t count, const char *text,
                    struct digest *chain, struct buffer *out);

#endif
