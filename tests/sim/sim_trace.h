/*
 * What a run tells: a running hash of every message and commit (equal seeds, equal hashes), lines
 * for people, and how often each rare path was taken.
 */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/*  X(NAME, what it means)  Each must be reached over the seeds of a test.  */
#define SIM_SOMETIMES(X)                                                 \
    X(PUSHED, "a pushed run applied")                                    \
    X(PULLED, "a run applied that was asked for")                        \
    X(RELAYED, "a run came from another than its writer")                \
    X(SELF_PULL, "a central pulled back its own lost events")            \
    X(GAP, "a run began beyond the log")                                 \
    X(COMPARED, "vectors were compared")                                 \
    X(DUPLICATE_ID, "a second process of one id was refused")            \
    X(CLOCK_SKEW, "clocks differ was said")                              \
    X(PEER_LOST, "a silent link was given up")                           \
    X(RESTARTED, "a process started on an existing database")            \
    X(UNCLEAN, "after a crash")                                          \
    X(POWER_LOST, "a power cut took unsynced bytes")                     \
    X(COMMIT_UNKNOWN, "a commit became durable that nobody was told of") \
    X(HELD, "a batch was written while one waited for the disk")         \
    X(HELD_LOST, "the power was cut while a batch waited for the disk")  \
    X(TORN_COMMIT, "the power was cut inside a commit")                  \
    X(TORN_OPEN, "or while opening")                                     \
    X(SYNC_FAILED, "a sync failed and the process ended")                \
    X(IO_FAILED, "another disk error did that")                          \
    X(FORGOT, "the only copy of an event was destroyed")                 \
    X(RESTORED, "a database that had events came back older")            \
    X(EMPTIED, "a database came back empty")                             \
    X(CLONED, "two processes of one id lived")                           \
    X(CLONE_KEPT, "the copy took over")                                  \
    X(DISK_FULL, "a batch was refused for want of room")                 \
    X(REPLAYED, "a batch was carried out again with savepoints")         \
    X(REFUSED_RUN, "a run was not stored, and came again")               \
    X(RETRY_SAME, "a camera's retry was recognised where it was logged") \
    X(RETRY_OTHER, "at another central")                                 \
    X(LOGGED_TWICE, "two centrals logged one camera's event")            \
    X(ALREADY_INSIDE, "answer ALREADY_INSIDE")                           \
    X(NO_OPEN_VISIT, "answer NO_OPEN_VISIT")                             \
    X(REMOTE_EXIT, "a vehicle left elsewhere than it entered")           \
    X(SUPERSEDED, "a visit gave way to another")                         \
    X(ORPHAN_EXIT, "an exit without an entry was listed")                \
    X(CONFLICT, "entries at two centrals were listed")                   \
    X(EDIT_CONFLICT, "a change that supersedes several")                 \
    X(REDACTED, "a body was erased everywhere")                          \
    X(RETIMED, "a clock fix was folded")                                 \
    X(UNKNOWN_KIND, "an event of an unknown kind was relayed")           \
    X(SUSPECT, "an event with a suspect clock")                          \
    X(NEWER, "messages of a newer version were read")                    \
    X(LOST_FACT, "the mesh missed a commit")                             \
    X(HUNG, "a process stood still until its links were given up")       \
    X(TWO_CHUNKS, "more than one chunk was behind")

enum sim_rare {
#define X(name, text) SIM_RARE_##name,
    SIM_SOMETIMES(X)
#undef X
    SIM_RARE_COUNT
};

struct sim_trace {
    bool is_shown;
    uint64_t hash;
    uint64_t messages, commits;
    uint64_t rare[SIM_RARE_COUNT];
};

void sim_trace_mix(struct sim_trace *trace, const void *bytes, size_t len);
void sim_trace_mix_number(struct sim_trace *trace, uint64_t number);
void sim_trace_rare(struct sim_trace *trace, enum sim_rare rare);
const char *sim_trace_rare_name(enum sim_rare rare);
const char *sim_trace_rare_text(enum sim_rare rare);

#endif
