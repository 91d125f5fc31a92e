/*
 * Messages of a central of the existing system, as commands. Times are whole seconds of a day that
 * tests share: `at(8, 30, 0)`.
 */
#ifndef TESTS_NODE_SUPPORT_PEER_H
#define TESTS_NODE_SUPPORT_PEER_H

#include "support_house.h"

/* 2026-11-22, UTC: the day before HOUSE_NOW. */
int64_t peer_at(int hour, int minute, int second);

/* `id` NULL = the message has none. */
struct command peer_entry(const char *central, const char *id, const char *plate, int64_t ms);
struct command peer_exit(const char *central, const char *id, const char *plate, int64_t ms,
                         int64_t fee);
struct command peer_seen(const char *central, const char *id, const char *plate, const char *lot,
                         int64_t ms);
/* A row of a SYNC_RESPONSE; exit_ms EVENT_NONE = IN. */
struct command peer_row(const char *peer, const char *id, const char *plate, int64_t entry_ms,
                        int64_t exit_ms, int64_t fee);

/* Hears a message that must be taken. */
struct answer peer_tell(struct house *house, struct command command);
/* The row of a visit, which must be there. */
struct visit peer_visit(struct house *house, const char *name);
int64_t peer_open_rows(const struct house *house, const char *plate);

/* `to` takes what `from` has logged itself. */
void peer_pull(struct house *to, struct house *from);

#define ck_slice(actual, text)                                                                \
    do {                                                                                      \
        struct slice got_ = (actual);                                                         \
        ck_assert_msg(slice_equal(got_, slice_text(text)), "%.*s", (int)got_.len, got_.data); \
    } while (0)
#define ck_out(name, exit)                                       \
    do {                                                         \
        struct visit row_ = row_of(name);                        \
        ck_assert_str_eq(visit_status_name(row_.status), "OUT"); \
        ck_assert_int_eq(row_.exit_ms, (exit));                  \
    } while (0)
#define ck_status(name, text) ck_assert_str_eq(visit_status_name(row_of(name).status), text)
#define ck_listed(count) \
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM anomaly"), (count))

#endif
